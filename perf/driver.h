// Worlds on real drivers, for race_opts.world (world_driver.c).
#pragma once

#include "perf/race.h"

enum driver_kind { DRIVER_VIRTIO, DRIVER_MEMIF, DRIVER_AF_PACKET, DRIVER_TAP, DRIVERS_N };

extern const char *const driver_names[DRIVERS_N];

struct world *virtio_create(struct engine *, struct mailbox *, const struct race_opts *,
			    struct ratio *);
struct world *memif_create(struct engine *, struct mailbox *, const struct race_opts *,
			   struct ratio *);
struct world *af_packet_create(struct engine *, struct mailbox *, const struct race_opts *,
			       struct ratio *);
struct world *tap_create(struct engine *, struct mailbox *, const struct race_opts *,
			 struct ratio *);

// DPDK as the port of rings has started it; NULL: `ratio` says why not.
struct eal;
struct eal *port_eal(struct ratio *);

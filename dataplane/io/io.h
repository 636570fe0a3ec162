// The DPDK world: ports, workers, and an engine for each. The front door for annulusd.
//
//	struct io *io = io_create(&opts, why, sizeof(why));   EAL, memory, ports
//	io_start(io, why, sizeof(why));                        workers, each makes its engine
//	... control sleeps on bell.h and talks to the engines through their rings ...
//	io_stop(io);
//	io_destroy(io);
//
// One per process, for ever (eal.h). All calls are from one thread, control's.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dataplane/core/engine.h"
#include "dataplane/bell.h"
#include "dataplane/io/eal.h"
#include "dataplane/io/port.h"
#include "dataplane/io/worker.h"
#include "dataplane/wire/address.h"

#define IO_PORTS_MAX      HOST_LINKS_MAX
#define IO_PORT_ADDRS_MAX (LINK_ADDRS_MAX - 1)
#define IO_CORE_ANY       UINT16_MAX
#define IO_WHY_MAX        512

enum io_switch { // in the order of config's
	IO_AUTO,
	IO_ON,
	IO_OFF,
};

struct io_addr {
	struct wire_addr addr; // its port counts for nothing
	uint8_t prefix_len;    // at least 1
};

// An IP multicast address that is listened to on every port that speaks its family.
struct io_group {
	struct wire_addr addr, source; // source family 0: any
};

struct io_port_opts {
	const char *name;   // for people
	const char *device; // port.h
	// Of both families. With one of IPv6, the port also has its link-local address.
	const struct io_addr *addrs;
	uint8_t n_addrs;                     // 1 to IO_PORT_ADDRS_MAX
	struct wire_addr gateway4, gateway6; // family 0: none
	bool takes_router;                   // IPv6's gateway is who advertises itself
	bool says_closed;                    // datagrams to ports where nobody is are answered
	uint16_t vlan;                       // 0: frames have no tag
	uint16_t mtu;
	// Receive queues; worker i polls queue i. At most n_workers; 0: as many, or as the device
	// has
	uint16_t queues;
	// on: wrong UDP checksums are dropped. off: not looked at. auto: on, but on a kernel's
	// interface (af_packet, TAP...) accepted and counted, since its peers may leave them open
	enum io_switch udp_checksum;
};

struct io_opts {
	struct eal_opts eal; // .pci is ours: it follows from the ports
	const struct io_port_opts *ports;
	uint8_t n_ports;
	// Local UDP addresses by pkt.endpoint; all zero: every address of the ports; port 0: none.
	const struct wire_addr *endpoints;
	uint8_t n_endpoints;
	const struct io_group *groups;
	uint8_t n_groups; // at most HOST_GROUPS_MAX
	uint8_t n_workers;
	const uint16_t *cores; // per worker, or IO_CORE_ANY; NULL: the kernel places all
	enum idle_mode idle;   // what workers do without work (idle.h)
	uint32_t window_max_us, sleep_min_us, sleep_max_us;
	uint32_t seed; // random
	// On the worker's own thread, so that memory is taken near its core: makes the engine (and
	// the crypto that only this thread may use). NULL with errno: io_start fails.
	struct engine *(*engine_create)(void *ctx, uint32_t worker);
	void (*engine_destroy)(void *ctx, uint32_t worker, struct engine *); // same thread
	void *ctx;
	struct mailbox *const *reports; // per worker; the bell rings for them
};

struct io;

// NULL and one line in `why`. Everything is copied or used up, but for what engine_create and
// reports point to.
struct io *io_create(const struct io_opts *, char *why, size_t why_size);
// After io_stop; NULL is fine. How many buffers nobody has given back: none, or we have a bug (or a
// driver has).
uint32_t io_destroy(struct io *);

int io_start(struct io *, char *why, size_t why_size); // 0, or -1: no worker runs
// Workers send what is due already, then end. Once only.
void io_stop(struct io *);

// Commands wait in the ring to that worker: wakes it if it sleeps.
void io_wake(struct io *, uint8_t worker);

// Rings when a worker has put reports into its ring.
struct bell *io_bell(struct io *);

// -- looking in; counters may be a turn old --

struct io_port_stats {
	const struct port *port; // name, device, driver, MAC, MTU
	bool link_is_up;
	struct port_device_stats device;
	struct link_counters links; // all workers together
};
struct io_worker_stats {
	bool is_woken;   // by what it gets; else it naps
	uint64_t cpu_us; // of its thread, kernel's time included
	uint64_t turns, turns_idle, busy_us;
	uint64_t sessions;                      // open
	uint64_t frames_handed, fragments_lent; // to other workers; from them
	uint64_t tc_rx_us, tc_tx_us;
};
void io_stats(struct io *, struct worker_stats *sum); // all workers together
uint8_t io_n_ports(const struct io *);
// Some port has fewer receive queues than there are workers.
bool io_is_short_of_queues(const struct io *);
void io_port_stats(struct io *, uint8_t port, struct io_port_stats *);
uint8_t io_n_workers(const struct io *);
void io_worker_stats(struct io *, uint8_t worker, struct io_worker_stats *);

// Our addresses, all ports', in the order of configuration; each worker may be a moment behind the
// first one, whose view this is.
struct io_addr_view {
	uint8_t port;
	struct ip_addr ip, gateway; // of its family; all zero: none
	uint8_t prefix_len;         // of its family
	enum addr_state state;
};
uint8_t io_n_addrs(const struct io *);
void io_addr_view(struct io *, uint8_t i, struct io_addr_view *);

struct io_neighbour {
	uint8_t port, worker; // whose table has it
	struct neighbour_view view;
};
// The next one; *at is 0 for the first. False: no more. Only while the workers run.
bool io_neighbour_next(struct io *, uint32_t *at, struct io_neighbour *);

// Something an operator should change, said once each: open checksums or uncut bursts of local
// peers, somebody else with an address of ours. False: nothing new.
bool io_advice(struct io *, char *text, size_t size);

// The byte limits of the appliance: what they are, who may change them while it runs, and each
// worker's part of them. Control thread only.
#pragma once

#include <stdint.h>

#include "control/bin/daemon/quota.h"
#include "control/outbox.h"
#include "dataplane/messages.h"

#define LIMIT_BITS_MIN  100000 // as in the schema
#define QUOTA_PERIOD_US 20000  // fastpath.md 6

struct daemon;

// One limit as control knows it. Rates are bytes a second; 0: none.
struct limit_row {
	uint64_t per_s;
	uint64_t share[OUTBOX_WORKERS_MAX];      // as the workers know it
	uint64_t used_bytes[OUTBOX_WORKERS_MAX]; // since the start
	uint64_t n_held[OUTBOX_WORKERS_MAX];
	int64_t owed_bytes; // quota_rate's
};

struct limits {
	struct limit_row total;
	struct limit_row *groups; // [1 + place in the configuration]; [0] is nobody's
	uint64_t neighbour_per_s;
	uint64_t next_us; // when quota is moved next; UINT64_MAX: never
	uint64_t last_us;
};

// From the configuration; 0 or -ENOMEM. The number of a group is its place in it + 1.
int limits_init(struct daemon *);
void limits_fini(struct daemon *);
void limits_timers(struct daemon *, uint64_t now_us);
// SIGHUP: the limits of the file as it is now. What is wrong with it is logged, nothing changes.
void limits_reload(struct daemon *);
// As annulusctl shows a limit: bits a second, or null.
struct json_out;
void limits_put(struct json_out *, const char *name, uint64_t per_s);

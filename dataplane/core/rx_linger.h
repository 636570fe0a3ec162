// Receive flows that are complete (RFC 7016 §3.6.3, RF_COMPLETE_LINGER): for 120 s, whoever sends
// something of them again is told that all of it has arrived. A few octets each: the flow's id and
// the top of what it has seen.
//
// Bounded per session and in total. Who needs room puts out the oldest of its own session, else the
// oldest of all: a far end that still comes back to that one finds it rejected.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/core/idx_pool.h"

#define LINGER_PER_SESSION 256

struct linger_entry {
	uint64_t flow_id, cum;
	uint32_t session_idx, since_ms;
	uint32_t chain;          // in its bucket
	uint32_t older, younger; // of all
	uint32_t session_younger;
};

// Of one session; n == 0: the rest is not set.
struct linger_list {
	uint32_t oldest, youngest, n;
};

struct rx_linger {
	struct linger_entry *entries;
	struct linger_list *lists; // by session
	uint32_t n_sessions;
	uint32_t *buckets;  // 0: empty, else index + 1
	uint32_t n_buckets; // a power of two
	uint32_t oldest, youngest;
	struct idx_pool pool;
};

int rx_linger_init(struct rx_linger *, uint32_t n_sessions, uint32_t max);
void rx_linger_fini(struct rx_linger *);

void rx_linger_add(struct rx_linger *, uint32_t session_idx, uint64_t flow_id, uint64_t cum,
		   uint32_t now_ms);
// False: unknown, or its time is over.
bool rx_linger_find(const struct rx_linger *, uint32_t session_idx, uint64_t flow_id,
		    uint64_t *cum);
// At most n_max of those whose time is over go.
void rx_linger_expire(struct rx_linger *, uint32_t now_ms, uint32_t n_max);
void rx_linger_session_gone(struct rx_linger *, uint32_t session_idx);

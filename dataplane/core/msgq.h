// Messages that wait to be sent or settled: the source of every send flow that is not a stream's
// (RFC 7016 §3.6.2.2). A message keeps its octets where they are, control's body or a body of our
// own, and is cut into fragments only when it is written, by one pattern for all of it, so a
// fragment is found again from its number.
//
// A message lives until its last fragment is settled; its octets go home when nobody can need them
// any more, which with a deadline may be earlier.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dataplane/body.h"
#include "dataplane/core/idx_pool.h"
#include "dataplane/wire/span.h"

#define MSG_INLINE_MAX     40
#define MSG_HEAD_MAX       24        // octets before an object
#define MSGQ_MESSAGES_MAX  4096      // waiting in one flow
#define MSGQ_BYTES_MAX     (8 << 20) // the same in octets
#define FRAGMENT_BYTES_MAX 32768     // ours: of one fragment

struct engine;
struct kept_object;
struct local_body;

enum msg_kind {
	MSG_EMPTY, // no octets, or they have gone home
	MSG_BODY,  // control's
	MSG_LOCAL, // one reference to a body of our own
	MSG_INLINE,
	MSG_OBJECT, // one reference to an object that is kept, behind a head of its own
};

// Of every n fragments the first n - 1 have `bytes` octets, the last has `last`: together they fill
// a packet, and each fits into one of base size (pmtu.h).
struct msg_cut {
	uint16_t bytes, last;
	uint8_t n;
};

struct tx_msg {
	uint64_t first_sn;    // of its first fragment, once there is one
	uint64_t deadline_us; // not worth sending from then on; 0: never
	union {
		struct body *body;
		struct local_body *local;
		uint8_t octets[MSG_INLINE_MAX];
		struct {
			struct kept_object *kept;
			uint8_t head[MSG_HEAD_MAX];
		} object;
	};
	uint32_t len, at;     // octets; those that have a number
	uint32_t n_numbers;   // fragments with a number
	uint32_t n_unsettled; // of those, not acknowledged and not given up
	uint32_t next;        // in its queue
	struct msg_cut cut;   // once there is a first fragment
	uint8_t kind;         // enum msg_kind
	uint8_t head_len;     // MSG_OBJECT: its first fragment, whatever the cut
	bool is_queued;       // not all of it has numbers
	bool is_abandoned;
};

struct msg_pool {
	struct tx_msg *msgs;
	struct idx_pool free;
};

// Waiting, in the order they shall be sent. A zeroed one is not empty: msgq_init.
struct msgq {
	uint32_t head, tail; // IDX_NONE: empty
	uint32_t n, bytes;
};

int msg_pool_init(struct msg_pool *, uint32_t max);
void msg_pool_fini(struct msg_pool *);

static inline struct tx_msg *msg_at(const struct msg_pool *p, uint32_t idx)
{
	return &p->msgs[idx];
}

static inline void msgq_init(struct msgq *q)
{
	*q = (struct msgq){.head = IDX_NONE, .tail = IDX_NONE};
}

// Takes the message over, its octets too. -ENOBUFS: the flow or the pool is full, nothing is taken.
int msgq_push(struct msgq *, struct msg_pool *, const struct tx_msg *);
// The head has numbers for all it will ever send. Frees it if nothing of it is unsettled.
void msgq_pop(struct engine *, struct msgq *, struct msg_pool *);

// The octets of its k-th fragment, from 0.
struct span msg_fragment(const struct tx_msg *, uint32_t k);
// USER_DATA_FRA_* of that fragment.
uint8_t msg_fragment_flags(const struct tx_msg *, uint32_t k);

// One fragment is settled: acknowledged, or given up.
void msg_settle(struct engine *, struct msg_pool *, uint32_t idx);
// The octets go home now; the message stays for its numbers.
void msg_drop_octets(struct engine *, struct tx_msg *);

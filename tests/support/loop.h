// Engines back to back in one process: virtual time, links that lose, delay and reorder by a seed,
// and the control side of each as the test plays it. What breaks here breaks the same way again.
//
//	struct loop *l = loop_create(&(struct loop_opts){.seed = 1, .n_nodes = 2, .delay_us =
// 10000}); 	struct loop_pair p = loop_connect(l, 0, 1, &(struct loop_form){0});
//
//	loop_command(l, 0, &(struct command){.op = CMD_FLOW_OPEN, .session_idx = p.slot[0],
//					     .session_id = p.id[0], ...});
//	loop_run_us(l, 200000);
//	assert_true(loop_take(l, 1, REP_FLOW_OPENED, &report));
//
// Nothing here returns an error: what cannot go on is a broken test and asserts.
#ifndef ANNULUS_TESTS_LOOP_H
#define ANNULUS_TESTS_LOOP_H

#include "crypto/crypto.h"
#include "crypto/packet_form.h"
#include "crypto/random.h"
#include "dataplane/core/engine.h"
#include "dataplane/wire/span.h"

#define LOOP_NODES_MAX    72
#define LOOP_DATAGRAM_MAX 2048

struct loop;

struct loop_opts {
	uint64_t seed;
	uint32_t n_nodes;
	uint64_t start_us; // 0: a second
	enum crypto_backend backend;
	uint32_t ring_slots;                // of commands and reports; 0: 1024
	void (*tune)(struct engine_opts *); // changes the small engine that is the default
	// Before and after a node's engine works, if any.
	void (*watch)(void *ctx, uint32_t node, bool is_before);
	void *watch_ctx;
	// Links, each way; may be changed while it runs.
	uint32_t delay_us, jitter_us; // jitter: up to so much more, per datagram
	uint32_t loss_permille, duplicate_permille;
};

// A datagram on its way from one node to an address. src.local and dst.local: which of several
// addresses of its own a node sends from or hears it at; the loop has nothing but the number.
struct loop_datagram {
	uint64_t at_us;
	uint32_t from; // node, or UINT32_MAX: injected
	struct msg_addr src, dst;
	uint16_t len;
	uint8_t data[LOOP_DATAGRAM_MAX];
};

// False: it is lost.
typedef bool loop_tap(void *ctx, struct loop *, const struct loop_datagram *);

struct loop_node {
	uint32_t worker; // of its engine
	struct engine *engine;
	struct mailbox *commands, *reports;
	struct body_pool *bodies; // control's
	struct msg_addr addr;     // changing it moves the node
	bool is_deaf;             // its reports stay in the ring
	bool is_cut;              // nothing comes in or goes out
	struct report *inbox;     // reports not taken yet, in order
	uint32_t n_inbox, inbox_cap;
	struct session_seed *seeds; // per slot: what loop_connect gave it
	bool *is_taken;             // per slot; free again after SESSION_CLOSED
	uint32_t n_slots;
};

struct loop {
	struct loop_opts opts;
	uint64_t now_us;
	struct crypto *crypto;
	struct random_state random_state;
	struct random random;
	struct loop_node nodes[LOOP_NODES_MAX];
	struct loop_datagram *air; // on their way, in no order
	uint32_t n_air, air_cap;
	struct loop_datagram *strays; // to addresses of no node, in order of arrival
	uint32_t n_strays, strays_cap;
	loop_tap *tap;
	void *tap_ctx;
	uint64_t n_sent, n_lost;
};

struct loop *loop_create(const struct loop_opts *);
// Asserts that every body went home, but for those of reports that were not taken.
void loop_destroy(struct loop *);

// How a pair of sessions seals its packets.
struct loop_form {
	uint8_t tag_len; // 0: checksum
	bool has_sseq;
	uint32_t keepalive_us, rtt_us;
};

// Two ends of a session: [0] of the initiator's node, [1] of the responder's.
struct loop_pair {
	uint32_t node[2], slot[2], id[2];
};

// Both ends' SESSION_ADD, run at once. Keys are random, initiator is a.
struct loop_pair loop_connect(struct loop *, uint32_t a, uint32_t b, const struct loop_form *);
// Only the values: seeds for both ends, slots and ids taken. For tests that add by themselves.
struct loop_pair loop_prepare(struct loop *, uint32_t a, uint32_t b, const struct loop_form *,
			      struct session_seed seeds[2]);
// SESSION_ADD of one end, run at once.
void loop_add(struct loop *, uint32_t node, uint32_t slot, uint32_t id,
	      const struct session_seed *);

// Time goes on, and everything that is due happens.
void loop_run_us(struct loop *, uint64_t us);
// What is due now, and no time.
void loop_turn(struct loop *);

// Queued for the node's next turn. Asserts room.
void loop_command(struct loop *, uint32_t node, const struct command *);
// A body of the node's control; its engine gives it back by itself.
struct body *loop_body(struct loop *, uint32_t node, const void *data, size_t len);
// The first report of that kind that was not taken; false: there is none.
bool loop_take(struct loop *, uint32_t node, enum report_op op, struct report *);
uint32_t loop_count(const struct loop *, uint32_t node, enum report_op op);
void loop_forget(struct loop *, uint32_t node); // all of them; bodies go back
// A report's body goes back to the engine (NULL is nothing).
void loop_put(struct loop *, uint32_t node, struct body *);

// Puts a datagram into the air toward an address.
void loop_send(struct loop *, const struct msg_addr *src, const struct msg_addr *dst,
	       struct span datagram);
// The next datagram to an address of no node; false: none.
bool loop_stray(struct loop *, struct loop_datagram *);
// The plain packet (flags to padding) of a datagram to a node's session, opened into buf with the
// keys that loop_connect gave; -1: not for such a session, or it does not verify.
int loop_open(struct loop *, const struct loop_datagram *, uint8_t buf[LOOP_DATAGRAM_MAX],
	      struct span *plain);

struct msg_addr loop_addr(uint32_t host, uint16_t port); // 10.0.0.host

#endif

/*
 * A super-peer and its members in one process, whole at both ends: real nodes, engines, handshakes
 * and group messages, over a network that delays and does nothing else. What the super-peer takes
 * is added up; what key agreement takes is added up apart, since that is the keyer's row.
 */
#ifndef ANNULUS_PERF_MEMBERS_H
#define ANNULUS_PERF_MEMBERS_H

#include "control/group/groupspec.h"
#include "perf/host.h"

#define MEMBERS_MAX 512

struct members;

struct member {
	struct members *all;
	struct identity identity;
	struct perf_host *host;
	struct node_conn *conn;
	struct node_group *group;
	struct node_stream *plays, *publishes;
	uint64_t connected_us, neighbour_us, message_us; // first time; 0: not yet
};

struct letter_queue;

struct members {
	uint64_t now_us, delay_us;
	struct random_state state;
	struct random random;
	struct crypto *crypto;
	struct keyer *keyer; // inline, and timed
	struct identity identity;
	struct perf_host *super;
	struct node_group *group; // the super-peer's
	struct groupspec spec;
	struct member *list[MEMBERS_MAX];
	uint32_t n;
	struct letter_queue *air;
	int64_t air_bytes;            // of heap that was taken for what is on its way
	uint64_t super_ns, keying_ns; // of this thread's CPU time; keying is in neither
	int64_t super_bytes; // of heap that its control has taken and not given back (heap.h)
	bool is_apart; // members do not reach each other, as behind translators: they have the
		       // super-peer alone
	// What goes to nobody of these; NULL: it is lost.
	host_out *stray;
	void *stray_ctx;
	// The publisher writes a message whenever this has passed; 0: nobody publishes.
	uint64_t write_every_us, write_us;
	struct member *publisher;
	uint32_t n_written;
};

// NULL: no memory. The group is joined by the super-peer.
struct members *members_create(uint64_t delay_us, uint32_t sessions_max);
void members_destroy(struct members *); // NULL is fine

// Connects and joins; NULL: no memory.
struct member *members_add(struct members *);
// A stream of messages of 500 octets, 100 a second; or to see it.
bool member_publish(struct member *);
bool member_play(struct member *);

// Time goes on until that is so, or for `us` at most; whether it is so. NULL: it never is.
bool members_run(struct members *, bool (*is_so)(struct member *), struct member *, uint64_t us);
bool member_is_connected(struct member *);
bool member_is_neighbour(struct member *); // of the super-peer or anybody
bool member_has_fragment(struct member *);
bool member_has_message(struct member *);
// A datagram for the super-peer, arriving now; its turn follows with the next run.
void members_to_super(struct members *, struct pkt *, uint16_t n);

#endif

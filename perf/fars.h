// The far ends of an engine's sessions, played cheaply: a source per stream that publishes, and
// thousands of members that acknowledge every second packet with their own keys. They keep no
// protocol state but numbers. What the engine sent is read from its first blocks; acks and
// fragments are sealed in bursts. One packet in a thousand is opened whole and compared.
//
// Slots: sources 0..n_streams-1, then the members of stream 0, of stream 1, ...
#pragma once

#include <stdalign.h>
#include <stdatomic.h>

#include "crypto/crypto.h"
#include "crypto/packet_form.h"
#include "crypto/random.h"
#include "dataplane/core/engine.h"
#include "dataplane/wire/chunk.h"
#include "perf/world.h"

#define FAR_SAMPLE 1000 // one data packet in so many is compared with what was published

// Two workers that relay one stream, each with far ends on a thread of its own. The first one's
// source publishes the next fragment when the members of the other have the last one: both work at
// a time, and whom the kernel lets run makes nothing late (two small fragments that wait would
// share a packet).
struct fars_convoy {
	alignas(64) _Atomic uint64_t taken; // fragments that the second worker's members have got
	// Engines of a process have one clock: what the first worker's turns have taken.
	alignas(64) _Atomic uint64_t now_us;
};

struct fars_opts {
	uint32_t n_streams, n_per_stream;
	struct fars_convoy *convoy; // NULL: alone
	uint8_t worker;             // of the engine; 0: the convoy's first
	// Instead of streams: n_streams senders of messages, each message in so many datagrams.
	// Control gets them whole.
	uint8_t message_fragments;
	uint8_t at_once;   // fragments of a stream that may come in one step; 0: one
	uint16_t body_len; // octets of a fragment: the whole GR-12 message
	uint8_t tag_len;   // 0: checksum form
	bool has_sseq;
	bool is_v6;
	bool is_shuffled;  // members join in random order, so flows lie in another than sessions
	uint32_t loss_ppm; // of fragments on their way to members
	uint32_t pull_ppm; // of fragments that a member asks for again
	uint32_t slow_permille; // of members that acknowledge ten times slower
};

// The far end of one session.
struct far {
	alignas(64) uint8_t seal[CRYPTO_SCHED_LEN];
	uint64_t sseq;       // of its next packet
	uint32_t id, stream; // the engine's id of the session; index
	alignas(64) uint8_t open[CRYPTO_SCHED_LEN];
	uint64_t cum;      // the engine's fragments: everything up to here has come
	uint64_t above;    // bit i: cum + 2 + i has come
	uint16_t ts;       // of the engine's last packet
	uint8_t n_unacked; // fragments since our last ack
	uint8_t phase;     // 1: acknowledges one packet earlier, once
	uint8_t n_waited;  // fragments published since a slow one's last ack
	bool is_due;       // stands on the list of acks
	bool is_slow;
	bool has_ctl;     // the engine's control flow wants an ack
	uint64_t ctl_cum; // everything of that has come up to here
	uint64_t sn;      // of our next user data
	uint64_t pulls;   // a number that it will ask for; 0: none
	struct hmac_keys hmac_seal, hmac_open;
};

// What they saw. Counters since fars_forget.
struct fars_counts {
	uint64_t packets, bytes;      // datagrams from the engine, octets of UDP payload
	uint64_t data_packets;        // of those: with a fragment
	uint64_t acks;                // sent to the engine
	uint64_t fragments_in;        // sent to the engine
	uint64_t lost, pulled;        // fragments thrown away; asked for again
	uint64_t messages;            // that control got
	uint64_t compared, different; // samples
	uint64_t unread;              // packets whose first chunk was not understood
	uint32_t unacked_max;         // fragments of one member between two of its acks
};

struct fars {
	struct fars_opts opts;
	struct world *world;
	struct mailbox *commands, *reports;
	struct body_pool *bodies;
	struct crypto *crypto;
	struct random_state random_state;
	struct random random;
	uint32_t n;
	struct far *far;
	uint64_t *published; // per stream: newest number
	uint32_t next_stream;
	uint64_t n_data;      // packets with a fragment, ever
	uint64_t outstanding; // fragments that have not been seen at all members yet
	uint32_t *due, n_due; // members that will acknowledge
	struct command put;   // bodies that control will give back
	uint8_t n_put;
	struct fars_counts counts;
	// What crossed crypto in this step: octets of ciphertext per datagram, and its session.
	struct crossed {
		uint16_t len[WORLD_DATAGRAMS];
		uint32_t slot[WORLD_DATAGRAMS];
		uint16_t n;
	} in, out;
	// The burst being written.
	struct datagram mail[64];
	struct crypto_op ops[64];
	uint16_t n_mail;
	struct datagram sent[WORLD_DATAGRAMS];
};

// NULL: no memory. Borrows everything.
struct fars *fars_create(const struct fars_opts *, struct mailbox *commands,
			 struct mailbox *reports);
void fars_destroy(struct fars *);

// Sessions, streams and links are made, members ask for everything, and what that takes is turned
// through the world. 0, or -1: somebody did not get there.
int fars_settle(struct fars *, struct world *, uint64_t *now_us);

// One step between two turns. Acks that are due and new fragments, until `want` packets are due
// from the engine, go in.
void fars_step(struct fars *, uint32_t want, uint64_t now_us);
// What the turn sent is looked at.
void fars_look(struct fars *);
// Reports of the engine are answered.
void fars_control(struct fars *);
void fars_forget(struct fars *); // counters begin at zero

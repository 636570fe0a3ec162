// The relay over flows and packets that the test steers: what is sent is looked at, who is blocked,
// acks or loses is decided here, and time stands still until the test moves it.
#pragma once

#include "dataplane/core/stream.h"
#include "crypto/random.h"
#include "tests/support/test.h"

#define WORLD_SESSIONS    160
#define WORLD_RING        64 // numbers of a flow in flight at most
#define WORLD_PACKET_ROOM 1180
#define WORLD_STREAM      1
#define WORLD_HEADERS     60 // octets of a packet of IP that are no chunk, about

// A fragment that left in a packet.
struct world_chunk {
	uint32_t session_idx, packet;
	uint64_t sn, no;
	bool is_again;
};

// A message on a control flow.
struct world_message {
	uint32_t session_idx;
	uint64_t at_ms;
	uint32_t len;
	uint8_t octets[1 + VLU_LEN_MAX + FRAGMENTS_MAP_MAX];
};

struct world {
	struct engine e; // first: the fakes find the world by it
	struct session sessions[WORLD_SESSIONS];
	struct flows *flows;
	struct tx_batch tx; // nobody fills it; it is looked ahead at
	uint32_t n_room;    // buffers left in this call
	uint32_t n_packets; // ever
	struct world_chunk *chunks;
	uint32_t n_chunks;
	struct world_message *messages;
	uint32_t n_messages;
	uint32_t n_fsn_updates, n_abandoned, n_closed;
	uint32_t n_local;                         // bodies not given back
	bool has_no_flow;                         // flow_tx_open_stream fails
	bool is_control_full;                     // flow_tx_send_* fails
	bool has_no_local;                        // local_body_get fails
	bool has_any_payload;                     // fragments are not of world_fragment's making
	uint32_t budget_alarm_ms[WORLD_SESSIONS]; // of its own budget; 0: none
	uint64_t class_bytes[BUDGET_CLASSES_N], bytes_to[WORLD_SESSIONS]; // octets of IP packets
	uint8_t *ref_place; // of the chunk header written last
	struct random_state random_state;
	struct random random;
};

struct world_opts {
	uint32_t extents_max, links_max, streams_max, ring_slots, workers;
	size_t body_bytes;
	uint16_t visit;
};

struct world *world_create(const struct world_opts *); // NULL: the default
void world_destroy(struct world *);                    // asserts that nothing leaked

struct stream *world_stream(struct world *, uint16_t idx, uint8_t flags);
struct stream *world_stream_seed(struct world *, uint16_t idx, const struct stream_seed *);
// flags: LINK_*; the ring order is the session's index.
struct link *world_link(struct world *, uint32_t session_idx, uint16_t stream, uint8_t flags);
void world_unlink(struct world *, uint32_t session_idx, uint16_t stream);

// A fragment of len octets, payload a pattern of its number.
size_t world_fragment(uint8_t out[1300], uint64_t no, size_t len);
void world_publish(struct world *, uint16_t stream, uint64_t no, size_t len);
void world_multicast(struct world *, uint16_t stream, uint64_t no, size_t len);
void world_receive(struct world *, uint32_t session_idx, uint16_t stream, uint64_t no, size_t len);
// Control messages from a neighbour to stream WORLD_STREAM.
void world_mask(struct world *, uint32_t session_idx, uint8_t mask);
void world_pull(struct world *, uint32_t session_idx, uint64_t no);
// It holds [first, last].
void world_map(struct world *, uint32_t session_idx, uint64_t first, uint64_t last);

// CMD_BUDGET.
void world_limit(struct world *, enum limit_level, uint16_t group, uint64_t bytes_per_s);
// Both walks with so many buffers; how many were filled.
uint32_t world_tx(struct world *, uint32_t n_room);
void world_run_ms(struct world *, uint32_t ms);       // time and its timers, 10 ms at a time
void world_ack(struct world *, uint32_t session_idx); // everything it was sent
void world_ack_all(struct world *);
void world_lose(struct world *, uint32_t session_idx, uint64_t no);

uint32_t world_n_sent(const struct world *, uint32_t session_idx, uint64_t no);
uint32_t world_n_sent_to(const struct world *, uint32_t session_idx);
// The last message to it of that type; NULL: none.
const struct world_message *world_message_to(const struct world *, uint32_t session_idx,
					     uint8_t type);
uint32_t world_n_messages_to(const struct world *, uint32_t session_idx, uint8_t type);
// Our PushMask to it, as last told; 0 if never.
uint8_t world_mask_to(const struct world *, uint32_t session_idx);
bool world_report(struct world *, enum report_op, struct report *);

// The stream's packets to the load generator's members, in front of their engines. A whole turn of
// a member that has left the caches costs tens of microseconds, so what most packets are, fragments
// of the one stream that all of them get and the super-peer's maps of it, is taken here: bursts
// over many members are opened, counted in their sessions and receive flows (the engines' own:
// there is no second truth), and acknowledged as RFC 7016 §3.6.3.4 wants it, every second packet,
// at once beside a gap, after 200 ms at the latest. The fragments themselves are the same for all:
// the first one that comes is kept on a shelf, the others are compared with it, and a member's
// engine is given its own before its next turn.
//
// Everything else goes to the engine: what is sealed for another session, unopened; what else is in
// a packet of this one, opened (rx_packet). So the far end meets one member, whoever answers.
//
// A world does, in a round: lights_rx over what came, and engine_rx of what was not taken;
// light_give, a turn, light_look for each member with one due; lights_acks while some are.
#pragma once

#include <stdalign.h>
#include <stdbool.h>
#include <stdint.h>

struct crypto;
struct engine;
struct flow_rx;
struct session;
struct lights;

// A light member's stream has its clock tick so often, instead of ten times a second: fragments are
// handed in, its map goes out (at least twice in a fetch period of 2.5 s, groups.md 6.3), and what
// is missing is asked for.
#define LIGHT_TICK_US    1250000
#define LIGHT_KEPT_MAX   120 // fragments, till the engine is given them sooner
#define LIGHT_KEPT_FIRST 8
#define LIGHT_MAP_MAX    512 // octets; a longer map is the engine's at once

// light.owes
#define LIGHT_OWES_DATA 0x01
#define LIGHT_OWES_MAPS 0x02

struct light {
	// What each packet looks at.
	alignas(64) struct session *session;
	struct flow_rx *flow, *maps; // its stream's; maps NULL: not yet
	uint32_t id, session_idx;    // the near id
	uint32_t unacked_ms;         // when the first packet came that is not acknowledged
	uint16_t far_port;
	uint8_t far_addr[4];
	uint8_t n_unacked, owes; // packets since the last ack; of which flows
	uint8_t n_kept;
	bool is_light;       // its stream's packets are taken here
	bool is_due;         // on the list of acks
	bool has_tc, is_tcr; // it was sent TC; its packets say TCR
	uint16_t stream;     // its engine's index

	alignas(64) struct engine *engine;
	uint64_t tick_us;
	// What its engine's counters were not told yet.
	uint32_t n_packets, n_bytes, n_acks, n_ack_bytes;
	uint16_t kept[LIGHT_KEPT_FIRST]; // places on the shelf
	uint16_t map_len;                // 0: none
	alignas(64) uint16_t more[LIGHT_KEPT_MAX - LIGHT_KEPT_FIRST];
	uint8_t map[LIGHT_MAP_MAX]; // the newest
};

struct lights_counters {
	uint64_t packets;   // taken here, with
	uint64_t fragments; // so many new ones,
	uint64_t maps;      // and maps,
	uint64_t acks;      // answered by so many
	uint64_t handed;    // opened here, and the engines' for what else was in them
	uint64_t bad;       // did not verify
};

enum light_fate {
	LIGHT_PASSED, // not for here: engine_rx, as it came
	LIGHT_TAKEN,
	LIGHT_TURN, // taken, and its engine wants a turn
};

struct light_datagram {
	uint32_t member;
	uint8_t *data; // UDP payload, opened in place
	uint16_t len;
	uint16_t port; // whence
	uint8_t addr[4];
	uint8_t fate; // enum light_fate
};

// An ack that leaves. The world lends data, with room for LIGHT_ACK_ROOM octets.
#define LIGHT_ACK_ROOM  1232
#define LIGHT_BURST_MAX 64
struct light_ack {
	uint8_t *data;
	uint16_t len;
	uint16_t port; // whither
	uint8_t addr[4];
	uint32_t member;
};

// NULL: no memory.
struct lights *lights_create(uint32_t n, struct crypto *, uint64_t now_us);
void lights_destroy(struct lights *);
struct light *lights_at(struct lights *, uint32_t member);
const struct lights_counters *lights_counters(const struct lights *);
// The engine stays where it is as long as the lights are.
void lights_add(struct lights *, uint32_t member, struct engine *);

// At most LIGHT_BURST_MAX.
void lights_rx(struct lights *, struct light_datagram *, uint16_t n, uint64_t now_us);
// Members that acknowledge now, as the alarms are.
uint32_t lights_n_due(struct lights *, uint64_t now_us);
// Fills room[0..result), at most LIGHT_BURST_MAX; result < n: no more are due.
uint16_t lights_acks(struct lights *, struct light_ack *room, uint16_t n, uint64_t now_us);
// Before the engine's turn: it gets what was kept for it.
void light_give(struct lights *, uint32_t member, uint64_t now_us);
// After: from now on it is light, if there is a stream and nothing else is the matter.
void light_look(struct lights *, uint32_t member, uint64_t now_us);

// The viewer's half of a stream: fragments in any order and several times in, whole messages in
// order out, each once (groups.md 6.2, netgroup-semantics MC-22, MC-24). Late joiners begin where
// everything a decoder needs is there; holes are given up when the window closes. Sans-I/O.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "control/group/stream_message.h"

struct player;

struct player_opts {
	uint32_t window_ms; // a hole is waited for so long
	uint32_t fetch_ms;  // repairs take at least so long: how long the beginning is waited for
	uint32_t fragments_max; // kept at a time, a power of two
	uint64_t bytes_max;     // of those
};

enum player_event_kind {
	PLAYER_NONE,
	PLAYER_START,   // message follows
	PLAYER_MESSAGE, // in order
	PLAYER_GAP,     // number..number_to never came (or not in time)
	PLAYER_END,     // ended by its source, everything delivered; the last event
	PLAYER_LOST,    // nothing for twice the window; goes on if the source comes back
};

struct player_event {
	enum player_event_kind kind;
	struct stream_message message; // valid until the next call
	uint64_t number, number_to;
};

// NULL: no memory.
struct player *player_create(const struct player_opts *, uint64_t now_us);
void player_destroy(struct player *);
void player_tune(struct player *, const struct player_opts *); // other times from now on

// A GR-12 message; copied. False: of no use (malformed, seen before, too late, no room).
bool player_fragment(struct player *, struct span message, uint64_t now_us);
// Everything below this number has left the window of whoever feeds us: what is missing never
// comes.
void player_gone(struct player *, uint64_t below, uint64_t now_us);
// StreamEnd: complete below this number. The highest one counts.
void player_end(struct player *, uint64_t end, uint64_t now_us);

// What happened next; PLAYER_NONE: nothing now.
enum player_event_kind player_next(struct player *, struct player_event *, uint64_t now_us);
// When player_next has news by time alone; now or earlier: it has some.
uint64_t player_deadline_us(const struct player *);

bool player_has_started(const struct player *);
bool player_has_ended(const struct player *); // PLAYER_END was given out

struct player_counters {
	uint64_t received, duplicates, late, malformed, no_room;
	uint64_t missing;           // fragments in gaps
	uint64_t bytes;             // of fragments received, each once
	uint64_t messages, repeats; // repeats: byte-equal headers and metadata, left out
	uint64_t newest;            // highest number seen
};
const struct player_counters *player_counters(const struct player *);

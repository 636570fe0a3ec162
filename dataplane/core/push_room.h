// How many slots a stream may be pushed in, all its neighbours together, so that what is promised
// can be sent in time (OURS; groups.md 6.3 knows a limit of neighbours alone): what the budget
// carries beside everything else, less a part for what is pulled. Pure arithmetic.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define PUSH_ROOM_MS       500        // between two looks
#define PUSH_ROOM_FIRST_MS 200        // before the first one
#define PUSH_ROOM_ALL      UINT32_MAX // whatever is asked for

struct push_room {
	uint32_t slots;
	uint32_t settle_ms;     // what is late until then was promised before the last change
	uint16_t left_permille; // of a budget, that is not promised
};

// Of the time since the last look.
struct push_room_look {
	uint32_t period_ms;
	uint64_t budget_bytes; // that might have been sent; 0: no limit
	uint64_t bytes;        // that were sent
	uint64_t other_bytes;  // of these, no fragments of this stream
	uint32_t octets;       // of a fragment, as a packet
	uint32_t n_fragments;  // of the stream that were new
	uint32_t n_granted;    // slots
	uint32_t n_pulled;     // pulls that were answered
	uint32_t n_waiting;    // and that wait
	bool is_late;          // too many fragments left late
};

void push_room_init(struct push_room *);
void push_room_look(struct push_room *, const struct push_room_look *);

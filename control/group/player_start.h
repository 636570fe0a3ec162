// Where a player begins (groups.md 6.2). At the stream's beginning if it is there.
// Else at the oldest key frame that is here whole with codec headers right before it: sources
// repeat them there for exactly this. If no such place turns up in time, at the oldest key frame,
// and in streams without pictures at the oldest message.
#pragma once

#include <stdint.h>

#include "control/group/fragment_store.h"

enum start_patience {
	START_EARLY,  // wait for the perfect place
	START_LATE,   // repairs had their time: any key frame will do, or anything if there is no
		      // video
	START_AT_ALL, // anything
};

// Number to begin at; 0: not yet.
uint64_t player_start_pick(const struct fragment_store *, enum start_patience);

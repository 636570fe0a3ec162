// Where a player begins (groups.md 6.2). Who was there when the stream began, begins at its
// beginning. Who came later begins at the newest key frame that is here whole with codec headers
// right before it: sources repeat them there for exactly this. Older ones may come first, pulled
// from somebody's window, but what follows them is about to leave that window. If no such place
// turns up in time, at the newest key frame, and in streams without pictures at the oldest message.
#pragma once

#include <stdint.h>

#include "control/group/fragment_store.h"

enum start_patience {
	START_EARLY,  // wait for the perfect place
	START_LATE,   // repairs had their time: any key frame will do, or anything if there is no
		      // video
	START_AT_ALL, // anything
};

struct start_hints {
	uint64_t first_seen; // the first number that ever came: were we there at the beginning?
	uint32_t newest_ms;  // stream time of the newest message
	uint32_t fresh_ms;   // a key frame older than this is no perfect place for who came late
};

// Number to begin at; 0: not yet.
uint64_t player_start_pick(const struct fragment_store *, const struct start_hints *,
			   enum start_patience);

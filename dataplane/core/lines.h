// Where an engine keeps what a session's next packet or alarm will touch.
//
// With hundreds of engines in one process nothing of the next one's is in a cache, and a turn waits
// for two dozen lines, one after the other. Whoever runs them knows who is next, and can have these
// lines brought in all at once while others have their turns. It changes nothing but the time.
#pragma once

#include <stdint.h>

struct engine;

struct engine_lines {
	const uint8_t *engine, *sessions, *cold, *paths, *hmac, *flows, *wheel, *alarms;
	uint32_t sessions_max;
};

void engine_lines_of(const struct engine *, struct engine_lines *);
// Those of all, and those of the session in that slot; SESSION_NONE: of none.
void engine_lines_fetch(const struct engine_lines *, uint32_t slot);
// Where it will stand whose alarm is next: a slot, or SESSION_NONE. A guess that the engine's next
// call may make a wrong one. NULL: there is none.
const uint32_t *engine_next_alarm(const struct engine *);

// Sessions that serve no group, yet or any more, in the order in which they are looked at: a member
// has hundreds that do, and those are let be. Each stands here once (ctl_session.is_idle_listed).
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "control/startup/ctl_session.h"

struct idle_session {
	uint32_t worker, idx, id;
	uint64_t at_us;
};

struct idle_sessions { // zeroed: none
	struct idle_session *rows; // a ring
	uint32_t first, n, cap;
};

// To be looked at then, not before the others. False: no memory.
bool idle_sessions_add(struct idle_sessions *, const struct ctl_session *, uint64_t at_us);
// The next one, till it is popped; NULL: there are none.
const struct idle_session *idle_sessions_first(const struct idle_sessions *);
void idle_sessions_pop(struct idle_sessions *);
void idle_sessions_clear(struct idle_sessions *);

// What a stream's publisher decides about it (netgroup-semantics 8.3): defaults, what goes
// together, and the ladder of settings for those who do not want to know.
#pragma once

#include "control/group/group.h"

#define STREAM_WINDOW_MAX_MS 120000 // MC-32
#define STREAM_PUSH_LIMIT    4      // groups.md 6.3

// The values that hold: what is 0 is the default, or what the given ones leave for it; what
// contradicts is clamped, update < fetch < window (MC-31). -EINVAL: no sense can be made of it
// (MC-32).
int stream_params_settle(const struct group_stream_params *, struct group_stream_params *out);

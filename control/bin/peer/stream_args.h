// The options that say how a stream is published, or carried and kept by who plays it
// (netgroup-semantics 8.3).
#pragma once

#include "control/bin/peer/args.h"

enum stream_option {
	STREAM_OPT_FIRST = 512,
	STREAM_OPT_PRESET = STREAM_OPT_FIRST,
	STREAM_OPT_WINDOW,
	STREAM_OPT_MARGIN,
	STREAM_OPT_FETCH,
	STREAM_OPT_UPDATE,
	STREAM_OPT_PUSH,
	STREAM_OPT_TO_ALL,
	STREAM_OPT_END,
};

// 0, or an exit code after one line on stderr.
int stream_args_take(struct peer_args *, enum stream_option, const char *value);
// All options are there: the preset's values for what is not given, and whether it goes together.
int stream_args_check(struct peer_args *);
bool stream_args_given(const struct peer_args *);

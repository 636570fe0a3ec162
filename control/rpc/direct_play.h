// Direct one-to-one streams, the end that plays (rtmfp.md 14.5): asks a peer for a name on a
// session that is open, and gives out what comes in order of time.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "control/rpc/net_stream.h"

struct direct_play;

enum direct_play_kind {
	DIRECT_PLAY_STARTED, // the publisher has it, and lets us
	DIRECT_PLAY_MESSAGE,
	DIRECT_PLAY_GAP,   // messages before the next one were given up
	DIRECT_PLAY_ENDED, // it is not published any more, and all of it has come
	DIRECT_PLAY_OVER,  // text: NetStream.Connect.Rejected, Closed or Failed. The last
};

struct direct_play_event {
	enum direct_play_kind kind;
	const char *text;
	uint8_t type;
	uint32_t timestamp;
	struct span data; // this and text: until the next call
};

struct direct_play_opts {
	struct net_streams *streams; // borrowed
	struct ctl_session *session;
	const char *name; // 1 to 255 octets
	uint32_t stream_id;
};

// 0; -EINVAL: the name; or as net_stream_create.
int direct_play_open(const struct direct_play_opts *, struct direct_play **out, uint64_t now_us);
void direct_play_close(struct direct_play *);
struct ctl_session *direct_play_session(const struct direct_play *); // NULL: over
bool direct_play_event(struct direct_play *, struct direct_play_event *, uint64_t now_us);
// When there may be an event; 0: there is.
uint64_t direct_play_deadline_us(const struct direct_play *);

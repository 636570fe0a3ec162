// One member that plays one stream into one file.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "control/bin/peer/flv_out.h"
#include "control/bin/peer/join.h"
#include "control/bin/peer/peer.h"
#include "control/bin/peer/stream_json.h"

#define VIEWER_HOLES_MAX 64 // listed; further ones are counted

struct viewer_hole {
	uint64_t from, to; // fragments
	uint32_t after_ms; // stream time of the last message before it
};

enum viewer_end {
	VIEWER_RUNNING,
	VIEWER_ENDED,    // by the stream's end
	VIEWER_VANISHED, // the source went silent
	VIEWER_NO_JOIN,  // no introducer, no neighbour; why says which
	VIEWER_NO_OUT,   // the file took no more; why says why
};

struct viewer {
	struct peer *peer;
	struct identity id;
	struct member *member;
	struct node_group *group;   // NULL: through the server,
	struct node_stream *stream; // from the connection on
	struct join join;
	struct flv_out *out;
	struct stream_json json; // nothing unless play sets its name
	enum viewer_end end;
	bool has_begun; // a message came
	uint64_t joined_us, n_holes, n_resets;
	struct viewer_hole holes[VIEWER_HOLES_MAX];
	uint32_t last_ms;
	char why[220 + SERVER_URI_MAX];
};

// Opens the member, connects, joins, asks for the stream. out is taken over. 0 or an exit code.
int viewer_start(struct viewer *, struct peer *, FILE *out, uint64_t now_us);
// Takes the node's events; called after each turn of the member.
void viewer_turn(struct viewer *, uint64_t now_us);
// Leaves the group and closes the file.
void viewer_stop(struct viewer *);
int viewer_exit_code(const struct viewer *);
const char *viewer_state(const struct viewer *);

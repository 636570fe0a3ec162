// Clients that publish and play at one server (lines.h), and what their programs heard.
#pragma once

#include "control/rpc/live_hub.h"
#include "control/rpc/stream_client.h"
#include "tests/unit/control/rpc/lines.h"

#define SEAT_HEARD_MAX 8192

struct heard {
	enum rpc_stream_event_kind kind;
	uint8_t type, first; // first octet of the body
	uint32_t timestamp, len;
};

struct seat { // a stream of a client
	uint32_t client;
	struct rpc_stream *stream;
	struct heard heard[SEAT_HEARD_MAX];
	uint32_t n;       // events
	uint32_t n_media; // of these messages
	uint32_t n_ended;
	char text[128]; // of the last word
};

struct live_stage {
	struct rpc_lines lines;
	struct seat seats[RPC_LINES_MAX]; // one for each client
};

// queue_bytes: of a stream; hub: its limits.
void live_stage_start(struct live_stage *, uint32_t n_clients, uint32_t queue_bytes,
		      const struct live_hub_opts *hub);
void live_stage_stop(struct live_stage *);
// Connects every client to an app of its own choice; the same app for all if only one is named.
void live_stage_connect(struct live_stage *, uint32_t client, const char *app);
struct seat *live_stage_publish(struct live_stage *, uint32_t client, const char *name);
struct seat *live_stage_play(struct live_stage *, uint32_t client, const char *name);
// A message, whose first octets say what it is (media.h); asserts that it was taken.
void live_stage_write(struct live_stage *, struct seat *, uint8_t type, uint32_t timestamp,
		      uint32_t len, const char *octets);
void live_stage_config(struct live_stage *, struct seat *); // metadata and both codec headers
void live_stage_key(struct live_stage *, struct seat *, uint32_t timestamp);
void live_stage_picture(struct live_stage *, struct seat *, uint32_t timestamp);
void live_stage_sound(struct live_stage *, struct seat *, uint32_t timestamp);
void live_stage_data(struct live_stage *, struct seat *, uint32_t timestamp); // no key frame
// All that is on its way, and all that waits for its time.
void live_stage_run(struct live_stage *);
// A command on a stream of a client, past its program: name and arguments already in AMF0.
void live_stage_command(struct live_stage *, uint32_t client, const char *name, struct span args);

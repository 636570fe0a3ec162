// Live streams of the server: who publishes a name of an app, and who plays it. What is published
// goes into the stream's log (live_log.h); a player is a place in that log. Work is done in turns
// of bounded size, so thousands of players do not stop control.
//
// A player gets its messages with deadlines and a budget of octets that are out (net_stream.h).
// What does not fit is left out for that player alone, and pictures then until the next key frame.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "control/rpc/net_stream.h"

struct live_hub;
struct live_end; // a client's stream at the server: publishes, plays, or neither

struct live_hub_opts {
	uint32_t streams_max;         // names known at a time, published or waited for
	uint32_t streams_per_app_max; // of one app instance
	uint32_t players_max;         // of a stream
	uint32_t log_bytes_max;       // of a stream
};

struct live_counters {
	uint64_t published, played;         // began
	uint64_t bad_names;                 // publish of a taken name (netgroup-semantics 12)
	uint64_t refused_streams;           // over streams_max or streams_per_app_max
	uint64_t refused_players;           // over players_max
	uint64_t messages_in, messages_out; // of media and data
	uint64_t skipped;                   // left out for a player that was too slow
	uint64_t too_long;                  // longer than the log
	uint64_t ignored;                   // messages of publishers that are not passed on
};

enum live_refusal { // what publish and play answer
	LIVE_OK,
	LIVE_TAKEN, // another client publishes that name
	LIVE_FULL,
};

// due_us: where it keeps the time of its next turn, beside what its owner looks at each time. NULL:
// no memory.
struct live_hub *live_hub_create(const struct live_hub_opts *, uint64_t *due_us);
void live_hub_destroy(struct live_hub *); // no end is left
const struct live_counters *live_hub_counters(const struct live_hub *);

// An end for a net_stream that the caller makes and keeps; before that stream is destroyed, its end
// is. NULL: no memory.
struct live_end *live_end_create(struct live_hub *, bool is_amf3);
void live_end_attach(struct live_end *, struct net_stream *);
void live_end_destroy(struct live_end *); // stops what it does

// app: with its instance; name: 1 to 255 octets. Stops what it did before.
enum live_refusal live_publish(struct live_end *, const char *app, const char *name);
enum live_refusal live_play(struct live_end *, const char *app, const char *name);
// False: it did neither.
bool live_stop(struct live_end *);
bool live_is_publishing(const struct live_end *);
bool live_is_playing(const struct live_end *);
const char *live_name(const struct live_end *); // "" if it does neither

// A message of a publisher: media or data.
void live_message(struct live_end *, const struct net_stream_message *, uint64_t now_us);
// A player does not want it all.
void live_receive(struct live_end *, bool audio, bool video);
void live_pause(struct live_end *, bool is_paused);
bool live_receives_audio(const struct live_end *);
bool live_receives_video(const struct live_end *);

// Serves players, for a bounded while.
void live_hub_turn(struct live_hub *, uint64_t now_us);

struct live_info {
	char app[128], name[256];
	bool is_published;
	uint32_t n_players;
	uint64_t bytes_in, bytes_out, messages_in, skipped; // since the name is known
	uint32_t bits_in_per_s; // over the last full second of it; 0: nothing came
	uint32_t backlog_bytes;
};
uint32_t live_hub_n(const struct live_hub *); // names
uint32_t live_hub_info(const struct live_hub *, struct live_info *out, uint32_t max,
		       uint64_t now_us);

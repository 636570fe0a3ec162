// Live streams from inside.
#pragma once

#include "control/rpc/command.h"
#include "control/rpc/live_hub.h"
#include "control/rpc/live_log.h"
#include "dataplane/wire/limits.h"

#define LIVE_DATA_MAX       8           // data key frames kept of a stream (@setDataFrame)
#define LIVE_HEAD_BYTES_MAX (64u << 10) // of one head; longer ones are not kept

// What a decoder needs before anything else.
enum {
	LIVE_HEAD_VIDEO,
	LIVE_HEAD_AUDIO,
	LIVE_HEAD_DATA,
	LIVE_HEADS = LIVE_HEAD_DATA + LIVE_DATA_MAX
};

struct live_head {
	uint8_t *octets; // a whole message; NULL: none
	uint32_t len;
	uint64_t number;             // in the log when it came
	char name[COMMAND_NAME_MAX]; // of a data key frame
};

struct live_stream {
	struct live_hub *hub;
	struct live_stream *next, *prev; // all
	struct live_stream *next_ready;
	bool is_ready; // a player may have something to get
	struct live_end *publisher;
	struct live_end *players;
	struct live_end *resume; // the player that the last turn stopped at
	uint32_t n_players;
	struct live_log log;
	struct live_head heads[LIVE_HEADS];
	struct live_info info;            // app and name are the key
	uint64_t second_us, second_bytes; // the second being counted
};

struct live_end {
	struct live_hub *hub;
	struct net_stream *ns;
	struct live_stream *stream;   // NULL: neither publishes nor plays
	struct live_end *next, *prev; // players of it
	bool is_amf3, is_publisher;
	// Of a player.
	struct live_start start; // where it began
	uint64_t cursor;         // number of its next message
	uint32_t heads_due;      // bit per head, to be sent before
	bool wants_audio, wants_video, is_paused;
	bool needs_key; // pictures would build on some it did not get,
	bool is_behind; // because it was too slow
};

struct live_hub {
	struct live_hub_opts opts;
	struct live_counters counters;
	struct live_stream *streams;
	uint32_t n;
	struct live_stream *ready_first, **ready_last;
	uint64_t *due_us;                     // not later than now: at once
	uint8_t scratch[LIVE_HEAD_BYTES_MAX]; // a message being written anew
};

// What a turn may still do.
struct live_work {
	uint32_t sends, bytes;
	bool was_blocked; // a worker did not keep up
};

void live_stream_ready(struct live_stream *);

// -- live_heads.c --
// Keeps this message if it is a head. True: it is to be passed on, perhaps as another (what
// @setDataFrame sets is, without that word; it lies in the hub's scratch).
bool live_heads_take(struct live_stream *, struct net_stream_message *);
void live_heads_clear(struct live_stream *);
// Those that a player who begins at a number has missed, as a set of bits.
uint32_t live_heads_before(const struct live_stream *, uint64_t number);

// -- live_player.c --
// Where a player begins: at the newest key frame, or with the next one.
void live_player_start(struct live_end *);
// Sends what it has not got yet. False: work is left, for this turn ran out or was blocked.
bool live_player_serve(struct live_end *, struct live_work *, uint64_t now_us);

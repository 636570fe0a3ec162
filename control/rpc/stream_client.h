// Streams that we publish to a server or play from it, on a NetConnection of ours.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "control/rpc/net_stream.h"

struct rpc;
struct rpc_stream;

struct rpc_stream_opts {
	const char *name; // 1 to 255 octets
	bool is_publisher;
	bool is_live; // publisher: media is given up when it is late (P2-5); else all is reliable
	void *user;
};

enum rpc_stream_event_kind {
	RPC_STREAM_STARTED, // text: NetStream.Publish.Start or NetStream.Play.Start
	RPC_STREAM_MESSAGE, // type, timestamp, data: in order of time (stream_merge.h)
	RPC_STREAM_GAP,     // messages before the next one were given up
	RPC_STREAM_ENDED,   // player: its publisher ended, another may follow; publisher: it is
			    // settled
	RPC_STREAM_FAILED,  // text: the server's code, or why it is over; nothing follows
};

struct rpc_stream_event {
	enum rpc_stream_event_kind kind;
	struct rpc_stream *stream;
	void *user;
	bool is_publisher;
	const char *text;
	uint8_t type;
	uint32_t timestamp;
	struct span data; // this and text: until the next call
};

// Asks the server for a stream, then to publish or play. The connection must be up. 0; -EINVAL: the
// name; -ENOTCONN; -ENOBUFS; -ENOMEM.
int rpc_stream_open(struct rpc *, struct ctl_session *, const struct rpc_stream_opts *,
		    struct rpc_stream **out, uint64_t now_us);
// One message of a publisher. 0; -EAGAIN: not yet started, or no room now; -EPIPE: over; -EMSGSIZE.
int rpc_stream_write(struct rpc_stream *, uint8_t type, uint32_t timestamp, struct span data,
		     uint64_t now_us);
// No more will be written: RPC_STREAM_ENDED follows when the server has it all.
void rpc_stream_end(struct rpc_stream *, uint64_t now_us);
void rpc_stream_close(struct rpc_stream *, uint64_t now_us);

bool rpc_stream_event(struct rpc *, struct rpc_stream_event *, uint64_t now_us);

struct rpc_stream_info {
	const char *name;
	uint64_t messages, bytes; // written or received
	uint64_t gaps;            // told by RPC_STREAM_GAP
	uint64_t lost;            // received and not taken in time
};
struct rpc_stream_info rpc_stream_info(const struct rpc_stream *);

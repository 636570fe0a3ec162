// What a server says on a stream, and what its clients ask of it there and before (rtmfp.md 14.4
// step 6, netgroup-semantics 12). Codes are those of NetStream.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "control/rpc/net_stream.h"

struct nc_session;
struct rpc_command;

// onStatus with level, code and, as description and details, what is told of. As net_stream_write.
int stream_status(struct net_stream *, bool is_amf3, const char *level, const char *code,
		  const char *details, uint64_t now_us);
// StreamBegin or StreamEOF of it.
int stream_user_control(struct net_stream *, uint16_t event, uint64_t now_us);

// A command on a connection: createStream and its like. False: it is none of these.
bool server_stream_command(struct nc_session *, const struct rpc_command *, uint64_t now_us);

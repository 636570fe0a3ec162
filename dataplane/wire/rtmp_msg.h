// The RTMP layer inside TC flows: message header and user control events (rtmfp.md §14.2, 14.3).
// AMF lives in control/rpc.
#ifndef ANNULUS_WIRE_RTMP_MSG_H
#define ANNULUS_WIRE_RTMP_MSG_H

#include "dataplane/wire/cursor.h"

enum rtmp_type {
	RTMP_SET_CHUNK_SIZE = 1, // 1, 2, 3, 5 and 6 belong to TCP chunk streams: ignored
	RTMP_ABORT = 2,
	RTMP_ACK = 3,
	RTMP_USER_CONTROL = 4,
	RTMP_WINDOW_SIZE = 5,
	RTMP_BANDWIDTH = 6,
	RTMP_AUDIO = 8,
	RTMP_VIDEO = 9,
	RTMP_DATA_AMF3 = 15,
	RTMP_SHARED_AMF3 = 16,
	RTMP_COMMAND_AMF3 = 17,
	RTMP_DATA_AMF0 = 18,
	RTMP_SHARED_AMF0 = 19,
	RTMP_COMMAND_AMF0 = 20,
	RTMP_AGGREGATE = 22,
};

struct rtmp_head {
	uint8_t type;       // enum rtmp_type
	uint32_t timestamp; // ms, wraps
};

#define RTMP_HEAD_LEN 5

// Leaves the cursor at the message's payload.
static inline int rtmp_head_read(struct rd *r, struct rtmp_head *h)
{
	h->type = rd_u8(r);
	h->timestamp = rd_u32(r);
	return r->err;
}

static inline void rtmp_head_write(struct wr *w, const struct rtmp_head *h)
{
	wr_u8(w, h->type);
	wr_u32(w, h->timestamp);
}

// The chunk-stream control types, which MUST be ignored (requirement 117).
static inline bool rtmp_type_is_ignored(uint8_t type)
{
	return (type >= RTMP_SET_CHUNK_SIZE && type <= RTMP_ACK) || type == RTMP_WINDOW_SIZE ||
	       type == RTMP_BANDWIDTH;
}

enum user_control_event {
	UC_STREAM_BEGIN = 0,
	UC_STREAM_EOF = 1,
	UC_STREAM_DRY = 2,
	UC_SET_BUFFER_LENGTH = 3,
	UC_STREAM_IS_RECORDED = 4,
	UC_FLOW_SYNC = 34,
	UC_SET_KEEPALIVE = 41,
};

// Is this message a Flow Synchronization (well formed or not)? Worker and control must agree: the
// one holds the flow after it, the other lets it go on (messages.h, FLOW_CONTROL).
static inline bool rtmp_is_flow_sync(struct span message)
{
	return message.len >= RTMP_HEAD_LEN + 2 && message.data[0] == RTMP_USER_CONTROL &&
	       message.data[RTMP_HEAD_LEN] == 0 && message.data[RTMP_HEAD_LEN + 1] == UC_FLOW_SYNC;
}

// The payload of a message of type RTMP_USER_CONTROL.
struct user_control {
	uint16_t event; // enum user_control_event, or one we do not know: then the union is unset
	union {
		uint32_t stream_id; // the four Stream events
		struct {
			uint32_t stream_id;
			uint32_t ms;
		} buffer_length;
		struct {
			uint32_t id;
			uint32_t count; // flows that hold back their messages for each other, >= 1
		} flow_sync;
		struct {
			uint32_t server_ms; // ping the server after so much silence
			uint32_t peer_ms;   // ping peers
		} keepalive;
	};
};

// 0 also for unknown events; -EBADMSG if cut short or a Flow Sync of nobody. Trailing octets are
// ignored.
int user_control_read(struct user_control *u, struct span payload);

// Writes message header (with that timestamp) and payload. -EINVAL for events we do not know,
// -ENOBUFS with nothing written if it does not fit.
int user_control_write(struct wr *w, uint32_t timestamp, const struct user_control *u);

#endif

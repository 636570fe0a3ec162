#include "dataplane/wire/rtmp_msg.h"

int user_control_read(struct user_control *u, struct span payload)
{
	struct rd r = rd_over_span(payload);

	u->event = rd_u16(&r);
	switch (u->event) {
	case UC_STREAM_BEGIN:
	case UC_STREAM_EOF:
	case UC_STREAM_DRY:
	case UC_STREAM_IS_RECORDED:
		u->stream_id = rd_u32(&r);
		break;
	case UC_SET_BUFFER_LENGTH:
		u->buffer_length.stream_id = rd_u32(&r);
		u->buffer_length.ms = rd_u32(&r);
		break;
	case UC_FLOW_SYNC:
		u->flow_sync.id = rd_u32(&r);
		u->flow_sync.count = rd_u32(&r);
		if (u->flow_sync.count == 0) // it counts itself
			rd_fail(&r);
		break;
	case UC_SET_KEEPALIVE:
		u->keepalive.server_ms = rd_u32(&r);
		u->keepalive.peer_ms = rd_u32(&r);
		break;
	}
	return r.err;
}

static void write_event(struct wr *w, const struct user_control *u)
{
	switch (u->event) {
	case UC_STREAM_BEGIN:
	case UC_STREAM_EOF:
	case UC_STREAM_DRY:
	case UC_STREAM_IS_RECORDED:
		wr_u32(w, u->stream_id);
		break;
	case UC_SET_BUFFER_LENGTH:
		wr_u32(w, u->buffer_length.stream_id);
		wr_u32(w, u->buffer_length.ms);
		break;
	case UC_FLOW_SYNC:
		wr_u32(w, u->flow_sync.id);
		wr_u32(w, u->flow_sync.count);
		break;
	case UC_SET_KEEPALIVE:
		wr_u32(w, u->keepalive.server_ms);
		wr_u32(w, u->keepalive.peer_ms);
		break;
	default:
		wr_fail(w, -EINVAL);
	}
}

int user_control_write(struct wr *w, uint32_t timestamp, const struct user_control *u)
{
	const struct rtmp_head head = {RTMP_USER_CONTROL, timestamp};
	struct wr_point start = wr_mark(w);

	rtmp_head_write(w, &head);
	wr_u16(w, u->event);
	write_event(w, u);
	return wr_finish(w, start);
}

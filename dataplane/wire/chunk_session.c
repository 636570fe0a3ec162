#include <assert.h>

#include "dataplane/wire/chunk.h"

static int write_whole(struct wr *w, uint8_t type, struct span payload)
{
	struct wr_point start = wr_chunk_begin(w, type);

	wr_put_span(w, payload);
	return wr_chunk_commit(w, start);
}

int ping_write(struct wr *w, struct span message)
{
	return write_whole(w, CHUNK_PING, message);
}

int ping_reply_write(struct wr *w, struct span message)
{
	return write_whole(w, CHUNK_PING_REPLY, message);
}

int close_write(struct wr *w)
{
	return write_whole(w, CHUNK_CLOSE, span_of(NULL, 0));
}

int close_ack_write(struct wr *w)
{
	return write_whole(w, CHUNK_CLOSE_ACK, span_of(NULL, 0));
}

int buffer_probe_read(uint64_t *flow_id, struct span payload)
{
	struct rd r = rd_over_span(payload);

	*flow_id = rd_vlu(&r);
	return r.err;
}

int buffer_probe_write(struct wr *w, uint64_t flow_id)
{
	struct wr_point start = wr_chunk_begin(w, CHUNK_BUFFER_PROBE);

	wr_vlu(w, flow_id);
	return wr_chunk_commit(w, start);
}

int flow_exception_read(struct flow_exception *x, struct span payload)
{
	struct rd r = rd_over_span(payload);

	x->flow_id = rd_vlu(&r);
	x->code = rd_vlu(&r);
	return r.err;
}

int flow_exception_write(struct wr *w, const struct flow_exception *x)
{
	struct wr_point start = wr_chunk_begin(w, CHUNK_FLOW_EXCEPTION);

	wr_vlu(w, x->flow_id);
	wr_vlu(w, x->code);
	return wr_chunk_commit(w, start);
}

int padding_write(struct wr *w, size_t len)
{
	struct wr_point start = wr_chunk_begin(w, CHUNK_PADDING_00);
	uint8_t *at;

	assert(len >= CHUNK_HEADER_LEN);
	at = wr_take(w, len - CHUNK_HEADER_LEN);
	if (at != NULL)
		memset(at, 0, len - CHUNK_HEADER_LEN);
	return wr_chunk_commit(w, start);
}

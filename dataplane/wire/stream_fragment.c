#include "dataplane/wire/rtmp_msg.h"
#include "dataplane/wire/stream_fragment.h"

static bool is_known_type(uint8_t type)
{
	return type == RTMP_AUDIO || type == RTMP_VIDEO || type == RTMP_DATA_AMF3 ||
	       type == RTMP_COMMAND_AMF3 || type == RTMP_DATA_AMF0;
}

// Flash sometimes leaves n out of a first fragment, so that the type follows the number at once.
// It can be told only where the octet that would be n is a media type and the next is no type at
// all: n = 8 or 9 before a real type is legal. What stays ambiguous needs a timestamp whose top
// octet is 08 or more, 37 hours into a stream.
static bool lacks_n(const struct rd *r)
{
	return r->left >= 2 && (r->at[0] == RTMP_AUDIO || r->at[0] == RTMP_VIDEO) &&
	       !is_known_type(r->at[1]);
}

int stream_fragment_read(struct stream_fragment *f, struct span msg)
{
	struct rd r = rd_over_span(msg);

	memset(f, 0, sizeof(*f));
	f->flags = rd_u8(&r);
	if (f->flags & ~(STREAM_FRAGMENT_FIRST | STREAM_FRAGMENT_MORE))
		rd_fail(&r);
	f->number = rd_vlu(&r);
	if (f->number == 0)
		rd_fail(&r);
	if (f->flags & STREAM_FRAGMENT_MORE) {
		f->is_n_missing = (f->flags & STREAM_FRAGMENT_FIRST) && lacks_n(&r);
		if (!f->is_n_missing)
			f->n_more = rd_u8(&r);
	}
	if (f->flags & STREAM_FRAGMENT_FIRST) {
		f->type = rd_u8(&r);
		f->timestamp = rd_u32(&r);
	}
	f->payload = rd_rest(&r);
	return r.err;
}

void stream_fragment_head_write(struct wr *w, const struct stream_fragment *f)
{
	wr_u8(w, f->flags);
	wr_vlu(w, f->number);
	if ((f->flags & STREAM_FRAGMENT_MORE) && !f->is_n_missing)
		wr_u8(w, f->n_more);
	if (f->flags & STREAM_FRAGMENT_FIRST) {
		wr_u8(w, f->type);
		wr_u32(w, f->timestamp);
	}
}

int stream_fragment_write(struct wr *w, const struct stream_fragment *f)
{
	struct wr_point start = wr_mark(w);

	stream_fragment_head_write(w, f);
	wr_put_span(w, f->payload);
	return wr_finish(w, start);
}

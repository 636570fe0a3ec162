#include "dataplane/wire/spx_object.h"

#include <assert.h>

#define HAVE_FLAGS (OBJECT_HAVE_SNAPSHOT | OBJECT_HAVE_MORE | OBJECT_HAVE_SEED)

// ---- ranges ----

// next: the lowest index that may follow. Behind the first range that leaves a gap.
static struct index_range rd_range(struct rd *r, uint64_t next)
{
	uint64_t gap = rd_vlu(r), more = rd_vlu(r);
	struct index_range range = {next, next};

	if (gap > OBJECT_INDEX_MAX || more > OBJECT_INDEX_MAX ||
	    next + gap + more > OBJECT_INDEX_MAX || (next > 0 && gap == 0)) {
		rd_fail(r);
		return range;
	}
	range.first = next + gap;
	range.last = range.first + more;
	return range;
}

// A number of ranges, and they; the cursor is checked to its end.
static struct object_ranges rd_ranges(struct rd *r)
{
	struct object_ranges list = {0};
	uint64_t n = rd_vlu(r), next = 0;

	if (n > OBJECT_RANGES_MAX)
		rd_fail(r);
	list.r = *r;
	list.n = (uint32_t)n;
	for (uint32_t i = 0; i < list.n && r->err == 0; i++)
		next = rd_range(r, next).last + 1;
	if (rd_left(r) > 0)
		rd_fail(r);
	return list;
}

bool object_range_next(struct object_ranges *list, struct index_range *range)
{
	if (list->n == 0)
		return false;
	list->n--;
	*range = rd_range(&list->r, list->next);
	list->next = range->last + 1;
	return true;
}

static void wr_ranges(struct wr *w, const struct index_range *ranges, uint32_t n)
{
	uint64_t next = 0;

	assert(n <= OBJECT_RANGES_MAX);
	wr_vlu(w, n);
	for (uint32_t i = 0; i < n; i++) {
		assert(ranges[i].first <= ranges[i].last && ranges[i].first >= next + (i > 0));
		wr_vlu(w, ranges[i].first - next);
		wr_vlu(w, ranges[i].last - ranges[i].first);
		next = ranges[i].last + 1;
	}
}

// ---- what there is ----

int object_have_read(struct object_have *h, struct span msg)
{
	struct rd r = spx_msg_body(msg, SPX_HAVE);

	*h = (struct object_have){.flags = rd_u8(&r), .seq = rd_vlu(&r)};
	h->ranges = rd_ranges(&r);
	if ((h->flags & ~HAVE_FLAGS) != 0)
		rd_fail(&r);
	return r.err;
}

int object_delta_read(struct object_have *h, struct span msg)
{
	struct rd r = spx_msg_body(msg, SPX_HAVE_DELTA);

	*h = (struct object_have){.op = rd_u8(&r), .seq = rd_vlu(&r)};
	h->ranges = rd_ranges(&r);
	if (h->op > OBJECT_REMOVE || h->ranges.n == 0)
		rd_fail(&r);
	return r.err;
}

int object_have_write(struct wr *w, uint8_t flags, uint64_t seq, const struct index_range *ranges,
		      uint32_t n)
{
	struct wr_point start = wr_mark(w);

	wr_spx(w, SPX_HAVE);
	wr_u8(w, flags);
	wr_vlu(w, seq);
	wr_ranges(w, ranges, n);
	return wr_finish(w, start);
}

int object_delta_write(struct wr *w, enum object_delta_op op, uint64_t seq,
		       const struct index_range *ranges, uint32_t n)
{
	struct wr_point start = wr_mark(w);

	assert(n > 0);
	wr_spx(w, SPX_HAVE_DELTA);
	wr_u8(w, (uint8_t)op);
	wr_vlu(w, seq);
	wr_ranges(w, ranges, n);
	return wr_finish(w, start);
}

int object_want_read(struct object_want *want, struct span msg)
{
	struct rd r = spx_msg_body(msg, SPX_WANT);
	uint8_t is_interested = rd_u8(&r);

	want->is_interested = is_interested == 1;
	want->ranges = rd_ranges(&r);
	if (is_interested > 1)
		rd_fail(&r);
	return r.err;
}

int object_want_write(struct wr *w, bool is_interested, const struct index_range *ranges,
		      uint32_t n)
{
	struct wr_point start = wr_mark(w);

	wr_spx(w, SPX_WANT);
	wr_u8(w, is_interested);
	wr_ranges(w, ranges, n);
	return wr_finish(w, start);
}

// ---- asking ----

int object_request_read(struct object_request *q, enum spx_type type, struct span msg)
{
	struct rd r = spx_msg_body(msg, type);

	*q = (struct object_request){.request = rd_vlu(&r)};
	if (type == SPX_REQUEST)
		q->index = rd_vlu(&r);
	if (type == SPX_DENY)
		q->reason = rd_u8(&r);
	if (q->index > OBJECT_INDEX_MAX || q->reason >= OBJECT_DENY_COUNT || rd_left(&r) > 0)
		rd_fail(&r);
	return r.err;
}

int object_request_write(struct wr *w, enum spx_type type, const struct object_request *q)
{
	struct wr_point start = wr_mark(w);

	wr_spx(w, type);
	wr_vlu(w, q->request);
	if (type == SPX_REQUEST)
		wr_vlu(w, q->index);
	if (type == SPX_DENY)
		wr_u8(w, q->reason);
	return wr_finish(w, start);
}

// ---- the object ----

int object_data_read(struct object_data *d, struct span msg)
{
	struct rd r = spx_msg_body(msg, SPX_OBJECT);

	*d = (struct object_data){
		.request = rd_vlu(&r), .index = rd_vlu(&r), .encoding = rd_u8(&r)};
	d->object = rd_rest(&r);
	if (d->index > OBJECT_INDEX_MAX || d->encoding >= OBJECT_ENCODINGS || d->object.len == 0 ||
	    d->object.len > OBJECT_LEN_MAX)
		rd_fail(&r);
	return r.err;
}

int object_data_write_head(struct wr *w, const struct object_data *d)
{
	struct wr_point start = wr_mark(w);

	wr_spx(w, SPX_OBJECT);
	wr_vlu(w, d->request);
	wr_vlu(w, d->index);
	wr_u8(w, d->encoding);
	return wr_finish(w, start);
}

int object_data_write(struct wr *w, const struct object_data *d)
{
	struct wr_point start = wr_mark(w);

	object_data_write_head(w, d);
	wr_put_span(w, d->object);
	return wr_finish(w, start);
}

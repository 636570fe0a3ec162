#include <assert.h>

#include "dataplane/wire/chunk.h"

#define USER_DATA_FLAGS (USER_DATA_OPTIONS | USER_DATA_FRA | USER_DATA_ABANDON | USER_DATA_FINAL)

static int flow_option_take(struct flow_options *o, uint64_t type, struct span value)
{
	switch (type) {
	case FLOW_OPTION_METADATA:
		if (o->has_metadata)
			return -EBADMSG;
		o->metadata = value;
		o->has_metadata = true;
		return 0;
	case FLOW_OPTION_RETURN:
		if (o->has_return_flow)
			return -EBADMSG;
		o->has_return_flow = true;
		return opt_value_vlu(&o->return_flow_id, value);
	default:
		o->has_unknown_mandatory |= type < OPTION_MANDATORY_END;
		return 0;
	}
}

int flow_options_read(struct flow_options *o, struct span options)
{
	struct rd r = rd_over_span(options);
	struct span value;
	uint64_t type;

	memset(o, 0, sizeof(*o));
	while (opt_next(&r, &type, &value) == OPT_FOUND) {
		if (flow_option_take(o, type, value) != 0)
			rd_fail(&r);
	}
	return r.err;
}

static void flow_options_write(struct wr *w, const struct flow_options *o)
{
	// In this order: librtmfp reads them by position (§16.3).
	if (o->has_metadata)
		wr_option(w, FLOW_OPTION_METADATA, o->metadata);
	if (o->has_return_flow)
		wr_option_vlu(w, FLOW_OPTION_RETURN, o->return_flow_id);
	wr_marker(w);
}

size_t flow_options_len(const struct flow_options *o)
{
	size_t len = 1; // the Marker

	if (o->has_metadata)
		len += vlu_len(1 + o->metadata.len) + 1 + o->metadata.len;
	if (o->has_return_flow)
		len += 2 + (size_t)vlu_len(o->return_flow_id);
	return len;
}

// What both chunks end with: options if announced, then the body, which an abandoned number does
// not have.
static int read_tail(struct user_data *d, struct rd *r)
{
	struct span options;

	if (d->flags & USER_DATA_OPTIONS) {
		options = rd_options(r);
		if (r->err == 0 && flow_options_read(&d->options, options) != 0)
			rd_fail(r);
	} else {
		memset(&d->options, 0, sizeof(d->options));
	}
	d->body = rd_rest(r);
	if (d->flags & USER_DATA_ABANDON)
		d->body = span_of(NULL, 0);
	d->is_set = r->err == 0;
	return r->err;
}

int user_data_read(struct user_data *d, struct span payload)
{
	struct rd r = rd_over_span(payload);
	uint64_t fsn_offset;

	d->flags = rd_u8(&r) & USER_DATA_FLAGS;
	d->flow_id = rd_vlu(&r);
	d->seq = rd_vlu(&r);
	fsn_offset = rd_vlu(&r);
	if (fsn_offset > d->seq) // the forward point would lie before the flow's start
		rd_fail(&r);
	d->fsn = d->seq - fsn_offset;
	return read_tail(d, &r);
}

int next_user_data_read(struct user_data *d, struct span payload)
{
	struct rd r = rd_over_span(payload);

	d->flags = rd_u8(&r) & USER_DATA_FLAGS;
	if (!d->is_set || d->seq == UINT64_MAX) // sequence numbers never wrap
		rd_fail(&r);
	d->seq++;
	return read_tail(d, &r);
}

static int write_tail(struct wr *w, struct wr_point start, const struct user_data *d)
{
	if (d->flags & USER_DATA_OPTIONS)
		flow_options_write(w, &d->options);
	if (!(d->flags & USER_DATA_ABANDON))
		wr_put_span(w, d->body);
	return wr_chunk_commit(w, start);
}

int user_data_write(struct wr *w, const struct user_data *d)
{
	struct wr_point start = wr_chunk_begin(w, CHUNK_USER_DATA);

	assert(d->fsn <= d->seq);
	wr_u8(w, d->flags);
	wr_vlu(w, d->flow_id);
	wr_vlu(w, d->seq);
	wr_vlu(w, d->seq - d->fsn);
	return write_tail(w, start, d);
}

int next_user_data_write(struct wr *w, const struct user_data *d)
{
	struct wr_point start = wr_chunk_begin(w, CHUNK_NEXT_USER_DATA);

	wr_u8(w, d->flags);
	return write_tail(w, start, d);
}

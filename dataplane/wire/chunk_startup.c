#include "dataplane/wire/chunk.h"

#define PACKET_FRAGMENT_MORE 0x80

int packet_fragment_read(struct packet_fragment *f, struct span payload)
{
	struct rd r = rd_over_span(payload);

	f->has_more = rd_u8(&r) & PACKET_FRAGMENT_MORE;
	f->packet_id = rd_vlu(&r);
	f->index = rd_vlu(&r);
	f->body = rd_rest(&r);
	if (f->body.len == 0) // §5: an empty fragment is discarded
		rd_fail(&r);
	return r.err;
}

int packet_fragment_write(struct wr *w, const struct packet_fragment *f)
{
	struct wr_point start = wr_chunk_begin(w, CHUNK_PACKET_FRAGMENT);

	wr_u8(w, f->has_more ? PACKET_FRAGMENT_MORE : 0);
	wr_vlu(w, f->packet_id);
	wr_vlu(w, f->index);
	wr_put_span(w, f->body);
	return wr_chunk_commit(w, start);
}

int ihello_read(struct ihello *h, struct span payload)
{
	struct rd r = rd_over_span(payload);

	h->epd = rd_span_vlu(&r);
	h->tag = rd_rest(&r);
	return r.err;
}

int ihello_write(struct wr *w, const struct ihello *h)
{
	struct wr_point start = wr_chunk_begin(w, CHUNK_IHELLO);

	wr_span_vlu(w, h->epd);
	wr_put_span(w, h->tag);
	return wr_chunk_commit(w, start);
}

int fihello_read(struct fihello *h, struct span payload)
{
	struct rd r = rd_over_span(payload);

	h->epd = rd_span_vlu(&r);
	rd_addr(&r, &h->reply_addr);
	h->tag = rd_rest(&r);
	return r.err;
}

int fihello_write(struct wr *w, const struct fihello *h)
{
	struct wr_point start = wr_chunk_begin(w, CHUNK_FIHELLO);

	wr_span_vlu(w, h->epd);
	wr_addr(w, &h->reply_addr);
	wr_put_span(w, h->tag);
	return wr_chunk_commit(w, start);
}

int rhello_read(struct rhello *h, struct span payload)
{
	struct rd r = rd_over_span(payload);

	h->tag_echo = rd_span_vlu(&r);
	h->cookie = rd_span_vlu(&r);
	h->cert = rd_rest(&r);
	return r.err;
}

int rhello_write(struct wr *w, const struct rhello *h)
{
	struct wr_point start = wr_chunk_begin(w, CHUNK_RHELLO);

	wr_span_vlu(w, h->tag_echo);
	wr_span_vlu(w, h->cookie);
	wr_put_span(w, h->cert);
	return wr_chunk_commit(w, start);
}

int redirect_read(struct redirect *d, struct span payload)
{
	struct rd r = rd_over_span(payload);
	struct wire_addr addr;

	d->n_addrs = 0;
	d->tag_echo = rd_span_vlu(&r);
	while (rd_left(&r) > 0) {
		rd_addr(&r, &addr);
		if (r.err == 0 && d->n_addrs < REDIRECT_ADDRS_MAX)
			d->addrs[d->n_addrs++] = addr;
	}
	return r.err;
}

int redirect_write(struct wr *w, const struct redirect *d)
{
	struct wr_point start = wr_chunk_begin(w, CHUNK_REDIRECT);

	wr_span_vlu(w, d->tag_echo);
	for (uint8_t i = 0; i < d->n_addrs; i++)
		wr_addr(w, &d->addrs[i]);
	return wr_chunk_commit(w, start);
}

int cookie_change_read(struct cookie_change *c, struct span payload)
{
	struct rd r = rd_over_span(payload);

	c->old_cookie = rd_span_vlu(&r);
	c->new_cookie = rd_rest(&r);
	return r.err;
}

int cookie_change_write(struct wr *w, const struct cookie_change *c)
{
	struct wr_point start = wr_chunk_begin(w, CHUNK_COOKIE_CHANGE);

	wr_span_vlu(w, c->old_cookie);
	wr_put_span(w, c->new_cookie);
	return wr_chunk_commit(w, start);
}

int iikeying_read(struct iikeying *k, struct span payload)
{
	struct rd r = rd_over_span(payload);

	k->initiator_session_id = rd_u32(&r);
	k->cookie_echo = rd_span_vlu(&r);
	k->cert = rd_span_vlu(&r);
	k->skic = rd_span_vlu(&r);
	k->signed_part = span_of(payload.data, payload.len - rd_left(&r));
	k->signature = rd_rest(&r);
	return r.err;
}

void iikeying_write_signed(struct wr *w, const struct iikeying *k)
{
	wr_u32(w, k->initiator_session_id);
	wr_span_vlu(w, k->cookie_echo);
	wr_span_vlu(w, k->cert);
	wr_span_vlu(w, k->skic);
}

int iikeying_write(struct wr *w, const struct iikeying *k)
{
	struct wr_point start = wr_chunk_begin(w, CHUNK_IIKEYING);

	iikeying_write_signed(w, k);
	wr_put_span(w, k->signature);
	return wr_chunk_commit(w, start);
}

int rikeying_read(struct rikeying *k, struct span payload)
{
	struct rd r = rd_over_span(payload);

	k->responder_session_id = rd_u32(&r);
	k->skrc = rd_span_vlu(&r);
	k->signed_part = span_of(payload.data, payload.len - rd_left(&r));
	k->signature = rd_rest(&r);
	return r.err;
}

void rikeying_write_signed(struct wr *w, const struct rikeying *k)
{
	wr_u32(w, k->responder_session_id);
	wr_span_vlu(w, k->skrc);
}

int rikeying_write(struct wr *w, const struct rikeying *k)
{
	struct wr_point start = wr_chunk_begin(w, CHUNK_RIKEYING);

	rikeying_write_signed(w, k);
	wr_put_span(w, k->signature);
	return wr_chunk_commit(w, start);
}

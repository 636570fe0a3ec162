#include "dataplane/wire/spx_route.h"

#include <assert.h>

static void rd_message(struct rd *r, struct span *message)
{
	*message = rd_rest(r);
	if (message->len == 0 || message->len > ROUTE_LEN_MAX)
		rd_fail(r);
}

int route_read(struct route_msg *m, struct span msg)
{
	struct rd r = spx_msg_body(msg, SPX_ROUTE);

	m->mode = rd_u8(&r);
	rd_u8(&r); // flags: none yet
	rd_copy(&r, m->target, GROUP_ADDRESS_LEN);
	rd_message(&r, &m->message);
	if (m->mode >= ROUTE_MODES)
		rd_fail(&r);
	return r.err;
}

void route_write_head(struct wr *w, const struct route_msg *m)
{
	wr_spx(w, SPX_ROUTE);
	wr_u8(w, m->mode);
	wr_u8(w, 0);
	wr_bytes(w, m->target, GROUP_ADDRESS_LEN);
}

int route_write(struct wr *w, const struct route_msg *m)
{
	struct wr_point start = wr_mark(w);

	route_write_head(w, m);
	wr_put_span(w, m->message);
	return wr_finish(w, start);
}

static_assert(SPX_ROUTE_FAR + ROUTE_ASIDE == SPX_ROUTE_ASIDE &&
		      SPX_ROUTE_FAR + ROUTE_BACK == SPX_ROUTE_BACK,
	      "ways are types");

int route_far_read(struct route_far *f, struct span msg)
{
	int way = spx_msg_type(msg) - SPX_ROUTE_FAR;
	struct rd r;

	f->way = way > 0 && way < ROUTE_WAYS ? (enum route_way)way : ROUTE_NEARER;
	r = spx_msg_body(msg, (enum spx_type)(SPX_ROUTE_FAR + f->way));
	f->hops_left = rd_u8(&r);
	f->hops = rd_u8(&r);
	rd_copy(&r, f->request, ROUTE_REQUEST_LEN);
	rd_copy(&r, f->target, GROUP_ADDRESS_LEN);
	rd_copy(&r, f->origin, GROUP_ADDRESS_LEN);
	rd_message(&r, &f->message);
	if (f->hops_left > ROUTE_HOPS_MAX)
		rd_fail(&r);
	return r.err;
}

void route_far_write_head(struct wr *w, const struct route_far *f)
{
	wr_spx(w, (enum spx_type)(SPX_ROUTE_FAR + f->way));
	wr_u8(w, f->hops_left);
	wr_u8(w, f->hops);
	wr_bytes(w, f->request, ROUTE_REQUEST_LEN);
	wr_bytes(w, f->target, GROUP_ADDRESS_LEN);
	wr_bytes(w, f->origin, GROUP_ADDRESS_LEN);
}

int route_far_write(struct wr *w, const struct route_far *f)
{
	struct wr_point start = wr_mark(w);

	route_far_write_head(w, f);
	wr_put_span(w, f->message);
	return wr_finish(w, start);
}

int route_coverage_read(struct route_coverage *c, struct span msg)
{
	struct rd r = spx_msg_body(msg, SPX_COVERAGE);
	uint8_t mode = rd_u8(&r);

	rd_copy(&r, c->from, GROUP_ADDRESS_LEN);
	rd_copy(&r, c->to, GROUP_ADDRESS_LEN);
	if (mode > 1)
		rd_fail(&r);
	c->is_nearest = mode == 1;
	return r.err;
}

int route_coverage_write(struct wr *w, const struct route_coverage *c)
{
	struct wr_point start = wr_mark(w);

	wr_spx(w, SPX_COVERAGE);
	wr_u8(w, c->is_nearest);
	wr_bytes(w, c->from, GROUP_ADDRESS_LEN);
	wr_bytes(w, c->to, GROUP_ADDRESS_LEN);
	return wr_finish(w, start);
}

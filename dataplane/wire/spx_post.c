#include "dataplane/wire/spx_post.h"

#include <assert.h>

#define DATA_HAS_PASSWORD 0x01

// ---- lists ----

static void rd_offer(struct rd *r, struct post_offer *o)
{
	rd_copy(r, o->key, POST_KEY_LEN);
	o->hop = rd_u8(r);
	o->size = rd_vlu(r);
	o->age_ms = rd_vlu(r);
}

static struct post_list list_begin(struct span msg, enum spx_type type)
{
	struct post_list l = {.r = spx_msg_body(msg, type)};
	uint64_t n = rd_vlu(&l.r);

	if (n == 0 || n > POST_KEYS_MAX)
		rd_fail(&l.r);
	l.n = (uint32_t)n;
	return l;
}

int post_offers_read(struct post_list *l, struct span msg)
{
	struct post_offer o;
	struct rd r;

	*l = list_begin(msg, SPX_OFFER);
	r = l->r;
	for (uint32_t i = 0; i < l->n && r.err == 0; i++) {
		rd_offer(&r, &o);
		if (o.size == 0 || o.size > POST_LEN_MAX)
			rd_fail(&r);
	}
	return r.err == 0 && rd_left(&r) == 0 ? 0 : -EBADMSG;
}

bool post_offer_next(struct post_list *l, struct post_offer *o)
{
	if (l->n == 0)
		return false;
	l->n--;
	rd_offer(&l->r, o);
	return true;
}

int post_offers_write(struct wr *w, const struct post_offer *offers, uint32_t n)
{
	struct wr_point start = wr_mark(w);

	assert(n > 0 && n <= POST_KEYS_MAX);
	wr_spx(w, SPX_OFFER);
	wr_vlu(w, n);
	for (uint32_t i = 0; i < n; i++) {
		wr_bytes(w, offers[i].key, POST_KEY_LEN);
		wr_u8(w, offers[i].hop);
		wr_vlu(w, offers[i].size);
		wr_vlu(w, offers[i].age_ms);
	}
	return wr_finish(w, start);
}

int post_keys_read(struct post_list *l, enum spx_type type, struct span msg)
{
	*l = list_begin(msg, type);
	return l->r.err == 0 && rd_left(&l->r) == (size_t)l->n * POST_KEY_LEN ? 0 : -EBADMSG;
}

const uint8_t *post_key_next(struct post_list *l)
{
	if (l->n == 0)
		return NULL;
	l->n--;
	return rd_take(&l->r, POST_KEY_LEN);
}

int post_keys_write(struct wr *w, enum spx_type type, const uint8_t (*keys)[POST_KEY_LEN],
		    uint32_t n)
{
	struct wr_point start = wr_mark(w);

	assert(n > 0 && n <= POST_KEYS_MAX);
	wr_spx(w, type);
	wr_vlu(w, n);
	wr_bytes(w, keys, (size_t)n * POST_KEY_LEN);
	return wr_finish(w, start);
}

// ---- the message ----

int post_data_read(struct post_data *d, struct span msg)
{
	struct rd r = spx_msg_body(msg, SPX_DATA);
	uint8_t flags = rd_u8(&r);

	*d = (struct post_data){.hop = rd_u8(&r), .age_ms = rd_vlu(&r)};
	rd_copy(&r, d->id, POST_ID_LEN);
	d->has_password = flags & DATA_HAS_PASSWORD;
	if (d->has_password)
		d->password = rd_span_vlu(&r);
	d->message = rd_rest(&r);
	if ((flags & ~DATA_HAS_PASSWORD) != 0 || d->password.len > POST_PASSWORD_MAX ||
	    d->message.len == 0 || d->message.len > POST_LEN_MAX)
		rd_fail(&r);
	return r.err;
}

int post_data_write_head(struct wr *w, const struct post_data *d)
{
	struct wr_point start = wr_mark(w);

	wr_spx(w, SPX_DATA);
	wr_u8(w, d->has_password ? DATA_HAS_PASSWORD : 0);
	wr_u8(w, d->hop);
	wr_vlu(w, d->age_ms);
	wr_bytes(w, d->id, POST_ID_LEN);
	if (d->has_password)
		wr_span_vlu(w, d->password);
	return wr_finish(w, start);
}

int post_data_write(struct wr *w, const struct post_data *d)
{
	struct wr_point start = wr_mark(w);

	post_data_write_head(w, d);
	wr_put_span(w, d->message);
	return wr_finish(w, start);
}

// ---- older members ----

int post_old_read(uint8_t key[POST_KEY_OLD_LEN], enum post_old_type type, struct span msg)
{
	struct rd r = rd_over_span(msg);

	if (rd_u8(&r) != (uint8_t)type)
		rd_fail(&r);
	rd_copy(&r, key, POST_KEY_OLD_LEN);
	return r.err;
}

int post_old_write(struct wr *w, enum post_old_type type, const uint8_t key[POST_KEY_OLD_LEN])
{
	struct wr_point start = wr_mark(w);

	wr_u8(w, (uint8_t)type);
	wr_bytes(w, key, POST_KEY_OLD_LEN);
	return wr_finish(w, start);
}

// Cursors: `rd` reads a stranger's octets, `wr` fills a buffer of ours.
//
// Both are sticky. The first read past the end sets err to -EBADMSG; from then on every read
// yields zero or an empty span, so a decoder reads like the RFC's diagram and asks once, at its
// end. The first write past the end sets err to -ENOBUFS and later writes do nothing. Integers
// are big-endian (rtmfp.md §1). Neither cursor owns memory.
#ifndef ANNULUS_WIRE_CURSOR_H
#define ANNULUS_WIRE_CURSOR_H

#include <errno.h>

#include "dataplane/wire/span.h"
#include "dataplane/wire/vlu.h"

// Fixed-width integers at a place that is known to have room.
static inline uint16_t be16_get(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static inline uint32_t be32_get(const uint8_t *at)
{
	uint32_t v;

	memcpy(&v, at, sizeof(v));
	return __builtin_bswap32(v);
}

static inline uint64_t be64_get(const uint8_t *at)
{
	uint64_t v;

	memcpy(&v, at, sizeof(v));
	return __builtin_bswap64(v);
}

static inline void be16_put(uint8_t *at, uint16_t v)
{
	at[0] = (uint8_t)(v >> 8);
	at[1] = (uint8_t)v;
}

static inline void be32_put(uint8_t *at, uint32_t v)
{
	v = __builtin_bswap32(v);
	memcpy(at, &v, sizeof(v));
}

static inline void be64_put(uint8_t *at, uint64_t v)
{
	v = __builtin_bswap64(v);
	memcpy(at, &v, sizeof(v));
}

// ---- reading ----

struct rd {
	const uint8_t *at; // next octet
	size_t left;       // octets from `at` to the end; 0 once err is set
	int err;           // 0 or -EBADMSG
};

static inline struct rd rd_over(const void *data, size_t len)
{
	struct rd r = {(const uint8_t *)data, len, 0};

	return r;
}

static inline struct rd rd_over_span(struct span s)
{
	return rd_over(s.data, s.len);
}

static inline void rd_fail(struct rd *r)
{
	r->left = 0;
	r->err = -EBADMSG;
}

static inline int rd_err(const struct rd *r)
{
	return r->err;
}

static inline size_t rd_left(const struct rd *r)
{
	return r->left;
}

// n octets, or NULL and the sticky error if there are not so many.
static inline const uint8_t *rd_take(struct rd *r, size_t n)
{
	const uint8_t *at = r->at;

	if (n > r->left) {
		rd_fail(r);
		return NULL;
	}
	if (n > 0) { // an empty cursor may stand on NULL, which must not be moved even by 0
		r->at += n;
		r->left -= n;
	}
	return at;
}

static inline uint8_t rd_u8(struct rd *r)
{
	const uint8_t *at = rd_take(r, 1);

	return at != NULL ? at[0] : 0;
}

static inline uint16_t rd_u16(struct rd *r)
{
	const uint8_t *at = rd_take(r, 2);

	return at != NULL ? be16_get(at) : 0;
}

static inline uint32_t rd_u32(struct rd *r)
{
	const uint8_t *at = rd_take(r, 4);

	return at != NULL ? be32_get(at) : 0;
}

static inline uint64_t rd_u64(struct rd *r)
{
	const uint8_t *at = rd_take(r, 8);

	return at != NULL ? be64_get(at) : 0;
}

// rd_vlu() for the encodings that are longer than one octet, or broken.
static inline uint64_t rd_vlu_long(struct rd *r)
{
	uint64_t value = 0;
	bool is_saturated = false;
	uint8_t octet;

	do {
		octet = rd_u8(r);
		is_saturated |= value > UINT64_MAX >> 7;
		value = value << 7 | (octet & 0x7f);
	} while (octet & 0x80);
	if (r->err != 0)
		return 0;
	return is_saturated ? UINT64_MAX : value;
}

// §1.1. Any length is legal, leading zero groups too; what exceeds 64 bits saturates. Running
// past the end of the container is the sticky error.
static inline uint64_t rd_vlu(struct rd *r)
{
	uint64_t value;

	if (r->left > 0 && r->at[0] < 0x80) {
		r->left--;
		return *r->at++;
	}
	if (r->left > 1 && r->at[1] < 0x80) {
		value = (uint64_t)(r->at[0] & 0x7f) << 7 | r->at[1];
		r->left -= 2;
		r->at += 2;
		return value;
	}
	return rd_vlu_long(r);
}

static inline struct span rd_bytes(struct rd *r, uint64_t n)
{
	struct span s = {NULL, 0};

	if (n > r->left) { // compared before n could be cut to a narrower size_t
		rd_fail(r);
		return s;
	}
	s.data = rd_take(r, (size_t)n);
	s.len = (size_t)n;
	return s;
}

// `lenX:VLU X` of the RFC's diagrams.
static inline struct span rd_span_vlu(struct rd *r)
{
	return rd_bytes(r, rd_vlu(r));
}

static inline struct span rd_rest(struct rd *r)
{
	return rd_bytes(r, r->left);
}

// Copies exactly n octets to dst, or zeroes it and sets the sticky error.
static inline void rd_copy(struct rd *r, uint8_t *dst, size_t n)
{
	const uint8_t *at = rd_take(r, n);

	if (at != NULL)
		memcpy(dst, at, n);
	else
		memset(dst, 0, n);
}

// ---- writing ----

struct wr {
	uint8_t *base;
	size_t len; // octets written
	size_t cap; // octets at base
	int err;    // 0, -ENOBUFS, or what wr_fail() was told
};

// A place to come back to, with the error state of that moment.
struct wr_point {
	size_t len;
	int err;
};

static inline struct wr wr_over(void *buf, size_t cap)
{
	struct wr w = {(uint8_t *)buf, 0, cap, 0};

	return w;
}

static inline int wr_err(const struct wr *w)
{
	return w->err;
}

static inline void wr_fail(struct wr *w, int err)
{
	if (w->err == 0)
		w->err = err;
}

static inline size_t wr_left(const struct wr *w)
{
	return w->err == 0 ? w->cap - w->len : 0;
}

// What was written so far.
static inline struct span wr_span(const struct wr *w)
{
	return span_of(w->base, w->len);
}

// Room for n octets that the caller fills at once, or NULL and the sticky error.
static inline uint8_t *wr_take(struct wr *w, size_t n)
{
	uint8_t *at;

	if (w->err != 0 || n > w->cap - w->len) {
		wr_fail(w, -ENOBUFS);
		return NULL;
	}
	at = w->base + w->len;
	w->len += n;
	return at;
}

static inline void wr_u8(struct wr *w, uint8_t v)
{
	uint8_t *at = wr_take(w, 1);

	if (at != NULL)
		at[0] = v;
}

static inline void wr_u16(struct wr *w, uint16_t v)
{
	uint8_t *at = wr_take(w, 2);

	if (at != NULL)
		be16_put(at, v);
}

static inline void wr_u32(struct wr *w, uint32_t v)
{
	uint8_t *at = wr_take(w, 4);

	if (at != NULL)
		be32_put(at, v);
}

static inline void wr_u64(struct wr *w, uint64_t v)
{
	uint8_t *at = wr_take(w, 8);

	if (at != NULL)
		be64_put(at, v);
}

static inline void wr_vlu(struct wr *w, uint64_t v)
{
	uint8_t *at = wr_take(w, vlu_len(v));

	if (at != NULL)
		vlu_put(at, v);
}

static inline void wr_bytes(struct wr *w, const void *data, size_t len)
{
	uint8_t *at;

	if (len == 0)
		return;
	at = wr_take(w, len);
	if (at != NULL)
		memcpy(at, data, len);
}

static inline void wr_put_span(struct wr *w, struct span s)
{
	wr_bytes(w, s.data, s.len);
}

// `lenX:VLU X`
static inline void wr_span_vlu(struct wr *w, struct span s)
{
	wr_vlu(w, s.len);
	wr_put_span(w, s);
}

static inline struct wr_point wr_mark(const struct wr *w)
{
	struct wr_point p = {w->len, w->err};

	return p;
}

// Forgets everything written, and every error met, since the mark.
static inline void wr_rollback(struct wr *w, struct wr_point p)
{
	w->len = p.len;
	w->err = p.err;
}

// Ends a unit that was begun at p: 0, or the error with the unit rolled back. So "does it still
// fit into this packet?" is asked by trying.
static inline int wr_finish(struct wr *w, struct wr_point p)
{
	int err = w->err;

	if (err != 0)
		wr_rollback(w, p);
	return err;
}

#endif

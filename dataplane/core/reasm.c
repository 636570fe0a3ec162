#include "dataplane/core/reasm.h"

#include <string.h>

int cell_pool_init(struct cell_pool *p, uint32_t max)
{
	p->cells = pages_take((size_t)max * sizeof(*p->cells));
	return p->cells != NULL ? idx_pool_init(&p->free, max) : -ENOMEM;
}

void cell_pool_fini(struct cell_pool *p)
{
	pages_give(p->cells, (size_t)p->free.max * sizeof(*p->cells));
	idx_pool_fini(&p->free);
}

static void cells_put(struct cell_pool *p, uint32_t first)
{
	while (first != IDX_NONE) {
		uint32_t next = p->cells[first].next;

		idx_put(&p->free, first);
		first = next;
	}
}

// A chain that holds the body; IDX_NONE: not enough cells.
static uint32_t cells_get(struct cell_pool *p, struct span body, uint8_t fra)
{
	uint32_t first = IDX_NONE, *link = &first;
	uint16_t n = 0;
	size_t at = 0;

	do {
		size_t len = body.len - at < CELL_DATA ? body.len - at : CELL_DATA;
		uint32_t idx = idx_get(&p->free);

		*link = idx;
		if (idx == IDX_NONE) {
			cells_put(p, first);
			return IDX_NONE;
		}
		p->cells[idx].next = IDX_NONE;
		p->cells[idx].len = (uint16_t)len;
		if (len > 0)
			memcpy(p->cells[idx].data, body.data + at, len);
		link = &p->cells[idx].next;
		at += len;
		n++;
	} while (at < body.len);
	p->cells[first].total = (uint32_t)body.len;
	p->cells[first].n = n;
	p->cells[first].fra = fra;
	return first;
}

// ---- the ring ----

static enum slab_size slab_of(uint32_t mask)
{
	return mask == 255 ? SLAB_1K : mask == 1023 ? SLAB_4K : SLAB_16K;
}
static_assert(256 * sizeof(uint32_t) == 1024, "entries of the smallest ring fill their slab");
static_assert(REASM_SPAN_MAX * sizeof(uint32_t) == 16384, "and those of the largest");

// The fragment's first cell; NULL: not held.
static const struct cell *held(const struct reasm *r, const struct cell_pool *p, uint64_t sn)
{
	uint32_t idx;

	if (r->ring == NULL || sn < r->base || sn - r->base > r->mask)
		return NULL;
	idx = r->ring[sn & r->mask];
	return idx != IDX_NONE ? &p->cells[idx] : NULL;
}

// The first number from sn on that is held; end: none before it. Eight at a time, since a far end
// makes nearly REASM_SPAN_MAX numbers empty with one small packet, by its forward sequence number.
static uint64_t next_held(const struct reasm *r, uint64_t sn, uint64_t end)
{
	uint64_t n = r->base + r->mask - sn + 1; // to the ring's end; numbers may be near 2^64

	if (r->n == 0)
		return end;
	if (n > end - sn)
		n = end - sn;
	for (uint32_t step; n > 0; sn += step, n -= step) {
		const uint32_t *at = &r->ring[sn & r->mask];

		step = sn % 8 == 0 && n >= 8 ? 8 : 1;
		if (step == 8 &&
		    (at[0] & at[1] & at[2] & at[3] & at[4] & at[5] & at[6] & at[7]) != IDX_NONE)
			step = 1;
		if (step == 1 && *at != IDX_NONE)
			return sn;
	}
	return end;
}
static_assert(IDX_NONE == UINT32_MAX, "all ones: what is not held leaves the others as they are");

void reasm_init(struct reasm *r)
{
	*r = (struct reasm){.base = 1, .scanned = 1};
}

static int ring_resize(struct reasm *r, struct slabs *slabs, uint64_t n)
{
	uint32_t mask = n <= 256 ? 255 : n <= 1024 ? 1023 : REASM_SPAN_MAX - 1;
	uint32_t *ring = slab_get(slabs, slab_of(mask));

	if (ring == NULL)
		return -ENOBUFS;
	memset(ring, 0xff, (mask + 1) * sizeof(*ring)); // IDX_NONE
	if (r->ring != NULL) {
		for (uint32_t i = 0; i <= r->mask; i++)
			ring[(r->base + i) & mask] = r->ring[(r->base + i) & r->mask];
		slab_put(slabs, slab_of(r->mask), r->ring);
	}
	r->ring = ring;
	r->mask = mask;
	return 0;
}

static void ring_release(struct reasm *r, struct slabs *slabs)
{
	if (r->ring != NULL)
		slab_put(slabs, slab_of(r->mask), r->ring);
	r->ring = NULL;
	r->mask = 0;
}

int reasm_put(struct reasm *r, struct cell_pool *p, struct slabs *slabs, uint64_t cum, uint64_t sn,
	      uint8_t flags, struct span body)
{
	uint32_t idx;

	if (r->n == 0 && r->base <= cum) { // nothing there is held, and all of it has been seen
		r->has_gap = true;
		r->base = cum + 1;
	}
	assert(sn >= r->base);
	if (sn - r->base >= REASM_SPAN_MAX)
		return -ERANGE;
	if ((r->ring == NULL || sn - r->base > r->mask) &&
	    ring_resize(r, slabs, sn - r->base + 1) != 0)
		return -ENOBUFS;
	idx = cells_get(p, body, flags & USER_DATA_FRA);
	if (idx == IDX_NONE) {
		if (r->n == 0)
			ring_release(r, slabs);
		return -ENOBUFS;
	}
	assert(r->ring[sn & r->mask] == IDX_NONE);
	r->ring[sn & r->mask] = idx;
	r->n++;
	r->n_cells += p->cells[idx].n;
	r->n_octets += p->cells[idx].total;
	return 0;
}

static void forget(struct reasm *r, struct cell_pool *p, uint64_t sn)
{
	uint32_t idx = r->ring[sn & r->mask];

	r->n--;
	r->n_cells -= p->cells[idx].n;
	r->n_octets -= p->cells[idx].total;
	r->ring[sn & r->mask] = IDX_NONE;
	cells_put(p, idx);
}

void reasm_clear(struct reasm *r, struct cell_pool *p, struct slabs *slabs)
{
	for (uint64_t sn = r->base; r->n > 0; sn++) {
		sn = next_held(r, sn, UINT64_MAX);
		forget(r, p, sn);
	}
	r->scanned = r->base;
	ring_release(r, slabs);
}

// ---- messages ----

static bool is_begin(const struct cell *c)
{
	return c->fra == USER_DATA_FRA_BEGIN;
}

static bool is_whole(const struct cell *c)
{
	return c->fra == USER_DATA_FRA_WHOLE;
}

static bool is_middle(const struct cell *c)
{
	return c != NULL && c->fra == USER_DATA_FRA_MIDDLE;
}

static bool is_end(const struct cell *c)
{
	return c != NULL && c->fra == USER_DATA_FRA_END;
}

static void measure(const struct reasm *r, const struct cell_pool *p, struct segment *s)
{
	s->len = 0;
	for (uint64_t sn = s->first; sn <= s->last; sn++)
		s->len += held(r, p, sn)->total;
}

// Drops what is held of from..to-1 and never sees them again.
static void give_up(struct reasm *r, struct cell_pool *p, uint64_t to)
{
	uint64_t sn = r->base;

	while ((sn = next_held(r, sn, to)) < to)
		forget(r, p, sn);
	r->base = to;
	r->has_gap = true;
}

// Goes on along the message that begins at the base, up to cum at most.
static void scan(struct reasm *r, const struct cell_pool *p, uint64_t cum)
{
	const struct cell *c = held(r, p, r->base);

	if (r->scanned <= r->base) {
		r->scanned = r->base + 1;
		r->run_cells = c->n;
		r->run_octets = c->total;
	}
	while (r->scanned <= cum && is_middle(c = held(r, p, r->scanned))) {
		r->scanned++;
		r->run_cells += c->n;
		r->run_octets += c->total;
	}
}

bool reasm_next(struct reasm *r, struct cell_pool *p, struct slabs *slabs, uint64_t cum,
		struct segment *s)
{
	while (r->n > 0 && r->base <= cum) {
		const struct cell *c = held(r, p, r->base);
		uint64_t end = c != NULL ? r->base + 1 : next_held(r, r->base, cum + 1);

		if (c != NULL && is_whole(c)) {
			*s = (struct segment){r->base, r->base, c->total};
			return true;
		}
		if (c != NULL && is_begin(c)) {
			scan(r, p, cum);
			end = r->scanned;
			if (end > cum)
				return false; // in progress
			if (is_end(held(r, p, end))) {
				*s = (struct segment){.first = r->base, .last = end};
				measure(r, p, s);
				return true;
			}
		}
		// An orphan, a message whose rest was given up, or a number given up itself.
		give_up(r, p, end);
	}
	if (r->n == 0) {
		ring_release(r, slabs);
		if (r->base <= cum) {
			r->has_gap = true;
			r->base = cum + 1;
		}
	}
	return false;
}

bool reasm_around(const struct reasm *r, const struct cell_pool *p, uint64_t sn, struct segment *s)
{
	const struct cell *c = held(r, p, sn);

	s->first = s->last = sn;
	if (c == NULL)
		return false;
	if (!is_whole(c)) {
		while (is_middle(held(r, p, s->first)) || is_end(held(r, p, s->first)))
			s->first--;
		if (held(r, p, s->first) == NULL || !is_begin(held(r, p, s->first)))
			return false;
		s->last = s->first + 1;
		while (is_middle(held(r, p, s->last)))
			s->last++;
		if (!is_end(held(r, p, s->last)) || s->last < sn)
			return false;
	}
	measure(r, p, s);
	return true;
}

bool reasm_any(const struct reasm *r, const struct cell_pool *p, struct segment *s)
{
	uint32_t left = r->n;

	for (uint64_t sn = r->base; left > 0; sn++, left--) {
		const struct cell *c;

		sn = next_held(r, sn, UINT64_MAX);
		c = held(r, p, sn);
		if ((is_whole(c) || is_begin(c)) && reasm_around(r, p, sn, s))
			return true;
	}
	return false;
}

void reasm_skip_run(struct reasm *r, struct cell_pool *p)
{
	give_up(r, p, r->scanned);
}

void reasm_copy(const struct reasm *r, const struct cell_pool *p, const struct segment *s,
		uint8_t *dst)
{
	for (uint64_t sn = s->first; sn <= s->last; sn++) {
		for (uint32_t i = r->ring[sn & r->mask]; i != IDX_NONE; i = p->cells[i].next) {
			memcpy(dst, p->cells[i].data, p->cells[i].len);
			dst += p->cells[i].len;
		}
	}
}

void reasm_drop(struct reasm *r, struct cell_pool *p, struct slabs *slabs, const struct segment *s)
{
	for (uint64_t sn = s->first; sn <= s->last; sn++)
		forget(r, p, sn);
	if (s->first == r->base)
		r->base = s->last + 1;
	if (r->n == 0)
		ring_release(r, slabs);
}

void reasm_expect(struct reasm *r, uint64_t sn)
{
	assert(r->n == 0 && r->base <= sn);
	if (r->base < sn)
		r->has_gap = true;
	r->base = sn;
}

// The receive buffer of a flow (RFC 7016 §3.6.3.3, RECV_BUFFER): fragments that cannot be given out
// yet, because their message is not whole, an earlier one is missing, or nobody takes it now.
//
// Octets lie in cells of one pool; a ring of cell indices at n & mask finds fragment n. Both are
// bounded, and what they charge to the flow's window is the memory they really hold, so many tiny
// fragments cost their sender as much window as they cost us memory.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/core/idx_pool.h"
#include "dataplane/core/slab.h"
#include "dataplane/wire/chunk.h"

#define CELL_BYTES     320 // 4 cells hold a full fragment
#define CELL_DATA      (CELL_BYTES - 16)
#define REASM_SPAN_MAX 4096 // numbers between the oldest and the newest fragment held

struct cell {
	uint32_t next;  // of the same fragment
	uint32_t total; // first cell: octets of the fragment
	uint16_t len;   // octets here
	uint16_t n;     // first cell: cells of the fragment
	uint8_t fra;    // first cell: USER_DATA_FRA_*
	uint8_t rsv[3];
	uint8_t data[CELL_DATA];
};
static_assert(sizeof(struct cell) == CELL_BYTES, "five lines");

struct cell_pool {
	struct cell *cells;
	struct idx_pool free;
};

struct reasm {
	uint64_t base;    // nothing below is held or will be
	uint64_t scanned; // in order: base..scanned-1 are held, a beginning and its middles,
	uint32_t run_cells, run_octets; // and so long; if scanned is not above base: nothing
	uint32_t *ring;    // index of the first cell, or IDX_NONE; NULL: nothing is held
	uint32_t mask;     // of the ring
	uint32_t n;        // fragments held
	uint32_t n_cells;  // and their cells
	uint32_t n_octets; // and their octets
	bool has_gap;      // a number below base, since the last message given out, was given up
};

int cell_pool_init(struct cell_pool *, uint32_t max);
void cell_pool_fini(struct cell_pool *);

void reasm_init(struct reasm *);
void reasm_clear(struct reasm *, struct cell_pool *, struct slabs *);

// Bytes that count against the flow's window.
static inline uint32_t reasm_bytes(const struct reasm *r)
{
	return r->n_cells * CELL_BYTES;
}

// The message that is coming in: in order as far as it is here, its end is not.
static inline bool reasm_has_run(const struct reasm *r)
{
	return r->n > 0 && r->scanned > r->base;
}

static inline uint32_t reasm_run_bytes(const struct reasm *r)
{
	return reasm_has_run(r) ? r->run_cells * CELL_BYTES : 0;
}

// What a fragment of so many octets will count.
static inline uint32_t reasm_charge(size_t len)
{
	return (uint32_t)(len == 0 ? 1 : (len + CELL_DATA - 1) / CELL_DATA) * CELL_BYTES;
}

// Keeps fragment sn, which is not held and not below base. cum: top of the contiguous numbers seen.
// -ERANGE: too far ahead, -ENOBUFS: no memory.
int reasm_put(struct reasm *, struct cell_pool *, struct slabs *, uint64_t cum, uint64_t sn,
	      uint8_t flags, struct span body);

// A whole message: fragments first..last.
struct segment {
	uint64_t first, last;
	uint32_t len; // octets of all
};

// The next message in original order. On the way, fragments of messages that can never become whole
// are dropped: those whose missing number is at or below cum (§3.6.3.3). False: none now.
bool reasm_next(struct reasm *, struct cell_pool *, struct slabs *, uint64_t cum, struct segment *);
// Nothing is held or missing up to cum: reasm_next would find nothing to do.
static inline bool reasm_is_idle(const struct reasm *r, uint64_t cum)
{
	return r->n == 0 && r->ring == NULL && r->base > cum;
}

// The message that fragment sn belongs to, in any order. False: it is not whole.
bool reasm_around(const struct reasm *, const struct cell_pool *, uint64_t sn, struct segment *);
// Any whole message.
bool reasm_any(const struct reasm *, const struct cell_pool *, struct segment *);

// The message that is coming in will never be given out; the rest of it are orphans.
void reasm_skip_run(struct reasm *, struct cell_pool *);

void reasm_copy(const struct reasm *, const struct cell_pool *, const struct segment *,
		uint8_t *dst);
// Forgets the message; in original order it was the oldest.
void reasm_drop(struct reasm *, struct cell_pool *, struct slabs *, const struct segment *);
// In original order and with nothing held: sn comes next, nothing below it will.
void reasm_expect(struct reasm *, uint64_t sn);

// The fragments of one stream that an engine holds (groups.md 6.2, fastpath.md 2): a log of records
// in order of arrival, and an index over it by fragment number.
//
// The log is what a fan-out walks: everybody who wants a fragment gets it once, in the order in
// which we got it, whatever its number. A *position* names a place in the log, is compared as a
// plain integer and stays good for ever: what has left is simply below tail_pos. The index answers
// pulls and retransmissions: number -> record, or "gone". So nobody counts references.
//
// A record is kept for keep_ms after its arrival; then its extent, the log's oldest, is given back.
#pragma once

#include <assert.h>
#include <stdalign.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dataplane/core/extents.h"
#include "dataplane/wire/limits.h"
#include "dataplane/wire/span.h"

#define RECORD_STEP     64    // records begin at multiples of this
#define WINDOW_NUMBERS  65536 // the newest number held minus the oldest is less
#define WINDOW_BLOCKS   (WINDOW_NUMBERS / BLOCK_NUMBERS)
#define WINDOW_BODY_MAX 1100 // octets of one fragment, its header included; relay.c allows less
#define BODY_PADDING    16   // octets of ff behind a body: the packet's padding without a copy
#define LINK_NONE       UINT32_MAX

// One fragment in the log. The body is the whole GR-12 message, passed on as it came.
struct record {
	uint64_t no;
	uint32_t arrival_ms;
	uint32_t from;    // link that brought it, LINK_NONE: published here, or from another worker
	uint32_t ordinal; // records appended before it; differences are lags
	uint16_t len;     // octets of body
	uint16_t sum;     // csum_partial of the body, computed once
	uint8_t is_key;   // key frame or codec header: worth sending until window + margin
	uint8_t is_spread; // somebody was sent it
	uint8_t is_elses;  // another worker's neighbour or command brought it
	uint8_t is_old;    // it was there before this worker took part: pulled, never pushed
	uint8_t is_pulled; // we had asked for it
	uint8_t rsv[3];
	uint8_t body[];
};
static_assert(sizeof(struct record) == 32, "half a line before the body");

struct window {
	// A line of what every record that comes or goes looks at.
	// Numbers below tail_no are gone for good; [tail_no, head_no) may be held.
	alignas(64) uint64_t tail_no;
	uint64_t head_no;
	uint64_t low_no; // lowest number ever held
	// Positions of the oldest record and of the next one.
	uint64_t tail_pos, head_pos;
	uint64_t bytes_held;
	uint32_t last;     // newest extent
	uint32_t n_forced; // extents given back early, for want of memory
	uint32_t ordinal_next;
	uint32_t n_held; // numbers that the index finds
	// The rest.
	alignas(64) uint64_t seq_next; // of the next extent
	uint64_t n_missing;            // numbers that went below tail_no and had never come
	uint32_t first;                // oldest extent
	uint32_t n_extents, extents_max;
	uint32_t keep_ms;
	uint32_t shorter_ms, shorter_at_ms; // what it will be from then on; 0: what it is
	alignas(64) struct window_block {
		uint32_t idx;  // of the pool; EXTENT_NONE: no entry of it is in use
		uint32_t used; // entries
	} block[WINDOW_BLOCKS];
};
static_assert(offsetof(struct window, seq_next) == 64, "one line for most");

void window_init(struct window *, uint32_t extents_max, uint32_t keep_ms);
void window_clear(struct window *, struct extents *); // gives everything back
// For how long records are kept. Those that others were told of stay as long as they were told
// (E-13): a shorter time begins when they have left.
void window_keep(struct window *, uint32_t keep_ms, uint32_t now_ms);

// Appends a copy of the body. 0, or
//   -EEXIST  the number is held already
//   -ESTALE  below tail_no, or it was here and has left
//   -ERANGE  more than FRAGMENTS_MAP_JUMP_MAX ahead of the newest (groups.md 10.5), or so far that
//   the
//            numbers held would have to go
//   -ENOMEM  no extent or index block
// body.len is 1..WINDOW_BODY_MAX. Short of memory the window gives up its own oldest extent first.
int window_append(struct window *, struct extents *, uint64_t no, struct span body, uint32_t from,
		  bool is_key, uint32_t now_ms);
// The same of a record that was one elsewhere: `head` but for its ordinal as it shall be.
int window_append_record(struct window *, struct extents *, const struct record *head,
			 const uint8_t *body, uint32_t now_ms);

// Gives back what is older than keep_ms. True: something went.
bool window_age(struct window *, struct extents *, uint32_t now_ms);
// When window_age will have something to do; false: never, as things are.
bool window_age_due(const struct window *, const struct extents *, uint32_t *at_ms);

// An index entry: 0, or ENTRY_LEFT, or ENTRY_HELD and the record's position without its seq.
#define ENTRY_LEFT 1u
#define ENTRY_HELD (1u << 31)

static inline uint32_t window_entry(const struct window *w, const struct extents *x, uint64_t no)
{
	uint32_t block;

	if (no < w->tail_no || no >= w->head_no)
		return 0;
	block = w->block[no % WINDOW_NUMBERS / BLOCK_NUMBERS].idx;
	return block != EXTENT_NONE ? x->blocks[block].entry[no % BLOCK_NUMBERS] : 0;
}

static inline bool window_has(const struct window *w, const struct extents *x, uint64_t no)
{
	return (window_entry(w, x, no) & ENTRY_HELD) != 0;
}

// Positions: the extent's seq, its index in the pool, and the step in it. The extent's end (its
// step number `used`) is a place too: the same as the beginning of the next.
#define POS_STEP_BITS   11
#define POS_EXTENT_BITS 18
#define POS_SEQ_SHIFT   (POS_STEP_BITS + POS_EXTENT_BITS)
#define EXTENTS_MAX     (1u << POS_EXTENT_BITS)

static inline uint64_t pos_make(uint64_t seq, uint32_t extent, uint32_t step)
{
	return seq << POS_SEQ_SHIFT | (uint64_t)extent << POS_STEP_BITS | step;
}
static inline uint32_t pos_step(uint64_t pos)
{
	return pos & ((1u << POS_STEP_BITS) - 1);
}
static inline uint32_t pos_extent(uint64_t pos)
{
	return pos >> POS_STEP_BITS & (EXTENTS_MAX - 1);
}

static inline uint32_t record_steps(uint32_t body_len)
{
	return (uint32_t)(sizeof(struct record) + body_len + BODY_PADDING + RECORD_STEP - 1) /
	       RECORD_STEP;
}

static inline const struct record *record_over(const struct extents *x, uint32_t extent,
					       uint32_t step)
{
	return (const struct record *)(extent_data(x, extent) + (size_t)step * RECORD_STEP);
}

// NULL: gone, or not here yet.
static inline const struct record *window_find(const struct window *w, const struct extents *x,
					       uint64_t no)
{
	uint32_t entry = window_entry(w, x, no);

	if ((entry & ENTRY_HELD) == 0)
		return NULL;
	return record_over(x, pos_extent(entry & ~ENTRY_HELD), pos_step(entry));
}

// Its marks may change; never its number, length or body, which others may be reading.
static inline struct record *window_find_mut(struct window *w, struct extents *x, uint64_t no)
{
	return (struct record *)window_find(w, x, no);
}

// Where a number that is held stands in the log.
static inline uint64_t window_pos(const struct window *w, const struct extents *x, uint64_t no)
{
	uint32_t entry = window_entry(w, x, no) & ~ENTRY_HELD;

	return pos_make(x->extent[pos_extent(entry)].seq, pos_extent(entry), pos_step(entry));
}

// The record at *pos, or the next one if that has left; *pos moves to it. NULL: *pos is the head.
static inline const struct record *window_at(const struct window *w, const struct extents *x,
					     uint64_t *pos)
{
	uint32_t extent, step;

	if (*pos < w->tail_pos)
		*pos = w->tail_pos;
	if (*pos >= w->head_pos)
		return NULL;
	extent = pos_extent(*pos);
	step = pos_step(*pos);
	if (step == x->extent[extent].used) { // not the last extent, or *pos were the head
		extent = x->extent[extent].next;
		step = 0;
		*pos = pos_make(x->extent[extent].seq, extent, 0);
		if (*pos >= w->head_pos)
			return NULL;
	}
	return record_over(x, extent, step);
}

// The position behind a record.
static inline uint64_t window_after(uint64_t pos, const struct record *rec)
{
	return pos + record_steps(rec->len);
}

// Age of a record; good for 24 days either way.
static inline bool record_is_older(const struct record *rec, uint32_t ms, uint32_t now_ms)
{
	return (int32_t)(now_ms - rec->arrival_ms) >= (int32_t)ms;
}

#include "dataplane/core/window.h"

#include <errno.h>
#include <string.h>

#include "crypto/checksum.h"

#define EXTENT_STEPS (EXTENT_BYTES / RECORD_STEP)
#define NUMBER_MAX   (UINT64_MAX / 2) // sums of numbers do not wrap

static_assert(EXTENT_STEPS < 1u << POS_STEP_BITS, "an extent's end is a position, too");
static_assert(POS_SEQ_SHIFT < 31, "an entry holds extent and step");
static_assert(EXTENT_STEPS <= BLOCK_NUMBERS, "one index block per extent is enough");

void window_init(struct window *w, uint32_t extents_max, uint32_t keep_ms)
{
	*w = (struct window){
		.first = EXTENT_NONE,
		.last = EXTENT_NONE,
		.extents_max = extents_max,
		.keep_ms = keep_ms,
		.seq_next = 1,
		.tail_pos = pos_make(1, 0, 0),
		.head_pos = pos_make(1, 0, 0),
	};
	for (uint32_t i = 0; i < WINDOW_BLOCKS; i++)
		w->block[i].idx = EXTENT_NONE;
}

// -- the index --

static uint32_t block_at(uint64_t no)
{
	return no % WINDOW_NUMBERS / BLOCK_NUMBERS;
}

static int index_reserve(struct window *w, struct extents *x, uint64_t no)
{
	uint32_t *block = &w->block[block_at(no)].idx;

	if (*block == EXTENT_NONE)
		*block = index_block_get(x);
	return *block != EXTENT_NONE ? 0 : -ENOMEM;
}

static uint32_t *index_entry(const struct window *w, struct extents *x, uint64_t no)
{
	return &x->blocks[w->block[block_at(no)].idx].entry[no % BLOCK_NUMBERS];
}

static void index_put(struct window *w, struct extents *x, uint64_t no, uint32_t extent,
		      uint32_t step)
{
	*index_entry(w, x, no) = ENTRY_HELD | (uint32_t)pos_make(0, extent, step);
	w->block[block_at(no)].used++;
	w->n_held++;
}

// The record is no longer found. That it was here stays known until the tail passes, or a straggler
// would bring it a second time.
static void index_mark_left(struct window *w, struct extents *x, const struct record *rec)
{
	*index_entry(w, x, rec->no) = ENTRY_LEFT;
	w->bytes_held -= rec->len;
	w->n_held--;
}

// Moves the tail over numbers [tail_no, to) that share an index block and are not held.
static void tail_pass(struct window *w, struct extents *x, uint64_t to)
{
	uint32_t at = block_at(w->tail_no);

	for (; w->tail_no < to; w->tail_no++) {
		uint32_t *entry =
			w->block[at].idx != EXTENT_NONE ? index_entry(w, x, w->tail_no) : NULL;

		if (entry == NULL || *entry == 0) {
			w->n_missing += w->tail_no > w->low_no;
			continue;
		}
		*entry = 0;
		if (--w->block[at].used == 0) {
			index_block_put(x, w->block[at].idx);
			w->block[at].idx = EXTENT_NONE;
		}
	}
}

// Numbers that nobody will ask for again: the lowest one held becomes the tail.
static void tail_settle(struct window *w, struct extents *x)
{
	while (w->tail_no < w->head_no && !window_has(w, x, w->tail_no))
		tail_pass(w, x, w->tail_no + 1);
}

// The index is a ring: the lowest numbers make room. Their records stay in the log until they age.
static void tail_raise(struct window *w, struct extents *x, uint64_t tail_no)
{
	while (w->tail_no < tail_no && w->tail_no < w->head_no) {
		const struct record *rec = window_find(w, x, w->tail_no);

		if (rec != NULL)
			index_mark_left(w, x, rec);
		tail_pass(w, x, w->tail_no + 1);
	}
	if (w->tail_no < tail_no) // never heard of
		w->tail_no = tail_no;
}

// -- the log --

static void oldest_leaves(struct window *w, struct extents *x)
{
	uint32_t idx = w->first;
	struct extent *ext = &x->extent[idx];

	for (uint32_t step = 0; step < ext->used;) {
		const struct record *rec = record_over(x, idx, step);

		if (window_find(w, x, rec->no) ==
		    rec) // else its number went earlier, see tail_raise
			index_mark_left(w, x, rec);
		step += record_steps(rec->len);
	}
	w->first = ext->next;
	w->n_extents--;
	if (w->first == EXTENT_NONE) {
		w->last = EXTENT_NONE;
		w->head_pos = pos_make(w->seq_next, 0, 0);
		w->tail_pos = w->head_pos;
	} else {
		w->tail_pos = pos_make(x->extent[w->first].seq, w->first, 0);
	}
	extent_put(x, idx);
	tail_settle(w, x);
}

// A new extent at the head; the window's own oldest has to go where there is none to be had.
static int head_extend(struct window *w, struct extents *x, uint32_t now_ms)
{
	uint32_t idx;

	if (w->n_extents >= w->extents_max || x->n_extents_free == 0) {
		// What another worker still reads would not be ours yet.
		if (w->n_extents == 0 || (x->n_extents_free == 0 && x->extent[w->first].n_lent > 0))
			return -ENOMEM;
		oldest_leaves(w, x);
		w->n_forced++;
	}
	idx = extent_get(x);
	x->extent[idx].seq = w->seq_next++;
	x->extent[idx].last_ms = now_ms;
	if (w->last != EXTENT_NONE) {
		x->extent[w->last].next = idx;
	} else {
		w->first = idx;
		w->tail_pos = pos_make(x->extent[idx].seq, idx, 0);
	}
	w->last = idx;
	w->n_extents++;
	w->head_pos = pos_make(x->extent[idx].seq, idx, 0);
	return 0;
}

// -- numbers --

static int number_check(const struct window *w, const struct extents *x, uint64_t no)
{
	uint64_t ahead;

	if (w->head_no == 0)
		return no > 0 && no < NUMBER_MAX ? 0 : -ERANGE;
	if (no < w->tail_no)
		return -ESTALE;
	if (no < w->head_no && window_entry(w, x, no) != 0)
		return window_has(w, x, no) ? -EEXIST : -ESTALE;
	if (no < w->head_no)
		return 0;
	ahead = no - (w->head_no - 1);
	if (ahead > FRAGMENTS_MAP_JUMP_MAX || no >= NUMBER_MAX)
		return -ERANGE;
	// A live window is not given up for one number: whoever sends it may be lying.
	return ahead > WINDOW_NUMBERS / 2 && w->n_held > 0 ? -ERANGE : 0;
}

static void number_enter(struct window *w, struct extents *x, uint64_t no)
{
	if (w->head_no == 0) { // older ones may still be pulled
		w->tail_no = no > WINDOW_NUMBERS / 2 ? no - WINDOW_NUMBERS / 2 : 1;
		w->low_no = no;
	}
	if (no >= w->tail_no + WINDOW_NUMBERS)
		tail_raise(w, x, no - WINDOW_NUMBERS + 1);
	if (no < w->low_no)
		w->low_no = no;
	if (no >= w->head_no)
		w->head_no = no + 1;
}

// Records of another worker's window come with the age that they have.
static void extent_touch(struct extent *ext, uint32_t arrival_ms)
{
	if ((int32_t)(arrival_ms - ext->last_ms) > 0)
		ext->last_ms = arrival_ms;
}

static void record_write(struct window *w, struct extents *x, const struct record *head,
			 const uint8_t *body)
{
	struct extent *ext = &x->extent[w->last];
	uint8_t *at = extent_data(x, w->last) + (size_t)ext->used * RECORD_STEP;

	memcpy(at, head, sizeof(*head));
	memcpy(at + sizeof(*head), body, head->len);
	memset(at + sizeof(*head) + head->len, 0xff, BODY_PADDING);
	ext->used = (uint16_t)(ext->used + record_steps(head->len));
	extent_touch(ext, head->arrival_ms);
	w->bytes_held += head->len;
	w->head_pos = pos_make(ext->seq, w->last, ext->used);
}

static int append(struct window *w, struct extents *x, struct record *head, const uint8_t *body,
		  uint32_t now_ms)
{
	uint64_t no = head->no;
	int err = 0;

	assert(head->len > 0 && head->len <= WINDOW_BODY_MAX);
	if (w->last == EXTENT_NONE ||
	    x->extent[w->last].used + record_steps(head->len) > EXTENT_STEPS)
		err = head_extend(w, x, now_ms);
	if (err != 0)
		return err;
	if (no < w->tail_no) // the oldest extent had to go, and the numbers around this one with it
		return -ESTALE;
	number_enter(w, x, no);
	err = index_reserve(w, x, no);
	if (err != 0)
		return err;
	head->ordinal = w->ordinal_next++;
	index_put(w, x, no, w->last, x->extent[w->last].used);
	record_write(w, x, head, body);
	return 0;
}

int window_append(struct window *w, struct extents *x, uint64_t no, struct span body, uint32_t from,
		  bool is_key, uint32_t now_ms)
{
	struct record head = {.no = no,
			      .arrival_ms = now_ms,
			      .from = from,
			      .len = (uint16_t)body.len,
			      .is_key = is_key};
	int err = number_check(w, x, no);

	if (err != 0)
		return err;
	head.sum = csum_partial(body.data, body.len);
	return append(w, x, &head, body.data, now_ms);
}

int window_append_record(struct window *w, struct extents *x, const struct record *head,
			 const uint8_t *body, uint32_t now_ms)
{
	struct record copy = *head;
	int err = number_check(w, x, head->no);

	return err != 0 ? err : append(w, x, &copy, body, now_ms);
}

// -- age --

void window_keep(struct window *w, uint32_t keep_ms, uint32_t now_ms)
{
	bool is_shorter = keep_ms < w->keep_ms;

	w->shorter_ms = is_shorter ? keep_ms : 0;
	w->shorter_at_ms = now_ms + w->keep_ms;
	if (!is_shorter)
		w->keep_ms = keep_ms;
}

bool window_age_due(const struct window *w, const struct extents *x, uint32_t *at_ms)
{
	if (w->first == EXTENT_NONE)
		return false;
	*at_ms = x->extent[w->first].last_ms + w->keep_ms;
	return true;
}

bool window_age(struct window *w, struct extents *x, uint32_t now_ms)
{
	bool has_left = false;
	uint32_t at_ms;

	if (w->shorter_ms != 0 && (int32_t)(now_ms - w->shorter_at_ms) >= 0) {
		w->keep_ms = w->shorter_ms;
		w->shorter_ms = 0;
	}
	while (window_age_due(w, x, &at_ms) && (int32_t)(now_ms - at_ms) >= 0) {
		oldest_leaves(w, x);
		has_left = true;
	}
	return has_left;
}

void window_clear(struct window *w, struct extents *x)
{
	while (w->first != EXTENT_NONE)
		oldest_leaves(w, x);
}

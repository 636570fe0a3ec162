#include "dataplane/core/timer.h"

#include <assert.h>
#include <stdlib.h>

#include "dataplane/pages.h"

#define NONE UINT32_MAX

// Lists: none (what zero pages say), one per slot, and the slot that is being looked at.
#define LIST_NONE     0
#define LIST_OF(tick) ((uint16_t)((tick) % TIMER_SLOTS + 1))
#define LIST_FIRING   (TIMER_SLOTS + 1)
#define LISTS         (TIMER_SLOTS + 2)

struct timer_entry {
	uint32_t at_ms, next, prev;
	uint16_t list;
};
static_assert(sizeof(struct timer_entry) == TIMER_ENTRY_BYTES, "timer.h");

struct timer_wheel {
	uint32_t n, n_set;
	uint32_t done_tick; // slots up to here have been looked at
	uint32_t now_tick;  // of the latest timer_expire
	// The next slot that holds something, so that nobody searches for it who only asks when; it
	// is not known again once that slot is empty.
	uint32_t next_tick;
	bool next_is_known;
	bool is_firing; // LIST_FIRING may hold something
	struct timer_entry *entries;
	uint64_t used[LISTS / 64 + 1]; // bit per list: not empty
	uint32_t head[LISTS];
};

struct timer_wheel *timer_wheel_create(uint32_t n)
{
	struct timer_wheel *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return NULL;
	w->n = n;
	w->entries = pages_take(n * sizeof(*w->entries));
	if (w->entries == NULL) {
		free(w);
		return NULL;
	}
	for (uint32_t i = 0; i < LISTS; i++)
		w->head[i] = NONE;
	return w;
}

void timer_wheel_start(struct timer_wheel *w, uint32_t now_ms)
{
	w->now_tick = now_ms / TIMER_TICK_MS;
	w->done_tick = w->now_tick;
}

void timer_wheel_destroy(struct timer_wheel *w)
{
	if (w == NULL)
		return;
	pages_give(w->entries, w->n * sizeof(*w->entries));
	free(w);
}

static void link_to(struct timer_wheel *w, uint32_t entry, uint16_t list)
{
	struct timer_entry *t = &w->entries[entry];

	t->list = list;
	t->prev = NONE;
	t->next = w->head[list];
	if (t->next != NONE)
		w->entries[t->next].prev = entry;
	w->head[list] = entry;
	w->used[list / 64] |= 1ull << list % 64;
}

static void unlink_from(struct timer_wheel *w, uint32_t entry)
{
	struct timer_entry *t = &w->entries[entry];
	uint16_t list = t->list;

	if (t->prev != NONE)
		w->entries[t->prev].next = t->next;
	else
		w->head[list] = t->next;
	if (t->next != NONE)
		w->entries[t->next].prev = t->prev;
	if (w->head[list] == NONE) {
		w->used[list / 64] &= ~(1ull << list % 64);
		w->next_is_known &= list != LIST_OF(w->next_tick);
	}
	t->list = LIST_NONE;
}

// The wheel turns in 30 bits (ms wrap at 32), so ticks are compared by their ms.
static bool tick_is_before(uint32_t a, uint32_t b)
{
	return (int32_t)((a - b) * TIMER_TICK_MS) < 0;
}

static void insert(struct timer_wheel *w, uint32_t entry)
{
	uint32_t tick =
		(w->entries[entry].at_ms + TIMER_TICK_MS - 1) / TIMER_TICK_MS; // never early

	if (!tick_is_before(w->now_tick, tick))
		tick = w->now_tick + 1;
	link_to(w, entry, LIST_OF(tick));
	// Where its slot comes round before its time, that is when it is looked at.
	tick = w->done_tick + 1 + (tick - w->done_tick - 1) % TIMER_SLOTS;
	if (w->next_is_known && tick_is_before(tick, w->next_tick))
		w->next_tick = tick;
}

bool timer_is_set(const struct timer_wheel *w, uint32_t entry)
{
	return w->entries[entry].list != LIST_NONE;
}

uint32_t timer_at_ms(const struct timer_wheel *w, uint32_t entry)
{
	return w->entries[entry].at_ms;
}

void timer_cancel(struct timer_wheel *w, uint32_t entry)
{
	if (!timer_is_set(w, entry))
		return;
	unlink_from(w, entry);
	w->n_set--;
}

void timer_set(struct timer_wheel *w, uint32_t entry, uint32_t at_ms)
{
	timer_cancel(w, entry);
	w->entries[entry].at_ms = at_ms;
	insert(w, entry);
	w->n_set++;
}

// Moves a slot's entries aside, since looking at them may put entries into it again.
static void slot_to_firing(struct timer_wheel *w, uint16_t list)
{
	uint32_t entry = w->head[list];

	w->head[LIST_FIRING] = entry;
	w->is_firing = true;
	w->head[list] = NONE;
	w->used[list / 64] &= ~(1ull << list % 64);
	w->next_is_known &= list != LIST_OF(w->next_tick);
	for (; entry != NONE; entry = w->entries[entry].next)
		w->entries[entry].list = LIST_FIRING;
}

static bool pop_firing(struct timer_wheel *w, uint32_t now_ms, uint32_t *entry)
{
	while (w->is_firing && w->head[LIST_FIRING] != NONE) {
		*entry = w->head[LIST_FIRING];
		unlink_from(w, *entry);
		if ((int32_t)(now_ms - w->entries[*entry].at_ms) >= 0) {
			w->n_set--;
			return true;
		}
		insert(w, *entry); // another round, then
	}
	w->is_firing = false;
	return false;
}

// How many slots from this tick on are empty; TIMER_SLOTS: all.
static uint32_t empty_from(const struct timer_wheel *w, uint32_t tick)
{
	uint32_t i = 0;

	while (i < TIMER_SLOTS) {
		uint32_t list = LIST_OF(tick + i), step = 64 - list % 64;
		uint64_t word = w->used[list / 64] >> list % 64;

		// LIST_FIRING follows the circle's last list, whose next one is the first.
		if (step > TIMER_SLOTS + 1 - list) {
			step = TIMER_SLOTS + 1 - list;
			word &= (1ull << step) - 1;
		}
		if (word != 0)
			return i + (uint32_t)__builtin_ctzll(word);
		i += step;
	}
	return TIMER_SLOTS;
}

// The next slot after those that were looked at that holds something; one is set.
static uint32_t next_tick(struct timer_wheel *w)
{
	if (!w->next_is_known) {
		w->next_tick = w->done_tick + 1 + empty_from(w, w->done_tick + 1);
		w->next_is_known = true;
	}
	return w->next_tick;
}

// To the next slot that holds something, or up to now. False: now is reached.
static bool next_slot(struct timer_wheel *w)
{
	if (!tick_is_before(w->done_tick, w->now_tick))
		return false;
	if (w->n_set == 0 || tick_is_before(w->now_tick, next_tick(w))) {
		w->done_tick = w->now_tick;
		return false;
	}
	w->done_tick = w->next_tick;
	return true;
}

bool timer_expire(struct timer_wheel *w, uint32_t now_ms, uint32_t *entry)
{
	w->now_tick = now_ms / TIMER_TICK_MS;
	if (tick_is_before(w->done_tick, w->now_tick - TIMER_SLOTS)) { // slept long: each slot once
		w->done_tick = w->now_tick - TIMER_SLOTS;
		w->next_is_known = false;
	}
	while (!pop_firing(w, now_ms, entry)) {
		if (!next_slot(w))
			return false;
		slot_to_firing(w, LIST_OF(w->done_tick));
	}
	return true;
}

uint32_t timer_wait_ms(struct timer_wheel *w, uint32_t now_ms)
{
	int32_t wait;

	if (w->n_set == 0)
		return UINT32_MAX;
	wait = (int32_t)(next_tick(w) * TIMER_TICK_MS - now_ms);
	return wait > 0 ? (uint32_t)wait : 0;
}

const uint8_t *timer_entries(const struct timer_wheel *w)
{
	return (const uint8_t *)w->entries;
}

const uint32_t *timer_next(const struct timer_wheel *w)
{
	return w->n_set > 0 && w->next_is_known ? &w->head[LIST_OF(w->next_tick)] : NULL;
}

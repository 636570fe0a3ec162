#include "dataplane/core/timer.h"

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

struct timer_wheel {
	uint32_t n, n_set;
	uint32_t done_tick; // slots up to here have been looked at
	uint32_t now_tick;  // of the latest timer_expire
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
	if (w->head[list] == NONE)
		w->used[list / 64] &= ~(1ull << list % 64);
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
	w->head[list] = NONE;
	w->used[list / 64] &= ~(1ull << list % 64);
	for (; entry != NONE; entry = w->entries[entry].next)
		w->entries[entry].list = LIST_FIRING;
}

static bool pop_firing(struct timer_wheel *w, uint32_t now_ms, uint32_t *entry)
{
	while (w->head[LIST_FIRING] != NONE) {
		*entry = w->head[LIST_FIRING];
		unlink_from(w, *entry);
		if ((int32_t)(now_ms - w->entries[*entry].at_ms) >= 0) {
			w->n_set--;
			return true;
		}
		insert(w, *entry); // another round, then
	}
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

// To the next slot that holds something, or up to now. False: now is reached.
static bool next_slot(struct timer_wheel *w)
{
	uint32_t left = w->now_tick - w->done_tick, n_empty; // modulo 2^32, of which 2^30 are used

	if (!tick_is_before(w->done_tick, w->now_tick))
		return false;
	left &= UINT32_MAX / TIMER_TICK_MS;
	n_empty = empty_from(w, w->done_tick + 1);
	if (n_empty >= left) {
		w->done_tick = w->now_tick;
		return false;
	}
	w->done_tick += n_empty + 1;
	return true;
}

bool timer_expire(struct timer_wheel *w, uint32_t now_ms, uint32_t *entry)
{
	w->now_tick = now_ms / TIMER_TICK_MS;
	if (tick_is_before(w->done_tick, w->now_tick - TIMER_SLOTS)) // slept long: each slot once
		w->done_tick = w->now_tick - TIMER_SLOTS;
	while (!pop_firing(w, now_ms, entry)) {
		if (!next_slot(w))
			return false;
		slot_to_firing(w, LIST_OF(w->done_tick));
	}
	return true;
}

uint32_t timer_wait_ms(const struct timer_wheel *w, uint32_t now_ms)
{
	uint32_t tick = w->done_tick + 1;
	int32_t wait;

	if (w->n_set == 0)
		return UINT32_MAX;
	tick += empty_from(w, tick);
	wait = (int32_t)(tick * TIMER_TICK_MS - now_ms);
	return wait > 0 ? (uint32_t)wait : 0;
}

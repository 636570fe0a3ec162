#include "dataplane/core/push_room.h"

#define SLOTS        8 // groups.md 6.1
#define SETTLE_MS    1500
#define LEFT_FIRST   100 // of a thousand
#define LEFT_MORE    20
#define LEFT_LESS    5
#define LEFT_MAX     200
#define UNUSED_PARTS 4
#define WAITING_FEW  8
#define USED         985 // of a thousand of a budget: as good as all

void push_room_init(struct push_room *r)
{
	*r = (struct push_room){.slots = PUSH_ROOM_ALL, .left_permille = LEFT_FIRST};
}

// Pulls leave after pushes, so it is they that wait where too much is promised: for more than two
// looks.
static bool is_starved(const struct push_room_look *l)
{
	return l->n_waiting > 2 * l->n_pulled + WAITING_FEW;
}

// A budget is promised as far as it is kept: what is late has to be made up for, and what nobody
// pulls is left to promise: a quarter of what was not used, so that a second is enough for most of
// it.
static void learn(struct push_room *r, const struct push_room_look *l)
{
	if (((l->is_late && r->settle_ms == 0) || is_starved(l)) && r->left_permille < LEFT_MAX) {
		r->left_permille += LEFT_MORE;
		r->settle_ms = SETTLE_MS;
	} else if (!l->is_late && !is_starved(l) && l->bytes * 1000 < l->budget_bytes * USED) {
		uint64_t unused = 1000 - l->bytes * 1000 / l->budget_bytes;
		uint64_t less = LEFT_LESS + unused / UNUSED_PARTS;

		r->left_permille -= r->left_permille < less ? r->left_permille : (uint16_t)less;
	}
}

// PUSH_ROOM_ALL: there is no budget, or nothing comes.
static uint32_t promised(const struct push_room *r, const struct push_room_look *l)
{
	uint64_t may = l->budget_bytes * (1000 - r->left_permille) / 1000;
	uint64_t slots;

	if (l->budget_bytes == 0 || l->n_fragments == 0 || l->octets == 0)
		return PUSH_ROOM_ALL;
	if (may <= l->other_bytes)
		return 0;
	slots = (may - l->other_bytes) * SLOTS / ((uint64_t)l->n_fragments * l->octets);
	return slots < PUSH_ROOM_ALL ? (uint32_t)slots : PUSH_ROOM_ALL;
}

// By more than rounding: what is promised and what there is room for go up and down by one or two.
static bool is_too_much(const struct push_room *r, const struct push_room_look *l)
{
	return l->n_granted > r->slots && l->n_granted - r->slots > r->slots / 16;
}

void push_room_look(struct push_room *r, const struct push_room_look *l)
{
	r->settle_ms -= r->settle_ms < l->period_ms ? r->settle_ms : l->period_ms;
	if (is_too_much(r, l))
		r->settle_ms = SETTLE_MS;
	if (l->budget_bytes != 0 && l->n_fragments > 0)
		learn(r, l);
	r->slots = promised(r, l);
	if (is_too_much(r, l))
		r->settle_ms = SETTLE_MS;
}

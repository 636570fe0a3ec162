#include "dataplane/io/neighbours.h"

#include <assert.h>
#include <stdlib.h>

#define WINDOW         8 // slots an address may be in
#define EVICT_AFTER_MS 5000

enum state {
	FREE,
	ASKING, // nothing known
	KNOWN,
	DOUBTED, // known, and asked again
};

struct neighbour {
	uint32_t ip;
	struct mac mac;
	uint8_t state, tries, n_kept;
	bool is_due;
	uint32_t used_ms, confirmed_ms, asked_ms;
	void *kept[NEIGHBOUR_KEPT];
};
static_assert(sizeof(struct neighbour) == 64, "one line");

struct neighbours {
	struct neighbour slots[NEIGHBOURS_MAX];
	uint16_t due[NEIGHBOURS_MAX]; // slots with something to do, each at most once
	uint32_t due_head, n_due;
	uint32_t seed, version;
	uint32_t n_used, n_asking, n_kept;
	uint32_t swept_ms;
};

struct neighbours *neighbours_create(uint32_t seed)
{
	struct neighbours *t = aligned_alloc(64, (sizeof(*t) + 63) & ~(size_t)63);

	if (t == NULL)
		return NULL;
	memset(t, 0, sizeof(*t));
	t->seed = seed;
	return t;
}

void neighbours_destroy(struct neighbours *t)
{
	assert(t == NULL || t->n_kept == 0);
	free(t);
}

uint32_t neighbours_version(const struct neighbours *t)
{
	return t->version;
}

uint32_t neighbours_count(const struct neighbours *t)
{
	return t->n_used;
}

// -- slots --

static uint32_t ago_ms(uint32_t then_ms, uint32_t now_ms)
{
	return now_ms - then_ms;
}

static struct neighbour *slot_at(struct neighbours *t, uint32_t ip, unsigned i)
{
	uint32_t hash = (ip ^ t->seed) * 0x9e3779b1u; // 2^32 / golden ratio

	hash = (hash ^ hash >> 15) * 0x85ebca77u;
	return &t->slots[((hash >> 16) + i) % NEIGHBOURS_MAX];
}

static struct neighbour *lookup(struct neighbours *t, uint32_t ip)
{
	for (unsigned i = 0; i < WINDOW; i++) {
		struct neighbour *n = slot_at(t, ip, i);

		if (n->state != FREE && n->ip == ip)
			return n;
	}
	return NULL;
}

static void forget(struct neighbours *t, struct neighbour *n)
{
	assert(n->n_kept == 0);
	t->n_asking -= n->state == ASKING;
	t->version += n->state != ASKING;
	t->n_used--;
	n->state = FREE;
}

static struct neighbour *find_free(struct neighbours *t, uint32_t ip)
{
	for (unsigned i = 0; i < WINDOW; i++)
		if (slot_at(t, ip, i)->state == FREE)
			return slot_at(t, ip, i);
	return NULL;
}

// The one in the way that was not used for longest gives up its place, if it is idle.
static struct neighbour *evict(struct neighbours *t, uint32_t ip, uint32_t now_ms)
{
	struct neighbour *oldest = NULL;

	for (unsigned i = 0; i < WINDOW; i++) {
		struct neighbour *n = slot_at(t, ip, i);

		if (n->state != KNOWN || n->n_kept > 0)
			continue;
		if (oldest == NULL || ago_ms(n->used_ms, now_ms) > ago_ms(oldest->used_ms, now_ms))
			oldest = n;
	}
	if (oldest == NULL || ago_ms(oldest->used_ms, now_ms) < EVICT_AFTER_MS)
		return NULL;
	forget(t, oldest);
	return oldest;
}

static void occupy(struct neighbours *t, struct neighbour *n, uint32_t ip, uint32_t now_ms)
{
	n->ip = ip;
	n->tries = 0;
	n->used_ms = now_ms;
	n->confirmed_ms = now_ms;
	n->asked_ms = now_ms;
	t->n_used++;
}

static void make_due(struct neighbours *t, struct neighbour *n)
{
	if (n->is_due)
		return;
	n->is_due = true;
	t->due[(t->due_head + t->n_due++) % NEIGHBOURS_MAX] = (uint16_t)(n - t->slots);
}

// -- questions and answers --

static void ask_for(struct neighbours *t, uint32_t ip, uint32_t now_ms)
{
	struct neighbour *n;

	if (t->n_asking >= NEIGHBOURS_ASKING_MAX)
		return;
	n = find_free(t, ip);
	if (n == NULL)
		n = evict(t, ip, now_ms);
	if (n == NULL)
		return;
	occupy(t, n, ip, now_ms);
	n->state = ASKING;
	t->n_asking++;
	make_due(t, n);
}

bool neighbours_find(struct neighbours *t, uint32_t ip, uint32_t now_ms, struct mac *mac)
{
	struct neighbour *n = lookup(t, ip);

	if (n == NULL) {
		ask_for(t, ip, now_ms);
		return false;
	}
	n->used_ms = now_ms;
	*mac = n->mac;
	return n->state != ASKING;
}

bool neighbours_keep(struct neighbours *t, uint32_t ip, void *frame)
{
	struct neighbour *n = lookup(t, ip);

	if (n == NULL || n->state != ASKING || n->n_kept == NEIGHBOUR_KEPT ||
	    t->n_kept == NEIGHBOURS_KEPT_MAX)
		return false;
	n->kept[n->n_kept++] = frame;
	t->n_kept++;
	return true;
}

static void confirm(struct neighbours *t, struct neighbour *n, const struct mac *mac,
		    uint32_t now_ms)
{
	t->n_asking -= n->state == ASKING;
	n->state = KNOWN;
	n->tries = 0;
	n->mac = *mac;
	n->confirmed_ms = now_ms;
	if (n->n_kept > 0)
		make_due(t, n);
}

void neighbours_learn(struct neighbours *t, uint32_t ip, const struct mac *mac, bool may_add,
		      uint32_t now_ms)
{
	struct neighbour *n = lookup(t, ip);

	if (n == NULL && may_add) {
		n = find_free(t, ip); // nobody is pushed out for a stranger's word
		if (n != NULL) {
			occupy(t, n, ip, now_ms);
			n->state = KNOWN;
		}
	} else if (n != NULL && n->state != ASKING && !mac_equal(&n->mac, mac)) {
		if (ago_ms(n->confirmed_ms, now_ms) < NEIGHBOUR_LOCK_MS)
			return; // two claim the address: not a new row for every frame
		t->version++;
	}
	if (n != NULL)
		confirm(t, n, mac, now_ms);
}

// -- what is to be done --

static bool reached(uint32_t at_ms, uint32_t now_ms)
{
	return (int32_t)(now_ms - at_ms) >= 0;
}

static uint32_t next_ask_ms(const struct neighbour *n)
{
	return n->tries == 0 ? n->asked_ms
			     : n->asked_ms + ((uint32_t)NEIGHBOUR_RETRY_MS << (n->tries - 1));
}

static void age_known(struct neighbours *t, struct neighbour *n, uint32_t now_ms)
{
	if (ago_ms(n->used_ms, now_ms) >= NEIGHBOUR_IDLE_MS) {
		forget(t, n);
	} else if (ago_ms(n->confirmed_ms, now_ms) >= NEIGHBOUR_FRESH_MS &&
		   ago_ms(n->used_ms, now_ms) < NEIGHBOUR_FRESH_MS) {
		n->state = DOUBTED;
		n->asked_ms = now_ms;
		make_due(t, n);
	}
}

static void sweep(struct neighbours *t, uint32_t now_ms)
{
	t->swept_ms = now_ms;
	for (unsigned i = 0; i < NEIGHBOURS_MAX; i++) {
		struct neighbour *n = &t->slots[i];

		if (n->state == KNOWN && n->n_kept == 0)
			age_known(t, n, now_ms);
		else if (n->state != FREE && reached(next_ask_ms(n), now_ms))
			make_due(t, n);
	}
}

static bool give(struct neighbours *t, struct neighbour *n, enum neighbour_do what,
		 struct neighbour_step *s)
{
	*s = (struct neighbour_step){.what = what, .ip = n->ip, .mac = n->mac, .frame = n->kept[0]};
	n->n_kept--;
	t->n_kept--;
	memmove(n->kept, n->kept + 1, n->n_kept * sizeof(n->kept[0])); // in order
	return true;
}

static bool ask(struct neighbour *n, uint32_t now_ms, struct neighbour_step *s)
{
	*s = (struct neighbour_step){.what = NEIGHBOUR_ASK, .ip = n->ip, .mac = n->mac};
	if (n->state == ASKING)
		memset(&s->mac, 0xff, sizeof(s->mac));
	n->tries++;
	n->asked_ms = now_ms;
	return true;
}

// One thing for this neighbour; false: nothing more for now.
static bool step(struct neighbours *t, struct neighbour *n, uint32_t now_ms,
		 struct neighbour_step *s)
{
	if (n->state == FREE)
		return false;
	if (n->state != ASKING && n->n_kept > 0)
		return give(t, n, NEIGHBOUR_SEND, s);
	if (n->state == KNOWN || !reached(next_ask_ms(n), now_ms))
		return false;
	if (n->tries < NEIGHBOUR_TRIES)
		return ask(n, now_ms, s);
	if (n->n_kept > 0)
		return give(t, n, NEIGHBOUR_LOSE, s);
	forget(t, n);
	return false;
}

bool neighbours_next(struct neighbours *t, uint32_t now_ms, struct neighbour_step *s)
{
	if (t->n_used > 0 && ago_ms(t->swept_ms, now_ms) >= NEIGHBOURS_SWEEP_MS)
		sweep(t, now_ms);
	while (t->n_due > 0) {
		struct neighbour *n = &t->slots[t->due[t->due_head]];

		if (step(t, n, now_ms, s))
			return true;
		n->is_due = false;
		t->due_head = (t->due_head + 1) % NEIGHBOURS_MAX;
		t->n_due--;
	}
	return false;
}

uint32_t neighbours_wait_ms(const struct neighbours *t, uint32_t now_ms)
{
	uint32_t ago = ago_ms(t->swept_ms, now_ms);

	if (t->n_due > 0)
		return 0;
	if (t->n_used == 0)
		return UINT32_MAX;
	return ago < NEIGHBOURS_SWEEP_MS ? NEIGHBOURS_SWEEP_MS - ago : 0;
}

void *neighbours_lose_all(struct neighbours *t)
{
	struct neighbour_step s;

	for (unsigned i = 0; i < NEIGHBOURS_MAX && t->n_kept > 0; i++)
		if (t->slots[i].n_kept > 0 && give(t, &t->slots[i], NEIGHBOUR_LOSE, &s))
			return s.frame;
	return NULL;
}

#include "dataplane/io/neighbours.h"

#include <assert.h>
#include <stdatomic.h>
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
	struct ip_addr ip;
	struct mac mac;
	uint8_t state, tries, n_kept;
	bool is_due;
	uint8_t kept[NEIGHBOUR_KEPT]; // places in frames[]
	uint32_t used_ms, confirmed_ms, asked_ms, changed_ms;
};
static_assert(sizeof(struct neighbour) <= 64, "a line at most");

struct neighbours {
	struct neighbour slots[NEIGHBOURS_MAX];
	uint16_t due[NEIGHBOURS_MAX]; // slots with something to do, each at most once
	uint32_t due_head, n_due;
	void *frames[NEIGHBOURS_KEPT_MAX];
	uint64_t frames_free; // bit per place
	uint32_t seed, version;
	uint32_t n_used, n_asking, n_kept;
	uint32_t swept_ms;
	_Atomic uint32_t writes; // odd while a slot is being written, for neighbours_view
	struct neighbour_counters *counters, own_counters;
};
static_assert(NEIGHBOURS_KEPT_MAX == 64, "a bit each");

struct neighbours *neighbours_create(uint32_t seed, struct neighbour_counters *counters)
{
	struct neighbours *t = aligned_alloc(64, (sizeof(*t) + 63) & ~(size_t)63);

	if (t == NULL)
		return NULL;
	memset(t, 0, sizeof(*t));
	t->seed = seed;
	t->frames_free = UINT64_MAX;
	t->counters = counters != NULL ? counters : &t->own_counters;
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

static struct neighbour *slot_at(struct neighbours *t, uint32_t hash, unsigned i)
{
	return &t->slots[(hash + i) % NEIGHBOURS_MAX];
}

static struct neighbour *lookup(struct neighbours *t, const struct ip_addr *ip)
{
	uint32_t hash = ip_hash(ip, t->seed);

	for (unsigned i = 0; i < WINDOW; i++) {
		struct neighbour *n = slot_at(t, hash, i);

		if (n->state != FREE && ip_equal(&n->ip, ip))
			return n;
	}
	return NULL;
}

// What neighbours_view reads changes only between these two (a sequence lock with one writer).
static void write_begin(struct neighbours *t)
{
	atomic_store_explicit(&t->writes, t->writes + 1, memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
}

static void write_end(struct neighbours *t)
{
	atomic_store_explicit(&t->writes, t->writes + 1, memory_order_release);
}

static void forget(struct neighbours *t, struct neighbour *n)
{
	assert(n->n_kept == 0);
	t->n_asking -= n->state == ASKING;
	t->version += n->state != ASKING;
	t->n_used--;
	write_begin(t);
	n->state = FREE;
	write_end(t);
}

static struct neighbour *find_free(struct neighbours *t, const struct ip_addr *ip)
{
	uint32_t hash = ip_hash(ip, t->seed);

	for (unsigned i = 0; i < WINDOW; i++)
		if (slot_at(t, hash, i)->state == FREE)
			return slot_at(t, hash, i);
	return NULL;
}

// The one in the way that was not used for longest gives up its place, if it is idle.
static struct neighbour *evict(struct neighbours *t, const struct ip_addr *ip, uint32_t now_ms)
{
	uint32_t hash = ip_hash(ip, t->seed);
	struct neighbour *oldest = NULL;

	for (unsigned i = 0; i < WINDOW; i++) {
		struct neighbour *n = slot_at(t, hash, i);

		if (n->state != KNOWN || n->n_kept > 0)
			continue;
		if (oldest == NULL || ago_ms(n->used_ms, now_ms) > ago_ms(oldest->used_ms, now_ms))
			oldest = n;
	}
	if (oldest == NULL || ago_ms(oldest->used_ms, now_ms) < EVICT_AFTER_MS)
		return NULL;
	forget(t, oldest);
	t->counters->evicted++;
	return oldest;
}

static void occupy(struct neighbours *t, struct neighbour *n, const struct ip_addr *ip,
		   enum state state, uint32_t now_ms)
{
	write_begin(t);
	n->ip = *ip;
	n->mac = (struct mac){0};
	n->state = (uint8_t)state;
	n->used_ms = now_ms;
	n->confirmed_ms = now_ms;
	write_end(t);
	n->tries = 0;
	n->asked_ms = now_ms;
	n->changed_ms = now_ms;
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

static void ask_for(struct neighbours *t, const struct ip_addr *ip, uint32_t now_ms)
{
	struct neighbour *n = NULL;

	if (t->n_asking < NEIGHBOURS_ASKING_MAX)
		n = find_free(t, ip);
	if (n == NULL && t->n_asking < NEIGHBOURS_ASKING_MAX)
		n = evict(t, ip, now_ms);
	if (n == NULL) {
		t->counters->refused++;
		return;
	}
	occupy(t, n, ip, ASKING, now_ms);
	t->n_asking++;
	make_due(t, n);
}

bool neighbours_find(struct neighbours *t, const struct ip_addr *ip, uint32_t now_ms,
		     struct mac *mac)
{
	struct neighbour *n = lookup(t, ip);

	if (n == NULL) {
		ask_for(t, ip, now_ms);
		return false;
	}
	write_begin(t);
	n->used_ms = now_ms;
	write_end(t);
	*mac = n->mac;
	return n->state != ASKING;
}

bool neighbours_keep(struct neighbours *t, const struct ip_addr *ip, void *frame)
{
	struct neighbour *n = lookup(t, ip);
	unsigned place;

	if (n == NULL || n->state != ASKING || n->n_kept == NEIGHBOUR_KEPT || t->frames_free == 0)
		return false;
	place = (unsigned)__builtin_ctzll(t->frames_free);
	t->frames_free &= t->frames_free - 1;
	t->frames[place] = frame;
	n->kept[n->n_kept++] = (uint8_t)place;
	t->n_kept++;
	return true;
}

static void set_known(struct neighbours *t, struct neighbour *n, const struct mac *mac,
		      bool is_confirmed, uint32_t now_ms)
{
	t->n_asking -= n->state == ASKING;
	write_begin(t);
	n->state = KNOWN;
	n->mac = *mac;
	n->confirmed_ms = is_confirmed ? now_ms : now_ms - NEIGHBOUR_FRESH_MS;
	write_end(t);
	n->tries = 0;
	if (n->n_kept > 0)
		make_due(t, n);
}

// One that is known and said to be elsewhere (RFC 4861 §7.2.5). Two that claim an address at the
// same time get no new row for every frame.
static void hear_other_mac(struct neighbours *t, struct neighbour *n, const struct mac *mac,
			   unsigned said, uint32_t now_ms)
{
	if (!(said & SAID_REPLACE)) {
		set_known(t, n, &n->mac, false, now_ms); // where it was, but in doubt
	} else if (ago_ms(n->changed_ms, now_ms) < NEIGHBOUR_LOCK_MS ||
		   ago_ms(n->confirmed_ms, now_ms) < NEIGHBOUR_LOCK_MS) {
		t->counters->locked++;
	} else {
		t->version++;
		n->changed_ms = now_ms;
		set_known(t, n, mac, said & SAID_CONFIRM, now_ms);
	}
}

void neighbours_learn(struct neighbours *t, const struct ip_addr *ip, const struct mac *mac,
		      unsigned said, uint32_t now_ms)
{
	struct neighbour *n = lookup(t, ip);

	if (n == NULL && (said & SAID_ADD)) {
		n = find_free(t, ip); // nobody is pushed out for a stranger's word
		if (n == NULL) {
			t->counters->refused++;
			return;
		}
		occupy(t, n, ip, KNOWN, now_ms);
		if (!(said & SAID_CONFIRM)) // not used yet, and not asked before it is
			n->used_ms -= NEIGHBOUR_FRESH_MS;
		set_known(t, n, mac, said & SAID_CONFIRM, now_ms);
	} else if (n != NULL && n->state == ASKING) {
		set_known(t, n, mac, said & SAID_CONFIRM, now_ms);
	} else if (n != NULL && !mac_equal(&n->mac, mac)) {
		hear_other_mac(t, n, mac, said, now_ms);
	} else if (n != NULL && (said & SAID_CONFIRM)) {
		set_known(t, n, mac, true, now_ms);
	}
}

void neighbours_confirm(struct neighbours *t, const struct ip_addr *ip, uint32_t now_ms)
{
	struct neighbour *n = lookup(t, ip);

	if (n != NULL && n->state != ASKING)
		set_known(t, n, &n->mac, true, now_ms);
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
		write_begin(t);
		n->state = DOUBTED;
		write_end(t);
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
	unsigned place = n->kept[0];

	*s = (struct neighbour_step){
		.what = what, .ip = n->ip, .mac = n->mac, .frame = t->frames[place]};
	t->frames_free |= 1ull << place;
	n->n_kept--;
	t->n_kept--;
	memmove(n->kept, n->kept + 1, n->n_kept * sizeof(n->kept[0])); // in order
	return true;
}

static bool ask(struct neighbour *n, uint32_t now_ms, struct neighbour_step *s)
{
	*s = (struct neighbour_step){.what = NEIGHBOUR_ASK,
				     .is_unicast = n->state != ASKING,
				     .ip = n->ip,
				     .mac = n->mac};
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
	t->counters->silent++;
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

// -- for people --

static enum neighbour_state state_of(const struct neighbour *n, uint32_t now_ms)
{
	if (n->state == ASKING)
		return NEIGHBOUR_ASKING;
	if (n->state == DOUBTED)
		return NEIGHBOUR_PROBED;
	return ago_ms(n->confirmed_ms, now_ms) < NEIGHBOUR_FRESH_MS ? NEIGHBOUR_REACHABLE
								    : NEIGHBOUR_STALE;
}

// A copy that was written meanwhile is thrown away; its octets are looked at by nobody.
bool neighbours_view(const struct neighbours *t, uint32_t i, uint32_t now_ms,
		     struct neighbour_view *v)
{
	for (unsigned tries = 0; tries < 100; tries++) {
		uint32_t before = atomic_load_explicit(&t->writes, memory_order_acquire);
		struct neighbour n = t->slots[i];

		atomic_thread_fence(memory_order_acquire);
		if (before % 2 != 0 ||
		    atomic_load_explicit(&t->writes, memory_order_relaxed) != before)
			continue;
		*v = (struct neighbour_view){.ip = n.ip,
					     .mac = n.mac,
					     .state = (uint8_t)state_of(&n, now_ms),
					     .confirmed_ms = ago_ms(n.confirmed_ms, now_ms),
					     .used_ms = ago_ms(n.used_ms, now_ms)};
		return n.state != FREE;
	}
	return false;
}

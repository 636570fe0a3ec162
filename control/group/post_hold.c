// What is asked for, what is held, what is remembered: memory that others can make grow.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/group/postings.h"

enum {
	ASK_US = 1000000, // docs/spx.md
	ASKED_MAX = 4096,
	KEEP_US = 300000000,
	REMEMBER_US = 300000000, // beyond what is kept
	BYTES_MAX = 16 << 20,
	HELD_FIRST = 16,
};

uint64_t post_keep_ms(const struct postings *ps)
{
	uint64_t keep_us = ps->group->limits.posting.keep_us;

	return (keep_us > 0 ? keep_us : KEEP_US) / 1000;
}

static uint64_t bytes_max(const struct postings *ps)
{
	uint64_t max = ps->group->limits.posting.bytes_max;

	return max > 0 ? max : BYTES_MAX;
}

// ---- looking ----

void post_key_of(const uint8_t id[POST_KEY_LEN], uint8_t key[ID_LEN])
{
	memset(key, 0, ID_LEN);
	memcpy(key, id, POST_KEY_LEN);
}

struct post *post_find(const struct postings *ps, const uint8_t key[POST_KEY_LEN])
{
	uint8_t id[ID_LEN];
	struct id_node *node;

	post_key_of(key, id);
	node = id_table_find(&ps->posts, id);
	return node != NULL ? (struct post *)(void *)node : NULL; // key is first
}

struct post *post_at(const struct postings *ps, uint64_t number)
{
	return ps->held[number & (ps->cap - 1)];
}

bool post_is_known(const struct postings *ps, const uint8_t key[POST_KEY_LEN])
{
	return post_find(ps, key) != NULL || recent_keys_have(&ps->ids, key);
}

bool post_is_known_to(const struct post *p, const struct spx_peer *peer)
{
	for (uint8_t i = 0; i < p->n_knowers; i++)
		if (p->knowers[i] == peer->number)
			return true;
	return false;
}

void post_note_knower(struct post *p, const struct spx_peer *peer)
{
	if (p->n_knowers < POST_KNOWERS_MAX && !post_is_known_to(p, peer))
		p->knowers[p->n_knowers++] = peer->number;
}

uint64_t post_age_ms(const struct post *p, uint64_t now_us)
{
	return p->age_ms + (now_us - p->came_us) / 1000;
}

bool post_is_stale(const struct postings *ps, uint8_t hop, uint64_t age_ms)
{
	return hop >= POST_HOPS_MAX || age_ms >= post_keep_ms(ps);
}

// ---- asked for ----

static void asked_unlink(struct postings *ps, struct post *p)
{
	*(p->prev != NULL ? &p->prev->next : &ps->first_asked) = p->next;
	*(p->next != NULL ? &p->next->prev : &ps->last_asked) = p->prev;
	ps->n_asked--;
}

static void asked_append(struct postings *ps, struct post *p)
{
	p->until_us = ps->group->groups->now_us + ASK_US;
	p->next = NULL;
	p->prev = ps->last_asked;
	*(p->prev != NULL ? &p->prev->next : &ps->first_asked) = p;
	ps->last_asked = p;
	ps->n_asked++;
}

void post_asked_again(struct postings *ps, struct post *p)
{
	asked_unlink(ps, p);
	asked_append(ps, p);
}

struct post *post_ask_make(struct postings *ps, const struct post_offer *o,
			   const struct spx_peer *from)
{
	struct post *p = ps->n_asked < ASKED_MAX ? calloc(1, sizeof(*p)) : NULL;

	if (p == NULL) {
		ps->group->groups->n.posts_limited++;
		return NULL;
	}
	post_key_of(o->key, p->key.id);
	p->state = POST_ASKED;
	post_note_knower(p, from);
	id_table_insert(&ps->posts, &p->key);
	asked_append(ps, p);
	return p;
}

// ---- held ----

static uint64_t cost(const struct post *p)
{
	return sizeof(*p) + sizeof(*p->message) + p->message->len;
}

void post_forget(struct postings *ps, struct post *p)
{
	if (p->state == POST_ASKED) {
		asked_unlink(ps, p);
	} else {
		ps->first++;
		ps->held_bytes -= cost(p);
		octets_drop(p->message);
	}
	id_table_remove(&ps->posts, &p->key);
	free(p);
}

static int held_reserve(struct postings *ps)
{
	uint32_t cap = ps->cap > 0 ? 2 * ps->cap : HELD_FIRST;
	struct post **grown;

	if (ps->next - ps->first < ps->cap)
		return 0;
	grown = calloc(cap, sizeof(struct post *));
	if (grown == NULL)
		return -ENOMEM;
	for (uint64_t i = ps->first; i < ps->next; i++)
		grown[i & (cap - 1)] = post_at(ps, i);
	free(ps->held);
	ps->held = grown;
	ps->cap = cap;
	return 0;
}

static void held_make_room(struct postings *ps, uint64_t more)
{
	while (ps->first < ps->next && ps->held_bytes + more > bytes_max(ps)) {
		post_forget(ps, post_at(ps, ps->first));
		ps->group->groups->n.posts_evicted++;
	}
}

static int remember(struct postings *ps, const uint8_t id[POST_ID_LEN])
{
	struct groups *gs = ps->group->groups;
	bool pushed_out;
	int err = recent_keys_add(&ps->ids, id, gs->now_us, &pushed_out);

	gs->n.post_ids_evicted += pushed_out;
	return err;
}

struct post *post_hold(struct postings *ps, struct post *asked, const uint8_t id[POST_ID_LEN],
		       struct span message, const struct post_origin *o)
{
	uint64_t now_us = ps->group->groups->now_us;
	struct octets *copy = octets_copy(message);
	struct post *p = asked != NULL ? asked : calloc(1, sizeof(*p));

	if (p == NULL || copy == NULL || held_reserve(ps) != 0 || remember(ps, id) != 0) {
		octets_drop(copy);
		if (asked == NULL)
			free(p);
		return NULL;
	}
	if (asked != NULL) {
		asked_unlink(ps, p);
	} else {
		post_key_of(id, p->key.id);
		id_table_insert(&ps->posts, &p->key);
	}
	p->state = POST_HELD;
	p->hop = o->from != NULL ? (uint8_t)(o->hop + 1) : 0;
	p->age_ms = o->age_ms;
	p->came_us = now_us;
	p->message = copy;
	memcpy(p->id, id, POST_ID_LEN);
	if (o->from != NULL)
		post_note_knower(p, o->from);
	held_make_room(ps, cost(p));
	p->number = ps->next++;
	ps->held[p->number & (ps->cap - 1)] = p;
	ps->held_bytes += cost(p);
	ps->expire_us = earlier(ps->expire_us, now_us + post_keep_ms(ps) * 1000);
	post_offers_soon(ps);
	return p;
}

// ---- time ----

// The oldest was held first, and was remembered first.
void posts_expire(struct postings *ps)
{
	uint64_t now_us = ps->group->groups->now_us, keep_us = post_keep_ms(ps) * 1000;

	while (ps->first < ps->next && post_at(ps, ps->first)->came_us + keep_us <= now_us)
		post_forget(ps, post_at(ps, ps->first));
	if (now_us > keep_us + REMEMBER_US)
		recent_keys_expire(&ps->ids, now_us - keep_us - REMEMBER_US);
	if (now_us > REMEMBER_US)
		recent_keys_expire(&ps->old_asked, now_us - REMEMBER_US);
	ps->expire_us = ps->ids.n + ps->old_asked.n > 0 ? now_us + 10 * SECOND_US : NEVER;
}

void posts_clear(struct postings *ps)
{
	while (ps->first_asked != NULL)
		post_forget(ps, ps->first_asked);
	while (ps->first < ps->next)
		post_forget(ps, post_at(ps, ps->first));
	free(ps->held);
	recent_keys_clear(&ps->ids);
	recent_keys_clear(&ps->old_asked);
	id_table_clear(&ps->posts);
}

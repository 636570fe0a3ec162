#include "control/group/postings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/sha.h"

enum {
	IDS_MAX = 131072, // PO-7: at 200 a second, more than they are kept and remembered
	OLD_ASKED_MAX = 4096,
};

// ---- life ----

static void password_keep(struct postings *ps, struct span password)
{
	memcpy(ps->password, password.data, password.len);
	ps->password_len = (uint8_t)password.len;
}

int postings_create(struct group *g)
{
	const char *own = g->spec.posting_authorization;
	struct postings *ps;

	if (!g->spec.posting)
		return 0;
	ps = calloc(1, sizeof(*ps));
	if (ps == NULL || id_table_init(&ps->posts, random_u64(g->groups->o.random)) != 0) {
		free(ps);
		return -ENOMEM;
	}
	ps->group = g;
	ps->first = ps->next = 1;
	ps->offers_us = ps->expire_us = NEVER;
	recent_keys_init(&ps->ids, IDS_MAX, random_u64(g->groups->o.random));
	recent_keys_init(&ps->old_asked, OLD_ASKED_MAX, random_u64(g->groups->o.random));
	if (g->spec.posting_password.is_set && groupspec_may_post(&g->spec))
		password_keep(ps, span_of(own, strlen(own)));
	g->postings = ps;
	return 0;
}

void postings_destroy(struct group *g)
{
	if (g->postings == NULL)
		return;
	posts_clear(g->postings);
	free(g->postings);
	g->postings = NULL;
}

static struct spx_peer *peer_find(const struct group *g, uint64_t number)
{
	struct spx_peer *p;
	uint32_t at = 0;

	while ((p = spx_next(g, &at)) != NULL)
		if (p->number == number)
			return p;
	return NULL;
}

void postings_peer(struct spx_peer *p)
{
	struct postings *ps = p->nb->group->postings;

	if (ps == NULL || p->live != 0)
		return;
	p->live = ps->next;
	p->history = p->nb->is_spx ? ps->next : 0; // PO-8
	post_offers_soon(ps);
}

// ---- our program's ----

int group_post(struct group *g, struct span message, uint8_t id[POST_ID_LEN], uint64_t now_us)
{
	struct postings *ps = g->postings;
	const struct post_origin own = {.from = NULL};
	struct post *p;

	g->groups->now_us = now_us;
	if (ps == NULL)
		return -EOPNOTSUPP;
	if (!groupspec_may_post(&g->spec))
		return -EACCES;
	if (message.len == 0 || message.len > POST_LEN_MAX)
		return -EMSGSIZE;
	sha256(message.data, message.len, id);
	p = post_find(ps, id);
	// PO-3: the same octets are the same message. What was only asked for is here now.
	if (p == NULL ? recent_keys_have(&ps->ids, id) : p->state == POST_HELD)
		return 0;
	if (!token_take(&ps->own, &g->groups->first_rate, now_us))
		return -EAGAIN;
	p = post_hold(ps, p, id, message, &own);
	if (p == NULL)
		return -ENOMEM;
	g->groups->n.posts_own++;
	post_offers_now(ps, p);
	return 0;
}

void post_deliver(struct postings *ps, struct post *p)
{
	struct group *g = ps->group;
	struct group_event e = {.kind = GROUP_POSTING, .group = g, .user = g->user};

	memcpy(e.id, p->id, POST_ID_LEN);
	ps->n_received++;
	g->groups->n.posts_received++;
	event_push_octets(&g->groups->events, &e, p->message);
}

bool post_may_be_first(struct postings *ps, struct spx_peer *p)
{
	struct groups *gs = ps->group->groups;
	const struct token_rate *rate = p->is_trusted ? &gs->posts_rate : &gs->first_rate;

	if (token_take(&p->firsts, rate, gs->now_us) &&
	    token_take(&ps->all, &gs->posts_rate, gs->now_us))
		return true;
	gs->n.posts_limited++;
	return false;
}

// ---- asking ----

static int keys_send(struct spx_peer *p, enum spx_type type, const uint8_t (*keys)[POST_KEY_LEN],
		     uint32_t n)
{
	uint8_t octets[POST_KEYS_MAX * POST_KEY_LEN + 16];
	struct wr w = wr_over(octets, sizeof(octets));

	post_keys_write(&w, type, keys, n);
	return spx_send(p, LANE_POST_CONTROL, wr_span(&w), span_of(NULL, 0));
}

// The next one who offered it; if there is none it is forgotten, until somebody offers it again.
static void ask_next(struct postings *ps, struct post *post)
{
	uint8_t key[1][POST_KEY_LEN];

	memcpy(key[0], post->key.id, POST_KEY_LEN);
	while (++post->asked < post->n_knowers) {
		struct spx_peer *p = peer_find(ps->group, post->knowers[post->asked]);

		if (p != NULL && keys_send(p, SPX_ASK, key, 1) == 0) {
			post_asked_again(ps, post);
			return;
		}
	}
	ps->group->groups->n.posts_lost++;
	post_forget(ps, post);
}

static bool is_asked_of(const struct post *post, const struct spx_peer *p)
{
	return post->state == POST_ASKED && post->knowers[post->asked] == p->number;
}

void postings_peer_gone(struct group *g, const struct spx_peer *p)
{
	struct postings *ps = g->postings;
	struct post *post = ps != NULL ? ps->first_asked : NULL;

	while (post != NULL) {
		struct post *next = post->next; // who is asked anew goes to the end

		if (is_asked_of(post, p))
			ask_next(ps, post);
		post = next;
	}
}

// Whether it is to be asked for now.
static bool offer_take(struct postings *ps, struct spx_peer *p, const struct post_offer *o)
{
	struct groups *gs = ps->group->groups;
	struct post *known = post_find(ps, o->key);

	if (known != NULL) {
		post_note_knower(known, p);
		return false;
	}
	if (recent_keys_have(&ps->ids, o->key))
		return false;
	if (post_is_stale(ps, o->hop, o->age_ms)) {
		gs->n.posts_stale++;
		return false;
	}
	return post_may_be_first(ps, p) && post_ask_make(ps, o, p) != NULL;
}

static void offers_take(struct spx_lane *l, struct span message)
{
	struct postings *ps = l->peer->nb->group->postings;
	uint8_t keys[POST_KEYS_MAX][POST_KEY_LEN];
	struct post_offer o;
	struct post_list list;
	uint32_t n = 0;

	if (post_offers_read(&list, message) != 0) {
		spx_malformed(l);
		return;
	}
	while (post_offer_next(&list, &o))
		if (offer_take(ps, l->peer, &o))
			memcpy(keys[n++], o.key, POST_KEY_LEN);
	if (n == 0 || keys_send(l->peer, SPX_ASK, keys, n) == 0)
		return;
	while (n-- > 0) // it cannot be asked now
		ask_next(ps, post_find(ps, keys[n]));
}

static void ask_take(struct spx_lane *l, struct span message)
{
	struct postings *ps = l->peer->nb->group->postings;
	uint8_t gone[POST_KEYS_MAX][POST_KEY_LEN];
	const uint8_t *key;
	struct post_list list;
	uint32_t n = 0;

	if (post_keys_read(&list, SPX_ASK, message) != 0) {
		spx_malformed(l);
		return;
	}
	while ((key = post_key_next(&list)) != NULL) {
		struct post *post = post_find(ps, key);

		if (post == NULL || post->state != POST_HELD || post_send(l->peer, post) != 0)
			memcpy(gone[n++], key, POST_KEY_LEN);
	}
	if (n > 0)
		keys_send(l->peer, SPX_GONE, gone, n);
}

static void gone_take(struct spx_lane *l, struct span message)
{
	struct postings *ps = l->peer->nb->group->postings;
	const uint8_t *key;
	struct post_list list;

	if (post_keys_read(&list, SPX_GONE, message) != 0) {
		spx_malformed(l);
		return;
	}
	while ((key = post_key_next(&list)) != NULL) {
		struct post *post = post_find(ps, key);

		if (post != NULL && is_asked_of(post, l->peer))
			ask_next(ps, post);
	}
}

// ---- the message itself ----

// What it is not says nothing about the message: others may have the true one.
static void data_refused(struct postings *ps, struct spx_peer *p, const uint8_t key[POST_KEY_LEN])
{
	struct post *post = post_find(ps, key);

	if (post != NULL && is_asked_of(post, p))
		ask_next(ps, post);
}

// PO-10: not what its ID says, or without the right to post. True: it was good.
static bool data_check(struct spx_lane *l, const struct post_data *d)
{
	struct group *g = l->peer->nb->group;
	uint8_t id[POST_ID_LEN];

	sha256(d->message.data, d->message.len, id);
	if (memcmp(id, d->id, POST_ID_LEN) != 0) {
		g->groups->n.posts_false++;
		data_refused(g->postings, l->peer, d->id);
		spx_malformed(l);
		return false;
	}
	if (g->spec.posting_password.is_set &&
	    (!d->has_password ||
	     !groupspec_password_is_right(&g->spec.posting_password, d->password.data,
					  (uint32_t)d->password.len))) {
		g->groups->n.posts_unauthorized++;
		data_refused(g->postings, l->peer, d->id);
		spx_point(l->peer);
		return false;
	}
	return true;
}

static void data_take(struct spx_lane *l, struct span message)
{
	struct postings *ps = l->peer->nb->group->postings;
	struct groups *gs = ps->group->groups;
	struct post_origin o = {.from = l->peer};
	struct post_data d;
	struct post *post;

	if (post_data_read(&d, message) != 0) {
		spx_malformed(l);
		return;
	}
	if (!data_check(l, &d))
		return;
	post = post_find(ps, d.id);
	if (post == NULL ? recent_keys_have(&ps->ids, d.id) : post->state == POST_HELD) {
		gs->n.posts_repeated++;
		if (post != NULL)
			post_note_knower(post, l->peer);
		return;
	}
	if (post_is_stale(ps, d.hop, d.age_ms)) {
		gs->n.posts_stale++;
		return;
	}
	if (post == NULL && !post_may_be_first(ps, l->peer)) // sent at once, not asked for
		return;
	if (ps->group->spec.posting_password.is_set)
		password_keep(ps, d.password);
	o.hop = d.hop;
	o.age_ms = d.age_ms;
	post = post_hold(ps, post, d.id, d.message, &o);
	if (post != NULL)
		post_deliver(ps, post);
}

void postings_message(struct spx_lane *l, struct span message)
{
	int type = spx_msg_type(message);

	if (l->kind == LANE_POST_DATA && type == SPX_DATA)
		data_take(l, message);
	else if (l->kind == LANE_POST_CONTROL && type == SPX_OFFER)
		offers_take(l, message);
	else if (l->kind == LANE_POST_CONTROL && type == SPX_ASK)
		ask_take(l, message);
	else if (l->kind == LANE_POST_CONTROL && type == SPX_GONE)
		gone_take(l, message);
	else
		spx_unknown(l);
}

// ---- time ----

void postings_timers(struct group *g)
{
	struct postings *ps = g->postings;
	uint64_t now_us = g->groups->now_us;

	if (ps == NULL)
		return;
	while (ps->first_asked != NULL && ps->first_asked->until_us <= now_us)
		ask_next(ps, ps->first_asked);
	if (ps->offers_us <= now_us)
		post_offers_run(ps);
	if (ps->expire_us <= now_us)
		posts_expire(ps);
}

uint64_t postings_deadline_us(const struct group *g)
{
	const struct postings *ps = g->postings;
	uint64_t at_us;

	if (ps == NULL)
		return NEVER;
	at_us = earlier(ps->offers_us, ps->expire_us);
	return ps->first_asked != NULL ? earlier(at_us, ps->first_asked->until_us) : at_us;
}

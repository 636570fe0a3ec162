// Telling neighbours what there is: what is new at once, what there was before they came little by
// little.
#include <string.h>

#include "control/group/postings.h"

enum {
	BATCH_US = 50000,     // docs/spx.md: one OFFER per neighbour in this time
	BLOCKED_US = 1000000, // it takes nothing now
	EAGER_LEN_MAX = 512,
	EAGER_PEERS_MAX = 14,
};

static int data_send(struct spx_peer *p, const struct post *post)
{
	const struct group *g = p->nb->group;
	const struct postings *ps = g->postings;
	uint8_t head[POST_DATA_HEAD_MAX];
	struct wr w = wr_over(head, sizeof(head));
	struct post_data d = {.hop = post->hop,
			      .age_ms = post_age_ms(post, g->groups->now_us),
			      .has_password = g->spec.posting_password.is_set,
			      .password = span_of(ps->password, ps->password_len)};

	memcpy(d.id, post->id, POST_ID_LEN);
	post_data_write_head(&w, &d);
	return spx_send(p, LANE_POST_DATA, wr_span(&w), octets_span(post->message));
}

int post_send(struct spx_peer *p, struct post *post)
{
	struct groups_counters *n = &p->nb->group->groups->n;
	int err = p->nb->is_spx ? data_send(p, post)
				: spx_send(p, LANE_OLD_VALUES, octets_span(post->message),
					   span_of(NULL, 0));

	if (err != 0)
		return err;
	n->posts_sent++;
	n->posts_own_taken += post->hop == 0 && !post->is_taken;
	post->is_taken = true;
	return 0;
}

// ---- one neighbour ----

struct batch {
	struct post_offer offers[POST_KEYS_MAX];
	uint32_t n;
};

static void batch_add(struct batch *b, const struct postings *ps, const struct post *post,
		      const struct spx_peer *p)
{
	uint64_t age_ms = post_age_ms(post, ps->group->groups->now_us);
	struct post_offer *o = &b->offers[b->n];

	if (post_is_known_to(post, p) || post_is_stale(ps, post->hop, age_ms))
		return;
	*o = (struct post_offer){.hop = post->hop, .size = post->message->len, .age_ms = age_ms};
	memcpy(o->key, post->id, POST_KEY_LEN);
	b->n++;
}

static void batch_fill(struct batch *b, const struct postings *ps, struct spx_peer *p)
{
	const struct groups *gs = ps->group->groups;
	const struct token_rate *rate = gs->o.is_super ? &gs->posts_rate : &gs->first_rate;

	b->n = 0;
	p->live = p->live > ps->first ? p->live : ps->first;
	while (b->n < POST_KEYS_MAX && p->live < ps->next)
		batch_add(b, ps, post_at(ps, p->live++), p);
	// No more than it would take as news of ours.
	while (b->n < POST_KEYS_MAX && p->history > ps->first &&
	       token_take(&p->history_offers, rate, gs->now_us))
		batch_add(b, ps, post_at(ps, --p->history), p);
}

static int batch_send(const struct batch *b, struct spx_peer *p)
{
	uint8_t octets[POST_KEYS_MAX * (POST_KEY_LEN + 1 + 2 * VLU_LEN_MAX) + 16];
	struct wr w = wr_over(octets, sizeof(octets));
	int err = 0;

	if (p->nb->is_spx) {
		post_offers_write(&w, b->offers, b->n);
		return spx_send(p, LANE_POST_CONTROL, wr_span(&w), span_of(NULL, 0));
	}
	for (uint32_t i = 0; i < b->n && err == 0; i++) { // whether a list is legal is unknown
		w.len = 0;
		post_old_write(&w, POST_OLD_OFFER, b->offers[i].key);
		err = spx_send(p, LANE_OLD_KEYS, wr_span(&w), span_of(NULL, 0));
	}
	return err;
}

static bool lacks_something(const struct postings *ps, const struct spx_peer *p)
{
	return p->live < ps->next || p->history > ps->first;
}

static void peer_offer(struct postings *ps, struct spx_peer *p)
{
	struct groups *gs = ps->group->groups;
	uint64_t live = p->live, history = p->history;
	struct batch b;

	batch_fill(&b, ps, p);
	p->offer_us = gs->now_us + (p->live < ps->next || b.n > 0 ? BATCH_US : BLOCKED_US);
	if (b.n == 0)
		return;
	if (batch_send(&b, p) == 0) {
		gs->n.posts_offered += b.n;
		return;
	}
	gs->n.posts_blocked++;
	p->live = live;
	p->history = history;
	p->offer_us = gs->now_us + BLOCKED_US;
}

// ---- all of them ----

void post_offers_soon(struct postings *ps)
{
	ps->offers_us = ps->group->groups->now_us;
}

void post_offers_run(struct postings *ps)
{
	uint64_t now_us = ps->group->groups->now_us;
	struct spx_peer *p;
	uint32_t at = 0;

	ps->offers_us = NEVER;
	while ((p = spx_next(ps->group, &at)) != NULL) {
		if (p->live == 0 || !lacks_something(ps, p))
			continue;
		if (p->offer_us <= now_us)
			peer_offer(ps, p);
		if (lacks_something(ps, p))
			ps->offers_us = earlier(ps->offers_us, p->offer_us);
	}
}

// To each of a few at once. Who does not take it, or lacks what came before, is offered it like all
// others.
void post_offers_now(struct postings *ps, struct post *own)
{
	struct spx_peer *p;
	uint32_t at = 0, n = 0;

	while ((p = spx_next(ps->group, &at)) != NULL)
		n += p->nb->is_spx;
	if (n > EAGER_PEERS_MAX || own->message->len > EAGER_LEN_MAX)
		return;
	for (at = 0; (p = spx_next(ps->group, &at)) != NULL;)
		if (p->nb->is_spx && p->live == own->number && post_send(p, own) == 0)
			p->live++;
}

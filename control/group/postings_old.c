// Posting as far as it is known of older members (groups.md 7): GR-18 with keys offered and asked
// for, GR-19 with values. They begin; see docs/spx.md.
#include <string.h>

#include "control/group/postings.h"
#include "crypto/sha.h"

enum {
	LOOK_BACK_MAX = 4096, // postings that a key is looked for among
	OLD_ASKED_EACH = 64,  // values that one may owe us
};

static struct post *find_by_old_key(const struct postings *ps, const uint8_t key[POST_KEY_OLD_LEN])
{
	uint64_t last = ps->next - ps->first > LOOK_BACK_MAX ? ps->next - LOOK_BACK_MAX : ps->first;

	for (uint64_t i = ps->next; i-- > last;)
		if (memcmp(post_at(ps, i)->id, key, POST_KEY_OLD_LEN) == 0)
			return post_at(ps, i);
	return NULL;
}

static void old_offer_take(struct spx_peer *p, const uint8_t key[POST_KEY_OLD_LEN])
{
	struct postings *ps = p->nb->group->postings;
	uint8_t long_key[RECENT_KEY_LEN] = {0}, message[1 + POST_KEY_OLD_LEN];
	struct wr w = wr_over(message, sizeof(message));
	struct post *post = find_by_old_key(ps, key);
	bool pushed_out;

	memcpy(long_key, key, POST_KEY_OLD_LEN);
	if (post != NULL)
		post_note_knower(post, p);
	if (post != NULL || recent_keys_have(&ps->old_asked, long_key))
		return;
	if (p->n_old_asked >= OLD_ASKED_EACH) {
		ps->group->groups->n.posts_limited++;
		return;
	}
	if (!post_may_be_first(ps, p))
		return;
	post_old_write(&w, POST_OLD_ASK, key);
	if (spx_send(p, LANE_OLD_KEYS, wr_span(&w), span_of(NULL, 0)) != 0 ||
	    recent_keys_add(&ps->old_asked, long_key, ps->group->groups->now_us, &pushed_out) != 0)
		return;
	p->n_old_asked++;
	ps->expire_us = earlier(ps->expire_us, ps->group->groups->now_us + 10 * SECOND_US);
}

static void old_ask_take(struct spx_peer *p, const uint8_t key[POST_KEY_OLD_LEN])
{
	struct post *post = find_by_old_key(p->nb->group->postings, key);

	if (post != NULL)
		post_send(p, post);
}

static void old_value_take(struct spx_peer *p, struct span value)
{
	struct postings *ps = p->nb->group->postings;
	struct groups *gs = ps->group->groups;
	const struct post_origin o = {.from = p};
	bool was_asked = p->n_old_asked > 0;
	uint8_t id[POST_ID_LEN];
	struct post *post;

	p->n_old_asked -= was_asked;
	if (ps->group->spec.posting_password.is_set) { // how it would prove its right is unknown
		gs->n.posts_unauthorized++;
		return;
	}
	sha256(value.data, value.len, id);
	post = post_find(ps, id);
	if (post == NULL ? recent_keys_have(&ps->ids, id) : post->state == POST_HELD) {
		gs->n.posts_repeated++;
		return;
	}
	if (post == NULL && !was_asked && !post_may_be_first(ps, p))
		return;
	post = post_hold(ps, post, id, value, &o);
	if (post != NULL)
		post_deliver(ps, post);
}

void postings_old_message(struct spx_lane *l, struct span message)
{
	uint8_t key[POST_KEY_OLD_LEN];

	if (l->kind == LANE_OLD_VALUES && message.len > 0 && message.len <= POST_LEN_MAX)
		old_value_take(l->peer, message);
	else if (l->kind == LANE_OLD_KEYS && post_old_read(key, POST_OLD_OFFER, message) == 0)
		old_offer_take(l->peer, key);
	else if (l->kind == LANE_OLD_KEYS && post_old_read(key, POST_OLD_ASK, message) == 0)
		old_ask_take(l->peer, key);
	else
		spx_unknown(l);
}

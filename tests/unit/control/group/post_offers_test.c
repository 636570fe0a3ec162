// Telling neighbours what there is: in batches, at a pace, and never more than they take
// (docs/spx.md).
#include "control/group/neighbour.h"
#include "control/group/postings.h"

#include "tests/support/test.h"
#include "tests/unit/control/group/spx_kit.h"

static const struct world_role member = {.is_super = false};

static struct raw_peer *peer_of(const char *spec)
{
	struct raw_peer *t = raw_peer_create_in(&member, spec);

	raw_befriend(t);
	return t;
}

static const struct groups_counters *counters(const struct raw_peer *t)
{
	return groups_counters(t->node->groups);
}

// Offers that the next OFFER of those that came holds, of a message that came alone.
static uint32_t n_in(const struct spx_heard *h)
{
	struct post_list l;

	assert_int_equal(post_offers_read(&l, span_of(h->last, h->len)), 0);
	return l.n;
}

static bool first_is(const struct spx_heard *h, const char *text)
{
	uint8_t id[POST_ID_LEN];
	struct post_offer o;
	struct post_list l;

	assert_int_equal(post_offers_read(&l, span_of(h->last, h->len)), 0);
	spx_post_id(text, id);
	return post_offer_next(&l, &o) && memcmp(o.key, id, POST_KEY_LEN) == 0;
}

static void the_first_goes_at_once_and_then_they_go_together(void **state)
{
	struct raw_peer *t = peer_of(SPX_SPEC);
	struct spx_raw a = spx_raw_of(t), b = spx_raw_add(t);
	struct spx_heard h;
	char text[16];

	spx_data(&a, "first");
	world_run(t->w, 25 * MS); // the way takes 10 ms
	assert_int_equal(spx_hear(&b).n_offers, 1);
	for (int i = 0; i < 10; i++) {
		snprintf(text, sizeof(text), "%d", i);
		spx_data(&a, text);
		world_run(t->w, 1 * MS);
	}
	world_run(t->w, 50 * MS);
	h = spx_hear(&b);
	assert_int_equal(h.n_offers, 1);
	assert_int_equal(n_in(&h), 10);
	raw_peer_destroy(t);
}

static void an_offer_is_not_made_to_who_made_it(void **state)
{
	struct raw_peer *t = peer_of(SPX_SPEC);
	struct spx_raw a = spx_raw_of(t), b = spx_raw_add(t), c = spx_raw_add(t);

	spx_offer(&a, "news");
	spx_offer(&b, "news");
	world_run(t->w, 50 * MS);
	spx_data(&a, "news");
	world_run(t->w, 100 * MS);
	assert_int_equal(spx_hear(&a).n_offers, 0);
	assert_int_equal(spx_hear(&b).n_offers, 0);
	assert_int_equal(spx_hear(&c).n_offers, 1);
	raw_peer_destroy(t);
}

static void only_a_short_message_to_a_few_goes_without_offer(void **state)
{
	static const struct {
		const char *claim;
		uint32_t n_peers, len;
		bool is_eager;
	} rows[] = {
		{"short, few", 3, 512, true},
		{"long, few", 3, 513, false},
		{"short, 14", 14, 1, true},
		{"short, 15", 15, 1, false},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct raw_peer *t = peer_of(SPX_SPEC);
		struct spx_raw s[16];
		uint8_t text[600] = {7}, id[POST_ID_LEN];

		s[0] = spx_raw_of(t);
		for (uint32_t k = 1; k < rows[i].n_peers; k++)
			s[k] = spx_raw_add(t);
		group_post(t->node->group, span_of(text, rows[i].len), id, world_now_us(t->w));
		world_run(t->w, 1 * S);
		for (uint32_t k = 0; k < rows[i].n_peers; k++) {
			struct spx_heard h = spx_hear(&s[k]);

			assert_row(h.n_data == rows[i].is_eager, rows[i].claim);
			assert_row(h.n_offers == !rows[i].is_eager, rows[i].claim);
		}
		raw_peer_destroy(t);
	}
}

// The newest first, and no more in a second than a newcomer takes from one neighbour (PO-8).
static void a_newcomer_is_offered_what_was_before_little_by_little(void **state)
{
	struct raw_peer *t = peer_of(SPX_SPEC);
	struct spx_raw a = spx_raw_of(t), b;
	struct raw_peer other = *t;
	struct spx_heard h;
	char text[16];

	for (int i = 0; i < 100; i++) {
		snprintf(text, sizeof(text), "%d", i);
		spx_data(&a, text);
		world_run(t->w, 60 * MS);
	}
	other.raw = world_add(t->w, &(struct world_role){.is_raw = true});
	other.e = world_session(other.raw, WORLD_MEMBER, t->node, WORLD_MEMBER);
	raw_befriend(&other);
	b = (struct spx_raw){.t = t, .raw = other.raw, .e = other.e, .main = other.main};
	spx_report(&b);
	world_run(t->w, 30 * MS);
	h = spx_hear(&b);
	assert_int_equal(h.n_offers, 1);
	assert_true(first_is(&h, "99"));
	world_run(t->w, 1 * S);
	assert_in_range(counters(t)->posts_offered, 60 + 19, 60 + 21); // a burst, and a second
	world_run(t->w, 10 * S);
	assert_int_equal(counters(t)->posts_offered, 100);
	raw_peer_destroy(t);
}

static void who_takes_nothing_is_offered_later(void **state)
{
	struct raw_peer *t = peer_of(SPX_SPEC);
	struct spx_raw a = spx_raw_of(t), b = spx_raw_add(t);
	struct spx_peer *p = neighbour_find(t->node->group, &b.e->far->ctl)->spx;
	struct body *body = outbox_account_body(p->out[OUT_POSTS], 1 << 20);

	spx_data(&a, "news"); // a full queue toward b, at the node
	world_run(t->w, 5 * S);
	assert_int_equal(spx_hear(&b).n_offers, 0);
	assert_in_range(counters(t)->posts_blocked, 4, 6); // tried once a second
	spx_keys(&b, SPX_ASK, "news");
	world_run(t->w, 100 * MS);
	assert_int_equal(spx_hear(&b).n_data, 0);
	outbox_bodies_put(t->node->outbox, &(struct report){.bodies.more = {body}});
	world_run(t->w, 2 * S);
	assert_int_equal(spx_hear(&b).n_offers, 1);
	raw_peer_destroy(t);
}

// What a neighbour does not acknowledge is never more than a mebibyte.
static void a_slow_neighbour_holds_a_mebibyte(void **state)
{
	static char text[60000];
	struct raw_peer *t = peer_of(SPX_SPEC);
	struct spx_raw a = spx_raw_of(t), b = spx_raw_add(t);
	struct spx_peer *p = neighbour_find(t->node->group, &b.e->far->ctl)->spx;

	b.e->far->is_slow = true;
	memset(text, 'x', sizeof(text) - 1);
	for (int i = 0; i < 30; i++) {
		memcpy(text, &(char[]){(char)('a' + i % 20), (char)('a' + i / 20)}, 2);
		spx_data(&a, text);
		world_run(t->w, 300 * MS);
		spx_keys(&b, SPX_ASK, text);
		world_run(t->w, 100 * MS);
		assert_in_range(outbox_account_bytes(p->out[OUT_POSTS]), 1, 1 << 20);
	}
	assert_in_range(counters(t)->posts_sent, 15, 17);
	raw_peer_destroy(t);
}

static void a_loop_ends_where_it_began(void **state)
{
	struct spx_party *t = spx_party_create(8, true, SPX_SPEC);
	uint64_t before, after = 0;

	for (int i = 0; i < 20; i++) {
		char text[8];

		snprintf(text, sizeof(text), "%d", i);
		spx_post(t->nodes[1 + i % 8], text);
		world_run(t->w, 1 * S);
	}
	before = groups_counters(t->nodes[0]->groups)->posts_offered;
	world_run(t->w, 100 * S); // nothing moves any more
	after = groups_counters(t->nodes[0]->groups)->posts_offered;
	assert_int_equal(before, after);
	for (uint32_t i = 0; i < t->n; i++)
		assert_int_equal(t->told[i].n_posts, i == 0 ? 20 : (i - 1) < 4 ? 17 : 18);
	spx_party_destroy(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_goes_at_once_and_then_they_go_together),
		cmocka_unit_test(an_offer_is_not_made_to_who_made_it),
		cmocka_unit_test(only_a_short_message_to_a_few_goes_without_offer),
		cmocka_unit_test(a_newcomer_is_offered_what_was_before_little_by_little),
		cmocka_unit_test(who_takes_nothing_is_offered_later),
		cmocka_unit_test(a_slow_neighbour_holds_a_mebibyte),
		cmocka_unit_test(a_loop_ends_where_it_began),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

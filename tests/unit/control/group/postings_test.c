// Posting, PO-1 to PO-10 of netgroup-semantics 5, among whole members and with such as are driven
// by hand (docs/spx.md).
#include "tests/support/test.h"
#include "control/group/neighbour.h"
#include "tests/unit/control/group/spx_kit.h"

static const struct world_role member = {.is_super = false};

static uint64_t count_all(const struct spx_party *t, const char *text)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < t->n; i++)
		n += strcmp(t->told[i].posts, text) == 0;
	return n;
}

// ---- our program's ----

static void the_groupspec_says_who_may_post(void **state)
{
	static const struct {
		const char *claim, *spec;
		int err;
	} rows[] = {
		{"no posting in it", "G:01000101010c050e7465737400", -EOPNOTSUPP},
		{"posting", SPX_SPEC, 0},
		{"a password, and no authorization", SPX_LOCKED, -EACCES},
		{"a wrong authorization",
		 SPX_LOCKED "0617626164"
			    "2121",
		 -EACCES},
		{"a right one", SPX_UNLOCKED, 0},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct spx_party *t = spx_party_create(1, true, rows[i].spec);

		assert_row(spx_post(t->nodes[1], "a") == rows[i].err, rows[i].claim);
		world_run(t->w, 1 * S);
		assert_row(t->told[0].n_posts == (rows[i].err == 0), rows[i].claim);
		spx_party_destroy(t);
	}
}

static void an_id_is_the_hash_of_the_message(void **state)
{
	static uint8_t octets[POST_LEN_MAX + 1];
	struct spx_party *t = spx_party_create(1, true, SPX_SPEC);
	struct group *g = t->nodes[1]->group;
	uint8_t id[POST_ID_LEN], hash[POST_ID_LEN];
	uint64_t now_us = world_now_us(t->w);

	sha256("abc", 3, hash);
	assert_int_equal(group_post(g, span_of("abc", 3), id, now_us), 0);
	assert_memory_equal(id, hash, sizeof(id));
	assert_int_equal(group_post(g, span_of("", 0), id, now_us), -EMSGSIZE);
	assert_int_equal(group_post(g, span_of(octets, POST_LEN_MAX + 1), id, now_us), -EMSGSIZE);
	assert_int_equal(group_post(g, span_of(octets, POST_LEN_MAX), id, now_us), 0);
	world_run(t->w, 1 * S);
	assert_int_equal(t->told[0].n_posts, 2);
	spx_party_destroy(t);
}

static void the_same_octets_are_one_message(void **state)
{
	struct spx_party *t = spx_party_create(3, true, SPX_SPEC);

	for (int i = 0; i < 3; i++) { // also from others, who elected each other, say
		assert_int_equal(spx_post(t->nodes[1], "fact"), 0);
		assert_int_equal(spx_post(t->nodes[2], "fact"), 0);
		world_run(t->w, 1 * S);
	}
	assert_string_equal(t->told[3].posts, " fact");
	assert_string_equal(t->told[0].posts, " fact");
	spx_party_destroy(t);
}

static void everybody_but_the_poster_is_notified_once(void **state)
{
	struct spx_party *t = spx_party_create(12, true, SPX_SPEC);
	uint8_t id[POST_ID_LEN];

	spx_post_id("hello", id);
	spx_post(t->nodes[5], "hello");
	world_run(t->w, 2 * S);
	assert_string_equal(t->told[5].posts, "");
	assert_int_equal(count_all(t, " hello"), 12);
	assert_memory_equal(t->told[7].id, id, sizeof(id));
	assert_int_equal(groups_counters(t->nodes[5]->groups)->posts_own, 1);
	spx_party_destroy(t);
}

// Nobody speaks first to such as may be old; the super-peer does and carries it to all.
static void without_hmac_the_super_peer_relays(void **state)
{
	struct spx_party *t = spx_party_create(5, false, SPX_SPEC);

	assert_true(world_are_neighbours(t->nodes[1], t->nodes[2]));
	spx_post(t->nodes[1], "hello");
	world_run(t->w, 2 * S);
	assert_int_equal(count_all(t, " hello"), 5);
	assert_int_equal(groups_counters(t->nodes[1]->groups)->posts_sent, 1);
	assert_int_equal(groups_counters(t->nodes[2]->groups)->posts_repeated, 0);
	spx_party_destroy(t);
}

// Each only knows the next: no ring, no mesh (PO-4).
static void a_chain_is_enough(void **state)
{
	enum { N = 10 };
	struct world *w = world_create(
		&(struct world_opts){.seed = 5, .latency_us = 10 * MS, .has_hmac = true});
	struct spx_told told[N] = {0};
	struct world_node *nodes[N];

	for (int i = 0; i < N; i++) {
		nodes[i] = world_add(w, &(struct world_role){.is_super = true}); // calls nobody
		spx_listen(nodes[i], &told[i]);
		world_join(nodes[i], SPX_SPEC);
	}
	for (int i = 0; i + 1 < N; i++) {
		struct end *e = world_session(nodes[i], WORLD_MEMBER, nodes[i + 1], WORLD_MEMBER);

		neighbour_call(nodes[i]->group, &e->ctl);
	}
	world_run(w, 1 * S);
	spx_post(nodes[0], "far");
	world_run(w, 2 * S);
	for (int i = 1; i < N; i++)
		assert_string_equal(told[i].posts, " far");
	world_destroy(w);
}

static void long_messages_are_asked_for(void **state)
{
	struct spx_party *t = spx_party_create(3, true, SPX_SPEC);
	char text[1000];
	uint8_t id[POST_ID_LEN];

	memset(text, 'x', sizeof(text));
	group_post(t->nodes[1]->group, span_of(text, sizeof(text)), id, world_now_us(t->w));
	world_run(t->w, 1 * S);
	for (uint32_t i = 0; i < t->n; i++)
		assert_int_equal(t->told[i].n_posts, i != 1);
	// Each copy was asked for: nobody got two.
	for (uint32_t i = 0; i < t->n; i++)
		assert_int_equal(groups_counters(t->nodes[i]->groups)->posts_repeated, 0);
	spx_party_destroy(t);
}

// PO-9: in a small group sendToAllNeighbors is cheaper.
static void to_all_neighbours_costs_less_than_posting_in_a_small_group(void **state)
{
	struct spx_party *t = spx_party_create(6, true, SPX_SPEC);
	uint64_t posting = 0, routing = 0;
	struct group_info i;

	assert_int_equal(group_send_to_all_neighbours(t->nodes[1]->group, span_of("hello", 5),
						      world_now_us(t->w)),
			 GROUP_SENT);
	world_run(t->w, 2 * S);
	spx_post(t->nodes[1], "hello");
	world_run(t->w, 2 * S);
	for (uint32_t k = 0; k < t->n; k++) {
		group_info_get(t->nodes[k]->group, &i);
		posting += i.post_control_tx_bytes + i.post_data_tx_bytes;
		routing += i.route_tx_bytes;
		assert_int_equal(t->told[k].n_sent, k != 1);
		assert_int_equal(t->told[k].n_posts, k != 1);
	}
	assert_in_range(routing, 1, posting - 1);
	spx_party_destroy(t);
}

static void who_comes_late_gets_what_is_held(void **state)
{
	struct spx_party *t = spx_party_create(2, true, SPX_SPEC);

	spx_post(t->nodes[1], "one");
	world_run(t->w, 200 * S);
	spx_post(t->nodes[1], "two");
	world_run(t->w, 50 * S);
	spx_party_add(t, &member, SPX_SPEC); // 250 s after the first
	world_run(t->w, 20 * S);
	assert_int_equal(t->told[3].n_posts, 2);
	world_run(t->w, 60 * S); // 330 s
	spx_party_add(t, &member, SPX_SPEC);
	world_run(t->w, 20 * S);
	assert_string_equal(t->told[4].posts, " two");
	assert_string_equal(t->told[2].posts, " one two"); // and to nobody twice
	spx_party_destroy(t);
}

static void a_poster_without_neighbours_posts_to_those_who_come(void **state)
{
	struct spx_party *t = spx_party_create(0, true, SPX_SPEC);

	assert_int_equal(spx_post(t->nodes[0], "anybody"), 0);
	world_run(t->w, 5 * S);
	spx_party_add(t, &member, SPX_SPEC);
	world_run(t->w, 10 * S);
	assert_string_equal(t->told[1].posts, " anybody");
	spx_party_destroy(t);
}

// A program that ends can know that its message does not end with it.
static void what_somebody_took_is_counted_once(void **state)
{
	struct spx_party *t = spx_party_create(4, true, SPX_SPEC);
	const struct groups_counters *n = groups_counters(t->nodes[1]->groups);

	spx_post(t->nodes[2], "others'");
	world_run(t->w, 1 * S);
	assert_int_equal(n->posts_own_taken, 0);
	spx_post(t->nodes[1], "ours");
	world_run(t->w, 1 * S);
	assert_int_equal(n->posts_own_taken, 1);
	assert_int_equal(n->posts_sent, 4);
	spx_party_destroy(t);
}

// Netgroup-semantics 16: the super-peer alone carries them, 180 a second.
static void ten_thousand_postings_reach_all_others_once(void **state)
{
	enum { POSTERS = 10, EACH = 1000 };
	struct spx_party *t = spx_party_create(POSTERS, false, SPX_SPEC);
	char text[16];

	for (int i = 0; i < EACH; i++) {
		for (int k = 1; k <= POSTERS; k++) {
			snprintf(text, sizeof(text), "%d %d", k, i);
			assert_int_equal(spx_post(t->nodes[k], text), 0);
		}
		world_run(t->w, 1 * S / 18);
	}
	world_run(t->w, 5 * S);
	assert_int_equal(t->told[0].n_posts, POSTERS * EACH);
	for (int k = 1; k <= POSTERS; k++) {
		assert_int_equal(t->told[k].n_posts, (POSTERS - 1) * EACH);
		assert_int_equal(groups_counters(t->nodes[k]->groups)->posts_repeated, 0);
		assert_int_equal(groups_counters(t->nodes[k]->groups)->posts_limited, 0);
	}
	assert_int_equal(groups_counters(t->nodes[0]->groups)->posts_limited, 0);
	spx_party_destroy(t);
}

static void a_program_is_told_to_wait_when_others_would_not_listen(void **state)
{
	struct spx_party *t = spx_party_create(1, true, SPX_SPEC);
	char text[8];
	int n = 0;

	for (int i = 0; i < 100; i++) {
		snprintf(text, sizeof(text), "%d", i);
		n += spx_post(t->nodes[1], text) == 0;
	}
	assert_int_equal(n, 60);
	assert_int_equal(spx_post(t->nodes[1], "more"), -EAGAIN);
	assert_int_equal(spx_post(t->nodes[1], "59"), 0); // is there already
	world_run(t->w, 1 * S);
	assert_int_equal(spx_post(t->nodes[1], "more"), 0);
	world_run(t->w, 1 * S);
	assert_int_equal(t->told[0].n_posts, 61);
	spx_party_destroy(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_groupspec_says_who_may_post),
		cmocka_unit_test(an_id_is_the_hash_of_the_message),
		cmocka_unit_test(the_same_octets_are_one_message),
		cmocka_unit_test(everybody_but_the_poster_is_notified_once),
		cmocka_unit_test(without_hmac_the_super_peer_relays),
		cmocka_unit_test(a_chain_is_enough),
		cmocka_unit_test(long_messages_are_asked_for),
		cmocka_unit_test(to_all_neighbours_costs_less_than_posting_in_a_small_group),
		cmocka_unit_test(who_comes_late_gets_what_is_held),
		cmocka_unit_test(a_poster_without_neighbours_posts_to_those_who_come),
		cmocka_unit_test(what_somebody_took_is_counted_once),
		cmocka_unit_test(ten_thousand_postings_reach_all_others_once),
		cmocka_unit_test(a_program_is_told_to_wait_when_others_would_not_listen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

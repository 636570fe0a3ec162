// Posting as older members do it, as far as that is known (groups.md 7): GR-18, GR-19. They begin.
#include "control/group/postings.h"

#include "control/group/neighbour.h"

#include "tests/support/test.h"
#include "tests/unit/control/group/spx_kit.h"

#define OLD_KEYS   "GR\x18"
#define OLD_VALUES "GR\x19"

static const struct world_role super = {.is_super = true};

struct old {
	struct raw_peer *t;
	struct spx_raw s; // for what it hears
	int keys, values;
	struct spx_told told;
};

static struct old *old_create(const char *spec)
{
	struct old *o = calloc(1, sizeof(*o));

	o->t = raw_peer_create_in(&super, spec);
	raw_befriend(o->t);
	o->s = (struct spx_raw){.t = o->t, .raw = o->t->raw, .e = o->t->e};
	spx_listen(o->t->node, &o->told);
	return o;
}

static void old_speaks(struct old *o)
{
	o->keys = raw_open(o->t->e, OLD_KEYS, 3, true, o->t->their_main_id);
	o->values = raw_open(o->t->e, OLD_VALUES, 3, true, o->t->their_main_id);
	world_run(o->t->w, 100 * MS);
}

static void old_destroy(struct old *o)
{
	raw_peer_destroy(o->t);
	free(o);
}

static const struct groups_counters *counters(const struct old *o)
{
	return groups_counters(o->t->node->groups);
}

static void old_offer(struct old *o, uint8_t number)
{
	uint8_t message[9] = {0x30, 1, 2, 3, 4, 5, 6, 7, number};

	raw_send(o->t->e, o->keys, message, sizeof(message));
}

static void what_is_offered_is_asked_for_once_and_taken(void **state)
{
	struct old *o = old_create(SPX_SPEC);
	struct spx_heard h;

	old_speaks(o);
	old_offer(o, 1);
	world_run(o->t->w, 100 * MS);
	h = spx_hear(&o->s);
	assert_int_equal(h.n_old, 1);
	assert_int_equal(h.len, 9);
	assert_memory_equal(h.last, "\x3a\1\2\3\4\5\6\7\1", 9);
	old_offer(o, 1);
	world_run(o->t->w, 2 * S);
	assert_int_equal(spx_hear(&o->s).n_old, 0);
	raw_send(o->t->e, o->values, "news", 4);
	world_run(o->t->w, 100 * MS);
	assert_string_equal(o->told.posts, " news");
	raw_send(o->t->e, o->values, "news", 4);
	world_run(o->t->w, 2 * S);
	assert_string_equal(o->told.posts, " news");
	assert_int_equal(counters(o)->posts_repeated, 1);
	assert_int_equal(spx_hear(&o->s).n_old, 0); // nor is it offered what it brought
	old_destroy(o);
}

static void its_messages_reach_all_others_and_theirs_are_offered_to_it(void **state)
{
	struct old *o = old_create(SPX_SPEC);
	struct world_node *other = world_add(o->t->w, &(struct world_role){.is_super = false});
	struct spx_told told = {0};
	struct spx_heard h;
	uint8_t id[POST_ID_LEN], ask[9] = {0x3a};

	spx_listen(other, &told);
	world_join(other, SPX_SPEC);
	world_session(other, WORLD_MEMBER, o->t->node, WORLD_MEMBER);
	neighbour_call(other->group, &world_end_to(other, o->t->node, WORLD_MEMBER)->ctl);
	old_speaks(o);
	world_run(o->t->w, 1 * S);
	raw_send(o->t->e, o->values, "from the old", 12);
	world_run(o->t->w, 1 * S);
	assert_string_equal(told.posts, " from the old");
	spx_hear(&o->s);
	spx_post(other, "from the new");
	world_run(o->t->w, 1 * S);
	h = spx_hear(&o->s);
	spx_post_id("from the new", id);
	assert_int_equal(h.n_old, 1);
	assert_int_equal(h.last[0], 0x30);
	assert_memory_equal(h.last + 1, id, 8);
	memcpy(ask + 1, id, 8);
	raw_send(o->t->e, o->keys, ask, sizeof(ask));
	world_run(o->t->w, 1 * S);
	h = spx_hear(&o->s);
	assert_int_equal(h.n_old, 1);
	assert_memory_equal(h.last, "from the new", 12);
	old_destroy(o);
}

static void we_do_not_begin(void **state)
{
	struct old *o = old_create(SPX_SPEC);

	spx_post(o->t->node, "hello");
	world_run(o->t->w, 60 * S);
	assert_int_equal(spx_hear(&o->s).n_old, 0);
	old_speaks(o);
	world_run(o->t->w, 5 * S);
	assert_int_equal(spx_hear(&o->s).n_old, 0); // what was before is not history for it
	spx_post(o->t->node, "again");
	world_run(o->t->w, 1 * S);
	assert_int_equal(spx_hear(&o->s).n_old, 1);
	old_destroy(o);
}

static void where_a_password_is_needed_it_cannot_post(void **state)
{
	struct old *o = old_create(SPX_LOCKED);

	old_speaks(o);
	raw_send(o->t->e, o->values, "news", 4);
	world_run(o->t->w, 1 * S);
	assert_int_equal(o->told.n_posts, 0);
	assert_int_equal(counters(o)->posts_unauthorized, 1);
	assert_int_equal(world_open_neighbours(o->t->node), 1);
	old_destroy(o);
}

static void floods_are_limited(void **state)
{
	struct old *o = old_create(SPX_SPEC);

	old_speaks(o);
	for (int i = 0; i < 200; i++)
		old_offer(o, (uint8_t)i);
	world_run(o->t->w, 100 * MS);
	assert_in_range(spx_hear(&o->s).n_old, 60, 64);
	for (int i = 0; i < 200; i++) {
		char text[8];

		snprintf(text, sizeof(text), "%d", i);
		raw_send(o->t->e, o->values, text, strlen(text));
	}
	world_run(o->t->w, 100 * MS);
	assert_in_range(o->told.n_posts, 60, 70); // what was asked for, and little else
	assert_in_range(counters(o)->posts_limited, 250, 280);
	old_destroy(o);
}

static void only_so_many_values_are_awaited(void **state)
{
	struct old *o = old_create(SPX_SPEC);
	uint32_t n_asked = 0;

	old_speaks(o);
	for (int i = 0; i < 100; i++) {
		old_offer(o, (uint8_t)i);
		world_run(o->t->w, 100 * MS); // slow enough
		n_asked += spx_hear(&o->s).n_old;
	}
	assert_int_equal(n_asked, 64);
	assert_int_equal(counters(o)->posts_limited, 36);
	raw_send(o->t->e, o->values, "news", 4); // one less
	old_offer(o, 200);
	world_run(o->t->w, 100 * MS);
	assert_int_equal(spx_hear(&o->s).n_old, 1);
	old_destroy(o);
}

static void what_is_not_known_is_counted(void **state)
{
	struct old *o = old_create(SPX_SPEC);

	old_speaks(o);
	raw_send(o->t->e, o->keys, "\x31\1\2\3\4\5\6\7\1", 9);
	raw_send(o->t->e, o->keys, "\x30\1\2\3\4\5\6\7", 8);
	raw_send(o->t->e, o->values, "", 0);
	raw_send(o->t->e, o->keys, "\x3a\1\2\3\4\5\6\7\1", 9); // nobody's
	world_run(o->t->w, 1 * S);
	assert_int_equal(counters(o)->spx_unknown, 3);
	assert_int_equal(spx_hear(&o->s).n_old, 0);
	old_destroy(o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_offered_is_asked_for_once_and_taken),
		cmocka_unit_test(its_messages_reach_all_others_and_theirs_are_offered_to_it),
		cmocka_unit_test(we_do_not_begin),
		cmocka_unit_test(where_a_password_is_needed_it_cannot_post),
		cmocka_unit_test(floods_are_limited),
		cmocka_unit_test(only_so_many_values_are_awaited),
		cmocka_unit_test(what_is_not_known_is_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

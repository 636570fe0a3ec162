// Object replication as programs see it: OR-1, OR-2, OR-7 to OR-9, OR-12, E-19.
#include <errno.h>

#include "tests/support/test.h"
#include "tests/unit/control/group/object_kit.h"

static void indices_are_from_0_to_2_to_the_53(void **state)
{
	static const struct {
		const char *claim;
		uint64_t first, last;
		int err;
		uint64_t n;
	} rows[] = {
		{"one", 5, 5, 0, 1},
		{"the lowest and the highest", 0, OBJECT_INDEX_MAX, 0, OBJECT_INDEX_MAX + 1},
		{"an end beyond", 0, OBJECT_INDEX_MAX + 1, -ERANGE, 0},
		{"both beyond, the wrong way round", UINT64_MAX, OBJECT_INDEX_MAX + 1, -ERANGE, 0},
		{"the wrong way round", 6, 5, 0, 0},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct object_duo *d = object_duo_create();
		struct group *g = d->t->node->group;
		uint64_t now_us = world_now_us(d->t->w), first = rows[i].first, last = rows[i].last;

		assert_row(group_have_add(g, first, last, now_us) == rows[i].err, rows[i].claim);
		assert_row(group_want_add(g, first, last, now_us) == rows[i].err, rows[i].claim);
		assert_row(ranges_count(&objects_of(d)->have) == rows[i].n, rows[i].claim);
		assert_row(ranges_count(&objects_of(d)->want) == rows[i].n, rows[i].claim);
		assert_row(group_have_remove(g, first, last, now_us) == rows[i].err, rows[i].claim);
		assert_row(group_want_remove(g, first, last, now_us) == rows[i].err, rows[i].claim);
		assert_row(ranges_count(&objects_of(d)->have) == 0, rows[i].claim);
		assert_row(ranges_count(&objects_of(d)->open) == 0, rows[i].claim);
		object_duo_destroy(d);
	}
}

static void without_replication_there_is_none(void **state)
{
	static const struct world_role member = {.is_super = false};
	struct raw_peer *t = raw_peer_create_in(&member, SPX_SPEC);
	struct spx_raw s;
	uint64_t n;
	int slot;

	raw_befriend(t);
	s = spx_raw_of(t);
	assert_int_equal(group_have_add(t->node->group, 0, 1, 0), -EOPNOTSUPP);
	assert_int_equal(group_want_add(t->node->group, 0, 1, 0), -EOPNOTSUPP);
	assert_int_equal(group_object_deny(t->node->group, 1, world_now_us(t->w)), -ENOENT);
	n = groups_counters(t->node->groups)->flows_rejected;
	slot = raw_open(s.e, RAW_OBJECT_CONTROL, 3, true, t->their_main_id);
	assert_true(slot >= 0);
	world_run(t->w, 100 * MS);
	assert_int_equal(groups_counters(t->node->groups)->flows_rejected, n + 1);
	raw_peer_destroy(t);
}

static void more_pieces_than_there_may_be_change_nothing(void **state)
{
	struct object_duo *d = object_duo_create();

	for (uint64_t i = 0; i < OBJECT_HELD_RANGES; i++)
		assert_int_equal(object_have(d, 2 * i, 2 * i), 0);
	assert_int_equal(object_have(d, 100000, 100000), -ENOBUFS);
	assert_int_equal(ranges_count(&objects_of(d)->have), OBJECT_HELD_RANGES);
	assert_int_equal(object_have(d, 1, 1), 0);
	assert_int_equal(object_have(d, 100000, 100000), 0);
	object_duo_destroy(d);
}

// A seed, and members that give on what they got.
static void what_one_has_all_get_who_want_it(void **state)
{
	struct object_party *t = object_party_create(8);
	uint64_t now_us = world_now_us(t->p->w), last = 199, from_seed;

	group_have_add(t->p->nodes[1]->group, 0, last, now_us);
	for (uint32_t i = 2; i < t->p->n; i++)
		group_want_add(t->p->nodes[i]->group, 0, last, now_us);
	world_run(t->p->w, 60 * S);
	for (uint32_t i = 2; i < t->p->n; i++) {
		assert_int_equal(t->told[i].n_results, last + 1);
		for (uint64_t k = 0; k <= last; k++)
			assert_int_equal(t->told[i].n_got[k], 1);
		assert_int_equal(t->told[i].n_sent, t->told[i].n_results + t->told[i].n_failed);
		assert_int_equal(t->p->nodes[i]->group->objects->want.n, 0);
	}
	// Others gave most of it: the seed not even a third.
	from_seed = groups_counters(t->p->nodes[1]->groups)->objects_sent;
	assert_in_range(from_seed, last + 1, 7 * (last + 1) / 3);
	assert_int_equal(t->told[0].n_requests, 0); // OR-9: who has nothing is not asked
	object_party_destroy(t);
}

static void who_leaves_is_not_waited_for(void **state)
{
	struct object_party *t = object_party_create(4);
	uint64_t now_us = world_now_us(t->p->w);

	t->told[1].serves = false; // takes its time
	group_have_add(t->p->nodes[1]->group, 7, 7, now_us);
	group_want_add(t->p->nodes[2]->group, 7, 7, now_us);
	world_run(t->p->w, 2 * S);
	assert_int_equal(t->told[1].n_requests, 1);
	assert_int_equal(t->told[2].n_sent, 1);
	group_leave(t->p->nodes[1]->group, world_now_us(t->p->w));
	t->p->nodes[1]->group = NULL;
	world_run(t->p->w, 2 * S);
	assert_int_equal(t->told[2].n_failed, 1);
	assert_true(ranges_has(&t->p->nodes[2]->group->objects->want, 7));
	group_have_add(t->p->nodes[3]->group, 7, 7, world_now_us(t->p->w));
	world_run(t->p->w, 2 * S);
	assert_int_equal(t->told[2].n_results, 1);
	assert_string_equal(t->told[2].text, "object 7");
	object_party_destroy(t);
}

static void a_late_answer_to_who_has_gone_is_ignored(void **state)
{
	struct object_duo *d = object_duo_create();
	uint64_t now_us;

	object_have(d, 1, 1);
	object_say_request(&d->raw, SPX_REQUEST, 5, 1, 0);
	object_run(d, 100 * MS);
	assert_int_equal(d->told.n_requests, 1);
	world_cut(d->raw.spx.e, CLOSED_TIMEOUT);
	object_run(d, 100 * MS);
	now_us = world_now_us(d->t->w);
	assert_int_equal(group_object_write(d->t->node->group, d->told.request, OBJECT_OPAQUE,
					    span_of("x", 1), now_us),
			 -ENOENT);
	assert_int_equal(objects_of(d)->n_asked, 0);
	object_duo_destroy(d);
}

static void the_figures_count_octets_of_both_flows(void **state)
{
	struct object_party *t = object_party_create(2);
	uint64_t now_us = world_now_us(t->p->w);
	struct group_info i;

	group_have_add(t->p->nodes[1]->group, 0, 9, now_us);
	group_want_add(t->p->nodes[2]->group, 0, 20, now_us);
	world_run(t->p->w, 5 * S);
	group_info_get(t->p->nodes[1]->group, &i);
	assert_int_equal(i.n_objects_have, 10);
	assert_true(i.object_tx_bytes > 10 * 8 && i.object_rx_bytes > 10 * 4);
	group_info_get(t->p->nodes[2]->group, &i);
	assert_int_equal(i.n_objects_wanted, 11);
	assert_int_equal(i.n_objects_have, 10); // spread at once
	object_party_destroy(t);
}

// The priority of the node's flows with this metadata; PRIO_N: there is none, or they differ.
static uint8_t prio_of(const struct world_node *n, const char *meta)
{
	uint8_t prio = PRIO_N;
	uint32_t n_flows = 0;

	for (const struct end *e = n->ends; e != NULL; e = e->next)
		for (int i = 0; i < FLOWS_PER_SESSION && e->far != NULL; i++) {
			int rx = e->tx[i].is_open ? e->tx[i].far_rx : -1;

			if (rx < 0 || memcmp(e->far->rx[rx].meta, meta, 3) != 0)
				continue;
			if (n_flows++ > 0 && prio != e->tx[i].prio)
				return PRIO_N;
			prio = e->tx[i].prio;
		}
	return prio;
}

// What budgets shed first (dataplane/budget_class.h): postings, then objects; never control.
static void each_flow_has_its_class(void **state)
{
	struct object_party *t = object_party_create(2);
	uint64_t now_us = world_now_us(t->p->w);
	char text[1000];

	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	spx_post(t->p->nodes[1], text);
	group_have_add(t->p->nodes[1]->group, 0, 9, now_us);
	group_want_add(t->p->nodes[2]->group, 0, 9, now_us);
	world_run(t->p->w, 5 * S);
	assert_int_equal(t->told[2].n_results, 10);
	assert_int_equal(prio_of(t->p->nodes[1], RAW_OBJECTS), PRIO_BULK);
	assert_int_equal(prio_of(t->p->nodes[1], RAW_OBJECT_CONTROL), PRIO_CONTROL);
	assert_int_equal(prio_of(t->p->nodes[1], RAW_DATA_65), PRIO_POST);
	assert_int_equal(prio_of(t->p->nodes[1], RAW_POSTS), PRIO_CONTROL);
	object_party_destroy(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(indices_are_from_0_to_2_to_the_53),
		cmocka_unit_test(without_replication_there_is_none),
		cmocka_unit_test(more_pieces_than_there_may_be_change_nothing),
		cmocka_unit_test(what_one_has_all_get_who_want_it),
		cmocka_unit_test(who_leaves_is_not_waited_for),
		cmocka_unit_test(a_late_answer_to_who_has_gone_is_ignored),
		cmocka_unit_test(the_figures_count_octets_of_both_flows),
		cmocka_unit_test(each_flow_has_its_class),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

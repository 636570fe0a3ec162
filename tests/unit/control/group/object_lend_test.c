// What is lent to workers, and when it is taken back (OR-15). That workers give it is theirs to
// show: tests/unit/core/object_cache_test.c.
#include "tests/support/test.h"
#include "tests/unit/control/group/object_kit.h"

#define BUDGET 3

static const struct group_replication lent = {.is_lent = true}, kept_back = {.is_lent = false};

static struct world_node *node_of(const struct object_duo *d)
{
	return d->t->node;
}

static struct object_duo *lender(uint16_t budget, const struct group_replication *o)
{
	struct object_duo *d = object_duo_create();

	node_of(d)->group->limits.budget = budget;
	group_set_replication(node_of(d)->group, o, world_now_us(d->t->w));
	d->told.serves = true;
	object_have(d, 7, 9);
	return d;
}

static void ask(struct object_duo *d, uint64_t request, uint64_t index)
{
	object_say_request(&d->raw, SPX_REQUEST, request, index, 0);
	object_run(d, 100 * MS);
}

static struct end *end_of_raw(struct object_duo *d)
{
	return d->raw.spx.e->far;
}

// The flow of theirs that requests come on, as the worker has it.
static int asked_on(struct object_duo *d)
{
	struct end *e = end_of_raw(d);

	for (int i = 0; i < FLOWS_PER_SESSION; i++)
		if (e->rx[i].is_open && memcmp(e->rx[i].meta, RAW_OBJECT_CONTROL, 3) == 0)
			return i;
	fail_msg("no GR-62");
	return -1;
}

static void what_was_given_once_is_lent(void **state)
{
	struct object_duo *d = lender(BUDGET, &lent);
	const struct command *c = &node_of(d)->lent.last;

	ask(d, 1, 7);
	assert_int_equal(object_hear(&d->raw)->n_objects, 1);
	assert_int_equal(node_of(d)->lent.n_kept, 1);
	assert_true(c->op == CMD_OBJECT_KEEP && c->object.first == 7 && c->len == 8);
	assert_true(c->object.group == BUDGET && c->object.encoding == OBJECT_OPAQUE);
	assert_memory_equal(node_of(d)->lent.octets, "object 7", 8);
	object_duo_destroy(d);
}

static void what_leaves_the_have_set_is_taken_back(void **state)
{
	struct object_duo *d = lender(BUDGET, &lent);
	const struct command *c = &node_of(d)->lent.last;

	ask(d, 1, 7);
	group_have_remove(node_of(d)->group, 7, 8, world_now_us(d->t->w));
	object_run(d, 100 * MS);
	assert_int_equal(node_of(d)->lent.n_dropped, 1);
	assert_true(c->op == CMD_OBJECTS_DROP && c->object.group == BUDGET);
	assert_true(c->object.first == 7 && c->object.last == 8);
	group_set_replication(node_of(d)->group, &kept_back, world_now_us(d->t->w));
	object_run(d, 100 * MS);
	assert_int_equal(node_of(d)->lent.n_dropped, 2);
	assert_true(c->object.first == 0 && c->object.last == OBJECT_INDEX_MAX);
	ask(d, 2, 9);
	assert_int_equal(node_of(d)->lent.n_kept, 1);
	object_duo_destroy(d);
}

// Its program answers after it said that it has it no more.
static void a_late_answer_is_not_lent(void **state)
{
	struct object_duo *d = lender(BUDGET, &lent);

	d->told.serves = false;
	ask(d, 1, 7);
	group_have_remove(node_of(d)->group, 7, 7, world_now_us(d->t->w));
	assert_int_equal(group_object_write(node_of(d)->group, d->told.request, OBJECT_OPAQUE,
					    span_of("it", 2), world_now_us(d->t->w)),
			 0);
	object_run(d, 100 * MS);
	assert_int_equal(object_hear(&d->raw)->n_objects, 1);
	assert_int_equal(node_of(d)->lent.n_kept, 0);
	object_duo_destroy(d);
}

static void nothing_is_lent_that_is_not_to_be(void **state)
{
	static const struct {
		const char *name;
		uint16_t budget;
		const struct group_replication *o;
	} rows[] = {
		{"its program keeps it back", BUDGET, &kept_back},
		{"workers know no such group", 0, &lent},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct object_duo *d = lender(rows[i].budget, rows[i].o);

		object_say_want(&d->raw, true);
		ask(d, 1, 7);
		assert_int_equal(object_hear(&d->raw)->n_objects, 1);
		if (node_of(d)->lent.n_kept + node_of(d)->lent.n_dropped != 0)
			fail_msg("%s", rows[i].name);
		assert_int_equal(end_of_raw(d)->rx[asked_on(d)].class, FLOW_CONTROL);
		object_duo_destroy(d);
	}
}

// Its program hears of each who begins with a file.
static void some_are_never_lent(void **state)
{
	static const struct group_replication o = {.is_lent = true, .unlent_each = 4};
	struct object_duo *d = lender(BUDGET, &o);

	ask(d, 1, 7);
	ask(d, 2, 8);
	ask(d, 3, 9);
	assert_int_equal(object_hear(&d->raw)->n_objects, 3);
	assert_int_equal(node_of(d)->lent.n_kept, 2);
	object_duo_destroy(d);
}

// Who is interested finds the way of the answers open before it asks.
static void requests_go_to_the_worker(void **state)
{
	struct object_duo *d = lender(BUDGET, &lent);
	struct end *e = end_of_raw(d);
	uint64_t first;
	int rx = asked_on(d);

	assert_int_equal(e->rx[rx].class, FLOW_CONTROL);
	object_say_want(&d->raw, true);
	object_run(d, 500 * MS);
	assert_int_equal(e->rx[rx].class, FLOW_STORE);
	first = e->rx[rx].answer_flow_id;
	assert_int_equal(e->tx[first % FLOWS_PER_SESSION].flow_id, first);
	assert_int_equal(e->tx[first % FLOWS_PER_SESSION].prio, PRIO_BULK);
	ask(d, 1, 7);
	assert_int_equal(object_hear(&d->raw)->n_objects, 1);
	assert_int_equal(e->rx[rx].answer_flow_id, first); // and on the same
	object_duo_destroy(d);
}

static void without_memory_it_is_sent_and_not_lent(void **state)
{
	struct object_duo *d = lender(BUDGET, &lent);
	struct groups *gs = node_of(d)->groups;
	struct body_pool *empty = body_pool_create(1);

	gs->o.object_bodies = empty;
	ask(d, 1, 7);
	assert_int_equal(object_hear(&d->raw)->n_objects, 1);
	assert_int_equal(node_of(d)->lent.n_kept, 0);
	assert_int_equal(object_counters(d)->objects_unlent, 1);
	gs->o.object_bodies = node_of(d)->object_bodies;
	body_pool_destroy(empty);
	object_duo_destroy(d);
}

static void what_workers_gave_is_in_the_figures(void **state)
{
	struct object_duo *d = lender(BUDGET, &lent);
	uint64_t now_us = world_now_us(d->t->w);
	struct group_rates rates;

	group_objects_given(node_of(d)->group, 5, 50000, now_us);
	object_run(d, 1 * S);
	group_rates_get(node_of(d)->group, &rates, now_us + 1 * S);
	assert_int_equal(object_counters(d)->objects_sent, 5);
	assert_in_range(rates.object_replication_send, 10000, 50000);
	object_duo_destroy(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_given_once_is_lent),
		cmocka_unit_test(what_leaves_the_have_set_is_taken_back),
		cmocka_unit_test(a_late_answer_is_not_lent),
		cmocka_unit_test(nothing_is_lent_that_is_not_to_be),
		cmocka_unit_test(some_are_never_lent),
		cmocka_unit_test(requests_go_to_the_worker),
		cmocka_unit_test(without_memory_it_is_sent_and_not_lent),
		cmocka_unit_test(what_workers_gave_is_in_the_figures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

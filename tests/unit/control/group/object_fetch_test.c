// Asking: OR-7, OR-8, OR-10, OR-13, OR-14, OR-16; netgroup-semantics 15, E-4 and E-5; liars.
#include "tests/support/test.h"
#include "tests/unit/control/group/object_kit.h"

static void has(struct object_raw *raw, uint64_t first, uint64_t last, uint8_t flags)
{
	struct index_range r = {first, last};

	object_say_have_flags(raw, OBJECT_HAVE_SNAPSHOT | flags, &r, 1);
}

static void the_lowest_first(void **state)
{
	static const struct group_replication lowest = {.is_lowest_first = true};
	struct object_duo *d = object_duo_create();
	struct object_heard *h;

	group_set_replication(d->t->node->group, &lowest, world_now_us(d->t->w));
	object_want(d, 5, 100);
	object_run(d, 1 * S);
	has(&d->raw, 0, 200, 0);
	for (uint64_t i = 5; i < 15; i++) {
		object_run(d, 100 * MS);
		h = object_hear(&d->raw);
		assert_int_equal(h->n_requests, 1); // OR-13: one at a time
		assert_int_equal(h->requests[0].index, i);
		object_give(&d->raw, h->requests[0].request, i, "it");
	}
	object_run(d, 100 * MS);
	assert_int_equal(d->told.n_results, 10);
	for (uint32_t i = 0; i < d->told.n_sent; i++)
		assert_int_equal(d->told.sent[i], 5 + i); // told before
	object_duo_destroy(d);
}

// 0 .. 9 are with both, 10 .. 14 with one alone.
static void the_rarest_first(void **state)
{
	struct object_duo *d = object_duo_create();
	struct object_raw other = object_raw_add(d->t);
	uint32_t n_rare = 0;

	object_want(d, 20, 20); // for now, to be told
	object_run(d, 1 * S);
	has(&d->raw, 0, 14, 0);
	has(&other, 0, 9, 0);
	object_run(d, 100 * MS);
	object_want(d, 0, 19);
	for (int i = 0; i < 14; i++) { // one waits for the other
		struct object_heard *h;

		object_run(d, 100 * MS);
		h = object_hear(&d->raw);
		assert_int_equal(h->n_requests, 1);
		n_rare += h->requests[0].index >= 10;
		assert_int_equal(n_rare, i < 5 ? i + 1 : 5);
		object_give(&d->raw, h->requests[0].request, h->requests[0].index, "it");
	}
	object_duo_destroy(d);
}

static void a_seed_is_asked_for_sixteen_and_all_for_sixty_four(void **state)
{
	struct object_duo *d = object_duo_create();
	struct object_raw seeds[5];
	bool is_asked[1000] = {false};
	uint32_t n = 0;

	object_want(d, 0, 999);
	for (int i = 0; i < 5; i++)
		seeds[i] = object_raw_add(d->t);
	object_run(d, 1 * S);
	for (int i = 0; i < 5; i++)
		has(&seeds[i], 0, 999, OBJECT_HAVE_SEED);
	object_run(d, 100 * MS);
	for (int i = 0; i < 5; i++) {
		struct object_heard *h = object_hear(&seeds[i]);

		assert_in_range(h->n_requests, 0, 16);
		n += h->n_requests;
		for (uint32_t k = 0; k < h->n_requests; k++) { // OR-7: each of one only
			assert_false(is_asked[h->requests[k].index]);
			is_asked[h->requests[k].index] = true;
		}
	}
	assert_int_equal(n, 64);
	assert_int_equal(objects_of(d)->n_fetches, 64);
	object_duo_destroy(d);
}

static void who_denies_is_not_asked_for_it_for_a_while(void **state)
{
	static const struct {
		const char *claim;
		enum object_deny_reason why;
		bool comes_back;
	} rows[] = {
		{"denied", OBJECT_DENY_DENIED, true},
		{"not held", OBJECT_DENY_NOT_HELD, false},
		{"busy", OBJECT_DENY_BUSY, true},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct object_duo *d = object_duo_create();
		struct object_raw other = object_raw_add(d->t);
		struct object_heard *h;

		object_want(d, 7, 7);
		object_run(d, 1 * S);
		has(&d->raw, 7, 7, 0);
		object_run(d, 100 * MS);
		h = object_hear(&d->raw);
		assert_row(h->n_requests == 1, rows[i].claim);
		object_say_request(&d->raw, SPX_DENY, h->requests[0].request, 0, rows[i].why);
		object_run(d, 100 * MS);
		assert_row(d->told.n_failed == 1, rows[i].claim);
		assert_row(ranges_has(&objects_of(d)->want, 7), rows[i].claim); // OR-8
		has(&other, 7, 7, 0);
		object_run(d, 100 * MS);
		h = object_hear(&other); // and another at once
		assert_row(h->n_requests == 1, rows[i].claim);
		object_say_request(&other, SPX_DENY, h->requests[0].request, 0,
				   OBJECT_DENY_NOT_HELD);
		object_run(d, 29 * S);
		assert_row(object_hear(&d->raw)->n_requests == 0, rows[i].claim);
		object_run(d, 2 * S); // OR-5
		assert_row(object_hear(&d->raw)->n_requests == rows[i].comes_back, rows[i].claim);
		object_say_delta(&d->raw, OBJECT_REMOVE, 7, 7);
		object_say_delta(&d->raw, OBJECT_ADD, 7, 7); // it has it now
		object_run(d, 31 * S);
		assert_row(object_hear(&d->raw)->n_requests == !rows[i].comes_back, rows[i].claim);
		object_duo_destroy(d);
	}
}

// E-4: it says it has everything and denies everything.
static void who_always_denies_is_left_alone_longer_and_longer(void **state)
{
	struct object_duo *d = object_duo_create();
	uint32_t n = 0, n_late = 0;

	object_want(d, 0, 1000000);
	object_run(d, 1 * S);
	has(&d->raw, 0, 1000000, OBJECT_HAVE_SEED);
	for (int i = 0; i < 6000; i++) { // ten minutes
		struct object_heard *h;

		object_run(d, 100 * MS);
		h = object_hear(&d->raw);
		for (uint32_t k = 0; k < h->n_requests; k++)
			object_say_request(&d->raw, SPX_DENY, h->requests[k].request, 0,
					   OBJECT_DENY_DENIED);
		n += h->n_requests;
		n_late += i >= 3000 ? h->n_requests : 0;
	}
	assert_in_range(n, 64, 500);
	assert_in_range(n_late, 16, 160); // sixteen after 32 s each
	assert_int_equal(ranges_count(&objects_of(d)->want), 1000001);
	assert_true(objects_of(d)->peers->n_refused <= OBJECT_REFUSED_MAX);
	assert_int_equal(d->told.n_failed, object_counters(d)->objects_denied_us);
	object_duo_destroy(d);
}

// E-5.
static void what_nobody_has_costs_nothing(void **state)
{
	struct object_duo *d = object_duo_create();
	struct object_heard *h;

	object_want(d, 50, 50);
	object_run(d, 1 * S);
	has(&d->raw, 0, 49, 0);
	object_run(d, 3600 * S);
	h = object_hear(&d->raw);
	assert_true(h->n_requests == 0 && h->n_wants == 1);
	assert_int_equal(d->told.n_sent + d->told.n_failed, 0);
	assert_true(objects_deadline_us(d->t->node->group) == NEVER); // nothing looks
	object_say_delta(&d->raw, OBJECT_ADD, 50, 50);
	object_run(d, 100 * MS);
	assert_int_equal(object_hear(&d->raw)->n_requests, 1);
	object_duo_destroy(d);
}

static void silence_is_waited_for_thirty_seconds(void **state)
{
	struct object_duo *d = object_duo_create();
	struct object_raw other = object_raw_add(d->t);
	struct object_heard *h;

	object_want(d, 7, 7);
	object_run(d, 1 * S);
	has(&d->raw, 7, 7, 0);
	object_run(d, 1 * S);
	has(&other, 7, 7, 0);
	object_run(d, 28500 * MS);
	assert_int_equal(d->told.n_failed, 0);
	assert_int_equal(object_hear(&other)->n_requests, 0); // OR-7
	object_run(d, 1 * S);
	assert_int_equal(d->told.n_failed, 1);
	h = object_hear(&d->raw);
	assert_true(h->n_requests == 1 && h->n_cancels == 1);
	assert_int_equal(object_hear(&other)->n_requests, 1); // OR-14
	assert_int_equal(object_counters(d)->objects_late, 1);
	// OR-16: and then it comes after all.
	object_give(&d->raw, h->requests[0].request, 7, "late");
	object_run(d, 100 * MS);
	assert_int_equal(d->told.n_results, 0);
	assert_int_equal(object_counters(d)->objects_unasked, 1);
	object_duo_destroy(d);
}

// Sixteen are asked for, and one comes every 29 s: 120 s are enough.
static void who_gives_a_little_is_waited_for_longer_but_not_for_ever(void **state)
{
	struct object_duo *d = object_duo_create();
	struct object_heard *h;
	struct object_request first[16];

	object_want(d, 0, 15);
	object_run(d, 1 * S);
	has(&d->raw, 0, 15, OBJECT_HAVE_SEED);
	object_run(d, 100 * MS);
	h = object_hear(&d->raw);
	assert_int_equal(h->n_requests, 16);
	memcpy(first, h->requests, sizeof(first));
	for (int i = 0; i < 4; i++) {
		object_run(d, 29 * S);
		assert_int_equal(d->told.n_failed, 0);
		object_give(&d->raw, first[i].request, first[i].index, "it");
	}
	object_run(d, 5 * S);
	assert_int_equal(d->told.n_results, 4);
	assert_int_equal(d->told.n_failed, 12);
	object_duo_destroy(d);
}

static void what_is_not_wanted_any_more_is_cancelled(void **state)
{
	struct object_duo *d = object_duo_create();
	struct object_heard *h;

	object_want(d, 7, 7);
	object_run(d, 1 * S);
	has(&d->raw, 7, 7, 0);
	object_run(d, 100 * MS);
	group_want_remove(d->t->node->group, 0, 10, world_now_us(d->t->w));
	object_run(d, 100 * MS);
	h = object_hear(&d->raw);
	assert_true(h->n_requests == 1 && h->n_cancels == 1);
	assert_int_equal(d->told.n_failed, 1);
	object_give(&d->raw, h->requests[0].request, 7, "it");
	object_run(d, 100 * MS);
	assert_int_equal(d->told.n_results, 0);
	assert_int_equal(objects_of(d)->n_fetches, 0);
	object_duo_destroy(d);
}

// The program finds that it is not what it should be.
static void a_wrong_object_is_asked_of_another(void **state)
{
	struct object_duo *d = object_duo_create();
	struct object_raw honest = object_raw_add(d->t);
	struct object_heard *h;

	object_want(d, 0, 100);
	object_run(d, 1 * S);
	has(&d->raw, 0, 100, 0);
	for (int i = 0; i < 3; i++) {
		object_run(d, 100 * MS);
		h = object_hear(&d->raw);
		assert_int_equal(h->n_requests, 1);
		object_give(&d->raw, h->requests[0].request, h->requests[0].index, "wrong");
		object_run(d, 100 * MS);
		assert_int_equal(d->told.n_results, i + 1);
		group_object_refuse(d->t->node->group, d->told.index, d->told.peer,
				    world_now_us(d->t->w));
		assert_true(ranges_has(&objects_of(d)->want, d->told.index));
	}
	object_run(d, 100 * MS);
	assert_int_equal(object_counters(d)->objects_false, 3);
	assert_int_equal(object_counters(d)->spx_banned, 1); // three lies are enough
	assert_int_equal(d->t->node->group->n_open, 1);
	has(&honest, d->told.index, d->told.index, 0);
	object_run(d, 100 * MS);
	h = object_hear(&honest);
	assert_int_equal(h->n_requests, 1);
	object_give(&honest, h->requests[0].request, d->told.index, "right");
	object_run(d, 100 * MS);
	assert_string_equal(d->told.text, "right");
	object_duo_destroy(d);
}

static void what_nobody_asked_for_is_ignored_and_then_enough(void **state)
{
	struct object_duo *d = object_duo_create();

	for (uint64_t i = 0; i < 100; i++)
		object_give(&d->raw, i, i, "have this");
	object_run(d, 100 * MS);
	assert_int_equal(object_counters(d)->objects_unasked, 100);
	assert_int_equal(object_counters(d)->spx_malformed, 0);
	for (uint64_t i = 100; i < 104; i++)
		object_give(&d->raw, i, i, "and this");
	object_run(d, 100 * MS);
	assert_int_equal(object_counters(d)->spx_malformed, 1);
	assert_int_equal(d->told.n_results, 0);
	object_duo_destroy(d);
}

static void an_answer_must_be_to_the_request(void **state)
{
	struct object_duo *d = object_duo_create();
	struct object_heard *h;
	uint64_t request;

	object_want(d, 7, 7);
	object_run(d, 1 * S);
	has(&d->raw, 7, 7, 0);
	object_run(d, 100 * MS);
	h = object_hear(&d->raw);
	request = h->requests[0].request;
	object_give(&d->raw, request, 8, "another");
	object_give(&d->raw, request + 1, 7, "it");
	object_say_request(&d->raw, SPX_DENY, request + 1, 0, OBJECT_DENY_DENIED);
	object_run(d, 100 * MS);
	assert_int_equal(d->told.n_results + d->told.n_failed, 0);
	object_give(&d->raw, request, 7, "it");
	object_give(&d->raw, request, 7, "it");
	object_run(d, 100 * MS);
	assert_int_equal(d->told.n_results, 1);
	assert_int_equal(object_counters(d)->objects_unasked, 3);
	object_duo_destroy(d);
}

static void a_program_that_does_not_listen_loses_no_object(void **state)
{
	struct object_duo *d = object_duo_create();
	struct event_queue *q = &d->t->node->groups->events;
	struct object_heard *h;

	object_want(d, 7, 7);
	object_run(d, 1 * S);
	has(&d->raw, 7, 7, 0);
	object_run(d, 100 * MS);
	h = object_hear(&d->raw);
	object_give(&d->raw, h->requests[0].request, 7, "it");
	q->n_bytes += EVENTS_BYTES_MAX; // full
	object_run(d, 100 * MS);
	q->n_bytes -= EVENTS_BYTES_MAX;
	assert_int_equal(d->told.n_results, 0);
	assert_int_equal(d->told.n_failed, 1);
	object_run(d, 2 * S);
	h = object_hear(&d->raw);
	assert_int_equal(h->n_requests, 1);
	object_give(&d->raw, h->requests[0].request, 7, "it");
	object_run(d, 100 * MS);
	assert_int_equal(d->told.n_results, 1);
	object_duo_destroy(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_lowest_first),
		cmocka_unit_test(the_rarest_first),
		cmocka_unit_test(a_seed_is_asked_for_sixteen_and_all_for_sixty_four),
		cmocka_unit_test(who_denies_is_not_asked_for_it_for_a_while),
		cmocka_unit_test(who_always_denies_is_left_alone_longer_and_longer),
		cmocka_unit_test(what_nobody_has_costs_nothing),
		cmocka_unit_test(silence_is_waited_for_thirty_seconds),
		cmocka_unit_test(who_gives_a_little_is_waited_for_longer_but_not_for_ever),
		cmocka_unit_test(what_is_not_wanted_any_more_is_cancelled),
		cmocka_unit_test(a_wrong_object_is_asked_of_another),
		cmocka_unit_test(what_nobody_asked_for_is_ignored_and_then_enough),
		cmocka_unit_test(an_answer_must_be_to_the_request),
		cmocka_unit_test(a_program_that_does_not_listen_loses_no_object),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

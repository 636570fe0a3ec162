// Being asked: OR-3 to OR-6, OR-15.
#include <errno.h>

#include "tests/support/test.h"
#include "tests/unit/control/group/object_kit.h"

static void request(struct object_raw *raw, uint64_t number, uint64_t index)
{
	object_say_request(raw, SPX_REQUEST, number, index, 0);
}

static int answer(struct object_duo *d, uint64_t id, struct span object)
{
	return group_object_write(d->t->node->group, id, OBJECT_OPAQUE, object,
				  world_now_us(d->t->w));
}

static void a_request_is_answered_now_or_later(void **state)
{
	struct object_duo *d = object_duo_create();
	struct object_heard *h;

	object_have(d, 7, 8);
	request(&d->raw, 1, 7);
	object_run(d, 100 * MS);
	assert_true(d->told.n_requests == 1 && d->told.index == 7);
	object_run(d, 15 * S);
	assert_int_equal(answer(d, d->told.request, span_of("it", 2)), 0);
	object_run(d, 100 * MS);
	h = object_hear(&d->raw);
	assert_true(h->n_objects == 1 && h->object_index == 7 && h->n_denies == 0);
	request(&d->raw, 2, 8);
	object_run(d, 100 * MS);
	assert_int_equal(
		group_object_deny(d->t->node->group, d->told.request, world_now_us(d->t->w)), 0);
	object_run(d, 100 * MS);
	h = object_hear(&d->raw);
	assert_true(h->n_denies == 1 && h->deny.request == 2 &&
		    h->deny.reason == OBJECT_DENY_DENIED);
	request(&d->raw, 3, 8); // OR-5
	object_run(d, 100 * MS);
	assert_int_equal(d->told.n_requests, 3);
	group_have_remove(d->t->node->group, 8, 8, world_now_us(d->t->w));
	request(&d->raw, 4, 8);
	object_run(d, 100 * MS);
	h = object_hear(&d->raw);
	assert_true(h->n_denies == 1 && h->deny.reason == OBJECT_DENY_NOT_HELD);
	assert_int_equal(d->told.n_requests, 3);
	object_duo_destroy(d);
}

// OR-6.
static void what_is_no_request_is_ignored(void **state)
{
	struct object_duo *d = object_duo_create();
	struct group *g = d->t->node->group;
	uint64_t id;

	object_have(d, 7, 7);
	request(&d->raw, 1, 7);
	object_run(d, 100 * MS);
	id = d->told.request;
	assert_int_equal(answer(d, id + 1, span_of("it", 2)), -ENOENT);
	assert_int_equal(answer(d, id + OBJECT_ASKED_MAX, span_of("it", 2)), -ENOENT);
	assert_int_equal(answer(d, UINT64_MAX, span_of("it", 2)), -ENOENT);
	assert_int_equal(answer(d, 0, span_of("it", 2)), -ENOENT);
	assert_int_equal(answer(d, id, span_of("it", 2)), 0);
	assert_int_equal(answer(d, id, span_of("it", 2)), -ENOENT);
	assert_int_equal(group_object_deny(g, id, world_now_us(d->t->w)), -ENOENT);
	request(&d->raw, 2, 7);
	object_run(d, 19 * S);
	id = d->told.request;
	object_run(d, 2 * S); // too old
	assert_int_equal(answer(d, id, span_of("it", 2)), -ENOENT);
	assert_int_equal(object_hear(&d->raw)->deny.reason, OBJECT_DENY_BUSY);
	object_duo_destroy(d);
}

static void an_object_has_a_size(void **state)
{
	static const uint8_t octets[OBJECT_LEN_MAX + 1];
	struct object_duo *d = object_duo_create();

	object_have(d, 7, 7);
	request(&d->raw, 1, 7);
	object_run(d, 100 * MS);
	assert_int_equal(answer(d, d->told.request, span_of(octets, 0)), -EMSGSIZE);
	assert_int_equal(answer(d, d->told.request, span_of(octets, OBJECT_LEN_MAX + 1)),
			 -EMSGSIZE);
	assert_int_equal(answer(d, d->told.request, span_of(octets, OBJECT_LEN_MAX)), 0);
	object_run(d, 100 * MS);
	assert_int_equal(object_hear(&d->raw)->n_objects, 1);
	object_duo_destroy(d);
}

static void who_asks_for_too_many_is_denied_some(void **state)
{
	struct object_duo *d = object_duo_create();

	object_have(d, 0, 999);
	for (uint64_t i = 0; i < 40; i++)
		request(&d->raw, i, i);
	object_run(d, 100 * MS);
	assert_int_equal(d->told.n_requests, OBJECT_PEER_ASKED_MAX);
	assert_int_equal(object_hear(&d->raw)->n_denies, 8);
	assert_int_equal(object_counters(d)->objects_denied[OBJECT_DENY_BUSY], 8);
	object_duo_destroy(d);
}

static void what_is_cancelled_is_not_answered(void **state)
{
	struct object_duo *d = object_duo_create();

	object_have(d, 7, 7);
	request(&d->raw, 1, 7);
	object_run(d, 100 * MS);
	object_say_request(&d->raw, SPX_CANCEL, 1, 0, 0);
	object_say_request(&d->raw, SPX_CANCEL, 2, 0, 0); // never was
	object_run(d, 100 * MS);
	assert_int_equal(answer(d, d->told.request, span_of("it", 2)), -ENOENT);
	object_run(d, 30 * S);
	assert_int_equal(object_hear(&d->raw)->n_denies, 0);
	object_duo_destroy(d);
}

struct big_server {
	struct object_told told;
	uint32_t n_written;
};

static void serve_big(struct world_node *n, const struct group_event *e)
{
	static const uint8_t octets[64 << 10];
	struct big_server *s = n->ctx;

	if (e->kind == GROUP_OBJECT_REQUEST &&
	    group_object_write(n->group, e->request, OBJECT_OPAQUE, span_of(octets, sizeof(octets)),
			       world_now_us(n->world)) == 0)
		s->n_written++;
}

// It takes what it is sent and never acknowledges.
static void who_takes_nothing_holds_two_mebibytes(void **state)
{
	struct object_duo *d = object_duo_create();
	struct big_server s = {.n_written = 0};

	d->t->node->on_event = serve_big;
	d->t->node->ctx = &s;
	d->raw.spx.e->far->is_slow = true;
	object_have(d, 0, 999);
	for (uint64_t i = 0; i < 200; i++) {
		request(&d->raw, i, i);
		object_run(d, 10 * MS);
	}
	assert_in_range(s.n_written, 30, 32);
	assert_int_equal(objects_of(d)->n_asked, OBJECT_PEER_ASKED_MAX); // these wait
	object_run(d, 25 * S);
	assert_int_equal(objects_of(d)->n_asked, 0);
	assert_in_range(s.n_written, 30, 32);
	assert_int_equal(object_counters(d)->objects_denied[OBJECT_DENY_BUSY], 200 - s.n_written);
	object_duo_destroy(d);
}

static void all_that_take_nothing_hold_four(void **state)
{
	struct object_duo *d = object_duo_create();
	struct object_raw others[4];
	struct big_server s = {.n_written = 0};

	d->t->node->on_event = serve_big;
	d->t->node->ctx = &s;
	object_have(d, 0, 999);
	for (int k = 0; k < 4; k++) {
		others[k] = object_raw_add(d->t);
		others[k].spx.e->far->is_slow = true;
	}
	for (uint64_t i = 0; i < 50; i++)
		for (int k = 0; k < 4; k++) {
			request(&others[k], i, i);
			object_run(d, 5 * MS);
		}
	assert_in_range(s.n_written, 60, 64);
	assert_true(outbox_account_bytes(d->t->node->groups->objects_out) <= 4 << 20);
	world_cut(others[0].spx.e, CLOSED_TIMEOUT); // and what it held is free again
	object_run(d, 100 * MS);
	object_duo_destroy(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_is_answered_now_or_later),
		cmocka_unit_test(what_is_no_request_is_ignored),
		cmocka_unit_test(an_object_has_a_size),
		cmocka_unit_test(who_asks_for_too_many_is_denied_some),
		cmocka_unit_test(what_is_cancelled_is_not_answered),
		cmocka_unit_test(who_takes_nothing_holds_two_mebibytes),
		cmocka_unit_test(all_that_take_nothing_hold_four),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

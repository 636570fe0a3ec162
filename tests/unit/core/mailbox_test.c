#include "dataplane/mailbox.h"

#include <pthread.h>

#include "tests/support/test.h"

struct value {
	uint64_t no;
	uint8_t rest[MAILBOX_SLOT - 8];
};

static bool push_no(struct mailbox *m, uint64_t no)
{
	struct value v = {.no = no};

	memset(v.rest, (int)no, sizeof(v.rest));
	return mailbox_push(m, &v);
}

static bool pop_is(struct mailbox *m, uint64_t no)
{
	struct value v;

	return mailbox_pop(m, &v) && v.no == no && v.rest[0] == (uint8_t)no &&
	       v.rest[sizeof(v.rest) - 1] == (uint8_t)no;
}

static void values_come_out_in_order_and_whole(void **state)
{
	struct mailbox *m = mailbox_create(8);
	struct value v;

	for (uint64_t no = 0; no < 100; no += 5) {
		for (uint64_t i = 0; i < 5; i++)
			assert_true(push_no(m, no + i));
		assert_int_equal(mailbox_n(m), 5);
		assert_int_equal(mailbox_room(m), 3);
		for (uint64_t i = 0; i < 5; i++)
			assert_true(pop_is(m, no + i));
	}
	assert_false(mailbox_pop(m, &v));
	mailbox_destroy(m);
}

static void a_full_ring_refuses_and_loses_nothing(void **state)
{
	struct mailbox *m = mailbox_create(4);

	for (uint64_t i = 0; i < 4; i++)
		assert_true(push_no(m, i));
	assert_false(push_no(m, 99));
	assert_true(pop_is(m, 0));
	assert_true(push_no(m, 4));
	assert_false(push_no(m, 99));
	for (uint64_t i = 1; i < 5; i++)
		assert_true(pop_is(m, i));
	mailbox_destroy(m);
}

#define MANY 20000

static void *produce(void *arg)
{
	for (uint64_t i = 0; i < MANY;)
		i += push_no(arg, i);
	return NULL;
}

static void two_threads_see_every_value_once(void **state)
{
	struct mailbox *m = mailbox_create(64);
	struct value v;
	pthread_t producer;

	assert_int_equal(pthread_create(&producer, NULL, produce, m), 0);
	for (uint64_t i = 0; i < MANY;) {
		if (!mailbox_pop(m, &v))
			continue;
		assert_int_equal(v.no, i);
		assert_int_equal(v.rest[sizeof(v.rest) - 1], (uint8_t)i);
		i++;
	}
	pthread_join(producer, NULL);
	mailbox_destroy(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_come_out_in_order_and_whole),
		cmocka_unit_test(a_full_ring_refuses_and_loses_nothing),
		cmocka_unit_test(two_threads_see_every_value_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

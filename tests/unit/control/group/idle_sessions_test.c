// Sessions that are to be looked at, in their order.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "control/group/idle_sessions.h"

static void add(struct idle_sessions *s, uint32_t id)
{
	const struct ctl_session cs = {.worker = id % 3, .idx = id / 3, .id = id};

	assert_true(idle_sessions_add(s, &cs, 1000 + id));
}

static void take(struct idle_sessions *s, uint32_t id)
{
	const struct idle_session *first = idle_sessions_first(s);

	assert_non_null(first);
	assert_int_equal(first->id, id);
	assert_int_equal(first->worker, id % 3);
	assert_int_equal(first->idx, id / 3);
	assert_int_equal(first->at_us, 1000 + id);
	idle_sessions_pop(s);
}

static void who_came_first_is_looked_at_first(void **state)
{
	struct idle_sessions s = {0};

	(void)state;
	assert_null(idle_sessions_first(&s));
	for (uint32_t i = 0; i < 1000; i++)
		add(&s, i);
	for (uint32_t i = 0; i < 1000; i++)
		take(&s, i);
	assert_null(idle_sessions_first(&s));
	idle_sessions_clear(&s);
}

// It grows wherever its first one stands.
static void none_is_lost_while_others_come_and_go(void **state)
{
	for (uint32_t n_gone = 0; n_gone <= 40; n_gone++) {
		struct idle_sessions s = {0};

		(void)state;
		for (uint32_t i = 0; i < n_gone; i++) {
			add(&s, i);
			take(&s, i);
		}
		for (uint32_t i = 0; i < 100; i++)
			add(&s, i);
		for (uint32_t i = 0; i < 100; i++)
			take(&s, i);
		assert_null(idle_sessions_first(&s));
		idle_sessions_clear(&s);
		assert_null(idle_sessions_first(&s));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_came_first_is_looked_at_first),
		cmocka_unit_test(none_is_lost_while_others_come_and_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

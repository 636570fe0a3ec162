// Group's half of a session: made once, listed, gone when empty.
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "control/group/group_session.h"
#include "control/group/neighbour.h"

static void it_is_made_once_and_goes_when_nothing_is_left(void **state)
{
	struct group_session *list = NULL, *s;
	struct ctl_session cs[3] = {{.idx = 0}, {.idx = 1}, {.idx = 2}};
	struct neighbour nb;

	for (int i = 0; i < 3; i++) {
		s = group_session_get(&list, &cs[i]);
		assert_ptr_equal(s, cs[i].groups);
		assert_ptr_equal(s->cs, &cs[i]);
		assert_ptr_equal(group_session_get(&list, &cs[i]), s);
	}
	cs[1].groups->neighbours = &nb;
	group_session_put(&cs[1]);
	assert_non_null(cs[1].groups);
	group_session_put(&cs[0]);
	group_session_put(&cs[2]);
	group_session_put(&cs[2]); // no harm
	assert_ptr_equal(list, cs[1].groups);
	assert_null(list->next);
	cs[1].groups->neighbours = NULL;
	group_session_put(&cs[1]);
	assert_null(list);
	assert_null(cs[1].groups);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_made_once_and_goes_when_nothing_is_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

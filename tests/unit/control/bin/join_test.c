// When joining has failed, and what is said then.
#include "tests/support/test.h"

#include "control/bin/peer/join.h"

static void tell(struct join *j, enum node_event_kind kind, const char *text)
{
	join_event(j, &(struct node_event){.kind = kind, .text = text});
}

static const char *failure(const struct join *j, uint64_t now_us)
{
	const char *why = NULL;

	return join_has_failed(j, now_us, &why) ? why : NULL;
}

static void a_neighbour_ends_the_waiting(void **state)
{
	struct join j;

	join_init(&j, 1, 30, 1000);
	assert_string_equal(join_state(&j), "connecting");
	tell(&j, NODE_CONNECTED, "");
	assert_string_equal(join_state(&j), "joining");
	tell(&j, NODE_NEIGHBOUR_CONNECT, "");
	assert_string_equal(join_state(&j), "joined");
	tell(&j, NODE_NEIGHBOUR_DISCONNECT, "");
	tell(&j, NODE_DISCONNECTED, "");
	assert_null(failure(&j, UINT64_MAX));
}

static void without_a_group_a_connection_is_enough(void **state)
{
	struct join j;

	join_init(&j, 1, 30, 1000);
	j.is_alone = true;
	join_event(&j, &(struct node_event){.kind = NODE_CONNECTED, .conn = (void *)&j});
	assert_true(j.has_joined);
	assert_ptr_equal(j.conn, &j);
}

static void the_time_limit_names_how_far_it_came(void **state)
{
	struct join j;

	join_init(&j, 1, 30, 1000);
	assert_null(failure(&j, 30000999));
	assert_string_equal(failure(&j, 30001000), "could not connect: no introducer answered");
	tell(&j, NODE_CONNECTED, "");
	assert_string_equal(failure(&j, 30001000),
			    "could not join: no member of this group answered");
}

static void what_is_known_meanwhile_is_said_in_the_end(void **state)
{
	struct join j;

	join_init(&j, 1, 30, 1000);
	tell(&j, NODE_CONNECT_UNANSWERED, "it answers hellos, but not our keys");
	assert_null(failure(&j, 2000)); // it may yet
	assert_string_equal(failure(&j, 30001000),
			    "could not connect: it answers hellos, but not our keys");
	tell(&j, NODE_CONNECTED, "");
	assert_string_equal(failure(&j, 30001000),
			    "could not join: no member of this group answered");
}

static void without_a_limit_it_waits_for_ever(void **state)
{
	struct join j;

	join_init(&j, 1, 0, 1000);
	assert_null(failure(&j, UINT64_MAX - 1));
}

static void it_is_over_when_every_introducer_refused(void **state)
{
	struct join j;

	join_init(&j, 2, 30, 1000);
	tell(&j, NODE_CONNECT_FAILED, "nobody answered");
	assert_null(failure(&j, 2000));
	tell(&j, NODE_GROUP_REJECTED, "the introducer refuses this group");
	assert_string_equal(failure(&j, 2000), "could not join: the introducer refuses this group");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_group_a_connection_is_enough),
		cmocka_unit_test(a_neighbour_ends_the_waiting),
		cmocka_unit_test(the_time_limit_names_how_far_it_came),
		cmocka_unit_test(what_is_known_meanwhile_is_said_in_the_end),
		cmocka_unit_test(without_a_limit_it_waits_for_ever),
		cmocka_unit_test(it_is_over_when_every_introducer_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

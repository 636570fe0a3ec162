// Reports that are about nobody, or about somebody else.
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/control/group/raw_peer.h"

static int begin(void **state)
{
	*state = raw_peer_create(&(struct world_role){.is_super = false});
	raw_befriend(*state);
	return 0;
}

static int end(void **state)
{
	raw_peer_destroy(*state);
	return 0;
}

static const char *const strange_kinds[] = {
	"GR\x1d", "GR\x61" /* routing is not in the groupspec */, "GR\x62", "GR", "", "TC\x04", "XX"};

static void flows_of_kinds_we_do_not_serve_are_rejected(void **state)
{
	struct raw_peer *t = *state;
	uint64_t n = sizeof(strange_kinds) / sizeof(strange_kinds[0]);

	for (size_t i = 0; i < n; i++)
		raw_open(t->e, strange_kinds[i], strlen(strange_kinds[i]), true, t->their_main_id);
	world_run(t->w, 100 * MS);
	assert_int_equal(groups_counters(t->node->groups)->flows_rejected, n);
	assert_int_equal(world_open_neighbours(t->node), 1);
}

// A slot's former flow must not speak for the present one, nor any flow for a slot that has none.
static void late_reports_of_former_flows_do_nothing(void **state)
{
	struct raw_peer *t = *state;
	struct ctl_session *cs = &t->e->far->ctl;
	struct body *body = NULL;
	struct report r = {.len = 1};

	assert_int_equal(posix_memalign((void **)&body, 64, sizeof(*body) + 1), 0);
	body->data[0] = GROUP_ASK_CLOSE;
	r.body = body;
	for (uint16_t slot = 0; slot < FLOWS_PER_SESSION + 2; slot++) {
		r.flow = slot;
		r.message.flow_id = 999;
		groups_message(t->node->groups, cs, &r, world_now_us(t->w));
		r.opened.flow_id = 999;
		groups_flow_finished(t->node->groups, cs, &r, world_now_us(t->w));
		r.exception.flow_id = 999;
		groups_flow_exception(t->node->groups, cs, &r, world_now_us(t->w));
	}
	free(body);
	assert_int_equal(world_open_neighbours(t->node), 1);
}

static void a_message_without_octets_is_only_unknown(void **state)
{
	struct raw_peer *t = *state;

	raw_send(t->e, t->main, "", 0);
	world_run(t->w, 100 * MS);
	assert_int_equal(groups_counters(t->node->groups)->unknown_messages, 1);
	assert_int_equal(world_open_neighbours(t->node), 1);
}

#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(flows_of_kinds_we_do_not_serve_are_rejected),
		T(late_reports_of_former_flows_do_nothing),
		T(a_message_without_octets_is_only_unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

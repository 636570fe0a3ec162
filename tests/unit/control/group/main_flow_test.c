// The gate: what a stranger may say before it has proven anything. A raw node talks by hand.
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/json.h"
#include "tests/unit/control/group/raw_peer.h"

static int begin(void **state)
{
	*state = raw_peer_create(&(struct world_role){.is_super = false});
	return 0;
}

static int end(void **state)
{
	raw_peer_destroy(*state);
	return 0;
}

static struct got *next(struct raw_peer *t)
{
	struct got *g = world_got(t->raw);

	assert_non_null(g);
	return g;
}

static void expect(struct raw_peer *t, const char *meta, const void *octets, size_t len)
{
	struct got *g = next(t);

	assert_memory_equal(g->meta, meta, 3);
	assert_int_equal(g->len, len);
	assert_memory_equal(g->octets, octets, len);
	free(g);
}

static void expect_nothing(struct raw_peer *t)
{
	assert_null(world_got(t->raw));
}

static void expect_proof(struct raw_peer *t)
{
	struct got *g = next(t);
	struct group_connect c;

	assert_memory_equal(g->meta, RAW_MAIN, 3);
	assert_int_equal(g->len, 137);
	assert_int_equal(group_connect_read(&c, span_of(g->octets, g->len)), 0);
	assert_memory_equal(c.group_id, t->spec.id, 32);
	assert_memory_equal(c.receiver_id, t->raw->id, 32);
	assert_true(member_proof_is_right(&t->spec, t->e->ctl.near_nonce, c.proof));
	free(g);
}

static void a_good_proof_is_answered_in_the_recorded_order(void **state)
{
	struct raw_peer *t = *state;
	struct got *g;

	raw_greet(t);
	assert_true(world_are_neighbours(t->node, t->raw));
	expect_proof(t);
	expect(t, RAW_MAIN, "\x02", 1);
	expect(t, RAW_MAIN, "\x0e", 1);
	g = next(t);
	assert_int_equal(g->octets[0], GROUP_REPORT);
	free(g);
	expect_nothing(t);
}

// Shapes, not values: what differs between two runs of the same implementation, differs here.
static void our_messages_have_the_recorded_shapes(void **state)
{
	struct raw_peer *t = *state;
	struct json_doc *doc = json_load("groups/two-node.play1.messages.json");
	struct json *m;
	size_t n = 0;

	raw_greet(t);
	// The player's first four main flow messages toward the publisher, who called it.
	json_each(m, json_at(json_root(doc), "messages"))
	{
		struct span want;
		struct got *g;

		if (n == 4 || !json_has(m, "metadata") || strcmp(json_text(m, "dir"), "out") != 0 ||
		    strcmp(json_text(m, "metadata"), "47521c") != 0)
			continue;
		want = json_hex(doc, m, "hex");
		g = next(t);
		assert_int_equal(g->octets[0], want.data[0]);
		if (n < 3)
			assert_int_equal(g->len, want.len);
		if (n == 0) // the group ID in hex, and every length and type
			assert_memory_equal(g->octets, want.data, 3 + 64 + 2);
		if (n == 3) // the receiver's address first, then ours, then the end of that list
			assert_memory_equal(g->octets, want.data, 4);
		free(g);
		n++;
	}
	assert_int_equal(n, 4);
	json_free(doc);
}

static void wrong_proof(struct group_connect *c)
{
	c->proof[31] ^= 1;
}

static void wrong_group(struct group_connect *c)
{
	c->group_id[0] ^= 1;
}

static void wrong_receiver(struct group_connect *c)
{
	c->receiver_id[0] ^= 1;
}

static void who_proves_nothing_gets_nothing(void **state)
{
	static const struct {
		const char *what;
		void (*spoil)(struct group_connect *);
	} cases[] = {{"proof", wrong_proof}, {"group", wrong_group}, {"receiver", wrong_receiver}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct raw_peer *t = *state;
		uint8_t message[256];
		struct group_connect c;
		struct wr w = wr_over(message, sizeof(message));

		raw_connect_message(t, message, &c);
		cases[i].spoil(&c);
		group_connect_write(&w, &c);
		t->main = raw_open(t->e, RAW_MAIN, 3, false, 0);
		raw_send(t->e, t->main, message, w.len);
		raw_send(t->e, t->main, "\x02", 1);
		raw_send(t->e, t->main, "\x0e", 1);
		world_run(t->w, 5 * S);
		if (world_are_neighbours(t->node, t->raw) || world_got(t->raw) != NULL)
			fail_msg("a wrong %s passed", cases[i].what);
		// Rejected, and so is the session, which serves nobody.
		assert_int_not_equal(t->e->ctl.state, CTL_OPEN);
		end(state);
		begin(state);
	}
}

static void nothing_else_is_taken_before_the_proof(void **state)
{
	static const char *const firsts[] = {"\x02",     "\x0e", "\x0c", "\x0a\x00",
					     "\x21\x01", "",     "\x01"};

	for (size_t i = 0; i < sizeof(firsts) / sizeof(firsts[0]); i++) {
		struct raw_peer *t = *state;

		t->main = raw_open(t->e, RAW_MAIN, 3, false, 0);
		raw_send(t->e, t->main, firsts[i], strlen(firsts[i]) + (firsts[i][0] == 0x0a));
		world_run(t->w, 1 * S);
		expect_nothing(t);
		assert_false(world_are_neighbours(t->node, t->raw));
		end(state);
		begin(state);
	}
}

static void who_says_nothing_is_sent_away(void **state)
{
	struct raw_peer *t = *state;

	t->main = raw_open(t->e, RAW_MAIN, 3, false, 0);
	world_run(t->w, 19 * S);
	assert_int_equal(t->e->far->ctl.state, CTL_OPEN);
	world_run(t->w, 20 * S);
	assert_int_not_equal(t->e->far->ctl.state, CTL_OPEN);
}

static void nameless_main_flows_are_bounded(void **state)
{
	struct raw_peer *t = *state;

	for (int i = 0; i < 20; i++)
		raw_open(t->e, RAW_MAIN, 3, false, 0);
	world_run(t->w, 100 * MS);
	assert_int_equal(groups_counters(t->node->groups)->flows_rejected, 4);
}

static void a_second_main_flow_of_the_same_group_is_refused(void **state)
{
	struct raw_peer *t = *state;
	uint8_t message[256];
	struct group_connect c;
	int second;

	raw_greet(t);
	second = raw_open(t->e, RAW_MAIN, 3, false, 0);
	raw_send(t->e, second, message, raw_connect_message(t, message, &c));
	world_run(t->w, 1 * S);
	assert_true(world_are_neighbours(t->node, t->raw));
	assert_int_equal(groups_counters(t->node->groups)->neighbours_refused, 1);
	assert_int_equal(world_open_neighbours(t->node), 1);
}

#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_good_proof_is_answered_in_the_recorded_order),
		T(our_messages_have_the_recorded_shapes),
		T(who_proves_nothing_gets_nothing),
		T(nothing_else_is_taken_before_the_proof),
		T(who_says_nothing_is_sent_away),
		T(nameless_main_flows_are_bounded),
		T(a_second_main_flow_of_the_same_group_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

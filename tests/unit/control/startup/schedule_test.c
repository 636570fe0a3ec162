// What an opening sends, and when.
#include "control/startup/internal.h"
#include "tests/support/test.h"
#include "tests/unit/control/startup/net.h"

#define A_AT "192.0.2.1:40001"
#define B_AT "192.0.2.2:40002"

static bool lose_keyings(void *ctx, struct datagram *d)
{
	unsigned *n = ctx;

	if (!d->is_startup || d->octets[0] != CHUNK_IIKEYING)
		return true;
	(*n)++;
	return false;
}

// Requirement 35.
static void a_keying_comes_again_at_growing_intervals(void **state)
{
	static const uint64_t at_ms[] = {0, 300, 2100, 5400, 10200, 16500, 24300};
	struct net *n = net_create(1);
	struct host *a = net_peer(n, A_AT), *b = net_peer(n, B_AT);
	unsigned n_keyings = 0;
	uint64_t first_us;

	n->filter = lose_keyings;
	n->filter_ctx = &n_keyings;
	host_open(a, b->identity.member.fingerprint, B_AT, NULL);
	while (n_keyings == 0)
		net_run_us(n, 1000);
	first_us = n->now_us;
	for (unsigned i = 1; i < ARRAY_LEN(at_ms); i++) {
		net_run_us(n, first_us + at_ms[i] * 1000 - 2000 - n->now_us);
		assert_int_equal(n_keyings, i);
		net_run_us(n, 4000);
		assert_int_equal(n_keyings, i + 1);
	}
	net_run_us(n, 95 * 1000000); // the limit counts from the first IHello
	assert_int_equal(host_seen(a, SEEN_FAILED)->why, OPEN_UNANSWERED);
	assert_int_equal(host_seen(a, SEEN_FAILED)->at_us - NET_START_US, 95 * 1000000);
	net_destroy(n);
}

// An opening to B with a limit and the hellos that gossip is worth.
static void open_within(struct host *a, const struct host *b, uint64_t limit_us)
{
	uint8_t epd[34] = {0x21, 0x0f};
	struct wire_addr at = addr(B_AT);
	struct open_opts opts = {.epd = span_of(epd, sizeof(epd)),
				 .candidates = &at,
				 .n_candidates = 1,
				 .hellos_max = 3,
				 .limit_us = limit_us};
	struct ctl_session *existing;

	memcpy(epd + 2, b->identity.member.fingerprint, 32);
	assert_non_null(startup_open(a->startup, &opts, &existing, a->net->now_us));
}

// Two round trips of 6 s: the answer to the last of three IHellos comes after the next would be
// due, and the RIKeying when the limit of the IHellos is over.
static void a_limit_is_for_each_of_two_round_trips(void **state)
{
	struct net *n = net_create(1);
	struct host *a = net_peer(n, A_AT), *b = net_peer(n, B_AT);

	n->delay_us = 3000000;
	open_within(a, b, 9000000);
	net_run_us(n, 20 * 1000000);
	assert_int_equal(host_seen(a, SEEN_OPENED)->at_us - NET_START_US, 12 * 1000000);
	net_destroy(n);
}

static bool lose_rikeyings(void *ctx, struct datagram *d)
{
	return !d->is_startup || d->octets[0] != CHUNK_RIKEYING;
}

static void who_says_hello_and_no_more_has_the_limit_once_more(void **state)
{
	static const struct {
		const char *name;
		uint64_t limit_s, end_s;
	} rows[] = {
		{"from the RHello on", 9, 15}, {"within 95 s", 94, 95}, // requirement 29
	};

	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		struct net *n = net_create(1);
		struct host *a = net_peer(n, A_AT), *b = net_peer(n, B_AT);

		n->delay_us = 3000000;
		n->filter = lose_rikeyings;
		open_within(a, b, rows[i].limit_s * 1000000);
		net_run_us(n, 130 * 1000000);
		assert_row(host_seen(a, SEEN_FAILED)->why == OPEN_UNANSWERED, rows[i].name);
		assert_row(host_seen(a, SEEN_FAILED)->at_us - NET_START_US ==
				   rows[i].end_s * 1000000,
			   rows[i].name);
		net_destroy(n);
	}
}

// Requirement 27.
static void each_opening_has_a_tag_of_its_own(void **state)
{
	struct net *n = net_create(1);
	struct host *a = net_peer(n, A_AT);
	struct opening *o[8];
	uint8_t nobody[32] = {1};

	for (unsigned i = 0; i < ARRAY_LEN(o); i++) {
		nobody[1] = (uint8_t)i;
		o[i] = host_open(a, nobody, B_AT, NULL);
		assert_int_equal(sizeof(o[i]->tag), 16); // as old peers assume (§16.3)
		for (unsigned k = 0; k < i; k++)
			assert_memory_not_equal(o[i]->tag, o[k]->tag, 8);
	}
	for (unsigned i = 0; i < ARRAY_LEN(o); i++)
		startup_open_cancel(o[i]);
	net_run_us(n, 10000);
	net_destroy(n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_keying_comes_again_at_growing_intervals),
		cmocka_unit_test(a_limit_is_for_each_of_two_round_trips),
		cmocka_unit_test(who_says_hello_and_no_more_has_the_limit_once_more),
		cmocka_unit_test(each_opening_has_a_tag_of_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

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
	assert_int_equal(host_seen(a, SEEN_FAILED)->why, OPEN_TIMEOUT);
	assert_int_equal(host_seen(a, SEEN_FAILED)->at_us - NET_START_US, 95 * 1000000);
	net_destroy(n);
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
		cmocka_unit_test(each_opening_has_a_tag_of_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

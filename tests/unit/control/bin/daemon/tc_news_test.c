#include "control/bin/daemon/tc_news.h"

#include "tests/support/test.h"

#define WORKERS 3
#define S       UINT64_C(1000000)

struct world {
	struct mailbox *rings[WORKERS];
	struct body_pool *bodies;
	struct outbox *outbox;
	struct tc_news news;
	struct tc_seen seen[WORKERS];
};

static void open(struct world *w)
{
	*w = (struct world){0};
	for (int i = 0; i < WORKERS; i++)
		w->rings[i] = mailbox_create(64);
	w->bodies = body_pool_create(4u << 20);
	w->outbox = outbox_create(w->rings, WORKERS, w->bodies);
	tc_news_init(&w->news, WORKERS);
}

static void shut(struct world *w)
{
	outbox_destroy(w->outbox);
	body_pool_destroy(w->bodies);
	for (int i = 0; i < WORKERS; i++)
		mailbox_destroy(w->rings[i]);
}

static void tell(struct world *w, uint64_t now_us)
{
	tc_news_tell(&w->news, w->seen, w->outbox, now_us);
}

// False: it was told nothing.
static bool told(struct world *w, uint32_t worker, uint32_t *rx_ago_ms, uint32_t *tx_ago_ms)
{
	struct command c;

	if (!mailbox_pop(w->rings[worker], &c))
		return false;
	assert_int_equal(c.op, CMD_TC_ELSEWHERE);
	*rx_ago_ms = c.tc.rx_ago_ms;
	*tx_ago_ms = c.tc.tx_ago_ms;
	return true;
}

static void the_others_are_told_and_not_who_had_it(void **state)
{
	struct world w;
	uint32_t rx, tx;

	open(&w);
	tell(&w, 10 * S);
	for (uint32_t i = 0; i < WORKERS; i++)
		assert_false(told(&w, i, &rx, &tx)); // nothing ever happened
	w.seen[1].rx_us = 10 * S + 50000;
	tell(&w, 10 * S + 100000);
	assert_false(told(&w, 1, &rx, &tx));
	for (uint32_t i = 0; i < WORKERS; i += 2) {
		assert_true(told(&w, i, &rx, &tx));
		assert_int_equal(rx, 50);
		assert_int_equal(tx, UINT32_MAX);
	}
	w.seen[2].tx_us = 10 * S + 250000;
	tell(&w, 10 * S + 250000);
	assert_true(told(&w, 0, &rx, &tx));
	assert_int_equal(rx, 200);
	assert_int_equal(tx, 0);
	shut(&w);
}

static void once_and_not_more_often_than_ten_times_a_second(void **state)
{
	struct world w;
	uint32_t rx, tx, n = 0;

	open(&w);
	for (uint64_t us = 10 * S; us < 11 * S; us += 1000) {
		w.seen[0].rx_us = us;
		tell(&w, us);
		while (told(&w, 1, &rx, &tx))
			n++;
	}
	assert_int_equal(n, 10);
	tell(&w, 11 * S);
	assert_true(told(&w, 1, &rx, &tx));
	tell(&w, 12 * S); // no news
	assert_false(told(&w, 1, &rx, &tx));
	shut(&w);
}

static void one_worker_is_told_nothing(void **state)
{
	struct tc_news t;

	tc_news_init(&t, 1);
	assert_true(t.next_us == UINT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_others_are_told_and_not_who_had_it),
		cmocka_unit_test(once_and_not_more_often_than_ten_times_a_second),
		cmocka_unit_test(one_worker_is_told_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

// The modelled TCP is what it says, so that to share a line with it means something.
#include "tests/sim/tcp.h"

#include <math.h>
#include <string.h>

#include "tests/support/test.h"

#define SECOND   1000000
#define RATE_BPS 10000000
#define DELAY_US 15000
#define BDP      (RATE_BPS / 8 / 1000 * (2 * DELAY_US / 1000))
#define FULL_BPS ((double)RATE_BPS * TCP_MSS / (TCP_MSS + 40))

struct world {
	struct net *net;
	uint64_t now_us;
	uint32_t n;
	struct tcp tcps[2];
};

static void deliver(void *ctx, uint32_t host, struct net_addr src, struct net_addr dst,
		    uint8_t *data, uint16_t len)
{
	struct world *w = ctx;

	tcp_receive(&w->tcps[dst.port], host, data, len, w->now_us);
}

static void world_init(struct world *w, uint64_t seed, uint32_t n, const struct net_link *up)
{
	struct net_link other = {.delay_us = DELAY_US, .keeps_order = true};
	uint32_t a, b;

	*w = (struct world){.now_us = SECOND, .n = n};
	w->net = net_create(seed, deliver, w);
	a = net_host(w->net, NET_PUBLIC, up, &other);
	b = net_host(w->net, NET_PUBLIC, &(struct net_link){0}, &(struct net_link){0});
	for (uint32_t i = 0; i < n; i++) {
		tcp_init(&w->tcps[i], w->net, a, b, (uint16_t)i);
		tcp_start(&w->tcps[i], w->now_us);
	}
}

static void run(struct world *w, uint64_t us)
{
	uint64_t end_us = w->now_us + us, next;

	for (;;) {
		next = net_deadline_us(w->net);
		for (uint32_t i = 0; i < w->n; i++)
			if (tcp_deadline_us(&w->tcps[i]) < next)
				next = tcp_deadline_us(&w->tcps[i]);
		if (next > end_us)
			break;
		w->now_us = next;
		while (net_step(w->net, next))
			;
		for (uint32_t i = 0; i < w->n; i++)
			tcp_timers(&w->tcps[i], next);
	}
	w->now_us = end_us;
}

static double bps(const struct tcp *t, uint64_t before, double seconds)
{
	return (double)(tcp_delivered(t) - before) * 8 / seconds;
}

static void a_queue_of_one_product_keeps_the_line_full(void **state)
{
	struct net_link up = {.delay_us = DELAY_US,
			      .keeps_order = true,
			      .rate_bps = RATE_BPS,
			      .queue_bytes = BDP};
	struct world w;
	uint64_t before;

	world_init(&w, 1, 1, &up);
	run(&w, 5 * SECOND); // slow start and what it lost
	before = tcp_delivered(&w.tcps[0]);
	run(&w, 30 * SECOND);
	print_message("%.1f %% of the line\n", 100 * bps(&w.tcps[0], before, 30) / FULL_BPS);
	assert_true(bps(&w.tcps[0], before, 30) > 0.97 * FULL_BPS);
	assert_int_equal(w.tcps[0].n_timeouts, 0);
	net_destroy(w.net);
}

static void two_share_alike(void **state)
{
	struct net_link up = {.delay_us = DELAY_US,
			      .keeps_order = true,
			      .rate_bps = RATE_BPS,
			      .queue_bytes = BDP};
	double least = 1;

	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct world w;
		double a, b;

		up.jitter_us = 500; // else who comes first always does
		world_init(&w, seed, 2, &up);
		run(&w, 60 * SECOND);
		a = bps(&w.tcps[0], 0, 60);
		b = bps(&w.tcps[1], 0, 60);
		least = fmin(least, fmin(a, b) / fmax(a, b));
		net_destroy(w.net);
	}
	print_message("the slower one had at least %.2f of what the faster one had\n", least);
	assert_true(least > 0.6);
}

// Mathis, Semke, Mahdavi, Ott 1997: MSS / RTT * sqrt(3 / 2p), where acks count octets.
static void loss_slows_it_by_the_square_root(void **state)
{
	static const uint32_t permille[] = {5, 10, 20};

	for (size_t i = 0; i < ARRAY_LEN(permille); i++) {
		struct net_link up = {
			.delay_us = DELAY_US, .keeps_order = true, .loss_permille = permille[i]};
		double model = 8.0 * TCP_MSS / (2.0 * DELAY_US / SECOND) *
			       sqrt(1.5 / (permille[i] / 1000.0)),
		       part;
		struct world w;

		world_init(&w, 1, 1, &up);
		run(&w, 120 * SECOND);
		part = bps(&w.tcps[0], 0, 120) / model;
		print_message("%.1f %% loss: %.2f of the formula, %llu timeouts\n",
			      permille[i] / 10.0, part, (unsigned long long)w.tcps[0].n_timeouts);
		assert_true(part > 0.6 && part < 1.1);
		net_destroy(w.net);
	}
}

static void silence_backs_off_and_goes_on(void **state)
{
	struct net_link up = {.delay_us = DELAY_US,
			      .keeps_order = true,
			      .rate_bps = RATE_BPS,
			      .queue_bytes = BDP,
			      .dark_every_us = 20 * SECOND,
			      .dark_us = 10 * SECOND};
	struct world w;
	uint64_t before;

	world_init(&w, 1, 1, &up);
	run(&w, 9 * SECOND); // the clock began at 1 s
	assert_int_equal(tcp_delivered(&w.tcps[0]), 0);
	assert_in_range(w.tcps[0].n_timeouts, 2, 5); // 1, 2, 4, 8 s
	run(&w, 10 * SECOND);
	before = tcp_delivered(&w.tcps[0]);
	assert_true(before > 2 * SECOND);
	run(&w, 11 * SECOND);
	assert_true(tcp_delivered(&w.tcps[0]) - before < (uint64_t)BDP * 3);
	net_destroy(w.net);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_queue_of_one_product_keeps_the_line_full),
		cmocka_unit_test(two_share_alike),
		cmocka_unit_test(loss_slows_it_by_the_square_root),
		cmocka_unit_test(silence_backs_off_and_goes_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

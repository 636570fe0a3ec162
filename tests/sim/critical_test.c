// Time critical data (RFC 7016 §3.5.2.1; requirements 82, 97, 98): it is quick beside bulk data,
// and whoever sends bulk data to somebody who is receiving it does so gently.
#include "dataplane/core/cc.h"
#include "tests/sim/traffic.h"
#include "tests/support/test.h"

#define RATE_BPS    10000000
#define DELAY_US    15000
#define TRIP_US     (2 * DELAY_US)
#define QUEUE_BYTES 37500 // rate and round trip
#define TRIPS       60

struct beside_figures {
	uint32_t p50_us, p99_us, max_us; // beyond the way itself
	double bulk_bps;
};

// Both flows in one session, 2 % of what it sends is lost.
static void beside(const struct sim_run *r)
{
	struct traffic *t = traffic_create(r);
	struct net_link up = {.delay_us = DELAY_US,
			      .rate_bps = RATE_BPS,
			      .queue_bytes = QUEUE_BYTES,
			      .keeps_order = true,
			      .loss_permille = 20};
	struct net_link down = {.delay_us = DELAY_US, .keeps_order = true}, none = {0};
	uint32_t a = traffic_end(t, &up, &down), b = traffic_end(t, &none, &none);
	uint32_t s = traffic_connect(t, a, b);
	struct traffic_flow *bulk, *critical;
	struct beside_figures *out = r->figures;

	bulk = traffic_flow(t, &(struct traffic_flow_opts){
				       .session = s, .message_bytes = 8192, .is_bulk = true});
	critical = traffic_flow(t, &(struct traffic_flow_opts){.session = s,
							       .message_bytes = 200,
							       .every_us = 20000,
							       .n_messages = 400,
							       .is_time_critical = true});
	traffic_run_us(t, 8500000);
	traffic_promise_whole(t, critical);
	out->p50_us = traffic_late_us(critical, 0.5) - DELAY_US;
	out->p99_us = traffic_late_us(critical, 0.99) - DELAY_US;
	out->max_us = traffic_late_us(critical, 1) - DELAY_US;
	out->bulk_bps = (double)bulk->n_delivered * 8192 * 8 / 8.5;
	traffic_destroy(t);
}

static int by_p99(const void *a, const void *b)
{
	const struct beside_figures *x = a, *y = b;

	return (x->p99_us > y->p99_us) - (x->p99_us < y->p99_us);
}

static void critical_messages_are_quick_beside_bulk(void **state)
{
	struct sim_scenario s = {.test = "critical",
				 .scenario = "beside bulk, 2 % loss",
				 .n_seeds = 200,
				 .keys = SIM_KEYS_TEST,
				 .run = beside,
				 .figures_len = sizeof(struct beside_figures)};
	double p50 = 0, p99 = 0, bulk = 0;
	struct beside_figures *f;
	uint32_t n;

	f = sim_each_seed(&s, &n);
	for (uint32_t i = 0; i < n; i++) {
		p50 += f[i].p50_us;
		p99 += f[i].p99_us;
		bulk += f[i].bulk_bps;
	}
	qsort(f, n, sizeof(*f), by_p99);
	print_message("beside %.2f Mbit/s of bulk, 2 %% loss, %u seeds: half of the messages are "
		      "at most %.1f ms in queues, 99 %% %.1f ms (worst seed %.1f)\n",
		      bulk / n / 1e6, n, p50 / n / 1e3, p99 / n / 1e3, f[n - 1].p99_us / 1e3);
	assert_true(p99 / n <= 3 * TRIP_US);
	sim_figures_free(&s, f, n);
}

// ---- the bulk sender beside somebody else's time critical data ----

struct growth_figures {
	uint32_t slow_max, fast_max;   // most octets of window more in ten round trips
	uint32_t slow_cwnd, fast_cwnd; // in the end; with critical data about, and without
};

// c gets time critical data of a, or not, and bulk data of b.
static void growth(const struct sim_run *r, bool is_critical, uint32_t *max, uint32_t *cwnd)
{
	struct traffic *t = traffic_create(r);
	// No queue anywhere: what holds the sender back is only what it was told.
	struct net_link line = {
		.delay_us = DELAY_US / 2, .rate_bps = 5 * RATE_BPS, .queue_bytes = 1000000};
	struct net_link none = {.delay_us = DELAY_US / 2};
	uint32_t a = traffic_end(t, &line, &line), b = traffic_end(t, &line, &line);
	uint32_t c = traffic_end(t, &none, &none);
	uint32_t s = traffic_connect(t, a, c), sb = traffic_connect(t, b, c);
	const struct session *session;
	uint32_t before;

	traffic_flow(t, &(struct traffic_flow_opts){.session = s,
						    .message_bytes = 100,
						    .every_us = 50000,
						    .is_time_critical = is_critical});
	traffic_run_us(t, 500000); // c knows
	traffic_flow(t, &(struct traffic_flow_opts){
				.session = sb, .message_bytes = 8192, .is_bulk = true});
	session = traffic_session(t, sb);
	traffic_run_us(t, 2 * TRIP_US); // the first acks tell b
	*max = 0;
	for (int trips = 0; trips < TRIPS; trips += 10) {
		before = session->cwnd_bytes;
		traffic_run_us(t, 10 * TRIP_US);
		if (session->cwnd_bytes > before && session->cwnd_bytes - before > *max)
			*max = session->cwnd_bytes - before;
	}
	*cwnd = session->cwnd_bytes;
	traffic_destroy(t);
}

static void gentle(const struct sim_run *r)
{
	struct growth_figures *out = r->figures;

	growth(r, true, &out->slow_max, &out->slow_cwnd);
	growth(r, false, &out->fast_max, &out->fast_cwnd);
	// max(0.5 %, 384 octets) a round trip, and what a packet at each border of the ten is worth.
	if (out->slow_max > 10 * 384 + 2 * 72)
		sim_fail(r, "the window grew by %u octets in ten round trips", out->slow_max);
	if (out->slow_max == 0)
		sim_fail(r, "the window did not grow at all");
	if (out->fast_cwnd < 4 * out->slow_cwnd)
		sim_fail(r, "without others' time critical data it is no faster: %u, %u octets",
			 out->fast_cwnd, out->slow_cwnd);
}

static void bulk_is_gentle_where_somebody_hears_critical_data(void **state)
{
	struct sim_scenario s = {.test = "critical",
				 .scenario = "bulk under TCR",
				 .row = 1,
				 .n_seeds = 200,
				 .keys = SIM_KEYS_TEST,
				 .run = gentle,
				 .figures_len = sizeof(struct growth_figures)};
	uint32_t n, slow = 0;
	struct growth_figures *f = sim_each_seed(&s, &n);

	for (uint32_t i = 0; i < n; i++)
		slow = f[i].slow_max > slow ? f[i].slow_max : slow;
	print_message(
		"under TCR, %u seeds: at most %u octets more in ten round trips, window %u after "
		"%d trips; %u without\n",
		n, slow, f[0].slow_cwnd, TRIPS, f[0].fast_cwnd);
	sim_figures_free(&s, f, n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(critical_messages_are_quick_beside_bulk),
		cmocka_unit_test(bulk_is_gentle_where_somebody_hears_critical_data),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

// Path MTU discovery under a bulk flow: how large packets become, what they carry, and that nothing
// is lost when the path shrinks.
#include "dataplane/core/pmtu.h"
#include "tests/sim/traffic.h"
#include "tests/support/test.h"

#define SECOND        1000000
#define MESSAGE_BYTES 50000
#define N_MESSAGES    56
#define SEARCH_US     (25 * SECOND) // by then the search is over
#define N_MEASURED    8             // messages
#define LIMIT_US      (300 * (uint64_t)SECOND)

struct row {
	const char *name;
	uint32_t mtu, mtu_later; // of the path; 0: it stays
	uint32_t loss_permille;
	bool is_mute;                  // the far end answers no probes (16.3)
	uint32_t found_min, found_max; // IP packet in the end
	uint32_t probes_max, fallbacks;
	uint32_t lucky_permille; // so many runs at least find it; the others stay at the base size
};

static const struct row rows[] = {
	{"1280: the base size", 1280, 0, 0, false, 1252, 1280, 30, 0, 1000},
	{"1400", 1400, 0, 0, false, 1360, 1400, 30, 0, 1000},
	{"1500", 1500, 0, 0, false, 1480, 1500, 2, 0, 1000},
	{"1500, then 1400", 1500, 1400, 0, false, 1360, 1400, 40, 1, 1000},
	{"1500, then 1280", 1500, 1280, 0, false, 1252, 1280, 40, 1, 1000},
	{"1500, no answers", 1500, 0, 0, true, 1260, 1260, 3, 0, 1000},
	{"1280, 2 % loss", 1280, 0, 20, false, 1252, 1280, 40, 0, 1000},
	{"1400, 2 % loss", 1400, 0, 20, false, 1340, 1400, 40, 0, 980},
	{"1500, 2 % loss", 1500, 0, 20, false, 1480, 1500, 8, 0, 990},
	{"1500, then 1400, 2 % loss", 1500, 1400, 20, false, 1340, 1400, 60, 1, 970},
};

struct figures {
	uint32_t found, probes, fallbacks;
	uint64_t us, packets; // of N_MEASURED messages
};

static const struct worker_stats *stats_of(const struct traffic *t)
{
	return engine_stats(t->ends[0].engine);
}

// From one message's arrival to a later one's.
static void measure(struct traffic *t, const struct traffic_flow *f, struct figures *out)
{
	uint64_t begin = f->n_delivered + 1, from_us = 0, packets = 0;

	while (f->n_delivered < begin + N_MEASURED) {
		if (f->n_delivered < begin) {
			from_us = t->now_us;
			packets = stats_of(t)->tx_packets;
		}
		if (f->is_finished)
			sim_fail(t->run, "too few messages to measure");
		traffic_run_us(t, 1000);
	}
	out->us = t->now_us - from_us;
	out->packets = stats_of(t)->tx_packets - packets;
}

static void pmtu(const struct sim_run *r)
{
	const struct row *row = &rows[r->row];
	struct net_link line = {.delay_us = 15000,
				.rate_bps = 600000,
				.queue_bytes = 10000,
				.mtu = row->mtu,
				.loss_permille = row->loss_permille};
	struct net_link back = {.delay_us = 15000, .mtu = row->mtu};
	struct traffic *t = traffic_create(r);
	uint32_t a = traffic_end(t, &line, &(struct net_link){0}),
		 b = traffic_end(t, &back, &(struct net_link){0});
	uint32_t session = traffic_connect(t, a, b);
	struct figures *f = r->figures;
	struct traffic_flow *flow;

	t->loses_probes = row->is_mute;
	flow = traffic_flow(t, &(struct traffic_flow_opts){.session = session,
							   .message_bytes = MESSAGE_BYTES,
							   .n_messages = N_MESSAGES});
	traffic_run_us(t, SEARCH_US);
	if (row->mtu_later != 0) {
		net_up(t->net, t->ends[a].host)->mtu = row->mtu_later;
		traffic_run_us(t, SEARCH_US / 10); // notices, in the middle of its messages
	}
	measure(t, flow, f);
	traffic_run_flow(t, flow, LIMIT_US);
	traffic_promise_whole(t, flow);
	traffic_run_us(t, SEARCH_US);
	f->found = traffic_session(t, session)->payload_max + IPV4_UDP_BYTES;
	f->probes = (uint32_t)stats_of(t)->pmtu_probes;
	f->fallbacks = (uint32_t)stats_of(t)->pmtu_fallbacks;
	if (f->found > (row->mtu_later != 0 ? row->mtu_later : row->mtu))
		sim_fail(r, "packets of %u octets on a path of less", f->found);
	if (f->probes > row->probes_max)
		sim_fail(r, "%u probes", f->probes);
	if (f->fallbacks != row->fallbacks)
		sim_fail(r, "%u fall-backs", f->fallbacks);
	traffic_destroy(t);
}

struct result {
	double bps, octets; // goodput, and what a packet carried of it
};

static struct result print_row(const struct row *row, const struct figures *f, uint32_t n)
{
	uint32_t least = UINT32_MAX, most = 0, probes = 0, lucky = 0;
	double bytes = (double)n * N_MEASURED * MESSAGE_BYTES;
	uint64_t us = 0, packets = 0;

	for (uint32_t i = 0; i < n; i++) {
		least = f[i].found < least ? f[i].found : least;
		most = f[i].found > most ? f[i].found : most;
		probes += f[i].probes;
		us += f[i].us;
		packets += f[i].packets;
		lucky += f[i].found >= row->found_min && f[i].found <= row->found_max;
	}
	print_message("%-26s %3u seeds: found %u to %u, %.1f %% as wanted; %.1f probes, "
		      "%.0f kbit/s, %.0f octets of messages per packet\n",
		      row->name, n, least, most, 100.0 * lucky / n, (double)probes / n,
		      bytes * 8e3 / (double)us, bytes / (double)packets);
	assert_true(1000 * lucky >= row->lucky_permille * n);
	return (struct result){bytes * 8e6 / (double)us, bytes / (double)packets};
}

static void packets_become_as_large_as_the_path_allows(void **state)
{
	struct result results[ARRAY_LEN(rows)];

	for (uint32_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct sim_scenario s = {.test = "pmtu",
					 .scenario = rows[i].name,
					 .row = i,
					 .n_seeds = 200,
					 .pool = *state,
					 .run = pmtu,
					 .figures_len = sizeof(struct figures)};
		uint32_t n;
		struct figures *f = sim_each_seed(&s, &n);

		results[i] = print_row(&rows[i], f, n);
		sim_figures_free(&s, f, n);
	}
	// 1280, 1400, 1500: every packet carries more. What a full line gains is the headers saved,
	// about 50 octets of a packet.
	for (int i = 1; i < 3; i++)
		assert_true(results[i].octets > 1.05 * results[i - 1].octets);
	assert_true(results[2].bps > 1.002 * results[0].bps);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packets_become_as_large_as_the_path_allows)};

	return cmocka_run_group_tests(tests, sim_setup, sim_teardown);
}

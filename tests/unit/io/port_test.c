#include "dataplane/io/port.h"

#include <unistd.h>

#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include "dataplane/io/eal.h"
#include "tests/support/test.h"

#define BUFFERS 4095

struct group {
	struct eal *eal;
	struct rte_mempool *pool;
};

static int setup(void **state)
{
	const struct eal_opts o = {.program = "test", .memory_mb = 128, .huge = EAL_HUGE_OFF};
	struct group *g = calloc(1, sizeof(*g));
	char why[512] = "";

	g->eal = eal_start(&o, why, sizeof(why));
	if (g->eal == NULL)
		fail_msg("%s", why);
	g->pool = rte_pktmbuf_pool_create("test", BUFFERS, 64, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
					  SOCKET_ID_ANY);
	assert_non_null(g->pool);
	*state = g;
	return 0;
}

static int teardown(void **state)
{
	struct group *g = *state;

	rte_mempool_free(g->pool);
	eal_stop(g->eal);
	free(g);
	return 0;
}

static int open_port(struct group *g, struct port *p, const char *device, uint16_t queues,
		     uint16_t mtu, char *why)
{
	struct rte_mempool *pools[4] = {g->pool, g->pool, g->pool, g->pool};
	const struct port_opts o = {.name = "p0",
				    .device = device,
				    .mtu = mtu,
				    .n_rx = queues,
				    .n_tx = queues,
				    .pools = pools};

	why[0] = '\0';
	return port_open(p, g->eal, &o, why, 512);
}

static void a_device_is_made_opened_and_given_back(void **state)
{
	struct group *g = *state;
	char why[512];
	struct port p;

	for (int i = 0; i < 2; i++) { // the second time nothing of the first is in the way
		assert_int_equal(open_port(g, &p, "net_null0,size=100", 4, 1500, why), 0);
		assert_string_equal(p.name, "p0");
		assert_string_equal(p.device, "net_null0");
		assert_string_equal(p.driver, "net_null");
		assert_false(p.is_kernels);
		assert_int_equal(p.n_rx, 4);
		assert_int_equal(rte_eth_dev_count_avail(), 1);
		port_close(&p);
		assert_int_equal(rte_eth_dev_count_avail(), 0);
		assert_int_equal(rte_mempool_avail_count(g->pool), BUFFERS);
	}
}

static void frames_go_round_a_ring(void **state)
{
	struct group *g = *state;
	struct rte_mbuf *m[4];
	char why[512];
	struct port p;

	assert_int_equal(open_port(g, &p, "net_ring0", 1, 1500, why), 0);
	assert_true(port_link_is_up(&p));
	assert_int_equal(port_tx_room(&p, 0, 77), 77); // this driver does not tell
	m[0] = rte_pktmbuf_alloc(g->pool);
	rte_pktmbuf_append(m[0], 60);
	assert_int_equal(rte_eth_tx_burst(p.id, 0, m, 1), 1);
	assert_int_equal(rte_eth_rx_burst(p.id, 0, m, 4), 1);
	rte_pktmbuf_free(m[0]);
	port_close(&p);
	assert_int_equal(rte_mempool_avail_count(g->pool), BUFFERS);
}

// Two workers, one of which the operator meant to send only.
static void queues_in_pairs_are_all_received_from(void **state)
{
	static const struct {
		const char *device;
		uint16_t n_rx;
	} rows[] = {
		{"net_vhost0,iface=/tmp/annulus-port-test.sock", 2},
		{"net_null0", 1}, // gives whatever is asked for
	};
	struct group *g = *state;
	struct rte_mempool *pools[2] = {g->pool, g->pool};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct port_opts o = {.name = "p0",
					    .device = rows[i].device,
					    .mtu = 1500,
					    .n_rx = 1,
					    .n_tx = 2,
					    .pools = pools};
		char why[512];
		struct port p;

		unlink("/tmp/annulus-port-test.sock");
		assert_row(port_open(&p, g->eal, &o, why, sizeof(why)) == 0, rows[i].device);
		assert_row(p.n_rx == rows[i].n_rx && p.n_tx == 2, rows[i].device);
		port_close(&p);
	}
	unlink("/tmp/annulus-port-test.sock");
}

static const struct {
	const char *name, *device;
	uint16_t queues, mtu;
	const char *why;
} bad[] = {
	{"no such interface", "net_af_packet0,iface=nosuchif0", 1, 1500,
	 "port p0 (net_af_packet0,iface=nosuchif0): network interface nosuchif0 does not exist"},
	{"no such driver", "net_wonder0", 1, 1500,
	 "port p0 (net_wonder0): the device does not come up"},
	{"no such card", "ffff:1f:1f.7", 1, 1500, "there is no PCI device ffff:1f:1f.7"},
	{"nobody at the other end", "net_virtio_user0,path=/nonexistent/x", 1, 1500,
	 "/nonexistent/x: No such file"},
	{"more queues than it has", "net_null0", 2000, 1500,
	 "2000 receive and 2000 transmit queues"},
	{"a crypto device", "crypto_null0", 1, 1500, "no network port"},
	{"an argument the driver refuses", "net_null0,nonsense=1", 1, 1500, "does not come up"},
	{"an empty text", "", 1, 1500, "empty or too long"},
};

static void what_cannot_be_opened_says_why_and_leaves_nothing(void **state)
{
	struct group *g = *state;
	char why[512];
	struct port p;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_row(open_port(g, &p, bad[i].device, bad[i].queues, bad[i].mtu, why) == -1,
			   bad[i].name);
		if (strstr(why, bad[i].why) == NULL)
			fail_msg("%s: \"%s\"", bad[i].name, why);
		assert_null(strchr(why, '\n'));
		assert_row(rte_eth_dev_count_avail() == 0, bad[i].name);
		assert_row(rte_mempool_avail_count(g->pool) == BUFFERS, bad[i].name);
	}
}

// Senders are told apart by addresses and ports, of both families, and each queue has its share of
// what their hash may be, within one place. (Of the drivers that can be opened here, net_null alone
// has a table.)
static void each_queue_has_its_share_of_the_hash(void **state)
{
	static const uint64_t wanted = RTE_ETH_RSS_NONFRAG_IPV4_UDP | RTE_ETH_RSS_NONFRAG_IPV6_UDP;
	struct rte_eth_rss_reta_entry64 table[RTE_ETH_RSS_RETA_SIZE_512 / RTE_ETH_RETA_GROUP_SIZE];
	struct rte_eth_dev_info info;
	char why[512] = "";

	for (uint16_t queues = 2; queues <= 4; queues++) {
		struct rte_eth_rss_conf rss = {0};
		uint32_t n_of[4] = {0};
		struct port p;

		assert_int_equal(open_port(*state, &p, "net_null5", queues, 1500, why), 0);
		assert_int_equal(rte_eth_dev_info_get(p.id, &info), 0);
		assert_true(p.is_spread && info.reta_size >= 64);
		for (uint16_t i = 0; i < info.reta_size / RTE_ETH_RETA_GROUP_SIZE; i++)
			table[i].mask = UINT64_MAX;
		assert_int_equal(rte_eth_dev_rss_reta_query(p.id, table, info.reta_size), 0);
		for (uint16_t i = 0; i < info.reta_size; i++) {
			uint16_t queue = table[i / RTE_ETH_RETA_GROUP_SIZE]
						 .reta[i % RTE_ETH_RETA_GROUP_SIZE];

			assert_in_range(queue, 0, queues - 1);
			n_of[queue]++;
		}
		for (uint16_t q = 0; q < queues; q++)
			assert_in_range(n_of[q], info.reta_size / queues,
					info.reta_size / queues + 1);
		assert_int_equal(rte_eth_dev_rss_hash_conf_get(p.id, &rss), 0);
		assert_int_equal(rss.rss_hf & wanted, wanted & info.flow_type_rss_offloads);
		port_close(&p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_device_is_made_opened_and_given_back),
		cmocka_unit_test(frames_go_round_a_ring),
		cmocka_unit_test(queues_in_pairs_are_all_received_from),
		cmocka_unit_test(each_queue_has_its_share_of_the_hash),
		cmocka_unit_test(what_cannot_be_opened_says_why_and_leaves_nothing),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}

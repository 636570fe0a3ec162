#include "tests/unit/io/worker_world.h"

#include <poll.h>

#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

#include "dataplane/io/eal.h"

// What lives as long as the program. DPDK starts once, so there can be only one.
static struct {
	struct eal *eal;
	struct rte_mempool *pool;
	struct rte_ring *rx[WORLD_WORKERS], *tx[WORLD_WORKERS], *handed[WORLD_WORKERS];
	struct port port;
} common;

// -- the program's --

static struct rte_ring *ring(const char *name, unsigned i, unsigned n)
{
	char full[32];
	struct rte_ring *r;

	snprintf(full, sizeof(full), "%s%u", name, i);
	r = rte_ring_create(full, n, SOCKET_ID_ANY, 0);
	assert_non_null(r);
	return r;
}

int worker_group_setup(void **state)
{
	const struct eal_opts eal = {.program = "test", .memory_mb = 128, .huge = EAL_HUGE_OFF};
	struct port_opts port = {.name = "test",
				 .device = "net_ring_test",
				 .mtu = 1500,
				 .n_rx = WORLD_WORKERS,
				 .n_tx = WORLD_WORKERS};
	struct rte_mempool *pools[WORLD_WORKERS];
	char why[512] = "";

	common.eal = eal_start(&eal, why, sizeof(why));
	if (common.eal == NULL)
		fail_msg("%s", why);
	common.pool = rte_pktmbuf_pool_create("test", WORLD_BUFFERS, 64, 0,
					      RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	assert_non_null(common.pool);
	for (unsigned i = 0; i < WORLD_WORKERS; i++) {
		common.rx[i] = ring("rx", i, 1024);
		common.tx[i] = ring("tx", i, WORLD_RING);
		common.handed[i] = ring("handed", i, WORKER_HANDED);
		pools[i] = common.pool;
	}
	port.pools = pools;
	assert_true(rte_eth_from_rings("test", common.rx, WORLD_WORKERS, common.tx, WORLD_WORKERS,
				       0) >= 0);
	if (port_open(&common.port, common.eal, &port, why, sizeof(why)) != 0)
		fail_msg("%s", why);
	return 0;
}

int worker_group_teardown(void **state)
{
	port_close(&common.port);
	eal_stop(common.eal);
	return 0;
}

// -- a test's --

static void make_second(struct worker_world *w)
{
	struct engine_opts o;

	engine_opts_member(&o);
	o.sessions_max = 16;
	o.worker = 1;
	o.crypto = w->l->crypto;
	o.random = &w->l->random;
	o.commands = w->commands = mailbox_create(64);
	o.reports = w->reports = mailbox_create(64);
	w->second = engine_create(&o);
	assert_non_null(w->second);
}

static void make_worker(struct worker_world *w, uint32_t i)
{
	struct worker_opts o = {
		.worker = i,
		.n_workers = w->n_workers,
		.engine = i == 0 ? w->l->nodes[0].engine : w->second,
		.host = &w->host,
		.ports = &common.port,
		.n_ports = 1,
		.pool = common.pool,
		.handed = common.handed,
		.reports = i == 0 ? w->l->nodes[0].reports : w->reports,
		.bell = &w->bell,
		.sleep_min_us = 50,
		.sleep_max_us = 1000,
		.seed = 0x5eed,
	};

	w->workers[i] = aligned_alloc(64, sizeof(*w->workers[i]));
	assert_non_null(w->workers[i]);
	assert_int_equal(worker_init(w->workers[i], &o), 0);
}

void world_create(struct worker_world *w, uint32_t n_workers)
{
	memset(w, 0, sizeof(*w));
	w->l = loop_create(&(struct loop_opts){.seed = 5, .n_nodes = 1});
	w->host = host_simple();
	assert_int_equal(bell_init(&w->bell), 0);
	w->n_workers = n_workers;
	if (n_workers > 1)
		make_second(w);
	for (uint32_t i = 0; i < n_workers; i++)
		make_worker(w, i);
}

void world_destroy(struct worker_world *w)
{
	for (uint32_t i = 0; i < w->n_workers; i++) {
		worker_fini(w->workers[i]);
		free(w->workers[i]);
		world_out_discard(w, i);
	}
	assert_int_equal(world_buffers(), WORLD_BUFFERS);
	engine_destroy(w->second);
	mailbox_destroy(w->commands);
	mailbox_destroy(w->reports);
	host_end(&w->host);
	bell_fini(&w->bell);
	loop_destroy(w->l);
}

void world_in(struct worker_world *w, uint32_t worker, struct built frame)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(common.pool);

	assert_non_null(m);
	memcpy(rte_pktmbuf_append(m, frame.len), frame.data, frame.len);
	assert_int_equal(rte_ring_enqueue(common.rx[worker], m), 0);
	frame_free(&frame);
}

bool world_turn(struct worker_world *w, uint32_t worker)
{
	return worker_turn(w->workers[worker], w->l->now_us);
}

struct built world_out(struct worker_world *w, uint32_t worker)
{
	struct built b = {0};
	struct rte_mbuf *m;

	if (rte_ring_dequeue(common.tx[worker], (void **)&m) != 0)
		return b;
	assert_int_equal(m->nb_segs, 1);
	assert_int_equal(m->pkt_len, m->data_len);
	b.len = m->data_len;
	b.data = malloc(b.len);
	memcpy(b.data, rte_pktmbuf_mtod(m, void *), b.len);
	rte_pktmbuf_free(m);
	return b;
}

uint32_t world_out_discard(struct worker_world *w, uint32_t worker)
{
	uint32_t n = 0;

	while (true) {
		struct built b = world_out(w, worker);

		if (b.data == NULL)
			return n;
		frame_free(&b);
		n++;
	}
}

void world_introduce(struct worker_world *w)
{
	for (uint32_t i = 0; i < w->n_workers; i++) {
		struct neighbours *n = w->workers[i]->host.links[0].neighbours;
		uint32_t now_ms = (uint32_t)(w->l->now_us / 1000);

		neighbours_learn(n, PEER_IP, &peer_mac, true, now_ms);
		neighbours_learn(n, GATEWAY_IP, &peer_mac, true, now_ms);
	}
}

struct worker_stats *world_stats(struct worker_world *w, uint32_t worker)
{
	return engine_stats(worker == 0 ? w->l->nodes[0].engine : w->second);
}

uint32_t world_buffers(void)
{
	return rte_mempool_avail_count(common.pool);
}

uint32_t world_buffers_take(void *taken[WORLD_BUFFERS])
{
	uint32_t n = 0;

	while ((taken[n] = rte_pktmbuf_alloc(common.pool)) != NULL)
		n++;
	return n;
}

void world_buffers_give(void *taken[WORLD_BUFFERS], uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		rte_pktmbuf_free(taken[i]);
}

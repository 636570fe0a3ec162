#include "tests/unit/io/worker_world.h"

#include <sched.h>

#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

#include "dataplane/io/eal.h"

#define VHOST_SOCKET "/tmp/annulus_vhost.%d"

// What lives as long as the program. DPDK starts once, so there can be only one.
static struct {
	struct eal *eal;
	struct rte_mempool *pool;
	struct rte_ring *rx[WORLD_WORKERS], *tx[WORLD_WORKERS], *handed[WORLD_WORKERS];
	struct port port;
	struct port vhost; // the other end, on virtio
	bool is_virtio;
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

static void start_dpdk(void)
{
	const struct eal_opts eal = {.program = "test", .memory_mb = 128, .huge = EAL_HUGE_OFF};
	char why[512] = "";

	common.eal = eal_start(&eal, why, sizeof(why));
	if (common.eal == NULL)
		fail_msg("%s", why);
	common.pool = rte_pktmbuf_pool_create("test", WORLD_BUFFERS, 64, 0,
					      RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	assert_non_null(common.pool);
	for (unsigned i = 0; i < WORLD_WORKERS; i++)
		common.handed[i] = ring("handed", i, WORKER_HANDED);
}

static void open_port(struct port *p, const char *device, uint16_t queues)
{
	struct rte_mempool *pools[WORLD_WORKERS] = {common.pool, common.pool};
	const struct port_opts o = {.name = "test",
				    .device = device,
				    .mtu = 1500,
				    .n_rx = queues,
				    .n_tx = queues,
				    .pools = pools};
	char why[512] = "";

	if (port_open(p, common.eal, &o, why, sizeof(why)) != 0)
		fail_msg("%s", why);
}

int worker_group_on_rings(void **state)
{
	start_dpdk();
	for (unsigned i = 0; i < WORLD_WORKERS; i++) {
		common.rx[i] = ring("rx", i, 1024);
		common.tx[i] = ring("tx", i, WORLD_RING);
	}
	assert_true(rte_eth_from_rings("test", common.rx, WORLD_WORKERS, common.tx, WORLD_WORKERS,
				       0) >= 0);
	open_port(&common.port, "net_ring_test", WORLD_WORKERS);
	return 0;
}

// The vhost side makes the socket and comes first; they find each other by a thread of its own.
int worker_group_on_virtio(void **state)
{
	char path[64], device[256];

	start_dpdk();
	common.is_virtio = true;
	snprintf(path, sizeof(path), VHOST_SOCKET, getpid());
	unlink(path);
	snprintf(device, sizeof(device), "net_vhost0,iface=%s,queues=1", path);
	open_port(&common.vhost, device, 1);
	snprintf(device, sizeof(device),
		 "net_virtio_user0,path=%s,queues=1,queue_size=256,mac=02:00:00:00:00:01", path);
	open_port(&common.port, device, 1);
	while (!port_link_is_up(&common.vhost))
		sched_yield();
	return 0;
}

int worker_group_teardown(void **state)
{
	port_close(&common.port);
	if (common.is_virtio)
		port_close(&common.vhost);
	assert_int_equal(world_buffers(), WORLD_BUFFERS);
	eal_stop(common.eal);
	return 0;
}

static bool port_put(uint32_t worker, struct rte_mbuf *m)
{
	return common.is_virtio ? rte_eth_tx_burst(common.vhost.id, 0, &m, 1) == 1
				: rte_ring_enqueue(common.rx[worker], m) == 0;
}

static bool port_get(uint32_t worker, struct rte_mbuf **m)
{
	return common.is_virtio ? rte_eth_rx_burst(common.vhost.id, 0, m, 1) == 1
				: rte_ring_dequeue(common.tx[worker], (void **)m) == 0;
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
	w->host.links[0].mac = common.is_virtio ? common.port.mac : our_mac;
	w->host.links[0].fills_udp_sums = common.port.fills_udp;
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
	if (!common.is_virtio) // whose rings are filled with buffers
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
	assert_true(port_put(worker, m));
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

	if (!port_get(worker, &m))
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

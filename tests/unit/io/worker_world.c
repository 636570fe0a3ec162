#include "tests/unit/io/worker_world.h"

#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>
#include <rte_ring.h>

// What lives as long as the program. DPDK starts once, so there can be only one.
static struct {
	struct port_pair pair;
	struct rte_ring *handed[WORKERS_MAX][WORKERS_MAX];
} common;

// -- the program's --

static int setup(enum pair_kind kind)
{
	port_pair_open(&common.pair, kind);
	for (unsigned i = 0; i < WORLD_WORKERS; i++) {
		char name[32];

		snprintf(name, sizeof(name), "handed%u", i);
		common.handed[i][1 - i] = rte_ring_create(name, WORKER_HANDED, SOCKET_ID_ANY,
							  RING_F_SP_ENQ | RING_F_SC_DEQ);
		assert_non_null(common.handed[i][1 - i]);
	}
	return 0;
}

int worker_group_on_rings(void **state)
{
	return setup(PAIR_RINGS);
}

int worker_group_on_virtio(void **state)
{
	return setup(PAIR_VIRTIO);
}

int worker_group_teardown(void **state)
{
	port_pair_close(&common.pair);
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
		.ports = &common.pair.port,
		.n_ports = 1,
		.pool = common.pair.pool,
		.handed = (struct rte_ring *const(*)[WORKERS_MAX])common.handed,
		.reports = i == 0 ? w->l->nodes[0].reports : w->reports,
		.bell = &w->bell,
		.bells = w->bells_of,
		.sleep_min_us = 50,
		.sleep_max_us = 1000,
		.seed = 0x5eed,
	};

	w->workers[i] = aligned_alloc(64, sizeof(*w->workers[i]));
	assert_non_null(w->workers[i]);
	assert_int_equal(worker_init(w->workers[i], &o), 0);
}

// Announcements are over: what a worker sends now has another reason.
static void settle(struct worker_world *w)
{
	for (uint32_t i = 0; i < w->n_workers; i++) {
		struct presence *p = &w->workers[i]->presence[0];

		world_turn(w, i);
		for (uint8_t k = 0; k < LINK_ADDRS_MAX; k++)
			p->addrs[k].announces = 0;
		p->reports = 0;
		p->router_asks = 0;
		world_out_discard(w, i);
		memset(&w->workers[i]->counters[0], 0, sizeof(w->workers[i]->counters[0]));
	}
}

static void create(struct worker_world *w, struct host host, uint32_t n_workers)
{
	memset(w, 0, sizeof(*w));
	w->l = loop_create(&(struct loop_opts){.seed = 5, .n_nodes = 1});
	w->host = host;
	w->host.links[0].mac = common.pair.kind == PAIR_RINGS ? our_mac : common.pair.port.mac;
	w->host.links[0].fills_udp_sums = common.pair.port.fills_udp;
	assert_int_equal(bell_init(&w->bell), 0);
	w->n_workers = n_workers;
	if (n_workers > 1)
		make_second(w);
	for (uint32_t i = 0; i < n_workers; i++) {
		assert_int_equal(bell_init(&w->bells[i]), 0);
		w->bells_of[i] = &w->bells[i];
	}
	for (uint32_t i = 0; i < n_workers; i++)
		make_worker(w, i);
}

void world_create(struct worker_world *w, uint32_t n_workers)
{
	create(w, host_simple(), n_workers);
	settle(w);
}

void world_create_dual(struct worker_world *w, uint32_t n_workers, uint16_t vlan)
{
	struct host h = host_dual(ADDR_READY);

	h.links[0].vlan = vlan;
	h.links[0].says_closed = true;
	create(w, h, n_workers);
	settle(w);
}

void world_create_fresh(struct worker_world *w, uint32_t n_workers, bool takes_router)
{
	struct host h = host_dual(ADDR_TENTATIVE);

	h.links[0].takes_router = takes_router;
	if (takes_router)
		memset(&h.links[0].gateways[1], 0, sizeof(h.links[0].gateways[1]));
	create(w, h, n_workers);
}

void world_destroy(struct worker_world *w)
{
	for (uint32_t i = 0; i < w->n_workers; i++) {
		worker_fini(w->workers[i]);
		free(w->workers[i]);
		bell_fini(&w->bells[i]);
		world_out_discard(w, i);
	}
	if (common.pair.kind == PAIR_RINGS) // a driver's may be filled with buffers
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
	struct rte_mbuf *m = rte_pktmbuf_alloc(common.pair.pool);

	assert_non_null(m);
	memcpy(rte_pktmbuf_append(m, frame.len), frame.data, frame.len);
	assert_true(port_pair_put(&common.pair, (uint16_t)worker, m));
	frame_free(&frame);
}

void world_cable(struct worker_world *w, bool is_in)
{
	uint16_t id = common.pair.port.id;

	assert_int_equal(is_in ? rte_eth_dev_set_link_up(id) : rte_eth_dev_set_link_down(id), 0);
}

bool world_turn(struct worker_world *w, uint32_t worker)
{
	return worker_turn(w->workers[worker], w->l->now_us);
}

struct built world_out(struct worker_world *w, uint32_t worker)
{
	struct built b = {0};
	struct rte_mbuf *m;

	if (!port_pair_get(&common.pair, (uint16_t)worker, &m))
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
	static const char *const known[] = {"10.99.0.2", "10.99.0.254", PEER_IP6, GATEWAY_IP6};

	for (uint32_t i = 0; i < w->n_workers; i++) {
		struct neighbours *n = w->workers[i]->host.links[0].neighbours;
		uint32_t now_ms = (uint32_t)(w->l->now_us / 1000);

		for (size_t k = 0; k < ARRAY_LEN(known); k++) {
			struct ip_addr a = ip(known[k]);

			neighbours_learn(n, &a, &peer_mac, SAID_BY_ARP | SAID_ADD, now_ms);
		}
	}
}

struct worker_stats *world_stats(struct worker_world *w, uint32_t worker)
{
	return engine_stats(worker == 0 ? w->l->nodes[0].engine : w->second);
}

uint32_t world_buffers(void)
{
	return port_pair_free(&common.pair);
}

uint32_t world_buffers_take(void *taken[WORLD_BUFFERS])
{
	uint32_t n = 0;

	while ((taken[n] = rte_pktmbuf_alloc(common.pair.pool)) != NULL)
		n++;
	return n;
}

void world_buffers_give(void *taken[WORLD_BUFFERS], uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		rte_pktmbuf_free(taken[i]);
}

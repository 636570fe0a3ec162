// The product's worker on a DPDK port made of rings. The port's far side is the generator; its
// near side does inside the timed turn what a card's driver does: it takes new buffers for what it
// will receive, and gives back those sent so many packets ago as its ring is deep.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

#include "dataplane/io/eal.h"
#include "dataplane/io/io_parts.h"
#include "dataplane/io/worker.h"
#include "perf/driver.h"
#include "perf/world.h"

#define HUGE_PAGES "/proc/sys/vm/nr_hugepages"
#define MEMORY_MB  192
#define BUFFERS    8191
#define FRESH      256 // buffers that wait to be received into
#define FREE_BURST 64
#define OUR_IP     0xc0a80101u // 192.168.1.1
#define GATEWAY_IP 0xc0a80102u
#define RING       2048

static const struct ip_addr our_v6 = {{0xfd, [15] = 1}},
			    gateway_v6 = {{0xfd, [15] = 2}}; // fd00::1, 2

// A port for each thread that turns worlds.
struct bench_port {
	struct rte_mempool *pools[2]; // on huge pages, if there are any; on ordinary ones
	struct rte_ring *rx, *tx;
	struct port port;
	uint32_t n_worlds;
	bool is_open, has_failed;
};

// DPDK starts once per process, so there can be only one.
struct bench_dpdk {
	struct eal *eal;
	bool is_huge;
	struct bench_port lanes[WORLD_LANES];
};

struct port_world {
	struct world world;
	struct bench_port *lane;
	struct host host;
	struct bell bell;
	struct worker *worker;
	struct rte_mempool *pool;
	bool is_v6;
	uint8_t header_len; // of every datagram here
	uint16_t tx_ring;
	struct rte_mbuf *fresh[FRESH];
	uint16_t n_fresh;
	struct rte_mbuf *kept[2 * RING]; // by the port's ring: sent, not given back yet
	uint16_t n_kept, n_new;
};

// -- the program's --

static long huge_pages(void)
{
	FILE *f = fopen(HUGE_PAGES, "r");
	long n = -1;

	if (f == NULL)
		return -1;
	if (fscanf(f, "%ld", &n) != 1)
		n = -1;
	fclose(f);
	return n;
}

static void huge_pages_set(long n)
{
	FILE *f = fopen(HUGE_PAGES, "w");

	if (f == NULL)
		return;
	fprintf(f, "%ld", n);
	fclose(f);
}

// Huge pages are borrowed from the kernel. Those in use outlive the return to the former number
// until the process ends, however it ends.
static struct eal *start_dpdk(bool *is_huge, char *why, size_t why_size)
{
	const long before = huge_pages(), wanted = MEMORY_MB / 2 + 8;
	struct eal_opts eal = {.program = "bench", .memory_mb = MEMORY_MB, .huge = EAL_HUGE_ON};
	struct eal *started;

	*is_huge = eal_free_huge_mb("/sys/kernel/mm/hugepages") >= MEMORY_MB;
	if (!*is_huge && before >= 0) {
		huge_pages_set(before + wanted);
		*is_huge = eal_free_huge_mb("/sys/kernel/mm/hugepages") >= MEMORY_MB;
	}
	if (!*is_huge)
		eal.huge = EAL_HUGE_OFF;
	started = eal_start(&eal, why, why_size);
	if (before >= 0)
		huge_pages_set(before);
	return started;
}

// What --no-huge would have: buffers spread over ordinary pages.
static struct rte_mempool *pool_on_small_pages(unsigned lane)
{
	char name[16];
	struct rte_pktmbuf_pool_private room = {.mbuf_data_room_size = RTE_MBUF_DEFAULT_BUF_SIZE};
	unsigned size = sizeof(struct rte_mbuf) + RTE_MBUF_DEFAULT_BUF_SIZE;
	struct rte_mempool *p;

	snprintf(name, sizeof(name), "small%u", lane);
	p = rte_mempool_create_empty(name, BUFFERS, size, POOL_CACHE, sizeof(room), SOCKET_ID_ANY,
				     0);
	if (p == NULL)
		return NULL;
	rte_pktmbuf_pool_init(p, &room);
	if (rte_mempool_populate_anon(p) <= 0) {
		rte_mempool_free(p);
		return NULL;
	}
	rte_mempool_obj_iter(p, rte_pktmbuf_init, NULL);
	return p;
}

static struct rte_ring *ring_create(const char *name, unsigned lane)
{
	char text[32];

	snprintf(text, sizeof(text), "bench_%s%u", name, lane);
	return rte_ring_create(text, RING, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
}

static int make_port(struct bench_dpdk *d, unsigned lane, char *why, size_t why_size)
{
	struct bench_port *p = &d->lanes[lane];
	char name[16], device[32];
	const struct port_opts opts = {.name = name,
				       .device = device,
				       .mtu = 1500,
				       .n_rx = 1,
				       .n_tx = 1,
				       .pools = p->pools};

	snprintf(name, sizeof(name), "bench%u", lane);
	snprintf(device, sizeof(device), "net_ring_%s", name);
	p->pools[0] = rte_pktmbuf_pool_create(name, BUFFERS, POOL_CACHE, 0,
					      RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	p->pools[1] = pool_on_small_pages(lane);
	p->rx = ring_create("rx", lane);
	p->tx = ring_create("tx", lane);
	if (p->pools[0] == NULL || p->pools[1] == NULL || p->rx == NULL || p->tx == NULL ||
	    rte_eth_from_rings(name, &p->rx, 1, &p->tx, 1, 0) < 0) {
		snprintf(why, why_size, "no memory for buffers and rings");
		return -1;
	}
	return port_open(&p->port, d->eal, &opts, why, why_size);
}

static struct bench_dpdk *dpdk_get(struct ratio *ratio)
{
	static struct bench_dpdk *the_one; // as DPDK is
	char why[256] = "DPDK failed before";

	if (the_one == NULL) {
		the_one = calloc(1, sizeof(*the_one));
		if (the_one == NULL)
			abort();
		the_one->eal = start_dpdk(&the_one->is_huge, why, sizeof(why));
	}
	if (the_one->eal != NULL)
		return the_one;
	ratio_skip(ratio, "%s", why);
	return NULL;
}

static struct bench_port *port_get(unsigned lane, struct ratio *ratio)
{
	struct bench_dpdk *d = dpdk_get(ratio);
	char why[256] = "its port failed before";

	if (d == NULL)
		return NULL;
	if (!d->lanes[lane].is_open && !d->lanes[lane].has_failed) {
		d->lanes[lane].is_open = make_port(d, lane, why, sizeof(why)) == 0;
		d->lanes[lane].has_failed = !d->lanes[lane].is_open;
	}
	if (d->lanes[lane].is_open)
		return &d->lanes[lane];
	ratio_skip(ratio, "%s", why);
	return NULL;
}

bool port_prepare(unsigned lane, struct ratio *ratio)
{
	return port_get(lane, ratio) != NULL;
}

struct eal *port_eal(struct ratio *ratio)
{
	struct bench_dpdk *d = dpdk_get(ratio);

	return d != NULL ? d->eal : NULL;
}

// -- the driver's part of a turn --

static void give_back_sent(struct port_world *p)
{
	uint16_t n = p->n_kept > p->tx_ring ? p->n_kept - p->tx_ring : 0;

	for (uint16_t at = 0; at < n; at += FREE_BURST) {
		uint16_t k = n - at < FREE_BURST ? n - at : FREE_BURST;

		// As drivers do it when a port has one pool (MBUF_FAST_FREE, which ours ask for).
		rte_mempool_put_bulk(p->pool, (void **)(p->kept + at), k);
	}
	p->n_kept -= n;
	memmove(p->kept, p->kept + n, p->n_kept * sizeof(p->kept[0]));
}

static void take_fresh(struct port_world *p)
{
	uint16_t n = FRESH - p->n_fresh;

	if (n == 0 || rte_mempool_get_bulk(p->pool, (void **)p->fresh + p->n_fresh, n) != 0)
		return;
	for (uint16_t i = FRESH - n; i < FRESH; i++) // drivers "rearm" them, in one store
		p->fresh[i]->data_off = RTE_PKTMBUF_HEADROOM;
	p->n_fresh = FRESH;
}

static void turn(struct world *w, uint64_t now_us)
{
	struct port_world *p = (struct port_world *)w;
	struct worker_link *l = &p->worker->links[0];

	give_back_sent(p);
	take_fresh(p);
	for (uint16_t left = w->turn_max; left > 0;) {
		uint16_t n = left < ENGINE_BURST_MAX ? left : ENGINE_BURST_MAX;

		l->tx_credit = n; // the room that this port says it has
		worker_turn(p->worker, now_us);
		left -= n;
	}
}

// -- the far side --

static bool lend(struct world *w, struct datagram *d)
{
	struct port_world *p = (struct port_world *)w;
	struct rte_mbuf *m;

	if (p->n_fresh == 0)
		return false;
	m = p->fresh[--p->n_fresh];
	d->handle = m;
	d->data = rte_pktmbuf_mtod_offset(m, uint8_t *, p->header_len);
	return true;
}

static void write_v4(uint8_t *ip, const struct datagram *d)
{
	const struct udp_flow flow = {.src = world_far_ip(d->slot),
				      .dst = OUR_IP,
				      .src_port = WORLD_PORT,
				      .dst_port = WORLD_PORT};

	ipv4_udp_prepare(ip, &flow);
	ipv4_udp_finish(ip, d->len, false);
}

static void write_v6(uint8_t *ip, const struct datagram *d)
{
	struct udp_flow6 flow = {.dst = our_v6, .src_port = WORLD_PORT, .dst_port = WORLD_PORT};

	world_far_ip6(flow.src.octets, d->slot);
	ipv6_udp_prepare(ip, &flow);
	ipv6_udp_finish(ip, d->len, false);
}

static void arrive(struct world *w, const struct datagram *d)
{
	struct port_world *p = (struct port_world *)w;
	struct rte_mbuf *m = d->handle;
	uint8_t *frame = rte_pktmbuf_mtod(m, uint8_t *);
	const struct l2_header h = {.dst = p->host.links[0].mac,
				    .src = {{2, 0, 0, 0, 0, 2}},
				    .type = p->is_v6 ? L2_TYPE_IPV6 : L2_TYPE_IPV4};

	l2_write(frame, &h);
	(p->is_v6 ? write_v6 : write_v4)(frame + L2_LEN, d);
	m->data_len = (uint16_t)(p->header_len + d->len);
	m->pkt_len = m->data_len;
	m->ol_flags = 0;
	if (rte_ring_sp_enqueue(p->lane->rx, m) != 0)
		rte_pktmbuf_free(m);
}

// What is no datagram to a far end (ARP, neighbour discovery) stays out.
static bool read_sent(const struct port_world *p, struct rte_mbuf *m, struct datagram *d)
{
	uint8_t *frame = rte_pktmbuf_mtod(m, uint8_t *), *ip = frame + L2_LEN;

	if (be16_get(frame + 12) != (p->is_v6 ? L2_TYPE_IPV6 : L2_TYPE_IPV4) ||
	    (p->is_v6 && ip[6] != IPV4_PROTO_UDP))
		return false;
	*d = (struct datagram){.data = frame + p->header_len,
			       .handle = m,
			       .slot = p->is_v6 ? be32_get(ip + 36)
						: be32_get(ip + 16) - world_far_ip(0),
			       .len = (uint16_t)(m->data_len - p->header_len)};
	return true;
}

static uint16_t sent(struct world *w, struct datagram *out, uint16_t max)
{
	struct port_world *p = (struct port_world *)w;
	struct rte_mbuf **m = p->kept + p->n_kept;
	uint16_t n_out = 0;
	unsigned n = rte_ring_sc_dequeue_burst(p->lane->tx, (void **)m, max, NULL);

	for (unsigned i = 0; i < n; i++)
		n_out += read_sent(p, m[i], &out[n_out]);
	p->n_kept += n;
	return n_out;
}

// -- life --

static unsigned free_all(struct rte_ring *r)
{
	struct rte_mbuf *m;
	unsigned n = 0;

	for (; rte_ring_sc_dequeue(r, (void **)&m) == 0; n++)
		rte_pktmbuf_free(m);
	return n;
}

static void destroy(struct world *w)
{
	struct port_world *p = (struct port_world *)w;

	if (p->worker != NULL)
		worker_fini(p->worker);
	free(p->worker);
	free_all(p->lane->rx);
	free_all(p->lane->tx);
	rte_pktmbuf_free_bulk(p->kept, p->n_kept);
	rte_pktmbuf_free_bulk(p->fresh, p->n_fresh);
	neighbours_destroy(p->host.links[0].neighbours);
	bell_fini(&p->bell);
	p->lane->n_worlds--;
	free(p);
}

static int make_worker(struct port_world *p, struct mailbox *reports)
{
	static const struct mac gateway = {{2, 0, 0, 0, 0, 2}};
	struct ip_addr gateway_ip = p->is_v6 ? gateway_v6 : ip_of_v4(GATEWAY_IP);
	const struct worker_opts o = {
		.n_workers = 1,
		.engine = p->world.engine,
		.host = &p->host,
		.ports = &p->lane->port,
		.n_ports = 1,
		.pool = p->pool,
		.reports = reports,
		.bell = &p->bell,
		.seed = 1,
	};

	p->worker = aligned_alloc(64, sizeof(*p->worker));
	if (p->worker == NULL || worker_init(p->worker, &o) != 0) {
		free(p->worker);
		p->worker = NULL;
		return -1;
	}
	neighbours_learn(p->worker->host.links[0].neighbours, &gateway_ip, &gateway,
			 SAID_BY_ARP | SAID_ADD, 0);
	return 0;
}

struct world *port_create(struct engine *e, struct mailbox *reports, const struct race_opts *o,
			  struct ratio *ratio)
{
	static const struct world_calls calls = {turn, lend, arrive, sent, destroy};
	struct bench_port *d = port_get(o->lane, ratio);
	struct port_world *p = d != NULL ? calloc(1, sizeof(*p)) : NULL;
	struct ip_addr our_ip = o->fars.is_v6 ? our_v6 : ip_of_v4(OUR_IP);

	if (p == NULL)
		return NULL;
	p->world = (struct world){.engine = e, .turn_max = o->turn_max, .calls = &calls};
	p->lane = d;
	p->pool = d->pools[o->on_small_pages];
	p->tx_ring = o->tx_ring;
	p->is_v6 = o->fars.is_v6;
	p->header_len = L2_LEN + (p->is_v6 ? IPV6_UDP_LEN : IPV4_UDP_LEN);
	p->bell.fd = -1;
	p->host = (struct host){.n_links = 1, .n_endpoints = 1};
	p->host.links[0] = (struct host_link){.mac = d->port.mac,
					      .gateways = {ip_of_v4(GATEWAY_IP), gateway_v6},
					      .mtu = 1500,
					      .udp_sums = UDP_SUMS_REQUIRED,
					      .neighbours = neighbours_create(1, NULL)};
	host_add(&p->host, &our_ip, p->is_v6 ? 64 : 24, ADDR_READY);
	p->host.endpoints[0] = (struct host_endpoint){.port = WORLD_PORT};
	if (d->n_worlds++ == 0 && rte_mempool_avail_count(p->pool) != BUFFERS)
		ratio_void(ratio, "%u buffers are missing since the row before",
			   BUFFERS - rte_mempool_avail_count(p->pool));
	else if (p->host.links[0].neighbours == NULL || bell_init(&p->bell) != 0 ||
		 make_worker(p, reports) != 0)
		ratio_void(ratio, "no memory for its worker");
	else
		return &p->world;
	destroy(&p->world);
	return NULL;
}

/*
 * The product's worker on a port of a real driver, and the far ends on what hangs on its cable:
 * virtio-user on vhost, memif on memif, af_packet on one end of a veth with af_packet on the other,
 * TAP with af_packet on its kernel interface. Both ends are in this process and thread; what the
 * far one does is not timed.
 */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include "dataplane/io/io_parts.h"
#include "dataplane/io/worker.h"
#include "perf/driver.h"
#include "perf/netns.h"

#define HEADER_LEN (L2_LEN + IPV4_UDP_LEN) // of every datagram here
#define BUFFERS    16383
#define BURST      32
#define KEPT       1024
#define OUR_IP     0xc0a80101u // 192.168.1.1
#define GATEWAY_IP 0xc0a80102u
#define PATIENCE   2000000 // looks at the links

struct driver_world {
	struct world world;
	struct port near, far;
	bool has_near, has_far;
	struct host host;
	struct bell bell;
	struct worker *worker;
	struct rte_mbuf *kept[KEPT]; // that the far ends are looking at
	uint16_t n_kept;
};

const char *const driver_names[DRIVERS_N] = {"virtio-user", "memif", "af_packet", "tap"};

static const struct driver {
	const char *far, *near; // %s: a path, %u: a number that no port before had
	const char *setup;      // of their namespace; NULL: they need none
} drivers[DRIVERS_N] = {
	[DRIVER_VIRTIO] = {"net_vhost%2$u,iface=%1$s,queues=1",
			   "net_virtio_user%2$u,path=%1$s,queues=1,queue_size=256,"
			   "mac=02:00:00:00:00:01",
			   NULL},
	[DRIVER_MEMIF] = {"net_memif%2$u,id=%2$u,role=server,socket=%1$s,socket-abstract=no",
			  "net_memif1%2$u,id=%2$u,role=client,socket=%1$s,socket-abstract=no,"
			  "mac=02:00:00:00:00:01",
			  NULL},
	[DRIVER_AF_PACKET] = {"net_af_packet%2$u,iface=far0", "net_af_packet1%2$u,iface=near0",
			      "sysctl -qw net.ipv6.conf.default.disable_ipv6=1;"
			      "ip link add near0 type veth peer name far0 &&"
			      "ip link set near0 up && ip link set far0 up"},
	[DRIVER_TAP] = {"net_af_packet2%2$u,iface=near0", "net_tap%2$u,iface=near0",
			"sysctl -qw net.ipv6.conf.default.disable_ipv6=1"},
};

// ---- the ports ----

static struct rte_mempool *pool_get(void)
{
	struct rte_mempool *p = rte_mempool_lookup("driver");

	return p != NULL ? p
			 : rte_pktmbuf_pool_create("driver", BUFFERS, POOL_CACHE, 0,
						   RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
}

static bool open_one(struct port *p, struct eal *eal, const char *device, char *why, size_t size)
{
	struct rte_mempool *pools[1] = {pool_get()};
	const struct port_opts o = {.name = "bench",
				    .device = device,
				    .mtu = 1500,
				    .n_rx = 1,
				    .n_tx = 1,
				    .pools = pools};

	if (pools[0] == NULL) {
		snprintf(why, size, "no memory for %u buffers", BUFFERS);
		return false;
	}
	return port_open(p, eal, &o, why, size) == 0;
}

static void device_text(char *out, size_t size, const char *form, unsigned no)
{
	char path[64];

	snprintf(path, sizeof(path), "/tmp/annulus_bench.%d", getpid());
	snprintf(out, size, form, path, no); // from the table above
}

// The side that the other one looks for comes first. TAP makes its interface.
static bool open_both(struct driver_world *d, enum driver_kind kind, struct eal *eal, char *why,
		      size_t size)
{
	static unsigned no; // of ports ever made: DPDK's names are the process's
	const struct driver *v = &drivers[kind];
	char far[256], near[256];

	no++;
	device_text(far, sizeof(far), v->far, no);
	device_text(near, sizeof(near), v->near, no);
	if (kind == DRIVER_TAP)
		d->has_near = open_one(&d->near, eal, near, why, size);
	if (kind != DRIVER_TAP || d->has_near)
		d->has_far = open_one(&d->far, eal, far, why, size);
	if (kind != DRIVER_TAP && d->has_far)
		d->has_near = open_one(&d->near, eal, near, why, size);
	return d->has_near && d->has_far;
}

static bool ports_make(struct driver_world *d, enum driver_kind kind, struct eal *eal, char *why,
		       size_t size)
{
	int before = -1;
	bool good;

	if (drivers[kind].setup != NULL) {
		before = netns_enter(drivers[kind].setup);
		if (before < 0) {
			snprintf(why, size, "no network namespace of its own (root?)");
			return false;
		}
	}
	good = open_both(d, kind, eal, why, size);
	if (before >= 0)
		netns_leave(before);
	// A thread of the driver's brings the two together.
	for (unsigned i = 0; good && i < PATIENCE; i++) {
		if (port_link_is_up(&d->near) && port_link_is_up(&d->far))
			return true;
		sched_yield();
	}
	if (good)
		snprintf(why, size, "the link does not come up");
	return false;
}

// ---- the world ----

static void turn(struct world *w, uint64_t now_us)
{
	struct driver_world *d = (struct driver_world *)w;

	worker_turn(d->worker, now_us);
}

static bool lend(struct world *w, struct datagram *out)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool_get());

	if (m == NULL)
		return false;
	out->handle = m;
	out->data = rte_pktmbuf_mtod_offset(m, uint8_t *, HEADER_LEN);
	return true;
}

static void arrive(struct world *w, const struct datagram *in)
{
	struct driver_world *d = (struct driver_world *)w;
	struct rte_mbuf *m = in->handle;
	uint8_t *frame = rte_pktmbuf_mtod(m, uint8_t *);
	const struct l2_header h = {
		.dst = d->host.links[0].mac, .src = {{2, 0, 0, 0, 0, 2}}, .type = L2_TYPE_IPV4};
	const struct udp_flow flow = {.src = world_far_ip(in->slot),
				      .dst = OUR_IP,
				      .src_port = WORLD_PORT,
				      .dst_port = WORLD_PORT};

	l2_write(frame, &h);
	ipv4_udp_prepare(frame + L2_LEN, &flow);
	ipv4_udp_finish(frame + L2_LEN, in->len, false);
	m->data_len = (uint16_t)(HEADER_LEN + in->len);
	m->pkt_len = m->data_len;
	if (rte_eth_tx_burst(d->far.id, 0, &m, 1) != 1)
		rte_pktmbuf_free(m);
}

static void give_back(struct driver_world *d)
{
	if (d->n_kept > 0)
		rte_pktmbuf_free_bulk(d->kept, d->n_kept);
	d->n_kept = 0;
}

static uint16_t sent(struct world *w, struct datagram *out, uint16_t max)
{
	struct driver_world *d = (struct driver_world *)w;
	uint16_t n_out = 0;

	give_back(d);
	while (d->n_kept + BURST <= KEPT && n_out + BURST <= max) {
		struct rte_mbuf **m = &d->kept[d->n_kept];
		uint16_t n = rte_eth_rx_burst(d->far.id, 0, m, BURST);

		for (uint16_t i = 0; i < n; i++) {
			uint8_t *frame = rte_pktmbuf_mtod(m[i], uint8_t *);

			if (be16_get(frame + 12) != L2_TYPE_IPV4)
				continue;
			out[n_out++] = (struct datagram){
				.data = frame + HEADER_LEN,
				.slot = be32_get(frame + L2_LEN + 16) - world_far_ip(0),
				.len = (uint16_t)(m[i]->data_len - HEADER_LEN)};
		}
		d->n_kept += n;
		if (n == 0)
			break;
	}
	return n_out;
}

static void destroy(struct world *w)
{
	struct driver_world *d = (struct driver_world *)w;

	give_back(d);
	if (d->worker != NULL)
		worker_fini(d->worker);
	free(d->worker);
	if (d->has_near)
		port_close(&d->near);
	if (d->has_far)
		port_close(&d->far);
	neighbours_destroy(d->host.links[0].neighbours);
	bell_fini(&d->bell);
	free(d);
}

static bool make_worker(struct driver_world *d, struct mailbox *reports)
{
	static const struct mac gateway = {{2, 0, 0, 0, 0, 2}};
	struct ip_addr gateway_ip = ip_of_v4(GATEWAY_IP);
	const struct worker_opts o = {.n_workers = 1,
				      .engine = d->world.engine,
				      .host = &d->host,
				      .ports = &d->near,
				      .n_ports = 1,
				      .pool = pool_get(),
				      .reports = reports,
				      .bell = &d->bell,
				      .seed = 1};

	d->worker = aligned_alloc(64, sizeof(*d->worker));
	if (d->worker == NULL || worker_init(d->worker, &o) != 0) {
		free(d->worker);
		d->worker = NULL;
		return false;
	}
	neighbours_learn(d->worker->host.links[0].neighbours, &gateway_ip, &gateway,
			 SAID_BY_ARP | SAID_ADD, 0);
	return true;
}

static struct world *driver_create(enum driver_kind kind, struct engine *e, struct mailbox *reports,
				   const struct race_opts *o, struct ratio *ratio)
{
	static const struct world_calls calls = {turn, lend, arrive, sent, destroy};
	struct eal *eal = port_eal(ratio);
	struct driver_world *d = eal != NULL ? calloc(1, sizeof(*d)) : NULL;
	struct ip_addr our_ip = ip_of_v4(OUR_IP);
	char why[256] = "";

	if (d == NULL)
		return NULL;
	d->world = (struct world){.engine = e, .turn_max = o->turn_max, .calls = &calls};
	d->bell.fd = -1;
	if (!ports_make(d, kind, eal, why, sizeof(why))) {
		ratio_skip(ratio, "%.150s", why);
		destroy(&d->world);
		return NULL;
	}
	d->host = (struct host){.n_links = 1, .n_endpoints = 1};
	d->host.links[0] = (struct host_link){.mac = d->near.mac,
					      .gateways = {ip_of_v4(GATEWAY_IP)},
					      .mtu = 1500,
					      .udp_sums = UDP_SUMS_REQUIRED,
					      .neighbours = neighbours_create(1, NULL)};
	host_add(&d->host, &our_ip, 24, ADDR_READY);
	d->host.endpoints[0] = (struct host_endpoint){.port = WORLD_PORT};
	if (d->host.links[0].neighbours != NULL && bell_init(&d->bell) == 0 &&
	    make_worker(d, reports))
		return &d->world;
	ratio_void(ratio, "no memory for its worker");
	destroy(&d->world);
	return NULL;
}

#define CREATE(name, kind)                                                                         \
	struct world *name(struct engine *e, struct mailbox *reports, const struct race_opts *o,   \
			   struct ratio *r)                                                        \
	{                                                                                          \
		return driver_create(kind, e, reports, o, r);                                      \
	}

CREATE(virtio_create, DRIVER_VIRTIO)
CREATE(memif_create, DRIVER_MEMIF)
CREATE(af_packet_create, DRIVER_AF_PACKET)
CREATE(tap_create, DRIVER_TAP)

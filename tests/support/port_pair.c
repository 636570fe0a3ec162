#include "tests/support/port_pair.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

#include "dataplane/io/eal.h"
#include "tests/support/test.h"

#define RX_RING     1024
#define SOCKET_PATH "/tmp/annulus_pair.%d"

static void start_dpdk(struct port_pair *p)
{
	const struct eal_opts eal = {.program = "test", .memory_mb = 128, .huge = EAL_HUGE_OFF};
	char why[512] = "";

	p->eal = eal_start(&eal, why, sizeof(why));
	if (p->eal == NULL)
		fail_msg("%s", why);
	p->pool = rte_pktmbuf_pool_create("test", PAIR_BUFFERS, 64, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
					  SOCKET_ID_ANY);
	assert_non_null(p->pool);
}

static void open_port(struct port_pair *pair, struct port *p, const char *device)
{
	struct rte_mempool *pools[PAIR_QUEUES] = {pair->pool, pair->pool};
	const struct port_opts o = {.name = "test",
				    .device = device,
				    .mtu = 1500,
				    .n_rx = pair->n_queues,
				    .n_tx = pair->n_queues,
				    .pools = pools,
				    .wakes = true};
	char why[512] = "";

	if (port_open(p, pair->eal, &o, why, sizeof(why)) != 0)
		fail_msg("%s", why);
}

static struct rte_ring *ring(const char *name, unsigned i, unsigned n)
{
	char full[32];
	struct rte_ring *r;

	snprintf(full, sizeof(full), "%s%u", name, i);
	r = rte_ring_create(full, n, SOCKET_ID_ANY, 0);
	assert_non_null(r);
	return r;
}

static void open_rings(struct port_pair *p)
{
	p->n_queues = PAIR_QUEUES;
	for (unsigned i = 0; i < PAIR_QUEUES; i++) {
		p->rx[i] = ring("rx", i, RX_RING);
		p->tx[i] = ring("tx", i, PAIR_RING);
	}
	assert_true(rte_eth_from_rings("test", p->rx, PAIR_QUEUES, p->tx, PAIR_QUEUES, 0) >= 0);
	open_port(p, &p->port, "net_ring_test");
}

// The side that makes the socket comes first; they find each other by a thread of the driver's own.
static void open_socket(struct port_pair *p, const char *far, const char *near)
{
	char path[64], device[256];

	p->n_queues = 1;
	snprintf(path, sizeof(path), SOCKET_PATH, getpid());
	unlink(path);
	snprintf(device, sizeof(device), far, path);
	open_port(p, &p->far, device);
	snprintf(device, sizeof(device), near, path);
	open_port(p, &p->port, device);
	while (!port_link_is_up(&p->far) || !port_link_is_up(&p->port))
		sched_yield();
	unlink(path);
}

void port_pair_open(struct port_pair *p, enum pair_kind kind)
{
	memset(p, 0, sizeof(*p));
	p->kind = kind;
	start_dpdk(p);
	switch (kind) {
	case PAIR_RINGS:
		open_rings(p);
		break;
	case PAIR_VIRTIO:
		open_socket(p, "net_vhost0,iface=%s,queues=1",
			    "net_virtio_user0,path=%s,queues=1,queue_size=256,"
			    "mac=02:00:00:00:00:01");
		break;
	case PAIR_MEMIF:
		open_socket(p, "net_memif0,role=server,socket=%s,socket-abstract=no",
			    "net_memif1,role=client,socket=%s,socket-abstract=no,"
			    "mac=02:00:00:00:00:01");
		break;
	}
}

// memif's ends are left to the program's end: one that closes disconnects the other, and the driver's
// thread, which hears of it, crashes now and then over what is closed meanwhile (DPDK 22.11).
void port_pair_close(struct port_pair *p)
{
	if (p->kind == PAIR_MEMIF) {
		rmdir(rte_eal_get_runtime_dir()); // as eal_stop would
		return;
	}
	port_close(&p->port);
	if (p->kind != PAIR_RINGS)
		port_close(&p->far);
	assert_int_equal(port_pair_free(p), PAIR_BUFFERS);
	eal_stop(p->eal);
}

bool port_pair_put(struct port_pair *p, uint16_t queue, struct rte_mbuf *m)
{
	return p->kind == PAIR_RINGS ? rte_ring_enqueue(p->rx[queue], m) == 0
				     : rte_eth_tx_burst(p->far.id, queue, &m, 1) == 1;
}

bool port_pair_get(struct port_pair *p, uint16_t queue, struct rte_mbuf **m)
{
	return p->kind == PAIR_RINGS ? rte_ring_dequeue(p->tx[queue], (void **)m) == 0
				     : rte_eth_rx_burst(p->far.id, queue, m, 1) == 1;
}

uint32_t port_pair_free(const struct port_pair *p)
{
	return rte_mempool_avail_count(p->pool);
}

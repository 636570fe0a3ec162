// Joins two DPDK ports, as a cable would: cable DEVICE DEVICE [QUEUES] [huge]. What one receives
// the other sends. The first has QUEUES queue pairs, and a frame to it goes to the queue that its
// sender's address chooses. Says "joined" once both are up; ends on SIGTERM.
//
// So a vhost port of ours (the peer of another process's virtio-user port) gets to a kernel's
// interface.
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <rte_ethdev.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_udp.h>

#include "dataplane/io/eal.h"
#include "dataplane/io/port.h"

#define BURST       32
#define BUFFERS     4095
#define IDLE_MIN_NS 20000l // of an empty look, doubled up to
#define IDLE_MAX_NS 500000l

static volatile sig_atomic_t is_over;

static void on_signal(int sig)
{
	is_over = 1;
}

// -- frames --

static bool is_udp(const struct rte_mbuf *m)
{
	const struct rte_ether_hdr *e = rte_pktmbuf_mtod(m, const void *);
	const struct rte_ipv4_hdr *ip = (const void *)(e + 1);

	return m->data_len >= sizeof(*e) + sizeof(*ip) + sizeof(struct rte_udp_hdr) &&
	       e->ether_type == rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4) &&
	       ip->version_ihl == RTE_IPV4_VHL_DEF && ip->next_proto_id == IPPROTO_UDP;
}

// A virtio driver leaves sums to its far end, who may know that the octets never left the machine.
// These do.
static void fill_sum(struct rte_mbuf *m)
{
	struct rte_ether_hdr *e = rte_pktmbuf_mtod(m, void *);
	struct rte_ipv4_hdr *ip = (void *)(e + 1);
	struct rte_udp_hdr *udp = (void *)(ip + 1);

	if ((m->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) != RTE_MBUF_F_RX_L4_CKSUM_NONE ||
	    !is_udp(m))
		return;
	udp->dgram_cksum = 0;
	udp->dgram_cksum = rte_ipv4_udptcp_cksum(ip, udp);
}

// By its sender's last octet, so that neighbours in a lab have different queues, in every run.
static uint16_t queue_of(const struct rte_mbuf *m, uint16_t n_queues)
{
	const struct rte_ether_hdr *e = rte_pktmbuf_mtod(m, const void *);
	const struct rte_ipv4_hdr *ip = (const void *)(e + 1);

	return is_udp(m) ? (uint16_t)(rte_be_to_cpu_32(ip->src_addr) % n_queues) : 0;
}

static void send_to(const struct port *to, struct rte_mbuf *m)
{
	fill_sum(m);
	m->ol_flags = 0;
	if (rte_eth_tx_burst(to->id, queue_of(m, to->n_tx), &m, 1) == 0)
		rte_pktmbuf_free(m); // lost, as on any cable
}

static unsigned carry(const struct port *from, const struct port *to)
{
	struct rte_mbuf *in[BURST];
	unsigned sum = 0;

	for (uint16_t q = 0; q < from->n_rx; q++) {
		uint16_t n = rte_eth_rx_burst(from->id, q, in, BURST);

		for (uint16_t i = 0; i < n; i++)
			send_to(to, in[i]);
		sum += n;
	}
	return sum;
}

static void run(const struct port *a, const struct port *b)
{
	struct timespec idle = {.tv_nsec = IDLE_MIN_NS};

	while (!is_over) {
		if (carry(a, b) + carry(b, a) > 0) {
			idle.tv_nsec = IDLE_MIN_NS;
			continue;
		}
		nanosleep(&idle, NULL);
		idle.tv_nsec = idle.tv_nsec < IDLE_MAX_NS / 2 ? 2 * idle.tv_nsec : IDLE_MAX_NS;
	}
}

// -- ports --

static void open_port(struct port *p, struct eal *eal, const char *device, uint16_t n_queues,
		      struct rte_mempool *pool)
{
	struct rte_mempool *pools[PORT_QUEUES_MAX];
	struct port_opts o = {.name = "cable",
			      .device = device,
			      .mtu = 1500,
			      .n_rx = n_queues,
			      .n_tx = n_queues,
			      .pools = pools};
	char why[512];

	for (unsigned i = 0; i < PORT_QUEUES_MAX; i++)
		pools[i] = pool;
	if (port_open(p, eal, &o, why, sizeof(why)) == 0)
		return;
	fprintf(stderr, "%s\n", why);
	exit(1);
}

int main(int argc, char **argv)
{
	struct eal_opts eo = {.program = "cable", .memory_mb = 128, .huge = EAL_HUGE_OFF};
	uint16_t n_queues = argc > 3 ? (uint16_t)atoi(argv[3]) : 1;
	struct rte_mempool *pool;
	struct port a, b;
	struct eal *eal;
	char why[512];

	if (argc < 3 || n_queues == 0 || n_queues > PORT_QUEUES_MAX)
		return 1;
	if (argc > 4 && strcmp(argv[4], "huge") == 0)
		eo.huge = EAL_HUGE_ON;
	eal = eal_start(&eo, why, sizeof(why));
	if (eal == NULL) {
		fprintf(stderr, "%s\n", why);
		return 1;
	}
	signal(SIGTERM, on_signal);
	signal(SIGINT, on_signal);
	pool = rte_pktmbuf_pool_create("cable", BUFFERS, 64, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
				       SOCKET_ID_ANY);
	if (pool == NULL)
		return 1;
	open_port(&a, eal, argv[1], n_queues, pool);
	open_port(&b, eal, argv[2], 1, pool);
	printf("joined\n");
	fflush(stdout);
	run(&a, &b);
	port_close(&a);
	port_close(&b);
	eal_stop(eal);
	return 0;
}

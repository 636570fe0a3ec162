#include "perf/probes/load_net.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include "dataplane/io/arp.h"
#include "dataplane/io/eal.h"
#include "dataplane/io/ipv4.h"

#define BUFFERS     16383
#define PAYLOAD_AT  (L2_LEN + IPV4_LEN + UDP_LEN)
#define PAYLOAD_MAX (RTE_MBUF_DEFAULT_DATAROOM - PAYLOAD_AT)

// -- out --

void load_net_flush(struct net *n)
{
	uint16_t sent = n->n_out > 0 ? rte_eth_tx_burst(n->port.id, 0, n->out, n->n_out) : 0;

	n->tx_frames += sent;
	n->tx_refused += n->n_out - sent;
	if (sent < n->n_out)
		rte_pktmbuf_free_bulk(n->out + sent, n->n_out - sent);
	n->n_out = 0;
}

static void send_frame(struct net *n, struct rte_mbuf *m, uint16_t len)
{
	m->data_len = len;
	m->pkt_len = len;
	n->out[n->n_out++] = m;
	if (n->n_out == LOAD_OUT_MAX)
		load_net_flush(n);
}

static void send_arp(struct net *n, const struct arp *a, const struct mac *to)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(n->pool);

	if (m != NULL)
		send_frame(n, m, arp_write(rte_pktmbuf_mtod(m, uint8_t *), a, to));
}

uint32_t net_ip(const struct net *n, uint32_t host)
{
	return ntohl(n->opts->address.s_addr) + host;
}

uint8_t *load_net_lend(struct net *n, struct rte_mbuf **m)
{
	*m = rte_pktmbuf_alloc(n->pool);
	n->tx_refused += *m == NULL;
	return *m != NULL ? rte_pktmbuf_mtod(*m, uint8_t *) + PAYLOAD_AT : NULL;
}

void load_net_give(struct rte_mbuf *m)
{
	rte_pktmbuf_free(m);
}

void load_net_send(struct net *n, struct rte_mbuf *m, uint32_t host, uint16_t src_port,
		   struct net_addr dst, uint16_t len)
{
	struct l2_header l2 = {.dst = n->server_mac, .src = n->port.mac, .type = L2_TYPE_IPV4};
	struct udp_flow f = {net_ip(n, host), dst.ip, src_port, dst.port};
	uint8_t *at = rte_pktmbuf_mtod(m, uint8_t *);

	l2_write(at, &l2);
	ipv4_udp_prepare(at + L2_LEN, &f);
	ipv4_udp_finish(at + L2_LEN, len, false); // UDP checksum 0: none
	send_frame(n, m, (uint16_t)(PAYLOAD_AT + len));
}

void net_send(struct net *n, uint32_t host, uint16_t src_port, struct net_addr dst,
	      const uint8_t *data, uint16_t len, uint64_t at_us)
{
	struct rte_mbuf *m;
	uint8_t *payload;

	if (dst.ip - net_ip(n, 0) < n->opts->n)
		return;
	payload = len <= PAYLOAD_MAX ? load_net_lend(n, &m) : NULL;
	if (payload == NULL)
		return;
	memcpy(payload, data, len);
	load_net_send(n, m, host, src_port, dst, len);
}

// -- in --

static void on_arp(struct net *n, const uint8_t *frame, uint16_t len)
{
	uint32_t server = ntohl(n->opts->server.s_addr);
	struct arp a;

	if (arp_read(&a, frame + L2_LEN, (uint16_t)(len - L2_LEN)) != 0)
		return;
	if (a.sender_ip == server) {
		n->server_mac = a.sender_mac;
		n->has_server_mac = true;
	}
	if (a.op != ARP_REQUEST || a.target_ip == a.sender_ip || a.target_ip == server)
		return;
	send_arp(n,
		 &(struct arp){.op = ARP_REPLY,
			       .sender_mac = n->port.mac,
			       .sender_ip = a.target_ip,
			       .target_mac = a.sender_mac,
			       .target_ip = a.sender_ip},
		 &a.sender_mac);
}

static bool read_datagram(const struct net *n, uint8_t *packet, uint16_t len,
			  struct load_datagram *d)
{
	struct ipv4_header ip = {0};
	struct udp_header u = {0};

	if (ipv4_read(&ip, packet, len, false) != DROP_NONE || ip.proto != IPV4_PROTO_UDP ||
	    udp_read(&u, packet + ip.header_len, (uint16_t)(ip.len - ip.header_len)) != DROP_NONE)
		return false;
	*d = (struct load_datagram){.host = ip.dst - net_ip(n, 0),
				    .src = {ip.src, u.src},
				    .dst_port = u.dst,
				    .len = (uint16_t)(u.len - UDP_LEN),
				    .data = packet + ip.header_len + UDP_LEN};
	return d->host < n->opts->n;
}

uint16_t load_net_receive(struct net *n, uint16_t queue, struct load_datagram got[LOAD_BURST],
			  uint16_t *n_frames)
{
	uint16_t n_got = 0;

	n->n_in = rte_eth_rx_burst(n->port.id, queue, n->in, LOAD_BURST);
	for (uint16_t i = 0; i < n->n_in; i++)
		rte_prefetch0(rte_pktmbuf_mtod(n->in[i], uint8_t *));
	for (uint16_t i = 0; i < n->n_in; i++) {
		uint8_t *frame = rte_pktmbuf_mtod(n->in[i], uint8_t *);
		uint16_t len = n->in[i]->data_len, type;

		if (len <= L2_LEN)
			continue;
		type = be16_get(frame + 2 * MAC_LEN);
		if (type == L2_TYPE_ARP)
			on_arp(n, frame, len);
		else if (type == L2_TYPE_IPV4)
			n_got += read_datagram(n, frame + L2_LEN, (uint16_t)(len - L2_LEN),
					       &got[n_got]);
	}
	n->rx_frames += n->n_in;
	*n_frames = n->n_in;
	return n_got;
}

void load_net_done(struct net *n)
{
	rte_pktmbuf_free_bulk(n->in, n->n_in);
	n->n_in = 0;
}

void load_net_ask(struct net *n)
{
	const struct mac everybody = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};

	send_arp(n,
		 &(struct arp){.op = ARP_REQUEST,
			       .sender_mac = n->port.mac,
			       .sender_ip = ntohl(n->opts->gateway.s_addr),
			       .target_ip = ntohl(n->opts->server.s_addr)},
		 &everybody);
}

// -- start, end --

int load_net_open(struct net *n, const struct load_opts *opts)
{
	const struct eal_opts eo = {.program = "load",
				    .memory_mb = 256,
				    .huge = opts->wants_huge ? EAL_HUGE_ON : EAL_HUGE_OFF};
	struct rte_mempool *pools[PORT_QUEUES_MAX];
	struct port_opts po = {.name = "load",
			       .device = opts->device,
			       .mtu = 1500,
			       .n_rx = opts->queues,
			       .n_tx = opts->queues,
			       .pools = pools};
	char why[512] = "no memory for buffers";

	n->opts = opts;
	n->eal = eal_start(&eo, why, sizeof(why));
	if (n->eal != NULL) {
		n->pool = rte_pktmbuf_pool_create("load", BUFFERS, 256, 0,
						  RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
		for (unsigned i = 0; i < PORT_QUEUES_MAX; i++)
			pools[i] = n->pool;
		if (n->pool != NULL && port_open(&n->port, n->eal, &po, why, sizeof(why)) == 0)
			return 0;
	}
	fprintf(stderr, "load: %s\n", why);
	return -1;
}

void load_net_close(struct net *n)
{
	port_close(&n->port);
	eal_stop(n->eal);
}

// A load generator on a DPDK port: thousands of whole members in one thread, each with a
// socket-less address of its own, who join a group, and a stream that one of them publishes to all
// others. They are the simulator's members (tests/sim/sim_node.h), real nodes over real engines,
// with a port for their network: they shake hands, acknowledge, repair, and count what they got.
// Says its own utilisation in the end, since a generator that is busy all the time measures itself.
//
//	load --device net_vhost0,iface=/tmp/v --server 10.99.0.1 --address 10.99.16.1 --group SPEC
//
// The far end of the device is annulusd's port (virtio-user on that socket, memif, af_packet ...).
#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include "control/group/groupspec.h"
#include "crypto/crypto.h"
#include "crypto/identity.h"
#include "dataplane/io/arp.h"
#include "dataplane/io/eal.h"
#include "dataplane/io/ipv4.h"
#include "dataplane/io/port.h"
#include "perf/probes/load_args.h"
#include "perf/ratio.h"
#include "tests/sim/sim_node.h"

#define CALL_EVERY_US 5000000
// Of a member: the super-peer's two, and as many attempts at others as a group makes.
#define SESSIONS_MAX 160
#define BURST        64
#define BUFFERS      16383
#define OUT_MAX      128
#define NAP_NS       20000
#define PATIENCE_S   60 // that nobody more has joined
#define STREAM       "load"
#define SOUND        8
#define SETTLE_US    5000000 // everybody has joined; before the stream
#define REST_US      4000000 // after it
#define URI          "rtmfp://load/load"

static volatile sig_atomic_t is_over;

struct load_member {
	struct sim_node *sim;
	struct node_conn *conn;
	struct node_group *group;
	struct node_stream *stream;
	struct identity identity;
	uint64_t due_us;
	bool is_connected, has_neighbour, has_failed;
	uint64_t ask_us; // when the super-peer is called again
	uint8_t neighbour[PEER_ID_LEN];
	uint64_t n_messages, next, n_gaps; // played
};

// What they send to each other is thrown away, as if each were behind a translator that lets nobody
// in: all is between them and the super-peer.

// The simulator's network, as sim_node.c knows it: here it is the port.
struct net {
	struct load_opts opts;
	struct eal *eal;
	struct rte_mempool *pool;
	struct port port;
	bool has_server_mac;
	struct mac server_mac;
	struct rte_mbuf *out[OUT_MAX];
	uint16_t n_out;
	uint64_t rx_frames, tx_frames, tx_refused;
};

struct load {
	struct net net;
	struct crypto *crypto;
	struct random random;
	struct groupspec spec;
	struct load_member *members;
	uint32_t n_started;
	struct node_stream *published;
	uint64_t n_written, write_us;
	uint64_t busy_ns; // turns that had something to do
	uint64_t stream_ns, stream_busy_ns, stream_cpu_ns;
};

static uint64_t now_us(void)
{
	return ratio_clock_ns() / 1000;
}

// -- frames out --

static void flush(struct net *n)
{
	uint16_t sent = n->n_out > 0 ? rte_eth_tx_burst(n->port.id, 0, n->out, n->n_out) : 0;

	n->tx_frames += sent;
	n->tx_refused += n->n_out - sent;
	if (sent < n->n_out)
		rte_pktmbuf_free_bulk(n->out + sent, n->n_out - sent);
	n->n_out = 0;
}

static void send_frame(struct net *n, struct rte_mbuf *m)
{
	n->out[n->n_out++] = m;
	if (n->n_out == OUT_MAX)
		flush(n);
}

static void send_arp(struct net *n, const struct arp *a, const struct mac *to)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(n->pool);

	if (m == NULL)
		return;
	m->data_len = arp_write(rte_pktmbuf_mtod(m, uint8_t *), a, to);
	m->pkt_len = m->data_len;
	send_frame(n, m);
}

uint32_t net_ip(const struct net *n, uint32_t host)
{
	return ntohl(n->opts.address.s_addr) + host;
}

void net_send(struct net *n, uint32_t host, uint16_t src_port, struct net_addr dst,
	      const uint8_t *data, uint16_t len, uint64_t at_us)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(n->pool);
	struct l2_header l2 = {.dst = n->server_mac, .src = n->port.mac, .type = L2_TYPE_IPV4};
	struct udp_flow f = {net_ip(n, host), dst.ip, src_port, dst.port};
	uint8_t *at;

	if (dst.ip - net_ip(n, 0) < n->opts.n) {
		rte_pktmbuf_free(m);
		return;
	}
	if (m == NULL || len > RTE_MBUF_DEFAULT_DATAROOM - L2_LEN - IPV4_UDP_LEN) {
		rte_pktmbuf_free(m);
		n->tx_refused++;
		return;
	}
	m->data_len = (uint16_t)(L2_LEN + IPV4_UDP_LEN + len);
	m->pkt_len = m->data_len;
	at = rte_pktmbuf_mtod(m, uint8_t *);
	l2_write(at, &l2);
	ipv4_udp_prepare(at + L2_LEN, &f);
	ipv4_udp_finish(at + L2_LEN, len, false); // UDP checksum 0: none
	memcpy(at + L2_LEN + IPV4_UDP_LEN, data, len);
	send_frame(n, m);
}

// -- frames in --

static void on_arp(struct load *l, const uint8_t *frame, uint16_t len)
{
	struct arp a;

	if (arp_read(&a, frame + L2_LEN, (uint16_t)(len - L2_LEN)) != 0)
		return;
	if (a.sender_ip == ntohl(l->net.opts.server.s_addr)) {
		l->net.server_mac = a.sender_mac;
		l->net.has_server_mac = true;
	}
	if (a.op != ARP_REQUEST || a.target_ip == a.sender_ip ||
	    a.target_ip == ntohl(l->net.opts.server.s_addr))
		return;
	send_arp(&l->net,
		 &(struct arp){.op = ARP_REPLY,
			       .sender_mac = l->net.port.mac,
			       .sender_ip = a.target_ip,
			       .target_mac = a.sender_mac,
			       .target_ip = a.sender_ip},
		 &a.sender_mac);
}

static void on_datagram(struct load *l, uint8_t *packet, uint16_t len, uint64_t at_us)
{
	struct ipv4_header ip = {0};
	struct udp_header u = {0};
	uint32_t host;

	if (ipv4_read(&ip, packet, len, false) != DROP_NONE || ip.proto != IPV4_PROTO_UDP ||
	    udp_read(&u, packet + ip.header_len, (uint16_t)(ip.len - ip.header_len)) != DROP_NONE)
		return;
	host = ip.dst - net_ip(&l->net, 0);
	if (host >= l->n_started)
		return;
	sim_node_rx(l->members[host].sim, (struct net_addr){ip.src, u.src}, u.dst,
		    packet + ip.header_len + UDP_LEN, (uint16_t)(u.len - UDP_LEN), at_us);
	l->members[host].due_us = 0;
}

static uint32_t receive(struct load *l, uint64_t at_us)
{
	struct rte_mbuf *in[BURST];
	uint32_t sum = 0;

	for (uint16_t q = 0; q < l->net.port.n_rx; q++) {
		uint16_t n = rte_eth_rx_burst(l->net.port.id, q, in, BURST);

		for (uint16_t i = 0; i < n; i++) {
			uint8_t *frame = rte_pktmbuf_mtod(in[i], uint8_t *);
			uint16_t len = in[i]->data_len;

			if (len > L2_LEN && be16_get(frame + 2 * MAC_LEN) == L2_TYPE_ARP)
				on_arp(l, frame, len);
			else if (len > L2_LEN && be16_get(frame + 2 * MAC_LEN) == L2_TYPE_IPV4)
				on_datagram(l, frame + L2_LEN, (uint16_t)(len - L2_LEN), at_us);
			rte_pktmbuf_free(in[i]);
		}
		sum += n;
	}
	l->net.rx_frames += sum;
	return sum;
}

// -- members --

static void on_event(void *ctx, struct sim_node *s, const struct node_event *e, uint64_t at_us)
{
	struct load_member *m = ctx;
	uint64_t number;

	switch (e->kind) {
	case NODE_CONNECTED:
		m->is_connected = true;
		break;
	case NODE_CONNECT_FAILED:
	case NODE_DISCONNECTED:
		m->has_failed = true;
		break;
	case NODE_NEIGHBOUR_CONNECT:
		m->has_neighbour = true;
		memcpy(m->neighbour, e->peer, sizeof(m->neighbour));
		break;
	case NODE_PLAY_MESSAGE:
		if (e->len < LOAD_MESSAGE_LEAST)
			break;
		number = be64_get(e->data + 2);
		m->n_gaps += number != m->next;
		m->next = number + 1;
		m->n_messages++;
		break;
	default:
		break;
	}
}

static int start_member(struct load *l, uint64_t at_us)
{
	uint32_t i = l->n_started;
	struct load_member *m = &l->members[i];
	struct sim_node_opts so = {.net = &l->net,
				   .host = i,
				   .crypto = l->crypto,
				   .random = &l->random,
				   .identity = &m->identity,
				   .sessions_max = SESSIONS_MAX,
				   .members_max = 4, // the super-peer, and few who never answer
				   .on_event = on_event,
				   .ctx = m};
	struct wire_addr server =
		sim_wire_addr((struct net_addr){ntohl(l->net.opts.server.s_addr), SIM_SERVER_PORT});
	int err = identity_generate(&m->identity, IDENTITY_PEER, &l->random);

	if (err != 0)
		return err;
	m->sim = sim_node_create(&so, at_us);
	m->conn = node_connect(m->sim->node, URI, &server, 1, at_us);
	m->group = node_join(m->sim->node, &l->spec, NULL, &err, at_us);
	if (m->conn == NULL || m->group == NULL)
		return err != 0 ? err : -ENOMEM;
	if (i > 0)
		err = node_play(m->group, STREAM, &m->stream, at_us);
	sim_node_wake(m->sim);
	l->n_started++;
	return err;
}

// Members know of each other by hearsay, and of the super-peer by the same: with thousands whom
// nobody can reach, it would be the last whom many try. Whoever is the first one's neighbour is the
// super-peer, as nobody else answers; the others' program names it.
static void call_super(struct load *l, struct load_member *m, uint64_t at_us)
{
	char id[2 * PEER_ID_LEN + 1];

	if (!m->is_connected || m->has_neighbour || !l->members[0].has_neighbour ||
	    m->ask_us > at_us)
		return;
	for (int i = 0; i < PEER_ID_LEN; i++)
		snprintf(id + 2 * i, 3, "%02x", l->members[0].neighbour[i]);
	node_add_neighbour(m->group, id, at_us);
	sim_node_wake(m->sim);
	m->ask_us = at_us + CALL_EVERY_US;
}

static uint32_t turn_members(struct load *l, uint64_t at_us)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < l->n_started; i++) {
		struct load_member *m = &l->members[i];

		if (m->due_us > at_us)
			continue;
		call_super(l, m, at_us);
		sim_node_turn(m->sim, at_us);
		m->due_us = sim_node_deadline_us(m->sim);
		if (m->due_us <= at_us)
			m->due_us = at_us + 1;
		n++;
	}
	return n;
}

static void write_due(struct load *l, uint64_t at_us)
{
	uint8_t message[65536] = {0xaf, 0x01};

	while (l->published != NULL && l->write_us <= at_us &&
	       l->n_written < (uint64_t)l->net.opts.message_hz * l->net.opts.seconds) {
		be64_put(message + 2, l->n_written);
		if (node_stream_write(l->published, SOUND, (uint32_t)(at_us / 1000), message,
				      l->net.opts.message_bytes, true, at_us) != 0)
			break;
		l->n_written++;
		l->write_us += 1000000 / l->net.opts.message_hz;
		sim_node_wake(l->members[0].sim);
		l->members[0].due_us = 0;
	}
}

// -- running --

// One round; naps if there was nothing to do. The time of rounds that had something is busy time.
static void round_once(struct load *l)
{
	const struct timespec nap = {.tv_nsec = NAP_NS};
	uint64_t from_ns = ratio_clock_ns(), at_us = from_ns / 1000;
	uint32_t n = receive(l, at_us);

	write_due(l, at_us);
	n += turn_members(l, at_us);
	flush(&l->net);
	if (n > 0)
		l->busy_ns += ratio_clock_ns() - from_ns;
	else
		nanosleep(&nap, NULL);
}

static void run_us(struct load *l, uint64_t us)
{
	uint64_t until = now_us() + us;

	while (!is_over && now_us() < until)
		round_once(l);
}

static bool find_server(struct load *l)
{
	const struct mac everybody = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};

	for (int i = 0; i < 100 && !l->net.has_server_mac && !is_over; i++) {
		send_arp(&l->net,
			 &(struct arp){.op = ARP_REQUEST,
				       .sender_mac = l->net.port.mac,
				       .sender_ip = ntohl(l->net.opts.gateway.s_addr),
				       .target_ip = ntohl(l->net.opts.server.s_addr)},
			 &everybody);
		run_us(l, 200000);
	}
	return l->net.has_server_mac;
}

static uint32_t count_ready(const struct load *l)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < l->n_started; i++)
		n += l->members[i].is_connected && l->members[i].has_neighbour;
	return n;
}

static int join_all(struct load *l)
{
	uint64_t start = now_us(), step = 1000000 / l->net.opts.join_per_s;
	int err = 0;

	while (err == 0 && !is_over && l->n_started < l->net.opts.n) {
		if (now_us() >= start + l->n_started * step)
			err = start_member(l, now_us());
		round_once(l);
	}
	// Those who met others before the super-peer wait until these have not answered.
	for (int i = 0; err == 0 && i < PATIENCE_S && count_ready(l) < l->net.opts.n && !is_over;
	     i++) {
		uint32_t before = count_ready(l);

		run_us(l, 1000000);
		if (count_ready(l) > before)
			i = 0;
	}
	if (err == 0 && count_ready(l) < l->net.opts.n)
		err = -ETIMEDOUT;
	return err;
}

static int stream(struct load *l)
{
	uint64_t from_ns, busy_ns = l->busy_ns, cpu_ns;
	int err;

	run_us(l, SETTLE_US);
	err = node_publish(l->members[0].group, STREAM, &(struct group_stream_params){0},
			   &l->published, now_us());
	if (err != 0)
		return err;
	from_ns = ratio_clock_ns();
	busy_ns = l->busy_ns;
	cpu_ns = ratio_time_ns(CLOCK_THREAD_CPUTIME_ID);
	l->write_us = now_us();
	run_us(l, l->net.opts.seconds * 1000000ull);
	l->stream_ns = ratio_clock_ns() - from_ns;
	l->stream_busy_ns = l->busy_ns - busy_ns;
	l->stream_cpu_ns = ratio_time_ns(CLOCK_THREAD_CPUTIME_ID) - cpu_ns;
	run_us(l, REST_US);
	return 0;
}

// -- the result --

static int tell(const struct load *l, double joined_s)
{
	uint64_t got = 0, gaps = 0, whole = 0, failed = 0;
	double s = (double)l->stream_ns / 1e9;
	double busy = 100.0 * (double)l->stream_busy_ns / (double)l->stream_ns;
	double cpu = 100.0 * (double)l->stream_cpu_ns / (double)l->stream_ns;

	for (uint32_t i = 0; i < l->n_started; i++) {
		const struct load_member *m = &l->members[i];

		failed += m->has_failed;
		got += m->n_messages;
		gaps += m->n_gaps;
		whole += i > 0 && m->n_messages == l->n_written && m->n_gaps == 0;
	}
	printf(l->net.opts.wants_json
		       ? "{\"members\":%u,\"joined_s\":%.1f,\"published\":%llu,\"played\":%llu,"
			 "\"whole\":%llu,\"gaps\":%llu,\"failed\":%llu,\"seconds\":%.1f,"
			 "\"rx_frames\":%llu,\"tx_frames\":%llu,\"tx_refused\":%llu,"
			 "\"busy_percent\":%.1f,\"cpu_percent\":%.1f}\n"
		       : "%u members, all joined after %.1f s; of %llu messages they played %llu: "
			 "%llu "
			 "members all of them, %llu gaps, %llu failures\nstream of %.1f s; frames "
			 "%llu in, "
			 "%llu out, %llu refused; the generator was busy %.1f %% of that time and "
			 "took "
			 "%.1f %% of a core\n",
	       l->n_started, joined_s, (unsigned long long)l->n_written, (unsigned long long)got,
	       (unsigned long long)whole, (unsigned long long)gaps, (unsigned long long)failed, s,
	       (unsigned long long)l->net.rx_frames, (unsigned long long)l->net.tx_frames,
	       (unsigned long long)l->net.tx_refused, busy, cpu);
	return whole == l->n_started - 1 && failed == 0 ? 0 : 3;
}

// -- start, end --

static int open_port(struct net *n)
{
	const struct eal_opts eo = {.program = "load",
				    .memory_mb = 256,
				    .huge = n->opts.wants_huge ? EAL_HUGE_ON : EAL_HUGE_OFF};
	struct rte_mempool *pools[PORT_QUEUES_MAX];
	struct port_opts po = {.name = "load",
			       .device = n->opts.device,
			       .mtu = 1500,
			       .n_rx = n->opts.queues,
			       .n_tx = n->opts.queues,
			       .pools = pools};
	char why[512];

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

static void on_signal(int sig)
{
	is_over = 1;
}

static int run(struct load *l)
{
	uint64_t start = now_us();
	double joined_s;
	int err;

	if (!find_server(l)) {
		fprintf(stderr, "load: the server does not answer ARP\n");
		return 2;
	}
	err = join_all(l);
	joined_s = (double)(now_us() - start) / 1e6;
	if (err == 0 && !is_over)
		err = stream(l);
	if (is_over)
		return 130;
	if (err != 0) {
		fprintf(stderr, "load: %s; %u of %u have joined\n", strerror(-err), count_ready(l),
			l->net.opts.n);
		return 2;
	}
	return tell(l, joined_s);
}

int main(int argc, char **argv)
{
	struct load *l = calloc(1, sizeof(*l));
	const char *why = "no memory";
	uint32_t at;
	int code;

	if (l == NULL || !load_args_read(&l->net.opts, argc, argv))
		return load_args_usage();
	if (groupspec_parse(&l->spec, l->net.opts.group, &why, &at) != 0) {
		fprintf(stderr, "load: --group: %s\n", why);
		return 1;
	}
	l->random = random_system();
	l->crypto = crypto_create(CRYPTO_AUTO);
	l->members = calloc(l->net.opts.n, sizeof(*l->members));
	if (l->crypto == NULL || l->members == NULL || open_port(&l->net) != 0)
		return 2;
	signal(SIGINT, on_signal);
	signal(SIGTERM, on_signal);
	code = run(l);
	for (uint32_t i = 0; i < l->n_started; i++)
		sim_node_destroy(l->members[i].sim);
	port_close(&l->net.port);
	eal_stop(l->net.eal);
	free(l->members);
	crypto_destroy(l->crypto);
	free(l);
	return code;
}

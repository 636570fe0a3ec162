#include "tests/sim/ported.h"

#include <rte_mbuf.h>

#include "tests/support/test.h"
#include "tests/unit/io/frames.h"

#define TURNS_MAX 64 // at one moment

// -- frames in --

static bool put(struct ported *p, struct built *b)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(p->pair->pool);
	bool is_in;

	assert_non_null(m);
	memcpy(rte_pktmbuf_append(m, b->len), b->data, b->len);
	frame_free(b);
	is_in = port_pair_put(p->pair, 0, m);
	if (!is_in)
		rte_pktmbuf_free(m);
	p->n_frames_in += is_in;
	p->n_frames_lost += !is_in;
	return is_in;
}

static void rx(void *ctx, struct net_addr src, uint16_t dst_port, const uint8_t *data, uint16_t len,
	       uint64_t now_us)
{
	struct ported *p = ctx;
	struct built b = frame_udp(data, len);
	uint8_t *ip = b.data + L2_LEN;

	be32_put(ip + 12, src.ip);
	be32_put(ip + 16, p->ip);
	be16_put(ip + IPV4_LEN, src.port);
	be16_put(ip + IPV4_LEN + 2, dst_port);
	frame_resum_ipv4(&b);
	frame_resum_udp(&b);
	put(p, &b);
}

// -- frames out --

static void on_arp(struct ported *p, const uint8_t *frame, uint16_t len)
{
	struct built b;
	struct arp a;

	assert_int_equal(arp_read(&a, frame + L2_LEN, (uint16_t)(len - L2_LEN)), 0);
	if (a.op != ARP_REQUEST)
		return;
	b = frame_arp(ARP_REPLY, a.target_ip, a.sender_ip);
	put(p, &b);
}

static void on_datagram(struct ported *p, const uint8_t *packet, const struct ipv4_header *ip,
			uint64_t now_us)
{
	const uint8_t *udp = packet + ip->header_len;
	struct udp_header u = {0};

	assert_int_equal(udp_read(&u, udp, (uint16_t)(ip->len - ip->header_len)), DROP_NONE);
	assert_int_equal(ip->src, p->ip);
	net_send(p->world->net, p->member->host, u.src, (struct net_addr){ip->dst, u.dst},
		 udp + UDP_LEN, (uint16_t)(u.len - UDP_LEN), now_us);
}

// What it sent becomes datagrams; true: something came.
static bool take_frames(struct ported *p, uint64_t now_us)
{
	struct rte_mbuf *m;
	bool has_any = false;

	while (port_pair_get(p->pair, 0, &m)) {
		const uint8_t *frame = rte_pktmbuf_mtod(m, const uint8_t *);
		struct ipv4_header ip = {0};

		has_any = true;
		assert_true(m->data_len > L2_LEN);
		if (be16_get(frame + 2 * MAC_LEN) == L2_TYPE_ARP) {
			on_arp(p, frame, m->data_len);
		} else {
			assert_int_equal(be16_get(frame + 2 * MAC_LEN), L2_TYPE_IPV4);
			assert_int_equal(ipv4_read(&ip, frame + L2_LEN,
						   (uint16_t)(m->data_len - L2_LEN), false),
					 DROP_NONE);
			on_datagram(p, frame + L2_LEN, &ip, now_us);
		}
		rte_pktmbuf_free(m);
	}
	return has_any;
}

// -- turns --

static bool turn_once(struct ported *p, uint64_t now_us)
{
	bool had_work;

	if (p->before != NULL)
		p->before(p->ctx, p);
	had_work = worker_turn(p->worker, now_us);
	if (p->after != NULL)
		p->after(p->ctx, p);
	p->n_turns++;
	return take_frames(p, now_us) || had_work;
}

static void turn(void *ctx, uint64_t now_us)
{
	for (int i = 0; i < TURNS_MAX && turn_once(ctx, now_us); i++)
		;
}

static uint64_t deadline_us(void *ctx)
{
	struct ported *p = ctx;

	return worker_deadline_us(p->worker);
}

// -- attaching --

static void make_host(struct ported *p)
{
	struct ip_addr own = ip_of_v4(p->ip);

	p->host = (struct host){.n_links = 1, .n_endpoints = p->member->sim->is_super ? 2 : 1};
	p->host.links[0] = (struct host_link){
		.mac = p->pair->kind == PAIR_RINGS ? our_mac : p->pair->port.mac,
		.mtu = 1500,
		.udp_sums = UDP_SUMS_REQUIRED,
		.fills_udp_sums = p->pair->port.fills_udp,
	};
	host_add(&p->host, &own, 8, ADDR_READY);
	p->host.endpoints[0].port = SIM_SERVER_PORT;
	p->host.endpoints[sim_member_endpoint(p->member->sim)].port = SIM_MEMBER_PORT;
}

void ported_attach(struct ported *p, struct world *w, uint32_t member, struct port_pair *pair)
{
	struct worker_opts o = {.n_workers = 1,
				.host = &p->host,
				.ports = &pair->port,
				.n_ports = 1,
				.pool = pair->pool,
				.sleep_min_us = 50,
				.sleep_max_us = 1000,
				.seed = 0x5eed};

	memset(p, 0, sizeof(*p));
	p->world = w;
	p->member = &w->members[member];
	p->pair = pair;
	assert_int_equal(bell_init(&p->bell), 0);
	p->ip = net_ip(w->net, p->member->host);
	make_host(p);
	o.engine = p->member->sim->engine;
	o.reports = p->member->sim->reports[0];
	o.bell = &p->bell;
	p->worker = aligned_alloc(64, sizeof(*p->worker));
	assert_non_null(p->worker);
	assert_int_equal(worker_init(p->worker, &o), 0);
	p->turner = (struct sim_turner){rx, turn, deadline_us, p};
	p->member->sim->turner = &p->turner;
}

void ported_detach(struct ported *p)
{
	struct rte_mbuf *m;

	p->member->sim->turner = NULL;
	worker_fini(p->worker);
	free(p->worker);
	bell_fini(&p->bell);
	while (port_pair_get(p->pair, 0, &m))
		rte_pktmbuf_free(m);
	if (p->pair->kind == PAIR_RINGS) // a driver's rings may be filled with buffers
		assert_int_equal(port_pair_free(p->pair), PAIR_BUFFERS);
}

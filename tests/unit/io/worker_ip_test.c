// What a worker does below UDP beyond IPv4 without tags: IPv6, neighbour discovery, VLANs, packets
// in pieces, ICMP errors, several addresses.
#include "dataplane/core/internal.h"
#include "dataplane/io/icmp6.h"
#include "dataplane/io/ip_frag.h"
#include "dataplane/io/nd.h"
#include "dataplane/wire/packet.h"
#include "tests/unit/io/by_hand.h"

#define S 1000000ull

// A startup datagram that verifies nowhere: it comes as far as the engine.
static const uint8_t nothing[36];

static struct link_counters *counters(struct worker_world *w)
{
	return &w->workers[0]->counters[0];
}

// The next frame out, which is ICMPv6 of that type; to be freed. *icmp: its message.
static struct built next_icmp6(struct worker_world *w, uint8_t type, struct ipv6_header *h,
			       const uint8_t **icmp)
{
	struct built b = world_out(w, 0);

	assert_non_null(b.data);
	assert_int_equal(be16_get(b.data + 12), L2_TYPE_IPV6);
	assert_int_equal(ipv6_read(h, b.data + L2_LEN, (uint16_t)(b.len - L2_LEN)), DROP_NONE);
	*icmp = b.data + L2_LEN + h->header_len;
	assert_int_equal(icmp6_check(h, *icmp, (uint16_t)(h->len - h->header_len)), DROP_NONE);
	assert_int_equal((*icmp)[0], type);
	return b;
}

static struct built solicitation(const char *src, const char *dst)
{
	struct ip_addr from = ip(src), target = ip(dst);
	struct built b = {.data = malloc(ND_FRAME_MAX)};

	b.len = nd_write_solicitation(b.data, &peer_mac, &from, &target, NULL);
	return b;
}

static struct built advertisement(const char *target, const struct mac *mac, bool to_us)
{
	struct ip_addr of = ip(target), to = ip(OUR_IP6);
	struct built b = {.data = malloc(ND_FRAME_MAX)};

	b.len = nd_write_advertisement(b.data, mac, &of, to_us ? &to : NULL, &our_mac);
	return b;
}

// -- neighbour discovery --

static void whoever_asks_for_us_is_answered_and_known(void **state)
{
	struct ip_addr peer = ip(PEER_IP6), own = ip(OUR_IP6);
	struct worker_world w;
	struct ipv6_header h;
	const uint8_t *icmp;
	struct mac mac;
	struct built b;

	world_create_dual(&w, 1, 0);
	world_in(&w, 0, solicitation(PEER_IP6, OUR_IP6));
	world_turn(&w, 0);
	b = next_icmp6(&w, ICMP6_NA, &h, &icmp);
	assert_memory_equal(b.data, &peer_mac, MAC_LEN);
	assert_memory_equal(h.dst, &peer, IP_LEN);
	assert_int_equal(icmp[4], 0x60); // solicited, override
	assert_memory_equal(icmp + 8, &own, IP_LEN);
	assert_true(neighbours_find(w.workers[0]->host.links[0].neighbours, &peer, 0, &mac));
	assert_true(mac_equal(&mac, &peer_mac));
	assert_int_equal(counters(&w)->nd_answered, 1);
	frame_free(&b);
	world_destroy(&w);
}

static void an_answer_waits_for_its_neighbour_instead_of_being_lost(void **state)
{
	struct ip_addr peer = ip(PEER_IP6);
	struct worker_world w;
	struct ipv6_header h;
	struct identity id;
	const uint8_t *icmp;
	struct built b;

	world_create_dual(&w, 1, 0);
	id = add_endpoint(&w);
	world_in(&w, 0, hello_frame6(&w, id.fingerprint));
	world_turn(&w, 0);
	world_turn(&w, 0);
	b = next_icmp6(&w, ICMP6_NS, &h, &icmp);
	assert_memory_equal(icmp + 8, &peer, IP_LEN);
	frame_free(&b);
	assert_null(world_out(&w, 0).data);
	world_in(&w, 0, advertisement(PEER_IP6, &peer_mac, true));
	world_turn(&w, 0);
	assert_is_rhello6(&w, world_out(&w, 0));
	assert_int_equal(world_stats(&w, 0)->drops[DROP_NO_NEXT_HOP], 0);
	world_destroy(&w);
}

static void discovery_through_a_router_is_a_lie(void **state)
{
	struct worker_world w;
	struct built b;

	world_create_dual(&w, 1, 0);
	b = solicitation(PEER_IP6, OUR_IP6);
	b.data[L2_LEN + 7] = 254;
	world_in(&w, 0, b);
	b = solicitation(PEER_IP6, OUR_IP6);
	b.data[b.len - 1] ^= 1;
	world_in(&w, 0, b);
	world_turn(&w, 0);
	assert_int_equal(world_stats(&w, 0)->drops[DROP_ND_BAD], 1);
	assert_int_equal(world_stats(&w, 0)->drops[DROP_L3_CHECKSUM], 1);
	assert_int_equal(neighbours_count(w.workers[0]->host.links[0].neighbours), 0);
	assert_int_equal(world_out_discard(&w, 0), 0);
	world_destroy(&w);
}

static void every_worker_hears_it_and_one_answers(void **state)
{
	struct ip_addr peer = ip(PEER_IP6);
	struct worker_world w;
	struct mac mac;

	world_create_dual(&w, 2, 0);
	world_in(&w, 1, solicitation(PEER_IP6, OUR_IP6));
	world_turn(&w, 1);
	world_turn(&w, 0);
	for (int i = 0; i < 2; i++)
		assert_true(
			neighbours_find(w.workers[i]->host.links[0].neighbours, &peer, 0, &mac));
	assert_int_equal(world_out_discard(&w, 1), 1);
	assert_int_equal(world_out_discard(&w, 0), 0);
	world_destroy(&w);
}

// -- our addresses --

static void they_are_asked_for_then_announced_then_answered(void **state)
{
	struct worker_world w;
	struct ipv6_header h;
	const uint8_t *icmp;
	struct built b;

	world_create_fresh(&w, 1, false);
	world_turn(&w, 0);
	b = next_icmp6(&w, ICMP6_MLD2_REPORT, &h, &icmp);
	assert_int_equal(h.src[0], 0); // no address yet (RFC 3590)
	frame_free(&b);
	b = world_out(&w, 0);
	assert_int_equal(be16_get(b.data + 12), L2_TYPE_ARP); // IPv4 says at once that it is there
	assert_memory_equal(b.data + L2_LEN + 14, b.data + L2_LEN + 24, 4);
	frame_free(&b);
	for (int i = 0; i < 2; i++) {
		b = next_icmp6(&w, ICMP6_NS, &h, &icmp);
		assert_int_equal(h.src[0], 0);
		frame_free(&b);
	}
	world_in(&w, 0, frame_ping6(8));
	world_turn(&w, 0);
	assert_int_equal(world_stats(&w, 0)->drops[DROP_L2_NOT_OURS], 1); // not ours yet
	assert_true(worker_deadline_us(w.workers[0]) <= w.l->now_us + S);
	w.l->now_us += S;
	world_turn(&w, 0);
	assert_int_equal(counters(&w)->announced, 3);
	world_out_discard(&w, 0);
	world_in(&w, 0, frame_ping6(8));
	world_turn(&w, 0);
	b = next_icmp6(&w, ICMP6_ECHO_REPLY, &h, &icmp);
	frame_free(&b);
	world_destroy(&w);
}

static void one_that_somebody_has_stays_unused_and_is_said(void **state)
{
	struct worker_world w;

	world_create_fresh(&w, 2, false);
	world_turn(&w, 0);
	world_turn(&w, 1);
	world_in(&w, 1, advertisement(OUR_IP6, &peer_mac, false)); // whichever worker hears it
	world_turn(&w, 1);
	w.l->now_us += 2 * S;
	for (uint32_t i = 0; i < 2; i++) {
		world_turn(&w, i);
		assert_int_equal(w.workers[i]->host.addrs[1].state, ADDR_DUPLICATE);
		assert_int_equal(w.workers[i]->host.addrs[2].state, ADDR_READY);
	}
	// One of them counts it; both know who it is.
	assert_int_equal(w.workers[0]->counters[0].conflicts + w.workers[1]->counters[0].conflicts,
			 1);
	for (uint32_t i = 0; i < 2; i++)
		assert_int_equal(w.workers[i]->rivals[1], WORKER_RIVAL | 0x020000000002);
	world_in(&w, 0, frame_ping6(8));
	world_turn(&w, 0);
	assert_int_equal(world_stats(&w, 0)->drops[DROP_L2_NOT_OURS], 1);
	world_destroy(&w);
}

static void one_in_use_is_defended(void **state)
{
	struct worker_world w;
	struct built b;
	struct arp a;

	world_create(&w, 1);
	world_in(&w, 0, frame_arp(ARP_REQUEST, OUR_IP, OUR_IP)); // somebody announces it
	world_turn(&w, 0);
	assert_int_equal(counters(&w)->conflicts, 1);
	w.l->now_us += 1000;
	world_turn(&w, 0);
	world_out_discard(&w, 0); // the answer to its question, and the defence
	assert_int_equal(counters(&w)->announced, 1);
	w.l->now_us += 11 * S;
	world_turn(&w, 0);
	world_out_discard(&w, 0);
	b = frame_arp(ARP_REPLY, OUR_IP, PEER_IP);
	world_in(&w, 0, b);
	world_turn(&w, 0);
	w.l->now_us += 1000;
	world_turn(&w, 0);
	b = world_out(&w, 0);
	assert_int_equal(arp_read(&a, b.data + L2_LEN, (uint16_t)(b.len - L2_LEN)), 0);
	assert_int_equal(a.sender_ip, OUR_IP);
	assert_int_equal(a.target_ip, OUR_IP);
	assert_true(mac_is_broadcast((const struct mac *)b.data));
	frame_free(&b);
	world_destroy(&w);
}

// Switches forgot, and others may have asked in vain meanwhile.
static void a_cable_that_was_out_is_told_who_is_here(void **state)
{
	struct worker_world w;

	world_create_dual(&w, 1, 0);
	for (int i = 0; i < 3; i++) {
		w.l->now_us += S;
		world_turn(&w, 0);
	}
	assert_int_equal(counters(&w)->announced, 0);
	world_cable(&w, false);
	w.l->now_us += S;
	world_turn(&w, 0);
	world_cable(&w, true);
	w.l->now_us += S;
	world_turn(&w, 0);
	assert_int_equal(counters(&w)->announced, 3);
	world_destroy(&w);
}

static void a_router_that_advertises_itself_is_the_gateway_if_wanted(void **state)
{
	uint8_t ra[24] = {ICMP6_RA, [4] = 64, [6] = 0x07, [7] = 0x08};
	struct ip_addr router = ip(GATEWAY_IP6);
	struct worker_world w;

	ra[16] = 1; // its MAC
	ra[17] = 1;
	memcpy(ra + 18, &peer_mac, MAC_LEN);
	for (int is_wanted = 0; is_wanted < 2; is_wanted++) {
		world_create_fresh(&w, 1, is_wanted);
		if (!is_wanted)
			memset(&w.workers[0]->host.links[0].gateways[1], 0, IP_LEN);
		world_turn(&w, 0);
		w.l->now_us += S;
		world_turn(&w, 0);
		world_in(&w, 0, frame_icmp6(GATEWAY_IP6, "ff02::1", 255, ra, sizeof(ra)));
		world_turn(&w, 0);
		assert_int_equal(ip_equal(&w.workers[0]->host.links[0].gateways[1], &router),
				 is_wanted);
		assert_int_equal(counters(&w)->routers_heard, 1);
		world_destroy(&w);
	}
}

static void a_query_for_groups_is_answered(void **state)
{
	// Hop-by-hop with Router Alert, then the query for all groups.
	static const uint8_t query[] = {58, 0, 5, 2, 0, 0, 1, 0, 130, 0, 0, 0, 0, 100};
	struct ip_addr src = ip(PEER_LOCAL6);
	struct built b = {.data = calloc(1, L2_LEN + IPV6_LEN + 8 + 28),
			  .len = L2_LEN + IPV6_LEN + 8 + 28};
	struct worker_world w;
	struct ipv6_header h;
	const uint8_t *icmp;

	world_create_dual(&w, 1, 0);
	l2_write(b.data, &(struct l2_header){{{0x33, 0x33, 0, 0, 0, 1}}, peer_mac, L2_TYPE_IPV6});
	ipv6_write(b.data + L2_LEN, &src, &ip_all_nodes, 36, 0, 1);
	memcpy(b.data + L2_LEN + IPV6_LEN, query, sizeof(query));
	icmp6_finish(b.data + L2_LEN, b.data + L2_LEN + IPV6_LEN + 8, 28);
	world_in(&w, 0, b);
	world_turn(&w, 0);
	w.l->now_us += 100000;
	world_turn(&w, 0);
	b = next_icmp6(&w, ICMP6_MLD2_REPORT, &h, &icmp);
	assert_int_equal(h.src[0], 0xfe); // from the link-local address
	assert_int_equal(icmp[8], 2);     // MODE_IS_EXCLUDE
	frame_free(&b);
	world_destroy(&w);
}

// -- datagrams --

static void a_hello_of_ipv6_is_answered_from_where_it_came_to(void **state)
{
	struct worker_world w;
	struct identity id;

	world_create_dual(&w, 1, 0);
	id = add_endpoint(&w);
	world_introduce(&w);
	for (int i = 0; i < 3; i++) {
		world_in(&w, 0, hello_frame6(&w, id.fingerprint));
		world_in(&w, 0, hello_frame(&w, id.fingerprint)); // the other family meanwhile
		assert_true(world_turn(&w, 0));
		assert_is_rhello6(&w, world_out(&w, 0));
		assert_is_rhello(&w, world_out(&w, 0));
	}
	assert_null(world_out(&w, 0).data);
	assert_int_equal(world_stats(&w, 0)->hellos_answered, 6);
	world_destroy(&w);
}

static void a_hello_to_a_second_address_is_answered_from_it(void **state)
{
	struct worker_world w;
	struct identity id;
	struct built b;

	world_create(&w, 1);
	{
		struct ip_addr second = ip("10.99.0.77");

		host_add(&w.workers[0]->host, &second, 24, ADDR_READY);
	}
	id = add_endpoint(&w);
	world_introduce(&w);
	b = hello_frame(&w, id.fingerprint);
	be32_put(b.data + L2_LEN + 16, 0x0a63004d);
	frame_resum_ipv4(&b);
	frame_resum_udp(&b);
	world_in(&w, 0, b);
	world_turn(&w, 0);
	b = world_out(&w, 0);
	assert_non_null(b.data);
	assert_int_equal(be32_get(b.data + L2_LEN + 12), 0x0a63004d);
	frame_free(&b);
	world_destroy(&w);
}

static void datagrams_to_closed_ports_are_told_of_up_to_a_rate(void **state)
{
	struct worker_world w;
	struct ipv6_header h;
	const uint8_t *icmp;
	uint32_t answered = 1;
	struct built b;

	world_create_dual(&w, 1, 0);
	b = frame_udp6(nothing, sizeof(nothing));
	be16_put(b.data + L2_LEN + IPV6_LEN + 2, 53);
	frame_resum_udp6(&b);
	world_in(&w, 0, b);
	world_turn(&w, 0);
	b = next_icmp6(&w, ICMP6_UNREACHABLE, &h, &icmp);
	assert_int_equal(icmp[1], 4);
	frame_free(&b);
	for (int i = 0; i < 2 * WORKER_CLOSED_S; i++) {
		b = frame_udp(nothing, sizeof(nothing));
		be16_put(b.data + L2_LEN + IPV4_LEN + 2, 53);
		world_in(&w, 0, b);
		world_turn(&w, 0);
		answered += world_out_discard(&w, 0);
	}
	assert_int_equal(answered, WORKER_CLOSED_S);
	assert_int_equal(counters(&w)->closed_answered, WORKER_CLOSED_S);
	assert_int_equal(world_stats(&w, 0)->drops[DROP_L2_NOT_OURS], 1 + 2 * WORKER_CLOSED_S);
	world_destroy(&w);
}

static void without_being_asked_to_nothing_is_said_of_closed_ports(void **state)
{
	struct worker_world w;
	struct built b;

	world_create(&w, 1);
	b = frame_udp(nothing, sizeof(nothing));
	be16_put(b.data + L2_LEN + IPV4_LEN + 2, 53);
	world_in(&w, 0, b);
	world_turn(&w, 0);
	assert_int_equal(world_out_discard(&w, 0), 0);
	world_destroy(&w);
}

// -- errors of others --

static void errors_are_counted_by_code_and_nothing_else(void **state)
{
	uint8_t icmp[8 + IPV6_UDP_LEN] = {ICMP6_UNREACHABLE, 3};
	struct worker_world w;

	world_create_dual(&w, 1, 0);
	ipv6_udp_prepare(icmp + 8, &(struct udp_flow6){.src = ip(OUR_IP6),
						       .dst = ip(FAR_IP6),
						       .src_port = OUR_PORT,
						       .dst_port = 9});
	world_in(&w, 0, frame_icmp6(GATEWAY_IP6, OUR_IP6, 64, icmp, sizeof(icmp)));
	icmp[0] = ICMP6_TOO_BIG;
	world_in(&w, 0, frame_icmp6(GATEWAY_IP6, OUR_IP6, 64, icmp, sizeof(icmp)));
	icmp[0] = ICMP6_REDIRECT;
	world_in(&w, 0, frame_icmp6(GATEWAY_IP6, OUR_IP6, 255, icmp, sizeof(icmp)));
	icmp[0] = ICMP6_UNREACHABLE;
	icmp[8 + IPV6_LEN] ^= 1; // another's port
	world_in(&w, 0, frame_icmp6(GATEWAY_IP6, OUR_IP6, 64, icmp, sizeof(icmp)));
	world_turn(&w, 0);
	assert_int_equal(counters(&w)->unreachable6[3], 1);
	assert_int_equal(world_stats(&w, 0)->drops[DROP_ICMP_ERROR], 1);
	assert_int_equal(world_stats(&w, 0)->drops[DROP_ICMP_TOO_BIG], 1);
	assert_int_equal(world_stats(&w, 0)->drops[DROP_ICMP_REDIRECT], 1);
	assert_int_equal(world_stats(&w, 0)->drops[DROP_ICMP_BOGUS], 1);
	assert_int_equal(world_out_discard(&w, 0), 0);
	world_destroy(&w);
}

// "Too big" about a datagram of 1460 octets to that session's far end.
static struct built too_big_frame(const struct session *s)
{
	uint8_t icmp[8 + IPV6_UDP_LEN + 60] = {ICMP6_TOO_BIG};
	uint8_t *datagram = icmp + 8 + IPV6_UDP_LEN;

	be32_put(icmp + 4, 1400);
	ipv6_udp_prepare(icmp + 8, &(struct udp_flow6){.src = ip(OUR_IP6),
						       .dst = ip(FAR_IP6),
						       .src_port = OUR_PORT,
						       .dst_port = PEER_PORT});
	be16_put(icmp + 8 + IPV6_LEN + 4, UDP_LEN + 1444);
	ssid_scramble(datagram, 60, s->id_tx);
	return frame_icmp6(GATEWAY_IP6, OUR_IP6, 64, icmp, sizeof(icmp));
}

// Routers' errors come in at any worker's queue. Each costs a look at all sessions, so there are
// few.
static void too_big_finds_whose_session_it_is(void **state)
{
	struct worker_world w;
	struct far_end f;
	struct session *s;
	struct path *path;

	world_create_dual(&w, 2, 0);
	f = far_connect(w.l, 0, &(struct loop_form){0}, true);
	s = session_at(w.l->nodes[0].engine, f.slot);
	path = &w.l->nodes[0].engine->paths[f.slot];
	path->family = 6;
	path->port = PEER_PORT;
	memcpy(path->addr, ip(FAR_IP6).octets, sizeof(path->addr));
	session_cold_at(w.l->nodes[0].engine, f.slot)->pmtu.proven = s->payload_max = 1444;
	world_in(&w, 1, too_big_frame(s));
	world_turn(&w, 1);
	world_turn(&w, 0);
	assert_int_equal(world_stats(&w, 0)->pmtu_told, 1);
	assert_in_range(s->payload_max, 1, 1232);
	assert_int_equal(world_stats(&w, 0)->drops[DROP_ICMP_TOO_BIG], 0);
	assert_int_equal(world_stats(&w, 1)->drops[DROP_ICMP_TOO_BIG], 1); // not its own

	for (int i = 0; i < 2 * WORKER_TOO_BIG_S;
	     i++) // of nothing that is larger than the base now
		world_in(&w, 1, too_big_frame(s));
	world_turn(&w, 1);
	world_turn(&w, 0);
	assert_int_equal(world_stats(&w, 1)->drops[DROP_ICMP_TOO_BIG], 1 + 2 * WORKER_TOO_BIG_S);
	assert_int_equal(world_stats(&w, 0)->drops[DROP_ICMP_TOO_BIG], WORKER_TOO_BIG_S - 1);
	assert_int_equal(world_stats(&w, 0)->pmtu_told, 1);
	world_destroy(&w);
}

// -- VLAN --

static void a_vlans_frames_come_and_go_with_its_tag(void **state)
{
	struct worker_world w;
	struct identity id;
	struct built b;
	struct arp a;
	uint16_t tag;

	world_create_dual(&w, 1, 7);
	id = add_endpoint(&w);
	world_in(&w, 0, frame_arp(ARP_REQUEST, PEER_IP, OUR_IP)); // not of this network
	world_in(&w, 0, frame_tagged(frame_arp(ARP_REQUEST, PEER_IP, OUR_IP), 8));
	world_in(&w, 0, frame_tagged(frame_arp(ARP_REQUEST, PEER_IP, OUR_IP), 7));
	world_turn(&w, 0);
	assert_int_equal(world_stats(&w, 0)->drops[DROP_L2_VLAN], 2);
	b = world_out(&w, 0);
	assert_int_equal(be16_get(b.data + 12), L2_TYPE_VLAN);
	assert_int_equal(l2_untag(b.data, b.len, &tag), 0);
	assert_int_equal(tag, 7);
	assert_int_equal(arp_read(&a, b.data + 4 + L2_LEN, (uint16_t)(b.len - 4 - L2_LEN)), 0);
	assert_int_equal(a.op, ARP_REPLY);
	frame_free(&b);
	assert_null(world_out(&w, 0).data);

	world_introduce(&w);
	world_in(&w, 0, frame_tagged(hello_frame(&w, id.fingerprint), 0x6007));
	world_in(&w, 0, frame_tagged(hello_frame6(&w, id.fingerprint), 7));
	world_in(&w, 0, frame_tagged(frame_ping(40), 7));
	world_in(&w, 0, frame_tagged(frame_ping6(40), 7));
	world_turn(&w, 0);
	for (int i = 0; i < 2; i++) { // pings first: answered while they are read
		b = world_out(&w, 0);
		assert_int_equal(be16_get(b.data + 12), L2_TYPE_VLAN);
		assert_int_equal(be16_get(b.data + 14), 7);
		assert_int_equal(be16_get(b.data + 16), i == 0 ? L2_TYPE_IPV4 : L2_TYPE_IPV6);
		frame_free(&b);
	}
	for (int i = 0; i < 2; i++) {
		b = world_out(&w, 0);
		assert_int_equal(be16_get(b.data + 12), L2_TYPE_VLAN);
		assert_int_equal(l2_untag(b.data, b.len, &tag), 0);
		assert_int_equal(tag, 7);
		memmove(b.data, b.data + 4, b.len -= 4);
		(i == 0 ? assert_is_rhello : assert_is_rhello6)(&w, b);
	}
	world_destroy(&w);
}

static void a_kept_frame_has_its_tag_once(void **state)
{
	struct worker_world w;
	struct identity id;
	struct built b;
	uint16_t tag;

	world_create_dual(&w, 1, 7);
	id = add_endpoint(&w);
	world_in(&w, 0, frame_tagged(hello_frame(&w, id.fingerprint), 7));
	world_turn(&w, 0);
	world_turn(&w, 0);
	assert_int_equal(world_out_discard(&w, 0), 1); // the question
	world_in(&w, 0, frame_tagged(frame_arp(ARP_REPLY, PEER_IP, OUR_IP), 7));
	world_turn(&w, 0);
	b = world_out(&w, 0);
	assert_int_equal(l2_untag(b.data, b.len, &tag), 0);
	assert_int_equal(tag, 7);
	memmove(b.data, b.data + 4, b.len -= 4);
	assert_is_rhello(&w, b);
	world_destroy(&w);
}

static void a_tag_of_priority_alone_is_no_vlan(void **state)
{
	struct worker_world w;

	world_create(&w, 1);
	world_in(&w, 0, frame_tagged(frame_ping(8), 0xa000));
	world_turn(&w, 0);
	assert_int_equal(world_out_discard(&w, 0), 1);
	world_destroy(&w);
}

// What another worker gets has lost its tag on the way here, and is taken all the same.
static void a_tagged_frame_is_handed_over(void **state)
{
	uint8_t datagram[36] = {0};
	struct worker_world w;

	world_create_dual(&w, 2, 7);
	ssid_scramble(datagram, sizeof(datagram), session_id_make(1, 3, 7));
	world_in(&w, 0, frame_tagged(frame_udp(datagram, sizeof(datagram)), 7));
	world_turn(&w, 0);
	assert_int_equal(world_stats(&w, 0)->frames_handed, 1);
	assert_true(world_turn(&w, 1));
	assert_int_equal(world_stats(&w, 1)->rx_packets, 1);
	assert_int_equal(world_stats(&w, 1)->drops[DROP_NO_SESSION], 1);
	world_destroy(&w);
}

// -- pieces --

// In three pieces, the last one first.
static void give_in_pieces(struct worker_world *w, struct built whole, uint16_t header_len,
			   uint32_t id, int vlan)
{
	uint16_t len = (uint16_t)(whole.len - L2_LEN - header_len);
	uint16_t cuts[] = {0, 32, 64, len};

	for (int i = 2; i >= 0; i--) {
		struct built b =
			frame_piece(&whole, id, cuts[i], (uint16_t)(cuts[i + 1] - cuts[i]), i != 2);

		world_in(w, 0, vlan != 0 ? frame_tagged(b, (uint16_t)vlan) : b);
		world_turn(w, 0);
	}
	frame_free(&whole);
}

static void pings_in_pieces_are_answered_in_one(void **state)
{
	struct worker_world w;
	struct ipv6_header h;
	const uint8_t *icmp;
	struct built b;

	for (int vlan = 0; vlan <= 7; vlan += 7) {
		world_create_dual(&w, 1, (uint16_t)vlan);
		give_in_pieces(&w, frame_ping(500), IPV4_LEN, 77, vlan);
		b = world_out(&w, 0);
		assert_int_equal(b.len, L2_LEN + (vlan != 0 ? 4 : 0) + IPV4_LEN + 8 + 500);
		frame_free(&b);
		give_in_pieces(&w, frame_ping6(500), IPV6_LEN, 77, vlan);
		if (vlan == 0) {
			b = next_icmp6(&w, ICMP6_ECHO_REPLY, &h, &icmp);
			for (int i = 0; i < 500; i++)
				assert_int_equal(icmp[8 + i], (uint8_t)i);
			frame_free(&b);
		}
		assert_int_equal(counters(&w)->pieces, 6);
		assert_int_equal(counters(&w)->reassembled, 2);
		assert_int_equal(ip_frag_waiting(w.workers[0]->pieces), 0);
		world_destroy(&w);
	}
}

static void a_hello_in_pieces_is_a_hello(void **state)
{
	struct worker_world w;
	struct identity id;

	world_create_dual(&w, 1, 0);
	id = add_endpoint(&w);
	world_introduce(&w);
	give_in_pieces(&w, hello_frame(&w, id.fingerprint), IPV4_LEN, 5, 0);
	assert_is_rhello(&w, world_out(&w, 0));
	give_in_pieces(&w, hello_frame6(&w, id.fingerprint), IPV6_LEN, 5, 0);
	assert_is_rhello6(&w, world_out(&w, 0));
	world_destroy(&w);
}

// We send none in pieces.
static void a_reply_that_would_need_pieces_is_none(void **state)
{
	struct built whole = frame_ping(1600), first, second;
	struct worker_world w;

	world_create(&w, 1);
	first = frame_piece(&whole, 9, 0, 1400, true);
	second = frame_piece(&whole, 9, 1400, 208, false);
	world_in(&w, 0, first);
	world_in(&w, 0, second);
	world_turn(&w, 0);
	assert_int_equal(world_out_discard(&w, 0), 0);
	assert_int_equal(world_stats(&w, 0)->drops[DROP_TX_TOO_BIG], 1);
	frame_free(&whole);
	world_destroy(&w);
}

// Neighbour discovery in pieces is refused (RFC 6980), whatever it was before.
static void discovery_does_not_come_in_pieces(void **state)
{
	struct built whole = solicitation(PEER_IP6, OUR_IP6);
	struct ip_addr own = ip(OUR_IP6);
	struct worker_world w;

	world_create_dual(&w, 1, 0);
	memcpy(whole.data, &our_mac, MAC_LEN);
	memcpy(whole.data + L2_LEN + 24, &own, IP_LEN); // to our address, so that pieces are taken
	icmp6_finish(whole.data + L2_LEN, whole.data + L2_LEN + IPV6_LEN, 32);
	world_in(&w, 0, frame_piece(&whole, 3, 0, 16, true));
	world_in(&w, 0, frame_piece(&whole, 3, 16, 16, false));
	world_turn(&w, 0);
	assert_int_equal(counters(&w)->reassembled, 1);
	assert_int_equal(world_stats(&w, 0)->drops[DROP_ND_BAD], 1);
	frame_free(&whole);
	world_destroy(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whoever_asks_for_us_is_answered_and_known),
		cmocka_unit_test(an_answer_waits_for_its_neighbour_instead_of_being_lost),
		cmocka_unit_test(discovery_through_a_router_is_a_lie),
		cmocka_unit_test(every_worker_hears_it_and_one_answers),
		cmocka_unit_test(they_are_asked_for_then_announced_then_answered),
		cmocka_unit_test(one_that_somebody_has_stays_unused_and_is_said),
		cmocka_unit_test(one_in_use_is_defended),
		cmocka_unit_test(a_cable_that_was_out_is_told_who_is_here),
		cmocka_unit_test(a_router_that_advertises_itself_is_the_gateway_if_wanted),
		cmocka_unit_test(a_query_for_groups_is_answered),
		cmocka_unit_test(a_hello_of_ipv6_is_answered_from_where_it_came_to),
		cmocka_unit_test(a_hello_to_a_second_address_is_answered_from_it),
		cmocka_unit_test(datagrams_to_closed_ports_are_told_of_up_to_a_rate),
		cmocka_unit_test(without_being_asked_to_nothing_is_said_of_closed_ports),
		cmocka_unit_test(errors_are_counted_by_code_and_nothing_else),
		cmocka_unit_test(too_big_finds_whose_session_it_is),
		cmocka_unit_test(a_vlans_frames_come_and_go_with_its_tag),
		cmocka_unit_test(a_kept_frame_has_its_tag_once),
		cmocka_unit_test(a_tag_of_priority_alone_is_no_vlan),
		cmocka_unit_test(a_tagged_frame_is_handed_over),
		cmocka_unit_test(pings_in_pieces_are_answered_in_one),
		cmocka_unit_test(a_hello_in_pieces_is_a_hello),
		cmocka_unit_test(a_reply_that_would_need_pieces_is_none),
		cmocka_unit_test(discovery_does_not_come_in_pieces),
	};

	return cmocka_run_group_tests(tests, worker_group_on_rings, worker_group_teardown);
}

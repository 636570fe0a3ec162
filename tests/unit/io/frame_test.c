#include "dataplane/io/frame.h"

#include "tests/support/test.h"
#include "tests/unit/io/hosts.h"

static const uint8_t startup[12]; // session id 0: the word that masks it is 0, too

static struct frame read_with(const struct host *h, const struct built *b, enum frame_sum sum)
{
	struct frame f;

	frame_read(&f, h, 0, b->data, b->len, &(struct frame_hint){.sum = sum});
	return f;
}

static struct frame read(const struct built *b)
{
	struct host h = host_dual(ADDR_READY);
	struct frame f = read_with(&h, b, FRAME_SUM_UNKNOWN);

	host_end(&h);
	return f;
}

static void a_datagram_for_an_endpoint(void **state)
{
	struct built b = frame_udp(startup, sizeof(startup));
	struct frame f = read(&b);

	assert_int_equal(f.kind, FRAME_DATAGRAM);
	assert_int_equal(f.drop, DROP_NONE);
	assert_int_equal(f.endpoint, 0);
	assert_int_equal(f.local, 1);
	assert_false(f.is_v6);
	assert_int_equal(f.v4.src, PEER_IP);
	assert_int_equal(f.src_port, PEER_PORT);
	assert_int_equal(f.payload_len, sizeof(startup));
	assert_memory_equal(f.payload, startup, sizeof(startup));
	assert_false(f.is_unverified);
	frame_free(&b);
}

// One octet of a datagram's frame changed; headers before UDP are summed again.
static const struct {
	const char *name;
	size_t at;
	uint8_t octet;
	enum frame_kind kind;
	enum drop_reason drop;
} changes[] = {
	{"another card's", 5, 0x77, FRAME_DROP, DROP_L2_NOT_OURS},
	{"from ourselves", 11, 0x01, FRAME_DROP, DROP_L2_NOT_OURS},
	{"from a group address", 6, 0x03, FRAME_DROP, DROP_L2_NOT_OURS},
	{"another type", 12, 0x86, FRAME_DROP, DROP_L2_NOT_OURS},
	{"IPv4 inside but type of ARP", 13, 0x06, FRAME_DROP, DROP_L3_MALFORMED},
	{"another address", L2_LEN + 19, 9, FRAME_DROP, DROP_L2_NOT_OURS},
	{"TCP", L2_LEN + 9, 6, FRAME_DROP, DROP_L2_NOT_OURS},
	{"ICMP", L2_LEN + 9, 1, FRAME_ICMP, DROP_NONE},
	{"from loopback", L2_LEN + 12, 127, FRAME_DROP, DROP_L3_MALFORMED},
	{"from multicast", L2_LEN + 12, 230, FRAME_DROP, DROP_L3_MALFORMED},
	{"from our address", L2_LEN + 15, 1, FRAME_DROP, DROP_L3_MALFORMED},
	{"a fragment", L2_LEN + 6, 0x20, FRAME_PIECE, DROP_NONE},
	{"another port", L2_LEN + IPV4_LEN + 3, 0x90, FRAME_DROP, DROP_L2_NOT_OURS},
	{"wrong checksum", L2_LEN + IPV4_LEN + 6, 0x12, FRAME_DROP, DROP_L3_CHECKSUM},
};

static void everything_else_has_a_name(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
		struct built b = frame_udp(startup, sizeof(startup));
		struct frame f;

		b.data[changes[i].at] = changes[i].octet;
		frame_resum_ipv4(&b);
		f = read(&b);
		assert_row(f.kind == changes[i].kind, changes[i].name);
		assert_row(f.drop == changes[i].drop, changes[i].name);
		frame_free(&b);
	}
}

static void no_cut_is_looked_beyond(void **state)
{
	struct built whole[] = {frame_udp(startup, sizeof(startup)), frame_ping(9),
				frame_arp(ARP_REQUEST, PEER_IP, OUR_IP)};

	for (size_t i = 0; i < ARRAY_LEN(whole); i++) {
		for (uint16_t len = 0; len < whole[i].len; len++) {
			struct built cut = frame_cut(&whole[i], len);
			struct frame f = read(&cut);

			if (f.kind == FRAME_DROP)
				assert_int_not_equal(f.drop, DROP_NONE);
			else // the rest was padding
				assert_true(f.kind == FRAME_ARP && len >= L2_LEN + ARP_LEN);
			frame_free(&cut);
		}
		frame_free(&whole[i]);
	}
}

static void arp_comes_to_us_or_to_everybody(void **state)
{
	struct built b = frame_arp(ARP_REQUEST, PEER_IP, OUR_IP);
	struct frame f = read(&b);

	assert_int_equal(f.kind, FRAME_ARP);
	assert_int_equal(f.arp.target_ip, OUR_IP);
	memcpy(b.data, &our_mac, MAC_LEN);
	assert_int_equal(read(&b).kind, FRAME_ARP);
	memcpy(b.data, "\x01\x00\x5e\x00\x00\x01", MAC_LEN);
	assert_int_equal(read(&b).drop, DROP_L2_NOT_OURS);
	frame_free(&b);
}

// -- IP multicast --

static struct frame read_in_groups(const struct built *b)
{
	struct host h = host_dual(ADDR_READY);
	struct frame f;

	h.groups[0] = (struct host_group){.group.ip = ip("239.1.2.3"), .port = OUR_PORT};
	h.groups[1] =
		(struct host_group){.group = {ip("232.1.2.3"), ip("192.0.2.77")}, .port = OUR_PORT};
	h.groups[2] = (struct host_group){.group.ip = ip("ff05::1234"), .port = OUR_PORT};
	h.n_groups = 3;
	f = read_with(&h, b, FRAME_SUM_UNKNOWN);
	host_end(&h);
	return f;
}

static void datagrams_to_our_groups_are_told_apart(void **state)
{
	static const struct {
		const char *claim, *group, *source; // NULL: the usual one
		uint8_t proto;                      // 0: UDP
		bool to_another_port;
		enum frame_kind kind;
	} rows[] = {
		{"to a group of ours", "239.1.2.3", NULL, 0, false, FRAME_TO_GROUP},
		{"to its other port", "239.1.2.3", NULL, 0, true, FRAME_DROP},
		{"to another group", "239.1.2.4", NULL, 0, false, FRAME_DROP},
		{"of a source that we want", "232.1.2.3", "192.0.2.77", 0, false, FRAME_TO_GROUP},
		{"of another one", "232.1.2.3", NULL, 0, false, FRAME_DROP},
		{"a query", "224.0.0.1", NULL, 2, false, FRAME_IGMP},
		{"an echo", "224.0.0.1", NULL, 1, false, FRAME_DROP},
		{"to everybody", "255.255.255.255", NULL, 0, false, FRAME_DROP},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct built b = frame_udp(startup, sizeof(startup));
		struct ip_addr group = ip(rows[i].group);
		uint8_t *packet = b.data + L2_LEN;
		struct mac mac = mac_of_multicast_v4(ip_v4(&group));
		struct frame f;

		memcpy(b.data, &mac, MAC_LEN);
		be32_put(packet + 16, ip_v4(&group));
		if (rows[i].source != NULL) {
			struct ip_addr source = ip(rows[i].source);

			be32_put(packet + 12, ip_v4(&source));
		}
		if (rows[i].proto != 0)
			packet[9] = rows[i].proto;
		packet[IPV4_LEN + 3] += rows[i].to_another_port;
		be16_put(packet + 10, 0);
		be16_put(packet + 10, csum_finish(csum_partial(packet, IPV4_LEN)));
		assert_int_equal(read(&b).kind, FRAME_DROP); // who is in no group hears nothing
		f = read_in_groups(&b);
		assert_row(f.kind == rows[i].kind, rows[i].claim);
		if (f.kind == FRAME_TO_GROUP)
			assert_row(f.payload_len == sizeof(startup) && f.src_port == PEER_PORT,
				   rows[i].claim);
		frame_free(&b);
	}
}

static void groups_of_ipv6_are_heard_beside_the_solicited_ones(void **state)
{
	static const struct {
		const char *group;
		enum frame_kind kind;
	} rows[] = {{"ff05::1234", FRAME_TO_GROUP},
		    {"ff05::1235", FRAME_DROP},
		    {"ff02::1", FRAME_DROP}};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct built b = frame_udp6(startup, sizeof(startup));
		struct ip_addr group = ip(rows[i].group);
		struct mac mac = mac_of_multicast(&group);

		memcpy(b.data, &mac, MAC_LEN);
		memcpy(b.data + L2_LEN + 24, &group, IP_LEN);
		frame_resum_udp6(&b);
		assert_int_equal(read(&b).kind, FRAME_DROP);
		assert_row(read_in_groups(&b).kind == rows[i].kind, rows[i].group);
		frame_free(&b);
	}
}

// -- IPv6 --

static void a_datagram_of_ipv6(void **state)
{
	struct built b = frame_udp6(startup, sizeof(startup));
	struct ip_addr peer = ip(PEER_IP6);
	struct frame f = read(&b);

	assert_int_equal(f.kind, FRAME_DATAGRAM);
	assert_true(f.is_v6);
	assert_int_equal(f.local, 2);
	assert_memory_equal(f.v6.src, &peer, IP_LEN);
	assert_int_equal(f.src_port, PEER_PORT);
	assert_int_equal(f.payload_len, sizeof(startup));
	frame_free(&b);
}

// Some octets of it changed; the UDP checksum is made right again.
static const struct {
	const char *name;
	size_t at;
	uint8_t octet;
	enum frame_kind kind;
	enum drop_reason drop;
} changes6[] = {
	{"nothing", 0, 0x02, FRAME_DATAGRAM, DROP_NONE},
	{"another card's", 5, 0x77, FRAME_DROP, DROP_L2_NOT_OURS},
	{"from ourselves", 11, 0x01, FRAME_DROP, DROP_L2_NOT_OURS},
	{"version 5", L2_LEN, 0x50, FRAME_DROP, DROP_L3_MALFORMED},
	{"another address", L2_LEN + 39, 9, FRAME_DROP, DROP_L2_NOT_OURS},
	{"another address, and a header we do not take", L2_LEN + 6, 43, FRAME_DROP,
	 DROP_L3_EXTENSION},
	{"TCP", L2_LEN + 6, 6, FRAME_DROP, DROP_L3_EXTENSION},
	{"destination options", L2_LEN + 6, 60, FRAME_DROP, DROP_L3_EXTENSION},
	{"ICMPv6", L2_LEN + 6, 58, FRAME_ICMP6, DROP_NONE},
	{"from multicast", L2_LEN + 8, 0xff, FRAME_DROP, DROP_L3_MALFORMED},
	{"from our address", L2_LEN + 23, 1, FRAME_DROP, DROP_L3_MALFORMED},
	{"another port", L2_LEN + IPV6_LEN + 3, 0x90, FRAME_DROP, DROP_L2_NOT_OURS},
};

static void everything_else_of_ipv6_has_a_name(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(changes6); i++) {
		struct built b = frame_udp6(startup, sizeof(startup));
		struct frame f;

		b.data[changes6[i].at] = changes6[i].octet;
		frame_resum_udp6(&b);
		f = read(&b);
		assert_row(f.kind == changes6[i].kind, changes6[i].name);
		assert_row(f.drop == changes6[i].drop, changes6[i].name);
		assert_row(f.is_closed_port == (changes6[i].at == L2_LEN + IPV6_LEN + 3),
			   changes6[i].name);
		frame_free(&b);
	}
}

static void without_a_source_there_is_only_icmp(void **state)
{
	struct built b = frame_udp6(startup, sizeof(startup));

	memset(b.data + L2_LEN + 8, 0, IP_LEN);
	frame_resum_udp6(&b);
	assert_int_equal(read(&b).drop, DROP_L3_MALFORMED);
	b.data[L2_LEN + 6] = IPV6_PROTO_ICMP;
	assert_int_equal(read(&b).kind, FRAME_ICMP6);
	frame_free(&b);
}

static void no_cut_of_ipv6_is_looked_beyond(void **state)
{
	struct built whole[] = {frame_udp6(startup, sizeof(startup)), frame_ping6(9)};

	for (size_t i = 0; i < ARRAY_LEN(whole); i++) {
		for (uint16_t len = 0; len < whole[i].len; len++) {
			struct built cut = frame_cut(&whole[i], len);
			struct frame f = read(&cut);

			assert_int_equal(f.kind, FRAME_DROP);
			assert_int_not_equal(f.drop, DROP_NONE);
			frame_free(&cut);
		}
		frame_free(&whole[i]);
	}
}

static void groups_are_heard_where_our_addresses_are_asked_for(void **state)
{
	static const struct {
		const char *group;
		bool is_heard;
	} rows[] = {
		{"ff02::1", true},         {"ff02::1:ff00:1", true}, {"ff02::2", false},
		{"ff02::1:ff00:2", false}, {"ff0e::1", false},
	};
	const uint8_t icmp[8] = {128};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct built b = frame_icmp6(PEER_LOCAL6, rows[i].group, 255, icmp, 8);
		struct frame f = read(&b);
		struct host v4 = host_simple();

		assert_row(f.kind == (rows[i].is_heard ? FRAME_ICMP6 : FRAME_DROP), rows[i].group);
		assert_row(f.local == 0, rows[i].group);
		// Without addresses of IPv6 there are no groups.
		f = read_with(&v4, &b, FRAME_SUM_UNKNOWN);
		assert_row(f.drop == DROP_L2_NOT_OURS, rows[i].group);
		host_end(&v4);
		frame_free(&b);
	}
}

static void datagrams_to_groups_are_not_for_us(void **state)
{
	struct built b = frame_udp6(startup, sizeof(startup));
	struct ip_addr all = ip("ff02::1");

	memcpy(b.data, "\x33\x33\x00\x00\x00\x01", MAC_LEN);
	memcpy(b.data + L2_LEN + 24, &all, IP_LEN);
	frame_resum_udp6(&b);
	assert_int_equal(read(&b).drop, DROP_L2_NOT_OURS);
	frame_free(&b);
}

// Only questions for it are heard, since those are how a conflict shows (RFC 4862 §5.4).
static void an_address_that_is_not_ours_yet_takes_nothing(void **state)
{
	struct built datagram = frame_udp6(startup, sizeof(startup));
	struct built question = frame_icmp6("::", "ff02::1:ff00:1", 255, (uint8_t[8]){135}, 8);
	struct host h = host_dual(ADDR_TENTATIVE);

	assert_int_equal(read_with(&h, &datagram, FRAME_SUM_UNKNOWN).drop, DROP_L2_NOT_OURS);
	assert_int_equal(read_with(&h, &question, FRAME_SUM_UNKNOWN).kind, FRAME_ICMP6);
	frame_free(&datagram);
	frame_free(&question);
	host_end(&h);
}

// -- tags --

static const struct {
	const char *name;
	uint16_t ours;
	bool has_tag;
	uint16_t tag;
	bool is_taken;
} tags[] = {
	{"no VLAN, no tag", 0, false, 0, true},
	{"no VLAN, priority 5 alone", 0, true, 0xa000, true},
	{"no VLAN, somebody's tag", 0, true, 7, false},
	{"VLAN 7, its tag", 7, true, 7, true},
	{"VLAN 7, its tag with priority", 7, true, 0xe007, true},
	{"VLAN 7, no tag", 7, false, 0, false},
	{"VLAN 7, priority alone", 7, true, 0xa000, false},
	{"VLAN 7, another's", 7, true, 8, false},
};

static void only_frames_of_our_vlan_are_taken(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(tags); i++) {
		struct built b = frame_udp(startup, sizeof(startup));
		struct frame_hint hint = {.was_tagged = tags[i].has_tag, .tag = tags[i].tag};
		struct host h = host_simple();
		struct frame f;

		h.links[0].vlan = tags[i].ours;
		frame_read(&f, &h, 0, b.data, b.len, &hint); // the card took it out
		assert_row((f.kind == FRAME_DATAGRAM) == tags[i].is_taken, tags[i].name);
		assert_row(f.skip == 0, tags[i].name);
		if (tags[i].has_tag)
			b = frame_tagged(b, tags[i].tag);
		f = read_with(&h, &b, FRAME_SUM_UNKNOWN);
		assert_row((f.kind == FRAME_DATAGRAM) == tags[i].is_taken, tags[i].name);
		assert_row(f.drop == (tags[i].is_taken ? DROP_NONE : DROP_L2_VLAN), tags[i].name);
		assert_row(f.skip == (tags[i].has_tag ? L2_TAG_LEN : 0), tags[i].name);
		if (tags[i].has_tag && tags[i].is_taken) {
			assert_row(f.tag == tags[i].tag, tags[i].name);
			assert_memory_equal(b.data + L2_TAG_LEN, &our_mac, MAC_LEN);
		}
		frame_free(&b);
		host_end(&h);
	}
}

static void tags_in_tags_are_not_for_us(void **state)
{
	struct built b = frame_tagged(frame_tagged(frame_udp(startup, sizeof(startup)), 7), 7);
	struct host h = host_simple();

	h.links[0].vlan = 7;
	assert_int_equal(read_with(&h, &b, FRAME_SUM_UNKNOWN).drop, DROP_L2_NOT_OURS);
	frame_free(&b);
	host_end(&h);
}

static void no_cut_of_a_tag_is_looked_beyond(void **state)
{
	struct built whole = frame_tagged(frame_udp(startup, sizeof(startup)), 7);
	struct host h = host_simple();

	h.links[0].vlan = 7;
	for (uint16_t len = 0; len < whole.len; len++) {
		struct built cut = frame_cut(&whole, len);

		assert_int_equal(read_with(&h, &cut, FRAME_SUM_UNKNOWN).kind, FRAME_DROP);
		frame_free(&cut);
	}
	frame_free(&whole);
	host_end(&h);
}

// -- UDP checksums --

enum sent {
	RIGHT,
	WRONG,
	NONE, // 0
};

static const struct {
	const char *name;
	enum udp_sums sums;
	enum frame_sum port;
	enum sent sent;
	bool is_accepted, is_unverified;
	bool is_dropped_in_v6; // though accepted in IPv4
} sums[] = {
	{"required, right", UDP_SUMS_REQUIRED, FRAME_SUM_UNKNOWN, RIGHT, true, false, false},
	{"required, wrong", UDP_SUMS_REQUIRED, FRAME_SUM_UNKNOWN, WRONG, false, false, false},
	{"required, none was made", UDP_SUMS_REQUIRED, FRAME_SUM_UNKNOWN, NONE, true, false, true},
	{"required, port: good", UDP_SUMS_REQUIRED, FRAME_SUM_GOOD, WRONG, true, false, false},
	{"required, port: bad", UDP_SUMS_REQUIRED, FRAME_SUM_BAD, RIGHT, false, false, false},
	{"remarked, right", UDP_SUMS_REMARKED, FRAME_SUM_UNKNOWN, RIGHT, true, false, false},
	{"remarked, open", UDP_SUMS_REMARKED, FRAME_SUM_UNKNOWN, WRONG, true, true, false},
	{"remarked, port: bad", UDP_SUMS_REMARKED, FRAME_SUM_BAD, WRONG, true, true, false},
	{"remarked, none was made", UDP_SUMS_REMARKED, FRAME_SUM_UNKNOWN, NONE, true, false, true},
	{"ignored, right", UDP_SUMS_IGNORED, FRAME_SUM_UNKNOWN, RIGHT, true, true, false},
	{"ignored, wrong", UDP_SUMS_IGNORED, FRAME_SUM_UNKNOWN, WRONG, true, true, false},
	{"ignored, none was made", UDP_SUMS_IGNORED, FRAME_SUM_UNKNOWN, NONE, true, false, true},
	{"ignored, port: good", UDP_SUMS_IGNORED, FRAME_SUM_GOOD, RIGHT, true, false, false},
};

static void one_checksum(size_t i, bool is_v6)
{
	struct built b =
		is_v6 ? frame_udp6(startup, sizeof(startup)) : frame_udp(startup, sizeof(startup));
	uint8_t *sum = b.data + L2_LEN + (is_v6 ? IPV6_LEN : IPV4_LEN) + 6;
	bool is_accepted = sums[i].is_accepted && !(is_v6 && sums[i].is_dropped_in_v6);
	struct host h = host_dual(ADDR_READY);
	struct frame f;

	h.links[0].udp_sums = (uint8_t)sums[i].sums;
	if (sums[i].sent == WRONG)
		sum[1] ^= 1;
	if (sums[i].sent == NONE)
		be16_put(sum, 0);
	f = read_with(&h, &b, sums[i].port);
	assert_row((f.kind == FRAME_DATAGRAM) == is_accepted, sums[i].name);
	assert_row(f.drop == (is_accepted ? DROP_NONE : DROP_L3_CHECKSUM), sums[i].name);
	if (is_accepted)
		assert_row(f.is_unverified == sums[i].is_unverified, sums[i].name);
	frame_free(&b);
	host_end(&h);
}

static void checksums_follow_the_policy(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(sums); i++) {
		one_checksum(i, false);
		one_checksum(i, true);
	}
}

// Its session verifies it; computing a second sum of every packet would cost as much as the first.
static void a_sessions_packet_is_verified_by_its_session(void **state)
{
	static const uint8_t packet[12] = {[3] = 1};
	struct built b = frame_udp(packet, sizeof(packet)), b6 = frame_udp6(packet, sizeof(packet));
	struct host h = host_dual(ADDR_READY);
	struct frame f;

	b.data[b.len - 1] ^= 4; // its session id is no startup packet's, still
	f = read_with(&h, &b, FRAME_SUM_UNKNOWN);
	assert_int_equal(f.kind, FRAME_DATAGRAM);
	assert_false(f.is_unverified);
	assert_int_equal(read_with(&h, &b, FRAME_SUM_BAD).drop, DROP_L3_CHECKSUM);
	b6.data[b6.len - 1] ^= 4;
	assert_int_equal(read_with(&h, &b6, FRAME_SUM_UNKNOWN).kind, FRAME_DATAGRAM);
	assert_int_equal(read_with(&h, &b6, FRAME_SUM_BAD).drop, DROP_L3_CHECKSUM);
	frame_free(&b);
	frame_free(&b6);
	host_end(&h);
}

static void the_port_may_have_looked_at_ipv4s_header(void **state)
{
	struct built b = frame_udp(startup, sizeof(startup));
	struct frame_hint hint = {.sum = FRAME_SUM_GOOD, .ip_sum_is_good = true};
	struct host h = host_simple();
	struct frame f;

	b.data[L2_LEN + 11] ^= 1;
	assert_int_equal(read(&b).drop, DROP_L3_CHECKSUM);
	frame_read(&f, &h, 0, b.data, b.len, &hint);
	assert_int_equal(f.kind, FRAME_DATAGRAM);
	frame_free(&b);
	host_end(&h);
}

// A local peer's kernel left the cutting to a card that does not exist: the frame comes whole, or
// as much of it as the port has room for.
static void an_uncut_burst_is_noticed(void **state)
{
	uint8_t payload[2000] = {0};
	struct built b = frame_udp(payload, sizeof(payload)), cut = frame_cut(&b, 1514);
	struct built fits = frame_udp(payload, 1472);

	assert_true(read(&cut).is_over_mtu);
	assert_int_equal(read(&cut).drop, DROP_L3_MALFORMED);
	assert_true(read(&b).is_over_mtu);
	assert_false(read(&fits).is_over_mtu);
	frame_free(&b);
	frame_free(&cut);
	frame_free(&fits);
}

// -- strangers, before anything else is known of a frame --

// Octet `at` of a frame is changed: is it still a stranger's?
static const struct {
	const char *name;
	uint8_t at, value;
	bool is_stranger;
} looks[] = {
	{"as it was built", 0, 0x02, true},
	{"another's MAC: nobody looks", 5, 0x77, true},
	{"to a group", 0, 0x01, false},
	{"ARP", 13, 0x06, false},
	{"a tag", 12, 0x81, false},
	{"IP options", L2_LEN, 0x46, false},
	{"TCP", L2_LEN + 9, 6, false},
	{"a session's id", L2_LEN + IPV4_UDP_LEN, 1, false},
	{"an id that ciphertext masks", L2_LEN + IPV4_UDP_LEN + 9, 1, false},
	{"a wrong checksum: nobody looks", L2_LEN + IPV4_LEN + 6, 0x5a, true},
};

static void strangers_are_told_by_single_octets(void **state)
{
	static const uint8_t payload[20];
	struct built b6 = frame_udp6(payload, sizeof(payload));
	const uint8_t *src;
	uint8_t family = 0;

	for (size_t i = 0; i < ARRAY_LEN(looks); i++) {
		struct built b = frame_udp(payload, sizeof(payload));

		b.data[looks[i].at] = looks[i].value;
		src = frame_stranger(b.data, b.len, &family);
		assert_row((src != NULL) == looks[i].is_stranger, looks[i].name);
		if (src != NULL)
			assert_row(family == 4 && be32_get(src) == PEER_IP, looks[i].name);
		frame_free(&b);
	}
	src = frame_stranger(b6.data, b6.len, &family);
	assert_non_null(src);
	assert_int_equal(family, 6);
	assert_memory_equal(src, ip(PEER_IP6).octets, IP_LEN);
	b6.data[L2_LEN + 6] = IPV6_PROTO_FRAGMENT;
	assert_null(frame_stranger(b6.data, b6.len, &family));
	frame_free(&b6);
}

static void no_cut_of_a_stranger_is_looked_beyond(void **state)
{
	static const uint8_t payload[20];
	struct built whole[2] = {frame_udp(payload, sizeof(payload)),
				 frame_udp6(payload, sizeof(payload))};
	uint8_t family;

	for (unsigned v = 0; v < 2; v++) {
		for (uint16_t len = 0; len < whole[v].len; len++) {
			struct built b = frame_cut(&whole[v], len);

			frame_stranger(b.data, b.len, &family);
			frame_free(&b);
		}
		frame_free(&whole[v]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(datagrams_to_our_groups_are_told_apart),
		cmocka_unit_test(groups_of_ipv6_are_heard_beside_the_solicited_ones),
		cmocka_unit_test(a_datagram_for_an_endpoint),
		cmocka_unit_test(everything_else_has_a_name),
		cmocka_unit_test(no_cut_is_looked_beyond),
		cmocka_unit_test(arp_comes_to_us_or_to_everybody),
		cmocka_unit_test(a_datagram_of_ipv6),
		cmocka_unit_test(everything_else_of_ipv6_has_a_name),
		cmocka_unit_test(without_a_source_there_is_only_icmp),
		cmocka_unit_test(no_cut_of_ipv6_is_looked_beyond),
		cmocka_unit_test(groups_are_heard_where_our_addresses_are_asked_for),
		cmocka_unit_test(datagrams_to_groups_are_not_for_us),
		cmocka_unit_test(an_address_that_is_not_ours_yet_takes_nothing),
		cmocka_unit_test(only_frames_of_our_vlan_are_taken),
		cmocka_unit_test(tags_in_tags_are_not_for_us),
		cmocka_unit_test(no_cut_of_a_tag_is_looked_beyond),
		cmocka_unit_test(checksums_follow_the_policy),
		cmocka_unit_test(a_sessions_packet_is_verified_by_its_session),
		cmocka_unit_test(the_port_may_have_looked_at_ipv4s_header),
		cmocka_unit_test(an_uncut_burst_is_noticed),
		cmocka_unit_test(strangers_are_told_by_single_octets),
		cmocka_unit_test(no_cut_of_a_stranger_is_looked_beyond),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

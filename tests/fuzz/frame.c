// Any octets as a received frame, and what a worker does with it: pings turned, discovery, queries
// and errors read, pieces put together. The first octet says how much of the envelope is put right,
// so that what lies behind addresses and checksums is reached, too, which checksums are asked for,
// and whether the link has a tag.
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/checksum.h"
#include "dataplane/io/frame.h"
#include "dataplane/io/icmp.h"
#include "dataplane/io/icmp6.h"
#include "dataplane/io/icmp_error.h"
#include "dataplane/io/ip_frag.h"
#include "dataplane/io/igmp.h"
#include "dataplane/io/mld.h"
#include "dataplane/io/nd.h"
#include "tests/fuzz/oracle.h"

#define OUR_IP 0x0a630001u
#define OUR_GROUP 0xef010203u // 239.1.2.3
#define PIECES    3           // that a frame is given in, each with other flags

static const struct ip_addr our_ip6 = {{0x20, 0x01, 0x0d, 0xb8, [15] = 1}};

static struct host make_host(uint8_t how)
{
	struct host h = {.n_links = 1, .n_endpoints = 2};
	struct ip_addr v4 = ip_of_v4(OUR_IP);

	h.links[0] = (struct host_link){.mac = {{2, 0, 0, 0, 0, 1}},
					.mtu = 1500,
					.vlan = how >> 6 & 1 ? 7 : 0,
					.udp_sums = (how >> 2 & 3) % 3};
	host_add(&h, &v4, 24, ADDR_READY);
	host_add(&h, &our_ip6, 64, how >> 7 ? ADDR_TENTATIVE : ADDR_READY);
	h.endpoints[0].port = 1935;
	h.groups[0] = (struct host_group){.group.ip = ip_of_v4(OUR_GROUP), .port = 1935};
	h.n_groups = 1;
	h.endpoints[1] = (struct host_endpoint){v4, 1936};
	return h;
}

static void repair_v4(uint8_t *ip, uint16_t len, bool is_to_group)
{
	uint16_t header_len;

	if (len < IPV4_LEN)
		return;
	header_len = (uint16_t)((ip[0] & 15) * 4);
	if (header_len < IPV4_LEN || header_len > len)
		return;
	if (!is_to_group)
		be32_put(ip + 16, OUR_IP);
	else if (ip[9] != IPV4_PROTO_IGMP)
		be32_put(ip + 16, OUR_GROUP);
	be16_put(ip + 10, 0);
	be16_put(ip + 10, csum_finish(csum_partial(ip, header_len)));
	if (ip[9] == IPV4_PROTO_ICMP && be16_get(ip + 2) <= len &&
	    be16_get(ip + 2) >= header_len + ICMP_LEN) {
		uint8_t *icmp = ip + header_len;

		be16_put(icmp + 2, 0);
		be16_put(icmp + 2, csum_finish(csum_partial(icmp, be16_get(ip + 2) - header_len)));
	}
}

static void repair_v6(uint8_t *ip, uint16_t len)
{
	struct ipv6_header h;

	if (len < IPV6_LEN)
		return;
	ip[0] = (uint8_t)(0x60 | (ip[0] & 15));
	if (ip[24] != 0xff)
		memcpy(ip + 24, &our_ip6, IP_LEN);
	if (ipv6_read(&h, ip, len) != DROP_NONE || h.proto != IPV6_PROTO_ICMP ||
	    h.len - h.header_len < ICMP6_LEN)
		return;
	icmp6_finish(ip, ip + h.header_len, (uint16_t)(h.len - h.header_len));
}

static void repair(const struct host *h, uint8_t *frame, uint16_t len)
{
	uint16_t at = L2_LEN, type;

	if (len < L2_LEN + L2_TAG_LEN)
		return;
	type = be16_get(frame + 2 * MAC_LEN);
	if (type == L2_TYPE_VLAN) {
		at += L2_TAG_LEN;
		frame[15] = (uint8_t)h->links[0].vlan;
		type = be16_get(frame + at - 2);
	}
	if ((type != L2_TYPE_IPV6 || frame[0] != 0x33) && (type != L2_TYPE_IPV4 || frame[0] != 1))
		memcpy(frame, &h->links[0].mac, MAC_LEN);
	if (type == L2_TYPE_IPV6)
		repair_v6(frame + at, (uint16_t)(len - at));
	else if (type == L2_TYPE_IPV4)
		repair_v4(frame + at, (uint16_t)(len - at), frame[0] == 1);
}

// -- what a worker goes on with --

static void on_error(const struct host *h, bool is_v6, const uint8_t *icmp, uint16_t len)
{
	struct icmp_error e;

	if (icmp_error_read(&e, h, is_v6, icmp, len) == DROP_ICMP_TOO_BIG)
		assert(e.too_big.quote >= icmp && e.too_big.quote + e.too_big.quote_len == icmp + len);
}

static void on_icmp6(const struct host *h, const struct frame *f, uint8_t *frame)
{
	uint8_t *icmp = frame + L2_LEN + f->v6.header_len;
	uint16_t len = (uint16_t)(f->v6.len - f->v6.header_len);
	uint32_t delay_ms;
	struct nd nd;

	if (icmp6_check(&f->v6, icmp, len) != DROP_NONE)
		return;
	if (nd_read(&nd, &f->v6, icmp, len) == DROP_NONE && nd.kind != ND_OTHER)
		assert(!nd.has_mac || !mac_is_group(&nd.mac));
	mld_read_query(&delay_ms, &f->v6, icmp, len);
	on_error(h, true, icmp, len);
	if (icmp6_echo_reply(frame, &f->v6) == DROP_NONE) { // its checksum is right again
		struct ipv6_header r;

		assert(ipv6_read(&r, frame + L2_LEN, f->v6.len) == DROP_NONE);
		assert(icmp6_check(&r, frame + L2_LEN + IPV6_LEN, len) == DROP_NONE);
	}
}

static void on_igmp(const struct frame *f, uint8_t *frame)
{
	uint32_t delay_ms;

	igmp_read_query(&delay_ms, &f->v4, frame + L2_LEN + f->v4.header_len,
			(uint16_t)(f->v4.len - f->v4.header_len));
}

static void on_icmp4(const struct host *h, const struct frame *f, uint8_t *frame)
{
	uint8_t *icmp = frame + L2_LEN + f->v4.header_len;
	uint16_t len = (uint16_t)(f->v4.len - f->v4.header_len);

	if (icmp_check(icmp, len))
		on_error(h, false, icmp, len);
	icmp_echo_reply(frame, f->v4.header_len, f->v4.len);
}

// The same octets as several pieces, so that some join and some overlap. What comes whole is no
// longer than what was sent. Each would be a packet of its own, so the dearest one counts.
static void on_piece(const struct frame *f, const uint8_t *packet)
{
	uint16_t at = f->is_v6 ? f->v6.header_len : f->v4.header_len;
	struct ip_frag_piece p = {
		.src = f->is_v6 ? ip_of_v6(f->v6.src) : ip_of_v4(f->v4.src),
		.dst = f->is_v6 ? ip_of_v6(f->v6.dst) : ip_of_v4(f->v4.dst),
		.id = f->is_v6 ? f->v6.id : f->v4.id,
		.proto = f->is_v6 ? f->v6.proto : f->v4.proto,
		.has_more = f->is_v6 ? f->v6.has_more : f->v4.has_more,
		.offset = f->is_v6 ? f->v6.offset : f->v4.offset,
		.data = span_of(packet + at, (f->is_v6 ? f->v6.len : f->v4.len) - at)};
	static uint64_t drops[DROP_REASONS_N];
	struct ip_frag_table *t = ip_frag_create(2048, drops);
	uint8_t out[IP_FRAG_HEADER_MAX + 2048];
	struct span whole;
	uint64_t before = oracle_work(), most = 0;

	for (unsigned i = 0; i < PIECES; i++) {
		uint64_t begun = oracle_work();

		if (ip_frag_add(t, &p, i, &whole)) {
			assert(whole.len <= 2048);
			ip_frag_write(out, &p, whole);
		}
		p.offset = (uint16_t)(p.data.len > 1 ? (p.data.data[i % 2] & 7) * 8 : 0);
		p.has_more = i % 2 == 0;
		p.data.len -= p.data.len % 8;
		if (oracle_work() - begun > most)
			most = oracle_work() - begun;
	}
	oracle_work_set(before + most);
	ip_frag_destroy(t);
}

// What the short way says is what the long one says.
static void compare_usual(const struct frame *f, const struct host *h, uint8_t *exact, uint16_t len,
			  const struct frame_hint *hint)
{
	struct frame u;

	if (!frame_usual(&u, h, 0, exact, len, hint))
		return;
	assert(f->kind == FRAME_DATAGRAM && u.kind == f->kind && u.drop == f->drop);
	assert(!f->is_v6 && !u.is_v6 && u.v4.src == f->v4.src && u.src_port == f->src_port);
	assert(u.payload == f->payload && u.payload_len == f->payload_len);
	assert(u.endpoint == f->endpoint && u.local == f->local && u.skip == 0 && f->skip == 0);
	assert(!u.is_over_mtu && !f->is_over_mtu && !u.is_unverified && !f->is_unverified);
	assert(!u.is_closed_port && !f->is_closed_port);
}

static int run(const uint8_t *data, size_t size)
{
	uint8_t how = size > 0 ? data[0] : 0;
	uint16_t len = size > 0 && size <= 9216 ? (uint16_t)(size - 1) : 0;
	struct frame_hint hint = {.sum = (how >> 4 & 3) % 3};
	struct host host = make_host(how);
	uint8_t *exact = malloc(len > 0 ? len : 1); // a look behind it is seen
	uint8_t *frame = exact;
	struct frame f;

	if (len > 0)
		memcpy(exact, data + 1, len);
	if (how & 1)
		repair(&host, exact, len);
	frame_stranger(exact, len, &(uint8_t){0});
	frame_read(&f, &host, 0, exact, len, &hint);
	if (f.skip == 0) // else the tag is out now
		compare_usual(&f, &host, exact, len, &hint);
	assert((f.kind == FRAME_DROP) == (f.drop != DROP_NONE));
	frame += f.skip;
	if (f.kind == FRAME_DATAGRAM) {
		assert(f.payload >= exact && f.payload + f.payload_len <= exact + len);
		assert(f.endpoint < host.n_endpoints && f.src_port != 0);
		assert(f.local > 0 && host.addrs[f.local - 1].state == ADDR_READY);
		assert(f.is_v6 ? ipv6_is_host(f.v6.src) : ipv4_is_host(f.v4.src));
	}
	if (f.is_closed_port) {
		uint8_t out[ICMP_ERROR_MAX];

		assert(icmp_error_port_closed(out, frame, f.is_v6, f.is_v6 ? f.v6.len : f.v4.len) <=
		       sizeof(out));
	}
	if (f.kind == FRAME_TO_GROUP)
		assert(f.payload >= exact && f.payload + f.payload_len <= exact + len);
	if (f.kind == FRAME_IGMP)
		on_igmp(&f, frame);
	if (f.kind == FRAME_ICMP)
		on_icmp4(&host, &f, frame);
	if (f.kind == FRAME_ICMP6)
		on_icmp6(&host, &f, frame);
	if (f.kind == FRAME_PIECE)
		on_piece(&f, frame + L2_LEN);
	free(exact);
	return 0;
}

// A datagram to our endpoint with a UDP checksum that has to be computed.
static size_t usual(uint8_t *to, size_t len)
{
	uint8_t *frame = to + 1, *ip = frame + L2_LEN, *udp = ip + IPV4_LEN;
	uint16_t ip_len = (uint16_t)(len - 1 - L2_LEN);

	memset(to, 0, len);
	to[0] = 1; // repair the rest
	ip[0] = 0x45;
	be16_put(ip + 2, ip_len);
	ip[8] = 64;
	ip[9] = 17;
	be32_put(ip + 12, OUR_IP + 1);
	be16_put(udp, 2000);
	be16_put(udp + 2, 1935);
	be16_put(udp + 4, (uint16_t)(ip_len - IPV4_LEN));
	be16_put(udp + 6, 1);
	return len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct oracle o = {
		.run = run, .usual = usual, .memory_max = 64, .memory_per_octet = 1};

	oracle_run(&o, data, size);
	return 0;
}

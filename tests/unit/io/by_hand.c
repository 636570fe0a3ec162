#include "tests/unit/io/by_hand.h"

#include "crypto/epd.h"
#include "dataplane/wire/chunk.h"
#include "dataplane/wire/packet.h"

struct identity add_endpoint(struct worker_world *w)
{
	struct endpoint_seed seed = {.answers_hello = 1};
	struct command cmd = {.op = CMD_ENDPOINT, .len = sizeof(seed)};
	uint8_t random[CERTIFICATE_RANDOM_LEN] = "no secret";
	struct identity id;
	struct certificate c;

	id.len = (size_t)certificate_build_server(id.cert, sizeof(id.cert), random);
	assert_int_equal(certificate_read(&c, span_of(id.cert, id.len)), 0);
	memcpy(id.fingerprint, c.fingerprint, FINGERPRINT_LEN);
	seed.cert_len = (uint16_t)id.len;
	memcpy(seed.cert, id.cert, id.len);
	cmd.body = loop_body(w->l, 0, &seed, sizeof(seed));
	loop_command(w->l, 0, &cmd);
	world_turn(w, 0);
	return id;
}

static size_t seal_hello(struct worker_world *w, const uint8_t *fingerprint,
			 uint8_t datagram[LOOP_DATAGRAM_MAX])
{
	static const uint8_t tag[16] = "sixteen octets.";
	uint8_t epd[EPD_CANONICAL_LEN], chunks[256];
	struct ihello hello = {span_of(epd, sizeof(epd)), span_of(tag, sizeof(tag))};
	struct wr wr = wr_over(chunks, sizeof(chunks));

	epd_canonical(epd, fingerprint);
	assert_int_equal(ihello_write(&wr, &hello), 0);
	return startup_seal(w->l, 0, span_of(chunks, wr.len), datagram);
}

struct built hello_frame(struct worker_world *w, const uint8_t *fingerprint)
{
	uint8_t datagram[LOOP_DATAGRAM_MAX];

	return frame_udp(datagram, (uint16_t)seal_hello(w, fingerprint, datagram));
}

struct built hello_frame6(struct worker_world *w, const uint8_t *fingerprint)
{
	uint8_t datagram[LOOP_DATAGRAM_MAX];

	return frame_udp6(datagram, (uint16_t)seal_hello(w, fingerprint, datagram));
}

// The UDP payload of a frame from us to whom; asserts every header.
static struct span datagram_of(const struct built *b, uint32_t to_ip, uint16_t to_port)
{
	struct ipv4_header h = {0};
	struct udp_header u = {0};
	struct l2_header l2 = {0};

	assert_non_null(b->data);
	assert_int_equal(l2_read(&l2, b->data, b->len), 0);
	assert_true(mac_equal(&l2.dst, &peer_mac));
	assert_true(mac_equal(&l2.src, &our_mac));
	assert_int_equal(l2.type, L2_TYPE_IPV4);
	assert_int_equal(ipv4_read(&h, b->data + L2_LEN, (uint16_t)(b->len - L2_LEN), false),
			 DROP_NONE);
	assert_int_equal(h.len, b->len - L2_LEN);
	assert_int_equal(h.src, OUR_IP);
	assert_int_equal(h.dst, to_ip);
	assert_int_equal(udp_read(&u, b->data + L2_LEN + IPV4_LEN, (uint16_t)(h.len - IPV4_LEN)),
			 DROP_NONE);
	assert_int_equal(u.src, OUR_PORT);
	assert_int_equal(u.dst, to_port);
	return span_of(b->data + L2_LEN + IPV4_UDP_LEN, u.len - UDP_LEN);
}

// The same in IPv6, from where the peer's packets go to. Its checksum is right, or the port's to
// fill in.
static struct span datagram_of6(const struct worker_world *w, const struct built *b)
{
	struct ip_addr own = ip(OUR_IP6), peer = ip(PEER_IP6);
	struct ipv6_header h;
	struct udp_header u = {0};
	const uint8_t *udp = b->data + L2_LEN + IPV6_LEN;

	assert_non_null(b->data);
	assert_memory_equal(b->data, &peer_mac, MAC_LEN);
	assert_int_equal(ipv6_read(&h, b->data + L2_LEN, (uint16_t)(b->len - L2_LEN)), DROP_NONE);
	assert_int_equal(h.len, b->len - L2_LEN);
	assert_memory_equal(h.src, &own, IP_LEN);
	assert_memory_equal(h.dst, &peer, IP_LEN);
	assert_int_equal(udp_read(&u, udp, (uint16_t)(h.len - IPV6_LEN)), DROP_NONE);
	assert_int_equal(u.src, OUR_PORT);
	assert_int_equal(u.dst, PEER_PORT);
	if (!w->host.links[0].fills_udp_sums)
		assert_true(ipv6_checksum_is_right(&h, udp, u.len, IPV4_PROTO_UDP));
	return span_of(udp + UDP_LEN, u.len - UDP_LEN);
}

static void assert_rhello_in(struct worker_world *w, struct built b, struct span datagram)
{
	uint8_t buf[LOOP_DATAGRAM_MAX];
	struct packet_header h;
	struct span plain;
	struct chunk c;
	struct rd r;
	uint32_t id;

	assert_int_equal(startup_unseal(w->l, datagram, &id, buf, &plain), 0);
	r = rd_over_span(plain);
	assert_int_equal(packet_header_read(&r, &h), 0);
	assert_true(chunk_next(&r, &c));
	assert_int_equal(c.type, CHUNK_RHELLO);
	frame_free(&b);
}

void assert_is_rhello(struct worker_world *w, struct built b)
{
	assert_rhello_in(w, b, datagram_of(&b, PEER_IP, PEER_PORT));
}

void assert_is_rhello6(struct worker_world *w, struct built b)
{
	assert_rhello_in(w, b, datagram_of6(w, &b));
}

struct built ping_frame(struct far_end *f)
{
	uint8_t plain[] = {MODE_INITIATOR, CHUNK_PING, 0, 1, 'x'}, out[LOOP_DATAGRAM_MAX];
	size_t len = far_seal(f, span_of(plain, sizeof(plain)), out);
	struct built b = frame_udp(out, (uint16_t)len);

	be32_put(b.data + L2_LEN + 12, be32_get(f->addr.ip));
	be16_put(b.data + L2_LEN + IPV4_LEN, f->addr.port);
	frame_resum_ipv4(&b);
	frame_resum_udp(&b);
	return b;
}

void assert_is_ping_reply(struct far_end *f, struct built b)
{
	uint8_t buf[LOOP_DATAGRAM_MAX];
	struct span d = datagram_of(&b, be32_get(f->addr.ip), f->addr.port);
	struct packet_header h;
	struct span plain;
	struct chunk c;
	struct rd r;

	assert_int_equal(seed_open(f->loop->crypto, &f->seed, d, buf, &plain), 0);
	r = rd_over_span(plain);
	assert_int_equal(packet_header_read(&r, &h), 0);
	assert_true(chunk_next(&r, &c));
	assert_int_equal(c.type, CHUNK_PING_REPLY);
	frame_free(&b);
}

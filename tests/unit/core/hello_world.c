#include "tests/unit/core/hello_world.h"

#include "crypto/epd.h"
#include "tests/support/test.h"

static void add_endpoint(struct world *w, uint8_t endpoint, bool answers)
{
	struct endpoint_seed seed = {.endpoint = endpoint, .answers_hello = answers};
	struct command cmd = {.op = CMD_ENDPOINT, .len = sizeof(seed)};
	struct certificate c;

	seed.cert_len = (uint16_t)w->cert_len[endpoint];
	memcpy(seed.cert, w->cert[endpoint], seed.cert_len);
	assert_int_equal(certificate_read(&c, span_of(seed.cert, seed.cert_len)), 0);
	memcpy(w->fingerprint[endpoint], c.fingerprint, FINGERPRINT_LEN);
	cmd.body = loop_body(w->l, 0, &seed, sizeof(seed));
	loop_command(w->l, 0, &cmd);
	loop_turn(w->l);
}

void world_create(struct world *w, bool answers)
{
	uint8_t random[CERTIFICATE_RANDOM_LEN];
	struct dh_key keys[2] = {{.group = DH_GROUP_2, .public_len = 128},
				 {.group = DH_GROUP_14, .public_len = 256}};

	memset(w, 0, sizeof(*w));
	w->l = loop_create(&(struct loop_opts){.seed = 14, .n_nodes = 1});
	w->stranger = loop_addr(99, 7777);
	random_fill(&w->l->random, random, sizeof(random));
	w->cert_len[0] = (size_t)certificate_build_server(w->cert[0], sizeof(w->cert[0]), random);
	for (int i = 0; i < 2; i++)
		random_fill(&w->l->random, keys[i].public_key, keys[i].public_len);
	w->cert_len[1] = (size_t)certificate_build_static(w->cert[1], sizeof(w->cert[1]), keys, 2);
	add_endpoint(w, 0, answers);
	add_endpoint(w, 1, answers);
}

void world_destroy(struct world *w)
{
	assert_int_equal(body_pool_lent(w->l->nodes[0].bodies), 0);
	loop_forget(w->l, 0);
	assert_int_equal(body_pool_lent(w->l->nodes[0].engine->bodies), 0);
	loop_destroy(w->l);
}

struct worker_stats *stats(struct world *w)
{
	return engine_stats(w->l->nodes[0].engine);
}

void send_to(struct world *w, uint8_t endpoint, uint32_t id, const struct wr *chunks,
	     size_t padding)
{
	uint8_t datagram[LOOP_DATAGRAM_MAX], padded[LOOP_DATAGRAM_MAX];
	size_t len;

	memcpy(padded, chunks->base, chunks->len);
	memset(padded + chunks->len, 0xff, padding);
	len = startup_seal(w->l, id, span_of(padded, chunks->len + padding), datagram);
	w->sent_len = len;
	w->l->nodes[0].addr.endpoint = endpoint;
	loop_send(w->l, &w->stranger, &w->l->nodes[0].addr, span_of(datagram, len));
	loop_turn(w->l);
	loop_turn(w->l);
}

const uint8_t tag[16] = "sixteen octets.";

void write_hello(struct wr *w, const uint8_t *fingerprint)
{
	uint8_t epd[EPD_CANONICAL_LEN];
	struct ihello hello = {span_of(epd, sizeof(epd)), span_of(tag, sizeof(tag))};

	epd_canonical(epd, fingerprint);
	assert_int_equal(ihello_write(w, &hello), 0);
}

void send_hello(struct world *w, uint8_t endpoint, const uint8_t *fingerprint, size_t padding)
{
	uint8_t chunks[256];
	struct wr wr = wr_over(chunks, sizeof(chunks));

	write_hello(&wr, fingerprint);
	send_to(w, endpoint, 0, &wr, padding);
}

bool comes_back(struct world *w, uint32_t *id, struct chunk *c)
{
	struct loop_datagram d;
	struct packet_header h;
	struct span plain;
	struct rd r;

	if (!loop_stray(w->l, &d))
		return false;
	assert_int_equal(d.dst.port, w->stranger.port);
	assert_int_equal(startup_unseal(w->l, span_of(d.data, d.len), id, w->buf, &plain), 0);
	r = rd_over_span(plain);
	assert_int_equal(packet_header_read(&r, &h), 0);
	assert_int_equal(h.flags, PACKET_TS | MODE_STARTUP);
	assert_true(chunk_next(&r, c));
	return true;
}

void write_keying(struct wr *w, struct span cookie, uint32_t isid)
{
	struct iikeying k = {.initiator_session_id = isid,
			     .cookie_echo = cookie,
			     .cert = span_of("cert", 4),
			     .skic = span_of("skic", 4),
			     .signature = span_of("X", 1)};

	assert_int_equal(iikeying_write(w, &k), 0);
}

void send_keying(struct world *w, struct span cookie, uint32_t isid)
{
	uint8_t chunks[512];
	struct wr wr = wr_over(chunks, sizeof(chunks));

	write_keying(&wr, cookie, isid);
	send_to(w, 0, 0, &wr, 0);
}

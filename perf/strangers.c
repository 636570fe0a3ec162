#include "perf/strangers.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/epd.h"
#include "crypto/packet_form.h"
#include "dataplane/wire/chunk.h"
#include "perf/bench.h"

#define PLAIN_MAX 1200

struct wire_addr stranger_addr(uint32_t i)
{
	return perf_addr(STRANGER_IP + i, STRANGER_PORT);
}

static uint32_t index_of(const struct wire_addr *a)
{
	return be32_get(a->ip) - STRANGER_IP;
}

// ---- who they are ----

static size_t certificate_write(const struct strangers *s, uint32_t i, uint8_t *out, size_t cap)
{
	uint8_t salt[CERTIFICATE_RANDOM_LEN];
	struct certificate_form form = {.extra_randomness = span_of(salt, sizeof(salt)),
					.ephemeral = &s->group,
					.n_ephemeral = 1};
	int len;

	bench_octets(salt, sizeof(salt), i);
	len = certificate_build(out, cap, &form);
	assert(len > 0);
	return (size_t)len;
}

void stranger_fingerprint(const struct strangers *s, uint32_t i, uint8_t out[FINGERPRINT_LEN])
{
	uint8_t octets[CERTIFICATE_LEN_MAX];
	struct certificate c;
	int err = certificate_read(
		&c, span_of(octets, certificate_write(s, i, octets, sizeof(octets))));

	assert(err == 0);
	memcpy(out, c.fingerprint, FINGERPRINT_LEN);
}

bool strangers_init(struct strangers *s, struct crypto *crypto, const struct random *random,
		    uint32_t n, uint8_t group, const struct identity_endpoint *near)
{
	struct certificate theirs = identity_certificate(near), own;
	struct keying_policy policy = keying_policy_default;
	uint8_t octets[CERTIFICATE_LEN_MAX];
	struct keying_near end = {.certificate = &own, .policy = &policy};

	memset(s, 0, sizeof(*s));
	policy.n_groups = 1;
	policy.groups[0] = group;
	s->crypto = crypto;
	s->group = group;
	s->n = n;
	memcpy(s->fingerprint, theirs.fingerprint, sizeof(s->fingerprint));
	crypto_expand(crypto, (const uint8_t *)CRYPTO_DEFAULT_KEY, s->seal.sched, s->open.sched);
	s->list = malloc(n * sizeof(*s->list));
	if (s->list == NULL)
		return false;
	memset(s->list, 0xff, n * sizeof(*s->list)); // has its memory from now on
	for (uint32_t i = 0; i < n; i++)
		s->list[i] = (struct stranger){0};
	return certificate_read(&own, span_of(octets, certificate_write(s, 0, octets,
									sizeof(octets)))) == 0 &&
	       keying_initiate(&s->keying, &end, &theirs, NULL, random) == 0;
}

void strangers_fini(struct strangers *s)
{
	keying_wipe(&s->keying);
	free(s->list);
	s->list = NULL;
}

// ---- what they send ----

// A plain packet under some key; returns the datagram's length.
static uint16_t seal(struct strangers *s, struct packet_form form, uint64_t sseq, const void *sched,
		     const struct hmac_keys *hmac, uint32_t id, struct span plain, uint8_t *out)
{
	struct crypto_op op = {.sched = sched,
			       .hmac = form.tag_len > 0 ? hmac : NULL,
			       .dst = out + SSID_LEN,
			       .tag_len = form.tag_len};
	size_t front = packet_form_front_write(form, op.dst, sseq);

	memcpy(op.dst + front, plain.data, plain.len);
	op.len = (uint16_t)packet_form_finish(form, op.dst, front, front + plain.len);
	crypto_seal(s->crypto, &op, 1);
	ssid_scramble(out, SSID_LEN + (size_t)op.len + op.tag_len, id);
	return (uint16_t)(SSID_LEN + op.len + op.tag_len);
}

static struct wr startup_begin(uint8_t *plain)
{
	struct wr w = wr_over(plain, PLAIN_MAX);

	wr_u8(&w, PACKET_TS | MODE_STARTUP);
	wr_u16(&w, 0x1234);
	return w;
}

static uint16_t startup_end(struct strangers *s, const struct wr *w, int err, uint8_t *out)
{
	assert(err == 0 && w->err == 0);
	return seal(s, (struct packet_form){0}, 0, s->seal.sched, NULL, 0, wr_span(w), out);
}

uint16_t stranger_asks_for(struct strangers *s, uint32_t i, const uint8_t fingerprint[32],
			   uint8_t *out)
{
	uint8_t plain[PLAIN_MAX], epd[EPD_CANONICAL_LEN], tag[TAG_LEN] = {0};
	struct wr w = startup_begin(plain);
	struct ihello hello = {span_of(epd, sizeof(epd)), span_of(tag, sizeof(tag))};

	epd_canonical(epd, fingerprint);
	be32_put(tag, i);
	return startup_end(s, &w, ihello_write(&w, &hello), out);
}

uint16_t stranger_hello(struct strangers *s, uint32_t i, uint8_t *out)
{
	return stranger_asks_for(s, i, s->fingerprint, out);
}

uint16_t stranger_keying(struct strangers *s, uint32_t i, uint8_t *out)
{
	static const uint8_t no_signature[] = {0x58}; // "X": simple, none
	uint8_t plain[PLAIN_MAX], octets[CERTIFICATE_LEN_MAX];
	struct wr w = startup_begin(plain);
	struct iikeying k = {
		.initiator_session_id = i + 1,
		.cookie_echo = span_of(s->list[i].cookie, sizeof(s->list[i].cookie)),
		.cert = span_of(octets, certificate_write(s, i, octets, sizeof(octets))),
		.skic = span_of(s->keying.component, s->keying.component_len),
		.signature = span_of(no_signature, sizeof(no_signature)),
	};

	return startup_end(s, &w, iikeying_write(&w, &k), out);
}

uint16_t stranger_alive(struct strangers *s, uint32_t i, uint8_t *out)
{
	static const uint8_t plain[] = {MODE_INITIATOR};
	struct stranger *st = &s->list[i];
	struct session_secrets near;
	struct seal_keys keys;
	struct hmac_keys hmac;

	made_secrets(&near, st->far_id);
	crypto_expand(s->crypto, near.decrypt_key, keys.sched, NULL);
	hmac_keys_expand(&hmac, near.hmac_recv_key, SHA256_LEN);
	return seal(s, near.rx, st->sseq++, keys.sched, &hmac, st->far_id,
		    span_of(plain, sizeof(plain)), out);
}

// ---- what comes ----

static void take_chunk(struct strangers *s, struct stranger *st, const struct chunk *c)
{
	struct rhello hello;
	struct rikeying keying;

	if (c->type == CHUNK_RHELLO && rhello_read(&hello, c->payload) == 0 &&
	    hello.cookie.len == sizeof(st->cookie)) {
		s->rhellos++;
		memcpy(st->cookie, hello.cookie.data, sizeof(st->cookie));
		if (st->state == STRANGER_NEW)
			st->state = STRANGER_HELLOED;
	} else if (c->type == CHUNK_RIKEYING && rikeying_read(&keying, c->payload) == 0) {
		s->rikeyings++;
		st->far_id = keying.responder_session_id;
		st->state = STRANGER_ANSWERED;
	} else if (c->type == CHUNK_REDIRECT) {
		s->redirects++;
	} else {
		s->others++;
	}
}

void strangers_take(struct strangers *s, const struct wire_addr *dst, uint8_t *data, uint16_t len)
{
	uint32_t i = index_of(dst);
	struct crypto_op op = {.sched = s->open.sched, .dst = data + SSID_LEN};
	int n = packet_form_open_check((struct packet_form){0}, (size_t)len - SSID_LEN), front = -1;
	struct packet_header h;
	struct chunk c;
	struct rd r;
	uint64_t sseq;

	if (i >= s->n)
		return;
	if (n > 0) {
		op.len = (uint16_t)n;
		crypto_open(s->crypto, &op, 1);
		front = packet_form_strip((struct packet_form){0}, op.dst, op.len, &sseq);
	}
	if (front < 0) { // under its session's keys
		s->others++;
		return;
	}
	r = rd_over(op.dst + front, op.len - (size_t)front);
	if (packet_header_read(&r, &h) != 0)
		return;
	while (chunk_next(&r, &c)) {
		if (c.type != CHUNK_PADDING_00 && c.type != CHUNK_PADDING_FF)
			take_chunk(s, &s->list[i], &c);
	}
}

#include "tests/sim/witness.h"

#include <assert.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/packet_form.h"
#include "crypto/sha.h"
#include "dataplane/wire/chunk_startup.h"
#include "dataplane/wire/packet.h"

#define COOKIE_MAX 64
// Datagrams that may be a Cookie Change with two cookies of ours; session packets that are as long
// are looked into in vain.
#define CHANGE_LEN_MIN 132
#define CHANGE_LEN_MAX 164

struct cookie {
	uint32_t host;
	struct net_addr to;
	uint8_t octets[COOKIE_MAX];
	size_t len;
};

struct earned {
	uint32_t host;
	uint8_t fingerprint[32];
};

struct witness {
	struct crypto *crypto;
	alignas(16) uint8_t sched[CRYPTO_SCHED_LEN];
	struct cookie *cookies;
	struct earned *earned;
	uint32_t n_cookies, cookies_cap, n_earned, earned_cap;
};

struct witness *witness_create(struct crypto *crypto)
{
	struct witness *w = aligned_alloc(64, (sizeof(*w) + 63) / 64 * 64);

	assert(w != NULL);
	memset(w, 0, sizeof(*w));
	w->crypto = crypto;
	crypto_expand(crypto, (const uint8_t *)CRYPTO_DEFAULT_KEY, NULL, w->sched);
	return w;
}

void witness_destroy(struct witness *w)
{
	free(w->cookies);
	free(w->earned);
	free(w);
}

static void *push(void **array, uint32_t *n, uint32_t *cap, size_t size)
{
	if (*n == *cap) {
		*cap = *cap != 0 ? 2 * *cap : 16;
		*array = realloc(*array, *cap * size);
		assert(*array != NULL);
	}
	return (uint8_t *)*array + (*n)++ * size;
}

// The first chunk of that type in a packet under the default key, to session 0 or (Cookie Change)
// to another. False: it has none, or is no such packet.
static bool find_chunk(struct witness *w, const uint8_t *data, uint16_t len, uint8_t type,
		       uint8_t buf[2048], struct chunk *c)
{
	struct packet_form form = {0};
	struct crypto_op op = {.sched = w->sched, .dst = buf};
	struct packet_header h;
	uint64_t sseq;
	uint32_t id;
	int front, n;
	struct rd r;

	if (ssid_unscramble(data, len, &id) != 0 || len > 2048 ||
	    (id != 0) != (type == CHUNK_COOKIE_CHANGE))
		return false;
	n = packet_form_open_check(form, len - SSID_LEN);
	if (n < 0)
		return false;
	memcpy(buf, data + SSID_LEN, len - SSID_LEN);
	op.len = (uint16_t)n;
	if (crypto_open(w->crypto, &op, 1) != 1)
		return false;
	front = packet_form_strip(form, buf, op.len, &sseq);
	if (front < 0)
		return false;
	r = rd_over(buf + front, op.len - (size_t)front);
	if (packet_header_read(&r, &h) != 0)
		return false;
	while (chunk_next(&r, c))
		if (c->type == type)
			return true;
	return false;
}

bool witness_is_hello(struct witness *w, const uint8_t *data, uint16_t len)
{
	uint8_t buf[2048];
	struct chunk c;

	return find_chunk(w, data, len, CHUNK_IHELLO, buf, &c);
}

static void give(struct witness *w, uint32_t host, struct net_addr to, struct span cookie)
{
	struct cookie *k = push((void **)&w->cookies, &w->n_cookies, &w->cookies_cap, sizeof(*k));

	assert(cookie.len <= COOKIE_MAX);
	*k = (struct cookie){.host = host, .to = to, .len = cookie.len};
	memcpy(k->octets, cookie.data, cookie.len);
}

void witness_sent(struct witness *w, uint32_t host, struct net_addr dst, const uint8_t *data,
		  uint16_t len)
{
	struct cookie_change change;
	uint8_t buf[2048];
	struct rhello h;
	struct chunk c;

	if (find_chunk(w, data, len, CHUNK_RHELLO, buf, &c) && rhello_read(&h, c.payload) == 0)
		give(w, host, dst, h.cookie);
	if (len >= CHANGE_LEN_MIN && len <= CHANGE_LEN_MAX &&
	    find_chunk(w, data, len, CHUNK_COOKIE_CHANGE, buf, &c) &&
	    cookie_change_read(&change, c.payload) == 0)
		give(w, host, dst, change.new_cookie);
}

// The latest first: a cookie comes back soon, and there are hundreds a virtual minute.
static bool was_given(const struct witness *w, uint32_t host, struct net_addr to,
		      struct span cookie)
{
	for (uint32_t i = w->n_cookies; i-- > 0;) {
		const struct cookie *k = &w->cookies[i];

		if (k->host == host && k->to.ip == to.ip && k->to.port == to.port &&
		    k->len == cookie.len && memcmp(k->octets, cookie.data, cookie.len) == 0)
			return true;
	}
	return false;
}

void witness_delivered(struct witness *w, uint32_t host, struct net_addr src, const uint8_t *data,
		       uint16_t len)
{
	uint8_t buf[2048];
	struct iikeying k;
	struct earned *e;
	struct chunk c;

	if (!find_chunk(w, data, len, CHUNK_IIKEYING, buf, &c) ||
	    iikeying_read(&k, c.payload) != 0 || !was_given(w, host, src, k.cookie_echo))
		return;
	e = push((void **)&w->earned, &w->n_earned, &w->earned_cap, sizeof(*e));
	e->host = host;
	sha256(k.cert.data, k.cert.len, e->fingerprint);
}

bool witness_earned(const struct witness *w, uint32_t host, const uint8_t fingerprint[32])
{
	for (uint32_t i = 0; i < w->n_earned; i++)
		if (w->earned[i].host == host &&
		    memcmp(w->earned[i].fingerprint, fingerprint, 32) == 0)
			return true;
	return false;
}

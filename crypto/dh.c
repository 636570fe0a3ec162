#include <errno.h>
#include <pthread.h>
#include <string.h>

#include <openssl/bn.h>

#include "crypto/dh.h"
#include "crypto/sha.h"

#define MARGIN_BITS 24 // 2^24 <= y <= p - 2^24
#define ONES_MIN    16
#define ZEROS_MIN   16

/*
 * Exponents are short: in these groups, whose order has no small factor but 2, an exponent of twice
 * the group's strength is as good as a full one and four to eight times faster (RFC 7919 5.2,
 * RFC 3526 8). Group 2 is good for 80 bits or fewer, 5 for 90, 14 for 112, 16 for 150; the RFC 7425
 * gives no length, so ours have some room.
 */
static const struct group {
	uint8_t id;
	uint16_t prime_len, exponent_len; // octets
	BIGNUM *(*prime)(BIGNUM *);
} groups[] = {
	{DH_GROUP_2, 128, 32, BN_get_rfc2409_prime_1024},
	{DH_GROUP_5, 192, 40, BN_get_rfc3526_prime_1536},
	{DH_GROUP_14, 256, 40, BN_get_rfc3526_prime_2048},
	{DH_GROUP_16, 512, 60, BN_get_rfc3526_prime_4096},
};

#define N_GROUPS (sizeof(groups) / sizeof(groups[0]))

static const struct group *group_of(uint64_t id)
{
	for (size_t i = 0; i < N_GROUPS; i++)
		if (groups[i].id == id)
			return &groups[i];
	return NULL;
}

/*
 * What OpenSSL must know of a prime before it multiplies modulo it. Nobody can write that down as a
 * constant, since the struct is closed, and making it takes 8 us of group 2's exponentiation of
 * 100. So it is made once, before anybody looks, and never changes: many threads share it.
 */
static struct modulus {
	BIGNUM *prime;
	BN_MONT_CTX *mont;             // NULL: there was no memory
	uint8_t octets[DH_PUBLIC_MAX]; // the prime
} moduli[N_GROUPS];

static void moduli_make(void)
{
	BN_CTX *ctx = BN_CTX_new();

	for (size_t i = 0; ctx != NULL && i < N_GROUPS; i++) {
		struct modulus *m = &moduli[i];

		m->prime = groups[i].prime(NULL);
		m->mont = BN_MONT_CTX_new();
		if (m->prime != NULL && m->mont != NULL &&
		    BN_MONT_CTX_set(m->mont, m->prime, ctx) == 1 &&
		    BN_bn2binpad(m->prime, m->octets, groups[i].prime_len) > 0)
			continue;
		BN_MONT_CTX_free(m->mont);
		m->mont = NULL;
	}
	BN_CTX_free(ctx);
}

// NULL: no memory.
static const struct modulus *modulus_of(const struct group *g)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	const struct modulus *m = &moduli[g - groups];

	pthread_once(&once, moduli_make);
	return m->mont != NULL ? m : NULL;
}

bool dh_group_is_known(uint64_t group)
{
	return group_of(group) != NULL;
}

size_t dh_group_len(uint64_t group)
{
	const struct group *g = group_of(group);

	return g != NULL ? g->prime_len : 0;
}

int dh_group_prime(uint64_t group, uint8_t *out)
{
	const struct group *g = group_of(group);
	const struct modulus *m;

	if (g == NULL)
		return -ENOTSUP;
	m = modulus_of(g);
	if (m == NULL)
		return -ENOMEM;
	memcpy(out, m->octets, g->prime_len);
	return 0;
}

// ---- exponentiation ----

// The numbers of one exponentiation, allocated and freed together.
struct numbers {
	BN_CTX *ctx;
	BIGNUM *base, *exponent, *result;
};

static void numbers_free(struct numbers *n)
{
	BN_clear_free(n->result);
	BN_clear_free(n->exponent);
	BN_free(n->base);
	BN_CTX_free(n->ctx);
}

static int numbers_alloc(struct numbers *n)
{
	n->ctx = BN_CTX_secure_new();
	n->base = BN_new();
	n->exponent = BN_secure_new();
	n->result = BN_secure_new();
	if (n->ctx != NULL && n->base != NULL && n->exponent != NULL && n->result != NULL)
		return 0;
	numbers_free(n);
	return -ENOMEM;
}

/*
 * base^exponent mod p into out, without leading zeros. Its time depends on the exponent's length
 * alone; that the result's length shows is the profile's doing. EVP_PKEY_derive would do the same
 * behind a validation by a full-length exponentiation, ten times the work, and pads.
 */
static int power(const struct group *g, const uint8_t *base, size_t base_len,
		 const uint8_t *exponent, size_t exponent_len, uint8_t *out, uint16_t *out_len)
{
	const struct modulus *m = modulus_of(g);
	struct numbers n;
	int err = m != NULL ? numbers_alloc(&n) : -ENOMEM;

	if (err != 0)
		return err;
	if (BN_bin2bn(base, (int)base_len, n.base) == NULL ||
	    BN_bin2bn(exponent, (int)exponent_len, n.exponent) == NULL) {
		err = -ENOMEM;
		goto out;
	}
	BN_set_flags(n.exponent, BN_FLG_CONSTTIME);
	if (BN_mod_exp_mont_consttime(n.result, n.base, n.exponent, m->prime, n.ctx, m->mont) !=
	    1) {
		err = -ENOMEM;
		goto out;
	}
	*out_len = (uint16_t)BN_bn2bin(n.result, out);
out:
	numbers_free(&n);
	return err;
}

static int public_compute(struct dh_key *key, const struct group *g)
{
	static const uint8_t generator = 2;

	key->public_len = 0;
	return power(g, &generator, 1, key->exponent, key->exponent_len, key->public_key,
		     &key->public_len);
}

// ---- keys ----

int dh_key_generate(struct dh_key *key, uint64_t group, const struct random *rng)
{
	const struct group *g = group_of(group);
	int err;

	if (g == NULL)
		return -ENOTSUP;
	memset(key, 0, sizeof(*key));
	key->group = g->id;
	key->exponent_len = g->exponent_len;
	do {
		random_fill(rng, key->exponent, g->exponent_len);
		key->exponent[0] |= 0x80; // every exponent takes the same time
		err = public_compute(key, g);
	} while (err == 0 && (key->public_len != g->prime_len ||
			      dh_public_check(group, key->public_key, key->public_len) != 0));
	return err;
}

int dh_key_from_exponent(struct dh_key *key, uint64_t group, const uint8_t *exponent, size_t len)
{
	const struct group *g = group_of(group);
	int err;

	if (g == NULL)
		return -ENOTSUP;
	if (len == 0 || len > sizeof(key->exponent))
		return -EINVAL;
	memset(key, 0, sizeof(*key));
	key->group = g->id;
	key->exponent_len = (uint16_t)len;
	memcpy(key->exponent, exponent, len);
	err = public_compute(key, g);
	if (err == 0 && dh_public_check(group, key->public_key, key->public_len) != 0)
		err = -EINVAL;
	return err;
}

// ---- the far key ----

// Compares big-endian numbers of which neither begins with a zero octet.
static int number_compare(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len)
{
	if (a_len != b_len)
		return a_len < b_len ? -1 : 1;
	return memcmp(a, b, a_len);
}

static bool range_is_good(uint64_t group, const uint8_t *y, size_t len)
{
	static const uint8_t least[] = {0x01, 0, 0, 0}; // 2^24
	uint8_t most[DH_PUBLIC_MAX];
	size_t prime_len = dh_group_len(group);

	if (dh_group_prime(group, most) != 0)
		return false;
	// p - 2^24: all our primes end with 64 one bits, so one octet changes and nothing is
	// borrowed.
	most[prime_len - 1 - MARGIN_BITS / 8] -= 1;
	return number_compare(y, len, least, sizeof(least)) >= 0 &&
	       number_compare(y, len, most, prime_len) <= 0;
}

static unsigned count_ones(const uint8_t *octets, size_t len)
{
	unsigned ones = 0;
	uint64_t word;

	for (; len >= sizeof(word); octets += sizeof(word), len -= sizeof(word)) {
		memcpy(&word, octets, sizeof(word));
		ones += (unsigned)__builtin_popcountll(word);
	}
	while (len > 0)
		ones += (unsigned)__builtin_popcount(octets[--len]);
	return ones;
}

int dh_public_check(uint64_t group, const uint8_t *y, size_t len)
{
	unsigned ones, bits;

	if (group_of(group) == NULL)
		return -ENOTSUP;
	while (len > 0 && y[0] == 0) {
		y++;
		len--;
	}
	if (len == 0 || !range_is_good(group, y, len))
		return -EBADMSG;
	ones = count_ones(y, len);
	bits = (unsigned)len * 8 - (unsigned)__builtin_clz(y[0]) + 24; // an octet is 24 bits short
	return ones >= ONES_MIN && bits - ones >= ZEROS_MIN ? 0 : -EBADMSG;
}

int dh_secret_compute(const struct dh_key *near, const uint8_t *far, size_t far_len,
		      struct dh_secret *secret)
{
	int err = dh_public_check(near->group, far, far_len);

	secret->len = 0;
	if (err != 0)
		return err;
	return power(group_of(near->group), far, far_len, near->exponent, near->exponent_len,
		     secret->octets, &secret->len);
}

void dh_key_wipe(struct dh_key *key)
{
	octets_wipe(key, sizeof(*key));
}

void dh_secret_wipe(struct dh_secret *secret)
{
	octets_wipe(secret, sizeof(*secret));
}

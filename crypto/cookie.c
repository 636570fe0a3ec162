#include <assert.h>
#include <string.h>

#include "crypto/cookie.h"
#include "dataplane/wire/cursor.h"

#define TIME_LEN  4
#define OURS_LEN  28 // HMAC cut: "made here"
#define BOUND_LEN 32 // whole HMAC: "for this address"

#define EPOCH_SHIFT 31
#define TIME_MASK   0x7fffffffu

// Time in ticks of 4.1 ms: two cookies of one glare must not look equally old.
#define TICK_SHIFT     12
#define TICKS_OF_S(s)  ((uint32_t)((s)*UINT64_C(1000000) >> TICK_SHIFT) + 1)
#define LIFETIME_TICKS TICKS_OF_S(COOKIE_LIFETIME_S)

// A verifier's clock may be behind the maker's by a turn of its worker.
#define SKEW_TICKS TICKS_OF_S(1)

// What the two HMACs are over differs in its first octet, so one can never stand for the other.
#define LABEL_OURS  0x01
#define LABEL_BOUND 0x02

static_assert(TIME_LEN + OURS_LEN == COOKIE_OURS_LEN && COOKIE_OURS_LEN + BOUND_LEN == COOKIE_LEN,
	      "the parts fill the cookie");
static_assert(COOKIE_LIFETIME_S * 1000 >= COOKIE_LIFE_MIN_MS, "not to expire earlier");
static_assert(1 + TIME_LEN + COOKIE_ADDRESS_MAX < 56, "one block of SHA-256 holds the longest");

void cookie_secrets_init(struct cookie_secrets *s, const uint8_t secret[COOKIE_SECRET_LEN])
{
	hmac_keys_expand(&s->epoch[0], secret, COOKIE_SECRET_LEN);
	s->epoch[1] = s->epoch[0];
	s->current = 0;
	s->has_ours = false;
}

void cookie_secrets_advance(struct cookie_secrets *s, const uint8_t secret[COOKIE_SECRET_LEN])
{
	s->current ^= 1;
	s->has_ours = false;
	hmac_keys_expand(&s->epoch[s->current], secret, COOKIE_SECRET_LEN);
}

static void mac(uint8_t out[SHA256_LEN], const struct hmac_keys *keys, uint8_t label,
		const uint8_t stamp[TIME_LEN], struct span address)
{
	uint8_t message[1 + TIME_LEN + COOKIE_ADDRESS_MAX];

	assert(address.len <= COOKIE_ADDRESS_MAX);
	message[0] = label;
	memcpy(message + 1, stamp, TIME_LEN);
	if (address.len > 0)
		memcpy(message + 1 + TIME_LEN, address.data, address.len);
	hmac_sha256_with(keys, message, 1 + TIME_LEN + address.len, out);
}

static uint32_t ticks_of(uint64_t us)
{
	return (uint32_t)(us >> TICK_SHIFT) & TIME_MASK;
}

static void make_ours(struct cookie_secrets *s, uint64_t now_us)
{
	uint8_t stamp[TIME_LEN], whole[SHA256_LEN];

	be32_put(stamp, (uint32_t)s->current << EPOCH_SHIFT | ticks_of(now_us));
	if (s->has_ours && memcmp(s->ours, stamp, TIME_LEN) == 0)
		return;
	mac(whole, &s->epoch[s->current], LABEL_OURS, stamp, span_of(NULL, 0));
	memcpy(s->ours, stamp, TIME_LEN);
	memcpy(s->ours + TIME_LEN, whole, OURS_LEN);
	s->has_ours = true;
}

void cookie_make(uint8_t out[COOKIE_LEN], struct cookie_secrets *s, uint64_t now_us,
		 struct span address)
{
	make_ours(s, now_us);
	memcpy(out, s->ours, COOKIE_OURS_LEN);
	mac(out + COOKIE_OURS_LEN, &s->epoch[s->current], LABEL_BOUND, out, address);
}

enum cookie_verdict cookie_verify(const struct cookie_secrets *s, uint64_t now_us,
				  struct span cookie, struct span address)
{
	const struct hmac_keys *keys;
	uint8_t want[SHA256_LEN];
	uint32_t stamp, age;

	if (cookie.len != COOKIE_LEN)
		return COOKIE_FOREIGN;
	stamp = be32_get(cookie.data);
	keys = &s->epoch[stamp >> EPOCH_SHIFT];
	mac(want, keys, LABEL_OURS, cookie.data, span_of(NULL, 0));
	if (!octets_equal(want, cookie.data + TIME_LEN, OURS_LEN))
		return COOKIE_FOREIGN;
	age = (ticks_of(now_us) + SKEW_TICKS - stamp) &
	      TIME_MASK; // from the future: huge, so expired
	if (age > LIFETIME_TICKS + SKEW_TICKS)
		return COOKIE_EXPIRED;
	mac(want, keys, LABEL_BOUND, cookie.data, address);
	if (!octets_equal(want, cookie.data + TIME_LEN + OURS_LEN, BOUND_LEN))
		return COOKIE_OTHER_ADDRESS;
	return COOKIE_GOOD;
}

bool cookie_is_from_before(struct span cookie, uint64_t at_us)
{
	uint32_t earlier;

	if (cookie.len != COOKIE_LEN)
		return false;
	earlier = (ticks_of(at_us) - be32_get(cookie.data)) & TIME_MASK;
	return earlier > 0 && earlier <= LIFETIME_TICKS + SKEW_TICKS; // else it would not be good
}

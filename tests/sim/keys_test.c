// The declared test keys are cheap, but they fail where real ones fail.
#include <errno.h>
#include <string.h>

#include "crypto/checksum.h"
#include "crypto/packet_form.h"
#include "tests/sim/seeds.h"
#include "tests/sim/test_cipher.h"
#include "tests/sim/test_dh.h"
#include "tests/support/test.h"

#define LEN 96 // of the plain packets here, a whole number of blocks with any front

struct direction {
	struct seal_keys seal;
	struct open_keys open;
	struct hmac_keys hmac;
};

static struct direction direction(struct crypto *c, const char *key)
{
	struct direction d;
	uint8_t hmac_key[CRYPTO_HMAC_KEY_LEN] = {0};

	memcpy(hmac_key, key, CRYPTO_KEY_LEN);
	crypto_expand(c, (const uint8_t *)key, d.seal.sched, d.open.sched);
	crypto_hmac_expand(c, hmac_key, &d.hmac);
	return d;
}

// A packet of this form under these keys: len octets of ciphertext and tag.
static size_t seal(struct crypto *c, const struct direction *d, uint8_t tag_len, uint8_t *buf)
{
	struct packet_form form = {.tag_len = tag_len};
	size_t front = packet_form_front_write(form, buf, 0);
	struct crypto_op op = {.sched = d->seal.sched,
			       .hmac = tag_len > 0 ? &d->hmac : NULL,
			       .dst = buf,
			       .tag_len = tag_len};

	for (size_t i = front; i < LEN; i++)
		buf[i] = (uint8_t)(i * 7);
	op.len = (uint16_t)packet_form_finish(form, buf, front, LEN);
	crypto_seal(c, &op, 1);
	return (size_t)op.len + tag_len;
}

// As an engine opens it: true, if it is taken for a whole packet.
static bool opens(struct crypto *c, const struct direction *d, uint8_t tag_len,
		  const uint8_t *whole, size_t len, uint8_t *plain)
{
	struct packet_form form = {.tag_len = tag_len};
	int sealed_len = packet_form_open_check(form, len);
	struct crypto_op op = {.sched = d->open.sched,
			       .hmac = tag_len > 0 ? &d->hmac : NULL,
			       .dst = plain,
			       .len = (uint16_t)sealed_len,
			       .tag_len = tag_len};
	uint64_t sseq;

	if (sealed_len < 0)
		return false;
	memcpy(plain, whole, len);
	return crypto_open(c, &op, 1) == 1 &&
	       packet_form_strip(form, plain, (size_t)sealed_len, &sseq) >= 0;
}

static const uint8_t tag_lens[] = {0, 4, 10, 32}; // 0: a checksum

static void packets_come_back_whole(void **state)
{
	struct crypto *c = test_cipher_create();
	struct direction d = direction(c, "sixteen octets..");
	uint8_t whole[2 * LEN], plain[2 * LEN];

	for (unsigned t = 0; t < ARRAY_LEN(tag_lens); t++) {
		size_t len = seal(c, &d, tag_lens[t], whole);

		assert_int_equal(len, LEN + tag_lens[t]); // RFC 7425 4.7: no longer than AES's
		assert_true(opens(c, &d, tag_lens[t], whole, len, plain));
		for (size_t i = PACKET_CHECKSUM_LEN; i < LEN; i++) {
			assert_int_equal(plain[i], (uint8_t)(i * 7));
			assert_true(i < 8 || memcmp(whole + i - 8, plain + i - 8, 8) != 0);
		}
	}
	crypto_destroy(c);
}

static void the_tail_lies_elsewhere(void **state)
{
	struct crypto *c = test_cipher_create();
	struct direction d = direction(c, "sixteen octets..");
	uint8_t plain[LEN], one[LEN], two[LEN];

	for (size_t i = 0; i < LEN; i++)
		plain[i] = (uint8_t)i;
	memcpy(one, plain, LEN);
	crypto_seal(c, &(struct crypto_op){.sched = d.seal.sched, .dst = one, .len = LEN}, 1);
	for (uint16_t head = 16; head <= 48; head += 16) {
		memset(two, 0, LEN);
		memcpy(two, plain, head);
		crypto_seal(c,
			    &(struct crypto_op){.sched = d.seal.sched,
						.dst = two,
						.tail = plain + head,
						.head_len = head,
						.len = LEN},
			    1);
		assert_memory_equal(one, two, LEN);
	}
	crypto_destroy(c);
}

static void what_was_changed_is_found_out(void **state)
{
	struct crypto *c = test_cipher_create();
	struct direction d = direction(c, "sixteen octets..");
	uint8_t whole[2 * LEN], plain[2 * LEN];

	for (unsigned t = 0; t < ARRAY_LEN(tag_lens); t++) {
		size_t len = seal(c, &d, tag_lens[t], whole);

		for (size_t bit = 0; bit < 8 * len; bit++) {
			whole[bit / 8] ^= 1u << bit % 8;
			assert_false(opens(c, &d, tag_lens[t], whole, len, plain));
			whole[bit / 8] ^= 1u << bit % 8;
		}
		for (size_t cut = 1; cut <= len; cut++)
			assert_false(opens(c, &d, tag_lens[t], whole, len - cut, plain));
		assert_true(opens(c, &d, tag_lens[t], whole, len, plain));
	}
	crypto_destroy(c);
}

static void other_keys_open_nothing(void **state)
{
	struct crypto *c = test_cipher_create();
	struct direction d = direction(c, "sixteen octets.."), other;
	uint8_t whole[2 * LEN], plain[2 * LEN];
	char key[] = "sixteen octets..";

	for (unsigned t = 0; t < ARRAY_LEN(tag_lens); t++) {
		size_t len = seal(c, &d, tag_lens[t], whole);

		for (unsigned bit = 0; bit < 8 * CRYPTO_KEY_LEN; bit++) {
			key[bit / 8] ^= (char)(1u << bit % 8);
			other = direction(c, key);
			assert_false(opens(c, &other, tag_lens[t], whole, len, plain));
			key[bit / 8] ^= (char)(1u << bit % 8);
		}
	}
	crypto_destroy(c);
}

// ---- Diffie-Hellman ----

static const uint8_t groups[] = {DH_GROUP_2, DH_GROUP_5, DH_GROUP_14, DH_GROUP_16};

static void both_ends_come_to_one_secret(void **state)
{
	struct random_state random_state;
	struct random real = random_seeded(&random_state, 1), random = test_dh_random(&real);
	struct dh_key a, b;
	struct dh_secret ab, ba;

	for (unsigned g = 0; g < ARRAY_LEN(groups); g++)
		for (unsigned i = 0; i < 300; i++) {
			assert_int_equal(dh_key_generate(&a, groups[g], &random), 0);
			assert_int_equal(dh_key_generate(&b, groups[g], &random), 0);
			assert_int_equal(a.public_len, dh_group_len(groups[g]));
			// Whoever has the real code only takes it for a key.
			assert_int_equal(dh_public_check(groups[g], a.public_key, a.public_len), 0);
			assert_int_equal(dh_secret_compute(&a, b.public_key, b.public_len, &ab), 0);
			assert_int_equal(dh_secret_compute(&b, a.public_key, a.public_len, &ba), 0);
			assert_int_equal(ab.len, ba.len);
			assert_memory_equal(ab.octets, ba.octets, ab.len);
			assert_true(ab.len >= a.public_len - 3u && ab.octets[0] != 0);
		}
}

static void a_changed_key_comes_to_another_secret(void **state)
{
	struct random_state random_state;
	struct random real = random_seeded(&random_state, 2), random = test_dh_random(&real);
	struct dh_key a, b;
	struct dh_secret ab, ba;

	assert_int_equal(dh_key_generate(&a, DH_GROUP_2, &random), 0);
	assert_int_equal(dh_key_generate(&b, DH_GROUP_2, &random), 0);
	assert_int_equal(dh_secret_compute(&b, a.public_key, a.public_len, &ba), 0);
	for (unsigned bit = 0; bit < 8u * b.public_len; bit++) {
		b.public_key[bit / 8] ^= 1u << bit % 8;
		if (dh_secret_compute(&a, b.public_key, b.public_len, &ab) == 0)
			assert_true(ab.len != ba.len || memcmp(ab.octets, ba.octets, ab.len) != 0);
		b.public_key[bit / 8] ^= 1u << bit % 8;
	}
	assert_int_equal(dh_secret_compute(&a, b.public_key, b.public_len - 1u, &ab), -EBADMSG);
	assert_int_equal(dh_key_generate(&a, 3, &random), -ENOTSUP);
}

// What is not made from test_dh_random is what crypto/dh.c makes, and the two do not mix.
static void real_keys_stay_real(void **state)
{
	struct random_state random_state;
	struct random real = random_seeded(&random_state, 3), random = test_dh_random(&real);
	struct dh_key a, b, again, stand_in;
	struct dh_secret ab, ba;

	assert_int_equal(dh_key_generate(&a, DH_GROUP_2, &real), 0);
	assert_int_equal(dh_key_generate(&b, DH_GROUP_2, &real), 0);
	assert_int_equal(dh_key_generate(&stand_in, DH_GROUP_2, &random), 0);
	assert_int_equal(dh_key_from_exponent(&again, DH_GROUP_2, a.exponent, a.exponent_len), 0);
	assert_memory_equal(a.public_key, again.public_key, a.public_len);
	assert_int_equal(dh_secret_compute(&a, b.public_key, b.public_len, &ab), 0);
	assert_int_equal(dh_secret_compute(&b, a.public_key, a.public_len, &ba), 0);
	assert_int_equal(ab.len, ba.len);
	assert_memory_equal(ab.octets, ba.octets, ab.len);
	assert_int_equal(dh_secret_compute(&a, stand_in.public_key, stand_in.public_len, &ab), 0);
	assert_int_equal(dh_secret_compute(&stand_in, a.public_key, a.public_len, &ba), 0);
	assert_true(ab.len != ba.len || memcmp(ab.octets, ba.octets, ab.len) != 0);
}

// ---- which seed has which ----

static void leave_keys(const struct sim_run *r)
{
	*(bool *)r->figures = r->has_test_keys;
}

static void one_seed_of_ten_has_real_keys(void **state)
{
	struct sim_scenario s = {.test = "keys",
				 .scenario = "which keys",
				 .n_seeds = 40,
				 .n_soak = 1,
				 .pool = *state,
				 .run = leave_keys,
				 .figures_len = sizeof(bool)};
	uint32_t n;

	for (s.keys = SIM_KEYS_MIXED; s.keys <= SIM_KEYS_TEST; s.keys++) {
		bool *has_test_keys = sim_each_seed(&s, &n);

		for (uint32_t i = 0; i < n && n == s.n_seeds; i++)
			assert_int_equal(has_test_keys[i],
					 s.keys == SIM_KEYS_TEST ||
						 (s.keys == SIM_KEYS_MIXED && (i + 1) % 10 != 1));
		sim_figures_free(&s, has_test_keys, n);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packets_come_back_whole),
		cmocka_unit_test(the_tail_lies_elsewhere),
		cmocka_unit_test(what_was_changed_is_found_out),
		cmocka_unit_test(other_keys_open_nothing),
		cmocka_unit_test(both_ends_come_to_one_secret),
		cmocka_unit_test(a_changed_key_comes_to_another_secret),
		cmocka_unit_test(real_keys_stay_real),
		cmocka_unit_test(one_seed_of_ten_has_real_keys),
	};

	return cmocka_run_group_tests(tests, sim_setup, sim_teardown);
}

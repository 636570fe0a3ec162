#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "crypto/dh.h"

static const uint8_t groups[] = {DH_GROUP_2, DH_GROUP_5, DH_GROUP_14, DH_GROUP_16};

static void both_ends_compute_the_same_secret(void **state)
{
	struct random_state rs;
	struct random rng = random_seeded(&rs, 31);

	for (unsigned i = 0; i < sizeof(groups); i++) {
		struct dh_secret sa, sb;
		struct dh_key a, b;

		assert_int_equal(dh_key_generate(&a, groups[i], &rng), 0);
		assert_int_equal(dh_key_generate(&b, groups[i], &rng), 0);
		assert_int_equal(dh_secret_compute(&a, b.public_key, b.public_len, &sa), 0);
		assert_int_equal(dh_secret_compute(&b, a.public_key, a.public_len, &sb), 0);
		assert_true(sa.len > 0 && sa.len == sb.len && sa.octets[0] != 0);
		assert_memory_equal(sa.octets, sb.octets, sa.len);
	}
}

// Old peers take 128 octets, or 127, but not 126; so ours are never short.
static void our_public_keys_have_the_full_length(void **state)
{
	struct random_state rs;
	struct random rng = random_seeded(&rs, 32);
	struct dh_key key;

	for (unsigned i = 0; i < 600; i++) { // two short ones among them if nobody looked
		assert_int_equal(dh_key_generate(&key, DH_GROUP_2, &rng), 0);
		assert_int_equal(key.public_len, 128);
		assert_true(key.public_key[0] != 0);
		assert_true(key.exponent[0] >= 0x80);
		assert_true(key.exponent_len * 8 >= 256);
	}
}

static void exponents_are_longer_where_the_group_is(void **state)
{
	static const uint16_t bits[] = {256, 320, 320, 480};
	struct random rng = random_system();
	struct dh_key key;

	for (unsigned i = 0; i < sizeof(groups); i++) {
		assert_int_equal(dh_key_generate(&key, groups[i], &rng), 0);
		assert_int_equal(key.exponent_len * 8, bits[i]);
		assert_int_equal(key.public_len, dh_group_len(groups[i]));
	}
}

static void an_exponent_gives_its_key_again(void **state)
{
	struct random rng = random_system();
	struct dh_key key, again;

	assert_int_equal(dh_key_generate(&key, DH_GROUP_14, &rng), 0);
	assert_int_equal(dh_key_from_exponent(&again, DH_GROUP_14, key.exponent, key.exponent_len),
			 0);
	assert_int_equal(again.public_len, key.public_len);
	assert_memory_equal(again.public_key, key.public_key, key.public_len);
}

static void useless_exponents_are_refused(void **state)
{
	uint8_t zero[32] = {0}, one[1] = {1}, long_one[DH_EXPONENT_MAX + 1] = {1};
	struct dh_key key;

	assert_int_equal(dh_key_from_exponent(&key, DH_GROUP_2, zero, sizeof(zero)), -EINVAL);
	assert_int_equal(dh_key_from_exponent(&key, DH_GROUP_2, one, sizeof(one)), -EINVAL);
	assert_int_equal(dh_key_from_exponent(&key, DH_GROUP_2, zero, 0), -EINVAL);
	assert_int_equal(dh_key_from_exponent(&key, DH_GROUP_2, long_one, sizeof(long_one)),
			 -EINVAL);
	assert_int_equal(dh_key_from_exponent(&key, 1, one, sizeof(one)), -ENOTSUP);
}

static void unknown_groups_are_unknown(void **state)
{
	static const uint64_t unknown[] = {0, 1, 3, 15, 17, 256 + 2, UINT64_MAX};
	struct random rng = random_system();
	uint8_t y[128] = {1}, prime[DH_PUBLIC_MAX];
	struct dh_key key;

	for (unsigned i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
		assert_false(dh_group_is_known(unknown[i]));
		assert_int_equal(dh_group_len(unknown[i]), 0);
		assert_int_equal(dh_group_prime(unknown[i], prime), -ENOTSUP);
		assert_int_equal(dh_key_generate(&key, unknown[i], &rng), -ENOTSUP);
		assert_int_equal(dh_public_check(unknown[i], y, sizeof(y)), -ENOTSUP);
	}
}

static void bad_far_keys_yield_no_secret(void **state)
{
	struct random rng = random_system();
	uint8_t one[128] = {0}, huge[1024];
	struct dh_secret secret;
	struct dh_key key;

	one[127] = 1;
	memset(huge, 0xa5, sizeof(huge));
	assert_int_equal(dh_key_generate(&key, DH_GROUP_2, &rng), 0);
	assert_int_equal(dh_secret_compute(&key, one, sizeof(one), &secret), -EBADMSG);
	assert_int_equal(dh_secret_compute(&key, huge, sizeof(huge), &secret), -EBADMSG);
	assert_int_equal(dh_secret_compute(&key, huge, 129, &secret), -EBADMSG);
	assert_int_equal(dh_secret_compute(&key, NULL, 0, &secret), -EBADMSG);
}

// "Do not rely on a fixed length": zeros before a key change nothing.
static void leading_zeros_of_a_far_key_do_not_matter(void **state)
{
	struct random rng = random_system();
	struct dh_secret plain, padded;
	uint8_t far[200] = {0};
	struct dh_key a, b;

	assert_int_equal(dh_key_generate(&a, DH_GROUP_2, &rng), 0);
	assert_int_equal(dh_key_generate(&b, DH_GROUP_2, &rng), 0);
	memcpy(far + sizeof(far) - b.public_len, b.public_key, b.public_len);
	assert_int_equal(dh_secret_compute(&a, b.public_key, b.public_len, &plain), 0);
	assert_int_equal(dh_secret_compute(&a, far, sizeof(far), &padded), 0);
	assert_int_equal(plain.len, padded.len);
	assert_memory_equal(plain.octets, padded.octets, plain.len);
}

static void a_wiped_key_holds_nothing(void **state)
{
	struct random rng = random_system();
	struct dh_key key, nothing;

	memset(&nothing, 0, sizeof(nothing));
	assert_int_equal(dh_key_generate(&key, DH_GROUP_2, &rng), 0);
	dh_key_wipe(&key);
	assert_memory_equal(&key, &nothing, sizeof(key));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_ends_compute_the_same_secret),
		cmocka_unit_test(our_public_keys_have_the_full_length),
		cmocka_unit_test(exponents_are_longer_where_the_group_is),
		cmocka_unit_test(an_exponent_gives_its_key_again),
		cmocka_unit_test(useless_exponents_are_refused),
		cmocka_unit_test(unknown_groups_are_unknown),
		cmocka_unit_test(bad_far_keys_yield_no_secret),
		cmocka_unit_test(leading_zeros_of_a_far_key_do_not_matter),
		cmocka_unit_test(a_wiped_key_holds_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

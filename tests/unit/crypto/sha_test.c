#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "crypto/sha.h"
#include "tests/unit/crypto/hex.h"

static void sha256_is_fips_180s(void **state)
{
	uint8_t got[SHA256_LEN], want[SHA256_LEN];

	sha256("abc", 3, got);
	hex_read(want, 32, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	assert_memory_equal(got, want, 32);
	sha256("", 0, got);
	hex_read(want, 32, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	assert_memory_equal(got, want, 32);
}

// RFC 4231; key and message are `count` times one octet where they are not text.
static const struct hmac_case {
	const char *what, *key_hex;
	uint8_t key_octet;
	size_t key_count;
	const char *message;
	const char *want;
} hmac_cases[] = {
	{"case 1: short key", NULL, 0x0b, 20, "Hi There",
	 "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
	{"case 2: key shorter than the hash", "4a656665", 0, 0, "what do ya want for nothing?",
	 "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
	{"case 6: key longer than a block is hashed first", NULL, 0xaa, 131,
	 "Test Using Larger Than Block-Size Key - Hash Key First",
	 "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
	{"case 7: and a long message", NULL, 0xaa, 131,
	 "This is a test using a larger than block-size key and a larger than block-size data. "
	 "The key needs to be hashed before being used by the HMAC algorithm.",
	 "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"},
};

static void hmac_is_rfc_4231s(void **state)
{
	for (size_t i = 0; i < sizeof(hmac_cases) / sizeof(hmac_cases[0]); i++) {
		const struct hmac_case *c = &hmac_cases[i];
		uint8_t key[160], got[SHA256_LEN], want[SHA256_LEN];
		size_t key_len = c->key_count;
		struct hmac_keys keys;

		memset(key, c->key_octet, sizeof(key));
		if (c->key_hex != NULL)
			key_len = hex_read(key, sizeof(key), c->key_hex);
		hex_read(want, 32, c->want);
		hmac_sha256(key, key_len, c->message, strlen(c->message), got);
		assert_memory_equal(got, want, 32);
		hmac_keys_expand(&keys, key, key_len);
		hmac_sha256_with(&keys, c->message, strlen(c->message), got);
		assert_memory_equal(got, want, 32);
	}
}

static void an_empty_key_and_message_have_an_hmac(void **state)
{
	uint8_t got[SHA256_LEN], want[SHA256_LEN];

	hmac_sha256(NULL, 0, NULL, 0, got);
	hex_read(want, 32, "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
	assert_memory_equal(got, want, 32);
}

static void octets_are_equal_only_if_all_are(void **state)
{
	uint8_t a[32] = {0}, b[32] = {0};

	assert_true(octets_equal(a, b, sizeof(a)));
	for (unsigned i = 0; i < sizeof(a); i++) {
		b[i] = 0x80;
		assert_false(octets_equal(a, b, sizeof(a)));
		assert_true(octets_equal(a, b, i));
		b[i] = 0;
	}
}

static void wiped_octets_are_zero(void **state)
{
	uint8_t secret[40], zero[40] = {0};

	memset(secret, 0xa5, sizeof(secret));
	octets_wipe(secret, sizeof(secret));
	assert_memory_equal(secret, zero, sizeof(secret));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sha256_is_fips_180s),
		cmocka_unit_test(hmac_is_rfc_4231s),
		cmocka_unit_test(an_empty_key_and_message_have_an_hmac),
		cmocka_unit_test(octets_are_equal_only_if_all_are),
		cmocka_unit_test(wiped_octets_are_zero),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "crypto/aes_schedule.h"
#include "crypto/crypto.h"
#include "crypto/random.h"
#include "tests/unit/crypto/hex.h"

// FIPS 197 appendix A.1: words 0..3, 4..7 and 40..43 of the expansion.
static void encryption_schedule_is_fips_197s(void **state)
{
	uint8_t key[16], enc[176], want[16];

	hex_read(key, 16, "2b7e151628aed2a6abf7158809cf4f3c");
	aes_schedule_expand_plainly(key, enc, NULL);
	assert_memory_equal(enc, key, 16);
	hex_read(want, 16, "a0fafe1788542cb123a339392a6c7605");
	assert_memory_equal(enc + 16, want, 16);
	hex_read(want, 16, "d014f9a8c9ee2589e13f0cc8b6630ca6");
	assert_memory_equal(enc + 160, want, 16);
}

// FIPS 197 appendix C.1, equivalent inverse cipher: ik_sch of rounds 0, 1 and 10.
static void decryption_schedule_is_fips_197s(void **state)
{
	uint8_t key[16], dec[176], want[16];

	hex_read(key, 16, "000102030405060708090a0b0c0d0e0f");
	aes_schedule_expand_plainly(key, NULL, dec);
	hex_read(want, 16, "13111d7fe3944a17f307a78b4d2b30c5");
	assert_memory_equal(dec, want, 16);
	hex_read(want, 16, "13aa29be9c8faff6f770f58000f7bf03");
	assert_memory_equal(dec + 16, want, 16);
	assert_memory_equal(dec + 160, key, 16);
}

// The CPU's instructions, where it has them, and what the two tests above have found right.
static void the_cpu_expands_alike(void **state)
{
	struct random_state rs;
	struct random rng = random_seeded(&rs, 0x5a);
	uint8_t key[16], enc[2][176], dec[2][176];

	for (unsigned i = 0; i < 1000; i++) {
		random_fill(&rng, key, sizeof(key));
		aes_schedule_expand(key, enc[0], dec[0]);
		aes_schedule_expand_plainly(key, enc[1], dec[1]);
		assert_memory_equal(enc[0], enc[1], sizeof(enc[0]));
		assert_memory_equal(dec[0], dec[1], sizeof(dec[0]));
		memset(enc[0], 0, sizeof(enc[0]));
		memset(dec[0], 0, sizeof(dec[0]));
		aes_schedule_expand(key, enc[0], NULL); // either alone
		aes_schedule_expand(key, NULL, dec[0]);
		assert_memory_equal(enc[0], enc[1], sizeof(enc[0]));
		assert_memory_equal(dec[0], dec[1], sizeof(dec[0]));
	}
}

static void both_back_ends_expand_alike(void **state)
{
	struct random_state rs;
	struct random rng = random_seeded(&rs, 0xa5);
	struct crypto *imb = crypto_create(CRYPTO_IMB), *soft = crypto_create(CRYPTO_SOFT);
	struct seal_keys seal[2];
	struct open_keys open[2];
	uint8_t key[16];

	if (imb == NULL) {
		crypto_destroy(soft);
		skip();
	}
	for (unsigned i = 0; i < 1000; i++) {
		random_fill(&rng, key, sizeof(key));
		crypto_expand(imb, key, &seal[0], &open[0]);
		crypto_expand(soft, key, &seal[1], &open[1]);
		assert_memory_equal(&seal[0], &seal[1], sizeof(seal[0]));
		assert_memory_equal(&open[0], &open[1], sizeof(open[0]));
		memset(seal, 0, sizeof(seal));
		crypto_expand(imb, key, &seal[0], NULL); // either alone
		crypto_expand(soft, key, NULL, &open[0]);
		crypto_expand(soft, key, &seal[1], NULL);
		assert_memory_equal(&seal[0], &seal[1], sizeof(seal[0]));
		assert_memory_equal(&open[0], &open[1], sizeof(open[0]));
	}
	crypto_destroy(imb);
	crypto_destroy(soft);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(encryption_schedule_is_fips_197s),
		cmocka_unit_test(decryption_schedule_is_fips_197s),
		cmocka_unit_test(the_cpu_expands_alike),
		cmocka_unit_test(both_back_ends_expand_alike),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "control/group/member_proof.h"

static struct groupspec parsed(const char *text)
{
	struct groupspec g;
	const char *why;
	uint32_t at;

	assert_int_equal(groupspec_parse(&g, text, &why, &at), 0);
	return g;
}

static void only_the_right_group_and_the_right_session_will_do(void **state)
{
	struct groupspec g = parsed("G:0101050e7465737400"), other = parsed("G:0101050e7465737500");
	uint8_t nonce[32] = {1, 2, 3}, proof[32];

	member_proof(&g, nonce, proof);
	assert_true(member_proof_is_right(&g, nonce, proof));
	assert_false(member_proof_is_right(&other, nonce, proof));
	for (int bit = 0; bit < 256; bit++) {
		proof[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_false(member_proof_is_right(&g, nonce, proof));
		proof[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	nonce[31] ^= 1;
	assert_false(member_proof_is_right(&g, nonce, proof));
}

static void authorizations_do_not_enter(void **state)
{
	struct groupspec g = parsed("G:0101050e7465737400"),
			 with = parsed("G:0101050e746573740003157077");
	uint8_t nonce[32] = {9}, proof[32];

	member_proof(&g, nonce, proof);
	assert_true(member_proof_is_right(&with, nonce, proof));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_the_right_group_and_the_right_session_will_do),
		cmocka_unit_test(authorizations_do_not_enter),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "crypto/signature.h"
#include "dataplane/wire/cursor.h"

#define PARAMETERS span_of("signed parameters", 17)

static const struct signature_password alice = {{(const uint8_t *)"alice", 5},
						{(const uint8_t *)"secret", 6}};
static const struct signature_password alice_wrong = {{(const uint8_t *)"alice", 5},
						      {(const uint8_t *)"guess", 5}};
static const struct signature_password bob = {{(const uint8_t *)"bob", 3},
					      {(const uint8_t *)"hidden", 6}};

// Signs with up to two passwords, one option after the other.
static struct span signed_by(uint8_t *buf, size_t cap, const struct signature_password *a,
			     const struct signature_password *b)
{
	int len = signature_sign(buf, cap, PARAMETERS, a), more = 0;

	assert_true(len > 0);
	if (b != NULL)
		more = signature_sign(buf + len, cap - (size_t)len, PARAMETERS, b);
	assert_true(more >= 0);
	return span_of(buf, (size_t)(len + more));
}

static const struct verdict_case {
	const char *what;
	const struct signature_password *first, *second;
	enum signature_verdict want;
} verdict_cases[] = {
	{"the right password", &alice, NULL, SIGNATURE_GOOD},
	{"a wrong one for a known id", &alice_wrong, NULL, SIGNATURE_BAD},
	{"an unknown id is no signature", &bob, NULL, SIGNATURE_ABSENT},
	{"an unknown id beside the right one", &bob, &alice, SIGNATURE_GOOD},
	{"a wrong one spoils the right one before", &alice, &alice_wrong, SIGNATURE_BAD},
	{"and the right one after", &alice_wrong, &alice, SIGNATURE_BAD},
};

static void one_wrong_password_outweighs_the_right_one(void **state)
{
	for (size_t i = 0; i < sizeof(verdict_cases) / sizeof(verdict_cases[0]); i++) {
		const struct verdict_case *c = &verdict_cases[i];
		uint8_t buf[128];
		struct span field = signed_by(buf, sizeof(buf), c->first, c->second);

		print_message("  %s\n", c->what);
		assert_int_equal(signature_verify(field, PARAMETERS, &alice, 1), c->want);
	}
}

static const struct absent_case {
	const char *what, *octets;
	size_t len;
} absent_cases[] = {
	{"an empty field", "", 0},
	{"X", SIGNATURE_NONE, SIGNATURE_NONE_LEN},
	{"an unknown option", "\x03\x33\x01\x02", 4},
	{"an HMAC that is cut", "\x03\x1d\x01\x02", 4},
	{"an option that runs out", "\x30\x1d\x01\x02", 4},
	{"a Marker", "\x00", 1},
};

static void no_signature_has_many_forms(void **state)
{
	for (size_t i = 0; i < sizeof(absent_cases) / sizeof(absent_cases[0]); i++) {
		print_message("  %s\n", absent_cases[i].what);
		assert_int_equal(
			signature_verify(span_of(absent_cases[i].octets, absent_cases[i].len),
					 PARAMETERS, &alice, 1),
			SIGNATURE_ABSENT);
	}
}

static void what_is_malformed_behind_a_good_password_spoils_it(void **state)
{
	uint8_t buf[128];
	struct span field = signed_by(buf, sizeof(buf), &alice, NULL);

	buf[field.len] = 0x58;
	assert_int_equal(signature_verify(span_of(buf, field.len + 1), PARAMETERS, &alice, 1),
			 SIGNATURE_ABSENT);
}

static void the_parameters_are_covered(void **state)
{
	uint8_t buf[128];
	struct span field = signed_by(buf, sizeof(buf), &alice, NULL);

	assert_int_equal(signature_verify(field, span_of("signed parameterz", 17), &alice, 1),
			 SIGNATURE_BAD);
	assert_int_equal(signature_sign(buf, 10, PARAMETERS, &alice), -ENOBUFS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_wrong_password_outweighs_the_right_one),
		cmocka_unit_test(no_signature_has_many_forms),
		cmocka_unit_test(what_is_malformed_behind_a_good_password_spoils_it),
		cmocka_unit_test(the_parameters_are_covered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

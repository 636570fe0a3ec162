#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "crypto/cookie.h"

#define NOW 1000000 // s
#define S   UINT64_C(1000000)

static const uint8_t secret_a[COOKIE_SECRET_LEN] = {1}, secret_b[COOKIE_SECRET_LEN] = {2},
		     secret_c[COOKIE_SECRET_LEN] = {3};

#define HERE      span_of("\x04\xc0\x00\x02\x01\x07\x8f", 7)
#define NEXT_PORT span_of("\x04\xc0\x00\x02\x01\x07\x90", 7)

static struct cookie_secrets secrets(void)
{
	struct cookie_secrets s;

	cookie_secrets_init(&s, secret_a);
	return s;
}

static struct span made(uint8_t buf[COOKIE_LEN], struct cookie_secrets *s, uint64_t now_s)
{
	cookie_make(buf, s, now_s * S, HERE);
	return span_of(buf, COOKIE_LEN);
}

static const struct age_case {
	const char *what;
	int64_t later_s;
	enum cookie_verdict want;
} age_cases[] = {
	{"at once", 0, COOKIE_GOOD},
	{"95 s must do", 95, COOKIE_GOOD},
	{"its whole life", COOKIE_LIFETIME_S, COOKIE_GOOD},
	{"a second more", COOKIE_LIFETIME_S + 1, COOKIE_EXPIRED},
	{"a day more", 86400, COOKIE_EXPIRED},
	{"a clock one second behind", -1, COOKIE_GOOD},
	{"a clock far behind", -10, COOKIE_EXPIRED},
};

static void a_cookie_lives_its_time(void **state)
{
	struct cookie_secrets s = secrets();
	uint8_t buf[COOKIE_LEN];
	struct span cookie = made(buf, &s, NOW);

	for (size_t i = 0; i < sizeof(age_cases) / sizeof(age_cases[0]); i++) {
		print_message("  %s\n", age_cases[i].what);
		assert_int_equal(
			cookie_verify(&s, (uint64_t)(NOW + age_cases[i].later_s) * S, cookie, HERE),
			age_cases[i].want);
	}
}

static void the_clock_may_pass_31_bits(void **state)
{
	struct cookie_secrets s = secrets();
	uint8_t buf[COOKIE_LEN];
	uint64_t late = ((UINT64_C(1) << (31 + 12)) / S) - 5;
	struct span cookie = made(buf, &s, late);

	assert_int_equal(cookie_verify(&s, (late + 50) * S, cookie, HERE), COOKIE_GOOD);
	assert_int_equal(cookie_verify(&s, (late + 200) * S, cookie, HERE), COOKIE_EXPIRED);
}

static void another_address_is_told_from_a_foreign_cookie(void **state)
{
	struct cookie_secrets s = secrets(), others;
	uint8_t buf[COOKIE_LEN];
	struct span cookie = made(buf, &s, NOW);

	cookie_secrets_init(&others, secret_b);
	assert_int_equal(cookie_verify(&s, NOW * S, cookie, NEXT_PORT), COOKIE_OTHER_ADDRESS);
	assert_int_equal(cookie_verify(&s, NOW * S, cookie, span_of(NULL, 0)),
			 COOKIE_OTHER_ADDRESS);
	assert_int_equal(cookie_verify(&others, NOW * S, cookie, HERE), COOKIE_FOREIGN);
	assert_int_equal(cookie_verify(&s, (NOW + 200) * S, cookie, NEXT_PORT), COOKIE_EXPIRED);
}

static void every_flipped_bit_is_noticed(void **state)
{
	struct cookie_secrets s = secrets();
	uint8_t buf[COOKIE_LEN];
	struct span cookie = made(buf, &s, NOW);

	cookie_secrets_advance(&s, secret_b); // so that the epoch's bit matters
	for (unsigned bit = 0; bit < COOKIE_LEN * 8; bit++) {
		enum cookie_verdict want = bit < 32 * 8 ? COOKIE_FOREIGN : COOKIE_OTHER_ADDRESS;

		buf[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(cookie_verify(&s, NOW * S, cookie, HERE), want);
		buf[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	assert_int_equal(cookie_verify(&s, NOW * S, cookie, HERE), COOKIE_GOOD);
}

static void other_lengths_are_foreign(void **state)
{
	struct cookie_secrets s = secrets();
	uint8_t buf[COOKIE_LEN + 1] = {0};

	made(buf, &s, NOW);
	for (size_t len = 0; len <= sizeof(buf); len++)
		assert_int_equal(cookie_verify(&s, NOW * S, span_of(buf, len), HERE),
				 len == COOKIE_LEN ? COOKIE_GOOD : COOKIE_FOREIGN);
}

static void a_cookie_outlives_one_change_of_secret(void **state)
{
	struct cookie_secrets s = secrets();
	uint8_t first[COOKIE_LEN], second[COOKIE_LEN];

	made(first, &s, NOW);
	cookie_secrets_advance(&s, secret_b);
	made(second, &s, NOW);
	assert_memory_not_equal(first, second, COOKIE_LEN);
	assert_int_equal(cookie_verify(&s, NOW * S, span_of(first, COOKIE_LEN), HERE), COOKIE_GOOD);
	assert_int_equal(cookie_verify(&s, NOW * S, span_of(second, COOKIE_LEN), HERE),
			 COOKIE_GOOD);
	cookie_secrets_advance(&s, secret_c);
	assert_int_equal(cookie_verify(&s, NOW * S, span_of(first, COOKIE_LEN), HERE),
			 COOKIE_FOREIGN);
	assert_int_equal(cookie_verify(&s, NOW * S, span_of(second, COOKIE_LEN), HERE),
			 COOKIE_GOOD);
}

// What says "ours" is kept for a tick; two changes within one bring the epoch's bit back.
static void a_new_secret_is_used_at_once(void **state)
{
	struct cookie_secrets s = secrets();
	uint8_t buf[COOKIE_LEN];

	made(buf, &s, NOW);
	cookie_secrets_advance(&s, secret_b);
	cookie_secrets_advance(&s, secret_c);
	assert_int_equal(cookie_verify(&s, NOW * S, made(buf, &s, NOW), HERE), COOKIE_GOOD);
}

static void a_cookie_tells_whether_it_is_older(void **state)
{
	static const struct row {
		const char *name;
		uint64_t made_us, at_us;
		bool is_from_before;
	} rows[] = {
		{"the same moment", NOW * S, NOW * S, false},
		{"a round trip before", NOW * S - 10000, NOW * S, true},
		{"a second before", (NOW - 1) * S, NOW * S, true},
		{"a round trip after", NOW * S + 10000, NOW * S, false},
		{"as old as it may get", (NOW - 100) * S, NOW * S, true},
		{"of a session that is months old", (NOW + 60 * 86400) * S, NOW * S, false},
		{"before 31 bits go round", (UINT64_C(1) << 43) - S, UINT64_C(1) << 43, true},
		{"after they went round", UINT64_C(1) << 43, (UINT64_C(1) << 43) - S, false},
	};
	struct cookie_secrets s = secrets();
	uint8_t buf[COOKIE_LEN];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		cookie_make(buf, &s, rows[i].made_us, HERE);
		if (cookie_is_from_before(span_of(buf, COOKIE_LEN), rows[i].at_us) !=
		    rows[i].is_from_before)
			fail_msg("%s", rows[i].name);
	}
	assert_false(cookie_is_from_before(span_of(buf, COOKIE_LEN - 1), NOW * S));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_cookie_lives_its_time),
		cmocka_unit_test(the_clock_may_pass_31_bits),
		cmocka_unit_test(another_address_is_told_from_a_foreign_cookie),
		cmocka_unit_test(every_flipped_bit_is_noticed),
		cmocka_unit_test(other_lengths_are_foreign),
		cmocka_unit_test(a_cookie_outlives_one_change_of_secret),
		cmocka_unit_test(a_new_secret_is_used_at_once),
		cmocka_unit_test(a_cookie_tells_whether_it_is_older),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

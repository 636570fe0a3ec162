#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "control/group/groupspec.h"
#include "tests/unit/crypto/hex.h"

#define HASH "5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8" // of "password"
#define ID   "6465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f80818283"

static const struct {
	const char *what, *text;
	const char *why; // NULL: good
	uint32_t at;
} cases[] = {
	{"one flag, no terminator", "G:0101", NULL, 0},
	{"upper case is hex, too", "G:027F02050E5465737400", NULL, 0},
	{"unknown options are skipped", "G:0101026aff030eabcd00026bff", NULL, 0},
	{"an option without a known meaning after the end", "G:010100010c", NULL, 0},
	{"empty", "", "does not begin with G:", 0},
	{"lower case prefix", "g:0101", "does not begin with G:", 0},
	{"nothing behind the prefix", "G:", "nothing after G:", 2},
	{"half an octet", "G:010", "odd number of hex digits", 5},
	{"a space", "G:01 1", "not a hex digit", 4},
	{"an empty canonical part", "G:000101", "no options before the end of the canonical part",
	 2},
	{"cut inside an option", "G:010121050000", "an option is longer than what is left", 6},
	{"a length that promises the world", "G:ffffffffffffffffff7f01",
	 "an option is longer than what is left", 2},
	{"a type that does not fit its option", "G:0181", "an option is longer than what is left",
	 2},
	{"a short hash", "G:0101030500ff", "password hash shorter than 32 octets", 6},
	{"an empty name", "G:010e", "empty name", 2},
	{"a short bootstrap ID", "G:010100020b00", "bootstrap peer ID is not 32 octets long", 8},
};

static void texts_are_taken_or_refused_with_place_and_reason(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct groupspec g;
		const char *why = NULL;
		uint32_t at = 0;
		int err = groupspec_parse(&g, cases[i].text, &why, &at);

		if ((err == 0) != (cases[i].why == NULL))
			fail_msg("%s: %d", cases[i].what, err);
		if (err != 0 &&
		    (err != -EBADMSG || strcmp(why, cases[i].why) != 0 || at != cases[i].at))
			fail_msg("%s: %s at %u", cases[i].what, why, at);
	}
}

static void the_longest_text_is_4096_characters(void **state)
{
	static char text[4099];
	struct groupspec g;
	const char *why;
	uint32_t at;

	strcpy(text, "G:0101");
	memset(text + 6, 'a', sizeof(text) - 7);
	assert_int_equal(groupspec_parse(&g, text, &why, &at), -EBADMSG);
	assert_string_equal(why, "longer than 4096 characters");
	text[4096] = '\0'; // 02 aa aa ...: options of 2 octets
	for (int i = 6; i < 4092; i += 6)
		memcpy(text + i, "020e61", 6);
	memcpy(text + 4092, "0101", 4);
	for (int i = 4092 - (4092 - 6) % 6; i < 4092; i += 2)
		memcpy(text + i, "00", 2);
	assert_int_equal(groupspec_parse(&g, text, &why, &at), 0);
	assert_int_equal(strlen(g.text), 4096);
}

static struct groupspec parsed(const char *text)
{
	struct groupspec g;
	const char *why = "";
	uint32_t at = 0;

	if (groupspec_parse(&g, text, &why, &at) != 0)
		fail_msg("%s: %s at %u", text, why, at);
	return g;
}

static void what_is_not_canonical_does_not_change_the_group(void **state)
{
	struct groupspec g = parsed("G:0101050e7465737400");
	struct groupspec with = parsed("G:0101050e746573740021"
				       "0b" ID "0715736563726574");

	assert_memory_equal(g.id, with.id, 32);
	assert_int_equal(g.canonical_len, with.canonical_len);
	assert_int_equal(with.n_bootstrap, 1);
	assert_int_equal(with.bootstrap[0][0], 0x64);
	assert_string_equal(with.publish_authorization, "secret");
	assert_string_equal(with.name, "test");
}

static void case_and_order_are_part_of_the_identity(void **state)
{
	struct groupspec a = parsed("G:0101010c00"), b = parsed("G:010c010100"),
			 c = parsed("G:0101010C00");

	assert_memory_not_equal(a.id, b.id, 32);
	assert_memory_not_equal(a.id, c.id, 32);
	assert_true(a.multicast && b.multicast && c.multicast && c.server_channel);
}

static const struct {
	const char *what, *text;
	bool may_publish, may_post;
} rights[] = {
	{"no passwords", "G:010100", true, true},
	{"a publish password", "G:2105" HASH "00", false, true},
	{"and the right authorization", "G:2105" HASH "00091570617373776f7264", true, true},
	{"a wrong one is as none",
	 "G:2105" HASH "000915"
	 "50617373776f7264",
	 false, true},
	{"a posting password and its authorization",
	 "G:2107" HASH "000917"
	 "70617373776f7264",
	 true, true},
	{"authorization for the wrong thing",
	 "G:2107" HASH "000915"
	 "70617373776f7264",
	 true, false},
};

static void authorizations_are_checked_against_the_hashes(void **state)
{
	for (size_t i = 0; i < sizeof(rights) / sizeof(rights[0]); i++) {
		struct groupspec g = parsed(rights[i].text);

		if (groupspec_may_publish(&g) != rights[i].may_publish ||
		    groupspec_may_post(&g) != rights[i].may_post)
			fail_msg("%s", rights[i].what);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_are_taken_or_refused_with_place_and_reason),
		cmocka_unit_test(the_longest_text_is_4096_characters),
		cmocka_unit_test(what_is_not_canonical_does_not_change_the_group),
		cmocka_unit_test(case_and_order_are_part_of_the_identity),
		cmocka_unit_test(authorizations_are_checked_against_the_hashes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

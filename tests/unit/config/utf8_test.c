#include "tests/unit/config/config_test.h"

#include "config/utf8.h"

static void characters_have_one_spelling(void **state)
{
	static const struct {
		const char *claim, *octets;
		size_t left, len;
		uint32_t c;
	} rows[] = {
		{"ASCII", "a", 1, 1, 'a'},
		{"zero is a character", "\0", 1, 1, 0},
		{"two octets", "\xc3\xa9", 2, 2, 0xe9},
		{"three octets", "\xe2\x82\xac", 3, 3, 0x20ac},
		{"four octets", "\xf0\x9f\x98\x80", 4, 4, 0x1f600},
		{"the last one", "\xf4\x8f\xbf\xbf", 4, 4, 0x10ffff},
		{"only the first counts", "\xc3\xa9\xc3", 3, 2, 0xe9},
		{"nothing", "", 0, 0, 0},
		{"cut", "\xe2\x82", 2, 0, 0},
		{"continued by ASCII", "\xe2\x82z", 3, 0, 0},
		{"a continuation alone", "\x82", 1, 0, 0},
		{"overlong slash", "\xc0\xaf", 2, 0, 0},
		{"overlong in three", "\xe0\x82\xa9", 3, 0, 0},
		{"overlong in four", "\xf0\x82\x82\xac", 4, 0, 0},
		{"a surrogate", "\xed\xa0\x80", 3, 0, 0},
		{"beyond the last", "\xf4\x90\x80\x80", 4, 0, 0},
		{"no first octet", "\xff", 1, 0, 0},
	};

	for (size_t i = 0; i < N(rows); i++) {
		char *exact = malloc(rows[i].left + 1);
		uint32_t c;
		size_t len;

		memcpy(exact, rows[i].octets, rows[i].left);
		len = utf8_read(&c, exact, rows[i].left);
		if (len != rows[i].len || (len > 0 && c != rows[i].c))
			fail_msg("%s: %zu octets, U+%04X", rows[i].claim, len, c);
		free(exact);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(characters_have_one_spelling),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

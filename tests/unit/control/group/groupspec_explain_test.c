#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "control/group/groupspec.h"

struct page {
	char text[16384];
	size_t len;
};

static void take(void *ctx, const char *label, const char *value)
{
	struct page *p = ctx;

	p->len += (size_t)snprintf(p->text + p->len, sizeof(p->text) - p->len, "%s: %s\n", label,
				   value);
	assert_true(p->len < sizeof(p->text));
}

static void what_does_not_parse_explains_nothing(void **state)
{
	static struct page page;
	const char *why;
	uint32_t at;

	assert_int_equal(groupspec_explain("G:01010305ffff", take, &page, &why, &at), -EBADMSG);
	assert_string_equal(why, "password hash shorter than 32 octets");
	assert_int_equal(page.len, 0);
}

static void each_option_is_a_line_in_the_order_of_the_text(void **state)
{
	static const char spec[] =
		"G:027f020100010101020103"
		"2205"
		"53"
		"5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8"
		"010c010d040e741b74020e6b"
		"011b026aff"
		"00"
		"070aeffefe027660"
		"210b6465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f80818283"
		"03157077"
		"027799"
		"020aff";
	static const char want[] =
		"version: 2\n"
		"directed routing: on\n"
		"multicast: on\n"
		"object replication: on\n"
		"posting: on\n"
		"publish password: set, salt 53\n"
		"server channel: on\n"
		"peer to peer disabled: on\n"
		"name: t.t\n"
		"unique: 6b\n"
		"IP multicast member updates: on\n"
		"unknown option: 6a ff\n"
		"IP multicast address: 239.254.254.2:30304\n"
		"bootstrap peer: 6465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f80818283\n"
		"publish authorization: pw\n"
		"unknown option: 77 99\n"
		"IP multicast address of unknown form: ff\n"
		"canonical text: ";
	static struct page page;
	const char *why;
	uint32_t at;

	assert_int_equal(groupspec_explain(spec, take, &page, &why, &at), 0);
	page.text[sizeof(want) - 1] = '\0';
	assert_string_equal(page.text, want);
}

static void the_whole_comes_last(void **state)
{
	static const char want[] =
		"version: 2\nmulticast: on\nposting: on\nserver channel: on\nname: test\n"
		"IP multicast member updates: on\n"
		"canonical text: G:027f0201010103010c050e74657374011b\n"
		"group ID: 763f90e4b524a0e026052bb5696bd143246f26c6eb0b9fa31b0d1ed39a092620\n"
		"may publish: yes\nmay post: yes\n";
	static struct page page;
	const char *why;
	uint32_t at;

	assert_int_equal(
		groupspec_explain("G:027f0201010103010c050e74657374011b00", take, &page, &why, &at),
		0);
	assert_string_equal(page.text, want);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_does_not_parse_explains_nothing),
		cmocka_unit_test(each_option_is_a_line_in_the_order_of_the_text),
		cmocka_unit_test(the_whole_comes_last),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

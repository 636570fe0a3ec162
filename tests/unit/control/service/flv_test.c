// FLV octets in any pieces -> tags -> the same octets.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/service/flv.h"

static const uint8_t big[70000];

static const struct flv_tag tags[] = {
	{18, 0, {(const uint8_t *)"\x02\x00\x0aonMetaData", 13}},
	{9, 40, {(const uint8_t *)"\x17\x01", 2}},
	{8, 0xfffffffe, {(const uint8_t *)"\xaf", 1}}, // all 32 bits of the timestamp
	{9, 80, {big, sizeof(big)}},
	{8, 81, {NULL, 0}},
};
#define N_TAGS (sizeof(tags) / sizeof(tags[0]))

struct text {
	char *data;
	size_t len;
};

static struct text whole_file(void)
{
	struct text t;
	FILE *f = open_memstream(&t.data, &t.len);

	assert_int_equal(flv_write_header(f, true, true), 0);
	for (size_t i = 0; i < N_TAGS; i++)
		assert_int_equal(flv_write_tag(f, &tags[i]), 0);
	fclose(f);
	return t;
}

// Feeds in pieces of `step` octets; returns how many tags came, all checked.
static size_t parse_in_steps(struct flv_parser *p, const char *data, size_t len, size_t step)
{
	size_t n = 0, at = 0;
	const char *why;

	while (at < len) {
		struct flv_tag t;
		uint32_t room;
		uint8_t *space = flv_parser_space(p, &room);
		size_t piece = len - at < step ? len - at : step;

		assert_true(room > 0);
		if (piece > room)
			piece = room;
		memcpy(space, data + at, piece);
		flv_parser_fed(p, (uint32_t)piece);
		at += piece;
		while (flv_parser_next(p, &t, &why) == 1) {
			assert_int_equal(t.type, tags[n].type);
			assert_int_equal(t.timestamp_ms, tags[n].timestamp_ms);
			assert_int_equal(t.body.len, tags[n].body.len);
			if (t.body.len > 0)
				assert_memory_equal(t.body.data, tags[n].body.data, t.body.len);
			n++;
		}
	}
	return n;
}

static void tags_survive_any_cut_of_the_input(void **state)
{
	static const size_t steps[] = {1, 2, 7, 11, 4096, 1 << 20};
	struct text file = whole_file();

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		struct flv_parser *p = flv_parser_create();

		assert_int_equal(parse_in_steps(p, file.data, file.len, steps[i]), N_TAGS);
		assert_true(flv_parser_ended_well(p));
		flv_parser_destroy(p);
	}
	free(file.data);
}

static void a_file_cut_inside_a_tag_did_not_end_well(void **state)
{
	struct text file = whole_file();

	for (size_t cut = 1; cut < 60; cut++) {
		struct flv_parser *p = flv_parser_create();
		size_t n = parse_in_steps(p, file.data, cut, 4096);
		// header 13, then tags of 11 + body, each followed by 4 octets of size
		bool between = cut == 13 || (cut >= 13 + 24 && cut <= 13 + 28) ||
			       (cut >= 13 + 28 + 13 && cut <= 13 + 28 + 17);

		assert_true(n <= N_TAGS);
		if (cut < 58)
			assert_int_equal(flv_parser_ended_well(p), between);
		flv_parser_destroy(p);
	}
	free(file.data);
}

static void garbage_is_named_with_its_place(void **state)
{
	static const struct {
		const char *data;
		size_t len;
		uint64_t offset;
		const char *why;
	} cases[] = {
		{"RIFFxxxxxxxxx", 13, 0, "no FLV signature"},
		{"FLV\1\5\0\0\0\2\0\0\0\0", 13, 0, "FLV header of absurd length"},
		{"FLV\1\5\0\0\0\11\0\0\0\0\7\0\0\0\0\0\0\0\0\0\0", 24, 13, "unknown tag type"},
		{"FLV\1\5\0\0\0\11\0\0\0\0\x29\0\0\0\0\0\0\0\0\0\0", 24, 13, "encrypted tag"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct flv_parser *p = flv_parser_create();
		struct flv_tag t;
		const char *why = NULL;
		uint32_t room;

		memcpy(flv_parser_space(p, &room), cases[i].data, cases[i].len);
		flv_parser_fed(p, (uint32_t)cases[i].len);
		assert_int_equal(flv_parser_next(p, &t, &why), -EBADMSG);
		assert_string_equal(why, cases[i].why);
		assert_int_equal(flv_parser_offset(p), cases[i].offset);
		flv_parser_destroy(p);
	}
}

int main(void)
{
	const struct CMUnitTest tests_[] = {
		cmocka_unit_test(tags_survive_any_cut_of_the_input),
		cmocka_unit_test(a_file_cut_inside_a_tag_did_not_end_well),
		cmocka_unit_test(garbage_is_named_with_its_place),
	};

	return cmocka_run_group_tests(tests_, NULL, NULL);
}

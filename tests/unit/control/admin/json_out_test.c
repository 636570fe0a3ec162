#include "tests/unit/control/admin/admin_test.h"

#include "config/yaml.h"

static void values_and_commas_fall_into_place(void **state)
{
	struct json_out j;

	json_init(&j, 1 << 20);
	json_object_begin(&j);
	json_put_string(&j, "name", "a");
	json_put_u64(&j, "big", UINT64_MAX);
	json_put_i64(&j, "small", INT64_MIN);
	json_put_bool(&j, "yes", true);
	json_put_string(&j, "none", NULL);
	json_put_hex(&j, "id", (const uint8_t *)"\x00\xab\xff", 3);
	json_key(&j, "list");
	json_array_begin(&j);
	json_u64(&j, 1);
	json_array_begin(&j);
	json_array_end(&j);
	json_object_begin(&j);
	json_object_end(&j);
	json_bool(&j, false);
	json_raw(&j, "{\"raw\":1}", 9);
	json_array_end(&j);
	json_put_u64(&j, "last", 0);
	json_object_end(&j);
	assert_int_equal(json_finish(&j), 0);
	assert_string_equal(j.text,
			    "{\"name\":\"a\",\"big\":18446744073709551615,"
			    "\"small\":-9223372036854775808,\"yes\":true,\"none\":null,"
			    "\"id\":\"00abff\",\"list\":[1,[],{},false,{\"raw\":1}],\"last\":0}");
	assert_int_equal(j.len, strlen(j.text));
	json_destroy(&j);
}

static void a_string_cannot_leave_its_quotes(void **state)
{
	static const struct {
		const char *claim, *s;
		size_t len;
		const char *json;
	} rows[] = {
		{"quote and backslash", "a\"b\\c", 5, "\"a\\\"b\\\\c\""},
		{"line end and tab", "a\nb\tc", 5, "\"a\\nb\\tc\""},
		{"zero octet", "a\0b", 3, "\"a\\u0000b\""},
		{"escape for a terminal", "\x1b[2J", 4, "\"\\u001b[2J\""},
		{"DEL", "\x7f", 1, "\"\\u007f\""},
		{"C1 control", "\xc2\x9b", 2, "\"\\u009b\""},
		{"UTF-8 stays", "\xc3\xa9\xf0\x9f\x98\x80", 6, "\"\xc3\xa9\xf0\x9f\x98\x80\""},
		{"broken UTF-8",
		 "a\xff"
		 "b\xc3",
		 4,
		 "\"a\xef\xbf\xbd"
		 "b\xef\xbf\xbd\""},
		{"empty", "", 0, "\"\""},
	};

	for (size_t i = 0; i < N(rows); i++) {
		struct json_out j;

		json_init(&j, 1000);
		json_string_n(&j, rows[i].s, rows[i].len);
		assert_int_equal(json_finish(&j), 0);
		if (strcmp(j.text, rows[i].json) != 0)
			fail_msg("%s: %s", rows[i].claim, j.text);
		json_destroy(&j);
	}
}

// Every octet, in a string and as a key, comes back from a parser as it went in.
static void a_parser_reads_back_what_was_written(void **state)
{
	static const struct yaml_limits limits = {100, 4};
	char all[127];
	struct arena arena = {0};
	const struct yaml_node *root;
	struct yaml_error error;
	struct json_out j;

	for (size_t i = 0; i < sizeof(all); i++)
		all[i] = (char)(i + 1);
	json_init(&j, 4000);
	json_object_begin(&j);
	json_key(&j, "k\"ey");
	json_string_n(&j, all, sizeof(all));
	json_object_end(&j);
	assert_int_equal(json_finish(&j), 0);
	assert_int_equal(yaml_parse(&arena, j.text, j.len, &limits, &root, &error), 0);
	assert_true(yaml_text_is(root->first->key, "k\"ey"));
	assert_int_equal(root->first->len, sizeof(all));
	assert_memory_equal(root->first->text, all, sizeof(all));
	arena_free(&arena);
	json_destroy(&j);
}

static void the_limit_holds_to_the_octet_and_sticks(void **state)
{
	struct json_out j;

	json_init(&j, 6);
	json_string(&j, "abcd");
	assert_int_equal(json_finish(&j), 0);
	assert_string_equal(j.text, "\"abcd\"");
	json_destroy(&j);

	json_init(&j, 5);
	json_string(&j, "abcd");
	assert_int_equal(json_finish(&j), -ENOBUFS);
	json_destroy(&j);

	json_init(&j, 1000);
	json_array_begin(&j);
	for (unsigned i = 0; i < 5000; i++)
		json_u64(&j, i);
	json_array_end(&j);
	assert_int_equal(json_finish(&j), -ENOBUFS);
	assert_true(j.len <= 1000);
	json_destroy(&j);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_and_commas_fall_into_place),
		cmocka_unit_test(a_string_cannot_leave_its_quotes),
		cmocka_unit_test(a_parser_reads_back_what_was_written),
		cmocka_unit_test(the_limit_holds_to_the_octet_and_sticks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

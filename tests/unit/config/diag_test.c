#include "tests/unit/config/config_test.h"

#include "config/diag.h"

static char *print(struct diag *d)
{
	char *text;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	diag_print(d, f);
	fclose(f);
	return text;
}

static struct diag *diag_new(const char *text)
{
	struct diag *d = calloc(1, sizeof(*d));

	assert_non_null(d);
	d->name = "f";
	d->text = text;
	d->len = strlen(text);
	return d;
}

static void complaints_come_in_the_order_of_the_text(void **state)
{
	struct diag *d = diag_new("one: 1\ntwo: 2\n");
	char *out;

	diag_add(d, (struct yaml_place){2, 6, 1}, "later in the line");
	diag_add(d, (struct yaml_place){2, 1, 3}, "second line");
	diag_add(d, (struct yaml_place){0}, "the file");
	diag_add(d, (struct yaml_place){1, 6, 1}, "a %d", 5);
	diag_add(d, (struct yaml_place){1, 6, 1}, "b, at the same place");
	out = print(d);
	assert_string_equal(out, "f: error: the file\n"
				 "f:1:6: error: a 5\n"
				 "    1 | one: 1\n"
				 "      |      ^\n"
				 "f:1:6: error: b, at the same place\n"
				 "    1 | one: 1\n"
				 "      |      ^\n"
				 "f:2:1: error: second line\n"
				 "    2 | two: 2\n"
				 "      | ^~~\n"
				 "f:2:6: error: later in the line\n"
				 "    2 | two: 2\n"
				 "      |      ^\n");
	free(out);
	free(d);
}

static void the_caret_stands_under_its_character(void **state)
{
	static const struct {
		const char *text, *shown;
		struct yaml_place place;
	} rows[] = {
		{"\tä: x", "f:1:5: error: e\n    1 | \tä: x\n      | \t   ^\n", {1, 5, 1}},
		{"\xef\xbb\xbf"
		 "a: x",
		 "f:1:4: error: e\n    1 | a: x\n      |    ^\n",
		 {1, 4, 1}},
		{"a: x\r\nb", "f:1:4: error: e\n    1 | a: x\n      |    ^\n", {1, 4, 1}},
		// A terminal must not obey a configuration file.
		{"a: \x1b[2J\x7f", "f:1:4: error: e\n    1 | a: ?[2J?\n      |    ^~\n", {1, 4, 2}},
		{"a", "f:3:1: error: e\n", {3, 1, 1}}, // behind the end
		{"a\n", "f:2:1: error: e\n", {2, 1, 1}},
		{"", "f:1:1: error: e\n", {1, 1, 1}},
	};

	for (size_t i = 0; i < N(rows); i++) {
		struct diag *d = diag_new(rows[i].text);
		char *out;

		diag_add(d, rows[i].place, "e");
		out = print(d);
		assert_string_equal(out, rows[i].shown);
		free(out);
		free(d);
	}
}

static void long_lines_are_cut(void **state)
{
	char text[1001] = "";
	struct diag *d;
	char *out;

	memset(text, 'a', sizeof(text) - 1);
	d = diag_new(text);
	diag_add(d, (struct yaml_place){1, 1, 1000}, "wide");
	diag_add(d, (struct yaml_place){1, 900, 1}, "far");
	out = print(d);
	assert_non_null(strstr(out, "aaa ...\n"));
	assert_non_null(strstr(out, "f:1:900: error: far\n"));
	assert_true(strlen(out) < 450);
	free(out);
	free(d);
}

static void what_is_too_much_is_counted(void **state)
{
	struct diag *d = diag_new("");
	char *out;

	for (uint32_t i = 0; i < DIAG_MAX + 7; i++)
		diag_add(d, (struct yaml_place){0}, "no %u", i);
	out = print(d);
	assert_non_null(strstr(out, "no 63\n"));
	assert_null(strstr(out, "no 64\n"));
	assert_non_null(strstr(out, "f: error: and 7 more\n"));
	free(out);
	free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(complaints_come_in_the_order_of_the_text),
		cmocka_unit_test(the_caret_stands_under_its_character),
		cmocka_unit_test(long_lines_are_cut),
		cmocka_unit_test(what_is_too_much_is_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

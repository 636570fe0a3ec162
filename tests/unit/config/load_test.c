#include "tests/unit/config/config_test.h"

#include <unistd.h>

#include "config/diag.h"

static void unknown_keys_are_named_with_the_nearest_known_one(void **state)
{
	expect("backend: udp\nendpoints:\n  server:\n    prot: 1935\n",
	       "4:5: unknown key `prot` in endpoints.server; did you mean `port`?\n");
	expect("bakcend: udp\nbackend: udp\n",
	       "1:1: unknown key `bakcend`; did you mean `backend`?\n");
	expect("backend: udp\nxyzzy: 1\n", "2:1: unknown key `xyzzy`\n");
	// Right word, wrong section.
	expect("backend: udp\nsessions: 10\n",
	       "2:1: unknown key `sessions`; did you mean `limits.sessions`?\n");
	expect("backend: udp\nports:\n"
	       "  - {name: a, device: net_null0, address: 10.0.0.1/24, getaway: 10.0.0.2}\n",
	       "3:56: unknown key `getaway` in ports[0]; did you mean `gateway`?\n");
	expect("backend: udp\n\"\": 1\n", "2:1: unknown key ``\n");
}

static void a_key_stands_once(void **state)
{
	expect("backend: udp\nlog:\n  level: info\n  target: stderr\n  level: debug\n",
	       "5:3: duplicate key `level`; it stands in line 3 already\n");
	expect("backend: udp\nlog: {}\nlimits: {}\nlog: {}\n",
	       "4:1: duplicate key `log`; it stands in line 2 already\n");
}

static void required_keys_are_missed_where_the_item_begins(void **state)
{
	expect("backend: udp\nports:\n  - name: a\n", "3:5: ports[0]: `device` is missing\n"
						      "3:5: ports[0]: `address` is missing\n");
	expect("backend: udp\nports:\n  - {}\n", "3:5: ports[0]: `name` is missing\n"
						 "3:5: ports[0]: `device` is missing\n"
						 "3:5: ports[0]: `address` is missing\n");
	// A mistyped key is one mistake, not two.
	expect("backend: udp\nports:\n  - {name: a, devise: net_null0, address: 10.0.0.1/24}\n",
	       "3:15: unknown key `devise` in ports[0]; did you mean `device`?\n");
}

static void a_section_holds_keys_and_may_be_empty(void **state)
{
	expect("backend: udp\nlimits:\nlog: ~\nendpoints: {server: }\nports:\ngroups: []\n", "");
	expect("backend: udp\nlimits: 5\n", "2:9: limits: expected keys and values (key: value)\n");
	expect("backend: udp\nlimits: [1]\n",
	       "2:9: limits: expected keys and values (key: value)\n");
	expect("backend: udp\nports: {name: a}\n",
	       "2:8: ports: expected a list of at most 16 items (- ...)\n");
	expect("backend: udp\nports: [1, ~]\n",
	       "2:9: ports[0]: expected keys and values (key: value)\n"
	       "2:12: ports[1]: expected keys and values, found nothing\n");
	expect("[a]\n", "1:1: the file: expected keys and values (key: value)\n"
			"1:1: DPDK needs a port: list one under `ports`, or say `backend: udp`\n");
}

static void all_mistakes_are_told_in_one_run(void **state)
{
	expect("backend: dpkd\n"
	       "endpoints:\n"
	       "  server: {prot: 1}\n"
	       "  member: {port: 0, port: 7}\n"
	       "limits: {sessions: 1, message: 12}\n"
	       "apps: [a, []]\n"
	       "workers: {sleep_min: 5ms}\n",
	       "1:10: backend: expected one of dpdk, udp, found `dpkd`\n"
	       "3:12: unknown key `prot` in endpoints.server; did you mean `port`?\n"
	       "4:18: endpoints.member.port: 0 is out of range: 1 to 65535\n"
	       "4:21: duplicate key `port`; it stands in line 4 already\n"
	       "5:20: limits.sessions: 1 is out of range: 16 to 262144\n"
	       "5:32: limits.message: expected a size such as 64MiB (B, KiB, MiB, GiB, kB, MB, "
	       "GB), "
	       "found `12`\n"
	       "6:11: apps[1]: expected keys and values (key: value)\n"
	       "7:22: workers.sleep_min is above workers.sleep_max\n");
}

static void a_syntax_error_is_told_alone(void **state)
{
	expect("bakcend: udp\nlimits: [1\nlog: {level: loud}\n",
	       "4:1: flow sequence without a closing bracket\n");
	expect("backend: udp\n a: 1\n", "1:10: invalid multiline plain key\n");
}

static void the_source_line_and_a_caret_follow(void **state)
{
	struct loaded l = load("backend: udp\nlog:\n  levle: info\n", NULL);

	assert_string_equal(l.errors,
			    "a.yaml:3:3: error: unknown key `levle` in log; did you mean `level`?\n"
			    "    3 |   levle: info\n"
			    "      |   ^~~~~\n");
	unload(&l);
}

static void a_flood_of_mistakes_is_bounded(void **state)
{
	char *text = calloc(1, 200000), *to = text;
	struct loaded l;

	for (unsigned i = 0; i < 10000; i++)
		to += sprintf(to, "key%u: 1\n", i);
	l = load(text, NULL);
	assert_non_null(strstr(l.errors, "a.yaml: error: and 9937 more\n")); // and one for the port
	free(text);
	unload(&l);
}

static void the_file_itself_may_be_the_mistake(void **state)
{
	static const struct {
		const char *path, *why;
		int err;
	} rows[] = {
		{"/nonexistent/a.yaml",
		 "/nonexistent/a.yaml: error: cannot read it: No such file or directory\n",
		 -ENOENT},
		{"/tmp", "/tmp: error: cannot read it: Is a directory\n", -EISDIR},
		{"/dev/null", "/dev/null: error: cannot read it: not a regular file\n", -ENOTSUP},
	};

	for (size_t i = 0; i < N(rows); i++) {
		const struct config *cfg = (const struct config *)&cfg;
		char *text;
		size_t len;
		FILE *f = open_memstream(&text, &len);

		assert_int_equal(config_load(rows[i].path, NULL, f, &cfg), rows[i].err);
		fclose(f);
		assert_null(cfg);
		assert_string_equal(text, rows[i].why);
		free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unknown_keys_are_named_with_the_nearest_known_one),
		cmocka_unit_test(a_key_stands_once),
		cmocka_unit_test(required_keys_are_missed_where_the_item_begins),
		cmocka_unit_test(a_section_holds_keys_and_may_be_empty),
		cmocka_unit_test(all_mistakes_are_told_in_one_run),
		cmocka_unit_test(a_syntax_error_is_told_alone),
		cmocka_unit_test(the_source_line_and_a_caret_follow),
		cmocka_unit_test(a_flood_of_mistakes_is_bounded),
		cmocka_unit_test(the_file_itself_may_be_the_mistake),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

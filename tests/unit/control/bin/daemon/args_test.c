#include "control/bin/daemon/args.h"

#include <getopt.h>

#include "tests/support/test.h"

static int parse(struct daemon_args *a, const char *words)
{
	static char program[] = "annulusd", text[256];
	char *argv[16] = {program};
	int argc = 1;

	snprintf(text, sizeof(text), "%s", words);
	for (char *w = strtok(text, " "); w != NULL; w = strtok(NULL, " "))
		argv[argc++] = w;
	optind = 0; // getopt begins anew
	opterr = 0;
	return daemon_args_parse(a, argc, argv);
}

static void every_way_to_call_it(void **state)
{
	static const struct {
		const char *words;
		int code;
		struct daemon_args args;
	} rows[] = {
		{"--config a.yaml", 0, {.config = "a.yaml"}},
		{"-c a.yaml", 0, {.config = "a.yaml"}},
		{"--check --config a.yaml", 0, {.config = "a.yaml", .wants_check = true}},
		{"--config=a.yaml --check", 0, {.config = "a.yaml", .wants_check = true}},
		{"--defaults", 0, {.wants_defaults = true}},
		{"--help", 0, {.wants_help = true}},
		{"--version", 0, {.wants_version = true}},
		{"", DAEMON_USAGE, {0}},
		{"--check", DAEMON_USAGE, {.wants_check = true}},
		{"--config", DAEMON_USAGE, {0}},
		{"--wrong", DAEMON_USAGE, {0}},
		{"--config a.yaml b.yaml", DAEMON_USAGE, {.config = "a.yaml"}},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct daemon_args *want = &rows[i].args;
		struct daemon_args a;

		assert_row(parse(&a, rows[i].words) == rows[i].code, rows[i].words);
		if (rows[i].code != 0)
			continue;
		assert_row((a.config == NULL) == (want->config == NULL), rows[i].words);
		assert_row(a.config == NULL || strcmp(a.config, want->config) == 0, rows[i].words);
		assert_row(a.wants_check == want->wants_check, rows[i].words);
		assert_row(a.wants_defaults == want->wants_defaults, rows[i].words);
		assert_row(a.wants_help == want->wants_help, rows[i].words);
		assert_row(a.wants_version == want->wants_version, rows[i].words);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_way_to_call_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

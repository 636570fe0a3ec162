#include "tests/unit/control/admin/admin_test.h"

#include "control/admin/log.h"

struct place {
	char dir[32], path[48];
	struct log *log;
};

static int open_log(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	assert_non_null(p);
	dir_make(p->dir, p->path);
	assert_int_equal(log_create(p->path, LOG_LEVEL_NOTICE, &p->log), 0);
	*state = p;
	return 0;
}

static int close_log(void **state)
{
	struct place *p = *state;

	log_destroy(p->log);
	unlink(p->path);
	rmdir(p->dir);
	free(p);
	return 0;
}

// The file's text without the times, whose form is checked here.
static char *read_log(const char *path)
{
	static const char form[] = "0000-00-00T00:00:00.000Z ";
	char line[8192], *out = calloc(1, 65536);
	FILE *f = fopen(path, "r");

	assert_non_null(out);
	assert_non_null(f);
	while (fgets(line, sizeof(line), f) != NULL) {
		for (size_t i = 0; i < strlen(form); i++)
			if (form[i] == '0' ? line[i] < '0' || line[i] > '9' : line[i] != form[i])
				fail_msg("no time in \"%s\"", line);
		strcat(out, line + strlen(form));
	}
	fclose(f);
	return out;
}

static void expect_log(const struct place *p, const char *wanted)
{
	char *got = read_log(p->path);

	assert_string_equal(got, wanted);
	free(got);
}

static void a_line_has_time_level_and_text(void **state)
{
	struct place *p = *state;

	log_err(p->log, "port %u is gone", 1u);
	log_warning(p->log, "slow");
	log_notice(p->log, "up");
	expect_log(p, "error: port 1 is gone\nwarning: slow\nnotice: up\n");
}

static void what_is_less_important_than_the_level_is_not_written(void **state)
{
	struct place *p = *state;

	log_info(p->log, "info");
	log_debug(p->log, "debug");
	assert_true(log_wants(p->log, LOG_LEVEL_NOTICE));
	assert_false(log_wants(p->log, LOG_LEVEL_INFO));
	assert_false(log_wants(NULL, LOG_LEVEL_ERR));
	log_err(NULL, "nobody hears this");
	expect_log(p, "");
}

static void a_strangers_string_cannot_forge_a_line(void **state)
{
	struct place *p = *state;

	log_notice(p->log, "app `%s`",
		   "x\n2026-01-01T00:00:00.000Z error: fake\x1b[2J\xff\xc2\x9b\xc3\xa9");
	expect_log(p, "notice: app `x\\x0a2026-01-01T00:00:00.000Z error: "
		      "fake\\x1b[2J\\xff\\xc2\\x9b\xc3\xa9`\n");
}

static void a_long_line_is_cut_and_says_so(void **state)
{
	struct place *p = *state;
	char text[LOG_LINE_MAX + 2], wanted[LOG_LINE_MAX + 64];

	memset(text, 'a', sizeof(text));
	text[LOG_LINE_MAX] = 0;
	log_notice(p->log, "%s", text);
	snprintf(wanted, sizeof(wanted), "notice: %s\n", text);
	expect_log(p, wanted);
	truncate(p->path, 0);
	log_notice(p->log, "%sb", text);
	snprintf(wanted, sizeof(wanted), "notice: %s...\n", text);
	expect_log(p, wanted);
	truncate(p->path, 0);
	memset(text, 1, LOG_LINE_MAX); // each becomes four
	log_notice(p->log, "%s", text);
	char *got = read_log(p->path);
	assert_int_equal(strlen(got), strlen("notice: \n") + 4 * LOG_LINE_MAX);
	free(got);
}

static void a_limited_place_speaks_so_often_and_counts_the_rest(void **state)
{
	struct place *p = *state;
	struct log_limit limit = {.burst = 2, .period_us = 1000};

	for (unsigned i = 0; i < 5; i++)
		log_limited(p->log, &limit, 10 + i, LOG_LEVEL_NOTICE, "late %u", i);
	log_limited(p->log, &limit, 1009, LOG_LEVEL_NOTICE, "still the first period");
	log_limited(p->log, &limit, 1010, LOG_LEVEL_NOTICE, "second period");
	log_limited(p->log, &limit, 1011, LOG_LEVEL_NOTICE, "and again");
	log_limited(p->log, &limit, 9000, LOG_LEVEL_INFO, "not wanted at all");
	expect_log(p, "notice: late 0\n"
		      "notice: late 1\n"
		      "notice: second period (4 more like this since)\n"
		      "notice: and again\n");
}

static void a_rotated_file_is_opened_anew(void **state)
{
	struct place *p = *state;
	char old[64];

	log_notice(p->log, "before");
	snprintf(old, sizeof(old), "%s.1", p->path);
	assert_int_equal(rename(p->path, old), 0);
	log_notice(p->log, "still the old file");
	assert_int_equal(log_reopen(p->log), 0);
	log_notice(p->log, "after");
	expect_log(p, "notice: after\n");
	char *got = read_log(old);
	assert_string_equal(got, "notice: before\nnotice: still the old file\n");
	free(got);
	unlink(old);
}

static void a_target_that_cannot_be_opened_is_named_by_errno(void **state)
{
	struct log *log;

	assert_int_equal(log_create("/nonexistent/log", LOG_LEVEL_ERR, &log), -ENOENT);
	assert_null(log);
	assert_int_equal(log_create("/tmp", LOG_LEVEL_ERR, &log), -EISDIR);
	assert_int_equal(log_create("stderr", LOG_LEVEL_ERR, &log), 0);
	assert_int_equal(log_reopen(log), 0);
	log_destroy(log); // and stderr stays open
	assert_true(fcntl(STDERR_FILENO, F_GETFD) >= 0);
}

#define WITH_LOG(test) cmocka_unit_test_setup_teardown(test, open_log, close_log)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_LOG(a_line_has_time_level_and_text),
		WITH_LOG(what_is_less_important_than_the_level_is_not_written),
		WITH_LOG(a_strangers_string_cannot_forge_a_line),
		WITH_LOG(a_long_line_is_cut_and_says_so),
		WITH_LOG(a_limited_place_speaks_so_often_and_counts_the_rest),
		WITH_LOG(a_rotated_file_is_opened_anew),
		cmocka_unit_test(a_target_that_cannot_be_opened_is_named_by_errno),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

// annulusctl as its user meets it.
#include "tests/unit/control/admin/admin_test.h"

#include "control/admin/ctl.h"

struct said {
	char *out, *errors;
	int code;
};

// `line` is split at spaces; "@" stands for the daemon's socket.
static struct said run(const struct daemon *d, const char *line)
{
	char *words[16] = {(char *)"annulusctl"}, *copy = strdup(line), *rest = NULL;
	size_t out_len, errors_len;
	struct said s = {0};
	FILE *out = open_memstream(&s.out, &out_len),
	     *errors = open_memstream(&s.errors, &errors_len);
	int n = 1;

	for (char *w = strtok_r(copy, " ", &rest); w != NULL; w = strtok_r(NULL, " ", &rest))
		words[n++] = strcmp(w, "@") == 0 ? (char *)d->path : w;
	s.code = ctl_main(n, words, out, errors);
	fclose(out);
	fclose(errors);
	free(copy);
	return s;
}

static void expect(const struct daemon *d, const char *line, int code, const char *out,
		   const char *errors)
{
	struct said s = run(d, line);

	assert_string_equal(s.out, out);
	assert_string_equal(s.errors, errors);
	assert_int_equal(s.code, code);
	free(s.out);
	free(s.errors);
}

static void a_command_prints_a_table_or_json(void **state)
{
	struct daemon *d = *state;

	expect(d, "--socket @ status", CTL_OK, "state   running\nuptime  1.50 min\n", "");
	expect(d, "status --json --socket @", CTL_OK,
	       "{\"state\":\"running\",\"uptime_us\":90000000}\n", "");
	expect(d, "--socket @ echo a b", CTL_OK, "a b\n", "");
}

static void what_the_daemon_refuses_ends_with_three(void **state)
{
	struct daemon *d = *state;

	expect(d, "--socket @ fail", CTL_REFUSED, "", "there is none of that name\n");
	expect(d, "--socket @ statsu", CTL_REFUSED, "",
	       "unknown command `statsu`; `help` lists them\n");
}

static void no_daemon_ends_with_two(void **state)
{
	expect(NULL, "--socket=/nonexistent/s status", CTL_UNREACHABLE, "",
	       "annulusctl: /nonexistent/s: No such file or directory; is annulusd running, and is "
	       "this its admin.socket?\n");
}

static void wrong_arguments_end_with_one(void **state)
{
	char *words[] = {(char *)"annulusctl", (char *)"echo", (char *)"a\nstop", NULL};
	struct said s = run(NULL, "");

	assert_int_equal(s.code, CTL_USAGE);
	assert_memory_equal(s.errors, "usage: annulusctl", 17);
	free(s.out);
	free(s.errors);
	expect(NULL, "--colour status", CTL_USAGE, "",
	       "annulusctl: wrong option or too many words: --colour\n");
	expect(NULL, "status --socket", CTL_USAGE, "",
	       "annulusctl: wrong option or too many words: --socket\n");
	assert_int_equal(ctl_main(3, words, stdout, stderr), CTL_USAGE); // would be two requests
}

static void a_ring_is_drawn(void **state)
{
	struct daemon *d = *state;
	char line[128], path[64], text[8] = "";
	struct said s = run(d, "--socket @ ring lab");
	FILE *f;

	assert_int_equal(s.code, CTL_OK);
	assert_non_null(strstr(s.out, "lab: @ "));
	free(s.out);
	free(s.errors);
	expect(d, "--socket @ --json ring lab", CTL_OK, "{\"name\":\"lab\"}\n", "");
	snprintf(path, sizeof(path), "%s/ring.svg", d->dir);
	snprintf(line, sizeof(line), "--socket @ ring lab --svg %s", path);
	expect(d, line, CTL_OK, "", "");
	f = fopen(path, "r");
	assert_non_null(f);
	assert_int_equal(fread(text, 1, 5, f), 5);
	fclose(f);
	assert_string_equal(text, "<svg ");
	assert_int_equal(remove(path), 0);
	expect(d, "--socket @ ring lab --svg=/nonexistent/x", CTL_UNREACHABLE, "",
	       "annulusctl: /nonexistent/x: No such file or directory\n");
	expect(NULL, "status --svg x", CTL_USAGE, "",
	       "annulusctl: --svg draws a ring, and nothing else\n");
	expect(NULL, "ring lab --json --svg x", CTL_USAGE, "",
	       "annulusctl: --svg draws a ring, and nothing else\n");
}

static void help_is_no_error(void **state)
{
	struct said s = run(NULL, "--help");

	assert_int_equal(s.code, CTL_OK);
	assert_non_null(strstr(s.out, "/run/annulus.sock"));
	assert_string_equal(s.errors, "");
	free(s.out);
	free(s.errors);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_DAEMON(a_command_prints_a_table_or_json),
		WITH_DAEMON(what_the_daemon_refuses_ends_with_three),
		WITH_DAEMON(a_ring_is_drawn),
		cmocka_unit_test(no_daemon_ends_with_two),
		cmocka_unit_test(wrong_arguments_end_with_one),
		cmocka_unit_test(help_is_no_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

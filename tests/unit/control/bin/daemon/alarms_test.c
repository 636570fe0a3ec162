#include "control/bin/daemon/alarms.h"

#include <unistd.h>

#include "tests/support/test.h"

#define S UINT64_C(1000000)

struct world {
	char path[32];
	struct log *log;
	struct alarms alarms;
	struct worker_stats stats;
};

static int build(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	int fd;

	assert_non_null(w);
	strcpy(w->path, "/tmp/alarms-XXXXXX");
	fd = mkstemp(w->path);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(log_create(w->path, LOG_LEVEL_WARNING, &w->log), 0);
	*state = w;
	return 0;
}

static int destroy(void **state)
{
	struct world *w = *state;

	log_destroy(w->log);
	unlink(w->path);
	free(w);
	return 0;
}

static unsigned lines(const struct world *w, const char *with)
{
	char line[2048];
	unsigned n = 0;
	FILE *f = fopen(w->path, "r");

	assert_non_null(f);
	while (fgets(line, sizeof(line), f) != NULL)
		n += strstr(line, with) != NULL;
	fclose(f);
	return n;
}

static void what_strangers_cause_is_no_alarm(void **state)
{
	struct world *w = *state;

	w->stats.drops[DROP_AUTH] = 1000;
	w->stats.drops[DROP_MALFORMED] = 1000;
	w->stats.drops[DROP_NO_SESSION] = 1000;
	alarms_check(&w->alarms, &w->stats, w->log, S);
	assert_int_equal(lines(w, ""), 0);
}

static void a_shortage_of_ours_is_told_with_its_key(void **state)
{
	struct world *w = *state;

	w->stats.drops[DROP_STREAM_MEMORY] = 3;
	alarms_check(&w->alarms, &w->stats, w->log, S);
	assert_int_equal(lines(w, "warning: stream windows are full (limits.window_memory): 3 "
				  "dropped"),
			 1);
}

static void it_is_told_once_a_minute_not_once_a_second(void **state)
{
	struct world *w = *state;

	for (unsigned i = 1; i <= 70; i++) {
		w->stats.drops[DROP_NO_BODY]++;
		alarms_check(&w->alarms, &w->stats, w->log, i * S);
	}
	assert_int_equal(lines(w, "warning"), 2);
	assert_int_equal(lines(w, "more like this since"), 1);
}

static void an_old_shortage_is_not_told_again(void **state)
{
	struct world *w = *state;

	w->stats.drops[DROP_NO_BODY] = 1;
	alarms_check(&w->alarms, &w->stats, w->log, S);
	alarms_check(&w->alarms, &w->stats, w->log, 100 * S);
	assert_int_equal(lines(w, "warning"), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, build, destroy)
		T(what_strangers_cause_is_no_alarm),
		T(a_shortage_of_ours_is_told_with_its_key),
		T(it_is_told_once_a_minute_not_once_a_second),
		T(an_old_shortage_is_not_told_again),
#undef T
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

// Byte limits on their way from the file, a signal or annulusctl to two workers.
#include "control/bin/daemon/limits.h"

#include <errno.h>
#include <unistd.h>

#include "control/bin/daemon/daemon.h"
#include "control/bin/daemon/groupspec_hook.h"
#include "control/bin/daemon/show.h"
#include "tests/support/test.h"
#include "tests/unit/control/bin/daemon/fake_backend.h"

#define HEAD "backend: udp\n"
#define GROUPS                                                                                     \
	"groups:\n"                                                                                \
	"- {name: news, spec: \"G:027f020101010c060e7363656e6500\", bandwidth: %s}\n"

struct world {
	struct fake_backend backend;
	struct daemon d;
	char path[64];
};

static void write_file(struct world *w, const char *limits, const char *of_group)
{
	FILE *f = fopen(w->path, "w");

	assert_non_null(f);
	fprintf(f, HEAD "limits: {%s}\n" GROUPS, limits, of_group);
	fclose(f);
}

static struct world *world_create(const char *limits, const char *of_group)
{
	struct world *w = calloc(1, sizeof(*w));

	snprintf(w->path, sizeof(w->path), "limits_test.%d.yaml", (int)getpid());
	write_file(w, limits, of_group);
	assert_int_equal(config_load(w->path, &groupspec_hooks, stderr, &w->d.config), 0);
	w->d.config_path = w->path;
	assert_int_equal(log_create("/dev/null", LOG_LEVEL_DEBUG, &w->d.log), 0);
	w->backend.base.kind = &fake_kind;
	w->d.backend = &w->backend.base;
	assert_int_equal(rings_init(&w->d.rings, FAKE_WORKERS, 0), 0);
	assert_int_equal(limits_init(&w->d), 0);
	return w;
}

static void world_destroy(struct world *w)
{
	unlink(w->path);
	limits_fini(&w->d);
	rings_fini(&w->d.rings);
	log_destroy(w->d.log);
	config_destroy(w->d.config);
	free(w);
}

// The next CMD_BUDGET to a worker.
static void hears(struct world *w, uint32_t worker, enum limit_level level, uint16_t group,
		  uint64_t per_s)
{
	struct command c;

	outbox_flush(w->d.rings.outbox);
	assert_true(mailbox_pop(w->d.rings.commands[worker], &c));
	assert_int_equal(c.op, CMD_BUDGET);
	assert_int_equal(c.budget.level, level);
	assert_int_equal(c.budget.group, group);
	assert_true(c.budget.bytes_per_s == per_s);
}

static void hears_nothing(struct world *w)
{
	struct command c;

	outbox_flush(w->d.rings.outbox);
	for (uint32_t i = 0; i < FAKE_WORKERS; i++)
		assert_false(mailbox_pop(w->d.rings.commands[i], &c));
}

static int limit(struct world *w, const char *args)
{
	struct json_out j;
	int err;

	json_init(&j, ADMIN_REPLY_MAX);
	err = show_limit(&w->d, args, &j);
	json_destroy(&j);
	return err;
}

static void without_limits_nobody_is_told_anything(void **state)
{
	struct world *w = world_create("sessions: 16", "unlimited");

	hears_nothing(w);
	limits_timers(&w->d, 1000000);
	assert_true(w->d.limits.next_us == UINT64_MAX);
	world_destroy(w);
}

static void the_files_limits_are_shared_out(void **state)
{
	struct world *w =
		world_create("bandwidth: 80Mbit/s, neighbour_bandwidth: 8Mbit/s", "16Mbit/s");

	for (uint32_t i = 0; i < FAKE_WORKERS; i++) {
		hears(w, i, LIMIT_TOTAL, 0, 5000000);
		hears(w, i, LIMIT_NEIGHBOUR, 0, 1000000);
		hears(w, i, LIMIT_GROUP, 1, 1000000);
	}
	hears_nothing(w);
	world_destroy(w);
}

static void quota_goes_where_it_is_used(void **state)
{
	struct world *w = world_create("bandwidth: 80Mbit/s", "unlimited");
	struct budget_gauge *g = &w->backend.gauges[1][0];

	g->used_bytes = 123456789; // before
	hears(w, 0, LIMIT_TOTAL, 0, 5000000);
	hears(w, 1, LIMIT_TOTAL, 0, 5000000);
	limits_timers(&w->d, 1000000);
	limits_timers(&w->d, 1010000); // too early
	hears_nothing(w);
	g->used_bytes += 100000; // in 20 ms: all it had
	g->n_held++;
	limits_timers(&w->d, 1020000); // half of the 100000 that the other did not use comes back
	hears(w, 0, LIMIT_TOTAL, 0, 12500000 / 16);
	hears(w, 1, LIMIT_TOTAL, 0, 12500000 / 16 * 15);
	hears_nothing(w);
	limits_timers(&w->d, 1040000); // nobody sends any more
	hears(w, 0, LIMIT_TOTAL, 0, 5000000);
	hears(w, 1, LIMIT_TOTAL, 0, 5000000);
	world_destroy(w);
}

static void annulusctl_changes_one(void **state)
{
	static const struct {
		const char *args;
		int err;
	} rows[] = {
		{"", 0},
		{"total 100Mbit/s", 0},
		{"total", -EINVAL},
		{"total 100", -EINVAL},
		{"total 1kbit/s", -EINVAL}, // the schema has no less than 100
		{"total fast", -EINVAL},
		{"total now 100Mbit/s", -EINVAL},
		{"neighbour 2.5Mbit/s", 0},
		{"group 1Mbit/s", -EINVAL},
		{"group news 1Mbit/s", 0},
		{"group new 1Mbit/s", -ENOENT},
		{"group newspaper 1Mbit/s", -ENOENT},
		{"everything 1Mbit/s", -EINVAL},
		{"group news unlimited", 0},
	};
	struct world *w = world_create("sessions: 16", "unlimited");

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_row(limit(w, rows[i].args) == rows[i].err, rows[i].args);
	hears(w, 0, LIMIT_TOTAL, 0, 6250000);
	hears(w, 0, LIMIT_NEIGHBOUR, 0, 312500);
	hears(w, 0, LIMIT_GROUP, 1, 62500);
	hears(w, 0, LIMIT_GROUP, 1, 0);
	world_destroy(w);
}

static void a_reload_takes_the_files_limits_and_a_bad_file_none(void **state)
{
	struct world *w = world_create("sessions: 16", "unlimited");

	write_file(w, "bandwidth: 8Mbit/s", "4Mbit/s");
	limits_reload(&w->d);
	for (uint32_t i = 0; i < FAKE_WORKERS; i++) {
		hears(w, i, LIMIT_TOTAL, 0, 500000);
		hears(w, i, LIMIT_GROUP, 1, 250000);
	}
	write_file(w, "bandwidth: much", "unlimited");
	limits_reload(&w->d);
	hears_nothing(w);
	assert_true(w->d.limits.total.per_s == 1000000);
	unlink(w->path);
	limits_reload(&w->d);
	hears_nothing(w);
	world_destroy(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_limits_nobody_is_told_anything),
		cmocka_unit_test(the_files_limits_are_shared_out),
		cmocka_unit_test(quota_goes_where_it_is_used),
		cmocka_unit_test(annulusctl_changes_one),
		cmocka_unit_test(a_reload_takes_the_files_limits_and_a_bad_file_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

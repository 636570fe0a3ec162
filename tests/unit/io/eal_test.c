#include "dataplane/io/eal.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <rte_eal.h>

#include "tests/support/test.h"

static bool has(const struct eal_args *a, const char *arg)
{
	for (int i = 0; i < a->argc; i++)
		if (strcmp(a->argv[i], arg) == 0)
			return true;
	return false;
}

static const char *after(const struct eal_args *a, const char *arg)
{
	for (int i = 0; i + 1 < a->argc; i++)
		if (strcmp(a->argv[i], arg) == 0)
			return a->argv[i + 1];
	return "";
}

static void ordinary_pages_need_no_files(void **state)
{
	const struct eal_opts o = {.program = "annulusd", .memory_mb = 256};
	struct eal_args a;

	assert_int_equal(eal_args_build(&a, &o, false, 3), 0);
	assert_string_equal(a.argv[0], "annulusd");
	assert_true(has(&a, "--lcores=0@3"));
	assert_true(has(&a, "--no-huge"));
	assert_true(has(&a, "--no-shconf"));
	assert_true(has(&a, "--no-pci"));
	assert_true(has(&a, "--no-telemetry"));
	assert_false(has(&a, "--in-memory"));
	assert_string_equal(after(&a, "-m"), "256");
	assert_null(a.argv[a.argc]);
}

static void huge_pages_are_used_without_a_mount(void **state)
{
	const struct eal_opts o = {.memory_mb = 1024, .has_telemetry = true};
	struct eal_args a;

	assert_int_equal(eal_args_build(&a, &o, true, 0), 0);
	assert_true(has(&a, "--in-memory"));
	assert_true(has(&a, "--single-file-segments"));
	assert_false(has(&a, "--no-huge"));
	assert_false(has(&a, "--no-telemetry"));
	assert_string_equal(after(&a, "-m"), "1024");
}

static void only_listed_pci_devices_are_touched(void **state)
{
	const char *pci[] = {"0000:03:00.0", "0000:03:00.1,x=1"};
	const struct eal_opts o = {.memory_mb = 64, .pci = pci, .n_pci = 2};
	struct eal_args a;
	int n = 0;

	assert_int_equal(eal_args_build(&a, &o, false, 0), 0);
	assert_false(has(&a, "--no-pci"));
	for (int i = 0; i + 1 < a.argc; i++)
		if (strcmp(a.argv[i], "-a") == 0)
			assert_string_equal(a.argv[i + 1], pci[n++]);
	assert_int_equal(n, 2);
}

static void the_operators_arguments_come_last(void **state)
{
	const char *args[] = {"--log-level=*:debug", "--iova-mode=va"};
	const struct eal_opts o = {.memory_mb = 64, .args = args, .n_args = 2};
	struct eal_args a;

	assert_int_equal(eal_args_build(&a, &o, false, 0), 0);
	assert_string_equal(a.argv[a.argc - 2], args[0]);
	assert_string_equal(a.argv[a.argc - 1], args[1]);
}

static void too_many_arguments_are_refused(void **state)
{
	static char text[5000];
	const char *args[EAL_ARGS_MAX];
	struct eal_opts o = {.memory_mb = 64, .args = args};
	struct eal_args a;

	for (int i = 0; i < EAL_ARGS_MAX; i++)
		args[i] = "x";
	o.n_args = EAL_ARGS_MAX;
	assert_int_equal(eal_args_build(&a, &o, false, 0), -E2BIG);
	memset(text, 'x', sizeof(text) - 1);
	args[0] = text;
	o.n_args = 1;
	assert_int_equal(eal_args_build(&a, &o, false, 0), -E2BIG);
}

// -- huge pages --

static void put(const char *root, const char *dir, const char *free_pages)
{
	char path[200];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", root, dir);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/%s/free_hugepages", root, dir);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(free_pages, f);
	fclose(f);
}

static void clear(const char *root, const char *dir)
{
	char path[200];

	snprintf(path, sizeof(path), "%s/%s/free_hugepages", root, dir);
	unlink(path);
	snprintf(path, sizeof(path), "%s/%s", root, dir);
	rmdir(path);
}

static void free_huge_pages_of_every_size_count(void **state)
{
	char root[] = "/tmp/eal_test.XXXXXX";

	assert_non_null(mkdtemp(root));
	assert_int_equal(eal_free_huge_mb(root), 0);
	put(root, "hugepages-2048kB", "100\n");
	put(root, "hugepages-1048576kB", "2\n");
	put(root, "something", "7\n");
	assert_int_equal(eal_free_huge_mb(root), 200 + 2048);
	clear(root, "hugepages-2048kB");
	clear(root, "hugepages-1048576kB");
	clear(root, "something");
	rmdir(root);
	assert_int_equal(eal_free_huge_mb(root), 0);
}

// -- the one start --

static void more_huge_pages_than_there_are_is_an_error_with_figures(void **state)
{
	const struct eal_opts o = {.memory_mb = 1u << 30, .huge = EAL_HUGE_ON};
	char why[300] = "";

	assert_null(eal_start(&o, why, sizeof(why)));
	assert_non_null(strstr(why, "1073741824 MiB"));
	assert_non_null(strstr(why, "nr_hugepages"));
}

static void it_starts_once_and_leaves_the_thread_where_it_was(void **state)
{
	const struct eal_opts o = {.program = "test", .memory_mb = 64, .huge = EAL_HUGE_OFF};
	char why[300] = "", line[EAL_LINE_MAX], dir[256];
	struct sigaction sigpipe;
	cpu_set_t before, after_it;
	struct eal *e;

	sched_getaffinity(0, sizeof(before), &before);
	e = eal_start(&o, why, sizeof(why));
	assert_string_equal(why, "");
	assert_non_null(e);
	sched_getaffinity(0, sizeof(after_it), &after_it);
	assert_true(CPU_EQUAL(&before, &after_it));
	sigaction(SIGPIPE, NULL, &sigpipe);
	assert_ptr_equal(sigpipe.sa_handler, SIG_IGN);
	eal_forget_reason(e);
	assert_string_equal(eal_reason(e, line), "");
	snprintf(dir, sizeof(dir), "%s", rte_eal_get_runtime_dir());
	eal_stop(e);
	assert_int_equal(access(dir, F_OK), -1);
	assert_null(eal_start(&o, why, sizeof(why)));
	assert_non_null(strstr(why, "started in this process before"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ordinary_pages_need_no_files),
		cmocka_unit_test(huge_pages_are_used_without_a_mount),
		cmocka_unit_test(only_listed_pci_devices_are_touched),
		cmocka_unit_test(the_operators_arguments_come_last),
		cmocka_unit_test(too_many_arguments_are_refused),
		cmocka_unit_test(free_huge_pages_of_every_size_count),
		cmocka_unit_test(more_huge_pages_than_there_are_is_an_error_with_figures),
		cmocka_unit_test(it_starts_once_and_leaves_the_thread_where_it_was),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

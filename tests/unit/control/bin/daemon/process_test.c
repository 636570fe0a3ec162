#include "control/bin/daemon/process.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/support/test.h"

static void a_process_has_memory_threads_and_files(void **state)
{
	struct process_figures p;

	process_figures(&p);
	assert_in_range(p.rss_bytes, 100 << 10, UINT64_C(1) << 40);
	assert_int_equal(p.threads, 1);
	assert_true(p.open_files > 0);
}

static void an_open_file_counts(void **state)
{
	struct process_figures before, after;
	int fd;

	process_figures(&before);
	fd = open("/dev/null", O_RDONLY);
	assert_true(fd >= 0);
	process_figures(&after);
	assert_int_equal(after.open_files, before.open_files + 1);
	close(fd);
}

static void memory_that_is_touched_counts(void **state)
{
	enum { BYTES = 64 << 20 };
	struct process_figures before, after;
	// Not malloc's, which may fill what it gives.
	volatile char *memory =
		mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_true(memory != MAP_FAILED);
	process_figures(&before);
	for (size_t i = 0; i < BYTES; i += 4096)
		memory[i] = 1;
	process_figures(&after);
	assert_true(after.rss_bytes - before.rss_bytes > BYTES / 2);
	assert_true(after.cpu_us >= before.cpu_us);
	munmap((void *)memory, BYTES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_process_has_memory_threads_and_files),
		cmocka_unit_test(an_open_file_counts),
		cmocka_unit_test(memory_that_is_touched_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

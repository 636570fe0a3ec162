#include "tests/unit/config/config_test.h"

#include <sys/stat.h>
#include <unistd.h>

#include "config/file.h"

struct place {
	char dir[64], file[80];
};

static int make_place(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	strcpy(p->dir, "/tmp/annulus-file-XXXXXX");
	if (mkdtemp(p->dir) == NULL)
		return -1;
	snprintf(p->file, sizeof(p->file), "%s/f", p->dir);
	*state = p;
	return 0;
}

static int remove_place(void **state)
{
	struct place *p = *state;

	unlink(p->file);
	rmdir(p->dir);
	free(p);
	return 0;
}

static void put(const struct place *p, const char *text)
{
	FILE *f = fopen(p->file, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void a_file_comes_whole_and_ends_with_a_zero(void **state)
{
	const struct place *p = *state;
	char *text;
	size_t len;

	put(p, "hello\n");
	assert_int_equal(file_read(p->file, 6, &text, &len), 0);
	assert_int_equal(len, 6);
	assert_string_equal(text, "hello\n");
	free(text);
}

static void one_octet_too_many_is_too_large(void **state)
{
	const struct place *p = *state;
	char *text;
	size_t len;

	put(p, "hello\n");
	assert_int_equal(file_read(p->file, 5, &text, &len), -EFBIG);
	assert_null(text);
	assert_string_equal(file_error(-EFBIG), "too large");
}

static void a_file_that_hides_its_size_is_read_to_the_limit(void **state)
{
	char *text;
	size_t len;

	// Files in /proc say 0.
	assert_int_equal(file_read("/proc/self/status", 1 << 16, &text, &len), 0);
	assert_memory_equal(text, "Name:", 5);
	free(text);
	assert_int_equal(file_read("/proc/self/status", 16, &text, &len), -EFBIG);
	assert_null(text);
}

static void only_regular_files_are_read(void **state)
{
	const struct place *p = *state;
	char *text;
	size_t len;

	assert_int_equal(file_read(p->dir, 100, &text, &len), -EISDIR);
	assert_int_equal(file_read("/dev/zero", 100, &text, &len), -ENOTSUP);
	assert_int_equal(file_read(p->file, 100, &text, &len), -ENOENT);
	assert_int_equal(mkfifo(p->file, 0600), 0); // nobody writes: an open that waits would hang
	assert_int_equal(file_read(p->file, 100, &text, &len), -ENOTSUP);
	assert_null(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_file_comes_whole_and_ends_with_a_zero, make_place,
						remove_place),
		cmocka_unit_test_setup_teardown(one_octet_too_many_is_too_large, make_place,
						remove_place),
		cmocka_unit_test(a_file_that_hides_its_size_is_read_to_the_limit),
		cmocka_unit_test_setup_teardown(only_regular_files_are_read, make_place,
						remove_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

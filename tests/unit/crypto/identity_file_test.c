#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto/identity.h"

struct fixture {
	struct identity id, read;
	struct identity_note note;
	char dir[32], path[64];
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct random_state rs;
	struct random rng = random_seeded(&rs, 61);

	*state = f;
	strcpy(f->dir, "/tmp/annulus-identity-XXXXXX");
	if (mkdtemp(f->dir) == NULL)
		return -1;
	snprintf(f->path, sizeof(f->path), "%s/identity", f->dir);
	return identity_generate(&f->id, IDENTITY_PEER, &rng);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	unlink(f->path);
	rmdir(f->dir);
	free(f);
	return 0;
}

// The files in the directory: nothing may be left aside.
static unsigned files_in(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *e;
	unsigned n = 0;

	assert_non_null(dir);
	while ((e = readdir(dir)) != NULL)
		n += e->d_name[0] != '.';
	closedir(dir);
	return n;
}

static void overwrite(const struct fixture *f, const void *data, size_t len)
{
	int fd = open(f->path, O_WRONLY | O_TRUNC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, len), len);
	close(fd);
}

static void what_is_saved_loads_again_and_is_ours_alone(void **state)
{
	struct fixture *f = *state;
	struct stat st;

	assert_int_equal(identity_save(&f->id, f->path, &f->note), 0);
	assert_int_equal(stat(f->path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(files_in(f->dir), 1);
	assert_int_equal(identity_load(&f->read, f->path, &f->note), 0);
	assert_string_equal(f->note.text, "");
	assert_memory_equal(&f->read, &f->id, sizeof(f->id));
}

static void an_identity_is_never_replaced(void **state)
{
	struct fixture *f = *state;
	struct random rng = random_system();
	struct identity other;

	assert_int_equal(identity_generate(&other, IDENTITY_PEER, &rng), 0);
	assert_int_equal(identity_save(&other, f->path, &f->note), -EEXIST);
	assert_non_null(strstr(f->note.text, f->path));
	assert_int_equal(files_in(f->dir), 1);
	assert_int_equal(identity_load(&f->read, f->path, &f->note), 0);
	assert_memory_equal(f->read.member.fingerprint, f->id.member.fingerprint, FINGERPRINT_LEN);
}

static void a_file_that_others_may_read_loads_with_a_warning(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(chmod(f->path, 0640), 0);
	assert_int_equal(identity_load(&f->read, f->path, &f->note), 0);
	assert_non_null(strstr(f->note.text, "mode 0640"));
	assert_non_null(strstr(f->note.text, "chmod 600"));
	assert_int_equal(chmod(f->path, 0600), 0);
}

static void a_damaged_file_is_told_with_path_and_line(void **state)
{
	struct fixture *f = *state;
	char big[IDENTITY_TEXT_MAX + 1];
	char want[128];

	overwrite(f, "annulus-identity 1\nki", 21);
	assert_int_equal(identity_load(&f->read, f->path, &f->note), -EBADMSG);
	snprintf(want, sizeof(want), "%s: line 2: ", f->path);
	assert_memory_equal(f->note.text, want, strlen(want));
	memset(big, 'a', sizeof(big));
	overwrite(f, big, sizeof(big));
	assert_int_equal(identity_load(&f->read, f->path, &f->note), -EFBIG);
}

static void what_cannot_be_opened_is_told(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(identity_load(&f->read, "/nonexistent/identity", &f->note), -ENOENT);
	assert_string_equal(f->note.text, "/nonexistent/identity: No such file or directory");
	assert_int_equal(identity_load(&f->read, f->dir, &f->note), -EISDIR);
	assert_int_equal(identity_save(&f->id, "/nonexistent/identity", &f->note), -ENOENT);
	assert_string_equal(f->note.text, "/nonexistent/identity: No such file or directory");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_saved_loads_again_and_is_ours_alone),
		cmocka_unit_test(an_identity_is_never_replaced),
		cmocka_unit_test(a_file_that_others_may_read_loads_with_a_warning),
		cmocka_unit_test(a_damaged_file_is_told_with_path_and_line),
		cmocka_unit_test(what_cannot_be_opened_is_told),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}

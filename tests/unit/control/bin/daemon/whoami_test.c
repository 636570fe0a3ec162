#include "control/bin/daemon/whoami.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto/random.h"
#include "tests/support/test.h"

struct place {
	char dir[32], path[48];
	struct random rng;
};

static int build(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	assert_non_null(p);
	strcpy(p->dir, "/tmp/whoami-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	snprintf(p->path, sizeof(p->path), "%s/id", p->dir);
	p->rng = random_system();
	*state = p;
	return 0;
}

static int destroy(void **state)
{
	struct place *p = *state;

	unlink(p->path);
	assert_int_equal(rmdir(p->dir), 0); // nothing else was made
	free(p);
	return 0;
}

static void a_new_identity_is_not_written_before_it_is_saved(void **state)
{
	struct place *p = *state;
	struct identity id;
	char why[WHY_MAX];
	bool is_new;

	assert_int_equal(whoami_load(&id, p->path, &p->rng, &is_new, NULL, why), 0);
	assert_true(is_new);
	assert_int_equal(access(p->path, F_OK), -1);
}

static void it_is_the_same_after_a_restart_and_ours_alone(void **state)
{
	struct place *p = *state;
	struct identity id, again;
	char why[WHY_MAX];
	struct stat st;
	bool is_new;

	assert_int_equal(whoami_load(&id, p->path, &p->rng, &is_new, NULL, why), 0);
	assert_int_equal(whoami_save(&id, p->path, why), 0);
	assert_int_equal(stat(p->path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(whoami_load(&again, p->path, &p->rng, &is_new, NULL, why), 0);
	assert_false(is_new);
	assert_memory_equal(again.server.fingerprint, id.server.fingerprint, FINGERPRINT_LEN);
	assert_memory_equal(again.member.fingerprint, id.member.fingerprint, FINGERPRINT_LEN);
}

static void an_identity_of_another_kind_or_none_is_refused_in_one_line(void **state)
{
	struct place *p = *state;
	struct identity id;
	char why[WHY_MAX];
	bool is_new;
	FILE *f;

	assert_int_equal(identity_generate(&id, IDENTITY_PEER, &p->rng), 0);
	assert_int_equal(whoami_save(&id, p->path, why), 0);
	assert_int_equal(whoami_load(&id, p->path, &p->rng, &is_new, NULL, why), -EINVAL);
	assert_non_null(strstr(why, p->path));
	assert_non_null(strstr(why, "not an appliance's"));

	f = fopen(p->path, "w");
	assert_non_null(f);
	fputs("something else\n", f);
	fclose(f);
	assert_int_equal(whoami_load(&id, p->path, &p->rng, &is_new, NULL, why), -EBADMSG);
	assert_non_null(strstr(why, p->path));
	assert_null(strchr(why, '\n'));
}

static void its_directory_is_made_with_it(void **state)
{
	struct place *p = *state;
	struct identity id;
	char dir[64], path[80], why[WHY_MAX];
	struct stat st;
	bool is_new;

	snprintf(dir, sizeof(dir), "%s/state", p->dir);
	snprintf(path, sizeof(path), "%s/id", dir);
	assert_int_equal(whoami_load(&id, path, &p->rng, &is_new, NULL, why), 0);
	assert_int_equal(access(dir, F_OK), -1);
	assert_int_equal(whoami_save(&id, path, why), 0);
	assert_int_equal(stat(dir, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(dir), 0);
}

static void a_place_that_cannot_be_written_is_named(void **state)
{
	struct place *p = *state;
	struct identity id;
	char path[64], why[WHY_MAX];
	bool is_new;

	snprintf(path, sizeof(path), "%s/no/where/id", p->dir);
	assert_int_equal(whoami_load(&id, path, &p->rng, &is_new, NULL, why), 0);
	assert_int_equal(whoami_save(&id, path, why), -ENOENT);
	assert_non_null(strstr(why, path));
}

static void peer_ids_are_64_hex_digits(void **state)
{
	const uint8_t print[FINGERPRINT_LEN] = {0x00, 0xff, 0x1a};
	char text[2 * FINGERPRINT_LEN + 1];

	peer_id_format(print, text);
	assert_int_equal(strlen(text), 64);
	assert_memory_equal(text, "00ff1a00", 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, build, destroy)
		T(a_new_identity_is_not_written_before_it_is_saved),
		T(it_is_the_same_after_a_restart_and_ours_alone),
		T(an_identity_of_another_kind_or_none_is_refused_in_one_line),
		T(its_directory_is_made_with_it),
		T(a_place_that_cannot_be_written_is_named),
		cmocka_unit_test(peer_ids_are_64_hex_digits),
#undef T
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

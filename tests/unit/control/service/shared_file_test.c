// A file on its way through a group: what comes is verified, what was there is kept, and nothing
// that a killed process left is believed.
#include "control/service/shared_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/test.h"

#define LENGTH ((2050u << 16) + 12345) // two lists, the last piece a short one

struct place {
	char dir[64], from[128], to[128];
	struct shared_file *source;
	uint8_t object[SHARED_FILE_OBJECT_MAX];
	uint32_t len;
};

static void file_write(const char *path, uint32_t length)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	uint8_t block[65536];
	uint64_t dice = 1;

	for (uint32_t at = 0; at < length; at += sizeof(block)) {
		uint32_t n = length - at < sizeof(block) ? length - at : sizeof(block);

		for (uint32_t i = 0; i < n; i += 8) {
			dice = dice * 6364136223846793005u + 1442695040888963407u;
			memcpy(block + i, &dice, n - i < 8 ? n - i : 8);
		}
		if (at >> 16 == 7) // a piece of zeros, as holes are
			memset(block, 0, n);
		assert_int_equal(write(fd, block, n), n);
	}
	close(fd);
}

static int begin(void **state)
{
	struct place *p = calloc(1, sizeof(*p));
	int err;

	snprintf(p->dir, sizeof(p->dir), "/tmp/annulus-file-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	snprintf(p->from, sizeof(p->from), "%s/from", p->dir);
	snprintf(p->to, sizeof(p->to), "%s/to", p->dir);
	file_write(p->from, LENGTH);
	p->source = shared_file_open(p->from, &err);
	assert_non_null(p->source);
	*state = p;
	return 0;
}

static int end(void **state)
{
	struct place *p = *state;
	char command[256];

	shared_file_close(p->source);
	snprintf(command, sizeof(command), "rm -rf %s", p->dir);
	free(p);
	return system(command) == 0 ? 0 : -1;
}

static struct span object(struct place *p, uint64_t index)
{
	assert_int_equal(shared_file_read(p->source, index, p->object, &p->len), 0);
	return span_of(p->object, p->len);
}

static struct shared_file *fetch_begin(struct place *p)
{
	int err;
	struct shared_file *sf = shared_file_create(p->to, object(p, 0), &err);

	assert_non_null(sf);
	return sf;
}

static int take(struct place *p, struct shared_file *sf, uint64_t index)
{
	return shared_file_take(sf, index, object(p, index));
}

static void check_equal(const struct place *p)
{
	char command[300];

	snprintf(command, sizeof(command), "cmp %s %s", p->from, p->to);
	assert_int_equal(system(command), 0);
}

static void pieces_in_any_order_become_the_file(void **state)
{
	struct place *p = *state;
	struct shared_file *sf = fetch_begin(p);
	uint64_t last = file_last_index(shared_file_layout(sf));

	assert_int_equal(take(p, sf, 3), -EAGAIN); // nobody could say whether it is right
	assert_int_equal(take(p, sf, 2), 0);
	assert_int_equal(take(p, sf, 1), 0);
	assert_int_equal(take(p, sf, 1), 1);
	for (uint64_t i = last; i >= 3; i--) {
		assert_false(shared_file_is_whole(sf));
		assert_int_equal(shared_file_finish(sf), -EAGAIN);
		assert_int_equal(take(p, sf, i), 0);
	}
	assert_true(shared_file_is_whole(sf));
	assert_int_equal(shared_file_bytes(sf), LENGTH);
	assert_int_equal(shared_file_finish(sf), 0);
	check_equal(p);
	// It can still be given.
	assert_int_equal(shared_file_read(sf, last, p->object, &p->len), 0);
	assert_int_equal(p->len, 12345);
	assert_int_equal(shared_file_finish(sf), 0);
	shared_file_close(sf);
}

static void what_may_be_asked_for_grows_with_the_lists(void **state)
{
	struct place *p = *state;
	struct shared_file *sf = fetch_begin(p);
	struct index_range r;

	assert_true(shared_file_next_wanted(sf, 0, &r));
	assert_true(r.first == 1 && r.last == 2);
	assert_false(shared_file_next_wanted(sf, 3, &r));
	take(p, sf, 2);
	assert_true(shared_file_next_wanted(sf, 0, &r));
	assert_true(r.first == 1 && r.last == 1);
	assert_true(shared_file_next_wanted(sf, 2, &r)); // those of the second list
	assert_true(r.first == 3 + 2048 && r.last == 3 + 2050);
	take(p, sf, 1);
	take(p, sf, 3);
	assert_true(shared_file_next_wanted(sf, 0, &r));
	assert_int_equal(r.first, 4);
	shared_file_close(sf);
}

static void what_is_wrong_is_not_written(void **state)
{
	struct place *p = *state;
	struct shared_file *sf = fetch_begin(p);
	struct span s = object(p, 1);

	p->object[5] ^= 1;
	assert_int_equal(shared_file_take(sf, 1, s), -EBADMSG);
	p->object[5] ^= 1;
	assert_int_equal(shared_file_take(sf, 1, span_of(s.data, s.len - 32)), -EBADMSG);
	assert_int_equal(shared_file_take(sf, 1, s), 0);
	s = object(p, 4);
	assert_int_equal(shared_file_take(sf, 3, s), -EBADMSG); // another piece
	p->object[65535] ^= 1;
	assert_int_equal(shared_file_take(sf, 4, s), -EBADMSG);
	assert_int_equal(shared_file_take(sf, UINT64_MAX, s), -EBADMSG);
	assert_int_equal(shared_file_read(sf, 4, p->object, &p->len), -ENOENT);
	assert_int_equal(shared_file_bytes(sf), 0);
	shared_file_close(sf);
}

// Cut at any place, and with octets turned round behind its back.
static void what_is_there_is_verified_and_kept(void **state)
{
	struct place *p = *state;
	struct shared_file *sf = fetch_begin(p);
	char part[140];
	int fd;

	for (uint64_t i = 1; i <= 100; i++)
		assert_int_equal(take(p, sf, i), 0);
	shared_file_close(sf); // as a kill does
	snprintf(part, sizeof(part), "%s.part", p->to);
	fd = open(part, O_WRONLY);
	assert_int_equal(pwrite(fd, "x", 1, 20 << 16), 1);
	close(fd);
	sf = fetch_begin(p);
	assert_false(ranges_has(shared_file_have(sf), 3 + 20));
	assert_true(ranges_has(shared_file_have(sf), 3 + 21));
	assert_int_equal(ranges_count(shared_file_have(sf)), 100); // of 101
	assert_int_equal(take(p, sf, 3 + 20), 0);
	for (uint64_t i = 101; i <= file_last_index(shared_file_layout(sf)); i++)
		assert_int_equal(take(p, sf, i), 0);
	assert_int_equal(shared_file_finish(sf), 0);
	check_equal(p);
	shared_file_close(sf);
}

static void a_state_that_was_cut_is_begun_anew(void **state)
{
	struct place *p = *state;
	char path[140];

	for (int len = 0; len < 200; len += 7) {
		struct shared_file *sf;

		snprintf(path, sizeof(path), "%s.state", p->to);
		unlink(path);
		sf = fetch_begin(p);
		assert_int_equal(take(p, sf, 1), 0);
		if (len == 0)
			assert_int_equal(take(p, sf, 3), 0);
		shared_file_close(sf);
		assert_int_equal(truncate(path, len), 0);
		sf = fetch_begin(p);
		assert_int_equal(ranges_count(shared_file_have(sf)), 1);
		assert_int_equal(take(p, sf, 1), 0);
		shared_file_close(sf);
		sf = fetch_begin(p); // the piece was there all the time
		assert_int_equal(ranges_count(shared_file_have(sf)), 4); // and one of zeros
		shared_file_close(sf);
	}
}

static void another_file_does_not_go_on_with_this_one(void **state)
{
	struct place *p = *state;
	struct shared_file *sf = fetch_begin(p), *other;
	uint8_t root[FILE_ROOT_MAX];
	uint32_t len;
	int err;

	shared_file_close(sf);
	file_write(p->from, 100000);
	other = shared_file_open(p->from, &err);
	assert_int_equal(shared_file_read(other, 0, p->object, &len), 0);
	memcpy(root, p->object, len);
	assert_null(shared_file_create(p->to, span_of(root, len), &err));
	assert_int_equal(err, -EEXIST);
	assert_null(shared_file_create(p->to, span_of(root, 5), &err));
	assert_int_equal(err, -EBADMSG);
	shared_file_close(other);
}

static void a_file_that_changes_while_it_is_shared_is_not_given(void **state)
{
	struct place *p = *state;
	int fd = open(p->from, O_WRONLY);

	assert_int_equal(pwrite(fd, "x", 1, 5 << 16), 1);
	assert_int_equal(shared_file_read(p->source, 3 + 5, p->object, &p->len), -ESTALE);
	assert_int_equal(shared_file_read(p->source, 3 + 6, p->object, &p->len), 0);
	assert_int_equal(ftruncate(fd, 6 << 16), 0);
	assert_int_equal(shared_file_read(p->source, 3 + 6, p->object, &p->len), -ESTALE);
	close(fd);
}

static void an_empty_file_is_a_root_alone(void **state)
{
	struct place *p = *state;
	struct shared_file *source, *sf;
	int err;

	file_write(p->from, 0);
	source = shared_file_open(p->from, &err);
	assert_int_equal(shared_file_read(source, 0, p->object, &p->len), 0);
	sf = shared_file_create(p->to, span_of(p->object, p->len), &err);
	assert_true(shared_file_is_whole(sf));
	assert_int_equal(shared_file_finish(sf), 0);
	check_equal(p);
	shared_file_close(sf);
	shared_file_close(source);
	assert_null(shared_file_open(p->dir, &err)); // a directory
	assert_int_equal(err, -EINVAL);
	assert_null(shared_file_open("/nowhere/at/all", &err));
	assert_int_equal(err, -ENOENT);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		T(pieces_in_any_order_become_the_file),
		T(what_may_be_asked_for_grows_with_the_lists),
		T(what_is_wrong_is_not_written),
		T(what_is_there_is_verified_and_kept),
		T(a_state_that_was_cut_is_begun_anew),
		T(another_file_does_not_go_on_with_this_one),
		T(a_file_that_changes_while_it_is_shared_is_not_given),
		T(an_empty_file_is_a_root_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

// The store of mirrored groups: what is there stays, a batch is whole or not there, and a process
// that is killed at any moment leaves nothing torn.
#include "control/service/object_store.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/test.h"

#define MAX   (64u << 20)
#define LEN   65536u
#define KILLS 40

static const uint8_t group_a[GROUP_ID_LEN] = {0xa}, group_b[GROUP_ID_LEN] = {0xa, 1};

struct place {
	char dir[64];
	struct object_store *s;
	uint8_t buffer[OBJECT_LEN_MAX];
};

static void open_store(struct place *p)
{
	int err;

	p->s = object_store_open(p->dir, MAX, &err);
	assert_non_null(p->s);
}

static int begin(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	snprintf(p->dir, sizeof(p->dir), "/tmp/annulus-store-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	open_store(p);
	*state = p;
	return 0;
}

static int end(void **state)
{
	struct place *p = *state;
	char command[100];

	object_store_close(p->s);
	snprintf(command, sizeof(command), "rm -rf %s", p->dir);
	free(p);
	return system(command) == 0 ? 0 : -1;
}

static int put(struct place *p, const uint8_t *group, uint64_t index, const char *text)
{
	struct stored_object o = {
		.index = index, .encoding = 2, .octets = span_of(text, strlen(text))};

	memcpy(o.group, group, GROUP_ID_LEN);
	return object_store_put(p->s, &o, 1);
}

static int get(struct place *p, const uint8_t *group, uint64_t index, struct span *octets)
{
	struct stored_object o = {.index = index};
	int err;

	memcpy(o.group, group, GROUP_ID_LEN);
	err = object_store_get(p->s, &o, p->buffer, sizeof(p->buffer));
	*octets = o.octets;
	assert_true(err != 0 || o.encoding == 2);
	return err;
}

static void what_was_put_is_got(void **state)
{
	static const uint64_t indices[] = {0, 1, 255, 256, OBJECT_INDEX_MAX};
	struct place *p = *state;
	struct ranges have;
	uint64_t bytes = 0;
	struct span s;

	for (size_t i = 0; i < ARRAY_LEN(indices); i++)
		assert_int_equal(put(p, group_a, indices[i], "one"), 0);
	assert_int_equal(put(p, group_b, 7, "other"), 0);
	object_store_close(p->s);
	open_store(p);
	for (size_t i = 0; i < ARRAY_LEN(indices); i++) {
		assert_int_equal(get(p, group_a, indices[i], &s), 0);
		assert_true(span_equal(s, span_of("one", 3)));
		assert_int_equal(get(p, group_b, indices[i], &s), -ENOENT);
	}
	ranges_init(&have, 100);
	assert_int_equal(object_store_list(p->s, group_a, 0, OBJECT_INDEX_MAX, &have, &bytes), 0);
	assert_int_equal(ranges_count(&have), 5);
	assert_int_equal(have.n, 3); // in order: 0 .. 1, 255 .. 256, the last
	assert_int_equal(bytes, 15);
	assert_int_equal(put(p, group_a, 1, "another"), 0);
	assert_int_equal(get(p, group_a, 1, &s), 0);
	assert_int_equal(s.len, 7);
	assert_int_equal(object_store_remove_range(p->s, group_a, 1, 1), 0);
	assert_int_equal(object_store_remove_range(p->s, group_a, 1, 1), 0);
	assert_int_equal(get(p, group_a, 1, &s), -ENOENT);
	ranges_clear(&have);
}

static void what_does_not_fit_changes_nothing(void **state)
{
	struct place *p = *state;
	struct stored_object batch[100];
	struct ranges have;
	uint64_t bytes = 0, n = 0;
	int err = 0;

	memset(p->buffer, 'x', sizeof(p->buffer));
	for (uint64_t index = 0; err == 0; index += ARRAY_LEN(batch)) {
		for (uint32_t i = 0; i < ARRAY_LEN(batch); i++) {
			batch[i] = (struct stored_object){.index = index + i,
							  .encoding = 2,
							  .octets = span_of(p->buffer, LEN)};
			memcpy(batch[i].group, group_a, GROUP_ID_LEN);
		}
		err = object_store_put(p->s, batch, ARRAY_LEN(batch));
		n += err == 0 ? ARRAY_LEN(batch) : 0;
	}
	assert_int_equal(err, -ENOSPC);
	assert_in_range(n * LEN, MAX / 2, MAX);
	ranges_init(&have, 10);
	assert_int_equal(object_store_list(p->s, group_a, 0, OBJECT_INDEX_MAX, &have, &bytes), 0);
	assert_int_equal(ranges_count(&have), n);
	assert_int_equal(bytes, n * LEN);
	assert_int_equal(object_store_remove_range(p->s, group_a, 0, 0), 0); // and goes on
	ranges_clear(&have);
}

// More than one transaction takes, and nothing beside it.
static void a_range_goes(void **state)
{
	struct place *p = *state;
	struct stored_object batch[5000];
	struct ranges have;
	uint64_t bytes = 0;
	struct span s;

	for (uint32_t i = 0; i < ARRAY_LEN(batch); i++) {
		batch[i] = (struct stored_object){
			.index = 10 + 2 * i, .encoding = 2, .octets = span_of("x", 1)};
		memcpy(batch[i].group, group_a, GROUP_ID_LEN);
	}
	assert_int_equal(object_store_put(p->s, batch, ARRAY_LEN(batch)), 0);
	assert_int_equal(put(p, group_b, 12, "other"), 0);
	assert_int_equal(object_store_remove_range(p->s, group_a, 0, 9), 0);
	assert_int_equal(object_store_remove_range(p->s, group_a, 12, 10000), 0);
	ranges_init(&have, 100);
	assert_int_equal(object_store_list(p->s, group_a, 10, 20000, &have, &bytes), 0);
	assert_int_equal(ranges_count(&have), 1 + 4); // 10, and 10002 .. 10008
	assert_true(ranges_has(&have, 0) && ranges_has(&have, 10002 - 10));
	ranges_clear(&have);
	bytes = 0;
	assert_int_equal(object_store_list(p->s, group_a, 10003, 10005, &have, &bytes), 0);
	assert_true(ranges_count(&have) == 1 && ranges_has(&have, 1) && bytes == 1);
	assert_int_equal(object_store_remove_range(p->s, group_a, 0, OBJECT_INDEX_MAX), 0);
	assert_int_equal(object_store_remove_range(p->s, group_a, 0, OBJECT_INDEX_MAX), 0);
	assert_int_equal(get(p, group_a, 10, &s), -ENOENT);
	assert_int_equal(get(p, group_b, 12, &s), 0);
	assert_int_equal(object_store_remove_range(p->s, group_b, 12, OBJECT_INDEX_MAX), 0);
	assert_int_equal(get(p, group_b, 12, &s), -ENOENT);
	ranges_clear(&have);
}

// Octets of an object in the kill test: its index, over and over.
static void object_fill(uint8_t *octets, uint64_t index)
{
	for (uint32_t i = 0; i < LEN; i += sizeof(index))
		memcpy(octets + i, &index, sizeof(index));
}

// Puts batches from index on for ever, and tells the pipe what it has put.
static void put_for_ever(const char *dir, uint64_t index, int to)
{
	static uint8_t octets[8][LEN];
	struct stored_object batch[8];
	int err;
	struct object_store *s = object_store_open(dir, MAX * 4ull, &err);

	for (; s != NULL; index += 8) {
		for (uint32_t i = 0; i < 8; i++) {
			object_fill(octets[i], index + i);
			batch[i] = (struct stored_object){.index = index + i,
							  .encoding = 2,
							  .octets = span_of(octets[i], LEN)};
			memcpy(batch[i].group, group_a, GROUP_ID_LEN);
		}
		if (object_store_put(s, batch, 8) != 0 || write(to, &index, sizeof(index)) < 0)
			break;
	}
	_exit(1);
}

// How far it came: the first index of the last batch that it said was there.
static uint64_t run_and_kill(struct place *p, uint64_t first, uint32_t n_batches, uint64_t spin)
{
	uint64_t last = first, index;
	int ends[2], status;
	pid_t child;

	assert_int_equal(pipe(ends), 0);
	child = fork();
	if (child == 0)
		put_for_ever(p->dir, first, ends[1]);
	close(ends[1]);
	for (uint32_t i = 0; i < n_batches; i++)
		if (read(ends[0], &index, sizeof(index)) == sizeof(index))
			last = index + 8;
	for (volatile uint64_t i = 0; i < spin; i++) // somewhere in the next one
		;
	kill(child, SIGKILL);
	waitpid(child, &status, 0);
	assert_true(WIFSIGNALED(status));
	while (read(ends[0], &index, sizeof(index)) == sizeof(index))
		last = index + 8;
	close(ends[0]);
	return last;
}

static void check_whole(struct place *p, uint64_t n_said)
{
	static uint8_t right[LEN];
	struct ranges have;
	uint64_t bytes = 0;
	struct span s;

	ranges_init(&have, 10);
	assert_int_equal(object_store_list(p->s, group_a, 0, OBJECT_INDEX_MAX, &have, &bytes), 0);
	assert_true(n_said == 0 || have.n == 1);
	assert_true(ranges_count(&have) >= n_said);   // all that was said to be there
	assert_int_equal(ranges_count(&have) % 8, 0); // batches are whole
	assert_int_equal(bytes, ranges_count(&have) * LEN);
	for (uint64_t i = 0; i < ranges_count(&have); i++) {
		object_fill(right, i);
		assert_int_equal(get(p, group_a, i, &s), 0);
		assert_true(span_equal(s, span_of(right, LEN)));
	}
	ranges_clear(&have);
}

static void a_kill_at_any_moment_tears_nothing(void **state)
{
	struct place *p = *state;
	uint64_t n = 0;

	for (uint32_t i = 0; i < KILLS; i++) {
		object_store_close(p->s);
		n = run_and_kill(p, n, 1 + i % 3, i * 40009 % 1000003);
		open_store(p);
		check_whole(p, n);
	}
	assert_true(n >= KILLS * 8); // it got on
}

static void a_directory_that_cannot_be_is_told(void **state)
{
	int err;

	assert_null(object_store_open("/proc/none/at/all", MAX, &err));
	assert_int_equal(err, -ENOENT);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		T(what_was_put_is_got),
		T(a_range_goes),
		T(what_does_not_fit_changes_nothing),
		T(a_kill_at_any_moment_tears_nothing),
		T(a_directory_that_cannot_be_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "control/service/store_thread.h"

#include <errno.h>
#include <poll.h>

#include "tests/support/test.h"

struct place {
	char dir[64];
	struct store_thread *t;
};

static int begin(void **state)
{
	struct place *p = calloc(1, sizeof(*p));
	int err;

	snprintf(p->dir, sizeof(p->dir), "/tmp/annulus-store-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	p->t = store_thread_create(object_store_open(p->dir, 256u << 20, &err));
	assert_non_null(p->t);
	*state = p;
	return 0;
}

static int end(void **state)
{
	struct place *p = *state;
	char command[100];

	store_thread_destroy(p->t);
	snprintf(command, sizeof(command), "rm -rf %s", p->dir);
	free(p);
	return system(command) == 0 ? 0 : -1;
}

static int submit(struct place *p, enum store_op op, uint64_t index, struct span octets)
{
	struct stored_object o = {.index = index, .encoding = 1, .octets = octets};

	return store_thread_submit(p->t, op, &o, 3, 100 + index);
}

// Waits until something is done.
static struct store_job *wait_for(struct place *p)
{
	struct pollfd fd = {.fd = store_thread_fd(p->t), .events = POLLIN};
	struct store_job *j;

	while ((j = store_thread_poll(p->t)) == NULL)
		assert_int_equal(poll(&fd, 1, 60000), 1);
	return j;
}

static void jobs_come_out_again(void **state)
{
	struct place *p = *state;
	struct store_job *j;

	for (uint64_t i = 0; i < 300; i++)
		assert_int_equal(submit(p, STORE_PUT, i, span_of(&i, sizeof(i))), 0);
	for (uint64_t i = 0; i < 300; i++) { // in order
		j = wait_for(p);
		assert_int_equal(j->op, STORE_PUT);
		assert_true(j->object.index == i && j->request == 100 + i && j->user == 3);
		assert_int_equal(j->err, 0);
		free(j);
	}
	for (uint64_t i = 0; i < 50; i++)
		assert_int_equal(submit(p, STORE_GET, 10 * i, span_of(NULL, 0)), 0);
	for (uint64_t i = 0; i < 50; i++) {
		uint64_t want = 10 * i;

		j = wait_for(p);
		assert_true(j->op == STORE_GET && j->object.index == want);
		assert_int_equal(j->err, want < 300 ? 0 : -ENOENT);
		if (j->err == 0) {
			assert_int_equal(j->object.encoding, 1);
			assert_true(span_equal(j->object.octets, span_of(&want, sizeof(want))));
		}
		free(j);
	}
	assert_null(store_thread_poll(p->t));
}

static void too_much_is_refused(void **state)
{
	static const uint8_t octets[OBJECT_LEN_MAX];
	struct place *p = *state;
	uint32_t n = 0, n_done = 0;
	int err;

	while ((err = submit(p, STORE_PUT, n, span_of(octets, sizeof(octets)))) == 0)
		n++;
	assert_int_equal(err, -ENOBUFS);
	assert_int_equal(n, STORE_BYTES_MAX / OBJECT_LEN_MAX);
	assert_int_equal(submit(p, STORE_GET, 0, span_of(NULL, 0)), -ENOBUFS);
	for (; n_done < n; n_done++)
		free(wait_for(p));
	assert_int_equal(submit(p, STORE_GET, 0, span_of(NULL, 0)), 0); // there is room again
	free(wait_for(p));
}

// What is put before a removal goes with it, what is put behind it stays.
static void a_removal_is_in_its_place(void **state)
{
	static const uint8_t octets[20000];
	struct place *p = *state;
	struct stored_object from = {.index = 0};
	struct store_job *j;

	for (uint64_t i = 0; i < 500; i++)
		assert_int_equal(submit(p, STORE_PUT, i, span_of(octets, sizeof(octets))), 0);
	assert_int_equal(store_thread_submit(p->t, STORE_REMOVE, &from, 3, 400), 0);
	for (uint64_t i = 0; i < 100; i++)
		assert_int_equal(submit(p, STORE_PUT, i, span_of(octets, 1)), 0);
	for (uint64_t i = 0; i < 601; i++) {
		j = wait_for(p);
		assert_int_equal(j->op, i == 500 ? STORE_REMOVE : STORE_PUT);
		assert_int_equal(j->err, 0);
		free(j);
	}
	for (uint64_t i = 0; i < 500; i += 50) {
		assert_int_equal(submit(p, STORE_GET, i, span_of(NULL, 0)), 0);
		j = wait_for(p);
		assert_int_equal(j->err, i < 100 || i > 400 ? 0 : -ENOENT);
		if (j->err == 0)
			assert_int_equal(j->object.octets.len, i < 100 ? 1 : sizeof(octets));
		free(j);
	}
}

static void what_was_put_is_written_before_the_end(void **state)
{
	struct place *p = *state;
	int err;

	for (uint64_t i = 0; i < 500; i++)
		assert_int_equal(submit(p, STORE_PUT, i, span_of(&i, sizeof(i))), 0);
	store_thread_destroy(p->t);
	p->t = store_thread_create(object_store_open(p->dir, 256u << 20, &err));
	assert_int_equal(submit(p, STORE_GET, 499, span_of(NULL, 0)), 0);
	{
		struct store_job *j = wait_for(p);

		assert_int_equal(j->err, 0);
		free(j);
	}
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		T(jobs_come_out_again),
		T(too_much_is_refused),
		T(a_removal_is_in_its_place),
		T(what_was_put_is_written_before_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

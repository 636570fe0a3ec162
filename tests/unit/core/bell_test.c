#include "dataplane/bell.h"

#include <poll.h>
#include <pthread.h>

#include "dataplane/mailbox.h"
#include "tests/support/test.h"

static bool rings(struct bell *b)
{
	struct pollfd p = {.fd = b->fd, .events = POLLIN};

	return poll(&p, 1, 0) == 1;
}

static void nobody_is_rung_while_awake(void **state)
{
	struct bell b;

	assert_int_equal(bell_init(&b), 0);
	bell_ring(&b);
	assert_false(rings(&b));
	bell_fini(&b);
}

static void a_sleeper_is_rung_once(void **state)
{
	struct bell b;
	uint64_t n;

	assert_int_equal(bell_init(&b), 0);
	bell_arm(&b);
	bell_ring(&b);
	bell_ring(&b);
	assert_true(rings(&b));
	assert_int_equal(read(b.fd, &n, sizeof(n)), sizeof(n));
	assert_int_equal(n, 1);
	bell_fini(&b);
}

static void it_is_quiet_after_waking_up(void **state)
{
	struct bell b;

	assert_int_equal(bell_init(&b), 0);
	bell_arm(&b);
	bell_ring(&b);
	bell_disarm(&b);
	assert_false(rings(&b));
	bell_ring(&b);
	assert_false(rings(&b));
	bell_fini(&b);
}

// ---- two threads ----

#define VALUES 20000

struct pair {
	struct bell bell;
	struct mailbox *ring;
};

static void *produce(void *arg)
{
	struct pair *p = arg;
	uint8_t value[MAILBOX_SLOT] = {0};

	for (unsigned i = 0; i < VALUES; i++) {
		while (!mailbox_push(p->ring, value))
			sched_yield();
		bell_ring(&p->bell);
	}
	return NULL;
}

// Without a deadline: a lost ring would leave the sleeper asleep, and the test in its time-out.
static void no_ring_is_lost_between_looking_and_sleeping(void **state)
{
	struct pair p = {.ring = mailbox_create(64)};
	uint8_t value[MAILBOX_SLOT];
	pthread_t producer;
	unsigned n = 0;

	assert_non_null(p.ring);
	assert_int_equal(bell_init(&p.bell), 0);
	assert_int_equal(pthread_create(&producer, NULL, produce, &p), 0);
	while (n < VALUES) {
		struct pollfd fd = {.fd = p.bell.fd, .events = POLLIN};

		bell_arm(&p.bell);
		if (mailbox_n(p.ring) == 0)
			poll(&fd, 1, -1);
		bell_disarm(&p.bell);
		while (mailbox_pop(p.ring, value))
			n++;
	}
	pthread_join(producer, NULL);
	assert_int_equal(n, VALUES);
	bell_fini(&p.bell);
	mailbox_destroy(p.ring);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nobody_is_rung_while_awake),
		cmocka_unit_test(a_sleeper_is_rung_once),
		cmocka_unit_test(it_is_quiet_after_waking_up),
		cmocka_unit_test(no_ring_is_lost_between_looking_and_sleeping),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

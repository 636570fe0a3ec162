#include "dataplane/bell.h"

#include <poll.h>
#include <pthread.h>

#include "dataplane/mailbox.h"
#include "tests/support/test.h"

static struct bell bell_create(void)
{
	struct bell b;

	assert_int_equal(bell_init(&b), 0);
	return b;
}

static bool rings(const struct bell *b)
{
	struct pollfd p = {.fd = b->fd, .events = POLLIN};

	return poll(&p, 1, 0) == 1;
}

static void it_is_silent_while_nobody_sleeps(void **state)
{
	struct bell b = bell_create();

	bell_ring(&b);
	assert_false(rings(&b));
	bell_fini(&b);
}

static void one_ring_wakes_once(void **state)
{
	struct bell b = bell_create();
	uint64_t n;

	bell_arm(&b);
	bell_ring(&b);
	bell_ring(&b);
	assert_true(rings(&b));
	assert_int_equal(read(b.fd, &n, sizeof(n)), sizeof(n));
	assert_int_equal(n, 1); // the second ringer did not write
	bell_disarm(&b);
	assert_false(rings(&b));
	bell_fini(&b);
}

static void disarming_swallows_what_rang(void **state)
{
	struct bell b = bell_create();

	bell_arm(&b);
	bell_ring(&b);
	bell_disarm(&b);
	assert_false(rings(&b));
	bell_ring(&b);
	assert_false(rings(&b));
	bell_fini(&b);
}

// A sleeper that was not woken for a value would sit in poll() for ever: the test would not end.
#define VALUES 20000

struct pair {
	struct bell bell;
	struct mailbox *ring;
};

static void *produce(void *arg)
{
	struct pair *p = arg;
	uint8_t value[MAILBOX_SLOT] = {0};

	for (int i = 0; i < VALUES;) {
		if (mailbox_push(p->ring, value))
			i++;
		bell_ring(&p->bell);
	}
	return NULL;
}

static void no_value_is_slept_over(void **state)
{
	struct pair p = {.bell = bell_create(), .ring = mailbox_create(16)};
	uint8_t value[MAILBOX_SLOT];
	pthread_t producer;
	int n = 0;

	assert_int_equal(pthread_create(&producer, NULL, produce, &p), 0);
	while (n < VALUES) {
		while (mailbox_pop(p.ring, value))
			n++;
		bell_arm(&p.bell);
		if (n < VALUES && mailbox_n(p.ring) == 0)
			poll(&(struct pollfd){.fd = p.bell.fd, .events = POLLIN}, 1, -1);
		bell_disarm(&p.bell);
	}
	pthread_join(producer, NULL);
	assert_int_equal(n, VALUES);
	mailbox_destroy(p.ring);
	bell_fini(&p.bell);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_silent_while_nobody_sleeps),
		cmocka_unit_test(one_ring_wakes_once),
		cmocka_unit_test(disarming_swallows_what_rang),
		cmocka_unit_test(no_value_is_slept_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

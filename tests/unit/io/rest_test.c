// A worker that sleeps until it is woken, on a port with interrupts (virtio): by a frame, by
// control, and to end. It laps in a thread of its own, the test beside it.
#include <pthread.h>
#include <time.h>

#include "tests/unit/io/by_hand.h"

#define TIMES 20

struct sleeper {
	struct worker_world w;
	pthread_t thread;
};

static void *sleep_and_work(void *arg)
{
	worker_run(arg);
	return NULL;
}

static struct sleeper *begin(void)
{
	struct sleeper *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	world_create(&s->w, 1);
	assert_true(s->w.workers[0]->idle.is_woken);
	assert_int_equal(pthread_create(&s->thread, NULL, sleep_and_work, s->w.workers[0]), 0);
	return s;
}

static void end(struct sleeper *s)
{
	worker_stop(s->w.workers[0]);
	pthread_join(s->thread, NULL);
	world_destroy(&s->w);
	free(s);
}

// Until it is about to sleep, and a little longer: no verdict hangs on its being asleep by then.
static void await_sleep(struct sleeper *s)
{
	const struct timespec little = {.tv_nsec = 1000000};

	do
		nanosleep(&little, NULL);
	while (!atomic_load(&s->w.bells[0].is_armed));
	nanosleep(&little, NULL);
}

static uint64_t n_woken(const struct sleeper *s)
{
	return *(const volatile uint64_t *)&s->w.workers[0]->rest.n_woken;
}

static void a_frame_wakes_it(void **state)
{
	struct sleeper *s = begin();
	uint32_t n = 0;

	for (int i = 0; i < TIMES; i++) {
		await_sleep(s);
		world_in(&s->w, 0, frame_arp(ARP_REQUEST, PEER_IP, OUR_IP));
		while (world_out_discard(&s->w, 0) == 0)
			sched_yield();
		n++;
	}
	assert_int_equal(n, TIMES);
	assert_true(n_woken(s) > 0); // not by the end of its time, each time
	end(s);
}

static void control_wakes_it(void **state)
{
	struct sleeper *s = begin();
	struct command c = {.op = CMD_TC_ELSEWHERE, .tc = {UINT32_MAX, UINT32_MAX}};
	struct mailbox *commands = s->w.l->nodes[0].commands;

	for (int i = 0; i < TIMES; i++) {
		await_sleep(s);
		assert_true(mailbox_push(commands, &c));
		bell_ring(&s->w.bells[0]);
		while (mailbox_n(commands) > 0)
			sched_yield();
	}
	assert_true(n_woken(s) > 0);
	end(s);
}

// All of these find it asleep, or it could end by itself.
static void it_wakes_to_end(void **state)
{
	for (int i = 0; i < TIMES; i++) {
		struct sleeper *s = begin();

		await_sleep(s);
		end(s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_frame_wakes_it),
		cmocka_unit_test(control_wakes_it),
		cmocka_unit_test(it_wakes_to_end),
	};

	return cmocka_run_group_tests(tests, worker_group_on_virtio, worker_group_teardown);
}

// Who has a turn, and when: by what came, by deadlines, and by what the program asked in between.
#include "control/member/member_loop.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "control/member/clock.h"
#include "control/member/ordinary.h"
#include "crypto/identity.h"
#include "tests/support/test.h"

#define N 3

struct scene {
	struct member_shared shared;
	struct member_loop *loop;
	struct identity identity[N];
	struct member *member[N];
	uint32_t turns[N];
	int silent; // a socket where nobody answers
};

static struct wire_addr loopback(uint16_t port)
{
	return (struct wire_addr){.ip = {127, 0, 0, 1}, .port = port, .family = 4};
}

static void count(void *ctx, struct member *m)
{
	++*(uint32_t *)member_user(m);
}

static void once(struct scene *s, uint64_t wait_us)
{
	memset(s->turns, 0, sizeof(s->turns));
	member_loop_once(s->loop, clock_us() + wait_us, count, s);
}

// They have had the turns that come with the beginning.
static void settle(struct scene *s)
{
	do
		once(s, 0);
	while (s->turns[0] + s->turns[1] + s->turns[2] > 0);
}

static struct scene *scene(void)
{
	struct scene *s = calloc(1, sizeof(*s));
	char why[200];

	assert_non_null(s);
	assert_int_equal(member_shared_init(&s->shared), 0);
	s->loop = member_loop_create();
	assert_non_null(s->loop);
	for (int i = 0; i < N; i++) {
		struct ordinary_opts o = {.identity = &s->identity[i], .bind = loopback(0)};

		assert_int_equal(
			identity_generate(&s->identity[i], IDENTITY_PEER, &s->shared.random), 0);
		s->member[i] = ordinary_member_create(&s->shared, &o, why, sizeof(why));
		assert_non_null(s->member[i]);
		member_set_user(s->member[i], &s->turns[i]);
		assert_int_equal(member_loop_add(s->loop, s->member[i]), 0);
	}
	s->silent = socket(AF_INET, SOCK_DGRAM, 0);
	assert_true(s->silent >= 0);
	settle(s);
	return s;
}

static void end(struct scene *s)
{
	for (int i = 0; i < N; i++) {
		member_loop_remove(s->loop, s->member[i]);
		member_destroy(s->member[i]);
	}
	member_loop_destroy(s->loop);
	member_shared_fini(&s->shared);
	close(s->silent);
	free(s);
}

// It has an IHello to send.
static void ask(struct scene *s, int i)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(a);
	struct wire_addr to;

	if (bind(s->silent, (struct sockaddr *)&a, sizeof(a)) != 0)
		assert_int_equal(errno, EINVAL); // it is bound
	assert_int_equal(getsockname(s->silent, (struct sockaddr *)&a, &len), 0);
	to = loopback(ntohs(a.sin_port));
	assert_non_null(
		node_connect(member_node(s->member[i]), "rtmfp://silent/", &to, 1, clock_us()));
}

static void send_to(struct scene *s, int i)
{
	struct sockaddr_in a = {.sin_family = AF_INET,
				.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
				.sin_port = htons(member_local(s->member[i], 0).port)};

	assert_int_equal(sendto(s->silent, "?", 1, 0, (struct sockaddr *)&a, sizeof(a)), 1);
}

static void assert_turns(const struct scene *s, uint32_t a, uint32_t b, uint32_t c)
{
	assert_int_equal(s->turns[0], a);
	assert_int_equal(s->turns[1], b);
	assert_int_equal(s->turns[2], c);
}

static void who_was_asked_something_has_a_turn(void **state)
{
	struct scene *s = scene();

	ask(s, 1);
	once(s, 500000);
	assert_turns(s, 0, 1, 0);
	end(s);
}

static void a_program_that_tells_is_believed(void **state)
{
	struct scene *s = scene();

	member_loop_wake_all(s->loop);
	once(s, 500000);
	assert_turns(s, 1, 1, 1);
	settle(s);
	ask(s, 1);
	once(s, 0);
	assert_turns(s, 0, 0, 0); // it has not told
	member_loop_wake_all(s->loop);
	once(s, 500000);
	assert_turns(s, 1, 1, 1);
	end(s);
}

// The IHello is repeated, without anybody asking.
static void deadlines_are_kept_by_a_program_that_tells(void **state)
{
	struct scene *s = scene();
	uint64_t due_us;

	ask(s, 2);
	member_loop_wake_all(s->loop);
	settle(s);
	due_us = member_deadline_us(s->member[2]);
	do
		once(s, 1000000);
	while (clock_us() < due_us);
	while (s->turns[2] == 0)
		once(s, 1000000);
	assert_turns(s, 0, 0, 1);
	end(s);
}

static void who_takes_the_place_of_one_that_left_hears_what_comes(void **state)
{
	struct scene *s = scene();

	member_loop_wake_all(s->loop);
	settle(s);
	member_loop_remove(s->loop, s->member[0]);
	send_to(s, 2);
	once(s, 500000);
	assert_turns(s, 0, 0, 1);
	settle(s);
	send_to(s, 1);
	once(s, 500000);
	assert_turns(s, 0, 1, 0);
	assert_int_equal(member_loop_add(s->loop, s->member[0]), 0);
	once(s, 500000);
	assert_turns(s, 1, 0, 0);
	end(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_was_asked_something_has_a_turn),
		cmocka_unit_test(a_program_that_tells_is_believed),
		cmocka_unit_test(deadlines_are_kept_by_a_program_that_tells),
		cmocka_unit_test(who_takes_the_place_of_one_that_left_hears_what_comes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

// Sources: what they may publish, and when it has arrived.
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/control/group/party.h"

static void names_parameters_and_rights_are_checked(void **state)
{
	struct party *t = *state;
	struct group_publication *p;
	struct group_play *v;
	struct world_node *n = t->nodes[1];
	uint64_t now_us = world_now_us(t->w);
	char name[300];
	struct group_stream_params wide = {.window_ms = 120001};

	memset(name, 'x', sizeof(name));
	name[256] = '\0';
	assert_int_equal(group_publish(n->group, name, NULL, NULL, &p, now_us), -EINVAL);
	assert_int_equal(group_publish(n->group, "", NULL, NULL, &p, now_us), -EINVAL);
	assert_int_equal(group_publish(n->group, "x", &wide, NULL, &p, now_us), -EINVAL);
	assert_int_equal(group_play(n->group, name, NULL, &v, now_us), -EINVAL);
	assert_int_equal(group_play(n->group, "", NULL, &v, now_us), -EINVAL);
	name[255] = '\0';
	assert_int_equal(group_publish(n->group, name, NULL, NULL, &p, now_us), 0);
	for (int i = 1; i < 4; i++)
		assert_int_equal(group_publish(n->group, "x", NULL, NULL, &p, now_us), 0);
	assert_int_equal(group_publish(n->group, "x", NULL, NULL, &p, now_us), -ENOBUFS);
	world_join(n, "G:010c050e7465737400"); // no multicast
	assert_int_equal(group_publish(n->group, "x", NULL, NULL, &p, now_us), -EOPNOTSUPP);
	assert_int_equal(group_play(n->group, "x", NULL, &v, now_us), -EOPNOTSUPP);
	world_join(n, PARTY_LOCKED);
	assert_int_equal(group_publish(n->group, "x", NULL, NULL, &p, now_us), -EACCES);
}

static void writing_is_refused_while_the_worker_is_behind(void **state)
{
	struct party *t = *state;
	struct group_publication *p = party_publish(t, t->nodes[1], "live");
	struct stream_message m = KIT_AUDIO(0, AAC_FRAME);
	uint32_t n = 0;
	int err;

	while ((err = group_publication_write(p, &m, false, world_now_us(t->w))) == 0)
		assert_true(++n < 100000);
	assert_int_equal(err, -EAGAIN);
	world_run(t->w, 100 * MS);
	assert_int_equal(group_publication_write(p, &m, false, world_now_us(t->w)), 0);
	group_publication_end(p, world_now_us(t->w));
	assert_int_equal(group_publication_write(p, &m, false, world_now_us(t->w)), -EPIPE);
}

#define T(f) cmocka_unit_test_setup_teardown(f, party_begin, party_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(names_parameters_and_rights_are_checked),
		T(writing_is_refused_while_the_worker_is_behind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

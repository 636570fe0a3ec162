// The keyer of tests and small tools: done when submit returns.
#include "control/startup/keyer.h"
#include "crypto/random.h"
#include "tests/unit/control/startup/halves.h"

static void jobs_are_done_at_once_and_polled_in_order(void **state)
{
	struct random_state rs;
	struct random rng = random_seeded(&rs, 1);
	struct keyer *k = keyer_inline_create(&rng);
	struct identity a, b;
	struct key_job *jobs[3];

	assert_int_equal(identity_generate(&a, IDENTITY_PEER, &rng), 0);
	assert_int_equal(identity_generate(&b, IDENTITY_PEER, &rng), 0);
	assert_int_equal(k->wake_fd, -1);
	assert_null(k->poll(k));
	for (unsigned i = 0; i < 3; i++) {
		jobs[i] = half_blank(KEY_INITIATE, &a.member, &b.member);
		jobs[i]->result = -1;
		assert_true(k->submit(k, jobs[i]));
		assert_int_equal(jobs[i]->result, 0);
	}
	for (unsigned i = 0; i < 3; i++) {
		assert_ptr_equal(k->poll(k), jobs[i]);
		free(jobs[i]);
	}
	assert_null(k->poll(k));
	k->destroy(k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(jobs_are_done_at_once_and_polled_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

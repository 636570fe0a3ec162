#include "tests/unit/control/startup/slow_keyer.h"

#include <stdlib.h>
#include <string.h>

static bool slow_submit(struct keyer *keyer, struct key_job *job)
{
	struct slow_keyer *k = (struct slow_keyer *)keyer;

	if (k->n == SLOW_JOBS_MAX)
		return false;
	key_job_run(job, NULL, k->rng);
	k->jobs[k->n++] = (struct slow_job){*k->now_us + k->delay_us, job};
	return true;
}

static struct key_job *slow_poll(struct keyer *keyer)
{
	struct slow_keyer *k = (struct slow_keyer *)keyer;
	struct key_job *first = k->jobs[0].job;

	if (k->n == 0 || k->jobs[0].done_us > *k->now_us)
		return NULL;
	memmove(k->jobs, k->jobs + 1, --k->n * sizeof(k->jobs[0]));
	return first;
}

static void slow_destroy(struct keyer *keyer)
{
	free(keyer);
}

struct slow_keyer *slow_keyer_create(const struct random *rng, const uint64_t *now_us,
				     uint64_t delay_us)
{
	struct slow_keyer *k = calloc(1, sizeof(*k));

	if (k == NULL)
		return NULL;
	k->keyer = (struct keyer){slow_submit, slow_poll, slow_destroy, .wake_fd = 0};
	k->rng = rng;
	k->now_us = now_us;
	k->delay_us = delay_us;
	return k;
}

uint64_t slow_keyer_deadline_us(const struct slow_keyer *k)
{
	return k->n > 0 ? k->jobs[0].done_us : UINT64_MAX;
}

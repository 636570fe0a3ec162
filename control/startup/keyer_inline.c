#include "control/startup/keyer.h"

#include <stdlib.h>

#include "control/startup/key_list.h"

struct keyer_inline {
	struct keyer keyer; // first: what callers hold
	const struct random *rng;
	struct key_list done;
};

static bool inline_submit(struct keyer *keyer, struct key_job *job)
{
	struct keyer_inline *k = (struct keyer_inline *)keyer;

	key_job_run(job, NULL, k->rng);
	key_list_put(&k->done, job);
	return true;
}

static struct key_job *inline_poll(struct keyer *keyer)
{
	return key_list_take(&((struct keyer_inline *)keyer)->done);
}

static void inline_destroy(struct keyer *keyer)
{
	free(keyer);
}

struct keyer *keyer_inline_create(const struct random *rng)
{
	struct keyer_inline *k = calloc(1, sizeof(*k));

	if (k == NULL)
		return NULL;
	k->rng = rng;
	k->keyer = (struct keyer){inline_submit, inline_poll, inline_destroy, .wake_fd = -1};
	return &k->keyer;
}

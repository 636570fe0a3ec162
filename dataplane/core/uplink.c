#include "dataplane/core/uplink.h"

#define CUT_PARTS  8    // less by one of so many
#define GROW_PARTS  16   // more by one of so many
#define DRAIN_MS   2000 // a queue takes that long to become shorter
#define STEADY_MS  1000

static void hold(struct uplink *u, uint32_t period_ms)
{
	u->hold_ms -= u->hold_ms < period_ms ? u->hold_ms : period_ms;
}

// The most that was sent a second lately: a line that is dark, or a window that is shut, sends less
// than an uplink carries.
static uint64_t best(const struct uplink *u)
{
	uint64_t rate = 0;

	for (uint32_t i = 0; i < UPLINK_LOOKS; i++)
		rate = u->recent[i] > rate ? u->recent[i] : rate;
	return rate;
}

static void cut(struct uplink *u)
{
	uint64_t from = u->bytes_per_s != 0 ? u->bytes_per_s : best(u);

	u->bytes_per_s = from - from / CUT_PARTS;
	if (u->bytes_per_s < UPLINK_MIN)
		u->bytes_per_s = UPLINK_MIN;
	u->hold_ms = DRAIN_MS;
}

void uplink_look(struct uplink *u, const struct uplink_look *l)
{
	uint64_t rate = l->bytes * 1000 / l->period_ms;

	u->recent[u->n_looks++ % UPLINK_LOOKS] = rate;
	hold(u, l->period_ms);
	if (u->hold_ms > 0)
		return;
	if (l->is_slow && rate >= u->bytes_per_s / 2) {
		cut(u);
	} else if (!l->is_slow && u->bytes_per_s != 0 &&
		   rate > u->bytes_per_s - u->bytes_per_s / CUT_PARTS) {
		u->bytes_per_s += u->bytes_per_s / GROW_PARTS;
		u->hold_ms = STEADY_MS;
	}
}

#include "control/bin/daemon/quota.h"

#include "control/outbox.h"

#define MILLION 1000000

// Bytes a second that the worker has a use for.
static uint64_t wanted(const struct quota_use *u, uint64_t period_us)
{
	uint64_t per_s = u->used_bytes * MILLION / (period_us > 0 ? period_us : 1);

	return u->was_short ? UINT64_MAX : per_s + per_s / 4;
}

// What everybody gets if `left` is filled up to the same level: who wants less leaves more for the
// others. Each round settles somebody, or is the last.
static uint64_t fill(uint64_t left, const uint64_t *want, uint32_t n, uint64_t *share)
{
	bool is_done[OUTBOX_WORKERS_MAX] = {0};
	uint32_t n_open = n;
	bool has_changed = true;

	while (has_changed && n_open > 0) {
		uint64_t level = left / n_open;

		has_changed = false;
		for (uint32_t i = 0; i < n; i++) {
			if (is_done[i] || want[i] > level)
				continue;
			is_done[i] = has_changed = true;
			share[i] += want[i];
			left -= want[i];
			n_open--;
		}
	}
	for (uint32_t i = 0; i < n && n_open > 0; i++) {
		if (is_done[i])
			continue;
		share[i] += left / n_open;
		left -= left / n_open;
		n_open--;
	}
	return left;
}

/*
 * Half of what is owed is paid in a period: workers hear of their shares some time later, and all of
 * it would swing. It is a period's worth at most, so nobody gets a burst for a rest long ago.
 */
uint64_t quota_rate(int64_t *owed_bytes, uint64_t per_s, uint64_t period_us,
		    const struct quota_use *use, uint32_t n)
{
	int64_t whole = (int64_t)(per_s * period_us / MILLION), used = 0;
	bool was_short = false;

	for (uint32_t i = 0; i < n; i++) {
		used += (int64_t)use[i].used_bytes;
		was_short |= use[i].was_short;
	}
	*owed_bytes += whole - used;
	if (!was_short && *owed_bytes > 0)
		*owed_bytes = 0;
	if (*owed_bytes > whole)
		*owed_bytes = whole;
	else if (*owed_bytes < -whole)
		*owed_bytes = -whole;
	return whole == 0 ? per_s
			  : per_s + (uint64_t)(*owed_bytes * MILLION / 2 / (int64_t)period_us);
}

void quota_share(uint64_t per_s, uint64_t period_us, const struct quota_use *use, uint32_t n,
		 uint64_t *share)
{
	uint64_t want[OUTBOX_WORKERS_MAX], even = per_s / 8 / n, left = per_s - even * n;

	for (uint32_t i = 0; i < n; i++) {
		want[i] = wanted(&use[i], period_us);
		want[i] = want[i] > even ? want[i] - even : 0;
		share[i] = even;
	}
	left = fill(left, want, n, share);
	for (uint32_t i = 0; i < n; i++) { // nobody has a use for it now
		share[i] += left / (n - i);
		left -= left / (n - i);
	}
}

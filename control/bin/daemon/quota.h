// How workers share a byte budget: each has a bucket of its own, and control moves quota between
// them by what they used and whether it was enough (fastpath.md 6). Pure.
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct quota_use {
	uint64_t used_bytes; // in the last period
	bool was_short;      // it had more to send
};

// What may be shared out for the next period, so that all together send `per_s`: where somebody was
// short, what others had and did not use goes to the short ones a period later, and what was sent
// beyond it (control may go into debt) is taken back. *owed_bytes is 0 at first.
uint64_t quota_rate(int64_t *owed_bytes, uint64_t per_s, uint64_t period_us,
		    const struct quota_use *, uint32_t n);

// Shares `per_s` out, all of it: an eighth in equal parts, so that whoever begins to send can; then
// to each what it uses and a quarter more; the rest to those that were short, or to all, in equal
// parts. If it is not enough for what they use, those that use least are served first.
void quota_share(uint64_t per_s, uint64_t period_us, const struct quota_use *, uint32_t n,
		 uint64_t *share);

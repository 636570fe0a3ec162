// A token bucket: so many a second, a second's worth at once.
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct bucket {
	uint64_t filled_us; // 0: never used
	uint64_t level;     // millionths of a token
};

static inline bool bucket_take(struct bucket *b, uint32_t per_s, uint64_t now_us)
{
	uint64_t full = per_s * 1000000ull, since_us = now_us - b->filled_us;

	if (b->filled_us == 0 || since_us >= 1000000)
		b->level = full;
	else
		b->level += since_us * per_s;
	if (b->level > full)
		b->level = full;
	b->filled_us = now_us;
	if (b->level < 1000000)
		return false;
	b->level -= 1000000;
	return true;
}

#include "dataplane/io/tick_clock.h"

#include <time.h>

static void set_rate(struct tick_clock *c, uint64_t ticks_per_s)
{
	c->ticks_per_s = ticks_per_s;
	c->us_per_tick = (1000000ull << 32) / ticks_per_s;
}

void tick_clock_init(struct tick_clock *c, uint64_t ticks, uint64_t ns, uint64_t ticks_per_s)
{
	*c = (struct tick_clock){.anchor_ticks = ticks,
				 .anchor_us = ns / 1000,
				 .last_us = ns / 1000,
				 .anchor_every_us = TICK_ANCHOR_FIRST_US};
	set_rate(c, ticks_per_s);
}

static uint64_t since_anchor_us(const struct tick_clock *c, uint64_t ticks)
{
	// Another core's counter may stand a little behind ours.
	uint64_t n = ticks > c->anchor_ticks ? ticks - c->anchor_ticks : 0;

	return (uint64_t)((unsigned __int128)n * c->us_per_tick >> 32);
}

uint64_t tick_clock_us(struct tick_clock *c, uint64_t ticks)
{
	uint64_t us = c->anchor_us + since_anchor_us(c, ticks);

	if (us > c->last_us)
		c->last_us = us;
	return c->last_us;
}

bool tick_clock_is_due(const struct tick_clock *c, uint64_t ticks)
{
	return since_anchor_us(c, ticks) >= c->anchor_every_us;
}

// A rate that is off by more than 1/8 is no drift but a machine that slept or moved: the guess
// stays.
static bool is_plausible(const struct tick_clock *c, uint64_t rate)
{
	return rate > c->ticks_per_s - c->ticks_per_s / 8 &&
	       rate < c->ticks_per_s + c->ticks_per_s / 8;
}

void tick_clock_anchor(struct tick_clock *c, uint64_t ticks, uint64_t ns)
{
	uint64_t us = ns / 1000;

	if (us > c->anchor_us && ticks > c->anchor_ticks) {
		uint64_t rate = (uint64_t)((unsigned __int128)(ticks - c->anchor_ticks) * 1000000 /
					   (us - c->anchor_us));

		if (is_plausible(c, rate))
			set_rate(c, rate);
	}
	c->anchor_ticks = ticks;
	c->anchor_us = us;
	if (c->anchor_every_us < TICK_ANCHOR_MAX_US)
		c->anchor_every_us *= 2;
}

uint64_t mono_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

#include "dataplane/core/lateness.h"

#include "dataplane/wire/limits.h"

#define PERIOD_MS 2000

void lateness_saw(struct lateness *l, int32_t late_ms, uint32_t now_ms)
{
	uint16_t ms = late_ms < ERTO_MAX_MS ? (uint16_t)late_ms : ERTO_MAX_MS;

	if (late_ms <= 0)
		return;
	if (l->limit_ms == 0)
		l->since_ms = now_ms;
	if (ms > l->seen_ms)
		l->seen_ms = ms;
	if (ms > l->limit_ms)
		l->limit_ms = ms;
}

void lateness_turn(struct lateness *l, uint32_t now_ms)
{
	if (l->limit_ms == 0 || now_ms - l->since_ms < PERIOD_MS)
		return;
	// limit_ms is never below seen_ms; rounded up, so that it gets to 0 again.
	l->limit_ms -= (uint16_t)((l->limit_ms - l->seen_ms + 7) / 8);
	l->seen_ms = 0;
	l->since_ms = now_ms;
}

#include "control/bin/daemon/tc_news.h"

#include "dataplane/wire/limits.h"

void tc_news_init(struct tc_news *t, uint32_t n_workers)
{
	*t = (struct tc_news){.next_us = n_workers > 1 ? 0 : UINT64_MAX};
}

// The latest of all but one.
static struct tc_seen elsewhere(const struct tc_seen *seen, uint32_t n, uint32_t worker)
{
	struct tc_seen latest = {0};

	for (uint32_t i = 0; i < n; i++) {
		if (i == worker)
			continue;
		if (seen[i].rx_us > latest.rx_us)
			latest.rx_us = seen[i].rx_us;
		if (seen[i].tx_us > latest.tx_us)
			latest.tx_us = seen[i].tx_us;
	}
	return latest;
}

// UINT32_MAX: never, or so long ago that it does not count. An engine's clock may be a little
// ahead.
static uint32_t ago_ms(uint64_t at_us, uint64_t now_us)
{
	uint64_t ms = at_us < now_us ? (now_us - at_us) / 1000 : 0;

	return at_us == 0 || ms > TC_MEMORY_MS ? UINT32_MAX : (uint32_t)ms;
}

void tc_news_tell(struct tc_news *t, const struct tc_seen *seen, struct outbox *o, uint64_t now_us)
{
	uint32_t n = outbox_n_workers(o);

	if (now_us < t->next_us)
		return;
	t->next_us = now_us + TC_NEWS_US;
	for (uint32_t i = 0; i < n; i++) {
		struct tc_seen latest = elsewhere(seen, n, i);
		struct command c = {
			.op = CMD_TC_ELSEWHERE,
			.tc = {ago_ms(latest.rx_us, now_us), ago_ms(latest.tx_us, now_us)}};

		// What has not changed grows older by itself, in the engine.
		if ((latest.rx_us == t->told[i].rx_us && latest.tx_us == t->told[i].tx_us) ||
		    outbox_is_crowded(o, i))
			continue;
		t->told[i] = latest;
		outbox_push(o, i, &c);
	}
}

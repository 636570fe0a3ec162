#include "control/bin/daemon/alarms.h"

#include <inttypes.h>

#define PERIOD_US 60000000

struct alarm {
	enum drop_reason why;
	const char *text; // what is short, and which key makes it longer
};

static const struct alarm table[] = {
	{DROP_REPORT_FULL, "control does not keep up with the workers: startup work is dropped"},
	{DROP_NO_BODY, "the pool of messages between workers and control is empty"},
	{DROP_NO_FLOW, "no receive flow free (limits.sessions, limits.flows_per_session)"},
	{DROP_HELLO_RATE, "more hellos or handshakes than limits.handshakes_per_s or "
			  "limits.introductions_per_s"},
	{DROP_EARLY_FULL, "packets came before their session's keys and found no room"},
	{DROP_RX_BUFFER, "fragments found no room to wait for others (limits.reassembly)"},
	{DROP_MESSAGE_SIZE, "messages were too long (limits.message)"},
	{DROP_TX_QUEUE, "messages found no room in send queues"},
	{DROP_STREAM_MEMORY, "stream windows are full (limits.window_memory)"},
	{DROP_HANDOFF_FULL, "a worker does not keep up with another's streams"},
	{DROP_TX_PORT, "a port or socket takes no more"},
};

// Counters may have been read in the middle of a burst; the rest comes next time.
static void check_one(struct alarms *a, const struct alarm *alarm, const struct worker_stats *now,
		      struct log *log, uint64_t now_us)
{
	uint64_t n = now->drops[alarm->why] - a->drops_seen[alarm->why];
	struct log_limit *limit = &a->limits[alarm->why];

	if (n == 0)
		return;
	a->drops_seen[alarm->why] = now->drops[alarm->why];
	limit->burst = 1;
	limit->period_us = PERIOD_US;
	log_limited(log, limit, now_us, LOG_LEVEL_WARNING, "%s: %" PRIu64 " dropped", alarm->text,
		    n);
}

void alarms_check(struct alarms *a, const struct worker_stats *now, struct log *log,
		  uint64_t now_us)
{
	for (unsigned i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		check_one(a, &table[i], now, log, now_us);
}

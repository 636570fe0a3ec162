// Time critical packets on other workers (RFC 7016 §3.5.2.1 asks for other *sessions*, and an
// engine knows its own alone): what each worker last received and sent, told to the others when it
// changed, at most every 100 ms of the 800 that count.
#pragma once

#include <stdint.h>

#include "control/outbox.h"

#define TC_NEWS_US 100000

// By CLOCK_MONOTONIC, as engines count; 0: never.
struct tc_seen {
	uint64_t rx_us, tx_us;
};

struct tc_news {
	uint64_t next_us; // when to look again; UINT64_MAX: one worker alone
	struct tc_seen told[OUTBOX_WORKERS_MAX];
};

void tc_news_init(struct tc_news *, uint32_t n_workers);
// seen: one per worker.
void tc_news_tell(struct tc_news *, const struct tc_seen *seen, struct outbox *, uint64_t now_us);

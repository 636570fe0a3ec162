// What workers say of a stream, put together: totals, rates over a few seconds, and how much of
// what the group consumed was ours (netgroup-semantics 8.4).
#pragma once

#include "control/group/group.h"
#include "control/outbox.h"

struct stream_figures {
	struct stream_figures_row {
		struct stream_stats totals;
		uint64_t told_us;          // 0: never
		struct stream_stats rated; // as of rated_us, from where rates are taken next
		uint64_t rated_us;
		struct group_stream_rates rates;
	} workers[OUTBOX_WORKERS_MAX];
	uint64_t consumed_bytes;
	uint64_t fragments_to_multicast, bytes_to_multicast; // ours, each once
};

// Counters and gauges of one worker more; the newest and lowest numbers of all.
void stream_stats_add(struct stream_stats *sum, const struct stream_stats *);

// A row, as told at now. n_consumers: members but the source and ourselves.
void stream_figures_take(struct stream_figures *, uint32_t worker, const struct stream_stats *row,
			 uint64_t n_consumers, uint64_t now_us);
void stream_figures_get(const struct stream_figures *, struct stream_stats *sum,
			struct group_stream_rates *, uint64_t now_us);

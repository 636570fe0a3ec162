// One order for what comes by several flows: sound and pictures of a stream travel apart, and
// whoever plays or keeps them wants them by time. A message waits until nothing earlier can come by
// the other flow, at most MERGE_HOLD_US, at the beginning MERGE_BEGIN_US; a flow that is silent so
// long is not waited for any more. Data are never waited for.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "control/rpc/net_stream.h"

// Until the other flow has brought its first, codec headers aside: later than that, live media has
// been given up.
#define MERGE_BEGIN_US 2200000
#define MERGE_HOLD_US  1000000 // netgroup-semantics 14: reorder window
#define MERGE_BYTES_MAX                                                                            \
	(8u << 20) // waiting and not taken; then nothing waits any more, and the
		   // oldest are lost

enum merge_kind {
	MERGE_MESSAGE,
	MERGE_GAP,  // messages before the next one never came
	MERGE_WORD, // what its user put between: a number and a text
};

struct merge_item {
	enum merge_kind kind;
	int word;
	uint8_t type;
	uint32_t timestamp;
	struct span data; // of a message its payload, of a word a text that ends with 0
	struct merge_item *next;
	uint64_t since_us;
	bool has_gap;
	bool is_head; // codec header or metadata
};

struct merge_list {
	struct merge_item *first, **last;
};

struct stream_merge {
	struct merge_list waiting[3]; // pictures, sound, data: what has the same time goes in this
				      // order, behind heads
	struct merge_list ready;
	struct {
		bool has_come;
		uint32_t timestamp; // of its newest
		uint64_t silent_us; // from then on it is not waited for
	} flow[3];
	struct merge_item *lent;
	uint32_t bytes;
	uint64_t lost; // messages beyond MERGE_BYTES_MAX
	bool has_begun;
};

void stream_merge_init(struct stream_merge *);
void stream_merge_fini(struct stream_merge *);
// A copy of a message. Without memory it is lost, and the next one has a gap.
void stream_merge_message(struct stream_merge *, const struct net_stream_message *,
			  uint64_t now_us);
// The same of a message that comes by one flow with all others: behind everything that came before.
void stream_merge_in_order(struct stream_merge *, const struct net_stream_message *,
			   uint64_t now_us);
// A word of its user's: behind everything that has come, or beside it, as soon as may be.
void stream_merge_word(struct stream_merge *, int word, const char *text, bool is_behind);
// The next; lent until the next call. NULL: none, now.
const struct merge_item *stream_merge_next(struct stream_merge *, uint64_t now_us);
// When there may be one; 0: there is.
uint64_t stream_merge_deadline_us(const struct stream_merge *);

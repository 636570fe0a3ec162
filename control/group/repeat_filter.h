// Sources repeat codec headers and metadata for late joiners (groups.md 6.2); who has them already
// wants each once. A repeat is byte-equal to the last one of its kind.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "control/group/stream_message.h"

#define REPEAT_KINDS   3
#define REPEAT_LEN_MAX 65536 // octets; longer ones are never taken for repeats

struct repeat_filter {
	struct {
		uint8_t *octets; // ours; NULL: none seen yet
		uint32_t len;
		uint8_t type;
	} last[REPEAT_KINDS];
};

// Zeroed is empty.
void repeat_filter_clear(struct repeat_filter *);
// Is it a repeat? Remembers it if it is a header and news. Without memory everything is news.
bool repeat_filter_drops(struct repeat_filter *, const struct stream_message *);
void repeat_filter_forget(struct repeat_filter *, unsigned kind);
// The last one of a kind (enum media_kind), body.data NULL: none. Valid until the next call.
struct stream_message repeat_filter_last(const struct repeat_filter *, unsigned kind);

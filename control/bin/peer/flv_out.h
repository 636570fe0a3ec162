// Where a player's messages go: an FLV that starts with metadata and codec headers, then a key
// frame, and holds no header twice.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "dataplane/wire/cursor.h"

struct flv_out;

// file is taken over and closed by flv_out_close. NULL: no memory.
struct flv_out *flv_out_create(FILE *file);
// 0 or -errno of the file. Before the first key frame only headers are kept; a stream that shows no
// video for a second starts with its sound.
int flv_out_message(struct flv_out *, uint8_t type, uint32_t timestamp_ms, struct span body);
int flv_out_flush(struct flv_out *);
// 0 or -errno.
int flv_out_close(struct flv_out *);

struct flv_out_totals {
	uint32_t tags, first_ms, last_ms;
	uint64_t bytes;
	bool has_started;
};
struct flv_out_totals flv_out_totals(const struct flv_out *);

// What was lately published in a stream, in order: whoever comes late starts at its newest key
// frame, whoever is held up finds its next message here. Bounded: the oldest go when there is no
// room.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/wire/cursor.h"

#define LIVE_LOG_RECORDS_MAX 4096

enum live_record_kind {
	LIVE_MEDIA, // a message as it came and as it goes on
	LIVE_BEGIN, // somebody publishes now: no octets
	LIVE_END,   // nobody does any more
};

struct live_record {
	uint8_t kind;  // enum live_record_kind
	uint8_t type;  // enum rtmp_type
	uint8_t media; // enum media_kind
	uint32_t timestamp;
	uint32_t len;
	uint8_t octets[]; // header and payload
};

struct live_log {
	struct live_record **ring; // by number, mask + 1 of them
	uint32_t mask;
	uint32_t bytes, bytes_max; // of records
	uint64_t first, next;      // numbers held: first .. next - 1
	uint64_t key;              // of the newest key frame; held if not before first
	bool has_key;
};

void live_log_init(struct live_log *, uint32_t bytes_max);
void live_log_fini(struct live_log *);
// Takes a copy; it gets the number `next`. -EMSGSIZE: longer than all there is; -ENOMEM.
int live_log_add(struct live_log *, const struct live_record *, struct span octets);
// NULL: not held, or not yet there.
const struct live_record *live_log_at(const struct live_log *, uint64_t number);

// Where whoever comes late starts: at the newest key frame, or at sound and data of its time or
// later which overtook it, on flows of their own, on the way here. What it overtook itself lies
// among them and behind it; of that, sound is of no use without its pictures.
struct live_start {
	uint64_t number;
	uint64_t sound_until;   // sound of lower numbers may be from before the key frame: its
	uint32_t sound_from_ms; // time says so
};
// False: the newest key frame is no longer held, the next one has to be waited for.
bool live_log_start(const struct live_log *, struct live_start *);
// Is this record, of that number, such sound?
bool live_start_is_early(const struct live_start *, uint64_t number, const struct live_record *);
// A new publisher: nobody starts before what comes next.
void live_log_restart(struct live_log *);

// The far ends from inside: shared by fars.c and fars_join.c only.
#pragma once

#include "dataplane/wire/flow_kind.h"
#include "dataplane/wire/group_stream.h"
#include "dataplane/wire/stream_fragment.h"
#include "perf/fars.h"

#define MAIL_MAX 64

// Flow ids, and for the engine's also send slots.
#define ENGINE_CONTROL_FLOW 2
#define ENGINE_DATA_FLOW    3
#define FAR_CONTROL_FLOW    5
#define FAR_DATA_FLOW       6

// A packet of a far end that is being written.
struct letter {
	struct datagram d;
	struct packet_form form;
	uint8_t *plain;
	size_t front_len;
	struct wr w; // chunks go here
};

// False: the world lends nothing.
bool letter_begin(struct fars *, struct letter *, uint32_t slot, uint64_t now_us);
void letter_end(struct fars *, struct letter *);

bool fars_publish(struct fars *, uint32_t stream, uint64_t now_us);
void fars_due(struct fars *, uint32_t slot);     // it will acknowledge
void fars_flush(struct fars *, uint64_t now_us); // acks that are due, and what was written
void fars_on_message(struct fars *, const struct report *);

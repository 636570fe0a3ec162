// Object replication between members that speak SPX/1 (docs/spx.md): what a member has and wants,
// requests and refusals on GR-62, the objects on GR-63. Readers refuse a list of which any part is
// broken, so its ranges need no second check.
#ifndef ANNULUS_WIRE_SPX_OBJECT_H
#define ANNULUS_WIRE_SPX_OBJECT_H

#include "dataplane/wire/spx_post.h"

struct index_range {
	uint64_t first, last; // both included; last at most OBJECT_INDEX_MAX
};

// Ascending, with a gap between any two.
struct object_ranges {
	struct rd r;
	uint32_t n; // left
	uint64_t next;
};

bool object_range_next(struct object_ranges *, struct index_range *); // false: no more

// ---- GR-62 ----

#define OBJECT_HAVE_SNAPSHOT 0x01 // forget what I said before
#define OBJECT_HAVE_MORE     0x02 // of the snapshot follows
#define OBJECT_HAVE_SEED     0x04 // I answer many requests at a time

enum object_delta_op {
	OBJECT_ADD,
	OBJECT_REMOVE,
};

struct object_have {
	uint8_t flags; // of SPX_HAVE
	uint8_t op;    // of SPX_HAVE_DELTA, enum object_delta_op
	uint64_t seq;  // from 1, of both
	struct object_ranges ranges;
};

// -EBADMSG also for unknown flags or ops, more than OBJECT_RANGES_MAX ranges, and octets behind the
// last one; a delta without any is broken, too.
int object_have_read(struct object_have *, struct span msg);
int object_delta_read(struct object_have *, struct span msg);
// Ranges ascending, with a gap between any two. 0 or -ENOBUFS.
int object_have_write(struct wr *, uint8_t flags, uint64_t seq, const struct index_range *,
		      uint32_t n);
int object_delta_write(struct wr *, enum object_delta_op, uint64_t seq, const struct index_range *,
		       uint32_t n);
// Of a message with OBJECT_RANGES_MAX ranges.
#define OBJECT_HAVE_LEN_MAX (16 + VLU_LEN_MAX + OBJECT_RANGES_MAX * 2 * VLU_LEN_MAX)

struct object_want {
	bool is_interested;          // tell me what you have
	struct object_ranges ranges; // a hint: of these alone; none: of all
};

int object_want_read(struct object_want *, struct span msg);
int object_want_write(struct wr *, bool is_interested, const struct index_range *, uint32_t n);

#define OBJECT_DENY_REASONS(X)                                                                     \
	X(DENIED, "denied")                                                                        \
	X(NOT_HELD, "not held")                                                                    \
	X(BUSY, "busy")                                                                            \
	X(LIMIT, "over a limit")

enum object_deny_reason {
#define X(name, text) OBJECT_DENY_##name,
	OBJECT_DENY_REASONS(X)
#undef X
		OBJECT_DENY_COUNT
};

struct object_request {
	uint64_t request; // the asker's number of it
	uint64_t index;   // of SPX_REQUEST
	uint8_t reason;   // of SPX_DENY, enum object_deny_reason
};

// SPX_REQUEST, SPX_DENY, SPX_CANCEL. -EBADMSG also for octets behind.
int object_request_read(struct object_request *, enum spx_type, struct span msg);
int object_request_write(struct wr *, enum spx_type, const struct object_request *);

// ---- GR-63 ----

enum object_encoding {
	OBJECT_AMF3,
	OBJECT_AMF0,
	OBJECT_OPAQUE,
	OBJECT_ENCODINGS,
};

struct object_data {
	uint64_t request, index;
	uint8_t encoding;
	struct span object;
};

// -EBADMSG also for unknown encodings, and objects that are empty or beyond OBJECT_LEN_MAX.
int object_data_read(struct object_data *, struct span msg);
#define OBJECT_DATA_HEAD_MAX (2 + 2 * VLU_LEN_MAX + 1)
int object_data_write_head(struct wr *, const struct object_data *);
int object_data_write(struct wr *, const struct object_data *);

#endif

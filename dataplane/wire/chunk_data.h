// User Data and Next User Data (rtmfp.md §4.11, 4.12). Include chunk.h.
#ifndef ANNULUS_WIRE_CHUNK_DATA_H
#define ANNULUS_WIRE_CHUNK_DATA_H

#include "dataplane/wire/chunk.h"
#include "dataplane/wire/option.h"

enum user_data_flag {
	USER_DATA_OPTIONS = 0x80,
	USER_DATA_FRA = 0x30, // mask: which part of its message this is
	USER_DATA_FRA_WHOLE = 0x00,
	USER_DATA_FRA_BEGIN = 0x10,
	USER_DATA_FRA_END = 0x20,
	USER_DATA_FRA_MIDDLE = 0x30,
	USER_DATA_ABANDON = 0x02, // the number is given up, the body does not count
	USER_DATA_FINAL = 0x01,   // the flow's last number
};

enum flow_option_type {
	FLOW_OPTION_METADATA = 0x00,
	FLOW_OPTION_RETURN = 0x0a,
};

// What a flow says of itself in its first chunks.
struct flow_options {
	struct span metadata; // opaque, may be empty
	uint64_t return_flow_id;
	bool has_metadata;
	bool has_return_flow;
	bool has_unknown_mandatory; // a type below 0x2000 that we do not know: the flow is rejected
};

struct user_data {
	uint64_t flow_id;
	uint64_t seq;
	uint64_t fsn;  // forward sequence number: nothing at or below will be sent (again)
	uint8_t flags; // reserved bits cleared
	bool is_set;   // the three numbers above are good for a Next User Data to follow
	struct span body;
	struct flow_options options; // all zero without USER_DATA_OPTIONS
};

// Reads a User Data chunk. Malformed options, two metadata or two associations are -EBADMSG.
int user_data_read(struct user_data *d, struct span payload);

// Reads a Next User Data chunk over the struct of the chunk before it in the same packet, which
// starts zeroed. After a chunk that was malformed nothing can follow: -EBADMSG until the next
// user_data_read(), since the sequence number could not be told.
int next_user_data_read(struct user_data *d, struct span payload);

// The flags say what is written; fsn must not exceed seq. next_user_data_write() leaves the three
// numbers to the chunk before.
int user_data_write(struct wr *w, const struct user_data *d);
int next_user_data_write(struct wr *w, const struct user_data *d);

// Reads the options of a list; user_data_read() has already done it.
int flow_options_read(struct flow_options *o, struct span options);

// Octets that the options and their Marker take, so a fragment can be sized before it is cut.
size_t flow_options_len(const struct flow_options *o);

// ---- the hot path ----

#define USER_DATA_HEAD_MAX (CHUNK_HEADER_LEN + 1 + FLOW_ID_VLU_MAX + 2 * VLU_LEN_MAX)

// A flow id, encoded once. Ours are small slot numbers, so four octets (28 bits) are enough.
#define FLOW_ID_VLU_MAX 4

// Everything of a User Data chunk without options that stands before its body. dst has
// USER_DATA_HEAD_MAX octets; id_vlu has FLOW_ID_VLU_MAX, of which id_vlu_len count. Returns the
// octets written; the caller sees to it that the payload stays under 65536.
static inline uint8_t user_data_head_put(uint8_t *dst, uint8_t flags, const uint8_t *id_vlu,
					 uint8_t id_vlu_len, uint64_t seq, uint64_t fsn_offset,
					 uint16_t body_len)
{
	uint8_t n = CHUNK_HEADER_LEN;

	dst[0] = CHUNK_USER_DATA;
	dst[n++] = flags;
	memcpy(dst + n, id_vlu, FLOW_ID_VLU_MAX); // one store; what is too much is overwritten
	n = (uint8_t)(n + id_vlu_len);
	n = (uint8_t)(n + vlu_put(dst + n, seq));
	n = (uint8_t)(n + vlu_put(dst + n, fsn_offset));
	be16_put(dst + 1, (uint16_t)(n - CHUNK_HEADER_LEN + body_len));
	return n;
}

// What user_data_head_put() will return.
static inline uint8_t user_data_head_len(uint8_t id_vlu_len, uint64_t seq, uint64_t fsn_offset)
{
	return (uint8_t)(CHUNK_HEADER_LEN + 1 + id_vlu_len + vlu_len(seq) + vlu_len(fsn_offset));
}

#endif

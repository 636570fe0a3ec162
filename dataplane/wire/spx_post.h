// Posting between members that speak SPX/1 (docs/spx.md): offers, asks, refusals on GR-64 and the
// messages themselves on GR-65; and the little that is known of posting among older members
// (groups.md §7), GR-18. Readers refuse a list of which any part is broken, so its entries need no
// second check.
#ifndef ANNULUS_WIRE_SPX_POST_H
#define ANNULUS_WIRE_SPX_POST_H

#include "dataplane/wire/cursor.h"

enum spx_type {
	SPX_OFFER = 0x60,
	SPX_ASK = 0x61,
	SPX_GONE = 0x62,
	SPX_DATA = 0x63,
	SPX_ROUTE = 0x70,
	SPX_COVERAGE = 0x71,
	SPX_ROUTE_FAR = 0x72,
	SPX_ROUTE_ASIDE = 0x73,
	SPX_ROUTE_BACK = 0x74,
	SPX_HAVE = 0x80,
	SPX_HAVE_DELTA = 0x81,
	SPX_WANT = 0x82,
	SPX_REQUEST = 0x83,
	SPX_DENY = 0x84,
	SPX_CANCEL = 0x85,
	SPX_OBJECT = 0x86,
};

// The type of an SPX message; -1: none, or of another version than ours.
static inline int spx_msg_type(struct span msg)
{
	return msg.len >= 2 && msg.data[1] == SPX_VERSION ? msg.data[0] : -1;
}

// Behind type and version, or a cursor that has failed if it is another message.
static inline struct rd spx_msg_body(struct span msg, enum spx_type type)
{
	struct rd r = rd_over_span(msg);

	if (spx_msg_type(msg) != (int)type)
		rd_fail(&r);
	else
		rd_take(&r, 2);
	return r;
}

static inline void wr_spx(struct wr *w, enum spx_type type)
{
	wr_u8(w, (uint8_t)type);
	wr_u8(w, SPX_VERSION);
}

// ---- GR-64 ----

struct post_offer {
	uint8_t key[POST_KEY_LEN];
	uint8_t hop;     // how often it was passed on: 0 from its poster
	uint64_t size;   // octets of the message
	uint64_t age_ms; // since it was posted
};

struct post_list {
	struct rd r;
	uint32_t n; // entries left
};

// 0, or -EBADMSG: also without an entry, with more than POST_KEYS_MAX, or octets behind the last.
int post_offers_read(struct post_list *, struct span msg);
bool post_offer_next(struct post_list *, struct post_offer *);
// 1 to POST_KEYS_MAX entries. 0 or -ENOBUFS.
int post_offers_write(struct wr *, const struct post_offer *, uint32_t n);

// SPX_ASK and SPX_GONE.
int post_keys_read(struct post_list *, enum spx_type, struct span msg);
const uint8_t *post_key_next(struct post_list *); // POST_KEY_LEN octets; NULL: no more
int post_keys_write(struct wr *, enum spx_type, const uint8_t (*keys)[POST_KEY_LEN], uint32_t n);

// ---- GR-65 ----

struct post_data {
	uint8_t hop;
	uint64_t age_ms;
	uint8_t id[POST_ID_LEN]; // as its sender says: to be calculated again
	bool has_password;
	struct span password;
	struct span message;
};

// -EBADMSG also without a message or with one beyond POST_LEN_MAX, and for unknown flags.
int post_data_read(struct post_data *, struct span msg);
// What stands before the message.
#define POST_DATA_HEAD_MAX (2 + 2 + VLU_LEN_MAX + POST_ID_LEN + 2 + POST_PASSWORD_MAX)
int post_data_write_head(struct wr *, const struct post_data *);
int post_data_write(struct wr *, const struct post_data *);

// ---- GR-18, of older members ----

enum post_old_type {
	POST_OLD_OFFER = 0x30,
	POST_OLD_ASK = 0x3a,
};

// One key behind its type; whether there may be more is unknown, and what follows is ignored.
int post_old_read(uint8_t key[POST_KEY_OLD_LEN], enum post_old_type, struct span msg);
int post_old_write(struct wr *, enum post_old_type, const uint8_t key[POST_KEY_OLD_LEN]);

#endif

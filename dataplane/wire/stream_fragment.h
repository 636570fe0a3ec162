// One fragment of a stream on GR-12 (groups.md §6.2). Relays pass it on unchanged.
//
//   20 id type time payload     a whole message
//   30 id n type time payload   the first of several, n more follow
//   10 id n payload             in the middle, n more follow
//   00 id payload               the last
#ifndef ANNULUS_WIRE_STREAM_FRAGMENT_H
#define ANNULUS_WIRE_STREAM_FRAGMENT_H

#include "dataplane/wire/cursor.h"

enum stream_fragment_flag {
	STREAM_FRAGMENT_FIRST = 0x20, // type and time are there
	STREAM_FRAGMENT_MORE = 0x10,  // n is there
};

struct stream_fragment {
	uint8_t flags;      // enum stream_fragment_flag
	uint8_t n_more;     // fragments of this message still to follow
	bool is_n_missing;  // quirk of Flash: a first fragment without its n; n_more is then 0
	uint8_t type;       // RTMP message type; first fragments only
	uint32_t timestamp; // ms, wraps; first fragments only
	uint64_t number;    // counts from 1 per stream
	struct span payload;
};

// Octets that stand before the payload at most.
#define STREAM_FRAGMENT_HEAD_MAX (1 + VLU_LEN_MAX + 1 + 1 + 4)

// -EBADMSG for unknown markers and number 0. A fragment with flags 0 whose predecessor is not the
// message's beginning may be a complete message (Flash does so, rarely): the caller judges.
int stream_fragment_read(struct stream_fragment *f, struct span msg);

// As the flags say; is_n_missing is reproduced.
int stream_fragment_write(struct wr *w, const struct stream_fragment *f);

// The octets before the payload alone; what stream_fragment_write() begins with.
void stream_fragment_head_write(struct wr *w, const struct stream_fragment *f);

#endif

// Every chunk of rtmfp.md §3 (RFC 7016 §2.3), both ways. Each has a struct, `X_read()` which
// takes the chunk's payload, and `X_write()` which writes a whole chunk, header included.
//
// Readers yield spans into the payload and return 0, or -EBADMSG: then the chunk counts as absent
// and the packet's other chunks still hold. Writers return 0, or -ENOBUFS with the writer as it
// was before the call, so "does it still fit?" is asked by trying.
#ifndef ANNULUS_WIRE_CHUNK_H
#define ANNULUS_WIRE_CHUNK_H

#include "dataplane/wire/packet.h"

enum chunk_type {
	CHUNK_PADDING_00 = 0x00,
	CHUNK_PING = 0x01,
	CHUNK_CLOSE = 0x0c,
	CHUNK_FIHELLO = 0x0f,
	CHUNK_USER_DATA = 0x10,
	CHUNK_NEXT_USER_DATA = 0x11,
	CHUNK_BUFFER_PROBE = 0x18,
	CHUNK_IHELLO = 0x30,
	CHUNK_IIKEYING = 0x38,
	CHUNK_PING_REPLY = 0x41,
	CHUNK_CLOSE_ACK = 0x4c,
	CHUNK_ACK_BITMAP = 0x50,
	CHUNK_ACK_RANGES = 0x51,
	CHUNK_FLOW_EXCEPTION = 0x5e,
	CHUNK_RHELLO = 0x70,
	CHUNK_REDIRECT = 0x71,
	CHUNK_RIKEYING = 0x78,
	CHUNK_COOKIE_CHANGE = 0x79,
	CHUNK_PACKET_FRAGMENT = 0x7f,
	CHUNK_PADDING_FF = 0xff,
};

// May this chunk stand in a packet of this mode? If not it is ignored (requirement 16). Types we
// do not know are legal nowhere.
bool chunk_is_legal(uint8_t type, enum packet_mode mode);

// "Range Ack", for logs and dumps; "unknown" otherwise.
const char *chunk_name(uint8_t type);

// Writes the header; wr_chunk_commit() completes its length.
static inline struct wr_point wr_chunk_begin(struct wr *w, uint8_t type)
{
	struct wr_point start = wr_mark(w);

	wr_u8(w, type);
	wr_u16(w, 0);
	return start;
}

static inline void wr_chunk_rollback(struct wr *w, struct wr_point start)
{
	wr_rollback(w, start);
}

// 0, or -ENOBUFS with the chunk rolled back if it did not fit into the buffer or exceeds 65535.
static inline int wr_chunk_commit(struct wr *w, struct wr_point start)
{
	size_t len = w->len - start.len;

	if (w->err == 0 && len - CHUNK_HEADER_LEN > CHUNK_PAYLOAD_MAX)
		wr_fail(w, -ENOBUFS);
	if (w->err == 0)
		be16_put(w->base + start.len + 1, (uint16_t)(len - CHUNK_HEADER_LEN));
	return wr_finish(w, start);
}

#include "dataplane/wire/chunk_ack.h"
#include "dataplane/wire/chunk_data.h"
#include "dataplane/wire/chunk_session.h"
#include "dataplane/wire/chunk_startup.h"

#endif

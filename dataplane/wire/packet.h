// The datagram's session id and the plain packet (rtmfp.md §2, RFC 7016 §2.2).
//
//   datagram := scrambled session id:4  encrypted packet
//   packet   := flags:1 [timestamp:2] [timestampEcho:2] { chunk }* padding
#ifndef ANNULUS_WIRE_PACKET_H
#define ANNULUS_WIRE_PACKET_H

#include "dataplane/wire/cursor.h"

#define SSID_LEN 4 // octets in front of the encrypted packet

enum packet_flag {
	PACKET_TC = 0x80,   // carries time-critical data
	PACKET_TCR = 0x40,  // the sender receives time-critical data on other sessions
	PACKET_TS = 0x08,   // timestamp present
	PACKET_TSE = 0x04,  // timestamp echo present
	PACKET_MODE = 0x03, // enum packet_mode
};

enum packet_mode {
	MODE_FORBIDDEN = 0,
	MODE_INITIATOR = 1,
	MODE_RESPONDER = 2,
	MODE_STARTUP = 3,
};

struct packet_header {
	uint8_t flags;
	uint16_t ts;      // 4 ms ticks; 0 unless PACKET_TS
	uint16_t ts_echo; // 4 ms ticks; 0 unless PACKET_TSE
};

static inline enum packet_mode packet_mode(const struct packet_header *h)
{
	return (enum packet_mode)(h->flags & PACKET_MODE);
}

// The two words that scramble the session id; the encrypted packet is zero-extended for this if
// it is shorter than 8 octets (requirement 9).
static inline uint32_t ssid_mask(const uint8_t *encrypted, size_t len)
{
	uint8_t word[8] = {0};

	if (len >= sizeof(word))
		return be32_get(encrypted) ^ be32_get(encrypted + 4);
	if (len > 0)
		memcpy(word, encrypted, len);
	return be32_get(word) ^ be32_get(word + 4);
}

// The session id of a datagram: 0, or -EBADMSG if it is shorter than the id itself.
static inline int ssid_unscramble(const uint8_t *datagram, size_t len, uint32_t *session_id)
{
	if (len < SSID_LEN)
		return -EBADMSG;
	*session_id = be32_get(datagram) ^ ssid_mask(datagram + SSID_LEN, len - SSID_LEN);
	return 0;
}

// Writes the first SSID_LEN octets of a datagram whose encrypted packet is in place behind them.
// len counts both and is at least SSID_LEN.
static inline void ssid_scramble(uint8_t *datagram, size_t len, uint32_t session_id)
{
	be32_put(datagram, session_id ^ ssid_mask(datagram + SSID_LEN, len - SSID_LEN));
}

// Leaves the cursor at the first chunk. -EBADMSG if the announced fields do not fit or the mode
// is 0: then the packet is discarded.
static inline int packet_header_read(struct rd *r, struct packet_header *h)
{
	h->flags = rd_u8(r);
	h->ts = h->flags & PACKET_TS ? rd_u16(r) : 0;
	h->ts_echo = h->flags & PACKET_TSE ? rd_u16(r) : 0;
	if ((h->flags & PACKET_MODE) == MODE_FORBIDDEN)
		rd_fail(r);
	return r->err;
}

static inline void packet_header_write(struct wr *w, const struct packet_header *h)
{
	wr_u8(w, h->flags);
	if (h->flags & PACKET_TS)
		wr_u16(w, h->ts);
	if (h->flags & PACKET_TSE)
		wr_u16(w, h->ts_echo);
}

// Octets that packet_header_write() writes.
static inline uint8_t packet_header_len(uint8_t flags)
{
	return (uint8_t)(1 + (flags & PACKET_TS ? 2 : 0) + (flags & PACKET_TSE ? 2 : 0));
}

struct chunk {
	uint8_t type; // enum chunk_type (chunk.h), or one we do not know
	struct span payload;
};

#define CHUNK_HEADER_LEN 3 // type:1 length:2

// The chunk loop of §2.3. False at the packet's end: fewer than 3 octets left, or a length that
// does not fit, are padding and no error. Chunks 00 and ff are given out like any other; whoever
// dispatches ignores them with the unknown ones.
static inline bool chunk_next(struct rd *r, struct chunk *c)
{
	uint16_t len;

	if (r->left < CHUNK_HEADER_LEN)
		return false;
	len = be16_get(r->at + 1);
	if (len > r->left - CHUNK_HEADER_LEN)
		return false;
	c->type = rd_u8(r);
	rd_u16(r);
	c->payload = rd_bytes(r, len);
	return true;
}

#endif

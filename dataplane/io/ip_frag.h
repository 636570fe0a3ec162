// Packets in pieces, put together again (RFC 791 §3.2, RFC 8200 §4.5). RTMFP needs none of this, it
// never sends a packet that needs fragmenting; who sits behind a tunnel may get his first hello to
// us no other way.
//
// Whatever strangers send, memory is fixed: so many packets at a time, so many of one source, so
// long each, so large each. Pieces that overlap end their packet, in both families (RFC 5722, RFC
// 1858): no honest sender makes them, and two readers may see two packets in them. Exact copies are
// the network's and do no harm.
#pragma once

#include "dataplane/drops.h"
#include "dataplane/io/ip.h"
#include "dataplane/wire/span.h"

#define IP_FRAG_PACKETS    32 // at a time
#define IP_FRAG_PER_SOURCE 4  // of these
#define IP_FRAG_TIME_MS                                                                            \
	5000                   // for all pieces to come; RFC 791 begins with 15 s, RFC 8200 allows
			       // 60: what is live is worthless by then, and strangers hold no place
			       // so long
#define IP_FRAG_YOUNG_MS  250  // one younger than that is not pushed out by a newer packet
#define IP_FRAG_BYTES_MAX 9216 // payload of a packet: more than any link here carries at once

struct ip_frag_piece {
	struct ip_addr src, dst;
	uint32_t id;
	uint8_t proto, link;
	bool has_more;
	uint16_t offset; // octets
	struct span data;
};

struct ip_frag_table;

// drops: counters by enum drop_reason, of which it counts one for each piece that came to nothing:
// L3_FRAGMENT, IP_FRAG_FULL, IP_FRAG_TIME. room: the largest payload that is wanted. NULL: no
// memory.
struct ip_frag_table *ip_frag_create(uint16_t room, uint64_t *drops);
void ip_frag_destroy(struct ip_frag_table *);

// Takes a copy of the piece. True: its packet is whole; the payload lies in *whole until the next
// call.
bool ip_frag_add(struct ip_frag_table *, const struct ip_frag_piece *, uint32_t now_ms,
		 struct span *whole);
// Gives up what waited too long. Between calls no more than a second may pass while anything waits.
void ip_frag_expire(struct ip_frag_table *, uint32_t now_ms);
uint32_t ip_frag_waiting(const struct ip_frag_table *); // packets

// Writes that packet as if it had come in one piece, without options and extension headers.
// Returns its length. `to` has room for IP_FRAG_HEADER_MAX octets and the payload.
#define IP_FRAG_HEADER_MAX 40
uint16_t ip_frag_write(uint8_t *to, const struct ip_frag_piece *last, struct span whole);

// Datagrams between members of one link by IP multicast (docs/spx.md, SPX/1): who is there, and the
// fragments of a stream. What is read here is not proven yet: the last LAN_MAC_LEN octets are an
// HMAC over all before them, and whoever knows the groupspec looks at it.
#ifndef ANNULUS_WIRE_LAN_H
#define ANNULUS_WIRE_LAN_H

#include "dataplane/wire/address.h"

enum lan_type {
	LAN_QUERY = 1,    // who is there? Answers carry its nonce
	LAN_MEMBER = 2,   // I am
	LAN_STREAM = 3,   // a stream that is sent by multicast: its StreamInfo
	LAN_FRAGMENT = 4, // a GR-12 message of it
	LAN_END = 5,      // its StreamEnd
};

struct lan_msg {
	uint8_t type;
	uint8_t tag[LAN_TAG_LEN]; // which group: only its members can tell
	uint8_t sender[PEER_ID_LEN];
	uint64_t counter; // of the sender, never the same twice
	// QUERY: what fresh answers carry. MEMBER: of the query that it answers, 0: of none.
	uint64_t nonce;
	bool is_super; // MEMBER
	struct wire_addr
		addrs[LAN_ADDRS_MAX]; // QUERY, MEMBER: the sender's own, beside where it came from
	uint8_t n_addrs;
	uint8_t stream[LAN_STREAM_LEN]; // FRAGMENT, END: how the stream's key begins
	struct span body;               // STREAM, FRAGMENT, END: the group message
};

// -EBADMSG: not of this version, or broken. Unknown types are broken, too: what they mean is for
// later versions to say.
int lan_read(struct lan_msg *, struct span datagram);
// All but the HMAC. 0 or -ENOBUFS.
int lan_write(struct wr *, const struct lan_msg *);

// What an HMAC of a datagram is over, and itself; empty: too short to have one.
static inline struct span lan_proven(struct span datagram)
{
	return span_of(datagram.data, datagram.len > LAN_MAC_LEN ? datagram.len - LAN_MAC_LEN : 0);
}

#endif

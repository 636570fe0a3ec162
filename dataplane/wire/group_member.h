// Membership: joining at the server, connecting to a neighbour (groups.md §3, 4.2).
#ifndef ANNULUS_WIRE_GROUP_MEMBER_H
#define ANNULUS_WIRE_GROUP_MEMBER_H

#include "dataplane/wire/option.h"

// On the GC flow.
enum group_control_type {
	GROUP_JOIN = 0x01,
	GROUP_MEMBER = 0x0b,
};

// On the GR-1C flow.
enum group_main_type {
	GROUP_CONNECT = 0x01,
	GROUP_HELLO = 0x02, // before Begin; meaning unknown, sent and ignored
	GROUP_REPORT = 0x0a,
	GROUP_ASK_CLOSE = 0x0c, // "may I drop you?"
	GROUP_BEGIN_EXACT = 0x0e,
	GROUP_BEGIN_NEAREST = 0x0f,
};

// The type octet, or -1 of an empty message.
static inline int group_msg_type(struct span msg)
{
	return msg.len > 0 ? msg.data[0] : -1;
}

// The message behind its type octet, or a cursor that has failed already if it is another type.
static inline struct rd group_msg_body(struct span msg, uint8_t type)
{
	struct rd r = rd_over_span(msg);

	if (rd_u8(&r) != type)
		rd_fail(&r);
	return r;
}

// GROUP_HELLO, GROUP_ASK_CLOSE and the two Begins are their type octet alone; what follows it is
// ignored on receipt.
int group_octet_write(struct wr *w, enum group_main_type type);

enum group_join_by {
	GROUP_JOIN_BY_TEXT = 0x10, // old players: the groupspec's text, to be hashed, not adopted
	GROUP_JOIN_BY_ID = 0x15,
};

// 01 on GC, client to server.
struct group_join {
	enum group_join_by by;
	struct span value; // GROUP_ID_LEN octets, or a text of 1 to GROUPSPEC_TEXT_MAX
};

int group_join_read(struct group_join *j, struct span msg);
int group_join_write(struct wr *w, const struct group_join *j);

// 0B on GC, server to client: the peer ID of a member to try.
int group_member_read(uint8_t peer_id[PEER_ID_LEN], struct span msg);
int group_member_write(struct wr *w, const uint8_t peer_id[PEER_ID_LEN]);

// 01 on GR-1C, the first message each way.
struct group_connect {
	uint8_t group_id[GROUP_ID_LEN]; // on the wire as 64 hex digits
	uint8_t proof[MEMBER_PROOF_LEN];
	uint8_t receiver_id[PEER_ID_LEN]; // peer ID of whom the message is for
};

int group_connect_read(struct group_connect *c, struct span msg);
int group_connect_write(struct wr *w, const struct group_connect *c);

// EPD(peer) = 21 0f and the peer ID, as group messages carry it. The reader finds the fingerprint
// among other options; -ENOENT if there is none of that length.
#define PEER_EPD_LEN (2 + PEER_ID_LEN)
int peer_epd_read(uint8_t peer_id[PEER_ID_LEN], struct span epd);
void wr_peer_epd(struct wr *w, const uint8_t peer_id[PEER_ID_LEN]);

#endif

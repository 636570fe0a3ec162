#include "dataplane/wire/group_member.h"

#define EPD_FINGERPRINT 0x0f

enum connect_option {
	CONNECT_GROUP_ID = 0x00,
	CONNECT_PROOF = 0x01,
	CONNECT_RECEIVER = 0x03,
};

int group_octet_write(struct wr *w, enum group_main_type type)
{
	struct wr_point start = wr_mark(w);

	wr_u8(w, (uint8_t)type);
	return wr_finish(w, start);
}

static bool join_take(struct group_join *j, uint64_t type, struct span value)
{
	bool is_id = type == GROUP_JOIN_BY_ID && value.len == GROUP_ID_LEN;
	bool is_text =
		type == GROUP_JOIN_BY_TEXT && value.len > 0 && value.len <= GROUPSPEC_TEXT_MAX;

	if (!is_id && !is_text)
		return false;
	j->by = is_id ? GROUP_JOIN_BY_ID : GROUP_JOIN_BY_TEXT;
	j->value = value;
	return true;
}

int group_join_read(struct group_join *j, struct span msg)
{
	struct rd r = group_msg_body(msg, GROUP_JOIN);
	struct span value;
	uint64_t type;

	while (opt_next(&r, &type, &value) == OPT_FOUND) {
		if (join_take(j, type, value))
			return 0;
	}
	return -EBADMSG; // names no group
}

int group_join_write(struct wr *w, const struct group_join *j)
{
	struct wr_point start = wr_mark(w);

	wr_u8(w, GROUP_JOIN);
	wr_option(w, j->by, j->value);
	return wr_finish(w, start);
}

int group_member_read(uint8_t peer_id[PEER_ID_LEN], struct span msg)
{
	struct rd r = group_msg_body(msg, GROUP_MEMBER);

	rd_copy(&r, peer_id, PEER_ID_LEN);
	return r.err;
}

int group_member_write(struct wr *w, const uint8_t peer_id[PEER_ID_LEN])
{
	struct wr_point start = wr_mark(w);

	wr_u8(w, GROUP_MEMBER);
	wr_bytes(w, peer_id, PEER_ID_LEN);
	return wr_finish(w, start);
}

static int hex_digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int group_id_from_hex(uint8_t id[GROUP_ID_LEN], struct span text)
{
	int high, low;

	if (text.len != 2 * GROUP_ID_LEN)
		return -EBADMSG;
	for (size_t i = 0; i < GROUP_ID_LEN; i++) {
		high = hex_digit(text.data[2 * i]);
		low = hex_digit(text.data[2 * i + 1]);
		if (high < 0 || low < 0)
			return -EBADMSG;
		id[i] = (uint8_t)(high << 4 | low);
	}
	return 0;
}

static int copy_exact(uint8_t *dst, size_t len, struct span value)
{
	if (value.len != len)
		return -EBADMSG;
	memcpy(dst, value.data, len);
	return 0;
}

// Which of the three was it? Its bit, 0 for an option we skip, or -EBADMSG.
static int connect_take(struct group_connect *c, uint64_t type, struct span value)
{
	int err;

	switch (type) {
	case CONNECT_GROUP_ID:
		err = group_id_from_hex(c->group_id, value);
		break;
	case CONNECT_PROOF:
		err = copy_exact(c->proof, MEMBER_PROOF_LEN, value);
		break;
	case CONNECT_RECEIVER:
		err = peer_epd_read(c->receiver_id, value);
		break;
	default:
		return 0;
	}
	return err != 0 ? -EBADMSG : 1 << type;
}

int group_connect_read(struct group_connect *c, struct span msg)
{
	const int wanted = 1 << CONNECT_GROUP_ID | 1 << CONNECT_PROOF | 1 << CONNECT_RECEIVER;
	struct rd r = group_msg_body(msg, GROUP_CONNECT);
	struct span value;
	uint64_t type;
	int seen = 0;
	int bit;

	while (opt_next(&r, &type, &value) == OPT_FOUND) {
		bit = connect_take(c, type, value);
		if (bit < 0 ||
		    (seen & bit)) // two ids or proofs: which one would have been checked?
			rd_fail(&r);
		else
			seen |= bit;
	}
	return r.err == 0 && seen == wanted ? 0 : -EBADMSG;
}

int group_connect_write(struct wr *w, const struct group_connect *c)
{
	static const char digits[] = "0123456789abcdef";
	struct wr_point start = wr_mark(w);
	uint8_t hex[2 * GROUP_ID_LEN];

	for (size_t i = 0; i < GROUP_ID_LEN; i++) {
		hex[2 * i] = (uint8_t)digits[c->group_id[i] >> 4];
		hex[2 * i + 1] = (uint8_t)digits[c->group_id[i] & 0xf];
	}
	wr_u8(w, GROUP_CONNECT);
	wr_option(w, CONNECT_GROUP_ID, span_of(hex, sizeof(hex)));
	wr_option(w, CONNECT_PROOF, span_of(c->proof, MEMBER_PROOF_LEN));
	wr_vlu(w, 1 + PEER_EPD_LEN);
	wr_vlu(w, CONNECT_RECEIVER);
	wr_peer_epd(w, c->receiver_id);
	return wr_finish(w, start);
}

int peer_epd_read(uint8_t peer_id[PEER_ID_LEN], struct span epd)
{
	struct span fingerprint;
	int err = opt_find(epd, EPD_FINGERPRINT, &fingerprint);

	if (err != 0)
		return err;
	return copy_exact(peer_id, PEER_ID_LEN, fingerprint) != 0 ? -ENOENT : 0;
}

void wr_peer_epd(struct wr *w, const uint8_t peer_id[PEER_ID_LEN])
{
	wr_option(w, EPD_FINGERPRINT, span_of(peer_id, PEER_ID_LEN));
}

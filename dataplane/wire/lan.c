#include "dataplane/wire/lan.h"

static const uint8_t magic[4] = {'S', 'P', 'X', SPX_VERSION};

static void read_addrs(struct rd *r, struct lan_msg *m)
{
	uint8_t n = rd_u8(r);

	if (n > LAN_ADDRS_MAX)
		rd_fail(r);
	for (uint8_t i = 0; i < n && r->err == 0; i++) {
		rd_addr(r, &m->addrs[m->n_addrs]);
		m->n_addrs += r->err == 0 && wire_addr_is_usable(&m->addrs[m->n_addrs]);
	}
	if (rd_left(r) > 0)
		rd_fail(r);
}

static void read_body(struct rd *r, struct lan_msg *m)
{
	switch (m->type) {
	case LAN_QUERY:
		m->nonce = rd_u64(r);
		read_addrs(r, m);
		if (m->nonce == 0) // which no answer could name
			rd_fail(r);
		break;
	case LAN_MEMBER:
		m->nonce = rd_u64(r);
		m->is_super = rd_u8(r) & 1;
		read_addrs(r, m);
		break;
	case LAN_STREAM:
		m->body = rd_rest(r);
		break;
	case LAN_FRAGMENT:
	case LAN_END:
		rd_copy(r, m->stream, sizeof(m->stream));
		m->body = rd_rest(r);
		break;
	default:
		rd_fail(r);
	}
}

int lan_read(struct lan_msg *m, struct span datagram)
{
	struct span proven = lan_proven(datagram);
	struct rd r = rd_over_span(proven);
	uint8_t head[sizeof(magic)] = {0};

	memset(m, 0, sizeof(*m));
	if (datagram.len > LAN_LEN_MAX)
		rd_fail(&r);
	rd_copy(&r, head, sizeof(head));
	if (memcmp(head, magic, sizeof(magic)) != 0)
		rd_fail(&r);
	m->type = rd_u8(&r);
	rd_copy(&r, m->tag, sizeof(m->tag));
	rd_copy(&r, m->sender, sizeof(m->sender));
	m->counter = rd_u64(&r);
	read_body(&r, m);
	return r.err;
}

static void write_addrs(struct wr *w, const struct lan_msg *m)
{
	wr_u8(w, m->n_addrs);
	for (uint8_t i = 0; i < m->n_addrs; i++)
		wr_addr(w, &m->addrs[i]);
}

int lan_write(struct wr *w, const struct lan_msg *m)
{
	wr_bytes(w, magic, sizeof(magic));
	wr_u8(w, m->type);
	wr_bytes(w, m->tag, sizeof(m->tag));
	wr_bytes(w, m->sender, sizeof(m->sender));
	wr_u64(w, m->counter);
	if (m->type == LAN_QUERY || m->type == LAN_MEMBER) {
		wr_u64(w, m->nonce);
		if (m->type == LAN_MEMBER)
			wr_u8(w, m->is_super);
		write_addrs(w, m);
		return wr_err(w);
	}
	if (m->type != LAN_STREAM)
		wr_bytes(w, m->stream, sizeof(m->stream));
	wr_bytes(w, m->body.data, m->body.len);
	return wr_err(w);
}

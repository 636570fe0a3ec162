#include <assert.h>

#include "dataplane/wire/group_member.h"
#include "dataplane/wire/group_report.h"

enum report_option {
	REPORT_ADDRS = 0x0a,
	REPORT_RECEIVER_ADDR = 0x0d,
	REPORT_SUPER_PEER = 0x6d,
	REPORT_SPX = 0x6e,
};

// Some senders write lengths of 128 to 255 as one raw octet. An honest VLU of that size begins
// with 81, and nothing in a report is longer.
static uint64_t rd_report_len(struct rd *r)
{
	if (r->left > 0 && r->at[0] > 0x81)
		return rd_u8(r);
	return rd_vlu(r);
}

// opt_next() with that quirk. False at the Marker, at the end, and on the sticky error.
static bool report_option_next(struct rd *r, uint64_t *type, struct span *value)
{
	uint64_t len = rd_left(r) > 0 ? rd_report_len(r) : 0;
	struct rd option;

	if (len == 0)
		return false;
	option = rd_over_span(rd_bytes(r, len));
	*type = rd_vlu(&option);
	*value = rd_rest(&option);
	if (option.err != 0)
		rd_fail(r);
	return r->err == 0;
}

// Takes addresses to the end of the option.
static int addrs_take(struct group_addrs *addrs, struct span value)
{
	struct rd r = rd_over_span(value);
	struct wire_addr addr;

	while (rd_left(&r) > 0) {
		rd_addr(&r, &addr);
		if (wire_addr_is_usable(&addr) && addrs->n < GROUP_REPORT_ADDRS_MAX)
			addrs->addrs[addrs->n++] = addr;
	}
	return r.err;
}

// Whether they take up the whole option.
static bool addrs_fit(struct span value)
{
	struct rd r = rd_over_span(value);

	while (rd_left(&r) > 0)
		rd_take(&r, wire_addr_octets(r.at[0]));
	return r.err == 0;
}

static int receiver_addr_take(struct wire_addr *addr, struct span value)
{
	struct rd r = rd_over_span(value);

	rd_addr(&r, addr);
	if (!wire_addr_is_usable(addr))
		memset(addr, 0, sizeof(*addr));
	return r.err;
}

static int self_take(struct group_report_self *self, uint64_t type, struct span value)
{
	switch (type) {
	case REPORT_ADDRS:
		return addrs_take(&self->own, value);
	case REPORT_RECEIVER_ADDR:
		return receiver_addr_take(&self->receiver_addr, value);
	case REPORT_SUPER_PEER:
		self->is_super_peer = true;
		return 0;
	case REPORT_SPX:
		self->is_spx = true;
		return 0;
	default:
		return 0; // other flags: Flash sends some, meaning unknown
	}
}

int group_report_read(struct group_report_self *self, struct group_report_iter *it, struct span msg)
{
	struct rd r = group_msg_body(msg, GROUP_REPORT);
	struct span value;
	uint64_t type;

	memset(self, 0, sizeof(*self));
	if (msg.len > GROUP_REPORT_MAX)
		rd_fail(&r);
	while (report_option_next(&r, &type, &value)) {
		if (self_take(self, type, value) != 0)
			rd_fail(&r);
	}
	it->r = r;
	it->n_records = 0;
	return r.err;
}

// One record; -ENOENT if it parses but names nobody by fingerprint.
static int told_read(struct rd *r, struct group_report_told *told)
{
	struct span epd = rd_bytes(r, rd_report_len(r));
	const uint8_t *start, *end;
	struct span value;
	uint64_t type;

	told->age_s = rd_vlu(r);
	start = end = r->at;
	for (; report_option_next(r, &type, &value); end = r->at)
		if (type == REPORT_ADDRS && !addrs_fit(value))
			rd_fail(r);
	if (r->err != 0)
		return r->err;
	told->options = span_of(start, (size_t)(end - start));
	return peer_epd_read(told->peer_id, epd) != 0 ? -ENOENT : 0;
}

bool group_report_next_told(struct group_report_iter *it, struct group_report_told *told)
{
	int err;

	while (rd_left(&it->r) > 0 && it->n_records < GROUP_REPORT_RECORDS_MAX) {
		it->n_records++; // skipped ones count too, so the work is bounded
		err = told_read(&it->r, told);
		if (err != -ENOENT)
			return err == 0;
	}
	return false;
}

void group_report_addrs(struct group_addrs *addrs, struct span options)
{
	struct rd r = rd_over_span(options);
	struct span value;
	uint64_t type;

	addrs->n = 0;
	while (report_option_next(&r, &type, &value))
		if (type == REPORT_ADDRS)
			addrs_take(addrs, value);
}

bool group_report_next(struct group_report_iter *it, struct group_report_record *record)
{
	struct group_report_told told;

	if (!group_report_next_told(it, &told))
		return false;
	memset(record, 0, sizeof(*record));
	memcpy(record->peer_id, told.peer_id, sizeof(record->peer_id));
	record->age_s = told.age_s;
	group_report_addrs(&record->addrs, told.options);
	return true;
}

void group_report_write_addrs(struct wr *w, const struct group_addrs *addrs)
{
	size_t len = 1; // the type

	for (uint8_t i = 0; i < addrs->n; i++)
		len += wire_addr_len(&addrs->addrs[i]);
	wr_vlu(w, len);
	wr_vlu(w, REPORT_ADDRS);
	for (uint8_t i = 0; i < addrs->n; i++)
		wr_addr(w, &addrs->addrs[i]);
}

int group_report_write_self(struct wr *w, const struct group_report_self *self)
{
	struct wr_point start = wr_mark(w);

	assert(self->receiver_addr.family != 0);
	wr_u8(w, GROUP_REPORT);
	if (self->is_spx) // flags lead: after 0d librtmfp expects 0a and nothing else
		wr_option_flag(w, REPORT_SPX);
	if (self->is_super_peer)
		wr_option_flag(w, REPORT_SUPER_PEER);
	wr_vlu(w, 1 + wire_addr_len(&self->receiver_addr));
	wr_vlu(w, REPORT_RECEIVER_ADDR);
	wr_addr(w, &self->receiver_addr);
	group_report_write_addrs(w, &self->own);
	wr_marker(w);
	return wr_finish(w, start);
}

int group_report_write_record(struct wr *w, const struct group_report_record *record)
{
	uint8_t octets[4 + GROUP_REPORT_ADDRS_MAX * WIRE_ADDR_MAX];
	struct wr options = wr_over(octets, sizeof(octets));
	struct group_report_told told = {.age_s = record->age_s};

	memcpy(told.peer_id, record->peer_id, sizeof(told.peer_id));
	group_report_write_addrs(&options, &record->addrs);
	assert(options.err == 0);
	told.options = span_of(octets, options.len);
	return group_report_write_told(w, &told);
}

int group_report_write_told(struct wr *w, const struct group_report_told *told)
{
	struct wr_point start = wr_mark(w);

	wr_vlu(w, PEER_EPD_LEN);
	wr_peer_epd(w, told->peer_id);
	wr_vlu(w, told->age_s);
	wr_bytes(w, told->options.data, told->options.len);
	wr_marker(w);
	return wr_finish(w, start);
}

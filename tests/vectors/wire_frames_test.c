// rtmfp/SCENARIO.json: every decrypted packet of the recorded sessions that is given whole. Its
// header and chunks say what the recording's own decoder found, and every chunk that we know is
// written again as it was.
#include "tests/support/hex.h"
#include "tests/support/json.h"
#include "tests/support/rewrite.h"
#include "tests/support/test.h"

static const char *const scenarios[] = {
	"abandon_fsn",
	"abrupt_close",
	"address_mobility",
	"basic_checksum",
	"both_ephemeral",
	"both_static",
	"cookie_change",
	"flow_reject",
	"glare",
	"group16",
	"group2",
	"hmac_only",
	"hmac_sseq_loss",
	"keepalive_idle",
	"live_loopback",
	"p2p_implied_redirect",
	"p2p_introduction",
	"redirect",
	"sseq_only",
	"tc_netconnection",
	"time_critical",
	"window_probe",
};

struct field {
	struct json_doc *doc;
	struct json *want; // the chunk as listed
};

static void check_octets(const struct field *f, const char *name, struct span got)
{
	assert_row(span_equal(got, json_hex(f->doc, f->want, name)), name);
}

static void check_number(const struct field *f, const char *name, uint64_t got)
{
	assert_row(got == json_u64(f->want, name), name);
}

static void check_address(struct json *want, const struct wire_addr *got)
{
	char text[WIRE_ADDR_TEXT_MAX];

	assert_string_equal(wire_addr_format(got, text), json_text(want, "address"));
	assert_int_equal(got->origin, json_u64(want, "origin"));
}

static void check_ihello(const struct field *f, struct span payload)
{
	struct ihello h;

	assert_int_equal(ihello_read(&h, payload), 0);
	check_octets(f, "epdHex", h.epd);
	check_octets(f, "tag", h.tag);
}

static void check_fihello(const struct field *f, struct span payload)
{
	struct fihello h;

	assert_int_equal(fihello_read(&h, payload), 0);
	check_address(json_at(f->want, "replyAddress"), &h.reply_addr);
	check_octets(f, "tag", h.tag);
}

static void check_rhello(const struct field *f, struct span payload)
{
	struct rhello h;

	assert_int_equal(rhello_read(&h, payload), 0);
	check_octets(f, "tagEcho", h.tag_echo);
	check_octets(f, "cookie", h.cookie);
	check_octets(f, "certificateHex", h.cert);
}

static void check_redirect(const struct field *f, struct span payload)
{
	struct json *list = json_at(f->want, "destinations");
	struct redirect d;

	assert_int_equal(redirect_read(&d, payload), 0);
	check_octets(f, "tagEcho", d.tag_echo);
	assert_int_equal(d.n_addrs, json_len(list));
	for (uint8_t i = 0; i < d.n_addrs; i++)
		check_address(json_item(list, i), &d.addrs[i]);
}

static void check_cookie_change(const struct field *f, struct span payload)
{
	struct cookie_change c;

	assert_int_equal(cookie_change_read(&c, payload), 0);
	check_octets(f, "oldCookie", c.old_cookie);
	check_octets(f, "newCookie", c.new_cookie);
}

static void check_iikeying(const struct field *f, struct span payload)
{
	struct iikeying k;

	assert_int_equal(iikeying_read(&k, payload), 0);
	assert_int_equal(k.initiator_session_id,
			 be32_get(json_hex(f->doc, f->want, "initiatorSessionID").data));
	check_octets(f, "cookieEcho", k.cookie_echo);
	check_octets(f, "certificateHex", k.cert);
	check_octets(f, "skic", k.skic);
	check_octets(f, "signature", k.signature);
}

static void check_rikeying(const struct field *f, struct span payload)
{
	struct rikeying k;

	assert_int_equal(rikeying_read(&k, payload), 0);
	assert_int_equal(k.responder_session_id,
			 be32_get(json_hex(f->doc, f->want, "responderSessionID").data));
	check_octets(f, "skrc", k.skrc);
	check_octets(f, "signature", k.signature);
}

static void check_flow_options(const struct field *f, const struct flow_options *o)
{
	struct json *option;
	size_t n = 0;

	json_each(option, json_at(f->want, "options"))
	{
		struct span value = json_hex(f->doc, option, "value");

		n++;
		if (json_u64(option, "type") == FLOW_OPTION_METADATA)
			assert_true(o->has_metadata && span_equal(o->metadata, value));
		else
			assert_true(o->has_return_flow && o->return_flow_id == value.data[0]);
	}
	assert_int_equal(n, o->has_metadata + o->has_return_flow);
	assert_false(o->has_unknown_mandatory);
}

static void check_user_data(const struct field *f, const struct user_data *d)
{
	static const char *const fra[] = {"whole", "begin", "end", "middle"};
	struct span head = span_of(d->body.data, d->body.len < 16 ? d->body.len : 16);

	assert_string_equal(fra[(d->flags & USER_DATA_FRA) >> 4], json_text(f->want, "FRA"));
	assert_int_equal(!!(d->flags & USER_DATA_OPTIONS), json_bool(f->want, "OPT"));
	assert_int_equal(!!(d->flags & USER_DATA_ABANDON), json_bool(f->want, "ABN"));
	assert_int_equal(!!(d->flags & USER_DATA_FINAL), json_bool(f->want, "FIN"));
	check_number(f, "flowID", d->flow_id);
	check_number(f, "seq", d->seq);
	check_number(f, "fsn", d->fsn);
	check_number(f, "dataLength", d->body.len);
	check_octets(f, "dataHead", head);
	check_flow_options(f, &d->options);
}

static void check_ack(const struct field *f, uint8_t type, struct span payload)
{
	struct json *ranges = json_at(f->want, "ranges");
	struct seq_range range;
	struct ack_iter it;
	struct ack a;
	size_t n = 0;

	assert_int_equal(ack_read(&a, type, payload), 0);
	check_number(f, "flowID", a.flow_id);
	check_number(f, "bufferBlocksAvailable", a.window_blocks);
	check_number(f, "cumulativeAck", a.cum);
	for (it = ack_iter_over(&a); ack_next(&it, &range); n++) {
		assert_int_equal(range.from, json_u64(json_item(ranges, n), "0"));
		assert_int_equal(range.to, json_u64(json_item(ranges, n), "1"));
	}
	assert_int_equal(n, json_len(ranges));
}

static void check_exception(const struct field *f, struct span payload)
{
	struct flow_exception x;

	assert_int_equal(flow_exception_read(&x, payload), 0);
	check_number(f, "flowID", x.flow_id);
	check_number(f, "exception", x.code);
}

static void check_probe(const struct field *f, struct span payload)
{
	uint64_t flow_id;

	assert_int_equal(buffer_probe_read(&flow_id, payload), 0);
	check_number(f, "flowID", flow_id);
}

static void check_chunk(const struct field *f, const struct chunk *c, const struct user_data *data)
{
	switch (c->type) {
	case CHUNK_IHELLO:
		return check_ihello(f, c->payload);
	case CHUNK_FIHELLO:
		return check_fihello(f, c->payload);
	case CHUNK_RHELLO:
		return check_rhello(f, c->payload);
	case CHUNK_REDIRECT:
		return check_redirect(f, c->payload);
	case CHUNK_COOKIE_CHANGE:
		return check_cookie_change(f, c->payload);
	case CHUNK_IIKEYING:
		return check_iikeying(f, c->payload);
	case CHUNK_RIKEYING:
		return check_rikeying(f, c->payload);
	case CHUNK_USER_DATA:
	case CHUNK_NEXT_USER_DATA:
		return check_user_data(f, data);
	case CHUNK_ACK_RANGES:
		return check_ack(f, c->type, c->payload);
	case CHUNK_FLOW_EXCEPTION:
		return check_exception(f, c->payload);
	case CHUNK_BUFFER_PROBE:
		return check_probe(f, c->payload);
	case CHUNK_PING:
	case CHUNK_PING_REPLY:
		return check_octets(f, "message", c->payload);
	}
}

static void check_header(struct json *frame, const struct packet_header *h)
{
	assert_int_equal(h->flags, json_u64(frame, "flags"));
	assert_int_equal(!!(h->flags & PACKET_TC), json_bool(frame, "TC"));
	assert_int_equal(!!(h->flags & PACKET_TCR), json_bool(frame, "TCR"));
	assert_int_equal(packet_mode(h), json_u64(frame, "mode"));
	assert_int_equal(!!(h->flags & PACKET_TS), json_has(frame, "timestamp"));
	assert_int_equal(!!(h->flags & PACKET_TSE), json_has(frame, "timestampEcho"));
	if (json_has(frame, "timestamp"))
		assert_int_equal(h->ts, json_u64(frame, "timestamp"));
	if (json_has(frame, "timestampEcho"))
		assert_int_equal(h->ts_echo, json_u64(frame, "timestampEcho"));
}

// The whole packet, chunk by chunk, into a copy that must come out the same.
static void check_frame(struct json_doc *doc, struct json *frame)
{
	struct span clear = json_hex(doc, frame, "clear");
	struct rd r = rd_over_span(clear);
	uint8_t buf[2048];
	struct wr w = wr_over(buf, sizeof(buf));
	struct user_data data = {0};
	struct field f = {.doc = doc};
	struct packet_header header;
	struct chunk c;

	assert_int_equal(packet_header_read(&r, &header), 0);
	check_header(frame, &header);
	packet_header_write(&w, &header);
	json_each(f.want, json_at(frame, "chunks"))
	{
		struct wr_point start = wr_mark(&w);
		struct span whole = r.left > 0 ? span_of(r.at, 0) : span_of(NULL, 0);

		assert_true(chunk_next(&r, &c));
		whole.len = CHUNK_HEADER_LEN + c.payload.len;
		assert_int_equal(c.type, json_u64(f.want, "type"));
		assert_int_equal(c.payload.len, json_u64(f.want, "length"));
		if (c.type == 0xec) // the ECN Report, an extension we do not know
			continue;
		assert_true(chunk_is_legal(c.type, packet_mode(&header)));
		assert_int_equal(chunk_rewrite(&w, &c, &data), 0);
		assert_true(span_equal(span_of(w.base + start.len, w.len - start.len), whole));
		check_chunk(&f, &c, &data);
	}
	assert_int_equal(rd_left(&r), json_u64(frame, "paddingBytes"));
	assert_false(chunk_next(&r, &c));
}

// A packet cut in the recording still shows its header.
static void check_cut_frame(struct json_doc *doc, struct json *frame)
{
	struct rd r = rd_over_span(json_hex(doc, frame, "clear"));
	struct packet_header header;

	assert_int_equal(packet_header_read(&r, &header), 0);
	check_header(frame, &header);
}

static void every_packet_of_every_recorded_session(void **state)
{
	size_t n_whole = 0;
	struct json *frame;
	char name[64];

	for (size_t i = 0; i < ARRAY_LEN(scenarios); i++) {
		struct json_doc *doc;

		snprintf(name, sizeof(name), "rtmfp/%s.json", scenarios[i]);
		doc = json_load(name);
		json_each(frame, json_at(json_root(doc), "frames"))
		{
			if (json_is_cut(frame, "clear")) {
				check_cut_frame(doc, frame);
				continue;
			}
			check_frame(doc, frame);
			n_whole++;
		}
		json_free(doc);
	}
	assert_int_equal(n_whole, 495); // of 804
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_packet_of_every_recorded_session),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

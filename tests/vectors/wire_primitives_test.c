// rtmfp/primitives.json: encodings in isolation.
#include "dataplane/wire/rtmp_msg.h"
#include "tests/support/hex.h"
#include "tests/support/json.h"
#include "tests/support/rewrite.h"
#include "tests/support/test.h"

struct vectors {
	struct json_doc *doc;
	struct json *root;
};

static int load(void **state)
{
	struct vectors *v = malloc(sizeof(*v));

	v->doc = json_load("rtmfp/primitives.json");
	v->root = json_root(v->doc);
	*state = v;
	return 0;
}

static int unload(void **state)
{
	struct vectors *v = *state;

	json_free(v->doc);
	free(v);
	return 0;
}

static uint64_t read_vlu(struct span octets, int *err)
{
	struct rd r = rd_over_span(octets);
	uint64_t value = rd_vlu(&r);

	*err = r.err;
	assert_int_equal(rd_left(&r), 0);
	return value;
}

static void vlus(void **state)
{
	struct vectors *v = *state;
	struct json *row;
	int err;

	json_each(row, json_at(v->root, "vlu"))
	{
		struct span octets = json_hex(v->doc, row, "encoding");
		uint8_t buf[VLU_LEN_MAX];

		assert_true(read_vlu(octets, &err) == json_u64(row, "value"));
		assert_int_equal(err, 0);
		assert_true(span_equal(octets, span_of(buf, vlu_put(buf, json_u64(row, "value")))));
	}
	json_each(row, json_at(v->root, "vlu_nonminimal_but_valid"))
	{
		assert_true(read_vlu(json_hex(v->doc, row, "encoding"), &err) ==
			    json_u64(row, "value"));
		assert_int_equal(err, 0);
	}
	json_each(row, json_at(v->root, "vlu_invalid"))
	{
		assert_int_equal(read_vlu(json_hex(v->doc, row, "encoding"), &err), 0);
		assert_row(err == -EBADMSG, json_text(row, "why"));
	}
}

static void check_option(struct rd *r, struct wr *w, uint64_t want_type, struct span want)
{
	struct span value;
	uint64_t type;

	assert_int_equal(opt_next(r, &type, &value), OPT_FOUND);
	assert_true(type == want_type);
	assert_true(span_equal(value, want));
	wr_option(w, type, value);
}

static void options(void **state)
{
	struct vectors *v = *state;
	struct json *row, *item;
	struct span value;
	uint64_t type;

	json_each(row, json_at(v->root, "options"))
	{
		struct span octets = json_hex(v->doc, row, "encoding");
		struct rd r = rd_over_span(octets);
		uint8_t buf[64];
		struct wr w = wr_over(buf, sizeof(buf));

		if (json_has(row, "type"))
			check_option(&r, &w, json_u64(row, "type"), json_hex(v->doc, row, "value"));
		json_each(item, json_at(row, "list"))
			check_option(&r, &w, json_u64(item, "0"), json_hex(v->doc, item, "1"));
		if (json_has(row, "marker") || json_has(row, "list")) {
			assert_int_equal(opt_next(&r, &type, &value), OPT_MARKER);
			wr_marker(&w);
		}
		assert_int_equal(opt_next(&r, &type, &value), OPT_END);
		assert_int_equal(r.err, 0);
		assert_true(span_equal(wr_span(&w), octets));
	}
}

static void addresses(void **state)
{
	struct vectors *v = *state;
	struct json *row;

	json_each(row, json_at(v->root, "address"))
	{
		struct span octets = json_hex(v->doc, row, "encoding");
		struct rd r = rd_over_span(octets);
		char text[WIRE_ADDR_TEXT_MAX];
		uint8_t buf[32];
		struct wr w = wr_over(buf, sizeof(buf));
		struct wire_addr read, parsed;

		rd_addr(&r, &read);
		assert_int_equal(r.err, 0);
		assert_int_equal(read.origin, json_u64(row, "origin"));
		assert_string_equal(wire_addr_format(&read, text), json_text(row, "address"));
		assert_int_equal(wire_addr_parse(&parsed, json_text(row, "address")), 0);
		parsed.origin = read.origin;
		wr_addr(&w, &parsed);
		assert_true(span_equal(wr_span(&w), octets));
	}
}

static void session_ids(void **state)
{
	struct vectors *v = *state;
	struct json *row;

	json_each(row, json_at(v->root, "ssid"))
	{
		struct span packet = json_hex(v->doc, row, "encrypted_packet");
		struct span want = json_hex(v->doc, row, "scrambled_session_id");
		uint8_t datagram[128];
		size_t len = SSID_LEN + packet.len;
		uint32_t id = be32_get(json_hex(v->doc, row, "session_id").data), got = ~id;

		memcpy(datagram + SSID_LEN, packet.data, packet.len);
		ssid_scramble(datagram, len, id);
		assert_true(span_equal(span_of(datagram, SSID_LEN), want));
		assert_int_equal(ssid_unscramble(datagram, len, &got), 0);
		assert_int_equal(got, id);
	}
}

// Padding of ff is never written by us, and a range ack cut in its last pair comes back without it.
static bool comes_back(const char *what)
{
	return strcmp(what, "padding") != 0 && strstr(what, "truncated") == NULL;
}

static void chunks_come_back_as_they_were(void **state)
{
	struct vectors *v = *state;
	struct json *row;

	json_each(row, json_at(v->root, "chunks"))
	{
		const char *what = json_text(row, "what");
		struct span octets = json_hex(v->doc, row, "chunk");
		struct user_data data = {.flow_id = 1, .is_set = true};
		struct rd r = rd_over_span(octets);
		uint8_t buf[2048];
		struct wr w = wr_over(buf, sizeof(buf));
		struct chunk c = {0};

		assert_row(chunk_next(&r, &c) && rd_left(&r) == 0, what);
		if (comes_back(what)) {
			assert_row(chunk_rewrite(&w, &c, &data) == 0, what);
			assert_row(span_equal(wr_span(&w), octets), what);
		}
	}
}

// Cuts a chunk's payload to len octets, in a buffer of just that size. What still parses must come
// out of its writer as it goes in again.
static void check_cut(uint8_t type, const uint8_t *payload, size_t len)
{
	struct user_data data = {.flow_id = 1, .is_set = true}, same = data;
	uint8_t first[2048], second[2048];
	struct wr w1 = wr_over(first, sizeof(first)), w2 = wr_over(second, sizeof(second));
	uint8_t *copy = malloc(len > 0 ? len : 1);
	struct chunk c = {type, span_of(copy, len)};

	assert_non_null(copy);
	memcpy(copy, payload, len);
	if (chunk_rewrite(&w1, &c, &data) == 0) {
		c.payload = span_of(first + CHUNK_HEADER_LEN, w1.len - CHUNK_HEADER_LEN);
		assert_int_equal(chunk_rewrite(&w2, &c, &same), 0);
		assert_true(span_equal(wr_span(&w1), wr_span(&w2)));
	}
	free(copy);
}

static void chunks_cut_at_every_length(void **state)
{
	struct vectors *v = *state;
	struct json *row;

	json_each(row, json_at(v->root, "chunks"))
	{
		struct span octets = json_hex(v->doc, row, "chunk");

		for (size_t len = 0; len <= octets.len - CHUNK_HEADER_LEN; len++)
			check_cut(octets.data[0], octets.data + CHUNK_HEADER_LEN, len);
	}
}

static void acks(struct json *chunks, size_t index, struct json_doc *doc, const char *want)
{
	struct span octets = json_hex(doc, json_item(chunks, index), "chunk");
	struct rd r = rd_over_span(octets);
	struct seq_range range;
	struct ack_iter it;
	struct chunk c = {0};
	char text[128];
	struct ack a;
	size_t n;

	assert_true(chunk_next(&r, &c));
	assert_int_equal(ack_read(&a, c.type, c.payload), 0);
	n = (size_t)snprintf(text, sizeof(text), "%u/%u/%u", (unsigned)a.flow_id,
			     (unsigned)a.window_blocks, (unsigned)a.cum);
	for (it = ack_iter_over(&a); ack_next(&it, &range);)
		n += (size_t)snprintf(text + n, sizeof(text) - n, " %u-%u", (unsigned)range.from,
				      (unsigned)range.to);
	assert_string_equal(text, want);
}

// The numbers are those of the vectors' descriptions.
static void acks_name_the_numbers_described(void **state)
{
	struct vectors *v = *state;
	struct json *chunks = json_at(v->root, "chunks");

	acks(chunks, 0, v->doc, "5/127/16 18-18 21-24 27-28");
	acks(chunks, 1, v->doc, "5/127/16 18-18 21-24");
	acks(chunks, 2, v->doc, "5/127/16 18-18");
	acks(chunks, 3, v->doc, "300/65536/1000 1002-2001 2502-2502");
}

static void packet_fragments_join_to_a_packet(void **state)
{
	struct vectors *v = *state;
	struct json *row;
	uint8_t packet[2048];
	struct wr w = wr_over(packet, sizeof(packet));
	struct packet_fragment f = {.has_more = true};
	struct packet_header header;
	uint64_t n = 0;
	struct rd r;

	json_each(row, json_at(v->root, "chunks"))
	{
		struct span octets = json_hex(v->doc, row, "chunk");

		if (octets.data[0] != CHUNK_PACKET_FRAGMENT)
			continue;
		assert_true(f.has_more);
		assert_int_equal(packet_fragment_read(&f, span_of(octets.data + 3, octets.len - 3)),
				 0);
		assert_int_equal(f.packet_id, 9);
		assert_int_equal(f.index, n++);
		wr_put_span(&w, f.body);
	}
	assert_int_equal(n, 4);
	assert_false(f.has_more);
	assert_int_equal(w.len, 1506);
	r = rd_over_span(wr_span(&w));
	assert_int_equal(packet_header_read(&r, &header), 0);
	assert_int_equal(packet_mode(&header), MODE_STARTUP);
}

// "0x7e (ignored)" stands for a type we do not know.
static void check_chunks(struct json *want, struct rd *r, enum packet_mode mode)
{
	struct json *name;
	struct chunk c = {0};

	json_each(name, want)
	{
		bool is_ignored = strstr(json_text(name, NULL), "ignored") != NULL;

		assert_true(chunk_next(r, &c));
		assert_int_equal(c.type, strtoul(json_text(name, NULL), NULL, 16));
		assert_int_equal(chunk_is_legal(c.type, mode), !is_ignored);
	}
	while (chunk_next(r, &c)) // what the vector leaves out is ignored by its mode
		assert_false(chunk_is_legal(c.type, mode));
}

static void packets_yield_the_chunks_listed(void **state)
{
	struct vectors *v = *state;
	struct json *row;

	json_each(row, json_at(v->root, "chunk_parsing"))
	{
		struct rd r = rd_over_span(json_hex(v->doc, row, "plain"));
		struct packet_header header;

		if (json_has(row, "chunks")) {
			assert_int_equal(packet_header_read(&r, &header), 0);
			check_chunks(json_at(row, "chunks"), &r, packet_mode(&header));
		} else {
			assert_int_equal(packet_header_read(&r, &header), -EBADMSG);
		}
	}
}

static void check_tc_metadata(const char *what, struct span metadata)
{
	struct tc_metadata tc;
	uint8_t buf[16];
	struct wr w = wr_over(buf, sizeof(buf));

	assert_row(flow_kind_of(metadata, &tc) == FLOW_TC, what);
	tc_metadata_write(&w, &tc);
	assert_row(span_equal(wr_span(&w), metadata), what);
}

static void check_tc_message(const char *what, struct span message)
{
	struct rd r = rd_over_span(message);
	struct rtmp_head head;
	struct user_control u;
	uint8_t buf[32];
	struct wr w = wr_over(buf, sizeof(buf));

	assert_row(rtmp_head_read(&r, &head) == 0, what);
	if (head.type != RTMP_USER_CONTROL)
		return;
	assert_row(user_control_read(&u, rd_rest(&r)) == 0, what);
	assert_row(user_control_write(&w, head.timestamp, &u) == 0, what);
	assert_row(span_equal(wr_span(&w), message), what);
}

static void rtmp_flows_and_messages(void **state)
{
	struct vectors *v = *state;
	struct json *row;

	json_each(row, json_at(v->root, "tc"))
	{
		const char *what = json_text(row, "what");

		if (json_has(row, "metadata"))
			check_tc_metadata(what, json_hex(v->doc, row, "metadata"));
		else
			check_tc_message(what, json_hex(v->doc, row, "message"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vlus),
		cmocka_unit_test(options),
		cmocka_unit_test(addresses),
		cmocka_unit_test(session_ids),
		cmocka_unit_test(chunks_come_back_as_they_were),
		cmocka_unit_test(chunks_cut_at_every_length),
		cmocka_unit_test(acks_name_the_numbers_described),
		cmocka_unit_test(packet_fragments_join_to_a_packet),
		cmocka_unit_test(packets_yield_the_chunks_listed),
		cmocka_unit_test(rtmp_flows_and_messages),
	};

	return cmocka_run_group_tests(tests, load, unload);
}

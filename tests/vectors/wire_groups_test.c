// groups/*.json: every message and handshake chunk that group members exchanged. Each parses, says
// what the recording's own decoder found, and is written again octet by octet; of media that were
// cut in the recording the header is.
#include "dataplane/wire/group_msg.h"
#include "dataplane/wire/rtmp_msg.h"
#include "tests/support/hex.h"
#include "tests/support/json.h"
#include "tests/support/rewrite.h"
#include "tests/support/test.h"

// A node and the file it is from.
struct entry {
	struct json_doc *doc;
	struct json *at;
};

static struct entry inside(struct entry e, const char *path)
{
	e.at = json_at(e.at, path);
	return e;
}

static struct span hex_of(struct entry e, const char *path)
{
	return json_hex(e.doc, e.at, path);
}

static void check_addr(struct json *want, const struct wire_addr *got)
{
	char text[WIRE_ADDR_TEXT_MAX];

	assert_string_equal(wire_addr_format(got, text), json_text(want, "addr"));
	assert_int_equal(got->origin, json_u64(want, "type"));
}

static void check_addrs(struct json *want, const struct group_addrs *got)
{
	assert_int_equal(got->n, json_len(want));
	for (uint8_t i = 0; i < got->n; i++)
		check_addr(json_item(want, i), &got->addrs[i]);
}

static void check_epd(struct entry want, const char *path, const uint8_t *id)
{
	uint8_t want_id[PEER_ID_LEN];

	assert_int_equal(peer_epd_read(want_id, hex_of(want, path)), 0);
	assert_memory_equal(id, want_id, PEER_ID_LEN);
}

static void check_connect(struct entry want, struct span msg)
{
	struct group_connect c;

	assert_int_equal(group_connect_read(&c, msg), 0);
	assert_true(span_equal(span_of(c.group_id, GROUP_ID_LEN), hex_of(want, "groupIdHex")));
	assert_true(span_equal(span_of(c.proof, MEMBER_PROOF_LEN), hex_of(want, "proof")));
	check_epd(want, "receiverEpd", c.receiver_id);
}

static void check_report(struct entry want, struct span msg)
{
	struct group_report_record record;
	struct group_report_self self;
	struct group_report_iter it;
	struct entry item = want;

	assert_int_equal(group_report_read(&self, &it, msg), 0);
	check_addr(json_at(want.at, "self/0/receiverAddress/0"), &self.receiver_addr);
	check_addrs(json_at(want.at, "self/1/senderAddresses"), &self.own);
	json_each(item.at, json_at(want.at, "records"))
	{
		assert_true(group_report_next(&it, &record));
		check_epd(item, "epd", record.peer_id);
		assert_int_equal(record.age_s, json_u64(item.at, "ageSeconds"));
		check_addrs(json_at(item.at, "options/0/addresses"), &record.addrs);
	}
	assert_false(group_report_next(&it, &record));
	assert_int_equal(it.r.err, 0);
}

static void check_info_option(struct entry want, const struct stream_info *s)
{
	switch (json_u64(want.at, "type")) {
	case 0x00:
		assert_int_equal(s->name.len, strlen(json_text(want.at, "streamName")));
		assert_memory_equal(s->name.data, json_text(want.at, "streamName"), s->name.len);
		break;
	case 0x01:
		assert_true(span_equal(span_of(s->key, STREAM_KEY_LEN), hex_of(want, "streamKey")));
		break;
	case 0x02:
		assert_true(s->has_flag_02);
		break;
	case 0x03:
		assert_int_equal(s->window_ms, json_u64(want.at, "ms"));
		break;
	case 0x04:
		assert_int_equal(s->expiry_ms, json_u64(want.at, "ms"));
		break;
	case 0x05:
		assert_int_equal(s->update_ms, json_u64(want.at, "ms"));
		break;
	case 0x07:
		assert_int_equal(s->fetch_ms, json_u64(want.at, "ms"));
		break;
	default:
		fail_msg("unexpected option in a StreamInfo");
	}
}

static void check_stream_info(struct entry want, struct span msg)
{
	struct stream_info s;
	struct entry option = want;

	assert_int_equal(stream_info_read(&s, msg), 0);
	assert_int_equal(json_len(json_at(want.at, "options")), 7);
	json_each(option.at, json_at(want.at, "options"))
	{
		check_info_option(option, &s);
	}
}

// Builds the map again from the set of numbers that it holds: it must hold the same set.
static void check_map(struct entry want, struct span msg)
{
	uint8_t bits[FRAGMENTS_MAP_MAX] = {0};
	struct fragments_map m, again;

	assert_int_equal(fragments_map_read(&m, msg), 0);
	assert_int_equal(m.last, json_u64(want.at, "last"));
	assert_int_equal(m.bits.len, json_u64(want.at, "mapBytes"));
	again.last = m.last;
	again.bits = span_of(bits, fragments_map_len(1, m.last));
	for (uint64_t number = 1; number < m.last; number++) {
		if (fragments_map_has(&m, number))
			fragments_map_set(bits, again.bits.len, m.last, number);
	}
	for (uint64_t number = 0; number <= m.last + 1; number++)
		assert_int_equal(fragments_map_has(&m, number), fragments_map_has(&again, number));
}

static void check_fragment(struct entry message, struct entry want, struct span msg)
{
	struct stream_fragment f;
	size_t head_len;

	assert_int_equal(stream_fragment_read(&f, msg), 0);
	assert_int_equal(f.number, json_u64(want.at, "fragment"));
	assert_false(f.is_n_missing);
	assert_int_equal(!!(f.flags & STREAM_FRAGMENT_MORE), json_has(want.at, "remaining"));
	if (json_has(want.at, "remaining"))
		assert_int_equal(f.n_more, json_u64(want.at, "remaining"));
	assert_int_equal(!!(f.flags & STREAM_FRAGMENT_FIRST), json_has(want.at, "timestamp"));
	if (json_has(want.at, "timestamp")) {
		assert_int_equal(f.timestamp, json_u64(want.at, "timestamp"));
		assert_int_equal(f.type, json_u64(want.at, "mediaType"));
	}
	head_len = msg.len - f.payload.len;
	assert_int_equal(json_u64(message.at, "len") - head_len, json_u64(want.at, "payloadBytes"));
}

static void check_stream_message(struct entry want, struct span msg)
{
	uint64_t number;
	uint8_t mask;

	switch (group_msg_type(msg)) {
	case STREAM_INFO:
		if (!stream_is_end(msg)) {
			check_stream_info(want, msg);
			break;
		}
		assert_string_equal(json_text(want.at, "name"), "StreamEnd");
		assert_int_equal(stream_end_read(&number, msg), 0);
		break;
	case STREAM_FRAGMENTS_MAP:
		check_map(want, msg);
		break;
	case STREAM_PUSH_MASK:
		assert_int_equal(push_mask_read(&mask, msg), 0);
		assert_int_equal(mask, json_u64(want.at, "mask"));
		break;
	case STREAM_PULL:
		assert_int_equal(pull_read(&number, msg), 0);
		assert_int_equal(number, json_u64(want.at, "fragment"));
		break;
	default:
		fail_msg("unexpected message on GR-11");
	}
}

static void check_control_message(struct entry want, struct span msg)
{
	uint8_t id[PEER_ID_LEN];
	struct group_join j;

	if (group_msg_type(msg) == GROUP_JOIN) {
		assert_int_equal(group_join_read(&j, msg), 0);
		assert_int_equal(j.by, json_u64(want.at, "options/0/type"));
		assert_true(span_equal(j.value, hex_of(want, "options/0/value")));
	} else {
		assert_int_equal(group_member_read(id, msg), 0);
		assert_true(span_equal(span_of(id, sizeof(id)), hex_of(want, "peerId")));
	}
}

static void check_decoded(enum flow_kind kind, struct entry message, struct span msg)
{
	struct entry want = inside(message, "decoded");

	if (kind == FLOW_GROUP_CONTROL)
		check_control_message(want, msg);
	else if (kind == FLOW_GROUP_STREAM)
		check_stream_message(want, msg);
	else if (kind == FLOW_GROUP_FRAGMENTS)
		check_fragment(message, want, msg);
	else if (group_msg_type(msg) == GROUP_CONNECT)
		check_connect(want, msg);
	else if (group_msg_type(msg) == GROUP_REPORT)
		check_report(want, msg);
}

static void check_group_message(enum flow_kind kind, struct entry message)
{
	struct span msg = hex_of(message, "hex");
	uint8_t buf[2048];
	struct wr w = wr_over(buf, sizeof(buf));

	assert_true(kind != FLOW_UNKNOWN);
	assert_row(json_is_cut(message.at, "hex") || msg.len == json_u64(message.at, "len"),
		   "length");
	assert_int_equal(group_msg_rewrite(&w, kind, msg), 0);
	assert_row(span_equal(wr_span(&w), msg), json_text(message.at, "hex"));
	check_decoded(kind, message, msg);
}

static void check_rtmp_message(struct entry message)
{
	struct span msg = hex_of(message, "hex");
	struct rd r = rd_over_span(msg);
	uint8_t buf[32];
	struct wr w = wr_over(buf, sizeof(buf));
	struct user_control u;
	struct rtmp_head head;

	assert_int_equal(rtmp_head_read(&r, &head), 0);
	assert_true(head.type == RTMP_COMMAND_AMF0 || head.type == RTMP_USER_CONTROL);
	if (head.type != RTMP_USER_CONTROL)
		return;
	assert_int_equal(user_control_read(&u, rd_rest(&r)), 0);
	assert_int_equal(user_control_write(&w, head.timestamp, &u), 0);
	assert_true(span_equal(wr_span(&w), msg));
}

static void check_chunk(struct entry message)
{
	struct span payload = hex_of(message, "hex");
	struct chunk c = {(uint8_t)json_u64(message.at, "chunk"), payload};
	struct user_data data = {0};
	uint8_t buf[2048];
	struct wr w = wr_over(buf, sizeof(buf));

	assert_int_equal(chunk_rewrite(&w, &c, &data), 0);
	assert_int_equal(buf[0], c.type);
	assert_true(span_equal(span_of(buf + CHUNK_HEADER_LEN, w.len - CHUNK_HEADER_LEN), payload));
}

// Messages of flows whose metadata is not given are the main flow's.
static void check_message(struct entry message)
{
	enum flow_kind kind = FLOW_GROUP_MAIN;

	if (json_has(message.at, "chunk")) {
		check_chunk(message);
		return;
	}
	if (json_has(message.at, "metadata"))
		kind = flow_kind_of(hex_of(message, "metadata"), NULL);
	if (kind == FLOW_TC)
		check_rtmp_message(message);
	else if (!json_has(message.at, "abandoned")) // the rest closes a flow and says nothing
		check_group_message(kind, message);
}

static size_t check_file(const char *name)
{
	struct entry message = {.doc = json_load(name)};
	size_t n = 0;

	json_each(message.at, json_at(json_root(message.doc), "messages"))
	{
		check_message(message);
		n++;
	}
	json_free(message.doc);
	return n;
}

static void every_message_of_every_node(void **state)
{
	static const struct {
		const char *name;
		size_t n_messages;
	} files[] = {
		{"groups/end-of-stream.play1.messages.json", 334},
		{"groups/end-of-stream.pub.messages.json", 332},
		{"groups/five-node.play1.control.json", 1012},
		{"groups/five-node.play2.control.json", 1160},
		{"groups/five-node.play3.control.json", 1084},
		{"groups/five-node.play4.control.json", 1013},
		{"groups/five-node.pub.control.json", 1163},
		{"groups/many-node.p12.reports.json", 40},
		{"groups/two-node.play1.messages.json", 799},
		{"groups/two-node.pub.messages.json", 805},
	};

	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		assert_row(check_file(files[i].name) == files[i].n_messages, files[i].name);
}

// Cuts a message to len octets, in a buffer of just that size. What still parses must come out of
// its writer as it goes in again.
static void check_cut(enum flow_kind kind, struct span msg, size_t len)
{
	uint8_t first[2048], second[2048];
	struct wr w1 = wr_over(first, sizeof(first)), w2 = wr_over(second, sizeof(second));
	uint8_t *copy = malloc(len > 0 ? len : 1);

	assert_non_null(copy);
	memcpy(copy, msg.data, len);
	if (group_msg_rewrite(&w1, kind, span_of(copy, len)) == 0) {
		assert_int_equal(group_msg_rewrite(&w2, kind, wr_span(&w1)), 0);
		assert_true(span_equal(wr_span(&w1), wr_span(&w2)));
	}
	free(copy);
}

static void messages_cut_at_every_length(void **state)
{
	struct json_doc *doc = json_load("groups/end-of-stream.pub.messages.json");
	struct json *row;

	json_each(row, json_at(json_root(doc), "messages"))
	{
		struct span msg = json_hex(doc, row, "hex");
		enum flow_kind kind = FLOW_UNKNOWN;

		if (json_has(row, "metadata"))
			kind = flow_kind_of(json_hex(doc, row, "metadata"), NULL);
		for (size_t len = 0; kind != FLOW_UNKNOWN && len <= msg.len; len++)
			check_cut(kind, msg, len);
	}
	json_free(doc);
}

static void maps_computed_from_sets(void **state)
{
	struct json_doc *doc = json_load("groups/derivations.json");
	struct json *row, *number;

	json_each(row, json_at(json_root(doc), "fragmentsMaps"))
	{
		struct span msg = json_hex(doc, row, "message");
		uint8_t bits[64] = {0}, buf[64];
		struct fragments_map m = {.last = json_u64(row, "last"), .bits = {bits, 0}};
		struct wr w = wr_over(buf, sizeof(buf));
		uint64_t first = m.last;
		size_t n_held = 0;

		json_each(number, json_at(row, "have"))
		{
			first = json_u64(number, NULL) < first ? json_u64(number, NULL) : first;
		}
		m.bits.len = fragments_map_len(first, m.last);
		json_each(number, json_at(row, "have"))
		{
			fragments_map_set(bits, m.bits.len, m.last, json_u64(number, NULL));
		}
		assert_int_equal(fragments_map_write(&w, &m), 0);
		assert_true(span_equal(wr_span(&w), msg));
		assert_int_equal(fragments_map_read(&m, msg), 0);
		for (uint64_t n = 0; n <= m.last; n++)
			n_held += fragments_map_has(&m, n);
		assert_int_equal(n_held, json_len(json_at(row, "have")));
	}
	json_free(doc);
}

// groups/two-node.pub.packets.json: session packets of an implementation that reads and writes by
// position. Every chunk of a type that we know parses.
static void packets_of_an_old_peer(void **state)
{
	struct json_doc *doc = json_load("groups/two-node.pub.packets.json");
	struct json *row;
	size_t n_chunks = 0;

	json_each(row, json_at(json_root(doc), "packets"))
	{
		struct rd r = rd_over_span(json_hex(doc, row, "plain"));
		struct user_data data = {0};
		uint8_t buf[4096];
		struct wr w = wr_over(buf, sizeof(buf));
		struct packet_header header;
		struct chunk c;

		assert_int_equal(packet_header_read(&r, &header), 0);
		while (chunk_next(&r, &c)) {
			assert_true(chunk_is_legal(c.type, packet_mode(&header)));
			assert_int_equal(chunk_rewrite(&w, &c, &data), 0);
			n_chunks++;
		}
	}
	json_free(doc);
	assert_true(n_chunks >= 157); // there are so many packets
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_message_of_every_node),
		cmocka_unit_test(messages_cut_at_every_length),
		cmocka_unit_test(maps_computed_from_sets),
		cmocka_unit_test(packets_of_an_old_peer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

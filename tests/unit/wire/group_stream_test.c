#include "dataplane/wire/group_stream.h"
#include "tests/support/hex.h"
#include "tests/support/test.h"

#define KEY "a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebf"

static void an_announcement(void **state)
{
	const char *message =
		"21 0800 74657374313233 2101" KEY "0102 0303be40 040492a760 020564 03079344";
	uint8_t buf[96], out[96];
	struct wr w = wr_over(out, sizeof(out));
	struct span msg = HEX(buf, message);
	struct stream_info s;

	assert_false(stream_is_end(msg));
	assert_int_equal(stream_info_read(&s, msg), 0);
	assert_true(is_hex(s.name, "74657374313233"));
	assert_true(is_hex(span_of(s.key, STREAM_KEY_LEN), KEY));
	assert_true(s.has_flag_02);
	assert_false(s.is_sent_to_all);
	assert_int_equal(s.window_ms, 8000);
	assert_int_equal(s.expiry_ms, 300000);
	assert_int_equal(s.update_ms, 100);
	assert_int_equal(s.fetch_ms, 2500);
	assert_int_equal(stream_info_write(&w, &s), 0);
	assert_true(is_hex(wr_span(&w), message));
	w = wr_over(out, msg.len - 1);
	assert_int_equal(stream_info_write(&w, &s), -ENOBUFS);
	assert_int_equal(w.len, 0);
}

static void what_an_announcement_must_and_may_say(void **state)
{
	static const struct {
		const char *claim, *message;
		int err;
		uint64_t window_ms, fetch_ms;
		bool is_sent_to_all;
	} rows[] = {
		{"name and key are enough", "21 0200 61 2101" KEY, 0, 8000, 2500, false},
		{"06 does not end the list", "21 0200 61 2101" KEY "0106 020364", 0, 100, 2500,
		 true},
		{"unknown options are skipped", "21 0149 0200 61 2101" KEY "039900aa 020701", 0,
		 8000, 1, false},
		{"what follows a Marker is ignored", "21 0200 61 2101" KEY "00 020701", 0, 8000,
		 2500, false},
		{"no name", "21 2101" KEY "0102 0102", -EBADMSG},
		{"an empty name", "21 0100 2101" KEY, -EBADMSG},
		{"two names", "21 0200 61 0200 61 2101" KEY, -EBADMSG},
		{"no key", "21 0200 61 0303be40 040492a760 020564 03079344 0102", -EBADMSG},
		{"a short key", "21 0200 61 0301 aabb", -EBADMSG},
		{"two keys", "21 0200 61 2101" KEY "2101" KEY, -EBADMSG},
		{"a window of nothing", "21 0200 61 2101" KEY "0103", -EBADMSG},
		{"a window cut", "21 0200 61 2101" KEY "0203be", -EBADMSG},
		{"cut", "21 0200 61 2101" KEY "0303be", -EBADMSG},
		{"another message", "22 0200 61 2101" KEY, -EBADMSG},
		{"no message", "", -EBADMSG},
	};
	uint8_t buf[128];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct stream_info s;

		assert_row(stream_info_read(&s, HEX(buf, rows[i].message)) == rows[i].err,
			   rows[i].claim);
		if (rows[i].err != 0)
			continue;
		assert_row(s.window_ms == rows[i].window_ms, rows[i].claim);
		assert_row(s.fetch_ms == rows[i].fetch_ms, rows[i].claim);
		assert_row(s.is_sent_to_all == rows[i].is_sent_to_all, rows[i].claim);
	}
}

static void a_name_has_a_limit(void **state)
{
	static uint8_t name[STREAM_NAME_MAX + 1], buf[512];
	struct stream_info s = {.name = span_of(name, STREAM_NAME_MAX)}, got;
	struct wr w = wr_over(buf, sizeof(buf));

	assert_int_equal(stream_info_write(&w, &s), 0);
	assert_int_equal(stream_info_read(&got, wr_span(&w)), 0);
	s.name.len++;
	w = wr_over(buf, sizeof(buf));
	assert_int_equal(stream_info_write(&w, &s), 0);
	assert_int_equal(stream_info_read(&got, wr_span(&w)), -EBADMSG);
}

static void the_end_is_told_by_its_length(void **state)
{
	uint8_t buf[64] = {STREAM_INFO}, out[16];
	struct wr w = wr_over(out, sizeof(out));
	uint64_t end;

	assert_false(stream_is_end(span_of(buf, 0)));
	assert_false(stream_is_end(span_of(buf, 1)));
	assert_true(stream_is_end(span_of(buf, 2)));
	assert_true(stream_is_end(span_of(buf, 36)));
	assert_false(stream_is_end(span_of(buf, 37)));
	buf[0] = STREAM_PULL;
	assert_false(stream_is_end(span_of(buf, 2)));
	assert_int_equal(stream_end_read(&end, HEX(buf, "21 822c")), 0);
	assert_int_equal(end, 300);
	assert_int_equal(stream_end_write(&w, end), 0);
	assert_true(is_hex(wr_span(&w), "21822c"));
	assert_int_equal(stream_end_read(&end, HEX(buf, "21 82")), -EBADMSG);
	assert_int_equal(stream_end_read(&end, HEX(buf, "2b 05")), -EBADMSG);
}

// "7 5 4": the numbers from last down to 0 that the map says are held.
static const char *held(const struct fragments_map *m, char *text, size_t size)
{
	size_t n = 0;

	for (uint64_t number = m->last + 2; number-- > 0;)
		if (fragments_map_has(m, number))
			n += (size_t)snprintf(text + n, size - n, "%u ", (unsigned)number);
	return text;
}

static void maps_name_fragments_downward_from_the_last(void **state)
{
	static const struct {
		const char *claim, *message, *want;
	} rows[] = {
		{"the last alone", "22 03", "3 "},
		{"lowest bit first", "22 14 05", "20 19 17 "},
		{"the next octet goes on", "22 14 8001", "20 12 11 "},
		{"bits below fragment 1 are none", "22 03 ff", "3 2 1 "},
		{"octets missing at the end are zeros", "22 0a 01", "10 9 "},
		{"nothing yet", "22 00 ff", ""},
	};
	uint8_t buf[16], out[16];
	char text[64];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct wr w = wr_over(out, sizeof(out));
		struct fragments_map m;

		assert_row(fragments_map_read(&m, HEX(buf, rows[i].message)) == 0, rows[i].claim);
		text[0] = '\0';
		assert_row(strcmp(held(&m, text, sizeof(text)), rows[i].want) == 0, rows[i].claim);
		assert_row(fragments_map_write(&w, &m) == 0, rows[i].claim);
		assert_row(is_hex(wr_span(&w), rows[i].message), rows[i].claim);
	}
}

static void a_map_is_built_bit_by_bit(void **state)
{
	uint8_t bits[2] = {0};
	struct fragments_map m = {.last = 20, .bits = span_of(bits, sizeof(bits))};
	char text[64] = "";

	fragments_map_set(bits, sizeof(bits), 20, 19);
	fragments_map_set(bits, sizeof(bits), 20, 4);
	fragments_map_set(bits, sizeof(bits), 20, 3);  // would be bit 16
	fragments_map_set(bits, sizeof(bits), 20, 20); // last has no bit
	fragments_map_set(bits, sizeof(bits), 20, 21);
	assert_true(is_hex(m.bits, "0180"));
	assert_string_equal(held(&m, text, sizeof(text)), "20 19 4 ");
	assert_int_equal(fragments_map_len(1, 1), 0);
	assert_int_equal(fragments_map_len(1, 2), 1);
	assert_int_equal(fragments_map_len(1, 9), 1);
	assert_int_equal(fragments_map_len(1, 10), 2);
	assert_int_equal(fragments_map_len(10, 1), 0);
	assert_int_equal(fragments_map_len(0, UINT64_MAX), FRAGMENTS_MAP_MAX);
}

static void a_map_has_a_limit(void **state)
{
	static uint8_t msg[2 + FRAGMENTS_MAP_MAX + 1] = {STREAM_FRAGMENTS_MAP, 1};
	struct fragments_map m;
	uint8_t buf[4];

	assert_int_equal(fragments_map_read(&m, span_of(msg, sizeof(msg) - 1)), 0);
	assert_int_equal(fragments_map_read(&m, span_of(msg, sizeof(msg))), -EBADMSG);
	assert_int_equal(fragments_map_read(&m, HEX(buf, "22")), -EBADMSG);
	assert_int_equal(fragments_map_read(&m, HEX(buf, "2281")), -EBADMSG);
	assert_int_equal(fragments_map_read(&m, HEX(buf, "2305")), -EBADMSG);
}

static void push_masks_and_pulls(void **state)
{
	uint8_t buf[8], out[8], mask;
	struct wr w = wr_over(out, sizeof(out));
	uint64_t number;

	assert_int_equal(push_mask_read(&mask, HEX(buf, "23 a5")), 0);
	assert_int_equal(mask, 0xa5);
	assert_int_equal(pull_read(&number, HEX(buf, "2b 822c")), 0);
	assert_int_equal(number, 300);
	assert_int_equal(push_mask_write(&w, mask), 0);
	assert_int_equal(pull_write(&w, number), 0);
	assert_true(is_hex(wr_span(&w), "23a5 2b822c"));
	assert_int_equal(push_mask_read(&mask, HEX(buf, "23")), -EBADMSG);
	assert_int_equal(pull_read(&number, HEX(buf, "2b")), -EBADMSG);
	assert_int_equal(pull_read(&number, HEX(buf, "2b82")), -EBADMSG);
	assert_int_equal(pull_read(&number, HEX(buf, "2305")), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_announcement),
		cmocka_unit_test(what_an_announcement_must_and_may_say),
		cmocka_unit_test(a_name_has_a_limit),
		cmocka_unit_test(the_end_is_told_by_its_length),
		cmocka_unit_test(maps_name_fragments_downward_from_the_last),
		cmocka_unit_test(a_map_is_built_bit_by_bit),
		cmocka_unit_test(a_map_has_a_limit),
		cmocka_unit_test(push_masks_and_pulls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

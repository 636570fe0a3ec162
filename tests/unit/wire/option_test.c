#include "dataplane/wire/option.h"
#include "tests/support/hex.h"
#include "tests/support/test.h"

// Plays a sequence back as text: "5=aabb" per option, "|" per Marker, "!" for the sticky error.
static const char *dump(struct span octets, char *text, size_t size)
{
	struct rd r = rd_over_span(octets);
	enum opt_kind kind;
	struct span value;
	uint64_t type;
	size_t n = 0;

	text[0] = '\0';
	while ((kind = opt_next(&r, &type, &value)) != OPT_END) {
		if (kind == OPT_MARKER) {
			n += (size_t)snprintf(text + n, size - n, "|");
			continue;
		}
		n += (size_t)snprintf(text + n, size - n, "%llu=", (unsigned long long)type);
		for (size_t i = 0; i < value.len; i++)
			n += (size_t)snprintf(text + n, size - n, "%02x", value.data[i]);
		n += (size_t)snprintf(text + n, size - n, " ");
	}
	if (r.err != 0)
		snprintf(text + n, size - n, "!");
	return text;
}

static void a_sequence_runs_to_its_end_and_shows_markers(void **state)
{
	static const struct {
		const char *claim, *octets, *want;
	} rows[] = {
		{"nothing", "", ""},
		{"the length counts type and value", "03 05 aabb", "5=aabb "},
		{"the value may be empty", "01 0a", "10= "},
		{"types are VLUs", "04 c000 0102", "8192=0102 "},
		{"a Marker does not end a sequence", "01 01 00 01 02", "1= |2= "},
		{"Markers may repeat", "00 00", "||"},
		{"a long way to write a Marker", "80 00 01 07", "|7= "},
		{"one octet short", "03 05 aa", "!"},
		{"the type does not fit its option", "01 81 00", "!"},
		{"an option longer than memory", "81ffffffffffffffff7f 01", "!"},
		{"the length is cut", "81", "!"},
		{"options before a broken one still came out", "01 01 05 01", "1= !"},
	};
	uint8_t buf[32];
	char text[64];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_row(strcmp(dump(HEX(buf, rows[i].octets), text, sizeof(text)),
				  rows[i].want) == 0,
			   rows[i].claim);
}

static void a_list_ends_at_its_marker(void **state)
{
	static const struct {
		const char *claim, *octets, *list;
		size_t left;
		int err, err_or_end;
	} rows[] = {
		{"data starts behind the Marker", "020a05 00 6869", "020a05", 2, 0, 0},
		{"an empty list", "00 68", "", 1, 0, 0},
		{"a Marker of two octets is left out whole", "0101 8000 68", "0101", 1, 0, 0},
		{"without Marker", "020a05", "020a05", 0, -EBADMSG, 0},
		{"nothing at all", "", "", 0, -EBADMSG, 0},
		{"cut inside an option", "020a", "", 0, -EBADMSG, -EBADMSG},
	};
	uint8_t buf[32];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct rd r = rd_over_span(HEX(buf, rows[i].octets)), s = r;
		struct span list = rd_options(&r), list_or_end = rd_options_or_end(&s);

		assert_row(r.err == rows[i].err, rows[i].claim);
		assert_row(s.err == rows[i].err_or_end, rows[i].claim);
		assert_row(s.err != 0 || is_hex(list_or_end, rows[i].list), rows[i].claim);
		assert_row(is_hex(list, r.err == 0 ? rows[i].list : ""), rows[i].claim);
		assert_row(s.err != 0 || rd_left(&s) == rows[i].left, rows[i].claim);
	}
}

static void finding_takes_the_first_before_a_marker(void **state)
{
	uint8_t buf[32];
	struct span options = HEX(buf, "0205aa 0206bb 0206cc 00 0207dd"), value;

	assert_int_equal(opt_find(options, 6, &value), 0);
	assert_true(is_hex(value, "bb"));
	assert_int_equal(opt_find(options, 7, &value), -ENOENT);
	assert_int_equal(value.len, 0);
	assert_int_equal(opt_find(HEX(buf, "0205aa 0506"), 6, &value), -EBADMSG);
	assert_int_equal(opt_find(HEX(buf, "0205aa 0506"), 5, &value), 0);
}

static void writers_count_the_type(void **state)
{
	uint8_t buf[32];
	struct wr w = wr_over(buf, sizeof(buf));

	wr_option(&w, 0x2000, span_of("\1", 1));
	wr_option_vlu(&w, 0x0a, 300);
	wr_option_flag(&w, 0x06);
	wr_marker(&w);
	assert_true(is_hex(wr_span(&w), "03c00001 030a822c 0106 00"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_sequence_runs_to_its_end_and_shows_markers),
		cmocka_unit_test(a_list_ends_at_its_marker),
		cmocka_unit_test(finding_takes_the_first_before_a_marker),
		cmocka_unit_test(writers_count_the_type),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

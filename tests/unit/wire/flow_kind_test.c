#include "dataplane/wire/flow_kind.h"
#include "tests/support/hex.h"
#include "tests/support/test.h"

static void metadata_tells_what_a_flow_is_for(void **state)
{
	static const struct {
		const char *metadata;
		enum flow_kind kind;
	} rows[] = {
		{"4743", FLOW_GROUP_CONTROL},
		{"47521c", FLOW_GROUP_MAIN},
		{"475211", FLOW_GROUP_STREAM},
		{"475212", FLOW_GROUP_FRAGMENTS},
		{"475218", FLOW_GROUP_POST_KEYS},
		{"475219", FLOW_GROUP_POST_VALUES},
		{"47521d", FLOW_GROUP_MESSAGE},
		{"475261", FLOW_SPX_ROUTES},
		{"475264", FLOW_SPX_POST_CONTROL},
		{"475265", FLOW_SPX_POST_DATA},
		{"475262", FLOW_SPX_OBJECT_CONTROL},
		{"475263", FLOW_SPX_OBJECTS},
		{"475266", FLOW_UNKNOWN},
		{"475213", FLOW_UNKNOWN},
		{"4752", FLOW_UNKNOWN},
		{"474300", FLOW_UNKNOWN},
		{"47521c00", FLOW_UNKNOWN},
		{"00", FLOW_UNKNOWN},
		{"", FLOW_UNKNOWN},
	};
	uint8_t buf[8];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct span metadata = HEX(buf, rows[i].metadata);
		enum flow_kind kind = flow_kind_of(metadata, NULL);

		assert_row(kind == rows[i].kind, rows[i].metadata);
		if (kind != FLOW_UNKNOWN)
			assert_row(span_equal(flow_kind_metadata(kind), metadata),
				   flow_kind_name(kind));
	}
}

static void rtmp_flows_carry_flags_and_a_stream_id(void **state)
{
	static const struct {
		const char *claim, *metadata;
		enum flow_kind kind;
		uint8_t flags;
		uint64_t stream_id;
	} rows[] = {
		{"control flow", "54430400", FLOW_TC, TC_SID, 0},
		{"stream 5, order of arrival", "54430505", FLOW_TC, TC_SID | TC_RXI, 5},
		{"a player's own stream", "544304fa8905", FLOW_TC, TC_SID, 2000005},
		{"reserved flags are dropped", "5443fc05", FLOW_TC, TC_SID, 5},
		{"the biggest id", "54430487ffff7f", FLOW_TC, TC_SID, RTMP_STREAM_ID_MAX},
		{"beyond 24 bits", "54430488808000", FLOW_UNKNOWN, 0, 0},
		{"without stream id", "54430000", FLOW_UNKNOWN, 0, 0},
		{"cut", "544304", FLOW_UNKNOWN, 0, 0},
		{"cut further", "5443", FLOW_UNKNOWN, 0, 0},
		{"no signature", "54", FLOW_UNKNOWN, 0, 0},
	};
	uint8_t buf[16], out[16];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct tc_metadata tc = {0};
		struct wr w = wr_over(out, sizeof(out));

		assert_row(flow_kind_of(HEX(buf, rows[i].metadata), &tc) == rows[i].kind,
			   rows[i].claim);
		if (rows[i].kind != FLOW_TC)
			continue;
		assert_row(tc.flags == rows[i].flags && tc.stream_id == rows[i].stream_id,
			   rows[i].claim);
		tc_metadata_write(&w, &tc);
		tc.stream_id++;
		assert_row(flow_kind_of(wr_span(&w), &tc) == FLOW_TC &&
				   tc.stream_id == rows[i].stream_id,
			   rows[i].claim);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(metadata_tells_what_a_flow_is_for),
		cmocka_unit_test(rtmp_flows_carry_flags_and_a_stream_id),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

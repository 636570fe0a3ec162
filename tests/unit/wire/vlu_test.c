#include "dataplane/wire/cursor.h"
#include "tests/support/hex.h"
#include "tests/support/test.h"

struct row {
	const char *claim;
	const char *octets;
	uint64_t value;
	int err;
	size_t left; // octets not eaten
};

static const struct row rows[] = {
	{"one octet holds 127", "7f", 127, 0, 0},
	{"128 takes two", "8100", 128, 0, 0},
	{"the biggest of two", "ff7f", 16383, 0, 0},
	{"what follows is not touched", "822c ff", 300, 0, 1},
	{"2^64 - 1", "81 ff ff ff ff ff ff ff ff 7f", UINT64_MAX, 0, 0},
	{"2^64 saturates", "82 80 80 80 80 80 80 80 80 00", UINT64_MAX, 0, 0},
	{"far beyond 2^64 saturates too", "ffffffffffffffffffffffffffffff7f", UINT64_MAX, 0, 0},
	{"saturated even if the low bits are zero", "818080808080808080808000", UINT64_MAX, 0, 0},
	{"leading zeros are legal", "80 80 05", 5, 0, 0},
	{"leading zeros beyond ten octets too", "8080808080808080808080808005", 5, 0, 0},
	{"an empty container", "", 0, -EBADMSG, 0},
	{"cut after a continuation", "81", 0, -EBADMSG, 0},
	{"cut while saturated", "ffffffffffffffffffffffffff", 0, -EBADMSG, 0},
};

static void reading(void **state)
{
	uint8_t buf[32];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct span octets = HEX(buf, rows[i].octets);
		struct rd r = rd_over_span(octets);
		uint64_t value = rd_vlu(&r);

		assert_row(value == rows[i].value, rows[i].claim);
		assert_row(rd_err(&r) == rows[i].err, rows[i].claim);
		assert_row(rd_left(&r) == rows[i].left, rows[i].claim);
	}
}

// Around every power of two: the shortest encoding, and back.
static void writing_is_minimal_and_reads_back(void **state)
{
	for (unsigned bit = 0; bit < 64; bit++) {
		for (int around = -1; around <= 1; around++) {
			uint64_t value = (1ULL << bit) + (uint64_t)around;
			uint8_t buf[VLU_LEN_MAX];
			uint8_t len = vlu_put(buf, value);
			struct rd r = rd_over(buf, len);

			assert_int_equal(len, vlu_len(value));
			assert_true(len == 1 || buf[0] != 0x80);
			assert_true(rd_vlu(&r) == value);
			assert_int_equal(rd_left(&r), 0);
			assert_int_equal(rd_err(&r), 0);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reading),
		cmocka_unit_test(writing_is_minimal_and_reads_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

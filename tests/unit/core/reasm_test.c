#include "dataplane/core/reasm.h"
#include "tests/support/test.h"

static struct slabs *slabs;
static struct cell_pool cells;

static int open_pools(void **state)
{
	slabs = slabs_create(
		(const uint32_t[SLAB_SIZES]){[SLAB_1K] = 2, [SLAB_4K] = 1, [SLAB_16K] = 1});
	return slabs == NULL || cell_pool_init(&cells, 1000) != 0;
}

static int close_pools(void **state)
{
	assert_int_equal(slabs_lent(slabs), 0);
	assert_int_equal(cells.free.n, 0);
	slabs_destroy(slabs);
	cell_pool_fini(&cells);
	return 0;
}

static int put(struct reasm *r, uint64_t cum, uint64_t sn, char kind)
{
	uint8_t flags = kind == 'w'   ? USER_DATA_FRA_WHOLE
			: kind == 'b' ? USER_DATA_FRA_BEGIN
			: kind == 'm' ? USER_DATA_FRA_MIDDLE
				      : USER_DATA_FRA_END;
	char octets[2] = {kind, (char)('0' + sn % 10)};

	return reasm_put(r, &cells, slabs, cum, sn, flags, span_of(octets, 2));
}

// Appends what is given out; "!" before one says that something is missing before it.
static void take(struct reasm *r, const struct segment *m, char *out)
{
	uint8_t octets[100];

	if (r->has_gap)
		strcat(out, "!");
	r->has_gap = false;
	assert_true(m->len <= sizeof(octets));
	reasm_copy(r, &cells, m, octets);
	strncat(out, (char *)octets, m->len);
	strcat(out, " ");
	reasm_drop(r, &cells, slabs, m);
}

// What came as numbers 1, 2, ...: w whole, b beginning, m middle, e end, - given up (seen without
// data), . missing. cum: the last number before the first missing one.
static const struct {
	const char *name, *numbers;
	const char *in_order; // what is given out
	uint32_t n_left;      // fragments still held afterwards
} orders[] = {
	{"whole messages", "www", "w1 w2 w3 ", 0},
	{"a message of two", "be", "b1e2 ", 0},
	{"a message of many", "bmmmew", "b1m2m3m4e5 w6 ", 0},
	{"a hole stops all behind it", "w.ww", "w1 ", 2},
	{"in progress", "wbm", "w1 ", 2},
	{"in progress, and more behind the hole", "bm.ew", "", 4},
	{"a number given up is skipped, and said", "w-w", "w1 !w3 ", 0},
	{"given up in the middle: the message goes (§3.6.3.3)", "bm-eww", "!w5 w6 ", 0},
	{"given up at its beginning: the rest are orphans", "-mew", "!w4 ", 0},
	{"given up at its end", "bm-w", "!w4 ", 0},
	{"a beginning after a beginning: the first has no end", "bbe", "!b2e3 ", 0},
	{"a whole one inside", "bwe", "!w2 ", 0},
	{"an end alone", "ew", "!w2 ", 0},
	{"everything given up", "---w", "!w4 ", 0},
	{"given up, then a hole", "b-.w", "", 1},
};

static uint64_t cum_of(const char *numbers)
{
	const char *hole = strchr(numbers, '.');

	return hole != NULL ? (uint64_t)(hole - numbers) : strlen(numbers);
}

// Whatever the order of arrival, what comes out is the same.
static void original_order(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(orders); i++) {
		const char *numbers = orders[i].numbers;
		uint64_t n = strlen(numbers), cum = cum_of(numbers);
		struct segment m;

		for (int is_backward = 0; is_backward < 2; is_backward++) {
			char out[200] = "";
			struct reasm r;

			reasm_init(&r);
			for (uint64_t k = 1; k <= n; k++) {
				uint64_t sn = is_backward ? n + 1 - k : k;

				if (strchr("-.", numbers[sn - 1]) == NULL)
					assert_int_equal(put(&r, 0, sn, numbers[sn - 1]), 0);
			}
			while (reasm_next(&r, &cells, slabs, cum, &m))
				take(&r, &m, out);
			assert_row(strcmp(out, orders[i].in_order) == 0, orders[i].name);
			assert_row(r.n == orders[i].n_left, orders[i].name);
			reasm_clear(&r, &cells, slabs);
		}
	}
}

// The same step by step: nothing is given out twice or forgotten when numbers come one by one.
static void original_order_as_it_grows(void **state)
{
	const char *numbers = "wbmewwbewbmmmmew";
	char out[200] = "";
	struct reasm r;
	struct segment m;

	reasm_init(&r);
	for (uint64_t sn = 1; sn <= strlen(numbers); sn++) {
		assert_int_equal(put(&r, sn - 1, sn, numbers[sn - 1]), 0);
		while (reasm_next(&r, &cells, slabs, sn, &m))
			take(&r, &m, out);
	}
	assert_string_equal(out, "w1 b2m3e4 w5 w6 b7e8 w9 b0m1m2m3m4e5 w6 ");
	assert_int_equal(r.n, 0);
}

static const struct {
	const char *name, *numbers;
	uint64_t sn; // the one that came last
	const char *message;
} arounds[] = {
	{"a whole one", ".w", 2, "w2"},
	{"its end completes it", "..bme", 5, "b3m4e5"},
	{"its beginning does", ".bme", 2, "b2m3e4"},
	{"its middle does", ".bme.", 3, "b2m3e4"},
	{"no beginning yet", "..me", 3, NULL},
	{"no end yet", ".bm", 3, NULL},
	{"a hole within", "bm.e", 4, NULL},
	{"its neighbours are other messages", "webew", 4, "b3e4"},
	{"an end of another message before", "e.eme", 5, NULL},
};

static void network_order(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(arounds); i++) {
		const char *numbers = arounds[i].numbers;
		uint8_t out[100];
		struct reasm r;
		struct segment m;
		bool is_there;

		reasm_init(&r);
		for (uint64_t sn = 1; sn <= strlen(numbers); sn++)
			if (numbers[sn - 1] != '.')
				assert_int_equal(put(&r, 0, sn, numbers[sn - 1]), 0);
		is_there = reasm_around(&r, &cells, arounds[i].sn, &m);
		assert_row(is_there == (arounds[i].message != NULL), arounds[i].name);
		if (is_there) {
			reasm_copy(&r, &cells, &m, out);
			assert_row(m.len == strlen(arounds[i].message) &&
					   memcmp(out, arounds[i].message, m.len) == 0,
				   arounds[i].name);
		}
		reasm_clear(&r, &cells, slabs);
	}
}

static void any_whole_message_is_found(void **state)
{
	struct reasm r;
	struct segment m;

	reasm_init(&r);
	put(&r, 0, 3, 'b');
	put(&r, 0, 7, 'm');
	assert_false(reasm_any(&r, &cells, &m));
	put(&r, 0, 20, 'b');
	put(&r, 0, 21, 'e');
	assert_true(reasm_any(&r, &cells, &m));
	assert_int_equal(m.first, 20);
	assert_int_equal(m.last, 21);
	reasm_clear(&r, &cells, slabs);
}

static void long_fragments_span_cells(void **state)
{
	static const size_t lens[] = {0, 1, CELL_DATA, CELL_DATA + 1, 1180, 60000};
	static uint8_t octets[60000], out[60000];
	struct reasm r;
	struct segment m;

	for (size_t i = 0; i < sizeof(octets); i++)
		octets[i] = (uint8_t)(i * 7);
	for (size_t i = 0; i < ARRAY_LEN(lens); i++) {
		reasm_init(&r);
		assert_int_equal(reasm_put(&r, &cells, slabs, 0, 1, USER_DATA_FRA_WHOLE,
					   span_of(octets, lens[i])),
				 0);
		assert_int_equal(reasm_bytes(&r), reasm_charge(lens[i]));
		assert_true(reasm_next(&r, &cells, slabs, 1, &m));
		assert_int_equal(m.len, lens[i]);
		reasm_copy(&r, &cells, &m, out);
		assert_memory_equal(out, octets, lens[i]);
		reasm_drop(&r, &cells, slabs, &m);
	}
}

static void what_is_held_is_bounded(void **state)
{
	static const uint8_t octets[65535];
	struct reasm r, other;

	reasm_init(&r);
	reasm_init(&other);
	assert_int_equal(put(&r, 0, 1, 'w'), 0);
	assert_int_equal(put(&r, 0, REASM_SPAN_MAX, 'w'), 0); // the largest ring
	assert_int_equal(put(&r, 0, REASM_SPAN_MAX + 1, 'w'), -ERANGE);
	assert_int_equal(put(&other, 0, REASM_SPAN_MAX, 'w'), -ENOBUFS); // there is one such slab
	for (uint64_t sn = 2; cells.free.n < 700; sn++)
		assert_int_equal(
			reasm_put(&r, &cells, slabs, 0, sn, 0, span_of(octets, sizeof(octets))), 0);
	// 216 cells each, 1000 in all: the last one takes none at all.
	assert_int_equal(reasm_put(&r, &cells, slabs, 0, 100, 0, span_of(octets, sizeof(octets))),
			 -ENOBUFS);
	assert_int_equal(cells.free.n, reasm_bytes(&r) / CELL_BYTES);
	reasm_clear(&r, &cells, slabs);
}

// §17: numbers may jump by 2^60.
static void numbers_may_jump(void **state)
{
	uint64_t far = 1ull << 60;
	struct reasm r;
	struct segment m;

	reasm_init(&r);
	assert_int_equal(put(&r, 0, 5, 'b'), 0);
	assert_int_equal(put(&r, 0, far, 'w'), -ERANGE);
	assert_false(
		reasm_next(&r, &cells, slabs, far - 1, &m)); // forwarded: 5 has no end any more
	assert_int_equal(r.n, 0);
	assert_int_equal(r.base, far);
	assert_int_equal(put(&r, far - 1, far, 'w'), 0);
	assert_true(reasm_next(&r, &cells, slabs, far, &m));
	assert_int_equal(m.first, far);
	reasm_clear(&r, &cells, slabs);
}

// Long stretches of nothing are crossed in strides: whatever stands where, nothing is overlooked.
// (A jump of the forward sequence number made them cost as much as many packets; tests/fuzz.)
static void every_number_in_a_jump_is_found(void **state)
{
	for (uint64_t first = 1; first < 20; first++) {
		for (uint64_t second = first + 1; second < first + 4000; second += 61) {
			char out[32] = "", expected[32];
			struct segment m;
			struct reasm r;

			reasm_init(&r);
			assert_int_equal(put(&r, 0, first, 'w'), 0);
			assert_int_equal(put(&r, 0, second, 'w'), 0);
			assert_int_equal(put(&r, 0, second + 9, 'm'), 0); // an orphan
			while (reasm_next(&r, &cells, slabs, second + 40, &m))
				take(&r, &m, out);
			snprintf(expected, sizeof(expected), "%sw%d %sw%d ", first > 1 ? "!" : "",
				 (int)(first % 10), second > first + 1 ? "!" : "",
				 (int)(second % 10));
			assert_string_equal(out, expected);
			assert_int_equal(r.n, 0);
			assert_int_equal(r.base, second + 41);
			assert_true(r.has_gap);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(original_order, open_pools, close_pools),
		cmocka_unit_test_setup_teardown(original_order_as_it_grows, open_pools,
						close_pools),
		cmocka_unit_test_setup_teardown(network_order, open_pools, close_pools),
		cmocka_unit_test_setup_teardown(any_whole_message_is_found, open_pools,
						close_pools),
		cmocka_unit_test_setup_teardown(long_fragments_span_cells, open_pools, close_pools),
		cmocka_unit_test_setup_teardown(what_is_held_is_bounded, open_pools, close_pools),
		cmocka_unit_test_setup_teardown(numbers_may_jump, open_pools, close_pools),
		cmocka_unit_test_setup_teardown(every_number_in_a_jump_is_found, open_pools,
						close_pools),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

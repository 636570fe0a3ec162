#include "dataplane/core/frag.h"

#include "crypto/random.h"
#include "tests/support/test.h"

#define S 1000000ull

static const struct msg_addr alice = {.ip = {10, 0, 0, 1}, .port = 1, .family = 4};
static const struct msg_addr bob = {.ip = {10, 0, 0, 1}, .port = 2, .family = 4};

static enum frag_result add(struct frag_table *t, const struct msg_addr *from, uint64_t id,
			    uint64_t index, bool has_more, const char *text, uint64_t now_us,
			    struct span *whole)
{
	struct packet_fragment f = {has_more, id, index, span_of(text, strlen(text))};

	return frag_add(t, from, 0, &f, now_us, whole);
}

static void pieces_join_in_any_order_and_duplicates_do_not_count(void **state)
{
	struct frag_table *t = frag_table_create();
	struct span whole;

	assert_int_equal(add(t, &alice, 1, 2, false, "ment", 1, &whole), FRAG_WAITS);
	assert_int_equal(add(t, &alice, 1, 0, true, "fr", 2, &whole), FRAG_WAITS);
	assert_int_equal(add(t, &alice, 1, 0, true, "fr", 3, &whole), FRAG_WAITS);
	assert_int_equal(add(t, &alice, 1, 2, false, "ment", 4, &whole), FRAG_WAITS);
	assert_int_equal(add(t, &alice, 1, 1, true, "ag", 5, &whole), FRAG_WHOLE);
	assert_true(span_equal(whole, span_of("fragment", 8)));
	// the same once more is a new packet
	assert_int_equal(add(t, &alice, 1, 1, true, "ag", 6, &whole), FRAG_WAITS);
	assert_int_equal(add(t, &alice, 2, 0, false, "one piece", 7, &whole), FRAG_WHOLE);
	assert_int_equal(whole.len, 9);
	frag_table_destroy(t);
}

static void senders_packets_and_sessions_do_not_mix(void **state)
{
	struct frag_table *t = frag_table_create();
	struct packet_fragment rest = {false, 1, 1, span_of("b", 1)};
	struct span whole;

	assert_int_equal(add(t, &alice, 1, 0, true, "a", 1, &whole), FRAG_WAITS);
	assert_int_equal(add(t, &bob, 1, 1, false, "b", 1, &whole), FRAG_WAITS);
	assert_int_equal(add(t, &alice, 2, 1, false, "b", 1, &whole), FRAG_WAITS);
	assert_int_equal(frag_add(t, &alice, 77, &rest, 1, &whole), FRAG_WAITS);
	assert_int_equal(add(t, &alice, 1, 1, false, "b", 1, &whole), FRAG_WHOLE);
	frag_table_destroy(t);
}

static void contradictions_are_refused(void **state)
{
	static const struct {
		const char *name;
		uint64_t first_index;
		bool first_has_more;
		uint64_t index;
		bool has_more;
	} rows[] = {
		{"beyond the end", 2, false, 3, true},
		{"a second end, later", 2, false, 3, false},
		{"a second end, earlier", 2, false, 1, false},
		{"an end before a known piece", 3, true, 2, false},
		{"too many pieces", 0, true, FRAG_PIECES_MAX, true},
		{"absurdly many", 0, true, UINT64_MAX, true},
	};
	struct span whole;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct frag_table *t = frag_table_create();

		assert_row(add(t, &alice, 1, rows[i].first_index, rows[i].first_has_more, "x", 1,
			       &whole) == FRAG_WAITS,
			   rows[i].name);
		assert_row(add(t, &alice, 1, rows[i].index, rows[i].has_more, "y", 1, &whole) ==
				   FRAG_BAD,
			   rows[i].name);
		frag_table_destroy(t);
	}
}

static void a_packet_has_a_longest_size(void **state)
{
	struct frag_table *t = frag_table_create();
	static uint8_t piece[1024];
	struct packet_fragment f = {true, 1, 0, span_of(piece, sizeof(piece))};
	struct span whole;

	for (; f.index < FRAG_PACKET_MAX / sizeof(piece); f.index++)
		assert_int_equal(frag_add(t, &alice, 0, &f, 1, &whole), FRAG_WAITS);
	f.body.len = 1;
	f.has_more = false;
	assert_int_equal(frag_add(t, &alice, 0, &f, 1, &whole), FRAG_BAD);
	frag_table_destroy(t);
}

static void what_makes_no_progress_is_forgotten(void **state)
{
	struct frag_table *t = frag_table_create();
	struct span whole;

	assert_int_equal(add(t, &alice, 1, 0, true, "old", 1, &whole), FRAG_WAITS);
	assert_int_equal(add(t, &alice, 1, 1, false, "end", 1 + S + 1, &whole), FRAG_WAITS);
	assert_int_equal(add(t, &alice, 1, 0, true, "new", 1 + S + 2, &whole), FRAG_WHOLE);
	assert_true(span_equal(whole, span_of("newend", 6)));
	frag_table_destroy(t);
}

// Of a minute it could take, since so many pieces are all it may have, each within a second.
// Repeating what is there does not prolong that.
static void a_minute_is_the_longest_a_packet_takes(void **state)
{
	struct frag_table *t = frag_table_create();
	struct span whole;
	uint64_t at = 1;

	for (uint64_t i = 0; i + 1 < FRAG_PIECES_MAX; i++, at += S * 9 / 10)
		assert_int_equal(add(t, &alice, 1, i, true, "x", at, &whole), FRAG_WAITS);
	assert_int_equal(add(t, &alice, 1, FRAG_PIECES_MAX - 1, false, "x", at, &whole),
			 FRAG_WHOLE);
	assert_in_range(at, 10 * S, 60 * S);
	for (uint64_t i = 0; i + 1 < FRAG_PIECES_MAX; i++, at += S * 9 / 10) {
		assert_int_equal(add(t, &bob, 1, i, true, "x", at, &whole), FRAG_WAITS);
		assert_int_equal(add(t, &bob, 1, i, true, "x", at + S / 2, &whole), FRAG_WAITS);
	}
	at += S / 2; // more than a second after the last that was new
	assert_int_equal(add(t, &bob, 1, 3, true, "x", at, &whole), FRAG_WAITS);
	assert_int_equal(add(t, &bob, 1, FRAG_PIECES_MAX - 1, false, "x", at, &whole), FRAG_WAITS);
	frag_table_destroy(t);
}

static void strangers_fill_the_table_and_no_more(void **state)
{
	struct frag_table *t = frag_table_create();
	struct span whole;

	for (uint64_t id = 0; id < FRAGMENT_REASSEMBLIES_MAX; id++)
		assert_int_equal(add(t, &alice, id, 0, true, "x", 1, &whole), FRAG_WAITS);
	assert_int_equal(add(t, &bob, 1, 0, true, "x", 2, &whole), FRAG_FULL);
	assert_int_equal(add(t, &alice, 5, 1, false, "y", 3, &whole), FRAG_WHOLE);
	assert_int_equal(add(t, &bob, 1, 0, true, "x", 4, &whole), FRAG_WAITS);
	assert_int_equal(add(t, &bob, 2, 0, true, "x", 5, &whole), FRAG_FULL);
	assert_int_equal(add(t, &bob, 2, 0, true, "x", 2 * S, &whole), FRAG_WAITS);
	frag_table_destroy(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_join_in_any_order_and_duplicates_do_not_count),
		cmocka_unit_test(senders_packets_and_sessions_do_not_mix),
		cmocka_unit_test(contradictions_are_refused),
		cmocka_unit_test(a_packet_has_a_longest_size),
		cmocka_unit_test(what_makes_no_progress_is_forgotten),
		cmocka_unit_test(a_minute_is_the_longest_a_packet_takes),
		cmocka_unit_test(strangers_fill_the_table_and_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

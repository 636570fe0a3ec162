#include "dataplane/core/seq_set.h"
#include "tests/support/test.h"

static struct slabs *slabs;

static int open_slabs(void **state)
{
	slabs = slabs_create((const uint32_t[SLAB_SIZES]){[SLAB_1K] = 2, [SLAB_4K] = 1});
	return slabs == NULL;
}

static int close_slabs(void **state)
{
	assert_int_equal(slabs_lent(slabs), 0);
	slabs_destroy(slabs);
	return 0;
}

static void say(const struct seq_set *s, char *out, size_t cap)
{
	int n = snprintf(out, cap, "0-%llu", (unsigned long long)s->cum);

	for (uint16_t i = 0; i < s->n; i++)
		n += snprintf(out + n, cap - (size_t)n, " %llu-%llu",
			      (unsigned long long)s->ranges[i].from,
			      (unsigned long long)s->ranges[i].to);
}

// Steps: a number is added; "f" and a number forwards.
static const struct {
	const char *name, *steps, *set;
} sets[] = {
	{"number 0 is seen from the start (§3.6.3.1)", "", "0-0"},
	{"in order there is one range", "1 2 3", "0-3"},
	{"a hole makes a range above it", "1 3", "0-1 3-3"},
	{"a range grows at its end", "3 4 5", "0-0 3-5"},
	{"a range grows at its beginning", "5 4 3", "0-0 3-5"},
	{"two ranges join when what parted them comes", "3 5 4", "0-0 3-5"},
	{"ranges stay in order", "9 3 6", "0-0 3-3 6-6 9-9"},
	{"the first hole filled moves the cumulative number", "2 3 1", "0-3"},
	{"and only up to the next hole", "2 5 1", "0-2 5-5"},
	{"a duplicate changes nothing", "1 3 4 4 3 1", "0-1 3-4"},
	{"forwarding swallows what it passes", "3 5 9 f6", "0-6 9-9"},
	{"forwarding joins what it touches", "3 5 6 f4", "0-6"},
	{"forwarding into a range takes all of it", "5 6 7 f6", "0-7"},
	{"forwarding back changes nothing", "1 2 f1", "0-2"},
	{"beyond 2^32", "4294967297 4294967298", "0-0 4294967297-4294967298"},
	{"far ahead", "9223372036854775807", "0-0 9223372036854775807-9223372036854775807"},
	{"forwarded far ahead", "5 f9223372036854775806 9223372036854775807",
	 "0-9223372036854775807"},
};

static void sets_are_ranges(void **state)
{
	char text[200];

	for (size_t i = 0; i < ARRAY_LEN(sets); i++) {
		struct seq_set s = {0};
		const char *at = sets[i].steps;

		while (*at != 0) {
			bool is_forward = *at == 'f';
			char *end;
			uint64_t seq = strtoull(at + is_forward, &end, 10);

			if (is_forward) {
				seq_set_forward(&s, slabs, seq);
			} else {
				assert_int_equal(seq_set_reserve(&s, slabs, seq), 0);
				seq_set_add(&s, slabs, seq);
			}
			at = *end == ' ' ? end + 1 : end;
		}
		say(&s, text, sizeof(text));
		assert_row(strcmp(text, sets[i].set) == 0, sets[i].name);
		seq_set_release(&s, slabs);
	}
}

// §17: a stranger who leaves holes cannot make it grow without end.
static void ranges_are_bounded(void **state)
{
	struct seq_set s = {0};

	for (uint64_t i = 1; i <= ACK_RANGES_MAX; i++) {
		assert_int_equal(seq_set_reserve(&s, slabs, 2 * i), 0);
		seq_set_add(&s, slabs, 2 * i);
	}
	assert_int_equal(s.n, ACK_RANGES_MAX);
	assert_int_equal(seq_set_reserve(&s, slabs, 5000), -ENOBUFS);
	// What needs no range of its own is still taken.
	assert_int_equal(seq_set_reserve(&s, slabs, 2 * ACK_RANGES_MAX + 1), 0);
	assert_int_equal(seq_set_reserve(&s, slabs, 3), 0);
	seq_set_add(&s, slabs, 3);
	assert_int_equal(s.n, ACK_RANGES_MAX - 1);
	seq_set_forward(&s, slabs, 2 * ACK_RANGES_MAX);
	assert_int_equal(slabs_lent(slabs), 0); // no gap, no memory
}

static void without_memory_it_says_so(void **state)
{
	struct seq_set a = {0}, b = {0}, c = {0};

	assert_int_equal(seq_set_reserve(&a, slabs, 7), 0);
	assert_int_equal(seq_set_reserve(&b, slabs, 7), 0);
	assert_int_equal(seq_set_reserve(&c, slabs, 7), -ENOBUFS);
	assert_int_equal(seq_set_reserve(&c, slabs, 1), 0); // in order costs nothing
	seq_set_release(&a, slabs);
	seq_set_release(&b, slabs);
}

// Against one flag per number.
static void agrees_with_a_plain_array(void **state)
{
	uint64_t random = 1;

	for (int round = 0; round < 300; round++) {
		bool seen[400] = {true};
		struct seq_set s = {0};

		for (int i = 0; i < 300; i++) {
			uint32_t n;

			random = random * 6364136223846793005ull + 1442695040888963407ull;
			n = 1 + (uint32_t)(random >> 33) % 398;
			assert_int_equal(seq_set_has(&s, n), seen[n]);
			if (i % 50 == 49) {
				seq_set_forward(&s, slabs, n / 8);
				memset(seen, true, n / 8 + 1);
			} else {
				assert_int_equal(seq_set_reserve(&s, slabs, n), 0);
				seq_set_add(&s, slabs, n);
				seen[n] = true;
			}
			for (n = 1; n < 400; n++)
				assert_int_equal(seq_set_has(&s, n), seen[n]);
			assert_false(seen[s.cum + 1]);
			for (n = 0; n < s.n; n++) {
				uint64_t below = n > 0 ? s.ranges[n - 1].to : s.cum;

				assert_true(s.ranges[n].from >= below + 2);
				assert_true(s.ranges[n].to >= s.ranges[n].from);
			}
		}
		seq_set_release(&s, slabs);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(sets_are_ranges, open_slabs, close_slabs),
		cmocka_unit_test_setup_teardown(ranges_are_bounded, open_slabs, close_slabs),
		cmocka_unit_test_setup_teardown(without_memory_it_says_so, open_slabs, close_slabs),
		cmocka_unit_test_setup_teardown(agrees_with_a_plain_array, open_slabs, close_slabs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "tests/unit/config/config_test.h"

#include "config/suggest.h"

static void distance_counts_the_fewest_mistakes(void **state)
{
	static const struct {
		const char *a, *b;
		uint32_t distance;
	} rows[] = {
		{"port", "port", 0},
		{"prot", "port", 1}, // two letters swapped are one
				     // mistake
		{"por", "port", 1},
		{"portt", "port", 1},
		{"pord", "port", 1},
		{"", "port", 4},
		{"port", "", 4},
		{"kitten", "sitting", 3},
		{"server", "reserve", 3},
		{"ca", "abc", 3}, // a swapped pair is not edited again
	};

	for (size_t i = 0; i < N(rows); i++) {
		const char *a = rows[i].a, *b = rows[i].b;

		assert_int_equal(suggest_distance(a, strlen(a), b, strlen(b)), rows[i].distance);
		assert_int_equal(suggest_distance(b, strlen(b), a, strlen(a)), rows[i].distance);
	}
}

static void long_words_are_no_ones_neighbours(void **state)
{
	char word[SUGGEST_WORD_MAX + 1];

	memset(word, 'a', sizeof(word));
	assert_int_equal(suggest_distance(word, SUGGEST_WORD_MAX, word, SUGGEST_WORD_MAX), 0);
	assert_true(suggest_distance(word, SUGGEST_WORD_MAX + 1, "a", 1) == UINT32_MAX);
}

static const char *nearest(const char *word)
{
	static const char *const known[] = {"port", "public", "address", "handshakes_per_s"};
	struct suggest s = suggest_for(word, strlen(word));

	for (size_t i = 0; i < N(known); i++)
		suggest_offer(&s, known[i]);
	return s.best;
}

static void only_a_near_word_is_offered(void **state)
{
	assert_string_equal(nearest("prot"), "port");
	assert_string_equal(nearest("adress"), "address");
	assert_string_equal(nearest("handshake_per_sec"), "handshakes_per_s");
	assert_null(nearest("ab"));
	assert_null(nearest("gateway"));
	assert_null(nearest(""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(distance_counts_the_fewest_mistakes),
		cmocka_unit_test(long_words_are_no_ones_neighbours),
		cmocka_unit_test(only_a_near_word_is_offered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

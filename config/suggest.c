#include "config/suggest.h"

#include <string.h>

static uint32_t min3(uint32_t a, uint32_t b, uint32_t c)
{
	uint32_t m = a < b ? a : b;

	return m < c ? m : c;
}

uint32_t suggest_distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
	// Three rows of the table are enough: a swap looks back two letters.
	uint32_t rows[3][SUGGEST_WORD_MAX + 1];

	if (a_len > SUGGEST_WORD_MAX || b_len > SUGGEST_WORD_MAX)
		return UINT32_MAX;
	for (uint32_t j = 0; j <= b_len; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= a_len; i++) {
		uint32_t *row = rows[i % 3], *above = rows[(i + 2) % 3], *two = rows[(i + 1) % 3];

		row[0] = (uint32_t)i;
		for (size_t j = 1; j <= b_len; j++) {
			row[j] = min3(above[j] + 1, row[j - 1] + 1,
				      above[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    two[j - 2] + 1 < row[j])
				row[j] = two[j - 2] + 1;
		}
	}
	return rows[a_len % 3][b_len];
}

struct suggest suggest_for(const char *word, size_t len)
{
	uint32_t near = len < 6 ? 1 : (uint32_t)(len / 3);

	// The bound is part of the search: only something nearer than this is kept.
	return (struct suggest){.word = word, .len = len, .best_distance = near + 1};
}

void suggest_offer(struct suggest *s, const char *candidate)
{
	uint32_t distance = suggest_distance(s->word, s->len, candidate, strlen(candidate));

	if (distance < s->best_distance) {
		s->best_distance = distance;
		s->best = candidate;
	}
}

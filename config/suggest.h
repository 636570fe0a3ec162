// "Did you mean": the known word nearest to a mistyped one.
#ifndef ANNULUS_CONFIG_SUGGEST_H
#define ANNULUS_CONFIG_SUGGEST_H

#include <stddef.h>
#include <stdint.h>

#define SUGGEST_WORD_MAX 64u // longer words have no neighbours

// How many letters to insert, remove, replace or swap with the next one turn `a` into `b`
// (optimal string alignment). UINT32_MAX if either is longer than SUGGEST_WORD_MAX.
uint32_t suggest_distance(const char *a, size_t a_len, const char *b, size_t b_len);

// Offers words one by one; keeps the nearest that is near enough to be meant (a third of the word's
// length, at least 1). The first of equals wins.
struct suggest {
	const char *word;
	size_t len;
	const char *best; // NULL: none so far
	uint32_t best_distance;
};

struct suggest suggest_for(const char *word, size_t len);
void suggest_offer(struct suggest *s, const char *candidate);

#endif

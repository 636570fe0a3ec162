// Hex literals for the tables of tests.
#ifndef ANNULUS_TEST_HEX_H
#define ANNULUS_TEST_HEX_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline unsigned hex_digit(char c)
{
	const char *digits = "0123456789abcdef";
	const char *at = strchr(digits, c);

	assert(c != '\0' && at != NULL);
	return (unsigned)(at - digits);
}

// Fills out and returns the octets written; the table's author answers for cap.
static inline size_t hex_read(uint8_t *out, size_t cap, const char *text)
{
	size_t n = strlen(text) / 2;

	assert(strlen(text) % 2 == 0 && n <= cap);
	for (size_t i = 0; i < n; i++)
		out[i] = (uint8_t)(hex_digit(text[2 * i]) << 4 | hex_digit(text[2 * i + 1]));
	return n;
}

#endif

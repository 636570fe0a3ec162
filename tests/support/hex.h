// Octets written as hex digits in a test's table.
#ifndef ANNULUS_TESTS_HEX_H
#define ANNULUS_TESTS_HEX_H

#include <assert.h>
#include <stdio.h>

#include "dataplane/wire/span.h"

static inline uint8_t hex_value(char c)
{
	const char *digits = "0123456789abcdef";
	const char *at = c != '\0' ? strchr(digits, c | 0x20) : NULL;

	assert(at != NULL && "not a hex digit");
	return (uint8_t)(at - digits);
}

// The octets of hex digits (blanks may stand between octets), placed at the very end of buf, so
// that a sanitizer sees the first octet read too far.
static inline struct span hex_into(uint8_t *buf, size_t cap, const char *hex)
{
	size_t len = 0, blanks = 0;
	uint8_t *at;

	for (const char *c = hex; *c != '\0'; c++)
		blanks += *c == ' ';
	len = (strlen(hex) - blanks) / 2;
	assert(len <= cap);
	at = buf + cap - len;
	for (size_t i = 0; i < len; i++, hex += 2) {
		hex += strspn(hex, " ");
		at[i] = (uint8_t)(hex_value(hex[0]) << 4 | hex_value(hex[1]));
	}
	return span_of(at, len);
}

#define HEX(buf, hex) hex_into((buf), sizeof(buf), (hex))

// Are these the octets? Prints both if not.
static inline bool is_hex(struct span got, const char *hex)
{
	uint8_t buf[2048];
	struct span want = hex_into(buf, sizeof(buf), hex);

	if (span_equal(got, want))
		return true;
	fprintf(stderr, "want %s\ngot  ", hex);
	for (size_t i = 0; i < got.len; i++)
		fprintf(stderr, "%02x", got.data[i]);
	fprintf(stderr, "\n");
	return false;
}

#endif

// A run of octets that somebody else owns.
//
// Every decoder of this room yields spans into the packet it was given; they live as long as
// that packet's buffer and no longer. Nothing here allocates.
#ifndef ANNULUS_WIRE_SPAN_H
#define ANNULUS_WIRE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct span {
	const uint8_t *data; // NULL only if len is 0
	size_t len;          // octets
};

static inline struct span span_of(const void *data, size_t len)
{
	struct span s = {(const uint8_t *)data, len};

	return s;
}

// Not for secrets: the time it takes tells where the first difference is.
static inline bool span_equal(struct span a, struct span b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

#endif

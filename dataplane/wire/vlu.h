// Variable length unsigned integers (rtmfp.md §1.1, RFC 7016 §2.1.2): base 128, the most
// significant group first, bit 7 of an octet says that another one follows. Reading one is
// rd_vlu() in cursor.h.
#ifndef ANNULUS_WIRE_VLU_H
#define ANNULUS_WIRE_VLU_H

#include <stdint.h>

#include "dataplane/wire/limits.h"

// Octets that vlu_put() writes for this value: 1 to VLU_LEN_MAX.
static inline uint8_t vlu_len(uint64_t value)
{
	unsigned bits;

	if (value < 1u << 21) // nearly all there are
		return (uint8_t)(1 + (value >= 1u << 7) + (value >= 1u << 14));
	bits = 64 - (unsigned)__builtin_clzll(value);
	return (uint8_t)((bits + 6) / 7);
}

// Writes the shortest encoding (requirement 1) to dst, which has room for it; returns its length.
static inline uint8_t vlu_put(uint8_t *dst, uint64_t value)
{
	uint8_t len, i;

	if (value < 0x80) {
		dst[0] = (uint8_t)value;
		return 1;
	}
	if (value < 1u << 14) {
		dst[0] = (uint8_t)(0x80 | value >> 7);
		dst[1] = value & 0x7f;
		return 2;
	}
	len = vlu_len(value);
	dst[len - 1] = value & 0x7f;
	for (i = (uint8_t)(len - 1); i > 0; i--) {
		value >>= 7;
		dst[i - 1] = (uint8_t)(0x80 | (value & 0x7f));
	}
	return len;
}

#endif

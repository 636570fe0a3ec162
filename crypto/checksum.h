/*
 * The simple checksum of packets without HMAC (RFC 7425 4.7): ones' complement of the ones'
 * complement sum of big-endian 16-bit words. Unlike RFC 1071, the last octet of an odd count is
 * the *low* octet of its word.
 *
 * A body that goes to many neighbours is summed once. csum_partial takes its octets as if more
 * followed (a lone last octet stands high); csum_join turns that for an odd place in the packet,
 * contributions are added as plain integers, csum_padding adds the ff octets together with the odd
 * rule, and csum_finish folds:
 *
 *	uint32_t sum = csum_partial(header, header_len);
 *	sum += csum_join(body->sum, header_len & 1);
 *	sum += csum_padding(header_len + body->len, padding_len);
 *	checksum = csum_finish(sum);
 */
#ifndef ANNULUS_CRYPTO_CHECKSUM_H
#define ANNULUS_CRYPTO_CHECKSUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

// Octets in little-endian words, added with their carries kept apart (checksum.c says why that will
// do). A lone last octet stands first in its word: the high one.
static inline uint64_t csum_add_short(const uint8_t *at, size_t len)
{
	uint64_t sum = 0, word;
	uint32_t half;
	uint16_t quarter;

	for (; len >= 8; at += 8, len -= 8) {
		memcpy(&word, at, 8);
		sum += (word & 0xffffffff) + (word >> 32);
	}
	if (len & 4) {
		memcpy(&half, at, 4);
		sum += half;
		at += 4;
	}
	if (len & 2) {
		memcpy(&quarter, at, 2);
		sum += quarter;
		at += 2;
	}
	return len & 1 ? sum + *at : sum;
}

static inline uint16_t csum_swap_fold(uint64_t sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return __builtin_bswap16((uint16_t)sum);
}

uint16_t csum_long(const void *data, size_t len); // csum_partial of what is not short

// Folded sum of len octets that start at an even place and may be followed by others.
static inline uint16_t csum_partial(const void *data, size_t len)
{
	if (len >= 64)
		return csum_long(data, len);
	return len > 0 ? csum_swap_fold(csum_add_short(data, len)) : 0; // data may be NULL
}

// The checksum of a whole region at once, odd rule included.
uint16_t csum_whole(const void *data, size_t len);

// The same part when it begins at an odd place: its octets change sides.
static inline uint16_t csum_join(uint16_t partial, bool offset_is_odd)
{
	return offset_is_odd ? (uint16_t)(partial << 8 | partial >> 8) : partial;
}

// What changes when the region's last octet, summed as a high one, has to stand low. Only for a
// region of odd length. A zero changes nothing; for others the sum stays above 0, as a straight
// sum would.
static inline uint32_t csum_last_low(uint8_t last)
{
	return last == 0 ? 0 : 0xffffu - ((uint32_t)last << 8) + last;
}

// The ff octets at [offset, offset + len), which end the region. With len 0 and an odd offset the
// last octet is the body's: add csum_last_low of it instead.
static inline uint32_t csum_padding(size_t offset, size_t len)
{
	size_t end = offset + len;
	uint32_t sum = 0;

	if (len > 0 && (offset & 1) != 0) { // completes the word that the body left half full
		sum += 0x00ff;
		offset++;
	}
	if ((end & 1) != 0 && end > offset) // the odd rule
		sum += 0x00ff;
	return end > offset ? sum + (uint32_t)((end - offset) / 2) * 0xffff : sum;
}

// At most 2^16 contributions fit a uint32_t.
static inline uint16_t csum_finish(uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

#endif

#include <string.h>

#include "crypto/checksum.h"

/*
 * Ones' complement sums do not mind the order of octets: adding little-endian words and swapping
 * the result is the same as adding big-endian ones (RFC 1071 2 B). So 32-bit words are added into
 * 64-bit lanes, where no carry is lost for the first 2^32 of them, and folded at the end.
 */
typedef uint64_t lanes __attribute__((vector_size(16)));

static inline lanes lanes_load(const uint8_t *at)
{
	lanes v;

	memcpy(&v, at, sizeof(v));
	return v;
}

static inline lanes lanes_add(lanes sum, lanes v)
{
	return sum + (v & 0xffffffff) + (v >> 32);
}

static uint64_t sum_long(const uint8_t *at, size_t len)
{
	lanes a = {0}, b = {0}, c = {0}, d = {0};

	for (; len >= 64; at += 64, len -= 64) {
		a = lanes_add(a, lanes_load(at));
		b = lanes_add(b, lanes_load(at + 16));
		c = lanes_add(c, lanes_load(at + 32));
		d = lanes_add(d, lanes_load(at + 48));
	}
	a += b + c + d;
	return a[0] + a[1];
}

uint16_t csum_long(const void *data, size_t len)
{
	const uint8_t *at = data;
	size_t n_long = len & ~(size_t)63;

	return csum_swap_fold(sum_long(at, n_long) + csum_add_short(at + n_long, len - n_long));
}

uint16_t csum_whole(const void *data, size_t len)
{
	uint32_t sum = csum_partial(data, len);

	if ((len & 1) != 0)
		sum += csum_last_low(((const uint8_t *)data)[len - 1]);
	return csum_finish(sum);
}

#include "control/group/ring.h"

#include "dataplane/wire/cursor.h"

struct u256 u256_of(const uint8_t octets[32])
{
	struct u256 v;

	for (int i = 0; i < 4; i++)
		v.w[i] = be64_get(octets + 8 * i);
	return v;
}

void u256_octets(struct u256 v, uint8_t octets[32])
{
	for (int i = 0; i < 4; i++)
		be64_put(octets + 8 * i, v.w[i]);
}

struct u256 u256_add(struct u256 a, struct u256 b)
{
	struct u256 sum;
	unsigned __int128 carry = 0;

	for (int i = 3; i >= 0; i--) {
		carry += (unsigned __int128)a.w[i] + b.w[i];
		sum.w[i] = (uint64_t)carry;
		carry >>= 64;
	}
	return sum;
}

struct u256 u256_half(struct u256 v)
{
	for (int i = 3; i > 0; i--)
		v.w[i] = v.w[i] >> 1 | v.w[i - 1] << 63;
	v.w[0] >>= 1;
	return v;
}

struct u256 u256_bit(unsigned i)
{
	struct u256 v = {{0, 0, 0, 0}};

	if (i < 256)
		v.w[3 - i / 64] = 1ull << i % 64;
	return v;
}

struct u256 ring_midpoint(struct u256 a, struct u256 b)
{
	return u256_add(a, u256_half(ring_up(a, b)));
}

bool ring_is_nearer(struct u256 target, struct u256 x, struct u256 y)
{
	int order = u256_cmp(ring_distance(target, x), ring_distance(target, y));

	if (order != 0)
		return order < 0;
	// Equally far: x stands on the decreasing side if the way up from x is the short one.
	return u256_cmp(x, y) != 0 && u256_cmp(ring_up(x, target), ring_distance(x, target)) == 0 &&
	       u256_cmp(ring_up(y, target), ring_distance(y, target)) != 0;
}

double ring_estimate(uint32_t n_others, struct u256 below, struct u256 above)
{
	uint64_t span = above.w[0] - below.w[0];

	if (n_others < 4 || span == 0)
		return (double)n_others + 1;
	return 0x1p64 / ((double)span / 4) + 1;
}

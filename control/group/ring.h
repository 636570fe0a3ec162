// The ring of group addresses: arithmetic modulo 2^256 (groups.md 2.2, 5). Pure functions.
#pragma once

#include <stdbool.h>
#include <stdint.h>

// w[0] is the most significant.
struct u256 {
	uint64_t w[4];
};

struct u256 u256_of(const uint8_t octets[32]); // big endian
void u256_octets(struct u256, uint8_t octets[32]);
struct u256 u256_add(struct u256, struct u256); // modulo 2^256, like all of these
struct u256 u256_half(struct u256);             // rounded down
struct u256 u256_bit(unsigned i);               // 2^i; 0 for i > 255

// < 0, 0, > 0. Here, since a choice of neighbours compares thousands, and the first word decides.
static inline int u256_cmp(struct u256 a, struct u256 b)
{
	for (int i = 0; i < 4; i++)
		if (a.w[i] != b.w[i])
			return a.w[i] < b.w[i] ? -1 : 1;
	return 0;
}

static inline struct u256 u256_sub(struct u256 a, struct u256 b)
{
	unsigned __int128 low_a = (unsigned __int128)a.w[2] << 64 | a.w[3];
	unsigned __int128 low_b = (unsigned __int128)b.w[2] << 64 | b.w[3];
	unsigned __int128 high_a = (unsigned __int128)a.w[0] << 64 | a.w[1];
	unsigned __int128 high_b = (unsigned __int128)b.w[0] << 64 | b.w[1];
	unsigned __int128 low = low_a - low_b, high = high_a - high_b - (low_a < low_b);

	return (struct u256){
		{(uint64_t)(high >> 64), (uint64_t)high, (uint64_t)(low >> 64), (uint64_t)low}};
}

// Increasing from a to b.
static inline struct u256 ring_up(struct u256 a, struct u256 b)
{
	return u256_sub(b, a);
}

// The shorter way round: the way up, unless it is more than half of the ring.
static inline struct u256 ring_distance(struct u256 a, struct u256 b)
{
	struct u256 up = ring_up(a, b);

	return up.w[0] >> 63 ? ring_up(b, a) : up;
}

// On the way up from `from` to `to`, both included.
static inline bool ring_between(struct u256 x, struct u256 from, struct u256 to)
{
	return u256_cmp(ring_up(from, x), ring_up(from, to)) <= 0;
}

// Half way up from a to b, rounded toward a.
struct u256 ring_midpoint(struct u256 a, struct u256 b);
// Is x nearer to the target than y? A tie goes to the one on the decreasing side of it.
bool ring_is_nearer(struct u256 target, struct u256 x, struct u256 y);

// Members of a group, told from its density (NG-8): below and above are the second known member on
// either side of us, so four gaps lie between them; only their top 64 bits count. Fewer than four
// others known: they and we, that is n_others + 1.
double ring_estimate(uint32_t n_others, struct u256 below, struct u256 above);

// Where random octets come from. Passed to whoever needs some, so that a test can replay a run.
#ifndef ANNULUS_CRYPTO_RANDOM_H
#define ANNULUS_CRYPTO_RANDOM_H

#include <stddef.h>
#include <stdint.h>

struct random {
	void (*fill)(void *ctx, void *out, size_t len); // cannot fail
	void *ctx;
};

// The machine's: cryptographically strong, any thread. Ends the process if the kernel has none to
// give, since there is no safe way on.
struct random random_system(void);

// xoshiro256** from a seed: the same octets for the same seed and the same sequence of calls, and
// nobody is asked. For jitter, choices, tests and simulations: whoever sees some octets knows all that
// follow. State belongs to the caller and outlives the source.
struct random_state {
	uint64_t s[4];
};
struct random random_seeded(struct random_state *state, uint64_t seed);

void random_fill(const struct random *r, void *out, size_t len);
uint32_t random_u32(const struct random *r);
uint64_t random_u64(const struct random *r);

// 0 <= result < bound, every value equally likely; bound > 0.
uint64_t random_below(const struct random *r, uint64_t bound);

#endif

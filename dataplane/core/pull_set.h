// The fragments that one neighbour has pulled and not got yet: a sparse set of bits, so that asking
// twice costs nothing and a storm of pulls is as large as the window and no larger.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/core/idx_pool.h"

#define PULL_BLOCK_NUMBERS  512
#define PULL_BLOCKS_PER_SET 32

struct pull_block {
	uint64_t base; // its first number, a multiple of PULL_BLOCK_NUMBERS
	uint32_t next; // ascending
	uint32_t n;    // bits set
	uint64_t bits[PULL_BLOCK_NUMBERS / 64];
};

struct pull_pool {
	struct pull_block *blocks;
	struct idx_pool idx;
};

struct pull_set {
	uint32_t head; // lowest numbers; IDX_NONE: empty
	uint32_t n_blocks;
	uint32_t n;
};

int pull_pool_init(struct pull_pool *, uint32_t blocks_max); // 0 or -ENOMEM
void pull_pool_fini(struct pull_pool *);

static inline void pull_set_init(struct pull_set *s)
{
	*s = (struct pull_set){.head = IDX_NONE};
}

// 0, also when it is there already. -ENOBUFS: the set has PULL_BLOCKS_PER_SET, or the pool none
// left.
int pull_set_add(struct pull_pool *, struct pull_set *, uint64_t no);
// False: empty.
bool pull_set_lowest(const struct pull_pool *, const struct pull_set *, uint64_t *no);
void pull_set_remove_lowest(struct pull_pool *, struct pull_set *);
void pull_set_clear(struct pull_pool *, struct pull_set *);

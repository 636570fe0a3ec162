/*
 * The limit of most rows: ipsec-mb alone, in full bursts, with the jobs' constant fields filled
 * before and the keys prefetched. No front door of ours, no ordering by length (hand it equal
 * lengths), no heads and tails.
 */
#ifndef ANNULUS_PERF_FLOOR_H
#define ANNULUS_PERF_FLOOR_H

#include "crypto/crypto.h"

#define FLOOR_BURST 64

struct floor;

struct floor *floor_create(void); // NULL: a build or CPU without ipsec-mb
void floor_destroy(struct floor *f);

// "ipsec-mb 1.3.0 avx2"
const char *floor_name(const struct floor *f);

// Of each op: sched, dst, len; with tag_len also hmac, of which 16 octets land in the floor's own
// memory. Any n; bursts of FLOOR_BURST. Opening does not compare tags, only computes them.
void floor_seal(struct floor *f, const struct crypto_op *ops, uint32_t n);
void floor_open(struct floor *f, const struct crypto_op *ops, uint32_t n);

#endif

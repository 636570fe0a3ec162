// Limits on what strangers make us do: so many a second on average, a burst at once. A bucket is
// one number, the time at which it will be full again; so full buckets need no memory, and the
// table of buckets per address forgets those first.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/wire/address.h"

struct token_rate {
	uint64_t period_ns; // a token comes back
	uint64_t depth_ns;  // burst periods
};

// per_s and burst above 0, per_s at most 10^9.
struct token_rate token_rate_of(uint32_t per_s, uint32_t burst);

struct token_bucket {
	uint64_t full_at_ns; // 0 or past: full
};

// Takes one token, if there is one.
bool token_take(struct token_bucket *, const struct token_rate *, uint64_t now_us);
// Takes n of them, or none. n at most the burst.
bool token_take_many(struct token_bucket *, const struct token_rate *, uint32_t n, uint64_t now_us);

// Whom an address counts for: its IPv4 address or IPv6 /64, with port and origin 0.
struct wire_addr token_source_of(const struct wire_addr *);

// A bucket per source, for at least so many at a time. When a set of the table is
// full of limited addresses, the least limited one is forgotten: a crowd of spoofed sources costs
// memory for nobody and lets nobody through who was over his limit by much.
struct token_table;

struct token_table *token_table_create(uint32_t rows, struct token_rate rate, uint64_t seed);
void token_table_destroy(struct token_table *);
bool token_table_take(struct token_table *, const struct wire_addr *, uint64_t now_us);

#include "control/startup/token_bucket.h"

#include <stdlib.h>
#include <string.h>

#define WAYS 8 // rows that one address may use

struct token_rate token_rate_of(uint32_t per_s, uint32_t burst)
{
	uint64_t period_ns = UINT64_C(1000000000) / per_s;

	return (struct token_rate){.period_ns = period_ns, .depth_ns = period_ns * burst};
}

bool token_take_many(struct token_bucket *b, const struct token_rate *rate, uint32_t n,
		     uint64_t now_us)
{
	uint64_t now_ns = now_us * 1000;
	uint64_t full_at_ns = b->full_at_ns > now_ns ? b->full_at_ns : now_ns;

	full_at_ns += rate->period_ns * n;
	if (full_at_ns - now_ns > rate->depth_ns)
		return false;
	b->full_at_ns = full_at_ns;
	return true;
}

bool token_take(struct token_bucket *b, const struct token_rate *rate, uint64_t now_us)
{
	return token_take_many(b, rate, 1, now_us);
}

struct row {
	struct wire_addr who; // port 0, origin 0
	struct token_bucket bucket;
};

struct token_table {
	struct token_rate rate;
	uint64_t seed;
	uint32_t set_mask;
	struct row rows[];
};

struct token_table *token_table_create(uint32_t rows, struct token_rate rate, uint64_t seed)
{
	struct token_table *t;
	uint32_t n_sets = 1;

	while (n_sets * WAYS < rows && n_sets < 1u << 20)
		n_sets *= 2;
	t = calloc(1, sizeof(*t) + (size_t)n_sets * WAYS * sizeof(t->rows[0]));
	if (t == NULL)
		return NULL;
	t->rate = rate;
	t->seed = seed;
	t->set_mask = n_sets - 1;
	return t;
}

void token_table_destroy(struct token_table *t)
{
	free(t);
}

// A site gets a /64 and its hosts choose the rest at will (RFC 4291, 8981).
struct wire_addr token_source_of(const struct wire_addr *a)
{
	struct wire_addr who = {.family = a->family};

	memcpy(who.ip, a->ip, a->family == 6 ? 8 : 4);
	return who;
}

bool token_table_take(struct token_table *t, const struct wire_addr *from, uint64_t now_us)
{
	struct wire_addr who = token_source_of(from);
	struct row *set = &t->rows[(wire_addr_hash(&who, t->seed) & t->set_mask) * WAYS];
	struct row *fullest = &set[0];

	for (unsigned i = 0; i < WAYS; i++) {
		if (wire_addr_equal(&set[i].who, &who))
			return token_take(&set[i].bucket, &t->rate, now_us);
		if (set[i].bucket.full_at_ns < fullest->bucket.full_at_ns)
			fullest = &set[i];
	}
	*fullest = (struct row){.who = who};
	return token_take(&fullest->bucket, &t->rate, now_us);
}

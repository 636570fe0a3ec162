// A build without ipsec-mb has no limit to compare with: rows say "skipped".
#include <stddef.h>

#include "perf/floor.h"

struct floor *floor_create(void)
{
	return NULL;
}

void floor_destroy(struct floor *f)
{
}

const char *floor_name(const struct floor *f)
{
	return "none";
}

void floor_seal(struct floor *f, const struct crypto_op *ops, uint32_t n)
{
}

void floor_open(struct floor *f, const struct crypto_op *ops, uint32_t n)
{
}

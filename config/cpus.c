#include "config/cpus.h"

#include <errno.h>
#include <string.h>

#include "config/units.h"

static int number(uint64_t *n, const char *text, const char *end)
{
	return units_parse_count(n, text, (size_t)(end - text)) != 0 || *n >= CPUS_MAX ? -EINVAL
										       : 0;
}

static int add(uint16_t *cores, unsigned max, unsigned *n, uint64_t core)
{
	for (unsigned i = 0; i < *n; i++)
		if (cores[i] == core)
			return -EINVAL;
	if (*n == max)
		return -EINVAL;
	cores[(*n)++] = (uint16_t)core;
	return 0;
}

// "5" or "1-3", without the comma.
static int range(uint16_t *cores, unsigned max, unsigned *n, const char *text, const char *end)
{
	const char *dash = memchr(text, '-', (size_t)(end - text));
	uint64_t first, last;

	if (number(&first, text, dash != NULL ? dash : end) != 0)
		return -EINVAL;
	last = first;
	if (dash != NULL && (number(&last, dash + 1, end) != 0 || last < first))
		return -EINVAL;
	for (uint64_t core = first; core <= last; core++)
		if (add(cores, max, n, core) != 0)
			return -EINVAL;
	return 0;
}

int cpus_parse(uint16_t *cores, unsigned max, unsigned *n, const char *text, size_t len)
{
	const char *end = text + len;

	*n = 0;
	while (text < end) {
		const char *comma = memchr(text, ',', (size_t)(end - text));

		if (range(cores, max, n, text, comma != NULL ? comma : end) != 0)
			return -EINVAL;
		if (comma != NULL && comma + 1 == end) // "1,"
			return -EINVAL;
		text = comma != NULL ? comma + 1 : end;
	}
	return 0;
}

// A list of processor cores as people write it: "1-3,5".
#ifndef ANNULUS_CONFIG_CPUS_H
#define ANNULUS_CONFIG_CPUS_H

#include <stddef.h>
#include <stdint.h>

#define CPUS_MAX 1024 // cores are numbered below this

// Writes the cores in the order of the text. Returns 0 and their number in *n, or -EINVAL: not of
// this form, a core twice or too high, more than `max`. An empty text is an empty list.
int cpus_parse(uint16_t *cores, unsigned max, unsigned *n, const char *text, size_t len);

#endif

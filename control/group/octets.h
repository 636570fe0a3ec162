// Octets that several hold: a posting that is kept, offered and told to the program at once.
#pragma once

#include <stdint.h>

#include "dataplane/wire/span.h"

struct octets {
	uint32_t n_holders;
	uint32_t len;
	uint8_t data[];
};

// A copy, held once. NULL: no memory.
struct octets *octets_copy(struct span);
struct octets *octets_hold(struct octets *); // NULL stays NULL
void octets_drop(struct octets *);           // frees it after the last holder's

static inline struct span octets_span(const struct octets *o)
{
	return span_of(o->data, o->len);
}

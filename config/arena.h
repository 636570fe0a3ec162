// Memory that lives and dies together: a configuration's strings and lists, a YAML text's nodes.
#ifndef ANNULUS_CONFIG_ARENA_H
#define ANNULUS_CONFIG_ARENA_H

#include <stddef.h>

struct arena_chunk;

struct arena {
	struct arena_chunk *chunks;
};

// All zero is an empty arena. Memory is zeroed, aligned for any type, and stays where it is until
// arena_free(). Both return NULL when the machine has none left.
void *arena_alloc(struct arena *a, size_t size);
char *arena_copy(struct arena *a, const char *text, size_t len); // plus a zero octet

void arena_free(struct arena *a);

#endif

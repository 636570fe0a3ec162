// Message bodies that cross the rings. A body has one home pool; only that pool's thread takes and
// gives back. Whoever holds the reference may read; only the taker may write, before it lends.
//
// The arena is taken at start (address space; pages come with first use) and cut into size classes
// on demand; a body given back stays with its class. body_get never calls malloc.
#pragma once

#include <stdalign.h>
#include <stddef.h>
#include <stdint.h>

struct body_pool;

// data begins on a cache line, so seeds (messages.h) may be written and read in place.
struct body {
	alignas(64) struct body_pool *home;
	struct body *next; // for whoever holds the body: a list it keeps it in
	uint32_t len;      // octets of data in use
	uint32_t cap;      // octets of data there are
	// The taker's alone: whom it counts the body against (NULL from body_get), and that one's.
	void *account;
	struct body *older, *younger;
	alignas(64) uint8_t data[];
};

// max_bytes: of bodies and their headers together; the largest single body is body_pool_largest():
// 1 MiB at least if max_bytes is 4 MiB or more. NULL: no memory.
struct body_pool *body_pool_create(size_t max_bytes);
void body_pool_destroy(
	struct body_pool *); // every body must be home, or its bytes are gone with the pool
// NULL: empty, or len above the largest. body->len = len.
struct body *body_get(struct body_pool *, uint32_t len);
void body_put(struct body *); // by the home thread only
uint32_t body_pool_largest(const struct body_pool *);
uint32_t body_pool_lent(const struct body_pool *); // bodies not at home

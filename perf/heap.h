// What this thread has taken from the heap and not given back, as jemalloc counts it.
#ifndef ANNULUS_PERF_HEAP_H
#define ANNULUS_PERF_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

int mallctl(const char *name, void *old, size_t *old_len, void *now, size_t now_len)
	__attribute__((weak)); // not there without jemalloc

static inline bool heap_is_counted(void)
{
	return mallctl != NULL;
}

static inline int64_t heap_bytes(void)
{
	uint64_t taken = 0, given = 0;
	size_t len = sizeof(taken);

	if (!heap_is_counted() || mallctl("thread.allocated", &taken, &len, NULL, 0) != 0 ||
	    mallctl("thread.deallocated", &given, &len, NULL, 0) != 0)
		return 0;
	return (int64_t)(taken - given);
}

#endif

// Zeroed memory straight from the kernel, for arrays whose size is a limit and not a need: address
// space is taken at once, a page costs memory when it is first touched. So a hundred small engines
// in one process are cheap, and an appliance's tables for a million of something cost what is in
// use.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>

// NULL: no address space. Page-aligned, all zero. Not for the fast path.
static inline void *pages_take(size_t bytes)
{
	void *p = mmap(NULL, bytes > 0 ? bytes : 1, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return p != MAP_FAILED ? p : NULL;
}

// The same for what every packet touches somewhere else: on huge pages, where it is large enough
// and the kernel has some, since a miss of the TLB costs more than one of the cache. It then comes
// by two MiB, and begins at a multiple of them: else the first and the last of few would be small
// pages.
#define PAGES_HUGE  ((size_t)2 << 20)
#define PAGES_SMALL 4096u
static inline void *pages_take_hot(size_t bytes)
{
	size_t size = (bytes + PAGES_SMALL - 1) / PAGES_SMALL * PAGES_SMALL, before;
	uint8_t *p = pages_take(bytes >= PAGES_HUGE ? size + PAGES_HUGE : bytes);

	if (p == NULL || bytes < PAGES_HUGE)
		return p;
	before = -(uintptr_t)p % PAGES_HUGE;
	if (before > 0)
		munmap(p, before);
	munmap(p + before + size, PAGES_HUGE - before);
	madvise(p + before, size, MADV_HUGEPAGE); // a wish: refused, it is as slow as before
	return p + before;
}

// bytes as taken. NULL is nothing.
static inline void pages_give(void *p, size_t bytes)
{
	if (p != NULL)
		munmap(p, bytes > 0 ? bytes : 1);
}

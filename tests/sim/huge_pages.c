// A world of a hundred members walks through a hundred times a dozen tables, each on pages of its
// own: more pages than a TLB knows, and in a virtual machine each miss is a walk through two trees
// of tables. A program that links this (--wrap=mmap64, --wrap=munmap) has what is small side by
// side on huge pages, and malloc's memory on such, too: jemalloc's, as the programs have it, or
// what the C library takes in one piece. Where the kernel has none, nothing is lost.
//
// What is given back is used again only once all of it was, so this is not for worlds that are made
// by the thousand (page_arena.c), nor for sanitizer builds, which shall see each table's end.
#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define ARENA_BYTES (UINT64_C(8) << 30)   // address space
#define SMALL_MAX   (UINT64_C(448) << 10) // larger ones are mostly empty
#define LINE        64
#define ANONYMOUS   (MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE)

// mmap by its name where off_t has 64 bits.
void *__real_mmap64(void *, size_t, int, int, int, off_t);
int __real_munmap(void *, size_t);
void *__wrap_mmap64(void *, size_t, int, int, int, off_t);
int __wrap_munmap(void *, size_t);

// mmap has no argument to hand a context through, so this one is the program's.
static struct {
	uint8_t *at;
	size_t used, lent;
} arena;

#ifdef HAS_JEMALLOC
// Read by it before main. Nothing goes back to the kernel: what a world had, the next one has.
const char *malloc_conf = "thp:always,metadata_thp:always,narenas:1,"
			  "dirty_decay_ms:-1,muzzy_decay_ms:-1";

static void heap_take(void)
{
}
#else
#define HUGE       (UINT64_C(2) << 20)
#define HEAP_BYTES (UINT64_C(64) << 20) // at once: a world of a hundred members has half

static uint8_t *huge_after(uint8_t *p)
{
	return p + (HUGE - (uintptr_t)p % HUGE) % HUGE;
}

static void heap_take(void)
{
	uint8_t *from, *end;

	mallopt(M_MMAP_THRESHOLD, 2 * HEAP_BYTES);
	mallopt(M_TRIM_THRESHOLD, 2 * HEAP_BYTES);
	from = huge_after(sbrk(0));
	free(malloc(HEAP_BYTES));
	mallopt(M_MMAP_THRESHOLD, SMALL_MAX);
	end = sbrk(0);
	if (end > from)
		madvise(from, (size_t)(end - from), MADV_HUGEPAGE);
}
#endif

static int arena_is_there(void)
{
	if (arena.at == NULL) {
		arena.at =
			__real_mmap64(NULL, ARENA_BYTES, PROT_READ | PROT_WRITE, ANONYMOUS, -1, 0);
		if (arena.at != MAP_FAILED)
			madvise(arena.at, ARENA_BYTES, MADV_HUGEPAGE);
		heap_take();
	}
	return arena.at != MAP_FAILED;
}

static size_t whole_lines(size_t len)
{
	return (len + LINE - 1) / LINE * LINE;
}

void *__wrap_mmap64(void *at, size_t len, int prot, int flags, int fd, off_t offset)
{
	void *p;

	if (flags != ANONYMOUS || len > SMALL_MAX || !arena_is_there() ||
	    whole_lines(len) > ARENA_BYTES - arena.used)
		return __real_mmap64(at, len, prot, flags, fd, offset);
	p = arena.at + arena.used;
	arena.used += whole_lines(len);
	arena.lent += whole_lines(len);
	return p;
}

int __wrap_munmap(void *at, size_t len)
{
	uint8_t *p = at;

	if (arena.at == NULL || p < arena.at || p >= arena.at + ARENA_BYTES)
		return __real_munmap(at, len);
	arena.lent -= whole_lines(len);
	if (arena.lent == 0) {
		madvise(arena.at, arena.used, MADV_DONTNEED);
		arena.used = 0;
	}
	return 0;
}

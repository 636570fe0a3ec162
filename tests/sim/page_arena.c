// pages_take's memory for a program that makes and destroys a small world thousands of times: most
// of what such a run costs is the kernel's, who maps, fills and unmaps pages. A program that links
// this (--wrap=mmap64, --wrap=munmap) gets them from one arena. When the last are given back, those
// that were touched are zeroed, and the next world finds the same octets at the same addresses as
// the one before.
//
// What is used after it was given back does not crash here, so sanitizer builds go without.
#include <fcntl.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE        4096u
#define ARENA_BYTES (UINT64_C(16) << 30) // address space
#define MALLOC_KEPT (16 << 20)
#define SCAN        2048u // pages asked for at a time
#define ANONYMOUS   (MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE)
#define PM_TOUCHED  (UINT64_C(3) << 62) // /proc/self/pagemap: present, or swapped out

// mmap by its name where off_t has 64 bits.
void *__real_mmap64(void *, size_t, int, int, int, off_t);
int __real_munmap(void *, size_t);
void *__wrap_mmap64(void *, size_t, int, int, int, off_t);
int __wrap_munmap(void *, size_t);

// mmap has no argument to hand a context through, so this one is the program's.
static struct {
	uint8_t *at;
	size_t used, lent;
	pid_t owner; // a child has another pagemap
	int pagemap;
} arena;

static size_t whole_pages(size_t len)
{
	return (len + PAGE - 1) / PAGE * PAGE;
}

// False: whatever the kernel does not tell it is told to forget.
static bool zero_touched(uint8_t *from, size_t n)
{
	uint64_t entries[SCAN];
	off_t offset = (off_t)((uintptr_t)from / PAGE * sizeof(entries[0]));
	ssize_t bytes = (ssize_t)(n * sizeof(entries[0]));

	if (pread(arena.pagemap, entries, (size_t)bytes, offset) != bytes)
		return false;
	for (size_t i = 0; i < n; i++)
		if (entries[i] & PM_TOUCHED)
			memset(from + i * PAGE, 0, PAGE);
	return true;
}

static void reset(void)
{
	size_t n_pages = arena.used / PAGE;

	if (arena.owner != getpid()) {
		if (arena.pagemap > 0)
			close(arena.pagemap);
		arena.pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
		arena.owner = getpid();
	}
	for (size_t i = 0; i < n_pages; i += SCAN) {
		size_t n = n_pages - i < SCAN ? n_pages - i : SCAN;

		if (!zero_touched(arena.at + i * PAGE, n))
			madvise(arena.at + i * PAGE, n * PAGE, MADV_DONTNEED);
	}
	arena.used = 0;
}

static bool arena_is_there(void)
{
	if (arena.at == NULL) {
		arena.at =
			__real_mmap64(NULL, ARENA_BYTES, PROT_READ | PROT_WRITE, ANONYMOUS, -1, 0);
		// What malloc has, it keeps, too.
		mallopt(M_MMAP_THRESHOLD, MALLOC_KEPT);
		mallopt(M_TRIM_THRESHOLD, MALLOC_KEPT);
	}
	return arena.at != MAP_FAILED;
}

void *__wrap_mmap64(void *at, size_t len, int prot, int flags, int fd, off_t offset)
{
	void *p;

	if (flags != ANONYMOUS || !arena_is_there() || whole_pages(len) > ARENA_BYTES - arena.used)
		return __real_mmap64(at, len, prot, flags, fd, offset);
	p = arena.at + arena.used;
	arena.used += whole_pages(len);
	arena.lent += whole_pages(len);
	return p;
}

int __wrap_munmap(void *at, size_t len)
{
	uint8_t *p = at;

	if (arena.at == NULL || p < arena.at || p >= arena.at + ARENA_BYTES)
		return __real_munmap(at, len);
	arena.lent -= whole_pages(len);
	if (arena.lent == 0)
		reset();
	return 0;
}

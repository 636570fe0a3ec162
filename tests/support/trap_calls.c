// Functions that stand before those of libc and DPDK. Each notes its call, if the traps are armed,
// and does with them lowered what was asked: how libc goes about it is no second catch.
#include <dlfcn.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <syslog.h>
#include <time.h>

#include <rte_log.h>
#include <rte_malloc.h>

#include "tests/support/trap_state.h"

// The next of that name, behind us.
#define NEXT(name) ((typeof(&name))dlsym(RTLD_NEXT, #name))

// name, and what to call it with.
#define BEFORE(kind, type, name, params, args)                                                     \
	type name params                                                                           \
	{                                                                                          \
		bool armed = trap_lower(kind, #name);                                              \
		type result = NEXT(name) args;                                                     \
                                                                                                   \
		trap_raise(armed);                                                                 \
		return result;                                                                     \
	}
#define BEFORE_VOID(kind, name, params, args)                                                      \
	void name params                                                                           \
	{                                                                                          \
		bool armed = trap_lower(kind, #name);                                              \
                                                                                                   \
		NEXT(name) args;                                                                   \
		trap_raise(armed);                                                                 \
	}
// Variable arguments go on to `name_v`.
#define BEFORE_VARIADIC(kind, type, name, params, name_v, ...)                                     \
	type name params                                                                           \
	{                                                                                          \
		bool armed = trap_lower(kind, #name);                                              \
		va_list ap;                                                                        \
		type result;                                                                       \
                                                                                                   \
		va_start(ap, fmt);                                                                 \
		result = NEXT(name_v)(__VA_ARGS__, fmt, ap);                                       \
		va_end(ap);                                                                        \
		trap_raise(armed);                                                                 \
		return result;                                                                     \
	}

// -- memory: dlsym may need some, so these know libc's by name --

void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);
void *__libc_memalign(size_t, size_t);
void __libc_free(void *);

void *malloc(size_t size)
{
	bool armed = trap_lower(TRAP_MEMORY, "malloc");
	void *p = __libc_malloc(size);

	trap_raise(armed);
	return p;
}

void *calloc(size_t n, size_t size)
{
	bool armed = trap_lower(TRAP_MEMORY, "calloc");
	void *p = __libc_calloc(n, size);

	trap_raise(armed);
	return p;
}

void *realloc(void *old, size_t size)
{
	bool armed = trap_lower(TRAP_MEMORY, "realloc");
	void *p = __libc_realloc(old, size);

	trap_raise(armed);
	return p;
}

void free(void *p)
{
	bool armed = trap_lower(TRAP_MEMORY, "free");

	__libc_free(p);
	trap_raise(armed);
}

void *aligned_alloc(size_t align, size_t size)
{
	bool armed = trap_lower(TRAP_MEMORY, "aligned_alloc");
	void *p = __libc_memalign(align, size);

	trap_raise(armed);
	return p;
}

BEFORE(TRAP_MEMORY, int, posix_memalign, (void **p, size_t align, size_t size), (p, align, size))
BEFORE(TRAP_MEMORY, void *, mmap, (void *at, size_t len, int prot, int flags, int fd, off_t off),
       (at, len, prot, flags, fd, off))
BEFORE(TRAP_MEMORY, int, munmap, (void *at, size_t len), (at, len))
BEFORE(TRAP_MEMORY, void *, rte_malloc, (const char *type, size_t size, unsigned align),
       (type, size, align))
BEFORE(TRAP_MEMORY, void *, rte_zmalloc, (const char *type, size_t size, unsigned align),
       (type, size, align))
BEFORE(TRAP_MEMORY, void *, rte_malloc_socket,
       (const char *type, size_t size, unsigned align, int socket), (type, size, align, socket))
BEFORE(TRAP_MEMORY, void *, rte_zmalloc_socket,
       (const char *type, size_t size, unsigned align, int socket), (type, size, align, socket))
BEFORE(TRAP_MEMORY, void *, rte_realloc, (void *old, size_t size, unsigned align),
       (old, size, align))
BEFORE_VOID(TRAP_MEMORY, rte_free, (void *p), (p))

// -- locks: also when they are free, and no system call follows --

BEFORE(TRAP_LOCK, int, pthread_mutex_lock, (pthread_mutex_t * m), (m))
BEFORE(TRAP_LOCK, int, pthread_mutex_trylock, (pthread_mutex_t * m), (m))
BEFORE(TRAP_LOCK, int, pthread_spin_lock, (pthread_spinlock_t * s), (s))
BEFORE(TRAP_LOCK, int, pthread_spin_trylock, (pthread_spinlock_t * s), (s))
BEFORE(TRAP_LOCK, int, pthread_rwlock_rdlock, (pthread_rwlock_t * l), (l))
BEFORE(TRAP_LOCK, int, pthread_rwlock_wrlock, (pthread_rwlock_t * l), (l))
BEFORE(TRAP_LOCK, int, pthread_cond_wait, (pthread_cond_t * c, pthread_mutex_t *m), (c, m))
BEFORE(TRAP_LOCK, int, pthread_cond_signal, (pthread_cond_t * c), (c))
BEFORE(TRAP_LOCK, int, pthread_once, (pthread_once_t * o, void (*f)(void)), (o, f))
BEFORE(TRAP_LOCK, int, sem_wait, (sem_t * s), (s))
BEFORE(TRAP_LOCK, int, sem_post, (sem_t * s), (s))

// -- logs, buffered ones among them --

BEFORE_VARIADIC(TRAP_LOG, int, printf, (const char *fmt, ...), vfprintf, stdout)
BEFORE_VARIADIC(TRAP_LOG, int, fprintf, (FILE * f, const char *fmt, ...), vfprintf, f)
BEFORE_VARIADIC(TRAP_LOG, int, rte_log, (uint32_t level, uint32_t type, const char *fmt, ...),
		rte_vlog, level, type)
BEFORE(TRAP_LOG, int, rte_vlog, (uint32_t level, uint32_t type, const char *fmt, va_list ap),
       (level, type, fmt, ap))
BEFORE(TRAP_LOG, int, vfprintf, (FILE * f, const char *fmt, va_list ap), (f, fmt, ap))
BEFORE(TRAP_LOG, int, puts, (const char *s), (s))
BEFORE(TRAP_LOG, int, fputs, (const char *s, FILE *f), (s, f))
BEFORE(TRAP_LOG, int, putchar, (int c), (c))
BEFORE(TRAP_LOG, int, fputc, (int c, FILE *f), (c, f))
BEFORE(TRAP_LOG, size_t, fwrite, (const void *p, size_t size, size_t n, FILE *f), (p, size, n, f))
BEFORE_VOID(TRAP_LOG, vsyslog, (int prio, const char *fmt, va_list ap), (prio, fmt, ap))

void syslog(int prio, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsyslog(prio, fmt, ap);
	va_end(ap);
}

// -- clocks: those of the vDSO make no system call, but read the tick counter --

BEFORE(TRAP_CLOCK, int, clock_gettime, (clockid_t c, struct timespec *ts), (c, ts))
BEFORE(TRAP_CLOCK, time_t, time, (time_t * t), (t))
BEFORE(TRAP_CLOCK, int, gettimeofday, (struct timeval *restrict tv, void *restrict tz), (tv, tz))

#include "tests/fuzz/oracle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define USUAL_MAX 65536

// ---- the counters ----
// What the compiler and malloc call has no argument of ours, so these stand in a file's variables.

static uint64_t work;
static size_t memory, memory_peak;

#ifdef FUZZ_COUNTS_WORK
// The linker puts these in the place of libFuzzer's, which only complain (meson.build: --wrap).
#define UNCOUNTED __attribute__((no_sanitize("all", "coverage")))
void __wrap___sanitizer_cov_trace_pc_guard(uint32_t *guard);
void __wrap___sanitizer_cov_trace_pc_guard_init(uint32_t *start, uint32_t *stop);

UNCOUNTED void __wrap___sanitizer_cov_trace_pc_guard(uint32_t *guard)
{
	work++;
}

UNCOUNTED void __wrap___sanitizer_cov_trace_pc_guard_init(uint32_t *start, uint32_t *stop)
{
}
#endif

// Only where a sanitizer is linked.
int __sanitizer_install_malloc_and_free_hooks(void (*on_malloc)(const volatile void *, size_t),
					      void (*on_free)(const volatile void *))
	__attribute__((weak));
size_t __sanitizer_get_allocated_size(const volatile void *) __attribute__((weak));

static void on_malloc(const volatile void *p, size_t len)
{
	memory += len;
	if (memory > memory_peak)
		memory_peak = memory;
}

static void on_free(const volatile void *p)
{
	if (p != NULL)
		memory -= __sanitizer_get_allocated_size(p);
}

__attribute__((constructor)) static void watch_memory(void)
{
	if (__sanitizer_install_malloc_and_free_hooks != NULL)
		__sanitizer_install_malloc_and_free_hooks(on_malloc, on_free);
}

uint64_t oracle_work(void)
{
	return work;
}

void oracle_work_set(uint64_t to)
{
	work = to;
}

size_t oracle_memory(void)
{
	return memory;
}

size_t oracle_memory_peak(void)
{
	size_t peak = memory_peak;

	memory_peak = memory;
	return peak;
}

// ---- the promises ----

__attribute__((format(printf, 1, 0))) _Noreturn static void broken(const char *format, uint64_t is,
								   uint64_t max, size_t len)
{
	fprintf(stderr, format, is, max, len);
	fputc('\n', stderr);
	abort();
}

static uint64_t line_at(const struct oracle_line *l, size_t len)
{
	if (len <= l->small_len)
		return l->small;
	return l->small +
	       (l->large - l->small) * (len - l->small_len) / (l->large_len - l->small_len);
}

void oracle_work_check(const struct oracle_line *l, size_t len, uint64_t done)
{
	uint64_t max = ORACLE_WORK_TIMES * (ORACLE_WORK_BASE + line_at(l, len));

	if (done > max)
		broken("oracle: %lu units of work, at most %lu for %zu octets", done, max, len);
}

static uint64_t measure(const struct oracle *o, size_t *len)
{
	uint8_t *data = malloc(USUAL_MAX);
	uint64_t before;

	if (data == NULL || *len > USUAL_MAX)
		abort();
	*len = o->usual(data, *len);
	o->run(data, *len); // whatever is made once is made now
	before = oracle_work();
	o->run(data, *len);
	before = oracle_work() - before;
	free(data);
	return before;
}

static void calibrate(struct oracle *o)
{
	struct oracle_line *l = &o->line;

	l->small_len = o->small_len != 0 ? o->small_len : 64;
	l->large_len = o->large_len != 0 ? o->large_len : 2048;
	l->small = measure(o, &l->small_len);
	l->large = measure(o, &l->large_len);
	if (l->large < l->small && l->large >= l->small - l->small / 4)
		l->large = l->small; // it costs the same whatever the length
	if (l->large_len <= l->small_len || l->large < l->small)
		broken("oracle: usual inputs: work %lu and %lu at %zu octets", l->small, l->large,
		       l->large_len);
	l->is_set = true;
}

int oracle_run(struct oracle *o, const uint8_t *data, size_t size)
{
	size_t before, peak, memory_max = o->memory_max + o->memory_per_octet * size;
	uint64_t work_before;
	int result;

	if (!o->line.is_set)
		calibrate(o);
	before = oracle_memory();
	oracle_memory_peak();
	work_before = oracle_work();
	result = o->run(data, size);
	oracle_work_check(&o->line, size, oracle_work() - work_before);
	peak = oracle_memory_peak() - before;
	if (peak > memory_max)
		broken("oracle: %lu octets of memory, at most %lu for %zu octets", peak, memory_max,
		       size);
	return result;
}

size_t oracle_repeat(uint8_t *to, size_t len, const void *head, size_t head_len, const void *unit,
		     size_t unit_len)
{
	size_t n = head_len;

	if (head_len > 0)
		memcpy(to, head, head_len);
	for (; n + unit_len <= len; n += unit_len)
		memcpy(to + n, unit, unit_len);
	return n;
}

// ---- who may be sent how much ----

#define AMPLIFICATION      3
#define HEADERS_LEN        28 // IP and UDP, which count on both sides
#define LONG_ANSWERS_PER_S 50
// The RHello of a certificate with two keys, with the longest tag that leaves it longer than three
// hellos with that tag.
#define LONG_ANSWER_MAX 640

static struct oracle_path *path_at(struct oracle_ledger *l, const uint8_t ip[16], uint16_t port)
{
	for (unsigned i = 0; i < l->n; i++)
		if (l->paths[i].port == port && memcmp(l->paths[i].ip, ip, 16) == 0)
			return &l->paths[i];
	if (l->n == ORACLE_PATHS)
		broken("oracle: %lu addresses, at most %lu (%zu)", l->n + 1, ORACLE_PATHS, 0);
	memcpy(l->paths[l->n].ip, ip, 16);
	l->paths[l->n].port = port;
	return &l->paths[l->n++];
}

void oracle_ledger_init(struct oracle_ledger *l, uint64_t now_us)
{
	*l = (struct oracle_ledger){.start_us = now_us};
}

void oracle_in(struct oracle_ledger *l, const uint8_t ip[16], uint16_t port, size_t len)
{
	path_at(l, ip, port)->in += len + HEADERS_LEN;
}

void oracle_proven(struct oracle_ledger *l, const uint8_t ip[16], uint16_t port)
{
	path_at(l, ip, port)->is_proven = true;
}

void oracle_out(struct oracle_ledger *l, const uint8_t ip[16], uint16_t port, size_t len,
		uint64_t now_us)
{
	struct oracle_path *p = path_at(l, ip, port);
	uint64_t n_long_max;

	p->out += len + HEADERS_LEN;
	if (p->is_proven || p->out <= AMPLIFICATION * p->in)
		return;
	n_long_max = LONG_ANSWERS_PER_S * (1 + (now_us - l->start_us + 999999) / 1000000);
	if (len > LONG_ANSWER_MAX || ++l->n_long > n_long_max)
		broken("oracle: %lu octets to a stranger who sent %lu (answer of %zu)", p->out,
		       p->in, len);
	p->out = AMPLIFICATION * p->in; // forgiven; the next is held against the rule again
}

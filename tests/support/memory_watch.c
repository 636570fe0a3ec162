#include "tests/support/memory_watch.h"

#include <assert.h>
#include <fcntl.h>
#include <link.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE    4096u
#define BUCKETS 4096u
#define NONE    UINT32_MAX
#define CALLERS 512u
#define RUN_GAP 8u // octets alike between two differences that are told as one

void *__real_malloc(size_t);
void *__real_calloc(size_t, size_t);
void *__real_realloc(void *, size_t);
void *__real_aligned_alloc(size_t, size_t);
void __real_free(void *);
// mmap by its name where off_t has 64 bits.
void *__real_mmap64(void *, size_t, int, int, int, off_t);
int __real_munmap(void *, size_t);
void *__wrap_malloc(size_t);
void *__wrap_calloc(size_t, size_t);
void *__wrap_realloc(void *, size_t);
void *__wrap_aligned_alloc(size_t, size_t);
void __wrap_free(void *);
void *__wrap_mmap64(void *, size_t, int, int, int, off_t);
int __wrap_munmap(void *, size_t);

// ---- what is watched ----

struct block {
	uint8_t *at; // NULL: given back
	size_t len;
	const void *caller;
	uint32_t next; // in its bucket
	bool is_pages;
};

struct name {
	const uint8_t *at;
	size_t len, item_len;
	const struct watch_field *fields;
	size_t n_fields;
	char text[64];
};

struct range {
	const uint8_t *at;
	size_t len;
};

struct caller {
	const void *at;
	char name[64];
};

// malloc has no argument to hand a context through, so this one is the program's.
static struct {
	bool is_on;
	struct block *blocks; // in the order in which they were taken
	uint32_t n, cap;
	uint32_t buckets[BUCKETS]; // index + 1
	struct name *names;
	uint32_t n_names;
	struct range *ignored;
	uint32_t n_ignored;
	struct caller callers[CALLERS];
	uint32_t n_callers;
	uint32_t n_snapshots; // which name blocks by their place
} watch;

static uint32_t *bucket_of(const void *at)
{
	return &watch.buckets[((uintptr_t)at >> 4) * 2654435761u % BUCKETS];
}

static void block_add(void *at, size_t len, const void *caller, bool is_pages)
{
	uint32_t *bucket = bucket_of(at);

	if (!watch.is_on || at == NULL)
		return;
	if (watch.n == watch.cap) {
		watch.cap = watch.cap > 0 ? 2 * watch.cap : 4096;
		watch.blocks = __real_realloc(watch.blocks, watch.cap * sizeof(*watch.blocks));
		assert(watch.blocks != NULL);
	}
	watch.blocks[watch.n] = (struct block){at, len, caller, *bucket, is_pages};
	*bucket = ++watch.n;
}

static uint32_t *block_link(const void *at)
{
	uint32_t *link = bucket_of(at);

	while (*link != 0 && watch.blocks[*link - 1].at != at)
		link = &watch.blocks[*link - 1].next;
	return link;
}

// Also what was taken while watching and is given back while not.
static void block_remove(const void *at)
{
	uint32_t *link = block_link(at), i = *link;

	if (at == NULL || i == 0)
		return;
	*link = watch.blocks[i - 1].next;
	watch.blocks[i - 1].at = NULL;
}

void *__wrap_malloc(size_t len)
{
	void *p = __real_malloc(len);

	block_add(p, len, __builtin_return_address(0), false);
	return p;
}

void *__wrap_calloc(size_t n, size_t len)
{
	void *p = __real_calloc(n, len);

	block_add(p, n * len, __builtin_return_address(0), false);
	return p;
}

void *__wrap_realloc(void *old, size_t len)
{
	bool was_watched = old == NULL || *block_link(old) != 0, was_on = watch.is_on;
	void *p;

	block_remove(old);
	p = __real_realloc(old, len);
	watch.is_on = was_on || (old != NULL && was_watched);
	block_add(p, len, __builtin_return_address(0), false);
	watch.is_on = was_on;
	return p;
}

void *__wrap_aligned_alloc(size_t align, size_t len)
{
	void *p = __real_aligned_alloc(align, len);

	block_add(p, len, __builtin_return_address(0), false);
	return p;
}

void __wrap_free(void *p)
{
	block_remove(p);
	__real_free(p);
}

void *__wrap_mmap64(void *at, size_t len, int prot, int flags, int fd, off_t offset)
{
	void *p = __real_mmap64(at, len, prot, flags, fd, offset);

	if (p != MAP_FAILED)
		block_add(p, len, __builtin_return_address(0), true);
	return p;
}

int __wrap_munmap(void *p, size_t len)
{
	block_remove(p);
	return __real_munmap(p, len);
}

void watch_on(void)
{
	watch.is_on = true;
}

void watch_off(void)
{
	watch.is_on = false;
}

// ---- names ----

void watch_name(const void *at, size_t len, size_t item_len, const struct watch_field *fields,
		size_t n_fields, const char *format, ...)
{
	struct name *n;
	va_list args;

	for (size_t i = 1; i < n_fields; i++)
		assert(fields[i - 1].at < fields[i].at);
	watch.names = __real_realloc(watch.names, (watch.n_names + 1) * sizeof(*watch.names));
	assert(watch.names != NULL);
	n = &watch.names[watch.n_names++];
	*n = (struct name){at, len, item_len, fields, n_fields, ""};
	va_start(args, format);
	vsnprintf(n->text, sizeof(n->text), format, args);
	va_end(args);
}

void watch_ignore(const void *at, size_t len)
{
	watch.ignored =
		__real_realloc(watch.ignored, (watch.n_ignored + 1) * sizeof(*watch.ignored));
	assert(watch.ignored != NULL);
	watch.ignored[watch.n_ignored++] = (struct range){at, len};
}

void watch_ignore_block(const void *at)
{
	uint32_t i = *block_link(at);

	assert(i != 0);
	watch_ignore(at, watch.blocks[i - 1].len);
}

void watch_forget_names(void)
{
	watch.n_names = watch.n_ignored = 0;
}

static bool is_ignored(const uint8_t *at)
{
	for (uint32_t i = 0; i < watch.n_ignored; i++)
		if (at >= watch.ignored[i].at && at < watch.ignored[i].at + watch.ignored[i].len)
			return true;
	return false;
}

static int first_object(struct dl_phdr_info *info, size_t size, void *ctx)
{
	*(uintptr_t *)ctx = info->dlpi_addr; // the program itself comes first
	return 1;
}

// The innermost function that is not pages_take, which stands in its caller's code.
static void function_read(struct caller *c)
{
	uintptr_t base = 0;
	char command[160], line[256];
	FILE *f;

	snprintf(c->name, sizeof(c->name), "memory of %p", c->at);
	dl_iterate_phdr(first_object, &base);
	snprintf(command, sizeof(command), "addr2line -f -i -e /proc/%d/exe 0x%lx 2>/dev/null",
		 (int)getpid(), (unsigned long)((uintptr_t)c->at - base - 1));
	f = popen(command, "r");
	if (f == NULL)
		return;
	while (fgets(line, sizeof(line), f) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		if (strcmp(line, "pages_take") != 0 && line[0] != '?' && line[0] != '/' &&
		    strchr(line, ':') == NULL) {
			snprintf(c->name, sizeof(c->name), "%.63s", line);
			break;
		}
	}
	pclose(f);
}

static const char *function_of(const void *caller)
{
	bool was_on = watch.is_on;
	struct caller *c = watch.callers;

	while (c < watch.callers + watch.n_callers && c->at != caller)
		c++;
	if (c == watch.callers + watch.n_callers) {
		assert(watch.n_callers < CALLERS);
		watch.n_callers++;
		c->at = caller;
		watch.is_on = false;
		function_read(c);
		watch.is_on = was_on;
	}
	return c->name;
}

static void field_name(char *out, size_t cap, const struct name *n, size_t at)
{
	const struct watch_field *best = NULL;

	for (size_t i = 0; i < n->n_fields; i++)
		if (n->fields[i].at <= at)
			best = &n->fields[i];
	if (best == NULL)
		snprintf(out, cap, "+%zu", at);
	else if (at < best->at + best->len)
		snprintf(out, cap, ".%s", best->name);
	else
		snprintf(out, cap, ".%s+%zu", best->name, at - best->at);
}

static void place_name(char out[DIFFERENCE_NAME], const struct block *b, const uint8_t *at)
{
	char field[64] = "";

	for (uint32_t i = 0; i < watch.n_names; i++) {
		const struct name *n = &watch.names[i];
		size_t offset = (size_t)(at - n->at);

		if (at < n->at || at >= n->at + n->len)
			continue;
		field_name(field, sizeof(field), n, offset % n->item_len);
		if (n->len > n->item_len)
			snprintf(out, DIFFERENCE_NAME, "%s[%zu]%s", n->text, offset / n->item_len,
				 field);
		else
			snprintf(out, DIFFERENCE_NAME, "%s%s", n->text, field);
		return;
	}
	snprintf(out, DIFFERENCE_NAME, "%s+%zu", function_of(b->caller), (size_t)(at - b->at));
}

// ---- snapshots ----

struct piece {
	uint32_t block;
	size_t at, len; // in the block
	uint8_t *copy;
};

struct snapshot {
	struct piece *pieces;
	uint32_t n, cap, n_blocks; // blocks there were
};

// Which pages were ever touched: bits 63 and 62 of their entries (Documentation/admin-guide/mm).
static uint64_t *pagemap_read(const struct block *b)
{
	size_t n = (b->len + PAGE - 1) / PAGE;
	uint64_t *map = __real_malloc(n * sizeof(*map));
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	ssize_t got;

	assert(map != NULL && fd >= 0);
	got = pread(fd, map, n * sizeof(*map), (off_t)((uintptr_t)b->at / PAGE * sizeof(*map)));
	assert(got == (ssize_t)(n * sizeof(*map)));
	close(fd);
	return map;
}

typedef void each_piece(void *ctx, uint32_t block, size_t at, size_t len);

// Pieces in order: whole blocks, or their touched pages one by one.
static void pieces_walk(uint32_t from, uint32_t to, each_piece *each, void *ctx)
{
	for (uint32_t i = from; i < to; i++) {
		const struct block *b = &watch.blocks[i];
		uint64_t *map;

		if (b->at == NULL)
			continue;
		if (!b->is_pages) {
			each(ctx, i, 0, b->len);
			continue;
		}
		map = pagemap_read(b);
		for (size_t at = 0; at < b->len; at += PAGE)
			if (map[at / PAGE] >> 62 != 0)
				each(ctx, i, at, b->len - at < PAGE ? b->len - at : PAGE);
		__real_free(map);
	}
}

static void piece_copy(void *ctx, uint32_t block, size_t at, size_t len)
{
	struct snapshot *s = ctx;
	struct piece p = {block, at, len, __real_malloc(len > 0 ? len : 1)};

	if (s->n == s->cap) {
		s->cap = s->cap > 0 ? 2 * s->cap : 4096;
		s->pieces = __real_realloc(s->pieces, s->cap * sizeof(*s->pieces));
	}
	assert(s->pieces != NULL && p.copy != NULL);
	memcpy(p.copy, watch.blocks[block].at + at, len);
	s->pieces[s->n++] = p;
}

// What was given back leaves no holes.
static void blocks_close_ranks(void)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < watch.n; i++)
		if (watch.blocks[i].at != NULL)
			watch.blocks[n++] = watch.blocks[i];
	watch.n = n;
	memset(watch.buckets, 0, sizeof(watch.buckets));
	for (uint32_t i = 0; i < n; i++) {
		uint32_t *bucket = bucket_of(watch.blocks[i].at);

		watch.blocks[i].next = *bucket;
		*bucket = i + 1;
	}
}

struct snapshot *snapshot_take(void)
{
	struct snapshot *s = __real_calloc(1, sizeof(*s));

	assert(s != NULL);
	if (watch.n_snapshots++ == 0)
		blocks_close_ranks();
	s->n_blocks = watch.n;
	pieces_walk(0, watch.n, piece_copy, s);
	return s;
}

void snapshot_free(struct snapshot *s)
{
	for (uint32_t i = 0; i < s->n; i++)
		__real_free(s->pieces[i].copy);
	__real_free(s->pieces);
	__real_free(s);
	watch.n_snapshots--;
}

static void piece_count(void *ctx, uint32_t block, size_t at, size_t len)
{
	*(uint64_t *)ctx += len;
}

uint64_t watch_bytes(void)
{
	uint64_t n = 0;

	pieces_walk(0, watch.n, piece_count, &n);
	return n;
}

// ---- comparing ----

struct comparison {
	const struct snapshot *before;
	uint32_t at; // next piece of before
	on_difference *say;
	void *ctx;
	uint32_t n;
};

static void say(struct comparison *c, const struct difference *d)
{
	c->n++;
	c->say(c->ctx, d);
}

static void hex_write(char out[40], const uint8_t *octets, size_t len)
{
	out[0] = '\0';
	for (size_t i = 0; i < len && i < 16; i++)
		sprintf(out + 2 * i, "%02x", octets[i]);
}

// copy NULL: the page was all zero.
static void piece_differs(struct comparison *c, const struct block *b, size_t at, size_t len,
			  const uint8_t *copy)
{
	static const uint8_t zeros[PAGE];
	const uint8_t *now = b->at + at, *was = copy != NULL ? copy : zeros;

	for (size_t i = 0; i < len; i++) {
		struct difference d;
		size_t end = i + 1;

		if (now[i] == was[i] || is_ignored(now + i))
			continue;
		for (size_t k = end; k < len && k < end + RUN_GAP; k++)
			if (now[k] != was[k] && !is_ignored(now + k))
				end = k + 1;
		place_name(d.name, b, now + i);
		// A run ends with its field, so that the next one has its name, too.
		for (size_t k = i + 1; k < end; k++) {
			char name[DIFFERENCE_NAME];

			place_name(name, b, now + k);
			if (strcmp(name, d.name) != 0 && strchr(name, '.') != NULL)
				end = k;
		}
		d.at = now + i;
		d.len = end - i;
		hex_write(d.before, was + i, end - i);
		hex_write(d.after, now + i, end - i);
		say(c, &d);
		i = end - 1;
	}
}

static void gone(struct comparison *c, const struct piece *p)
{
	const struct block *b = &watch.blocks[p->block];
	struct difference d = {.after = "given back"};

	if (p->at != 0)
		return;
	snprintf(d.name, sizeof(d.name), "%.100s: a block", function_of(b->caller));
	hex_write(d.before, p->copy, p->len);
	say(c, &d);
}

static void piece_compare(void *ctx, uint32_t block, size_t at, size_t len)
{
	struct comparison *c = ctx;
	const struct block *b = &watch.blocks[block];
	const struct snapshot *s = c->before;
	const struct piece *p;

	while (c->at < s->n && s->pieces[c->at].block < block)
		gone(c, &s->pieces[c->at++]);
	p = c->at < s->n ? &s->pieces[c->at] : NULL;
	if (p == NULL || p->block != block || p->at != at) {
		piece_differs(c, b, at, len, NULL);
		return;
	}
	c->at++;
	if (memcmp(b->at + at, p->copy, len) != 0)
		piece_differs(c, b, at, len, p->copy);
}

uint32_t snapshot_compare(const struct snapshot *before, on_difference *on, void *ctx)
{
	struct comparison c = {.before = before, .say = on, .ctx = ctx};

	pieces_walk(0, before->n_blocks, piece_compare, &c);
	while (c.at < before->n)
		gone(&c, &before->pieces[c.at++]);
	for (uint32_t i = before->n_blocks; i < watch.n; i++) {
		struct difference d = {.before = "not there"};

		if (watch.blocks[i].at == NULL)
			continue;
		snprintf(d.name, sizeof(d.name), "%.100s: a block",
			 function_of(watch.blocks[i].caller));
		hex_write(d.after, watch.blocks[i].at, watch.blocks[i].len);
		say(&c, &d);
	}
	return c.n;
}

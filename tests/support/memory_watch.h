// Every octet of memory that the code under test has taken, to be compared before and after: a dump
// of its full state that cannot forget a field, since it does not know any. Programs that link this
// put it before malloc and its kin, mmap among them (pages.h), by the linker's --wrap.
//
//	watch_on();                      // what is taken from now on is watched, until watch_off
//	... make the world ...
//	watch_off();
//	watch_name(e->sessions, bytes, sizeof(struct session), fields, n, "engine 3 session");
//	watch_ignore(&e->stats, sizeof(e->stats));
//	before = snapshot_take();
//	... what must change nothing ...
//	n = snapshot_compare(before, on_difference, ctx);
//
// What has no name is told by the function that took the memory (addr2line, from binutils). A page
// that was never touched is all zero and costs nothing.
#ifndef ANNULUS_TESTS_MEMORY_WATCH_H
#define ANNULUS_TESTS_MEMORY_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void watch_on(void);
void watch_off(void);

struct watch_field {
	const char *name;
	size_t at, len;
};
#define WATCH_FIELD(s, field)                                                                      \
	{                                                                                          \
#field, offsetof(struct s, field), sizeof(((struct s *)0)->field)                  \
	}

// len octets are items of one kind; without fields, their offsets are told. Fields stay the
// caller's and are in the order of their places.
void watch_name(const void *at, size_t len, size_t item_len, const struct watch_field *fields,
		size_t n_fields, const char *format, ...) __attribute__((format(printf, 6, 7)));
// These octets are never compared.
void watch_ignore(const void *at, size_t len);
// The same for the whole block that begins there.
void watch_ignore_block(const void *at);
void watch_forget_names(void); // and what was ignored

struct snapshot;
struct snapshot *snapshot_take(void);
void snapshot_free(struct snapshot *);

// A run of octets that is not what it was: "engine 3 session[5].ts_rx", and both as hex.
#define DIFFERENCE_NAME 128
struct difference {
	const void *at; // NULL: a block that was not there, or is not there any more
	size_t len;
	char name[DIFFERENCE_NAME];
	char before[40], after[40]; // the first octets
};
typedef void on_difference(void *ctx, const struct difference *);
// Says each difference since then; how many there are. Memory taken or given back is one, too.
uint32_t snapshot_compare(const struct snapshot *, on_difference *, void *ctx);

uint64_t watch_bytes(void); // that are watched and were ever touched

#endif

// The sessions' timer wheel: 4 ms ticks, one entry per session, intrusive indices (fastpath.md 5).
//
// An entry says "look at this session then". A deadline that moves later costs a store in the
// session and leaves the entry alone: when it fires, whoever looks re-arms it. Deadlines beyond the
// wheel's horizon (16 s) stay in their slot and are passed over until their turn.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define TIMER_TICK_MS 4
#define TIMER_SLOTS   4096 // a power of two

#define TIMER_ENTRY_BYTES 16

struct timer_wheel;

// For entries 0..n-1. NULL: no memory.
struct timer_wheel *timer_wheel_create(uint32_t n);
void timer_wheel_destroy(struct timer_wheel *);
// Before anything else: what time it is.
void timer_wheel_start(struct timer_wheel *, uint32_t now_ms);

// Moves or inserts. A time in the past fires at the next timer_expire.
void timer_set(struct timer_wheel *, uint32_t entry, uint32_t at_ms);
void timer_cancel(struct timer_wheel *, uint32_t entry);
bool timer_is_set(const struct timer_wheel *, uint32_t entry);
uint32_t timer_at_ms(const struct timer_wheel *, uint32_t entry); // if it is set

// The next entry whose time is now or past, taken off the wheel; false: none is left. Call it in a
// loop, entries may be set inside; one set to now or earlier fires in the next round, not in this
// one.
bool timer_expire(struct timer_wheel *, uint32_t now_ms, uint32_t *entry);

// ms from now_ms until timer_expire may have something: never late, early by a round of the wheel
// for far deadlines. UINT32_MAX: nothing is set.
uint32_t timer_wait_ms(struct timer_wheel *, uint32_t now_ms);

// For lines.h: the entries, TIMER_ENTRY_BYTES each, and where it says who is looked at next (NULL:
// that is not known).
const uint8_t *timer_entries(const struct timer_wheel *);
const uint32_t *timer_next(const struct timer_wheel *);

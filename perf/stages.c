#include "perf/stages.h"

#include <stddef.h>
#include <string.h>
#include <x86intrin.h>

#include "dataplane/core/internal.h"
#include "perf/race.h"

// -- crypto, seen from outside --

static struct stages *stages_of(const struct crypto *c)
{
	return (struct stages *)((uintptr_t)c->calls - offsetof(struct stages, outer));
}

static void seal(struct crypto *c, struct crypto_op *ops, uint16_t n)
{
	struct stages *s = stages_of(c);
	uint64_t start = __rdtsc();

	s->inner->seal(c, ops, n);
	s->ticks[STAGE_SEAL] += __rdtsc() - start;
}

static void open(struct crypto *c, struct crypto_op *ops, uint16_t n)
{
	struct stages *s = stages_of(c);
	uint64_t start = __rdtsc();

	s->inner->open(c, ops, n);
	s->ticks[STAGE_OPEN] += __rdtsc() - start;
}

void stages_watch(struct stages *s, struct crypto *c, bool is_on)
{
	if (!is_on)
		return;
	s->inner = c->calls;
	s->outer = *c->calls;
	s->outer.seal = seal;
	s->outer.open = open;
	c->calls = &s->outer;
}

void stages_unwatch(struct stages *s, struct crypto *c)
{
	if (s->inner != NULL)
		c->calls = s->inner;
}

void stages_forget(struct stages *s)
{
	memset(s->ticks, 0, sizeof(s->ticks));
}

// -- the engine, seen from outside --

// NULL: nobody watches this engine.
static struct stages *watcher(const struct engine *e)
{
	return e->opts.crypto->calls->seal == seal ? stages_of(e->opts.crypto) : NULL;
}

void __real_engine_rx(struct engine *, struct pkt *, uint16_t, uint64_t);
void __real_engine_timers(struct engine *, uint64_t);
uint32_t __real_engine_commands(struct engine *, uint64_t);
uint16_t __real_engine_tx(struct engine *, struct pkt *, uint16_t, uint64_t);

void __wrap_engine_rx(struct engine *, struct pkt *, uint16_t, uint64_t);
void __wrap_engine_timers(struct engine *, uint64_t);
uint32_t __wrap_engine_commands(struct engine *, uint64_t);
uint16_t __wrap_engine_tx(struct engine *, struct pkt *, uint16_t, uint64_t);

void __wrap_engine_rx(struct engine *e, struct pkt *pkts, uint16_t n, uint64_t now_us)
{
	struct stages *s = watcher(e);
	uint64_t start, inner;

	if (s == NULL) {
		__real_engine_rx(e, pkts, n, now_us);
		return;
	}
	start = __rdtsc();
	inner = s->ticks[STAGE_OPEN];
	__real_engine_rx(e, pkts, n, now_us);
	s->ticks[STAGE_RX] += __rdtsc() - start - (s->ticks[STAGE_OPEN] - inner);
}

void __wrap_engine_timers(struct engine *e, uint64_t now_us)
{
	struct stages *s = watcher(e);
	uint64_t start = s != NULL ? __rdtsc() : 0;

	__real_engine_timers(e, now_us);
	if (s != NULL)
		s->ticks[STAGE_TIMERS] += __rdtsc() - start;
}

uint32_t __wrap_engine_commands(struct engine *e, uint64_t now_us)
{
	struct stages *s = watcher(e);
	uint64_t start = s != NULL ? __rdtsc() : 0;
	uint32_t n = __real_engine_commands(e, now_us);

	if (s != NULL)
		s->ticks[STAGE_TIMERS] += __rdtsc() - start;
	return n;
}

uint16_t __wrap_engine_tx(struct engine *e, struct pkt *room, uint16_t n, uint64_t now_us)
{
	struct stages *s = watcher(e);
	uint64_t start, inner;
	uint16_t n_filled;

	if (s == NULL)
		return __real_engine_tx(e, room, n, now_us);
	start = __rdtsc();
	inner = s->ticks[STAGE_SEAL];
	n_filled = __real_engine_tx(e, room, n, now_us);
	s->ticks[STAGE_BUILD] += __rdtsc() - start - (s->ticks[STAGE_SEAL] - inner);
	return n_filled;
}

// Lines that will be looked at soon, on their way to the first cache.
//
// gcc takes a function that does nothing but __builtin_prefetch for one without any effect, and
// drops its calls where it does not inline it first. The empty asm is an effect, and no
// instruction.
#pragma once

static inline void fetch_line(const void *at)
{
	__builtin_prefetch(at);
	__asm__ volatile("");
}

// One that will be written.
static inline void fetch_line_to_write(const void *at)
{
	__builtin_prefetch(at, 1);
	__asm__ volatile("");
}

// What light members got of the stream: the fragments that their engines have put into their
// windows, each with its member's bit, and what messages they make. Their control does not play it.
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct engine;
struct heard;

struct heard_count {
	uint64_t messages; // of which all fragments came
	uint64_t gaps;     // places where messages are missing before one that came
};

// numbers_max: fragments that the stream may have; those beyond are not heard. NULL: no memory.
struct heard *heard_create(uint32_t members, uint64_t numbers_max);
void heard_destroy(struct heard *);
// After a turn of the member's engine: what is new in the window of its one stream.
void heard_read(struct heard *, uint32_t member, const struct engine *);
struct heard_count heard_count(const struct heard *, uint32_t member);

// Indices of streams on the workers, the same on all of them. One that was given back rests before
// it is used again, since reports about its former stream may still be under way.
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct gstream;
struct stream_table;

struct stream_table *stream_table_create(uint32_t n_max); // at most NO_STREAM. NULL: no memory
void stream_table_destroy(struct stream_table *);
struct gstream *stream_table_at(const struct stream_table *, uint16_t index); // NULL: none
bool stream_table_take(struct stream_table *, struct gstream *, uint16_t *index, uint64_t now_us);
void stream_table_give(struct stream_table *, uint16_t index, uint64_t now_us);

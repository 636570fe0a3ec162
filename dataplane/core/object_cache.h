// Objects of groups that this worker gives by itself (OR-15, docs/spx.md): bodies that control has
// lent, found by group and index. A request for one of them, on a flow of class FLOW_STORE, is
// answered from here; all others become reports, and whoever answers those lends the object for the
// next time.
//
// A body stays until it is dropped, or until it is the one that was asked for least recently and
// there is no room for a newer one. One that is on its way to somebody goes home when the last of
// them has it, or will not get it; until then it counts, so what control has out here never exceeds
// engine_opts.object_bytes.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/wire/span.h"

struct command;
struct engine;
struct engine_opts;
struct kept_object;
struct object_cache;
struct object_gauge;

// That may wait in one flow: who takes its objects slower than it asks is control's to refuse.
#define OBJECT_ANSWERS_MAX      32
#define OBJECT_ANSWER_BYTES_MAX (2 << 20)

struct object_cache *object_cache_create(const struct engine_opts *); // NULL: no memory
void object_cache_destroy(struct object_cache *);                     // bodies are control's
// CMD_OBJECT_KEEP: the body is the cache's now, and goes home from here.
void object_cache_keep(struct engine *, const struct command *);
void object_cache_drop(struct engine *, const struct command *); // CMD_OBJECTS_DROP
// A message of a FLOW_STORE flow; answer_flow_id: where its answers go. True: it asked for what is
// here, and its answer is on its way.
bool object_cache_answer(struct engine *, uint32_t session_idx, uint64_t answer_flow_id,
			 struct span message);
const struct object_gauge *object_cache_gauge(const struct object_cache *, uint16_t group);

// -- for messages that are being sent --
const uint8_t *kept_object_data(const struct kept_object *);
void kept_object_unref(struct engine *, struct kept_object *);

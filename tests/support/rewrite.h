// Reads a chunk or group message and writes it again: what vectors and fuzzers ask of every pair
// of reader and writer.
#ifndef ANNULUS_TESTS_REWRITE_H
#define ANNULUS_TESTS_REWRITE_H

#include "dataplane/wire/chunk.h"
#include "dataplane/wire/flow_kind.h"

// 0; -EBADMSG if it does not parse; -ENOENT if the type is unknown; -ENOBUFS. `data` carries the
// numbers of a User Data chunk to the Next User Data chunks of its packet, and starts zeroed.
int chunk_rewrite(struct wr *w, const struct chunk *c, struct user_data *data);

// The same for a message of a flow of that kind. -ENOENT also for kinds that carry no group
// messages.
int group_msg_rewrite(struct wr *w, enum flow_kind kind, struct span msg);

#endif

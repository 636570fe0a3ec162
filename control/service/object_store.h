// Objects of groups on disk, in LMDB: what a super-peer that mirrors a group has. A batch is there
// as a whole or not at all, whenever the process is killed; what object_store_put has returned is
// there after a power failure, too. One thread.
#pragma once

#include <stdint.h>

#include "control/group/ranges.h"

struct object_store;

struct stored_object {
	uint8_t group[GROUP_ID_LEN];
	uint64_t index;
	uint8_t encoding; // enum object_encoding
	struct span octets;
};

// directory: made if need be. bytes_max: of the file, so of objects somewhat less. NULL: -errno in
// *err.
struct object_store *object_store_open(const char *directory, uint64_t bytes_max, int *err);
void object_store_close(struct object_store *);

// All of them, in one transaction: what was there before is replaced. 0, -ENOSPC or -EIO: none.
int object_store_put(struct object_store *, const struct stored_object *, uint32_t n);
// o->group and o->index say which; the rest is filled in. octets lie in buffer. 0, -ENOENT, -EIO,
// or -EMSGSIZE: it has more than max octets.
int object_store_get(struct object_store *, struct stored_object *o, uint8_t *buffer, uint32_t max);
// What there is of a range, some thousand in a transaction: a kill leaves the rest of them.
int object_store_remove_range(struct object_store *, const uint8_t group[GROUP_ID_LEN],
			      uint64_t first, uint64_t last);
// Adds the group's indices from first to last to have, as if first were 0, and the octets of those
// objects to *bytes. 0 or -errno.
int object_store_list(struct object_store *, const uint8_t group[GROUP_ID_LEN], uint64_t first,
		      uint64_t last, struct ranges *have, uint64_t *bytes);

// The hashes of a file (docs/spx.md, "A file"): a root, and the lists below it as they come. Says
// of each object whether it is the right one.
#pragma once

#include "control/group/ranges.h"
#include "control/service/file_layout.h"

struct file_tree {
	struct file_root root; // spans into root_octets
	uint8_t *root_octets;
	uint32_t root_len;
	uint8_t hash[FILE_HASH_LEN];      // of the root
	uint8_t (*hashes)[FILE_HASH_LEN]; // of pieces, list behind list
	struct ranges lists;              // numbers of those that are there
};

// 0; -EBADMSG: that is no root; -ENOMEM. After an error there is nothing to clear.
int file_tree_init(struct file_tree *, struct span root);
void file_tree_clear(struct file_tree *);
bool file_tree_has_list(const struct file_tree *, uint32_t list);
uint8_t *file_tree_list(const struct file_tree *, uint32_t list); // its hashes
// Takes a list in. 0, -EBADMSG: it is another one, -ENOMEM.
int file_tree_learn(struct file_tree *, uint32_t list, struct span object);
// 0; -EBADMSG: not this piece; -EAGAIN: its list is not there yet, nobody can say.
int file_tree_check(const struct file_tree *, uint64_t piece, struct span object);
// What may be asked for, of what is not in have (indices): pieces only once their list is there.
bool file_tree_next_wanted(const struct file_tree *, const struct ranges *have, uint64_t from,
			   struct index_range *);

// Things by their 32-octet id: groups, members. Nodes belong to the caller and are part of
// something of his. Strangers choose ids, so the hash is seeded.
#pragma once

#include <stdint.h>

#define ID_LEN 32

struct id_node {
	uint8_t id[ID_LEN];
	struct id_node *next;
};

struct id_table {
	struct id_node **buckets;
	uint32_t mask, n;
	uint64_t seed;
};

int id_table_init(struct id_table *, uint64_t seed); // 0, -ENOMEM
void id_table_clear(struct id_table *);              // the nodes are the caller's
// The caller has made sure that this id is not there.
void id_table_insert(struct id_table *, struct id_node *);
void id_table_remove(struct id_table *, const struct id_node *); // if it is there
// In which chain an id would be, which is on its way into the cache then; and the first in that
// chain (NULL: nobody).
uint64_t id_table_place(const struct id_table *, const uint8_t id[ID_LEN]);
struct id_node *id_table_first(const struct id_table *, uint64_t place);
struct id_node *id_table_find(const struct id_table *, const uint8_t id[ID_LEN]);
struct id_node *id_table_find_at(const struct id_table *, uint64_t place, const uint8_t id[ID_LEN]);

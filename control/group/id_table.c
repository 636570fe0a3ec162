#include "control/group/id_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/fetch.h"

enum { BUCKETS_FIRST = 16 };

int id_table_init(struct id_table *t, uint64_t seed)
{
	memset(t, 0, sizeof(*t));
	t->buckets = calloc(BUCKETS_FIRST, sizeof(struct id_node *));
	if (t->buckets == NULL)
		return -ENOMEM;
	t->mask = BUCKETS_FIRST - 1;
	t->seed = seed;
	return 0;
}

void id_table_clear(struct id_table *t)
{
	free(t->buckets);
	memset(t, 0, sizeof(*t));
}

static uint64_t hash(const struct id_table *t, const uint8_t id[ID_LEN])
{
	uint64_t h = t->seed, w[4];

	memcpy(w, id, sizeof(w));
	for (int i = 0; i < 4; i++) { // every bit of the id reaches the low bits
		h = (h ^ w[i]) * UINT64_C(0x9e3779b97f4a7c15);
		h = (h ^ h >> 29) * UINT64_C(0xbf58476d1ce4e5b9);
		h ^= h >> 32;
	}
	return h;
}

static struct id_node **bucket(const struct id_table *t, const uint8_t id[ID_LEN])
{
	return &t->buckets[hash(t, id) & t->mask];
}

// Twice the buckets; without memory the chains just get longer.
static void grow(struct id_table *t)
{
	uint32_t n_old = t->mask + 1;
	struct id_node **old = t->buckets;
	struct id_node **grown = calloc(2 * (size_t)n_old, sizeof(struct id_node *));

	if (grown == NULL)
		return;
	t->buckets = grown;
	t->mask = 2 * n_old - 1;
	for (uint32_t i = 0; i < n_old; i++)
		while (old[i] != NULL) {
			struct id_node *node = old[i], **to = bucket(t, node->id);

			old[i] = node->next;
			node->next = *to;
			*to = node;
		}
	free(old);
}

void id_table_insert(struct id_table *t, struct id_node *node)
{
	struct id_node **to;

	if (2 * t->n > t->mask) // most are the first of their chains
		grow(t);
	to = bucket(t, node->id);
	node->next = *to;
	*to = node;
	t->n++;
}

void id_table_remove(struct id_table *t, const struct id_node *node)
{
	for (struct id_node **at = bucket(t, node->id); *at != NULL; at = &(*at)->next)
		if (*at == node) {
			*at = node->next;
			t->n--;
			return;
		}
}

struct id_node *id_table_find(const struct id_table *t, const uint8_t id[ID_LEN])
{
	return id_table_find_at(t, hash(t, id), id);
}

struct id_node *id_table_find_at(const struct id_table *t, uint64_t place, const uint8_t id[ID_LEN])
{
	struct id_node *node = id_table_first(t, place);

	while (node != NULL && memcmp(node->id, id, ID_LEN) != 0)
		node = node->next;
	return node;
}

uint64_t id_table_place(const struct id_table *t, const uint8_t id[ID_LEN])
{
	uint64_t h = hash(t, id);

	fetch_line(&t->buckets[h & t->mask]);
	return h;
}

struct id_node *id_table_first(const struct id_table *t, uint64_t place)
{
	return t->buckets[place & t->mask];
}

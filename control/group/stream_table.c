#include "control/group/stream_table.h"

#include <stdlib.h>

#define REST_US UINT64_C(2000000)

struct row {
	struct gstream *stream; // NULL: free
	uint64_t free_us;       // when it may be used
};

struct stream_table {
	uint32_t n;
	struct row rows[];
};

struct stream_table *stream_table_create(uint32_t n_max)
{
	struct stream_table *t = calloc(1, sizeof(*t) + n_max * sizeof(t->rows[0]));

	if (t != NULL)
		t->n = n_max;
	return t;
}

void stream_table_destroy(struct stream_table *t)
{
	free(t);
}

struct gstream *stream_table_at(const struct stream_table *t, uint16_t index)
{
	return index < t->n ? t->rows[index].stream : NULL;
}

bool stream_table_take(struct stream_table *t, struct gstream *s, uint16_t *index, uint64_t now_us)
{
	for (uint32_t i = 0; i < t->n; i++)
		if (t->rows[i].stream == NULL && t->rows[i].free_us <= now_us) {
			t->rows[i].stream = s;
			*index = (uint16_t)i;
			return true;
		}
	return false;
}

void stream_table_give(struct stream_table *t, uint16_t index, uint64_t now_us)
{
	t->rows[index].stream = NULL;
	t->rows[index].free_us = now_us + REST_US;
}

#include "dataplane/io/path_table.h"

#include <errno.h>

#include "dataplane/pages.h"

int path_table_init(struct path_table *t, struct host *host, uint32_t n_rows)
{
	*t = (struct path_table){.host = host, .n_rows = n_rows};
	t->rows = pages_take(n_rows * sizeof(*t->rows));
	return t->rows != NULL ? 0 : -ENOMEM;
}

void path_table_fini(struct path_table *t)
{
	pages_give(t->rows, t->n_rows * sizeof(*t->rows));
}

void path_table_turn(struct path_table *t, uint32_t now_ms)
{
	uint32_t version = 0;

	for (uint8_t i = 0; i < t->host->n_links; i++)
		version += neighbours_version(t->host->links[i].neighbours);
	t->version = version;
	t->now_ms = now_ms;
}

int path_table_way(struct path_table *t, const uint8_t addr[16], uint8_t family, uint16_t port,
		   uint8_t endpoint, struct host_way *way)
{
	struct host_far far = {.ip = be32_get(addr), .port = port, .endpoint = endpoint};

	if (family != 4)
		return -EHOSTUNREACH;
	return host_find_way(t->host, &far, t->now_ms, way);
}

int path_table_make(struct path_table *t, uint32_t idx, const struct path *path,
		    struct host_way *way)
{
	struct path_row *r = &t->rows[idx];
	int err = path_table_way(t, path->addr, path->family, path->port, path->endpoint, way);

	r->is_made = err == 0;
	if (err != 0)
		return err;
	memcpy(r->header, way->header, sizeof(r->header));
	r->link = way->link;
	r->path_gen = path->gen;
	r->version = t->version;
	r->made_ms = t->now_ms;
	return 0;
}

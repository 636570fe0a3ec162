#include "dataplane/io/path_table.h"

#include <errno.h>

#include "dataplane/pages.h"

int path_table_init(struct path_table *t, struct host *host, uint32_t n_rows)
{
	*t = (struct path_table){.host = host, .n_rows = n_rows};
	t->rows = pages_take_hot(n_rows * sizeof(*t->rows));
	t->fronts = pages_take_hot(n_rows * sizeof(*t->fronts));
	if (t->rows != NULL && t->fronts != NULL)
		return 0;
	path_table_fini(t);
	return -ENOMEM;
}

void path_table_fini(struct path_table *t)
{
	pages_give(t->rows, t->n_rows * sizeof(*t->rows));
	pages_give(t->fronts, t->n_rows * sizeof(*t->fronts));
	t->rows = NULL;
	t->fronts = NULL;
}

void path_table_turn(struct path_table *t, uint32_t now_ms)
{
	uint32_t version = t->own_version;

	for (uint8_t i = 0; i < t->host->n_links; i++)
		version += neighbours_version(t->host->links[i].neighbours);
	t->version = version;
	t->now_ms = now_ms;
}

int path_table_way(struct path_table *t, const struct pkt *to, struct host_way *way)
{
	struct host_far far = {.ip = ip_of(to->family, to->addr),
			       .port = to->port,
			       .endpoint = to->endpoint,
			       .local = to->local};

	if (to->ttl != 0)
		return host_find_group_way(t->host, &far, to->ttl, way);
	if (to->family == 6 && !ipv6_is_host(to->addr))
		return -EHOSTUNREACH;
	return host_find_way(t->host, &far, t->now_ms, way);
}

int path_table_make(struct path_table *t, uint32_t idx, const struct path *path,
		    struct host_way *way)
{
	struct path_row *r = &t->rows[idx];
	struct pkt to = {.port = path->port,
			 .family = path->family,
			 .endpoint = path->endpoint,
			 .local = path->local};
	int err;

	memcpy(to.addr, path->addr, sizeof(to.addr));
	err = path_table_way(t, &to, way);
	r->header_len = 0;
	if (err != 0)
		return err;
	memcpy(r->tail, way->header + HOST_FRONT, HOST_TAIL);
	if (way->is_v6)
		memcpy(t->fronts[idx].octets, way->header, HOST_FRONT);
	r->header_len = way->header_len;
	r->link = way->link;
	r->is_v6 = way->is_v6;
	r->path_gen = path->gen;
	r->version = t->version;
	r->made_ms = t->now_ms;
	return 0;
}

// The headers that a worker's sessions send with: one row per row of engine_path(), made when it is
// first used and again when the session moved, a neighbour changed, or PATH_FRESH_MS passed (so
// that the neighbour table knows who is still talked to).
#pragma once

#include <assert.h>
#include <stdint.h>

#include "dataplane/io/host.h"
#include "dataplane/pkt.h"

#define PATH_FRESH_MS 8000

struct path_row {
	uint8_t header[HOST_HEADER_LEN]; // ipv4_udp_finish is still to come, on a copy
	uint8_t link;
	uint8_t is_made;
	uint32_t path_gen; // of the struct path that it was made from
	uint32_t version;  // path_table's at that time
	uint32_t made_ms;
	uint8_t rsv[8];
};
static_assert(sizeof(struct path_row) == 64, "one line per packet out");

struct path_table {
	struct host *host; // borrowed
	struct path_row *rows;
	uint32_t n_rows;
	uint32_t version; // changes with every neighbour that changes
	uint32_t now_ms;
};

// n_rows: engine_n_paths(). -ENOMEM.
int path_table_init(struct path_table *, struct host *host, uint32_t n_rows);
void path_table_fini(struct path_table *);

// Once a turn: the time, and whether neighbours changed.
void path_table_turn(struct path_table *, uint32_t now_ms);

// Makes a way for an address, without a row: 0 or as host_find_way.
int path_table_way(struct path_table *, const uint8_t addr[16], uint8_t family, uint16_t port,
		   uint8_t endpoint, struct host_way *);
// The same for a path, and keeps it in row idx if it is complete.
int path_table_make(struct path_table *, uint32_t idx, const struct path *, struct host_way *);

// The row, if it is still good; else NULL: path_table_make.
static inline const struct path_row *path_table_row(const struct path_table *t, uint32_t idx,
						    const struct path *path)
{
	const struct path_row *r = &t->rows[idx];

	return r->is_made && r->path_gen == path->gen && r->version == t->version &&
			       t->now_ms - r->made_ms < PATH_FRESH_MS
		       ? r
		       : NULL;
}

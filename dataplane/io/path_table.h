// The headers that a worker's sessions send with: one row per row of engine_path(), made when it is
// first used and again when the session moved, a neighbour or an address of ours changed, or
// PATH_FRESH_MS passed (so that the neighbour table knows who is still talked to).
//
// A row of IPv4 is one line. IPv6's headers are longer by 20 octets: what does not fit stands in a
// second table, half a line per row, which costs no memory before it is used.
#pragma once

#include <assert.h>
#include <stdint.h>

#include "dataplane/io/host.h"
#include "dataplane/pkt.h"

#define PATH_FRESH_MS 8000

struct path_row {
	uint8_t tail[HOST_TAIL]; // the header's last octets; lengths and checksums are still to
				 // come
	uint8_t link;
	uint8_t header_len; // 0: not made
	uint8_t is_v6;      // the rest is in the front table
	uint8_t rsv;
	uint16_t path_gen; // of the struct path that it was made from
	uint16_t rsv2;
	uint32_t version; // path_table's at that time
	uint32_t made_ms;
};
static_assert(sizeof(struct path_row) == 64, "one line per packet out");

struct path_front {
	uint8_t octets[HOST_FRONT];
};
static_assert(64 % sizeof(struct path_front) == 0, "and never more than one for IPv6");

struct path_table {
	struct host *host; // borrowed
	struct path_row *rows;
	struct path_front *fronts;
	uint32_t n_rows;
	uint32_t version;     // changes with every neighbour that changes,
	uint32_t own_version; // and with every address of ours: whoever changes one counts up
	uint32_t now_ms;
};

// n_rows: engine_n_paths(). -ENOMEM.
int path_table_init(struct path_table *, struct host *host, uint32_t n_rows);
void path_table_fini(struct path_table *);

// Once a turn: the time, and whether neighbours changed.
void path_table_turn(struct path_table *, uint32_t now_ms);

// Makes a way for an address, without a row: 0 or as host_find_way. to: as in a pkt without a path.
int path_table_way(struct path_table *, const struct pkt *to, struct host_way *);
// The same for a path, and keeps it in row idx if it is complete.
int path_table_make(struct path_table *, uint32_t idx, const struct path *, struct host_way *);

// The row, if it is still good; else NULL: path_table_make. path_gen: as the path is now.
static inline const struct path_row *path_table_row(const struct path_table *t, uint32_t idx,
						    uint16_t path_gen)
{
	const struct path_row *r = &t->rows[idx];

	return r->header_len != 0 && r->path_gen == path_gen && r->version == t->version &&
			       t->now_ms - r->made_ms < PATH_FRESH_MS
		       ? r
		       : NULL;
}

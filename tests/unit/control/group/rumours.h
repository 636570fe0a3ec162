// Gossip from a raw neighbour.
#pragma once

#include "tests/unit/control/group/raw_peer.h"

struct rumour {
	const uint8_t *id; // NULL: somebody who does not exist
	const struct wire_addr *addr;
	uint64_t age_s;
};

static inline void raw_gossip(struct raw_peer *t, const struct rumour *rumours, size_t n)
{
	uint8_t octets[8192];
	struct wr w = wr_over(octets, sizeof(octets));
	struct group_report_self self = {.receiver_addr = t->node->addr};

	group_report_write_self(&w, &self);
	for (size_t i = 0; i < n; i++) {
		struct group_report_record r = {.peer_id = {(uint8_t)(i + 1), 0xaa},
						.age_s = rumours[i].age_s};

		if (rumours[i].id != NULL)
			memcpy(r.peer_id, rumours[i].id, PEER_ID_LEN);
		if (rumours[i].addr != NULL) {
			r.addrs.addrs[0] = *rumours[i].addr;
			r.addrs.addrs[0].origin = ADDR_OBSERVED;
			r.addrs.n = 1;
		}
		group_report_write_record(&w, &r);
	}
	raw_send(t->e, t->main, octets, w.len);
	world_run(t->w, 50 * MS);
}

static inline struct world_node *raw_member(struct raw_peer *t)
{
	struct world_node *n = world_add(t->w, &(struct world_role){.is_super = false});

	world_join(n, RAW_SPEC);
	return n;
}

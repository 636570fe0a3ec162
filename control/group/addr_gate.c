#include "control/group/addr_gate.h"

#define PAUSE_US UINT64_C(30000000)

bool addr_gate_passes(struct addr_gate *g, const struct wire_addr *a, uint64_t now_us)
{
	uint64_t *tried_us = &g->tried_us[wire_addr_hash(a, g->seed) % ADDR_GATE_ROWS];

	if (*tried_us != 0 && now_us < *tried_us + PAUSE_US)
		return false;
	*tried_us = now_us;
	return true;
}

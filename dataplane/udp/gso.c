#include "dataplane/udp/gso.h"

#include <stdbool.h>
#include <string.h>

static bool same_destination(const struct pkt *a, const struct pkt *b)
{
	if (a->path_idx != b->path_idx || a->endpoint != b->endpoint)
		return false;
	if (a->path_idx != PATH_NONE)
		return true;
	return a->family == b->family && a->port == b->port &&
	       memcmp(a->addr, b->addr, sizeof(a->addr)) == 0;
}

uint16_t gso_run(const struct pkt *pkts, uint16_t n)
{
	uint32_t bytes = pkts[0].len;
	uint16_t run = 1;

	if (pkts[0].flags & PKT_PROBE)
		return 1;
	while (run < n && run < GSO_SEGMENTS_MAX) {
		if (pkts[run].flags & PKT_PROBE)
			break;
		if (!same_destination(&pkts[0], &pkts[run]) || pkts[run].len > pkts[0].len ||
		    bytes + pkts[run].len > GSO_BYTES_MAX)
			break;
		bytes += pkts[run].len;
		run++;
		if (pkts[run - 1].len < pkts[0].len) // a shorter one can only be the last
			break;
	}
	return run;
}

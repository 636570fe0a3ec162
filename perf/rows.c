#include "perf/rows.h"

void rows_add(struct bench *b)
{
	crypto_rows(b);
	wire_rows(b);
	keyer_rows(b);
	lookup_rows(b);
	startup_rows(b);
	member_rows(b);
	memory_rows(b);
	fanout_rows(b);
	receive_rows(b);
	flood_rows(b);
	sockets_rows(b);
	driver_rows(b);
	latency_rows(b);
	scaling_rows(b);
	idle_rows(b);
}

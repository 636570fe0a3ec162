// A build without DPDK or ipsec-mb has no fast path to measure.
#include "perf/rows.h"

void fanout_rows(struct bench *b)
{
	(void)b;
}

void sockets_rows(struct bench *b)
{
	(void)b;
}

void latency_rows(struct bench *b)
{
	(void)b;
}

void driver_rows(struct bench *b)
{
	(void)b;
}

void flood_rows(struct bench *b)
{
	(void)b;
}

void receive_rows(struct bench *b)
{
	(void)b;
}

void idle_rows(struct bench *b)
{
	(void)b;
}

void scaling_rows(struct bench *b)
{
	(void)b;
}

// All rows of the suite: a function per file, called in the order of the report.
#ifndef ANNULUS_PERF_ROWS_H
#define ANNULUS_PERF_ROWS_H

#include "perf/bench.h"

void rows_add(struct bench *b); // rows.c

void crypto_rows(struct bench *b);
void wire_rows(struct bench *b);
void keyer_rows(struct bench *b);
void lookup_rows(struct bench *b);
void startup_rows(struct bench *b);
void member_rows(struct bench *b);
void memory_rows(struct bench *b);
void fanout_rows(struct bench *b); // these where there is DPDK
void receive_rows(struct bench *b);
void flood_rows(struct bench *b);
void sockets_rows(struct bench *b);
void driver_rows(struct bench *b);
void latency_rows(struct bench *b);
void scaling_rows(struct bench *b);
void idle_rows(struct bench *b);

#endif

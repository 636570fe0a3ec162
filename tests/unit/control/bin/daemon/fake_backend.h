// A backend without workers: its counters are what the test says, its rings nobody else's.
#pragma once

#include "control/bin/daemon/backend.h"
#include "control/bin/daemon/rings.h"

#define FAKE_WORKERS 2

struct fake_backend {
	struct backend base;
	struct worker_stats sum;
	struct backend_worker workers[FAKE_WORKERS];
	struct budget_gauge gauges[FAKE_WORKERS][4]; // of groups; 0: in all
	struct object_gauge objects[FAKE_WORKERS][4];
};

static void fake_stats(struct backend *b, struct worker_stats *sum)
{
	*sum = ((struct fake_backend *)b)->sum;
}

static void fake_worker(struct backend *b, uint32_t worker, struct backend_worker *out)
{
	*out = ((struct fake_backend *)b)->workers[worker];
}

static void fake_gauge(struct backend *b, uint32_t worker, uint16_t group, struct budget_gauge *g)
{
	*g = ((struct fake_backend *)b)->gauges[worker][group];
}

static void fake_objects(struct backend *b, uint32_t worker, uint16_t group,
			 struct object_gauge *g)
{
	*g = ((struct fake_backend *)b)->objects[worker][group];
}

static struct wire_addr fake_local(const struct backend *b, enum daemon_endpoint e)
{
	return (struct wire_addr){.ip = {192, 0, 2, 1}, .port = (uint16_t)(1935 + e), .family = 4};
}

static uint8_t fake_reach(const struct backend *b, enum daemon_endpoint e,
			  struct wire_addr out[REPORTED_ADDRS_MAX])
{
	out[0] = fake_local(b, e);
	return 1;
}

static const struct backend_kind fake_kind = {
	.name = "fake",
	.local = fake_local,
	.reach = fake_reach,
	.stats = fake_stats,
	.worker = fake_worker,
	.gauge = fake_gauge,
	.objects = fake_objects,
};

/*
 * drivers/: the same relay on ports of real drivers and on a port of rings, in turns. What a
 * driver's far side costs is not in it, but for what a kernel does within our system calls.
 */
#include <stdio.h>

#include "perf/driver.h"
#include "perf/pair.h"
#include "perf/rows.h"

void driver_rows(struct bench *b)
{
	static struct world *(*const create[DRIVERS_N])(
		struct engine *, struct mailbox *, const struct race_opts *,
		struct ratio *) = {virtio_create, memif_create, af_packet_create, tap_create};

	for (unsigned i = 0; i < DRIVERS_N; i++) {
		struct race_opts rings = race_shape(1, 64, 1000, false), driver;
		char name[64];

		rings.is_disturbed = true; // a kernel may drop, and says nothing about us
		driver = rings;
		driver.world = create[i];
		snprintf(name, sizeof(name), "drivers/%s/1x64/1000B/sum", driver_names[i]);
		pair_row(b, driver, rings, driver_names[i], "a port of rings",
			 (struct bench_goal){NULL}, name);
	}
}

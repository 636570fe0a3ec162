#include "perf/cores.h"

#include <sched.h>
#include <string.h>

void cores_pin(void)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set) != 0)
		return;
	for (int i = CPU_SETSIZE - 1; i >= 0; i--) {
		if (!CPU_ISSET(i, &set))
			continue;
		CPU_ZERO(&set);
		CPU_SET(i, &set);
		sched_setaffinity(0, sizeof(set), &set);
		return;
	}
}

// The kernel keeps those of a set that there are; with none it refuses the set.
bool cores_leave(void)
{
	cpu_set_t mine, others;

	if (sched_getaffinity(0, sizeof(mine), &mine) != 0)
		return false;
	memset(&others, 0xff, sizeof(others));
	CPU_XOR(&others, &others, &mine);
	return sched_setaffinity(0, sizeof(others), &others) == 0;
}

void cores_unpin(void)
{
	cpu_set_t all;

	memset(&all, 0xff, sizeof(all));
	sched_setaffinity(0, sizeof(all), &all);
}

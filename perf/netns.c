#include "perf/netns.h"

#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

int netns_enter(const char *setup)
{
	int before = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);

	if (before < 0)
		return -1;
	if (unshare(CLONE_NEWNET) != 0) {
		close(before);
		return -1;
	}
	if (system(setup) == 0)
		return before;
	netns_leave(before);
	return -1;
}

void netns_leave(int before)
{
	if (setns(before, CLONE_NEWNET) != 0)
		abort(); // what follows would be measured in the wrong network
	close(before);
}

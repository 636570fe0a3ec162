#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "perf/suite.h"

// The value of the first line of /proc/cpuinfo that begins so, without its newline.
static void cpuinfo_value(const char *key, char *value, size_t size)
{
	FILE *f = fopen("/proc/cpuinfo", "re");
	char *line = NULL, *colon;
	size_t room = 0;

	snprintf(value, size, "unknown");
	if (f == NULL)
		return;
	while (getline(&line, &room, f) > 0) {
		if (strncmp(line, key, strlen(key)) != 0 || (colon = strchr(line, ':')) == NULL)
			continue;
		colon += strspn(colon, ": \t");
		colon[strcspn(colon, "\n")] = 0;
		snprintf(value, size, "%s", colon);
		break;
	}
	free(line);
	fclose(f);
}

void machine_read(struct machine *m)
{
	struct utsname u;
	double load[3];
	time_t now = time(NULL);
	struct tm utc;

	cpuinfo_value("model name", m->cpu, sizeof(m->cpu));
	cpuinfo_value("flags", m->flags, sizeof(m->flags));
	m->n_cpus = sysconf(_SC_NPROCESSORS_ONLN);
	if (uname(&u) == 0)
		snprintf(m->kernel, sizeof(m->kernel), "%.40s %.40s", u.sysname, u.release);
	if (getloadavg(load, 3) == 3)
		snprintf(m->load, sizeof(m->load), "%.2f %.2f %.2f", load[0], load[1], load[2]);
	gmtime_r(&now, &utc);
	strftime(m->date, sizeof(m->date), "%Y-%m-%d %H:%M UTC", &utc);
}

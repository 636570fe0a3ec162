#include "control/bin/daemon/args.h"

#include <getopt.h>
#include <stdio.h>

static const char usage[] =
	"usage: annulusd --config FILE          run\n"
	"       annulusd --check --config FILE  check the file, create nothing\n"
	"       annulusd --defaults             print a complete file with every key explained\n"
	"       annulusd --version\n"
	"\n"
	"Runs in the foreground until SIGINT or SIGTERM; SIGHUP opens the log file anew and\n"
	"takes limits.bandwidth, limits.neighbour_bandwidth and groups[].bandwidth from FILE.\n"
	"annulusctl looks into a running annulusd.\n"
	"\n"
	"exit code: 0 done, 1 wrong arguments or configuration, 2 could not start\n";

void daemon_usage(void)
{
	fputs(usage, stdout);
}

static int complain(const char *text)
{
	fprintf(stderr, "annulusd: %s; annulusd --help shows what there is\n", text);
	return DAEMON_USAGE;
}

int daemon_args_parse(struct daemon_args *a, int argc, char **argv)
{
	enum { CONFIG = 'c', HELP = 'h', CHECK = 256, DEFAULTS, VERSION };
	static const struct option options[] = {
		{"config", required_argument, NULL, CONFIG}, {"check", no_argument, NULL, CHECK},
		{"defaults", no_argument, NULL, DEFAULTS},   {"help", no_argument, NULL, HELP},
		{"version", no_argument, NULL, VERSION},     {0},
	};
	int option;

	*a = (struct daemon_args){.config = NULL};
	while ((option = getopt_long(argc, argv, "c:h", options, NULL)) != -1) {
		if (option == CONFIG)
			a->config = optarg;
		else if (option == CHECK)
			a->wants_check = true;
		else if (option == DEFAULTS)
			a->wants_defaults = true;
		else if (option == HELP)
			a->wants_help = true;
		else if (option == VERSION)
			a->wants_version = true;
		else // getopt has said what it is
			return DAEMON_USAGE;
	}
	if (optind < argc)
		return complain("it takes options only");
	if (a->wants_help || a->wants_version || a->wants_defaults || a->config != NULL)
		return 0;
	return complain("no --config FILE was given");
}

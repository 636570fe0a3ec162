// The command line of annulusd.
#pragma once

#include <stdbool.h>

enum daemon_exit {
	DAEMON_OK = 0,
	DAEMON_USAGE = 1, // command line or configuration
	DAEMON_START = 2, // could not start: a port, a file, memory
};

struct daemon_args {
	const char *config; // NULL: none given
	bool wants_check, wants_defaults, wants_help, wants_version;
};

// 0, or DAEMON_USAGE after one line on stderr.
int daemon_args_parse(struct daemon_args *, int argc, char **argv);
void daemon_usage(void); // to stdout

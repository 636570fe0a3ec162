// annulusctl, all but its main(): so that tests can be its user.
#ifndef ANNULUS_CONTROL_ADMIN_CTL_H
#define ANNULUS_CONTROL_ADMIN_CTL_H

#include <stdio.h>

enum ctl_exit {
	CTL_OK = 0,
	CTL_USAGE = 1,       // arguments
	CTL_UNREACHABLE = 2, // no daemon there, or no whole reply
	CTL_REFUSED = 3,     // the daemon says no
};

// Returns what the process should exit with; text goes to `out`, complaints to `errors`.
int ctl_main(int argc, char **argv, FILE *out, FILE *errors);

#endif

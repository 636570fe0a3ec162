// A network namespace for the moment in which sockets and devices are made; they stay in it, and it
// ends with the last of them.
#ifndef ANNULUS_PERF_NETNS_H
#define ANNULUS_PERF_NETNS_H

// A new namespace, in which a shell has run `setup`. What netns_leave wants, or -1: no rights, or
// the shell failed.
int netns_enter(const char *setup);
void netns_leave(int before);

#endif

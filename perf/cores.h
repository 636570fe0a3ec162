/*
 * Which cores a row runs on. All that one thread does is measured on one core; what a row starts
 * beside it, a second worker or a process of its own, inherits that core and must leave it, or the
 * two take turns of some milliseconds.
 *
 * `taskset` before the suite chooses the core of the first; the others are all that the system's
 * cpuset has.
 */
#ifndef ANNULUS_PERF_CORES_H
#define ANNULUS_PERF_CORES_H

#include <stdbool.h>

// This thread and what it starts: the last core it may use, since the first one serves interrupts.
void cores_pin(void);

// This thread leaves the core that it is pinned to for the others. False: there is no other.
bool cores_leave(void);

// This thread may use every core again.
void cores_unpin(void);

#endif

// What workers report in figures and fragments: round trips, silence, progress of streams.
#pragma once

#include "control/group/internal.h"

void figures_timers(struct groups *); // asks for what is needed
void figures_soon(struct groups *);   // there is a stream now
uint64_t figures_deadline_us(const struct groups *);

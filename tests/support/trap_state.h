// The traps from inside: what their files share. Not for others.
#ifndef ANNULUS_TESTS_TRAP_STATE_H
#define ANNULUS_TESTS_TRAP_STATE_H

#include "tests/support/trap.h"

// Lowers all traps of this thread if they are armed, and notes why; true: they were. Whoever
// lowered them raises them again when it has done what was asked.
bool trap_lower(enum trap_kind, const char *name);
void trap_raise(bool were_armed);

#endif

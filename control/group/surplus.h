// Neighbours that the last choice did not name, beyond what a member needs: they are asked to part,
// and may (groups.md 4.2, 10.5; NG-25).
#pragma once

#include "control/group/internal.h"

bool surplus_is_there(const struct group *);
void surplus_ask(struct neighbour *); // unless it is wanted, was asked lately, or has to be kept
void surplus_ask_all(struct group *);
// It asks for it itself. By the last choice: the caller sees to it that it is not old.
bool surplus_may_leave(const struct neighbour *);

// Answers to CMD_STATS: rows of a table in bodies, as many a turn as the report ring takes.
#pragma once

#include "dataplane/core/internal.h"

void stats_ask(struct engine *, const struct command *);
void stats_answer(struct engine *);

// The operator's applications (config `apps`) as control/rpc judges connects by them.
#pragma once

#include "config/config.h"
#include "control/rpc/apps.h"

// One for each of cfg->apps; texts are borrowed from cfg. NULL: no memory.
struct rpc_app *app_rules_create(const struct config *);
void app_rules_destroy(struct rpc_app *, uint32_t n); // NULL is fine

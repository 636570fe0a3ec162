// What the configuration asks about groupspecs, answered by the room that knows them.
#pragma once

#include "config/config.h"

extern const struct config_hooks groupspec_hooks;

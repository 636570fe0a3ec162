// Where a turn's time goes. The linker puts these watchers around the engine's entry points
// (--wrap, in meson.build) and crypto's back end is called through one; they read the clock only
// while a row asks for it.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "crypto/backend.h"

struct stages {
	uint64_t ticks[8]; // by enum race_stage
	const struct crypto_calls *inner;
	struct crypto_calls outer;
};

void stages_watch(struct stages *, struct crypto *, bool is_on);
void stages_unwatch(struct stages *, struct crypto *);
void stages_forget(struct stages *);

// Two members open to each other, and a seed chooses what happens next: which datagram arrives, is
// lost, comes twice or late, when time passes, who begins, whose port changes. So orders come up
// that no line with delays would bring about.
#pragma once

#include "tests/sim/world.h"

struct glare_figures {
	uint32_t n_steps, n_lost, n_twice, n_moved, n_retries;
	uint32_t n_cookie_changes;    // that a responder sent
	uint32_t n_dropped, n_yields; // IIKeyings of a far end that was being opened to
};

// In the wide ones a datagram may be 8 s late, and a translator gives new ports at any time.
enum glare_way { GLARE_DIRECT, GLARE_INTRODUCED, GLARE_DIRECT_WIDE, GLARE_INTRODUCED_WIDE };

// A run of a scenario; its row is an enum glare_way, its figures are the above.
void glare_order(const struct sim_run *);

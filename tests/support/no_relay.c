// No streams, under a test that steers the engine (steered_dep). Weak: what the test defines
// counts.
#include "dataplane/core/internal.h"

#define WEAK __attribute__((weak))

WEAK struct relay *relay_create(const struct engine_opts *opts)
{
	static char none;

	return (struct relay *)&none;
}

WEAK void relay_destroy(struct engine *e, struct relay *r)
{
}

WEAK void relay_fetch(const struct engine *e, uint32_t idx, uint16_t stream, enum relay_fetch what)
{
}

WEAK void relay_on_fragment(struct engine *e, uint32_t idx, uint16_t stream, struct span m)
{
}

WEAK bool relay_on_control(struct engine *e, uint32_t idx, uint16_t stream, struct span m)
{
	return false;
}

WEAK void relay_flow_lost(struct engine *e, uint32_t flow_idx)
{
}

WEAK void relay_flow_open_again(struct engine *e, uint32_t idx)
{
}

WEAK void relay_flow_gone(struct engine *e, uint32_t flow_idx)
{
}

WEAK void relay_session_gone(struct engine *e, uint32_t idx)
{
}

WEAK void relay_session_ungroup(struct engine *e, uint32_t idx)
{
}

WEAK void relay_command(struct engine *e, const struct command *cmd)
{
}

WEAK void relay_budget_changed(struct engine *e)
{
}

WEAK void relay_handoffs(struct engine *e)
{
}

WEAK bool relay_tx_fresh(struct engine *e)
{
	return false;
}

WEAK bool relay_tx_behind(struct engine *e)
{
	return false;
}

WEAK void relay_timers(struct engine *e, uint64_t now_us)
{
}

WEAK uint64_t relay_deadline_us(const struct engine *e)
{
	return UINT64_MAX;
}

WEAK uint32_t relay_stream_stats(struct engine *e, uint32_t *at, struct stream_stats *rows,
				 uint32_t n_max)
{
	return 0;
}

WEAK uint32_t relay_link_stats(struct engine *e, uint32_t *at, struct link_stats *rows,
			       uint32_t n_max)
{
	return 0;
}

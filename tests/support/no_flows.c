// No flows, under a test that steers the engine (steered_dep). Weak: what the test defines counts.
#include "dataplane/core/internal.h"

#define WEAK __attribute__((weak))

WEAK struct flows *flows_create(const struct engine_opts *opts)
{
	static struct flows_pub none;

	return (struct flows *)&none;
}

WEAK void flows_destroy(struct flows *f)
{
}

WEAK void flows_fetch_tx(const struct engine *e, uint32_t idx)
{
}

WEAK void flows_fetch_ring(const struct engine *e, uint32_t idx)
{
}

WEAK void flows_fetch_rx(const struct engine *e, uint32_t idx)
{
}

WEAK void flows_fetch_relay(const struct engine *e, uint32_t idx, enum relay_fetch what)
{
}

WEAK void flows_on_user_data(struct engine *e, uint32_t idx, struct rx_ctx *ctx, struct span p)
{
}

WEAK void flows_on_next_user_data(struct engine *e, uint32_t idx, struct rx_ctx *ctx, struct span p)
{
}

WEAK void flows_on_ack(struct engine *e, uint32_t idx, struct rx_ctx *ctx, struct span p,
		       bool is_bitmap)
{
}

WEAK void flows_on_buffer_probe(struct engine *e, uint32_t idx, struct span p)
{
}

WEAK void flows_on_exception(struct engine *e, uint32_t idx, struct span p)
{
}

WEAK void flows_after_packet(struct engine *e, uint32_t idx, struct rx_ctx *ctx)
{
}

WEAK bool flows_write_acks(struct engine *e, uint32_t idx, struct txp *t, bool is_primary)
{
	return false;
}

WEAK bool flows_send_ack(struct engine *e, uint32_t idx)
{
	return false;
}

WEAK bool flows_write_data(struct engine *e, uint32_t idx, struct txp *t, uint8_t prio)
{
	return false;
}

WEAK void flows_open_again(struct engine *e, uint32_t idx)
{
}

WEAK void flows_on_erto(struct engine *e, uint32_t idx)
{
}

WEAK void flows_on_delack(struct engine *e, uint32_t idx)
{
}

WEAK void flows_on_probe(struct engine *e, uint32_t idx)
{
}

WEAK void flows_timers(struct engine *e, uint64_t now_us)
{
}

WEAK uint64_t flows_deadline_us(const struct engine *e)
{
	return UINT64_MAX;
}

WEAK void flows_session_gone(struct engine *e, uint32_t idx)
{
}

WEAK void flows_ungroup(struct engine *e, uint32_t idx)
{
}

WEAK void flows_command(struct engine *e, const struct command *cmd)
{
	engine_body_home(e, cmd->body);
}

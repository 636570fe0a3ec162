#include "control/startup/ctl_session.h"

#include <assert.h>
#include <string.h>

#include "control/startup/internal.h"

static struct command command_for(const struct ctl_session *s, enum command_op op)
{
	return (struct command){.op = (uint8_t)op, .session_idx = s->idx, .session_id = s->id};
}

static bool slot_is_used(const struct ctl_session *s, uint16_t slot)
{
	return slot < FLOWS_PER_SESSION && (s->tx_slots >> slot & 1) != 0;
}

static void slot_is_written(struct ctl_session *s, unsigned slot)
{
	if (slot >= s->flows_end)
		s->flows_end = (uint8_t)(slot + 1);
}

// The lowest free slot, taken; or -ENOBUFS. Its id was never used in this session (§3.6.2.2 asks
// for 130 s only, but numbers are cheap and then no old ack can be mistaken).
static int slot_take(struct ctl_session *s, uint8_t owner, void *ctx)
{
	unsigned slot;

	if (~s->tx_slots == 0)
		return -ENOBUFS;
	slot = (unsigned)__builtin_ctzll(~s->tx_slots);
	s->tx_slots |= UINT64_C(1) << slot;
	slot_is_written(s, slot);
	s->tx[slot] = (struct ctl_flow){
		.flow_id = slot + (uint64_t)FLOWS_PER_SESSION * s->tx_uses[slot]++,
		.ctx = ctx,
		.owner = owner,
	};
	return (int)slot;
}

int ctl_flow_open(struct ctl_session *s, const struct ctl_flow_opts *opts)
{
	struct command c = command_for(s, CMD_FLOW_OPEN);
	int slot;

	assert(opts->meta_len <= sizeof(c.open.meta) && opts->owner != OWNER_NONE);
	if (s->state != CTL_OPEN)
		return -ENOTCONN;
	slot = slot_take(s, opts->owner, opts->ctx);
	if (slot < 0)
		return slot;
	c.flow = (uint16_t)slot;
	c.open.flow_id = s->tx[slot].flow_id;
	c.open.assoc_id = opts->has_assoc ? opts->assoc_id : 0;
	c.open.rule_stream = opts->rule_stream;
	c.open.group = opts->group;
	c.open.prio = opts->prio;
	c.open.flags = (uint8_t)(opts->flags | (opts->has_assoc ? FLOW_OPEN_ASSOC : 0));
	c.open.meta_len = opts->meta_len;
	if (opts->meta_len > 0)
		memcpy(c.open.meta, opts->meta, opts->meta_len);
	outbox_push(s->outbox, s->worker, &c);
	return slot;
}

int ctl_flow_reserve(struct ctl_session *s, uint8_t owner, void *ctx, uint64_t *flow_id)
{
	int slot;

	if (s->state != CTL_OPEN)
		return -ENOTCONN;
	slot = slot_take(s, owner, ctx);
	if (slot >= 0)
		*flow_id = s->tx[slot].flow_id;
	return slot;
}

static void slot_give(struct ctl_session *s, uint16_t slot)
{
	s->tx_slots &= ~(UINT64_C(1) << slot);
	s->tx[slot] = (struct ctl_flow){0};
}

void ctl_flow_unreserve(struct ctl_session *s, uint16_t slot)
{
	assert(slot_is_used(s, slot));
	slot_give(s, slot);
}

void ctl_flow_freed(struct ctl_session *s, uint16_t slot)
{
	if (slot_is_used(s, slot))
		slot_give(s, slot);
}

uint64_t ctl_flow_id(const struct ctl_session *s, uint16_t slot)
{
	assert(slot_is_used(s, slot));
	return s->tx[slot].flow_id;
}

// What carries octets can be refused while the worker does not keep up.
static int push_octets(struct ctl_session *s, struct command *c, const uint8_t *data, size_t len)
{
	if (outbox_is_crowded(s->outbox, s->worker) || len > UINT32_MAX)
		return -ENOBUFS;
	c->body = outbox_body_copy(s->outbox, data, (uint32_t)len);
	if (c->body == NULL)
		return -ENOBUFS;
	c->len = (uint32_t)len;
	outbox_push(s->outbox, s->worker, c);
	return 0;
}

// A slot in use without an owner is closing.
static bool may_send(const struct ctl_session *s, uint16_t slot)
{
	return s->state == CTL_OPEN && slot_is_used(s, slot) && s->tx[slot].owner != OWNER_NONE;
}

int ctl_flow_send_parts(struct ctl_session *s, uint16_t slot, struct span head, struct span rest,
			struct outbox_account *account, uint64_t deadline_us)
{
	struct command c = command_for(s, CMD_FLOW_SEND);

	if (!may_send(s, slot))
		return -ENOTCONN;
	if (outbox_is_crowded(s->outbox, s->worker) || rest.len > UINT32_MAX - head.len)
		return -ENOBUFS;
	c.len = (uint32_t)(head.len + rest.len);
	c.body = outbox_account_body(account, c.len);
	if (c.body == NULL)
		return -ENOBUFS;
	if (head.len > 0)
		memcpy(c.body->data, head.data, head.len);
	if (rest.len > 0)
		memcpy(c.body->data + head.len, rest.data, rest.len);
	c.flow = slot;
	c.send.deadline_us = deadline_us;
	outbox_push(s->outbox, s->worker, &c);
	return 0;
}

int ctl_flow_send(struct ctl_session *s, uint16_t slot, const uint8_t *data, uint32_t len,
		  uint64_t deadline_us)
{
	struct command c = command_for(s, CMD_FLOW_SEND);

	if (!may_send(s, slot))
		return -ENOTCONN;
	c.flow = slot;
	c.send.deadline_us = deadline_us;
	return push_octets(s, &c, data, len);
}

void ctl_flow_close(struct ctl_session *s, uint16_t slot)
{
	struct command c = command_for(s, CMD_FLOW_CLOSE);

	if (s->state != CTL_OPEN || !slot_is_used(s, slot) || s->tx[slot].owner == OWNER_NONE)
		return;
	s->tx[slot].owner = OWNER_NONE;
	s->tx[slot].ctx = NULL;
	c.flow = slot;
	outbox_push(s->outbox, s->worker, &c);
}

static void flow_classify(struct ctl_session *s, uint16_t rx_slot, uint64_t flow_id,
			  struct command *c)
{
	c->flow = rx_slot;
	c->class.flow_id = flow_id;
	outbox_push(s->outbox, s->worker, c);
}

static void flow_accept(struct ctl_session *s, uint16_t rx_slot, const struct ctl_flow *flow,
			struct command *c)
{
	if (s->state != CTL_OPEN || rx_slot >= FLOWS_PER_SESSION)
		return;
	slot_is_written(s, rx_slot);
	s->rx[rx_slot] = *flow;
	flow_classify(s, rx_slot, flow->flow_id, c);
}

void ctl_flow_accept(struct ctl_session *s, uint16_t rx_slot, uint64_t flow_id, uint8_t class,
		     uint16_t stream, uint8_t owner, void *ctx)
{
	const struct ctl_flow flow = {.flow_id = flow_id, .ctx = ctx, .owner = owner};
	struct command c = command_for(s, CMD_FLOW_CLASS);

	c.class.class = class;
	c.class.stream = stream;
	flow_accept(s, rx_slot, &flow, &c);
}

void ctl_flow_accept_any_order(struct ctl_session *s, uint16_t rx_slot, uint64_t flow_id,
			       uint8_t owner, void *ctx)
{
	const struct ctl_flow flow = {
		.flow_id = flow_id, .ctx = ctx, .owner = owner, .is_any_order = true};
	struct command c = command_for(s, CMD_FLOW_CLASS);

	c.class.class = FLOW_CONTROL;
	c.class.stream = NO_STREAM;
	c.class.is_network_order = true;
	flow_accept(s, rx_slot, &flow, &c);
}

void ctl_flow_accept_store(struct ctl_session *s, uint16_t rx_slot, uint64_t flow_id,
			   uint16_t answer_slot, uint8_t owner, void *ctx)
{
	const struct ctl_flow flow = {.flow_id = flow_id, .ctx = ctx, .owner = owner};
	struct command c = command_for(s, CMD_FLOW_CLASS);

	c.class.class = FLOW_STORE;
	c.class.stream = NO_STREAM;
	c.class.answer_flow_id = ctl_flow_id(s, answer_slot);
	flow_accept(s, rx_slot, &flow, &c);
}

void ctl_flow_go_on(struct ctl_session *s, uint16_t rx_slot, uint64_t flow_id)
{
	const struct ctl_flow *f = &s->rx[rx_slot % FLOWS_PER_SESSION];

	if (f->owner == OWNER_NONE || f->flow_id != flow_id)
		return; // it ended, or was rejected, meanwhile
	if (f->is_any_order)
		ctl_flow_accept_any_order(s, rx_slot, flow_id, f->owner, f->ctx);
	else
		ctl_flow_accept(s, rx_slot, flow_id, FLOW_CONTROL, NO_STREAM, f->owner, f->ctx);
}

void ctl_flow_reject(struct ctl_session *s, uint16_t rx_slot, uint64_t flow_id, uint32_t code)
{
	struct command c = command_for(s, CMD_FLOW_CLASS);

	if (s->state != CTL_OPEN || rx_slot >= FLOWS_PER_SESSION)
		return;
	s->rx[rx_slot] = (struct ctl_flow){0};
	c.class.class = FLOW_REJECT;
	c.class.stream = NO_STREAM;
	c.class.exception = code;
	flow_classify(s, rx_slot, flow_id, &c);
}

void ctl_session_close(struct ctl_session *s, enum session_close_how how)
{
	struct command c = command_for(s, CMD_SESSION_CLOSE);

	if (s->state != CTL_OPEN)
		return;
	s->state = CTL_CLOSING;
	c.close.how = (uint8_t)how;
	outbox_push(s->outbox, s->worker, &c);
}

void ctl_session_keepalive(struct ctl_session *s, uint32_t interval_us, uint32_t suspect_us)
{
	struct command c = command_for(s, CMD_SESSION_KEEPALIVE);

	if (s->state != CTL_OPEN)
		return;
	c.keepalive.interval_us = interval_us;
	c.keepalive.suspect_us = suspect_us;
	outbox_push(s->outbox, s->worker, &c);
}

void ctl_session_ping(struct ctl_session *s, uint32_t limit_us)
{
	struct command c = command_for(s, CMD_SESSION_PING);

	if (s->state != CTL_OPEN)
		return;
	c.ping.limit_us = limit_us;
	outbox_push(s->outbox, s->worker, &c);
}

int ctl_session_chunk(struct ctl_session *s, struct span chunk)
{
	struct command c = command_for(s, CMD_SESSION_CHUNK);

	if (s->state != CTL_OPEN)
		return -ENOTCONN;
	return push_octets(s, &c, chunk.data, chunk.len);
}

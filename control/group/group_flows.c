// Flow events find their parts of the room.
#include "control/group/gc_client.h"
#include "control/group/main_flow.h"
#include "control/group/neighbour.h"
#include "control/group/spx.h"
#include "control/group/stream_flows.h"

static enum flow_kind kind_of(const struct report *r)
{
	if (r->opened.meta_len > FLOW_META_MAX)
		return FLOW_UNKNOWN;
	return flow_kind_of(span_of(r->opened.meta, r->opened.meta_len), NULL);
}

static void control_opened(struct groups *gs, struct ctl_session *cs, const struct report *r)
{
	if (gs->gc != NULL && cs->endpoint == gs->o.server_endpoint)
		gc_server_flow_opened(gs->gc, cs, r->flow, r->opened.flow_id);
	else
		gc_client_flow_opened(gs, cs, r);
}

void groups_flow_opened(struct groups *gs, struct ctl_session *cs, const struct report *r,
			uint64_t now_us)
{
	enum flow_kind kind = kind_of(r);

	gs->now_us = now_us;
	switch (kind) {
	case FLOW_GROUP_CONTROL:
		control_opened(gs, cs, r);
		break;
	case FLOW_GROUP_MAIN:
		main_flow_opened(gs, cs, r);
		break;
	case FLOW_GROUP_STREAM:
	case FLOW_GROUP_FRAGMENTS:
		stream_flow_opened(gs, cs, r, kind);
		break;
	default:
		if (spx_carries(kind)) {
			spx_flow_opened(gs, cs, r, kind);
			break;
		}
		gs->n.flows_rejected++;
		ctl_flow_reject(cs, r->flow, r->opened.flow_id, REJECT_CODE);
	}
}

// The record of the flow in this slot, if the report is about it; NULL.
static struct ctl_flow *flow_of(struct ctl_session *cs, uint16_t slot, uint64_t flow_id)
{
	struct ctl_flow *f = slot < FLOWS_PER_SESSION ? &cs->rx[slot] : NULL;

	return f != NULL && f->flow_id == flow_id && f->ctx != NULL ? f : NULL;
}

static void group_message(struct groups *gs, enum flow_ctx *ctx, struct span message)
{
	switch (*ctx) {
	case CTX_MAIN_RX:
		main_message(gs, (struct main_rx *)ctx, message);
		break;
	case CTX_STREAM_RX:
		stream_rx_message(gs, (struct stream_rx *)ctx, message);
		break;
	case CTX_LINK:
		stream_link_message(gs, (struct stream_link *)ctx, message);
		break;
	case CTX_SPX:
		spx_message((struct spx_lane *)ctx, message);
		break;
	case CTX_NEIGHBOUR: // of send flows alone
		break;
	}
}

void groups_message(struct groups *gs, struct ctl_session *cs, const struct report *r,
		    uint64_t now_us)
{
	struct ctl_flow *f = flow_of(cs, r->flow, r->message.flow_id);
	struct span message =
		span_of(r->body != NULL ? r->body->data : NULL, r->body != NULL ? r->len : 0);

	gs->now_us = now_us;
	if (f == NULL)
		return;
	if (f->owner == OWNER_GC_SERVER && gs->gc != NULL)
		gc_server_message(gs->gc, cs, r->flow, message, now_us);
	else if (f->owner == OWNER_GC_CLIENT)
		gc_client_message(gs, f->ctx, message);
	else if (f->owner == OWNER_GROUP)
		group_message(gs, f->ctx, message);
}

static void group_finished(struct groups *gs, enum flow_ctx *ctx, const struct report *r)
{
	switch (*ctx) {
	case CTX_MAIN_RX:
		main_flow_finished(gs, (struct main_rx *)ctx);
		break;
	case CTX_STREAM_RX:
		stream_rx_finished((struct stream_rx *)ctx);
		break;
	case CTX_LINK:
		stream_link_finished((struct stream_link *)ctx, r->flow, r->opened.flow_id);
		break;
	case CTX_SPX:
		spx_finished((struct spx_lane *)ctx, r->flow, r->opened.flow_id);
		break;
	case CTX_NEIGHBOUR:
		break;
	}
}

void groups_flow_finished(struct groups *gs, struct ctl_session *cs, const struct report *r,
			  uint64_t now_us)
{
	struct ctl_flow *f = flow_of(cs, r->flow, r->opened.flow_id);

	gs->now_us = now_us;
	if (f == NULL)
		return;
	if (f->owner == OWNER_GC_SERVER && gs->gc != NULL)
		gc_server_flow_finished(gs->gc, cs, r->flow);
	else if (f->owner == OWNER_GC_CLIENT)
		gc_client_finished(f->ctx);
	else if (f->owner == OWNER_GROUP)
		group_finished(gs, f->ctx, r);
}

// groups.md 4.3: an exception on a main flow ends the relation.
static void group_exception(enum flow_ctx *ctx, uint16_t slot)
{
	if (*ctx == CTX_NEIGHBOUR)
		neighbour_end((struct neighbour *)ctx, END_FAR);
	else if (*ctx == CTX_LINK)
		stream_link_exception((struct stream_link *)ctx, slot);
	else if (*ctx == CTX_SPX)
		spx_exception((struct spx_lane *)ctx, slot);
}

void groups_flow_exception(struct groups *gs, struct ctl_session *cs, const struct report *r,
			   uint64_t now_us)
{
	struct ctl_flow *f = r->flow < FLOWS_PER_SESSION ? &cs->tx[r->flow] : NULL;

	gs->now_us = now_us;
	if (f == NULL || f->ctx == NULL || f->flow_id != r->exception.flow_id)
		return;
	if (f->owner == OWNER_GC_SERVER && gs->gc != NULL)
		gc_server_flow_exception(gs->gc, cs, r->flow);
	else if (f->owner == OWNER_GC_CLIENT)
		gc_client_exception(f->ctx);
	else if (f->owner == OWNER_GROUP)
		group_exception(f->ctx, r->flow);
}

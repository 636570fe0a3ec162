#include "control/group/main_flow.h"

#include <stdlib.h>
#include <string.h>

#include "control/group/group_reports.h"
#include "control/group/member_proof.h"
#include "control/group/neighbour.h"
#include "control/group/routes.h"
#include "control/group/spx.h"
#include "control/group/topology.h"
#include "dataplane/wire/group_member.h"

enum { NAMELESS_LIFE_US = 20000000 };

void main_flow_opened(struct groups *gs, struct ctl_session *cs, const struct report *r)
{
	struct group_session *s = NULL;
	struct main_rx *rx = NULL;

	if (cs->endpoint == gs->o.member_endpoint)
		s = group_session_get(&gs->sessions, cs);
	if (s != NULL && s->n_main_rx < MAIN_RX_MAX)
		rx = calloc(1, sizeof(*rx));
	if (rx == NULL) {
		gs->n.flows_rejected++;
		ctl_flow_reject(cs, r->flow, r->opened.flow_id, REJECT_CODE);
		group_session_put(cs);
		return;
	}
	*rx = (struct main_rx){.ctx = CTX_MAIN_RX,
			       .cs = cs,
			       .next = s->main_rx,
			       .flow_id = r->opened.flow_id,
			       .opened_us = gs->now_us,
			       .rx_slot = r->flow};
	s->main_rx = rx;
	s->n_main_rx++;
	gs->n_main_rx++;
	sweep_by(gs, gs->now_us + NAMELESS_LIFE_US);
	ctl_flow_accept(cs, rx->rx_slot, rx->flow_id, FLOW_CONTROL, NO_STREAM, OWNER_GROUP, rx);
}

// Off the session's list of nameless ones.
static void nameless_remove(struct groups *gs, struct main_rx *rx)
{
	struct group_session *s = rx->cs->groups;
	struct main_rx **at = &s->main_rx;

	while (*at != rx)
		at = &(*at)->next;
	*at = rx->next;
	s->n_main_rx--;
	gs->n_main_rx--;
}

static void nameless_reject(struct groups *gs, struct main_rx *rx)
{
	struct ctl_session *cs = rx->cs;

	nameless_remove(gs, rx);
	group_session_reject(cs, rx->rx_slot, rx->flow_id, REJECT_CODE);
	free(rx);
	session_release(gs, cs);
}

// The group that a PeerConnect proves membership of; NULL: it does not. In one place, since this is
// the gate.
static struct group *connect_check(struct groups *gs, const struct ctl_session *cs,
				   struct span message)
{
	struct group_connect c;
	struct group *g;

	if (group_msg_type(message) != GROUP_CONNECT) {
		gs->n.early_messages++;
		return NULL;
	}
	if (group_connect_read(&c, message) != 0) {
		gs->n.connects_malformed++;
		return NULL;
	}
	g = group_find(gs, c.group_id);
	if (g == NULL || g->spec.peer_to_peer_disabled) {
		gs->n.connects_unknown_group++;
		return NULL;
	}
	if (memcmp(c.receiver_id, gs->o.member_id, PEER_ID_LEN) != 0 ||
	    !member_proof_is_right(&g->spec, cs->near_nonce, c.proof)) {
		gs->n.proofs_wrong++;
		return NULL;
	}
	return g;
}

// First message of a main flow.
static void connect_take(struct groups *gs, struct main_rx *rx, struct span message)
{
	struct ctl_session *cs = rx->cs;
	struct group *g = connect_check(gs, cs, message);
	struct neighbour *nb;

	if (g == NULL || memcmp(cs->fingerprint, gs->o.member_id, PEER_ID_LEN) == 0 ||
	    neighbour_yields(g, cs)) {
		nameless_reject(gs, rx);
		return;
	}
	nb = neighbour_find(g, cs);
	// We answer with our own proof now that theirs is good.
	if (nb == NULL && spx_banned_until_us(g, cs->fingerprint) == 0)
		nb = neighbour_make(g, cs);
	if (nb == NULL || nb->main_rx != NULL) {
		gs->n.neighbours_refused++;
		nameless_reject(gs, rx);
		return;
	}
	nameless_remove(gs, rx);
	rx->neighbour = nb;
	nb->main_rx = rx;
	neighbour_open(nb);
}

// groups.md 4.2: yes, if the asker is not among our best, there are any, and we have more than
// those.
static void ask_close_take(struct neighbour *nb)
{
	if (!spx_is_busy(nb) && topology_can_spare(nb)) // else it asks again
		neighbour_end(nb, END_DROPPED);
}

static void begin_take(struct neighbour *nb, bool is_nearest)
{
	if (nb->is_nearest != is_nearest)
		routes_soon(nb->group);
	nb->is_nearest = is_nearest;
	if (!nb->has_report_out)
		report_send(nb, false);
}

void main_message(struct groups *gs, struct main_rx *rx, struct span message)
{
	struct neighbour *nb = rx->neighbour;

	if (nb == NULL) {
		connect_take(gs, rx, message);
		return;
	}
	switch (group_msg_type(message)) {
	case GROUP_CONNECT: // said already
	case GROUP_HELLO:
		break;
	case GROUP_BEGIN_EXACT:
	case GROUP_BEGIN_NEAREST:
		begin_take(nb, group_msg_type(message) == GROUP_BEGIN_NEAREST);
		break;
	case GROUP_REPORT:
		report_take(nb, message);
		break;
	case GROUP_ASK_CLOSE:
		ask_close_take(nb);
		break;
	default:
		gs->n.unknown_messages++;
	}
}

void main_flow_finished(struct groups *gs, struct main_rx *rx)
{
	rx->cs->rx[rx->rx_slot].owner = OWNER_NONE;
	rx->cs->rx[rx->rx_slot].ctx = NULL;
	if (rx->neighbour != NULL)
		neighbour_end(rx->neighbour, END_FAR);
	else
		nameless_reject(gs, rx);
}

// When the first of the session's that may yet be named is given up. The session may go.
static uint64_t nameless_sweep(struct groups *gs, struct group_session *s)
{
	struct main_rx *rx = s->main_rx;
	uint64_t next_us = NEVER;

	while (rx != NULL) {
		struct main_rx *next = rx->next; // if there is one, the session stays

		if (rx->opened_us + NAMELESS_LIFE_US <= gs->now_us)
			nameless_reject(gs, rx);
		else
			next_us = earlier(next_us, rx->opened_us + NAMELESS_LIFE_US);
		rx = next;
	}
	return next_us;
}

uint64_t main_flows_sweep(struct groups *gs)
{
	struct group_session *s = gs->n_main_rx > 0 ? gs->sessions : NULL, *next;
	uint64_t next_us = NEVER;

	for (; s != NULL; s = next) {
		next = s->next;
		next_us = earlier(next_us, nameless_sweep(gs, s));
	}
	return next_us;
}

void main_flows_forget(struct groups *gs, struct ctl_session *cs)
{
	while (cs->groups != NULL && cs->groups->main_rx != NULL) {
		struct main_rx *rx = cs->groups->main_rx;

		nameless_remove(gs, rx);
		free(rx);
	}
}

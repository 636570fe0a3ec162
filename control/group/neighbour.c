#include "control/group/neighbour.h"

#include <stdlib.h>
#include <string.h>

#include "control/group/gc_client.h"
#include "control/group/main_flow.h"
#include "control/group/member_proof.h"
#include "control/group/routes.h"
#include "control/group/spx.h"
#include "control/group/stream_flows.h"
#include "control/group/stream_link.h"
#include "control/group/streams.h"
#include "control/group/topology.h"
#include "dataplane/wire/flow_kind.h"
#include "dataplane/wire/group_member.h"

enum {
	CALL_LIFE_US = 20000000,
	// groups.md 11 has 2 s while a stream flows, else 5 s (ours): README.md says why so much.
	KEEPALIVE_MAX_MS = 20000,
	NEXT_KEEPALIVE_MS = 5000, // of a super-peer, too: all want to know of its new life soon
	BUSY_KEEPALIVE_MS = 2000,
	NEW_LIFE_US = 9000000, // nothing that began together with a session comes so much later
	SUSPECT_US = 8000000,  // groups.md 11: so long a ping may be unanswered
	// Of those beside us while members vanish (README.md).
	UNREST_KEEPALIVE_MS = 1000,
	UNREST_SUSPECT_US = 2000000,
	UNREST_SUSPECT_RTTS = 4, // more than repeated pings need
	UNREST_US = 60000000,
};

struct neighbour *neighbour_find(const struct group *g, const struct ctl_session *cs)
{
	struct neighbour *nb = cs->groups != NULL ? cs->groups->neighbours : NULL;

	while (nb != NULL && nb->group != g)
		nb = nb->next;
	return nb;
}

// ---- our main flow ----

static int main_open(struct neighbour *nb)
{
	struct span meta = flow_kind_metadata(FLOW_GROUP_MAIN);

	return ctl_flow_open(nb->cs, &(struct ctl_flow_opts){
					     .meta = meta.data,
					     .meta_len = (uint8_t)meta.len,
					     .prio = PRIO_CONTROL,
					     .group = nb->group->limits.budget,
					     .rule_stream = NO_STREAM,
					     .owner = OWNER_GROUP,
					     .ctx = nb,
				     });
}

// Proof, the octet whose meaning nobody knows, and Begin (groups.md 4.3).
static int main_greet(struct neighbour *nb)
{
	struct group *g = nb->group;
	struct group_connect c;
	uint8_t message[256];
	struct wr w = wr_over(message, sizeof(message));
	// EXACT whatever we are: who cannot route to us must not think that it can (docs/spx.md).
	static const uint8_t hello = GROUP_HELLO, begin = GROUP_BEGIN_EXACT;
	int err;

	memcpy(c.group_id, g->spec.id, GROUP_ID_LEN);
	memcpy(c.receiver_id, nb->cs->fingerprint, PEER_ID_LEN);
	member_proof(&g->spec, nb->cs->far_nonce, c.proof);
	err = group_connect_write(&w, &c);
	if (err == 0)
		err = ctl_flow_send(nb->cs, nb->main_tx, message, (uint32_t)w.len, 0);
	if (err == 0)
		err = ctl_flow_send(nb->cs, nb->main_tx, &hello, 1, 0);
	if (err == 0)
		err = ctl_flow_send(nb->cs, nb->main_tx, &begin, 1, 0);
	return err;
}

// ---- keepalive ----

static bool has_streams(const struct neighbour *nb)
{
	for (const struct stream_link *l = nb->links; l != NULL; l = l->next_of_neighbour)
		if (l->is_linked)
			return true;
	return false;
}

static bool is_watched(const struct neighbour *nb)
{
	return nb->is_adjacent && nb->group->is_unrest;
}

uint32_t neighbour_keepalive_ms(const struct ctl_session *cs)
{
	const struct neighbour *nb = cs->groups != NULL ? cs->groups->neighbours : NULL;
	uint32_t ms = KEEPALIVE_MAX_MS;

	for (; nb != NULL; nb = nb->next)
		if (is_watched(nb))
			return UNREST_KEEPALIVE_MS;
		else if (has_streams(nb))
			ms = BUSY_KEEPALIVE_MS;
		else if ((nb->is_next || nb->is_super) && ms > NEXT_KEEPALIVE_MS)
			ms = NEXT_KEEPALIVE_MS;
		else if (nb->group->groups->keepalive_ms < ms)
			ms = nb->group->groups->keepalive_ms;
	return ms;
}

static uint32_t suspect_us(const struct ctl_session *cs)
{
	const struct neighbour *nb = cs->groups != NULL ? cs->groups->neighbours : NULL;
	uint64_t us = UNREST_SUSPECT_US;

	while (nb != NULL && !is_watched(nb))
		nb = nb->next;
	if (nb == NULL || nb->rtt_us == 0)
		return SUSPECT_US;
	if (us < nb->rtt_us * (uint64_t)UNREST_SUSPECT_RTTS)
		us = nb->rtt_us * (uint64_t)UNREST_SUSPECT_RTTS;
	return us < SUSPECT_US ? (uint32_t)us : SUSPECT_US;
}

void neighbour_keepalive(struct ctl_session *cs)
{
	ctl_session_keepalive(cs, neighbour_keepalive_ms(cs) * 1000, suspect_us(cs));
}

void neighbour_suspected(struct neighbour *nb)
{
	struct group *g = nb->group;

	g->suspected_us[0] = g->suspected_us[1];
	g->suspected_us[1] = g->groups->now_us;
}

void neighbours_unrest(struct group *g)
{
	bool is_unrest =
		g->suspected_us[0] != 0 && g->suspected_us[0] + UNREST_US > g->groups->now_us;

	if (g->is_unrest == is_unrest)
		return;
	g->is_unrest = is_unrest;
	for (uint32_t i = 0; i < g->n_neighbours; i++)
		if (g->neighbours[i]->state == NEIGHBOUR_OPEN && g->neighbours[i]->is_adjacent)
			neighbour_keepalive(g->neighbours[i]->cs);
}

void groups_peers_period(struct groups *gs, uint32_t ms, uint64_t now_us)
{
	gs->now_us = now_us;
	ms = ms < KEEPALIVE_MAX_MS ? ms : KEEPALIVE_MAX_MS;
	if (gs->keepalive_ms == ms)
		return;
	gs->keepalive_ms = ms;
	for (const struct group_session *s = gs->sessions; s != NULL; s = s->next)
		if (s->neighbours != NULL)
			neighbour_keepalive(s->cs);
}

void neighbour_adjacent(struct neighbour *nb, bool is_adjacent, bool is_next)
{
	bool is_news =
		nb->is_next != is_next || (nb->is_adjacent != is_adjacent && nb->group->is_unrest);

	if (nb->is_adjacent != is_adjacent)
		routes_soon(nb->group);
	nb->is_adjacent = is_adjacent;
	nb->is_next = is_next;
	if (is_news)
		neighbour_keepalive(nb->cs);
}

// ---- making and freeing ----

static bool list_reserve(struct group *g)
{
	uint32_t cap = g->neighbours_cap > 0 ? 2 * g->neighbours_cap : 16;
	struct neighbour **grown;

	if (g->n_neighbours < g->neighbours_cap)
		return true;
	grown = realloc(g->neighbours, cap * sizeof(struct neighbour *));
	if (grown == NULL)
		return false;
	g->neighbours = grown;
	g->neighbours_cap = cap;
	return true;
}

static void place(struct neighbour *nb, uint32_t index)
{
	nb->group->neighbours[index] = nb;
	nb->index = index;
}

static void list_add(struct neighbour *nb)
{
	struct group *g = nb->group;

	if (g->n_nameless < g->n_neighbours)
		place(g->neighbours[g->n_nameless], g->n_neighbours);
	g->n_neighbours++;
	place(nb, g->n_nameless++);
}

// To the last of the nameless ones, who is then the first of the others.
static void list_name(struct neighbour *nb)
{
	struct group *g = nb->group;
	struct neighbour *last = g->neighbours[--g->n_nameless];

	place(last, nb->index);
	place(nb, g->n_nameless);
}

static void list_remove(struct neighbour *nb)
{
	struct group *g = nb->group;

	if (nb->index < g->n_nameless)
		list_name(nb);
	place(g->neighbours[--g->n_neighbours], nb->index);
}

static void neighbour_free(struct neighbour *nb)
{
	struct neighbour **at = &nb->cs->groups->neighbours;

	while (*at != nb)
		at = &(*at)->next;
	*at = nb->next;
	list_remove(nb);
	free(nb);
}

#define NEIGHBOUR_BYTES                                                                            \
	((sizeof(struct neighbour) + NEIGHBOUR_LINE - 1) / NEIGHBOUR_LINE * NEIGHBOUR_LINE)

struct neighbour *neighbour_make(struct group *g, struct ctl_session *cs)
{
	struct groups *gs = g->groups;
	struct group_session *s = group_session_get(&gs->sessions, cs);
	struct neighbour *nb;
	int slot;

	if (s == NULL || g->n_neighbours >= g->limits.neighbours_max || !list_reserve(g))
		return NULL;
	nb = aligned_alloc(NEIGHBOUR_LINE, NEIGHBOUR_BYTES);
	if (nb == NULL)
		return NULL;
	*nb = (struct neighbour){
		.ctx = CTX_NEIGHBOUR, .group = g, .cs = cs, .called_us = gs->now_us};
	nb->next = s->neighbours;
	s->neighbours = nb;
	sweep_by(gs, gs->now_us + CALL_LIFE_US);
	list_add(nb);
	slot = main_open(nb);
	nb->main_tx = (uint16_t)slot;
	if (slot < 0 || main_greet(nb) != 0) {
		if (slot >= 0)
			ctl_flow_close(cs, nb->main_tx);
		neighbour_free(nb);
		return NULL;
	}
	return nb;
}

void neighbour_call(struct group *g, struct ctl_session *cs)
{
	if (neighbour_find(g, cs) != NULL || cs->state != CTL_OPEN)
		return;
	if (neighbour_make(g, cs) == NULL)
		session_release(g->groups, cs);
}

// ---- the end ----

// Their flows that the relation gave a class, or has not yet.
static void flows_reject(struct neighbour *nb)
{
	if (nb->main_rx != NULL)
		group_session_reject(nb->cs, nb->main_rx->rx_slot, nb->main_rx->flow_id,
				     REJECT_CODE);
	for (uint8_t i = 0; i < nb->n_held; i++)
		ctl_flow_reject(nb->cs, nb->held[i].rx_slot, nb->held[i].flow_id, REJECT_CODE);
}

// Who went is not called again soon; whom we let go, or asked to let us go, stays known.
static void member_let_go(struct neighbour *nb, enum neighbour_end why)
{
	struct member *who = nb->member;
	bool is_lost = why == END_BANNED ||
		       ((why == END_SESSION_GONE || why == END_FAR) && nb->asked_us == 0);

	if (who == NULL)
		return;
	who->neighbour = NULL;
	who->is_suspect = false;
	who->heard_us = who->self_us = nb->group->groups->now_us;
	if (is_lost && !who->is_client && who->dial == NULL)
		members_died(&nb->group->members, who, nb->group->groups->now_us);
}

static void call_failed(struct neighbour *nb)
{
	struct member *who = members_find(&nb->group->members, nb->cs->fingerprint);

	if (who != NULL)
		topology_failed(nb->group, who);
}

void neighbour_end(struct neighbour *nb, enum neighbour_end why)
{
	struct group *g = nb->group;
	struct ctl_session *cs = nb->cs;
	bool was_open = nb->state == NEIGHBOUR_OPEN;

	streams_neighbour_gone(nb);
	spx_neighbour_gone(nb, why == END_LEAVE);
	if (why != END_SESSION_GONE) {
		flows_reject(nb);
		ctl_flow_close(cs, nb->main_tx);
	}
	free(nb->main_rx);
	member_let_go(nb, why);
	if (!was_open && why != END_LEAVE && why != END_DOUBLE)
		call_failed(nb);
	if (was_open) {
		g->n_open--;
		group_tell_peer(g, GROUP_NEIGHBOUR_DISCONNECT, cs->fingerprint);
		topology_neighbour_gone(nb);
	}
	neighbour_free(nb);
	if (why != END_SESSION_GONE)
		session_release(g->groups, cs);
}

// A NetConnection, or direct streams.
static bool serves_others(const struct ctl_session *cs)
{
	return cs->nc != NULL || cs->streams != NULL;
}

void session_release(struct groups *gs, struct ctl_session *cs)
{
	struct command ungroup = {
		.op = CMD_SESSION_UNGROUP, .session_idx = cs->idx, .session_id = cs->id};
	bool had_group = cs->groups != NULL;

	if (cs->groups != NULL && (cs->groups->neighbours != NULL || cs->groups->main_rx != NULL))
		return;
	group_session_put(cs);
	if (cs->state != CTL_OPEN || cs->endpoint != gs->o.member_endpoint)
		return;
	if (!serves_others(cs)) {
		ctl_session_close(cs, CLOSE_ORDERLY);
		return;
	}
	if (had_group)
		outbox_push(gs->o.outbox, cs->worker, &ungroup);
	session_is_idle(gs, cs);
}

// Without memory it stays until its far end closes it.
void session_is_idle(struct groups *gs, struct ctl_session *cs)
{
	uint64_t at_us = gs->now_us + IDLE_SESSION_US;

	if (cs->endpoint != gs->o.member_endpoint || cs->is_idle_listed)
		return;
	cs->is_idle_listed = idle_sessions_add(&gs->idle, cs, at_us);
	sweep_by(gs, at_us);
}

// ---- both proofs are good ----

// Their flows that came before the proof.
static void held_accept(struct neighbour *nb)
{
	for (uint8_t i = 0; i < nb->n_held; i++) {
		const struct held_flow *f = &nb->held[i];

		if (f->kind == FLOW_GROUP_STREAM)
			stream_rx_accept(nb, f->rx_slot, f->flow_id);
		else
			spx_flow_accept(nb, f->rx_slot, f->flow_id, (enum flow_kind)f->kind);
	}
	nb->n_held = 0;
}

// The relation is mutual from here on.
void neighbour_open(struct neighbour *nb)
{
	struct group *g = nb->group;
	struct groups *gs = g->groups;
	struct wire_addr seen = nb->cs->far;
	struct member_news news = {.source = HEARD_SELF,
				   .heard_us = gs->now_us,
				   .now_us = gs->now_us,
				   .addrs = &seen,
				   .n_addrs = 1};

	seen.origin = ADDR_OBSERVED;
	nb->state = NEIGHBOUR_OPEN;
	nb->opened_us = gs->now_us;
	g->n_open++;
	nb->member = members_hear(&g->members, nb->cs->fingerprint, &news);
	if (nb->member != NULL) {
		list_name(nb);
		nb->member->neighbour = nb;
		nb->member->is_suspect = nb->is_suspect;
		nb->is_super = nb->member->is_super || gc_client_names_super(g, nb->cs);
		members_super(nb->member, nb->is_super);
	}
	neighbour_keepalive(nb->cs);
	group_tell_peer(g, GROUP_NEIGHBOUR_CONNECT, nb->cs->fingerprint);
	held_accept(nb);
	streams_neighbour_open(nb);
	topology_neighbour_opened(nb);
	routes_soon(g);
}

static bool is_double(const struct neighbour *nb, const struct ctl_session *cs)
{
	return nb->cs != cs && nb->cs->state == CTL_OPEN &&
	       memcmp(nb->cs->fingerprint, cs->fingerprint, PEER_ID_LEN) == 0;
}

// Another session to the same peer that is its neighbour in this group, or called to be; NULL.
static struct neighbour *neighbour_double(const struct group *g, const struct ctl_session *cs)
{
	const struct member *who = members_find(&g->members, cs->fingerprint);

	if (who != NULL && who->neighbour != NULL && is_double(who->neighbour, cs))
		return who->neighbour;
	for (uint32_t i = 0; i < g->n_nameless; i++)
		if (is_double(g->neighbours[i], cs))
			return g->neighbours[i];
	return NULL;
}

// Nobody opens a session beside one that he has, glare apart: he has been started anew, maybe at
// another port, and knows the older no more.
static bool is_forgotten(const struct ctl_session *older, const struct ctl_session *younger)
{
	return !younger->is_initiator && younger->opened_us >= older->opened_us + NEW_LIFE_US;
}

// groups.md 5: the session whose PeerConnect completed first stays. If both are only called, both
// ends see the same two sessions: the one that the lower peer ID opened stays.
bool neighbour_yields(struct group *g, struct ctl_session *cs)
{
	struct neighbour *other = neighbour_double(g, cs);
	bool is_lower;

	if (other == NULL)
		return false;
	g->groups->n.sessions_double++;
	if (is_forgotten(other->cs, cs)) {
		neighbour_end(other, END_DOUBLE);
		return false;
	}
	is_lower = memcmp(g->groups->o.member_id, cs->fingerprint, PEER_ID_LEN) < 0;
	if (other->state == NEIGHBOUR_OPEN || other->cs->is_initiator == is_lower)
		return true;
	neighbour_end(other, END_DOUBLE);
	return false;
}

bool neighbour_holds(struct neighbour *nb, const struct report *r, enum flow_kind kind)
{
	if (nb->n_held == HELD_FLOWS_MAX)
		return false;
	nb->held[nb->n_held].flow_id = r->opened.flow_id;
	nb->held[nb->n_held].rx_slot = r->flow;
	nb->held[nb->n_held].kind = (uint8_t)kind;
	nb->n_held++;
	return true;
}

// ---- time ----

// When the first that may yet answer is given up.
static uint64_t calls_sweep(struct group *g)
{
	uint64_t next_us = NEVER;

	for (uint32_t i = g->n_nameless; i-- > 0;) {
		struct neighbour *nb = g->neighbours[i];

		if (nb->cs->state != CTL_OPEN)
			neighbour_end(nb, END_SESSION_GONE);
		else if (nb->state == NEIGHBOUR_OPEN)
			continue;
		else if (nb->called_us + CALL_LIFE_US <= g->groups->now_us)
			neighbour_end(nb, END_NO_ANSWER);
		else
			next_us = earlier(next_us, nb->called_us + CALL_LIFE_US);
	}
	return next_us;
}

// When the next one is looked at that serves no group yet. Who serves one is released at its end.
static uint64_t idle_sweep(struct groups *gs)
{
	const struct idle_session *s;

	while ((s = idle_sessions_first(&gs->idle)) != NULL) {
		struct ctl_session *cs = startup_session(gs->o.startup, s->worker, s->idx, s->id);
		bool is_idle = cs != NULL && cs->state == CTL_OPEN && cs->groups == NULL;

		if (is_idle && s->at_us > gs->now_us)
			return s->at_us;
		idle_sessions_pop(&gs->idle);
		if (cs != NULL)
			cs->is_idle_listed = false;
		if (is_idle)
			session_release(gs, cs);
	}
	return NEVER;
}

uint64_t neighbours_sweep(struct groups *gs)
{
	uint64_t next_us = main_flows_sweep(gs);

	for (struct group *g = gs->first; g != NULL; g = g->next)
		next_us = earlier(next_us, calls_sweep(g));
	return earlier(next_us, idle_sweep(gs));
}

void neighbours_session_closed(struct groups *gs, struct ctl_session *cs)
{
	struct group_session *s = cs->groups;

	while (s != NULL && s->neighbours != NULL)
		neighbour_end(s->neighbours, END_SESSION_GONE);
	main_flows_forget(gs, cs);
	group_session_put(cs);
}

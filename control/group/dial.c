#include "control/group/dial.h"

#include <assert.h>
#include <string.h>

#include "control/group/neighbour.h"
#include "control/group/topology.h"

enum {
	HELLOS_MAX = 3,               // to an address nobody has proven (groups.md 10.5)
	INTRODUCE_AFTER_US = 2500000, // the IHellos to the addresses: at 0, 0.3 and 2.1 s
	// Without an RHello after these, and from there without an RIKeying: a round trip of 6 s,
	// two satellites' worth, and three seconds to repeat what was lost.
	LIMIT_US = 9000000,
	RETRY_SAME_US = 1500000,
	// Attempts at a time to members of whom there is but gossip. Who makes up members and says
	// hello for each, but no more, holds each for twice the limit: he shall not hold them all.
	GOSSIP_DIALS_MAX = DIALS_MAX * 3 / 4,
	CANDIDATES_MAX = MEMBER_ADDRS_MAX + 1 + CONNS_MAX,
};

struct candidates {
	struct wire_addr addrs[CANDIDATES_MAX];
	uint8_t n;
};

static_assert(DIALS_MAX == 64, "dials_used");

// Takes the lowest of a set of rows.
static struct dial *row_next(struct groups *gs, uint64_t *rows)
{
	struct dial *d = &gs->dials[__builtin_ctzll(*rows)];

	*rows &= *rows - 1;
	return d;
}

// NULL: no room for such a member.
static struct dial *dial_take(struct groups *gs, const struct member *who)
{
	uint64_t used = gs->dials_used, unused = ~used;
	uint32_t n_gossip = 0;

	while (used != 0)
		n_gossip += row_next(gs, &used)->member->source == HEARD_GOSSIP;
	if (unused == 0 || (who->source == HEARD_GOSSIP && n_gossip >= GOSSIP_DIALS_MAX))
		return NULL;
	gs->dials_used |= unused & -unused;
	return row_next(gs, &unused);
}

static void dial_give(struct groups *gs, struct dial *d)
{
	d->member->dial = NULL;
	gs->dials_used &= ~(1ull << (d - gs->dials));
	memset(d, 0, sizeof(*d));
}

static void candidate_add(struct candidates *c, const struct wire_addr *a, enum addr_origin origin)
{
	if (c->n == CANDIDATES_MAX || a->family == 0)
		return;
	c->addrs[c->n] = *a;
	c->addrs[c->n++].origin = (uint8_t)origin;
}

// Its own introducer, else ours.
static void introducers(const struct groups *gs, const struct member *who, struct candidates *c)
{
	candidate_add(c, &who->server, ADDR_RELAY);
	for (int i = 0; i < CONNS_MAX && c->n == 0; i++)
		if (gs->conns[i].cs != NULL)
			candidate_add(c, &gs->conns[i].cs->far, ADDR_RELAY);
}

// Its addresses, as far as gossip may make us try them now.
static void own_addresses(struct groups *gs, const struct member *who, struct candidates *c)
{
	for (uint8_t i = 0; i < who->n_addrs; i++)
		if (addr_gate_passes(&gs->gate, &who->addrs[i], gs->now_us))
			candidate_add(c, &who->addrs[i], ADDR_UNKNOWN);
}

// Who was named by an introducer is asked for there at once; of whom there is gossip, two rounds of
// direct IHellos come first.
static void choose_candidates(struct groups *gs, struct dial *d, struct candidates *c)
{
	struct member *who = d->member;

	c->n = 0;
	if (who->source == HEARD_SERVER)
		introducers(gs, who, c);
	if (c->n == 0) {
		own_addresses(gs, who, c);
		d->introduce_us = gs->now_us + INTRODUCE_AFTER_US;
		gs->introduce_us = earlier(gs->introduce_us, d->introduce_us);
	}
	if (c->n == 0) {
		introducers(gs, who, c);
		d->introduce_us = 0;
	}
}

static struct opening *open_to(struct groups *gs, struct dial *d, const struct candidates *c,
			       struct ctl_session **existing)
{
	uint8_t epd[PEER_EPD_LEN];
	struct wr w = wr_over(epd, sizeof(epd));

	wr_peer_epd(&w, d->member->key.id);
	return startup_open(gs->o.startup,
			    &(struct open_opts){
				    .endpoint = gs->o.member_endpoint,
				    .epd = span_of(epd, w.len),
				    .candidates = c->addrs,
				    .n_candidates = c->n,
				    .hellos_max = HELLOS_MAX,
				    .limit_us = LIMIT_US,
				    .user = d,
			    },
			    existing, gs->now_us);
}

void dial_start(struct group *g, struct member *who)
{
	struct groups *gs = g->groups;
	struct dial *d = dial_take(gs, who);
	struct ctl_session *existing = NULL;
	struct candidates c;

	if (d == NULL) {
		gs->n.dials_limited++;
		return;
	}
	*d = (struct dial){.group = g, .member = who, .began_us = gs->now_us};
	choose_candidates(gs, d, &c);
	if (c.n > 0)
		d->opening = open_to(gs, d, &c, &existing);
	if (d->opening == NULL) {
		dial_give(gs, d);
		if (existing != NULL)
			neighbour_call(g, existing);
		return;
	}
	who->dial = d;
	gs->n.dials++;
}

void dial_cancel(struct dial *d)
{
	if (d->opening != NULL)
		startup_open_cancel(d->opening);
	dial_give(d->group->groups, d);
}

static void introduce(struct groups *gs, struct dial *d)
{
	struct candidates c = {.n = 0};

	d->introduce_us = 0;
	introducers(gs, d->member, &c);
	if (c.n > 0)
		startup_open_add(d->opening, c.addrs, c.n, gs->now_us);
}

// Asked in every turn, and mostly there is none: the rows are looked at when one may be due.
void dial_timers(struct groups *gs)
{
	if (gs->introduce_us > gs->now_us)
		return;
	gs->introduce_us = NEVER;
	for (uint64_t rows = gs->dials_used; rows != 0;) {
		struct dial *d = row_next(gs, &rows);

		if (d->introduce_us != 0 && d->introduce_us <= gs->now_us)
			introduce(gs, d);
		if (d->introduce_us != 0)
			gs->introduce_us = earlier(gs->introduce_us, d->introduce_us);
	}
}

uint64_t dial_deadline_us(const struct groups *gs)
{
	return gs->introduce_us;
}

// Attempts of other groups to reach the same peer are over, too.
static void others_join(struct groups *gs, struct ctl_session *cs)
{
	for (uint64_t rows = gs->dials_used; rows != 0;) {
		struct dial *d = row_next(gs, &rows);
		struct group *g = d->group;

		if (d->member == NULL ||
		    memcmp(d->member->key.id, cs->fingerprint, PEER_ID_LEN) != 0)
			continue;
		dial_cancel(d);
		neighbour_call(g, cs);
	}
}

void dial_opened(struct groups *gs, struct dial *d, struct ctl_session *cs)
{
	struct group *g = d->group;

	d->opening = NULL;
	dial_give(gs, d);
	neighbour_call(g, cs);
	others_join(gs, cs);
}

void dial_failed(struct groups *gs, struct dial *d, enum open_failure why,
		 struct ctl_session *existing)
{
	struct group *g = d->group;
	struct member *who = d->member;

	d->opening = NULL;
	dial_give(gs, d);
	if (why == OPEN_DUPLICATE) {
		// On a session of ours we greet; on theirs they do, unless they want it for another
		// group: then the next choice finds it open.
		if (existing != NULL && existing->state == CTL_OPEN && existing->is_initiator) {
			neighbour_call(g, existing);
			return;
		}
		who->next_try_us = gs->now_us + RETRY_SAME_US;
		g->choose_us = earlier(g->choose_us, who->next_try_us);
		return;
	}
	gs->n.dials_failed++;
	topology_failed(g, who);
}

// Which part of the ring is ours (DR-1 to DR-6): the receive mode, when it counts, and who is told.
#include <string.h>

#include "control/group/neighbour.h"
#include "control/group/routes.h"
#include "dataplane/wire/group_member.h"

enum {
	LOOK_US = 200000,
	SETTLED_US = 5000000, // DR-4
	SETTLED_MAX_US = 30000000,
	TELL_US = 1000000,
	AGREE_US = 3000000, // those beside us have been told by then
};

struct u256 route_peer_address(const struct spx_peer *p)
{
	uint8_t address[GROUP_ADDRESS_LEN];

	if (p->nb->member != NULL)
		return p->nb->member->at.at;
	group_address_of(p->nb->cs->fingerprint, address);
	return u256_of(address);
}

void routes_soon(struct group *g)
{
	struct routes *r = g->routes;
	uint64_t now_us = g->groups->now_us;

	if (r == NULL)
		return;
	if (r->looked_us + LOOK_US > now_us)
		r->due_us = earlier(r->due_us, r->looked_us + LOOK_US);
	else
		r->due_us = earlier(r->due_us, now_us);
}

// The ends of our range are found anew soon; until then there are none.
void routes_peer_gone(struct group *g, const struct spx_peer *p)
{
	struct routes *r = g->routes;

	if (r != NULL && (r->below == p || r->above == p))
		r->below = r->above = NULL;
	routes_soon(g);
}

// ---- the mode ----

// Another set of those beside us: the wait begins anew.
static void adjacent_look(struct routes *r)
{
	const struct group *g = r->group;
	uint64_t digest = 0;

	for (uint32_t i = 0; i < g->n_neighbours; i++)
		if (g->neighbours[i]->is_adjacent && g->neighbours[i]->member != NULL)
			digest += g->neighbours[i]->member->at.at.w[0] | 1;
	if (digest == r->adjacent_digest)
		return;
	r->adjacent_digest = digest;
	r->adjacent_us = g->groups->now_us;
}

static void begin_say(struct routes *r)
{
	uint8_t begin = r->is_nearest ? GROUP_BEGIN_NEAREST : GROUP_BEGIN_EXACT;
	struct spx_peer *p;
	uint32_t at = 0;

	while ((p = spx_next(r->group, &at)) != NULL)
		if (p->nb->is_spx && p->nb->told_nearest != r->is_nearest &&
		    ctl_flow_send(p->nb->cs, p->nb->main_tx, &begin, 1, 0) == 0)
			p->nb->told_nearest = r->is_nearest;
}

static void settle_look(struct routes *r)
{
	uint64_t now_us = r->group->groups->now_us, since_us, at_us;

	r->settle_us = NEVER;
	if (!r->wants_nearest || r->is_nearest) {
		r->is_nearest = r->wants_nearest;
		return;
	}
	since_us = r->adjacent_us > r->wanted_us ? r->adjacent_us : r->wanted_us;
	at_us = earlier(since_us + SETTLED_US, r->wanted_us + SETTLED_MAX_US);
	if (at_us <= now_us)
		r->is_nearest = true;
	else
		r->settle_us = at_us;
}

void group_set_receive_mode(struct group *g, bool is_nearest, uint64_t now_us)
{
	struct routes *r = g->routes;

	g->groups->now_us = now_us;
	if (r == NULL || r->wants_nearest == is_nearest)
		return;
	r->wants_nearest = is_nearest;
	r->wanted_us = now_us;
	routes_soon(g);
}

// ---- the range ----

static void ends_find(struct routes *r)
{
	struct group *g = r->group;
	struct u256 best_up = {{0}}, best_down = {{0}};
	struct spx_peer *p;
	uint32_t at = 0;

	r->below = r->above = NULL;
	while ((p = spx_next(g, &at)) != NULL) {
		struct u256 up, down;

		if (!p->nb->is_spx || !p->nb->is_nearest || p->nb->is_suspect)
			continue;
		up = ring_up(g->address, route_peer_address(p));
		down = ring_up(route_peer_address(p), g->address);
		if (r->above == NULL || u256_cmp(up, best_up) < 0) {
			r->above = p;
			best_up = up;
		}
		if (r->below == NULL || u256_cmp(down, best_down) < 0) {
			r->below = p;
			best_down = down;
		}
	}
}

static struct route_range range_now(const struct routes *r)
{
	struct u256 at = r->group->address, below, above;

	if (!r->is_nearest)
		return (struct route_range){at, at};
	if (r->below == NULL)
		return route_range_of(at, NULL, NULL);
	below = route_peer_address(r->below);
	above = route_peer_address(r->above);
	return route_range_of(at, &below, &above);
}

static void range_look(struct routes *r)
{
	struct group *g = r->group;
	struct group_event e = {.kind = GROUP_COVERAGE, .group = g, .user = g->user};
	struct route_range range;

	ends_find(r);
	range = range_now(r);
	if (u256_cmp(range.from, r->range.from) == 0 && u256_cmp(range.to, r->range.to) == 0)
		return;
	r->range = range;
	r->range_us = g->groups->now_us;
	r->range_version++;
	u256_octets(range.from, e.from);
	u256_octets(range.to, e.to);
	event_push(&g->groups->events, &e); // DR-5
}

// ---- telling ----

static bool is_beside(const struct routes *r, const struct spx_peer *p)
{
	return p->nb->is_spx && (p->nb->is_adjacent || p == r->below || p == r->above);
}

static void tell(struct routes *r)
{
	struct route_coverage c = {.is_nearest = r->is_nearest};
	uint64_t now_us = r->group->groups->now_us;
	uint8_t octets[2 + 1 + 2 * GROUP_ADDRESS_LEN];
	struct wr w = wr_over(octets, sizeof(octets));
	struct spx_peer *p;
	uint32_t at = 0;

	r->tell_us = NEVER;
	u256_octets(r->range.from, c.from);
	u256_octets(r->range.to, c.to);
	route_coverage_write(&w, &c);
	while ((p = spx_next(r->group, &at)) != NULL) {
		if (!is_beside(r, p) || p->range_version == r->range_version)
			continue;
		if (p->range_us != 0 && p->range_us + TELL_US > now_us) {
			r->tell_us = earlier(r->tell_us, p->range_us + TELL_US);
			continue;
		}
		p->range_us = now_us;
		if (spx_send(p, LANE_ROUTES, wr_span(&w), span_of(NULL, 0)) == 0)
			p->range_version = r->range_version;
		else
			r->tell_us = earlier(r->tell_us, now_us + TELL_US);
	}
}

void coverage_take(struct spx_lane *l, struct span message)
{
	struct route_coverage c;

	if (route_coverage_read(&c, message) != 0) {
		spx_malformed(l);
		return;
	}
	l->peer->has_range = true;
	l->peer->range_at_us = l->peer->nb->group->groups->now_us;
	l->peer->range = (struct route_range){u256_of(c.from), u256_of(c.to)};
}

// ---- time, and looking in ----

void coverage_timers(struct routes *r)
{
	uint64_t now_us = r->group->groups->now_us;

	if (earlier(r->due_us, r->settle_us) <= now_us) {
		r->due_us = NEVER;
		r->looked_us = now_us;
		adjacent_look(r);
		settle_look(r);
		begin_say(r);
		range_look(r);
		r->tell_us = now_us;
	}
	if (r->tell_us <= now_us)
		tell(r);
}

uint64_t coverage_deadline_us(const struct routes *r)
{
	return earlier(earlier(r->due_us, r->settle_us), r->tell_us);
}

// Does a range end right before the other one begins?
static bool meets(const struct u256 end, const struct u256 begin)
{
	return u256_cmp(u256_add(end, u256_bit(0)), begin) == 0;
}

// DR-6: those beside us say something else, and have had the time to hear of us.
static bool is_contradicted(const struct routes *r)
{
	const struct spx_peer *below = r->below, *above = r->above;
	uint64_t now_us = r->group->groups->now_us;

	if (!r->is_nearest || below == NULL || !below->has_range || !above->has_range ||
	    now_us < r->range_us + AGREE_US || now_us < below->range_at_us + AGREE_US ||
	    now_us < above->range_at_us + AGREE_US)
		return false;
	return !meets(below->range.to, r->range.from) || !meets(r->range.to, above->range.from);
}

bool group_coverage_get(const struct group *g, struct group_coverage *c)
{
	const struct routes *r = g->routes;

	*c = (struct group_coverage){.is_whole = r == NULL || !is_contradicted(r)};
	u256_octets(g->address, c->address);
	u256_octets(r != NULL ? r->range.from : g->address, c->from);
	u256_octets(r != NULL ? r->range.to : g->address, c->to);
	if (r == NULL)
		return false;
	c->is_nearest = r->is_nearest;
	c->is_settling = r->wants_nearest && !r->is_nearest;
	return true;
}

#include "control/group/surplus.h"

#include "control/group/spx.h"
#include "control/group/wanted.h"
#include "dataplane/wire/group_member.h"

enum {
	INTRODUCED_MIN = 2,
	// Who called us wants us: as his random one till he draws anew, and then he asks us.
	WANTED_THERE_US = 20000000,
};

static uint32_t target(const struct group *g)
{
	return wanted_target(ring_set_estimate(&g->members.ring, g->address));
}

// groups.md 10.5: some neighbours must be such as an introducer named, or who knows the ring's hash
// could surround us with friends of his.
static bool must_be_kept(const struct neighbour *nb)
{
	const struct group *g = nb->group;
	uint32_t n = 0;

	if (nb->member == NULL || !nb->member->is_introduced)
		return false;
	for (uint32_t i = 0; i < g->n_neighbours && n <= INTRODUCED_MIN; i++)
		n += g->neighbours[i]->member != NULL && g->neighbours[i]->member->is_introduced;
	return n <= INTRODUCED_MIN;
}

static void ask_close(struct neighbour *nb)
{
	static const uint8_t message = GROUP_ASK_CLOSE;
	uint64_t now_us = nb->group->groups->now_us;

	if (nb->asked_us != 0 && now_us < nb->asked_us + GROUP_ASK_CLOSE_MS * UINT64_C(1000))
		return;
	if (spx_is_busy(nb))
		return;
	if (!nb->cs->is_initiator && now_us < nb->opened_us + WANTED_THERE_US)
		return;
	if (ctl_flow_send(nb->cs, nb->main_tx, &message, 1, 0) == 0)
		nb->asked_us = now_us;
}

bool surplus_is_there(const struct group *g)
{
	return g->n_open > g->n_wanted && g->n_open > target(g);
}

void surplus_ask(struct neighbour *nb)
{
	if (nb->state == NEIGHBOUR_OPEN && nb->member != NULL && !nb->is_super && !nb->is_wanted &&
	    !must_be_kept(nb))
		ask_close(nb);
}

void surplus_ask_all(struct group *g)
{
	if (!surplus_is_there(g))
		return;
	for (uint32_t i = 0; i < g->n_neighbours; i++)
		surplus_ask(g->neighbours[i]);
}

bool surplus_may_leave(const struct neighbour *nb)
{
	const struct group *g = nb->group;

	if (g->n_wanted == 0 || g->n_open <= g->n_wanted ||
	    (g->groups->o.is_super && g->n_open <= target(g)))
		return false;
	return !nb->is_wanted && !must_be_kept(nb);
}

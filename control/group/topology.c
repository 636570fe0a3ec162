#include "control/group/topology.h"

#include <string.h>

#include "control/group/dial.h"
#include "control/group/group_reports.h"
#include "control/group/neighbour.h"
#include "control/group/spx.h"
#include "control/group/surplus.h"
#include "control/group/wanted.h"
#include "control/peer_id.h"
#include "dataplane/fetch.h"
#include "dataplane/wire/group_member.h"

enum {
	CHOOSE_MIN_US = 200000, // groups.md 11
	// groups.md 11 has 10 s, in which all of it is drawn and weighed (README.md).
	CHOOSE_IDLE_US = 30000000,
	RANDOM_US = 10000000,
	PURGE_US = 19000000, // at most so often (groups.md 11)
	RETRY_US = 1500000,
	TRIES_MAX = 11,
	PAUSE_US = 300000000, // as long as one that died is not called
	DOUBTFUL_TRIES = 2,   // so many failures, and another one is wanted, too
	ANSWER_US = 1000000,  // on the ring, so long without an answer
	YIELD_US = 1000000,   // of two who heard of each other the one with the lower ID calls
	WANTED_LAN = 3,
	BESIDE_US = 2000000,
	HEARD_US = 4000000, // who was told of since is there most likely
	VAIN_TRIES = 3,
};

void topology_soon(struct group *g)
{
	uint64_t at_us = g->chosen_us + CHOOSE_MIN_US;

	if (at_us < g->groups->now_us)
		at_us = g->groups->now_us;
	g->choose_us = earlier(g->choose_us, at_us);
	g->is_choice_old = true;
}

// ---- whom ----

static bool is_doubtful(const struct ring_node *node)
{
	const struct member *who = (const struct member *)(const void *)node;

	return (who->neighbour == NULL && who->n_tries >= DOUBTFUL_TRIES) || who->is_suspect;
}

// On the ring the next one is wanted, too, as soon as there is no answer: of those that gossip
// remembers most may be gone (NG-21), and they do not stand in a row for nine seconds each.
static bool is_unanswered(const struct ring_node *node)
{
	const struct member *who = (const struct member *)(const void *)node;

	if (who->neighbour == NULL && who->dial != NULL)
		return who->dial->group->groups->now_us >= who->dial->began_us + ANSWER_US;
	return is_doubtful(node) || (who->neighbour == NULL && who->n_tries > 0);
}

static void want_supers(struct group *g, struct wanted *w)
{
	for (struct member *who = g->members.supers; who != NULL; who = who->next_super)
		wanted_add(w, &who->at);
}

// Those who share our link are near whatever has been measured (IP-5): some of them, those that we
// have already first.
static void want_lan(struct group *g, struct wanted *w)
{
	const struct ring_set *ring = &g->members.ring;
	uint32_t n = 0;

	if (g->lan == NULL)
		return;
	for (int strangers = 0; strangers < 2; strangers++)
		for (uint32_t i = 0; i < ring->n && n < WANTED_LAN; i++) {
			struct member *who = member_of_ring(ring->nodes[i]);

			if (who->is_lan && (who->neighbour == NULL) == (strangers == 1) &&
			    !is_doubtful(&who->at) && !wanted_has(w, &who->at))
				n += wanted_add(w, &who->at);
		}
}

// The nearest open neighbours that are not wanted yet, in order; how many.
static uint32_t nearest_left(const struct group *g, const struct wanted *w,
			     struct neighbour *best[WANTED_NEAR])
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < g->n_neighbours; i++) {
		struct neighbour *nb = g->neighbours[i];
		uint32_t at = n;

		if (nb->member == NULL || nb->rtt_us == 0 || nb->is_suspect ||
		    (n == WANTED_NEAR && nb->rtt_us >= best[n - 1]->rtt_us) ||
		    wanted_has(w, &nb->member->at))
			continue;
		if (n < WANTED_NEAR)
			n++;
		else
			at = n - 1;
		for (; at > 0 && nb->rtt_us < best[at - 1]->rtt_us; at--)
			best[at] = best[at - 1];
		best[at] = nb;
	}
	return n;
}

// Six with the lowest round trip times. Where fewer have been measured, others take the places to
// be measured: those we have already, then strangers.
static void want_near(struct group *g, struct wanted *w)
{
	const struct ring_set *ring = &g->members.ring;
	struct neighbour *best[WANTED_NEAR];
	uint32_t n = nearest_left(g, w, best);

	g->near_us = n == WANTED_NEAR ? best[n - 1]->rtt_us : UINT32_MAX;
	for (uint32_t i = 0; i < n; i++)
		wanted_add(w, &best[i]->member->at);
	for (int strangers = 0; strangers < 2; strangers++)
		for (uint32_t i = 0; i < ring->n && n < WANTED_NEAR; i++) {
			struct member *who = member_of_ring(ring->nodes[i]);
			bool is_known = who->neighbour != NULL || who->dial != NULL;

			if (is_known != (strangers == 1) && !is_doubtful(ring->nodes[i]))
				n += wanted_add(w, ring->nodes[i]);
		}
}

// ---- one at random, drawn anew every 10 s ----

static void draw(struct group *g)
{
	const struct ring_set *ring = &g->members.ring;
	uint64_t i = random_below(g->groups->o.random, ring->n);

	memcpy(g->random_id, member_of_ring(ring->nodes[i])->key.id, PEER_ID_LEN);
	g->random_us = g->groups->now_us + RANDOM_US;
}

static void want_random(struct group *g, struct wanted *w)
{
	struct member *who;

	if (g->members.ring.n == 0)
		return;
	if (g->random_us == NEVER)
		draw(g);
	who = members_find(&g->members, g->random_id);
	g->is_random_alone = who != NULL && !is_doubtful(&who->at) && wanted_add(w, &who->at);
}

// Those beside us come first.
static void choose(struct group *g, const struct wanted *beside, struct wanted *w)
{
	*w = *beside;
	wanted_fractions(w, &g->members.ring, g->address, is_doubtful);
	want_supers(g, w);
	want_lan(g, w);
	want_near(g, w);
	want_random(g, w);
}

// What is wanted now, and who of the neighbours is. Members keep the choice's number, since till
// the next one some may go, and others come where they stood.
static void choose_anew(struct group *g, const struct wanted *beside, struct wanted *w)
{
	choose(g, beside, w);
	if (++g->choice == 0)
		g->choice = 1;
	g->n_wanted = w->n;
	g->n_chosen = g->members.n_changes;
	g->is_choice_old = false;
	for (uint32_t i = 0; i < w->n; i++)
		member_of_ring(w->nodes[i])->chosen = g->choice;
	for (uint32_t i = 0; i < g->n_neighbours; i++) {
		struct neighbour *nb = g->neighbours[i];

		nb->is_wanted = nb->member != NULL && wanted_has(w, &nb->member->at);
	}
}

static bool is_chosen(const struct group *g, const struct member *who)
{
	return who->chosen == g->choice && g->choice != 0;
}

// The three each way.
static void stand_beside(const struct group *g, struct wanted *ring)
{
	wanted_clear(ring);
	wanted_ring(ring, &g->members.ring, g->address, is_unanswered);
}

// The same, with whom the ring would want but for failures so far.
static void stand_beside_anyway(const struct group *g, struct wanted *ring)
{
	wanted_clear(ring);
	wanted_ring(ring, &g->members.ring, g->address, NULL);
}

// They are looked at one after the other, and most are in no cache.
static void neighbours_fetch(const struct group *g)
{
	for (uint32_t i = 0; i < g->n_neighbours; i++)
		fetch_line_to_write(g->neighbours[i]);
}

bool topology_can_spare(const struct neighbour *nb)
{
	struct group *g = nb->group;
	struct wanted ring, w;

	if (g->is_choice_old) {
		neighbours_fetch(g);
		stand_beside(g, &ring);
		choose_anew(g, &ring, &w);
	}
	return surplus_may_leave(nb);
}

// ---- getting there ----

// When an attempt to reach this member may begin; NEVER: it needs none.
static uint64_t try_us(const struct group *g, struct member *who)
{
	const struct groups *gs = g->groups;
	uint64_t banned_us;

	if (who->neighbour != NULL || who->dial != NULL)
		return NEVER;
	banned_us = spx_banned_until_us(g, who->key.id);
	if (banned_us > 0)
		return banned_us;
	if (who->next_try_us == 0) {
		bool is_theirs = who->source == HEARD_GOSSIP &&
				 memcmp(gs->o.member_id, who->key.id, PEER_ID_LEN) > 0;

		who->next_try_us = gs->now_us + (is_theirs ? YIELD_US : 0);
	}
	return who->next_try_us;
}

static bool was_heard_lately(const struct group *g, const struct member *who)
{
	return who->heard_us + HEARD_US > g->groups->now_us;
}

static void try_member(struct group *g, struct member *who)
{
	struct groups *gs = g->groups;
	const struct token_rate *rate =
		was_heard_lately(g, who) ? &gs->dial_rate : &gs->dial_rate_stale;

	if (who->source == HEARD_GOSSIP && !token_take(&g->dials, rate, gs->now_us)) {
		gs->n.dials_limited++;
		who->next_try_us = gs->now_us + CHOOSE_MIN_US;
	} else {
		dial_start(g, who);
		if (gs->dials_used != 0)
			g->answer_us = earlier(g->answer_us, gs->now_us + ANSWER_US);
		// Without success, or on a session that was open already and waits for their proof.
		who->next_try_us = gs->now_us + RETRY_US;
	}
}

// Calls who is due, and says in choose_us when the next one is.
static void call_all(struct group *g, const struct wanted *w)
{
	for (uint32_t i = 0; i < w->n; i++) {
		struct member *who = member_of_ring(w->nodes[i]);
		uint64_t at_us = try_us(g, who);

		if (at_us <= g->groups->now_us) {
			try_member(g, who);
			at_us = try_us(g, who);
		}
		if (at_us != NEVER)
			g->choose_us = earlier(g->choose_us, at_us);
	}
}

// The next one up, or down: wanted_ring has the ways in this order.
static bool is_first(const struct wanted *ring, const struct ring_node *node)
{
	uint32_t down = ring->n > WANTED_EACH_WAY ? WANTED_EACH_WAY : ring->n - 1;

	return ring->n > 0 && (ring->nodes[0] == node || ring->nodes[down] == node);
}

// Who stands next to us is asked sooner how he is (neighbour.c). When he is in doubt, so is the one
// behind him, and he himself no less.
static void mark(struct neighbour *nb, const struct wanted *ring, const struct wanted *doubted)
{
	const struct ring_node *at = nb->member != NULL ? &nb->member->at : NULL;

	if (nb->state == NEIGHBOUR_OPEN && at != NULL)
		neighbour_adjacent(nb, wanted_has(ring, at) || wanted_has(doubted, at),
				   is_first(ring, at) || is_first(doubted, at));
}

// The nearest neighbour up, or down, that is not silent; NULL. By the ring, not by the list of
// neighbours: a super-peer has thousands, and asks with each that comes.
static struct neighbour *nearest_linked(const struct group *g, bool is_up)
{
	const struct ring_set *ring = &g->members.ring;

	for (uint32_t k = 1; k <= ring->n && g->n_open > 0; k++) {
		const struct member *who =
			member_of_ring(is_up ? ring_set_up(ring, g->address, k)
					     : ring_set_down(ring, g->address, k));

		if (who->neighbour != NULL && !who->neighbour->is_suspect)
			return who->neighbour;
	}
	return NULL;
}

// Do those that should stand beside us not answer? After half a minute of it they may be out of our
// reach alone.
static bool is_in_vain(const struct wanted *ring)
{
	for (uint32_t i = 0; i < ring->n; i++) {
		const struct member *who = member_of_ring(ring->nodes[i]);

		if (who->neighbour == NULL && who->n_tries <= VAIN_TRIES && is_unanswered(&who->at))
			return true;
	}
	return false;
}

// Whoever stands between us and the next one that we have a link with has his link there, or with
// somebody nearer: so a report to that one, and his answer, close a gap that nobody else can see.
// One goes to whoever has become the next one, and while members vanish, or those we call do not
// answer, all the time.
static void ask_beside(struct group *g, const struct wanted *ring, const struct wanted *doubted)
{
	const struct neighbour *up = nearest_linked(g, true), *down = nearest_linked(g, false);
	uint64_t now_us = g->groups->now_us;
	bool is_time;

	g->is_seeking = g->is_unrest || is_in_vain(ring) || is_in_vain(doubted);
	is_time = g->is_seeking && g->beside_us + BESIDE_US <= now_us;
	if (is_time)
		g->beside_us = now_us;
	for (uint32_t i = 0; i < g->n_neighbours; i++) {
		struct neighbour *nb = g->neighbours[i];
		bool was_beside = nb->is_beside;

		nb->is_beside = nb == up || nb == down;
		if (nb->is_beside && (!was_beside || is_time) && nb->has_report_out &&
		    nb->reported_us + BESIDE_US <= now_us)
			report_send(nb, false);
	}
	if (g->is_seeking)
		g->choose_us = earlier(g->choose_us, g->beside_us + BESIDE_US);
}

// On the way to the next neighbour that we are linked to, whoever was told of a moment ago: he is
// there most likely, behind a row of others that gossip remembers and that are gone.
static void want_heard(const struct group *g, struct wanted *w, bool is_up)
{
	const struct ring_set *ring = &g->members.ring;

	for (uint32_t k = 1, n = 0; k <= ring->n && n < WANTED_EACH_WAY; k++) {
		struct member *who = member_of_ring(is_up ? ring_set_up(ring, g->address, k)
							  : ring_set_down(ring, g->address, k));

		if (who->neighbour != NULL && !who->is_suspect)
			return;
		if (who->neighbour == NULL && who->dial == NULL && who->n_tries == 0 &&
		    was_heard_lately(g, who)) {
			wanted_add(w, &who->at);
			n += who->source == HEARD_GOSSIP; // others do not wait for their turn
		}
	}
}

static void run(struct group *g)
{
	uint64_t now_us = g->groups->now_us;
	struct wanted w, ring, doubted, heard;

	neighbours_fetch(g);
	g->chosen_us = now_us;
	g->choose_us = now_us + CHOOSE_IDLE_US;
	g->answer_us = NEVER;
	stand_beside(g, &ring);
	stand_beside_anyway(g, &doubted);
	neighbours_unrest(g);
	for (uint32_t i = 0; i < g->n_neighbours; i++)
		mark(g->neighbours[i], &ring, &doubted);
	ask_beside(g, &ring, &doubted);
	if (g->groups->o.is_super) { // it only responds (design 3)
		g->is_choice_old = true;
		return;
	}
	choose_anew(g, &ring, &w);
	wanted_clear(&heard);
	want_heard(g, &heard, true);
	want_heard(g, &heard, false);
	call_all(g, &heard);
	call_all(g, &w);
	// Whom the ring would want but for failures so far is tried, too.
	call_all(g, &doubted);
	surplus_ask_all(g);
}

// All others stay as they were chosen, unless they may not: what a whole choice looks at is in no
// cache.
static void draw_anew(struct group *g)
{
	struct member *who = members_find(&g->members, g->random_id);
	struct neighbour *former = g->is_random_alone && who != NULL ? who->neighbour : NULL;
	struct wanted drawn;

	if (g->members.ring.n == 0 || g->groups->o.is_super) { // with the next choice
		g->random_us = NEVER;
		return;
	}
	if (g->is_choice_old) {
		draw(g);
		run(g);
		return;
	}
	if (g->is_random_alone) {
		g->n_wanted--;
		if (who != NULL)
			who->chosen = 0;
	}
	if (former != NULL)
		former->is_wanted = false;
	draw(g);
	who = members_find(&g->members, g->random_id);
	g->is_random_alone = !is_doubtful(&who->at) && !is_chosen(g, who);
	if (g->is_random_alone) {
		g->n_wanted++;
		who->chosen = g->choice;
		if (who->neighbour != NULL)
			who->neighbour->is_wanted = true;
		wanted_clear(&drawn);
		wanted_add(&drawn, &who->at);
		call_all(g, &drawn);
	}
	if (former != NULL && surplus_is_there(g))
		surplus_ask(former);
}

// The last choice did not know him, or left him out since he did not answer, or was no super-peer,
// or had no round trip then.
static bool was_overlooked(const struct neighbour *nb)
{
	const struct group *g = nb->group;

	return nb->is_adjacent || nb->is_super || g->members.n_changes != g->n_chosen ||
	       (nb->rtt_us > 0 && nb->rtt_us < g->near_us);
}

void topology_neighbour_opened(struct neighbour *nb)
{
	struct group *g = nb->group;
	struct wanted ring, doubted;

	if (nb->member == NULL)
		return;
	stand_beside(g, &ring);
	stand_beside_anyway(g, &doubted);
	mark(nb, &ring, &doubted);
	nb->is_beside = nb == nearest_linked(g, true) || nb == nearest_linked(g, false);
	nb->is_wanted = is_chosen(g, nb->member);
	if (g->groups->o.is_super) // it chooses when it is asked
		g->is_choice_old = true;
	else if (!nb->is_wanted && was_overlooked(nb))
		topology_soon(g);
}

void topology_neighbour_gone(const struct neighbour *nb)
{
	nb->group->is_choice_old |= nb->group->groups->o.is_super;
	if (nb->is_wanted || nb->is_adjacent)
		topology_soon(nb->group);
}

// NULL: no room, or ourselves.
static struct member *hear_of(struct group *g, const uint8_t peer_id[PEER_ID_LEN])
{
	struct groups *gs = g->groups;
	struct member_news news = {
		.source = HEARD_SERVER, .heard_us = gs->now_us, .now_us = gs->now_us};

	return members_hear(&g->members, peer_id, &news);
}

bool topology_hint(struct group *g, const uint8_t peer_id[PEER_ID_LEN])
{
	struct member *who = hear_of(g, peer_id);

	if (who == NULL || who->neighbour != NULL)
		return who != NULL;
	who->next_try_us = 0;
	g->choose_us = g->groups->now_us;
	return true;
}

bool group_add_member_hint(struct group *g, const char *peer_id, uint64_t now_us)
{
	uint8_t id[PEER_ID_LEN];

	g->groups->now_us = now_us;
	return peer_id_parse(id, peer_id) == 0 && topology_hint(g, id);
}

bool group_add_neighbour(struct group *g, const char *peer_id, uint64_t now_us)
{
	struct member *who;
	uint8_t id[PEER_ID_LEN];

	g->groups->now_us = now_us;
	if (g->groups->o.is_super || peer_id_parse(id, peer_id) != 0 ||
	    spx_banned_until_us(g, id) != 0)
		return false;
	who = hear_of(g, id);
	if (who != NULL && who->neighbour == NULL && who->dial == NULL)
		dial_start(g, who);
	return who != NULL;
}

void topology_failed(struct group *g, struct member *who)
{
	uint64_t now_us = g->groups->now_us;

	if (who->neighbour != NULL)
		return;
	if (who->n_tries <= TRIES_MAX)
		who->n_tries++;
	who->next_try_us = now_us + who->n_tries * (uint64_t)RETRY_US;
	if (who->n_tries > TRIES_MAX && who->dial == NULL) {
		// Others have links with it: it is out of our reach alone (detour.h).
		if (member_is_there(who, now_us))
			who->next_try_us = now_us + PAUSE_US;
		else
			members_died(&g->members, who, now_us);
	}
	topology_soon(g);
}

// ---- time ----

// Who has answered meanwhile needs no look.
static uint64_t choice_us(const struct group *g)
{
	return g->groups->dials_used != 0 ? earlier(g->choose_us, g->answer_us) : g->choose_us;
}

void topology_timers(struct group *g)
{
	uint64_t now_us = g->groups->now_us;

	if (g->report_us <= now_us)
		report_send_random(g);
	if (g->purge_us <= now_us) {
		g->purge_us = members_purge(&g->members, now_us);
		if (g->purge_us < now_us + PURGE_US)
			g->purge_us = now_us + PURGE_US;
	}
	if (choice_us(g) <= now_us)
		run(g);
	if (g->random_us <= now_us)
		draw_anew(g);
}

uint64_t topology_deadline_us(const struct group *g)
{
	return earlier(earlier(choice_us(g), g->random_us), earlier(g->report_us, g->purge_us));
}

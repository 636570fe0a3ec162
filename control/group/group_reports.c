#include "control/group/group_reports.h"

#include <string.h>

#include "control/group/spx.h"
#include "control/group/streams.h"
#include "control/group/topology.h"
#include "control/group/wanted.h"
#include "dataplane/wire/group_report.h"

enum {
	REPORT_US = GROUP_REPORT_INTERVAL_MS * 1000,
	HANDSHAKE_US = 1000000,
	FRESH_S = 10, // groups.md 11: so young a record revives the dead
	TAKEN_TOGETHER = 16,
	YOUNG_US = 15000000,
};

// ---- out ----

static void addrs_put(struct group_addrs *list, const struct wire_addr *a, enum addr_origin origin)
{
	if (list->n == GROUP_REPORT_ADDRS_MAX || a->family == 0)
		return;
	for (uint8_t i = 0; i < list->n; i++)
		if (wire_addr_equal(&list->addrs[i], a))
			return;
	list->addrs[list->n] = *a;
	list->addrs[list->n++].origin = (uint8_t)origin;
}

// Our server first: our own introducer, or the first one we are connected to.
static void own_server_put(const struct groups *gs, struct group_addrs *list)
{
	addrs_put(list, &gs->o.server_addr, ADDR_RELAY);
	for (int i = 0; i < CONNS_MAX && list->n == 0; i++)
		if (gs->conns[i].cs != NULL)
			addrs_put(list, &gs->conns[i].cs->far, ADDR_RELAY);
}

static void self_fill(const struct neighbour *nb, struct group_report_self *self)
{
	const struct groups *gs = nb->group->groups;

	memset(self, 0, sizeof(*self));
	self->is_super_peer = gs->o.is_super;
	self->is_spx = spx_is_announced(nb);
	self->receiver_addr = nb->cs->far;
	self->receiver_addr.origin = ADDR_OBSERVED;
	own_server_put(gs, &self->own);
	for (uint8_t i = 0; i < gs->n_own_addrs; i++)
		addrs_put(&self->own, &gs->own_addrs[i], ADDR_OBSERVED);
	for (uint8_t i = 0; i < gs->o.n_local_addrs; i++)
		addrs_put(&self->own, &gs->o.local_addrs[i], ADDR_LOCAL);
}

static void told_fill(const struct member *who, struct group_report_told *told, uint64_t now_us)
{
	bool is_here = who->is_client || (who->neighbour != NULL && !who->is_suspect);

	memcpy(told->peer_id, who->key.id, PEER_ID_LEN);
	told->age_s = is_here ? 0 : (now_us - who->heard_us) / SECOND_US;
	told->options = span_of(who->said, who->said_len);
}

// False: it is full.
static bool record_write(struct wr *w, const struct member *who, uint64_t now_us)
{
	struct group_report_told told;
	struct group_report_record record;

	told_fill(who, &told, now_us);
	if (told.age_s >= GROUP_REPORT_AGE_MAX_S)
		return true;
	if (who->said_len > 0)
		return group_report_write_told(w, &told) == 0;
	memcpy(record.peer_id, told.peer_id, PEER_ID_LEN);
	record.age_s = told.age_s;
	member_addrs(who, &record.addrs);
	return group_report_write_record(w, &record) == 0;
}

static bool is_doubtful(const struct ring_node *node)
{
	const struct member *who = (const struct member *)(const void *)node;

	return who->n_tries > 0 || who->is_suspect;
}

static bool is_not_linked(const struct ring_node *node)
{
	const struct member *who = (const struct member *)(const void *)node;

	return who->neighbour == NULL || who->is_suspect;
}

static bool is_old(const struct ring_node *node)
{
	const struct member *who = (const struct member *)(const void *)node;

	return is_doubtful(node) ||
	       (who->neighbour == NULL && !who->is_client && who->heard_us < who->table->young_us);
}

// The neighbours the receiver should want: his ring and fractions, and others at random up to the
// degree a member has, since we know nothing of his round trip times.
static void best_of(struct group *g, struct u256 at, wanted_skips skips, struct wanted *w)
{
	const struct ring_set *ring = &g->members.ring;
	uint32_t target = wanted_target(ring_set_estimate(ring, g->address));
	uint32_t offset;

	wanted_ring(w, ring, at, skips);
	wanted_fractions(w, ring, at, skips);
	offset = ring->n > 0 ? (uint32_t)random_below(g->groups->o.random, ring->n) : 0;
	for (uint32_t i = 0; i < ring->n && w->n < target; i++) {
		struct ring_node *node = ring->nodes[(offset + i) % ring->n];

		if (u256_cmp(node->at, at) != 0 && !skips(node))
			wanted_add(w, node);
	}
}

// As far as we can tell. Where members come and go most of whom nobody has spoken for some seconds
// are gone, and whoever is told of them calls them in vain.
static void best_for(struct group *g, struct u256 at, bool is_beside, struct wanted *w)
{
	uint64_t now_us = g->groups->now_us;

	wanted_clear(w);
	if (is_beside) // whom he can do least without: of all others half may be gone
		wanted_ring(w, &g->members.ring, at, is_not_linked);
	g->members.young_us = now_us > YOUNG_US ? now_us - YOUNG_US : 0;
	best_of(g, at, g->is_seeking ? is_old : is_doubtful, w);
}

void report_send(struct neighbour *nb, bool is_reply)
{
	struct group *g = nb->group;
	uint8_t message[GROUP_REPORT_MAX], address[32];
	struct wr w = wr_over(message, sizeof(message));
	struct group_report_self self;
	struct wanted best;

	self_fill(nb, &self);
	if (group_report_write_self(&w, &self) != 0)
		return;
	group_address_of(nb->cs->fingerprint, address);
	best_for(g, u256_of(address), nb->is_adjacent || nb->is_beside, &best);
	for (uint32_t i = 0; i < best.n; i++)
		member_fetch(member_of_ring(best.nodes[i]));
	for (uint32_t i = 0; i < best.n && i < GROUP_REPORT_RECORDS_MAX; i++)
		if (!record_write(&w, member_of_ring(best.nodes[i]), g->groups->now_us))
			break;
	if (ctl_flow_send(nb->cs, nb->main_tx, message, (uint32_t)w.len, 0) != 0)
		return; // the worker is behind: gossip can wait
	// groups.md 4.2: one in 10 s, to one at random. While there is no news, one that goes to
	// whom either end has drawn at random will do: the next is a handshake behind its draw.
	if (!nb->has_report_out && g->n_told == g->members.n_news)
		g->report_us = g->groups->now_us + REPORT_US + HANDSHAKE_US;
	nb->has_report_out = true;
	nb->reported_us = g->groups->now_us;
	nb->told_spx = self.is_spx;
	if (!is_reply)
		nb->expects_reply = true;
	g->groups->n.reports_out++;
}

void report_send_random(struct group *g)
{
	uint64_t offset;

	g->report_us = g->groups->now_us + REPORT_US;
	g->n_told = g->members.n_news;
	if (g->n_neighbours == 0)
		return;
	offset = random_below(g->groups->o.random, g->n_neighbours);
	for (uint32_t i = 0; i < g->n_neighbours; i++) {
		struct neighbour *nb = g->neighbours[(offset + i) % g->n_neighbours];

		if (nb->state == NEIGHBOUR_OPEN) {
			report_send(nb, false);
			return;
		}
	}
}

// ---- in ----

// What others see us at; the latest few.
static void own_addr_learn(struct groups *gs, const struct wire_addr *a)
{
	if (!wire_addr_is_usable(a))
		return;
	for (uint8_t i = 0; i < gs->n_own_addrs; i++)
		if (wire_addr_equal(&gs->own_addrs[i], a))
			return;
	gs->own_addrs[gs->own_addr_next] = *a;
	gs->own_addr_next = (uint8_t)((gs->own_addr_next + 1) % OWN_ADDRS_MAX);
	if (gs->n_own_addrs < OWN_ADDRS_MAX)
		gs->n_own_addrs++;
}

static void self_take(struct neighbour *nb, const struct group_report_self *self)
{
	struct groups *gs = nb->group->groups;
	struct member_news news = {.source = HEARD_SELF,
				   .heard_us = gs->now_us,
				   .now_us = gs->now_us,
				   .addrs = self->own.addrs,
				   .n_addrs = self->own.n};
	bool was_super = nb->is_super;

	own_addr_learn(gs, &self->receiver_addr);
	if (self->is_spx && !nb->is_spx)
		spx_neighbour_speaks(nb);
	nb->is_super |= self->is_super_peer;
	members_hear(&nb->group->members, nb->cs->fingerprint, &news);
	if (nb->member != NULL)
		members_super(nb->member, nb->is_super);
	if (nb->is_super && !was_super) {
		streams_neighbour_is_super(nb);
		topology_soon(nb->group);
	}
}

static void record_take(struct neighbour *nb, const struct group_report_told *told, uint64_t place)
{
	struct groups *gs = nb->group->groups;
	struct members *members = &nb->group->members;
	struct member_news news = {
		.source = HEARD_GOSSIP, .now_us = gs->now_us, .is_fresh = told->age_s < FRESH_S};
	struct group_addrs addrs;
	struct member *who;

	if (told->age_s >= GROUP_REPORT_AGE_MAX_S ||
	    memcmp(told->peer_id, nb->cs->fingerprint, PEER_ID_LEN) == 0) {
		gs->n.records_ignored++;
		return;
	}
	// Young worlds: a clock that began after the member was heard of.
	if (gs->now_us > told->age_s * SECOND_US)
		news.heard_us = gs->now_us - told->age_s * SECOND_US;
	who = members_find_at(members, place, told->peer_id);
	if (who != NULL && who->said_len > 0 && who->said_len == told->options.len &&
	    memcmp(who->said, told->options.data, who->said_len) == 0) {
		member_heard_again(who, news.heard_us);
		return;
	}
	group_report_addrs(&addrs, told->options);
	news.addrs = addrs.addrs;
	news.n_addrs = addrs.n;
	if (members_hear(members, told->peer_id, &news) == NULL)
		gs->n.records_ignored++;
}

// Most of whom they name are in no cache: so all are asked for before the first is looked at.
static void records_take(struct neighbour *nb, struct group_report_iter *it)
{
	const struct members *members = &nb->group->members;
	struct group_report_told told[TAKEN_TOGETHER];
	uint64_t places[TAKEN_TOGETHER];
	uint32_t n;

	do {
		for (n = 0; n < TAKEN_TOGETHER && group_report_next_told(it, &told[n]); n++)
			places[n] = members_place(members, told[n].peer_id);
		for (uint32_t i = 0; i < n; i++)
			members_place_fetch(members, places[i]);
		for (uint32_t i = 0; i < n; i++)
			record_take(nb, &told[i], places[i]);
	} while (n == TAKEN_TOGETHER);
}

void report_take(struct neighbour *nb, struct span message)
{
	struct groups *gs = nb->group->groups;
	const struct members *members = &nb->group->members;
	uint32_t before = members->n_changes;
	struct group_report_self self;
	struct group_report_iter it;

	if (!token_take(&nb->reports, &gs->report_rate, gs->now_us)) {
		gs->n.reports_limited++;
		return;
	}
	if (group_report_read(&self, &it, message) != 0) {
		gs->n.reports_malformed++;
		return;
	}
	gs->n.reports_in++;
	self_take(nb, &self);
	records_take(nb, &it);
	if (members->n_changes != before) // most reports tell nothing new
		topology_soon(nb->group);
	// Who speaks SPX is told at once that we do, too: reports that crossed get no reply.
	if (!nb->expects_reply || (nb->is_spx && spx_is_announced(nb) && !nb->told_spx))
		report_send(nb, true);
	nb->expects_reply = false;
}

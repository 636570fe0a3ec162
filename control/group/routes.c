#include "control/group/routes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/group/detour.h"
#include "control/group/neighbour.h"
#include "control/group/ring_set.h"
#include "control/peer_id.h"

enum {
	ALL_LOT = 64, // DR-13, E-9: so many at once
	ALL_US = 10000,
	REQUESTS_MAX = 8192,
	REQUEST_LIFE_US = 30000000,
	HOPS_EXTRA = 8, // DR-17
};

// ---- life ----

int routes_create(struct group *g)
{
	struct routes *r;

	if (!g->spec.routing)
		return 0;
	r = calloc(1, sizeof(*r));
	if (r == NULL)
		return -ENOMEM;
	r->group = g;
	r->range = (struct route_range){g->address, g->address};
	r->due_us = r->settle_us = r->tell_us = r->all_us = NEVER;
	recent_keys_init(&r->requests, REQUESTS_MAX, random_u64(g->groups->o.random));
	recent_keys_init(&r->asked, REQUESTS_MAX, ~r->requests.seed);
	g->routes = r;
	return 0;
}

static void job_remove(struct routes *r)
{
	octets_drop(r->jobs[0].message);
	r->n_jobs--;
	memmove(r->jobs, r->jobs + 1, r->n_jobs * sizeof(r->jobs[0]));
}

void routes_destroy(struct group *g)
{
	if (g->routes == NULL)
		return;
	while (g->routes->n_jobs > 0)
		job_remove(g->routes);
	recent_keys_clear(&g->routes->requests);
	recent_keys_clear(&g->routes->asked);
	free(g->routes);
	g->routes = NULL;
}

void routes_peer(struct spx_peer *p)
{
	struct routes *r = p->nb->group->routes;

	if (r != NULL && p->all_done == 0) // what was sent to all before is not for it
		p->all_done = r->jobs_ever;
}

// ---- to the program ----

// from: where it came from, or who sent it on its way; to: the place it is for.
struct arrival {
	const uint8_t *from, *to; // GROUP_ADDRESS_LEN octets each
	struct span message;
	bool is_from_local, is_far;
	uint8_t hops;
};

static void deliver(struct group *g, const struct arrival *a)
{
	struct group_event e = {.kind = GROUP_SEND_TO,
				.group = g,
				.user = g->user,
				.is_from_local = a->is_from_local,
				.is_far = a->is_far,
				.number = a->hops};
	struct octets *copy = octets_copy(a->message);

	if (copy == NULL)
		return;
	memcpy(e.from, a->from, GROUP_ADDRESS_LEN);
	memcpy(e.to, a->to, GROUP_ADDRESS_LEN);
	event_push_octets(&g->groups->events, &e, copy);
	octets_drop(copy);
	g->groups->n.routes_delivered++;
}

// ---- one hop ----

bool routes_reach(const struct spx_peer *p)
{
	return p->nb->is_spx && !p->nb->is_suspect && !neighbour_is_parting(p->nb);
}

static struct route_choice choose(const struct group *g, struct u256 target)
{
	struct route_choice c = route_choice_of(target);
	struct spx_peer *p;
	uint32_t at = 0;

	route_choice_offer(&c, g->address, g->routes->is_nearest, g);
	while ((p = spx_next(g, &at)) != NULL)
		if (routes_reach(p))
			route_choice_offer(&c, route_peer_address(p), p->nb->is_nearest, p);
	return c;
}

static int route_send(struct spx_peer *p, const struct route_msg *m)
{
	uint8_t head[ROUTE_HEAD_LEN];
	struct wr w = wr_over(head, sizeof(head));
	int err;

	route_write_head(&w, m);
	err = spx_send(p, LANE_ROUTES, wr_span(&w), m->message);
	*(err == 0 ? &p->nb->group->groups->n.routes_sent
		   : &p->nb->group->groups->n.routes_blocked) += 1;
	return err;
}

static bool may_send(struct group *g, struct span message, uint64_t now_us)
{
	g->groups->now_us = now_us;
	return g->routes != NULL && message.len > 0 && message.len <= ROUTE_LEN_MAX;
}

static enum group_send_result no_route(struct group *g)
{
	g->groups->n.routes_none++;
	return GROUP_NO_ROUTE;
}

enum group_send_result group_send_to_nearest(struct group *g, const char *address,
					     struct span message, uint64_t now_us)
{
	struct route_msg m = {.mode = ROUTE_NEAREST, .message = message};
	uint8_t self[GROUP_ADDRESS_LEN];
	struct route_choice c;

	if (!may_send(g, message, now_us) || peer_id_parse(m.target, address) != 0)
		return GROUP_SEND_ERROR;
	c = choose(g, u256_of(m.target));
	if (c.who == g) {
		u256_octets(g->address, self);
		deliver(g, &(struct arrival){self, m.target, message, true, false});
		return GROUP_SENT;
	}
	if (c.who == NULL || route_send((struct spx_peer *)c.who, &m) != 0)
		return no_route(g);
	return GROUP_SENT;
}

enum group_send_result group_send_to_neighbour(struct group *g, bool is_increasing,
					       struct span message, uint64_t now_us)
{
	struct route_msg m = {.mode = is_increasing ? ROUTE_NEXT_INCREASING : ROUTE_NEXT_DECREASING,
			      .message = message};
	struct spx_peer *p, *best = NULL;
	struct u256 best_way = {{0}};
	uint32_t at = 0;

	if (!may_send(g, message, now_us))
		return GROUP_SEND_ERROR;
	while ((p = spx_next(g, &at)) != NULL) {
		struct u256 there = route_peer_address(p), way;

		way = is_increasing ? ring_up(g->address, there) : ring_up(there, g->address);
		if (routes_reach(p) && (best == NULL || u256_cmp(way, best_way) < 0)) {
			best = p;
			best_way = way;
		}
	}
	if (best == NULL)
		return no_route(g);
	u256_octets(route_peer_address(best), m.target);
	return route_send(best, &m) == 0 ? GROUP_SENT : no_route(g);
}

// ---- all ----

// Some of those who have not got the message. How many got it; *more: others are left.
static uint32_t job_work(struct routes *r, const struct route_all_job *job, bool *more)
{
	struct route_msg m = {.mode = ROUTE_ALL_NEIGHBOURS, .message = octets_span(job->message)};
	struct spx_peer *p;
	uint32_t at = 0, n = 0, n_tried = 0;

	*more = false;
	while ((p = spx_next(r->group, &at)) != NULL) {
		if (p->all_done >= job->number || !routes_reach(p))
			continue;
		if (n_tried++ == ALL_LOT) {
			*more = true;
			break;
		}
		p->all_done = job->number;
		u256_octets(route_peer_address(p), m.target);
		n += route_send(p, &m) == 0;
	}
	return n;
}

static void jobs_run(struct routes *r)
{
	bool more;

	r->all_us = NEVER;
	if (r->n_jobs == 0)
		return;
	job_work(r, &r->jobs[0], &more);
	if (!more)
		job_remove(r);
	if (r->n_jobs > 0)
		r->all_us = r->group->groups->now_us + ALL_US;
}

enum group_send_result group_send_to_all_neighbours(struct group *g, struct span message,
						    uint64_t now_us)
{
	struct routes *r = g->routes;
	struct route_all_job *job;
	struct spx_peer *p;
	uint32_t at = 0, n = 0;
	bool more;

	if (!may_send(g, message, now_us))
		return GROUP_SEND_ERROR;
	while ((p = spx_next(g, &at)) != NULL)
		n += routes_reach(p) && spx_has_room(p, LANE_ROUTES, ROUTE_HEAD_LEN + message.len);
	if (n == 0 || r->n_jobs == ROUTE_ALL_JOBS_MAX)
		return no_route(g);
	job = &r->jobs[r->n_jobs];
	*job = (struct route_all_job){octets_copy(message), ++r->jobs_ever};
	if (job->message == NULL)
		return no_route(g);
	if (r->n_jobs++ > 0)
		return GROUP_SENT; // behind the others
	job_work(r, job, &more);
	if (more)
		r->all_us = now_us + ALL_US;
	else
		job_remove(r);
	return GROUP_SENT;
}

// ---- all the way ----

static int far_send(struct spx_peer *p, const struct route_far *f)
{
	uint8_t head[ROUTE_FAR_HEAD_LEN];
	struct wr w = wr_over(head, sizeof(head));

	route_far_write_head(&w, f);
	return spx_send(p, LANE_ROUTES, wr_span(&w), f->message);
}

// Known by its request and the origin's first octets: others' requests are not ours to guess.
static bool is_repeated(struct routes *r, const struct route_far *f)
{
	uint64_t now_us = r->group->groups->now_us;
	uint8_t key[RECENT_KEY_LEN];
	bool pushed_out = false;

	memcpy(key, f->request, ROUTE_REQUEST_LEN);
	memcpy(key + ROUTE_REQUEST_LEN, f->origin, RECENT_KEY_LEN - ROUTE_REQUEST_LEN);
	if (now_us > REQUEST_LIFE_US)
		recent_keys_expire(&r->requests, now_us - REQUEST_LIFE_US);
	if (recent_keys_have(&r->requests, key))
		return true;
	recent_keys_add(&r->requests, key, now_us, &pushed_out);
	r->group->groups->n.routes_requests_evicted += pushed_out;
	return false;
}

// One hop. False: it takes nothing.
static bool far_pass(struct spx_peer *p, struct route_far *f, enum route_way way, bool is_ours)
{
	struct groups_counters *n = &p->nb->group->groups->n;

	f->way = way;
	f->hops_left--;
	f->hops++;
	if (far_send(p, f) != 0) {
		f->hops_left++;
		f->hops--;
		n->routes_far_blocked += !is_ours;
		return false;
	}
	n->routes_far_passed += !is_ours;
	return true;
}

// There is nobody nearer to pass it to. Who would be nearer may be reached by others, as long as it
// could come back here.
static bool far_detour(struct group *g, struct route_far *f, bool is_ours)
{
	struct spx_peer *p;

	if (f->hops_left < 2 || (p = detour_begin(g, f)) == NULL ||
	    !far_pass(p, f, ROUTE_ASIDE, is_ours))
		return false;
	g->groups->n.routes_far_aside++;
	return true;
}

// Here, or one hop on. False: neither.
static bool far_go(struct group *g, struct route_far *f, bool is_ours)
{
	struct route_choice c = choose(g, u256_of(f->target));

	if ((c.who == g || c.who == NULL) && far_detour(g, f, is_ours))
		return true;
	if (c.who == g) {
		deliver(g, &(struct arrival){f->origin, f->target, f->message, is_ours, true,
					     f->hops});
		return true;
	}
	if (c.who == NULL || f->hops_left == 0) {
		g->groups->n.routes_far_lost += !is_ours;
		return false;
	}
	return far_pass((struct spx_peer *)c.who, f, ROUTE_NEARER, is_ours);
}

static bool is_own(const struct group *g, const struct route_far *f)
{
	uint8_t self[GROUP_ADDRESS_LEN];

	u256_octets(g->address, self);
	return memcmp(f->origin, self, sizeof(self)) == 0;
}

void routes_again(struct group *g, const struct outbox_account *out)
{
	for (const struct body *b = outbox_account_oldest(out); b != NULL;
	     b = outbox_account_younger(b)) {
		struct span octets = span_of(b->data, b->len);
		struct route_far f;

		if (route_far_read(&f, octets) != 0)
			continue;
		f.hops_left++; // the hop that it did not take
		f.hops--;
		g->groups->n.routes_far_again++;
		far_go(g, &f, is_own(g, &f));
	}
}

static uint8_t hops_first(const struct group *g)
{
	double n = ring_set_estimate(&g->members.ring, g->address);
	uint32_t hops = HOPS_EXTRA;

	for (; n > 1; n /= 2)
		hops += 2;
	return (uint8_t)(hops < ROUTE_HOPS_MAX ? hops : ROUTE_HOPS_MAX);
}

enum group_send_result group_send_far(struct group *g, const char *address, struct span message,
				      uint64_t now_us)
{
	struct route_far f = {.message = message};

	if (!may_send(g, message, now_us) || peer_id_parse(f.target, address) != 0)
		return GROUP_SEND_ERROR;
	f.hops_left = hops_first(g);
	u256_octets(g->address, f.origin);
	random_fill(g->groups->o.random, f.request, ROUTE_REQUEST_LEN);
	is_repeated(g->routes, &f); // should it ever come back
	g->groups->n.routes_far_own++;
	return far_go(g, &f, true) ? GROUP_SENT : no_route(g);
}

// ---- in ----

static void route_take(struct spx_lane *l, struct span message)
{
	struct group *g = l->peer->nb->group;
	uint8_t from[GROUP_ADDRESS_LEN];
	struct route_msg m;

	if (route_read(&m, message) != 0) {
		spx_malformed(l);
		return;
	}
	if (m.mode == ROUTE_NEAREST && !g->routes->is_nearest &&
	    u256_cmp(u256_of(m.target), g->address) != 0) {
		g->groups->n.routes_ignored++; // DR-2: not for an EXACT member
		return;
	}
	u256_octets(route_peer_address(l->peer), from);
	deliver(g, &(struct arrival){from, m.target, m.message, false, false});
}

static void nearer_take(struct group *g, struct route_far *f)
{
	if (is_repeated(g->routes, f))
		g->groups->n.routes_far_repeated++;
	else if (!g->routes->is_nearest && u256_cmp(u256_of(f->target), g->address) != 0)
		g->groups->n.routes_ignored++;
	else
		far_go(g, f, false);
}

// Who sent it knows nobody nearer. If we do, it is on its way again; whether it has come by here
// before is no matter. Else it goes back.
static void aside_take(struct spx_peer *from, struct route_far *f)
{
	struct group *g = from->nb->group;
	struct u256 target = u256_of(f->target);
	struct route_choice c = choose(g, target);

	if (f->hops_left == 0)
		g->groups->n.routes_far_lost++;
	else if (c.who == NULL || !ring_is_nearer(target, c.at, route_peer_address(from)))
		far_pass(from, f, ROUTE_BACK, false);
	else if (c.who == g)
		nearer_take(g, f);
	else
		far_pass((struct spx_peer *)c.who, f, ROUTE_NEARER, false);
}

static void back_take(struct spx_peer *from, struct route_far *f)
{
	struct group *g = from->nb->group;

	if (detour_is_over(g, from, f))
		far_go(g, f, is_own(g, f));
	else
		g->groups->n.routes_far_repeated++;
}

static void far_take(struct spx_lane *l, struct span message)
{
	struct route_far f;

	if (route_far_read(&f, message) != 0)
		spx_malformed(l);
	else if (f.way == ROUTE_ASIDE)
		aside_take(l->peer, &f);
	else if (f.way == ROUTE_BACK)
		back_take(l->peer, &f);
	else
		nearer_take(l->peer->nb->group, &f);
}

void routes_message(struct spx_lane *l, struct span message)
{
	switch (spx_msg_type(message)) {
	case SPX_ROUTE:
		route_take(l, message);
		break;
	case SPX_COVERAGE:
		coverage_take(l, message);
		break;
	case SPX_ROUTE_FAR:
	case SPX_ROUTE_ASIDE:
	case SPX_ROUTE_BACK:
		far_take(l, message);
		break;
	default:
		spx_unknown(l);
	}
}

// ---- time ----

void routes_timers(struct group *g)
{
	struct routes *r = g->routes;

	if (r == NULL)
		return;
	coverage_timers(r);
	if (r->all_us <= g->groups->now_us)
		jobs_run(r);
}

uint64_t routes_deadline_us(const struct group *g)
{
	const struct routes *r = g->routes;

	return r != NULL ? earlier(coverage_deadline_us(r), r->all_us) : NEVER;
}

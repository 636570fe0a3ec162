#include "control/group/detour.h"

#include <string.h>

#include "control/group/neighbour.h"
#include "control/group/wanted.h"

enum {
	ASKED_LIFE_US = 30000000, // as long as a request is known (docs/spx.md)
	ASKED_MAX = 3,            // for a message: each may have no such link either
	LATELY_US = 10000000,     // reports of those beside us come every 2 s then
};

// ---- whom we asked ----

static void key_of(const struct spx_peer *p, const struct route_far *f, bool is_back,
		   uint8_t key[RECENT_KEY_LEN])
{
	uint8_t peer[GROUP_ADDRESS_LEN];

	u256_octets(route_peer_address(p), peer);
	for (int i = 0; i < ROUTE_REQUEST_LEN; i++)
		key[i] = f->request[i] ^ f->origin[i];
	memcpy(key + ROUTE_REQUEST_LEN, peer, RECENT_KEY_LEN - ROUTE_REQUEST_LEN);
	key[RECENT_KEY_LEN - 1] = (uint8_t)((key[RECENT_KEY_LEN - 1] & ~1) | is_back);
}

static bool is_asked(const struct routes *r, const struct spx_peer *p, const struct route_far *f)
{
	uint8_t key[RECENT_KEY_LEN];

	key_of(p, f, false, key);
	return recent_keys_have(&r->asked, key);
}

static void remember(struct routes *r, const struct spx_peer *p, const struct route_far *f,
		     bool is_back)
{
	uint64_t now_us = r->group->groups->now_us;
	uint8_t key[RECENT_KEY_LEN];
	bool pushed_out = false;

	key_of(p, f, is_back, key);
	recent_keys_add(&r->asked, key, now_us, &pushed_out);
	r->group->groups->n.routes_requests_evicted += pushed_out;
}

bool detour_is_over(struct group *g, const struct spx_peer *p, const struct route_far *f)
{
	uint8_t key[RECENT_KEY_LEN];

	key_of(p, f, true, key);
	if (!is_asked(g->routes, p, f) || recent_keys_have(&g->routes->asked, key))
		return false;
	remember(g->routes, p, f, true);
	return true;
}

// ---- who is out of reach ----

// Where members come and go, most that gossip knows are gone, and the message would go round for
// each of them: there it must have been called in vain, and be told of since.
static bool is_there(const struct group *g, const struct member *who)
{
	uint64_t now_us = g->groups->now_us;

	if (!g->is_unrest)
		return member_is_there(who, now_us);
	return who->n_tries > 0 && who->heard_us + LATELY_US > now_us;
}

// Of those that stand next to us on the target's side the nearest one that we have no link to. One
// that has fallen silent is no such: a link there was, and it is gone most likely.
static const struct member *out_of_reach(const struct group *g, struct u256 target)
{
	const struct ring_set *ring = &g->members.ring;
	struct u256 best = g->address;
	const struct member *found = NULL;
	bool is_up = u256_cmp(ring_up(g->address, target), ring_up(target, g->address)) < 0;

	for (uint32_t k = 1, n = 0; k <= ring->n && n < WANTED_EACH_WAY; k++) {
		struct member *who = member_of_ring(is_up ? ring_set_up(ring, g->address, k)
							  : ring_set_down(ring, g->address, k));

		if (who->neighbour == NULL && !is_there(g, who))
			continue;
		n++;
		if (who->neighbour == NULL && ring_is_nearer(target, who->at.at, best)) {
			best = who->at.at;
			found = who;
		}
	}
	return found;
}

// ---- by whom ----

// Is x, of two that may know a way to a place, the better one to ask? Who stands near the place has
// a link most likely. Who was asked first had none: then super-peers, which have most.
static bool is_better(const struct spx_peer *x, const struct spx_peer *y, struct u256 place,
		      uint32_t n_asked)
{
	if (n_asked > 0 && x->nb->is_super != y->nb->is_super)
		return x->nb->is_super;
	return ring_is_nearer(place, route_peer_address(x), route_peer_address(y));
}

struct spx_peer *detour_begin(struct group *g, const struct route_far *f)
{
	struct routes *r = g->routes;
	const struct member *who = out_of_reach(g, u256_of(f->target));
	uint64_t now_us = g->groups->now_us;
	struct spx_peer *p, *best = NULL;
	uint32_t at = 0, n_asked = 0;

	if (who == NULL)
		return NULL;
	if (now_us > ASKED_LIFE_US)
		recent_keys_expire(&r->asked, now_us - ASKED_LIFE_US);
	while ((p = spx_next(g, &at)) != NULL)
		n_asked += is_asked(r, p, f);
	if (n_asked >= ASKED_MAX)
		return NULL;
	for (at = 0; (p = spx_next(g, &at)) != NULL;)
		if (routes_reach(p) && !is_asked(r, p, f) &&
		    (best == NULL || is_better(p, best, who->at.at, n_asked)))
			best = p;
	if (best != NULL)
		remember(r, best, f, false);
	return best;
}

#include "tests/sim/attacker.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/wire/packet.h"

#define ARRIVED_US  200000
#define LONGER_MAX  48
#define DATAGRAM    2048
#define SPARE_START 4 // the scrambled id

struct heard {
	uint64_t at_us;
	uint32_t from, to; // members
	struct net_addr src, dst;
	uint32_t id;
	uint16_t len;
	uint8_t *data;
};

// A session as anybody sees it: an id, and who listens to it.
struct ear {
	uint32_t id, member;
	uint16_t port;
	uint32_t far; // who talks to it
	uint16_t far_port;
};

struct attacker {
	struct world *world;
	struct random_state random_state;
	struct random random;
	struct heard *heard;
	uint32_t n, cap;
	struct ear *ears;
	uint32_t n_ears;
	uint32_t *sessions, *startups; // indices of heard
	uint32_t n_sessions, n_startups;
	uint16_t spared;
	uint64_t n_struck;
	const struct heard *being_cut; // at every length, one after the other
	uint16_t cut_at;
};

const char *attack_name(enum attack a)
{
	static const char *const names[] = {
		"replayed",  "from elsewhere",      "a bit changed", "cut",     "made longer",
		"reflected", "for another session", "spliced",       "garbage", "startup",
	};

	return names[a];
}

static uint32_t member_at(const struct world *w, uint32_t ip)
{
	for (uint32_t i = 0; i < w->n; i++)
		if (net_ip(w->net, w->members[i].host) == ip)
			return i;
	return UINT32_MAX;
}

static bool hear(void *ctx, uint32_t host, struct net_addr src, struct net_addr dst,
		 const uint8_t *data, uint16_t len)
{
	struct attacker *a = ctx;
	struct heard *h;

	if (a->n == a->cap) {
		a->cap = a->cap > 0 ? 2 * a->cap : 4096;
		a->heard = realloc(a->heard, a->cap * sizeof(*a->heard));
		assert(a->heard != NULL);
	}
	h = &a->heard[a->n++];
	*h = (struct heard){.at_us = a->world->now_us,
			    .from = host,
			    .to = member_at(a->world, dst.ip),
			    .src = src,
			    .dst = dst,
			    .len = len,
			    .data = malloc(len)};
	assert(h->data != NULL && h->to != UINT32_MAX && len <= DATAGRAM - LONGER_MAX);
	memcpy(h->data, data, len);
	ssid_unscramble(data, len, &h->id);
	return true;
}

struct attacker *attacker_create(struct world *w, uint64_t seed)
{
	struct attacker *a = calloc(1, sizeof(*a));

	assert(a != NULL);
	a->world = w;
	a->random = random_seeded(&a->random_state, seed);
	net_set_tap(w->net, hear, a);
	return a;
}

void attacker_destroy(struct attacker *a)
{
	for (uint32_t i = 0; i < a->n; i++)
		free(a->heard[i].data);
	free(a->heard);
	free(a->ears);
	free(a->sessions);
	free(a->startups);
	free(a);
}

static void ear_add(struct attacker *a, const struct heard *h)
{
	for (uint32_t i = 0; i < a->n_ears; i++)
		if (a->ears[i].id == h->id && a->ears[i].member == h->to)
			return;
	a->ears = realloc(a->ears, (a->n_ears + 1) * sizeof(*a->ears));
	assert(a->ears != NULL);
	a->ears[a->n_ears++] = (struct ear){h->id, h->to, h->dst.port, h->from, h->src.port};
}

void attacker_begin(struct attacker *a, uint32_t *n_session, uint32_t *n_startup)
{
	net_set_tap(a->world->net, NULL, NULL);
	a->sessions = calloc(a->n, sizeof(*a->sessions));
	a->startups = calloc(a->n, sizeof(*a->startups));
	assert(a->sessions != NULL && a->startups != NULL);
	for (uint32_t i = 0; i < a->n; i++) {
		const struct heard *h = &a->heard[i];

		if (h->at_us + ARRIVED_US > a->world->now_us)
			break;
		if (h->id == 0) {
			a->startups[a->n_startups++] = i;
			continue;
		}
		a->sessions[a->n_sessions++] = i;
		ear_add(a, h);
	}
	*n_session = a->n_sessions;
	*n_startup = a->n_startups;
}

void attacker_spare(struct attacker *a, uint16_t octets)
{
	a->spared = octets;
}

// ---- packets ----

// One on its way.
struct shot {
	struct net_addr src;
	uint32_t to;
	uint16_t port, len;
	uint8_t data[2 * DATAGRAM]; // two may be spliced
};

static const struct heard *some_of(struct attacker *a, const uint32_t *list, uint32_t n)
{
	return &a->heard[list[random_below(&a->random, n)]];
}

static void shot_of(struct shot *s, const struct heard *h)
{
	s->src = h->src;
	s->to = h->to;
	s->port = h->dst.port;
	s->len = h->len;
	memcpy(s->data, h->data, h->len);
}

static void from_elsewhere(struct attacker *a, struct shot *s)
{
	s->src.ip = (uint32_t)(0xcb007100u + random_below(&a->random, 256)); // 203.0.113.0/24
	s->src.port = (uint16_t)(1024 + random_below(&a->random, 60000));
}

static uint16_t first_altered(const struct attacker *a, const struct shot *s)
{
	uint16_t first = a->spared > 0 ? (uint16_t)(SPARE_START + a->spared) : 0;

	return first < s->len ? first : s->len;
}

static void change_bit(struct attacker *a, struct shot *s)
{
	uint16_t first = first_altered(a, s);
	uint64_t bit;

	if (first == s->len) {
		s->len--; // nothing but what is spared: any length will do
		return;
	}
	bit = random_below(&a->random, 8u * (uint64_t)(s->len - first));
	s->data[first + bit / 8] ^= (uint8_t)(1u << bit % 8);
}

static void cut(struct attacker *a, struct shot *s)
{
	if (a->being_cut == NULL || a->cut_at >= a->being_cut->len) {
		a->being_cut = some_of(a, a->sessions, a->n_sessions);
		a->cut_at = a->spared > 0 ? (uint16_t)(SPARE_START + a->spared) : 0;
	}
	shot_of(s, a->being_cut);
	s->len = a->cut_at++;
}

static void make_longer(struct attacker *a, struct shot *s)
{
	uint16_t n = (uint16_t)(1 + random_below(&a->random, LONGER_MAX));

	random_fill(&a->random, s->data + s->len, n);
	s->len = (uint16_t)(s->len + n);
}

// Under that id, to whoever listens to it.
static void readdress(struct shot *s, const struct ear *e)
{
	ssid_scramble(s->data, s->len, e->id);
	s->to = e->member;
	s->port = e->port;
}

static void reflect(struct attacker *a, struct shot *s, const struct heard *h)
{
	s->src = h->dst;
	s->to = h->from;
	s->port = h->src.port;
	for (uint32_t i = 0; i < a->n_ears; i++) {
		const struct ear *e = &a->ears[i];

		if (e->member == h->from && e->far == h->to && e->port == h->src.port &&
		    e->far_port == h->dst.port)
			readdress(s, e);
	}
}

static void for_another(struct attacker *a, struct shot *s, const struct heard *h)
{
	const struct ear *e;

	do {
		e = &a->ears[random_below(&a->random, a->n_ears)];
	} while (e->id == h->id && e->member == h->to);
	readdress(s, e);
}

// At a boundary of blocks, so that all of the others decrypt as they did.
static void splice(struct attacker *a, struct shot *s, const struct heard *h)
{
	const struct heard *other = h;
	uint16_t len = s->len, at, from;

	for (unsigned i = 0; i < 1000 && (other == h || other->id != h->id || other->to != h->to ||
					  other->len < 36);
	     i++)
		other = some_of(a, a->sessions, a->n_sessions);
	at = (uint16_t)(4 + 16 * random_below(&a->random, (len - 4u) / 16));
	from = (uint16_t)(4 + 16 * random_below(&a->random, (other->len - 4u) / 16));
	if (at < 4u + 16 || other == h) { // the whole of the other would be a replay
		change_bit(a, s);
		return;
	}
	memcpy(s->data + at, other->data + from, other->len - from);
	s->len = (uint16_t)(at + other->len - from);
	ssid_scramble(s->data, s->len, h->id);
}

static void garbage(struct attacker *a, struct shot *s)
{
	const struct ear *e = &a->ears[random_below(&a->random, a->n_ears)];

	s->len = (uint16_t)(4 + random_below(&a->random, 1200));
	random_fill(&a->random, s->data, s->len);
	readdress(s, e);
}

static void shot_make(struct attacker *a, struct shot *s, enum attack kind)
{
	const struct heard *h = kind == ATTACK_STARTUP ? some_of(a, a->startups, a->n_startups)
						       : some_of(a, a->sessions, a->n_sessions);

	shot_of(s, h);
	switch (kind) {
	case ATTACK_STARTUP:
		if (a->n_struck % 2 == 1)
			from_elsewhere(a, s);
		break;
	case ATTACK_ELSEWHERE:
		from_elsewhere(a, s);
		break;
	case ATTACK_BIT:
		change_bit(a, s);
		break;
	case ATTACK_CUT:
		cut(a, s);
		break;
	case ATTACK_LONGER:
		make_longer(a, s);
		break;
	case ATTACK_REFLECT:
		reflect(a, s, h);
		break;
	case ATTACK_OTHER:
		for_another(a, s, h);
		break;
	case ATTACK_SPLICE:
		splice(a, s, h);
		break;
	case ATTACK_GARBAGE:
		garbage(a, s);
		break;
	default:
		break;
	}
}

void attacker_strike(struct attacker *a, enum attack kind)
{
	struct shot s;

	shot_make(a, &s, kind);
	a->n_struck++;
	sim_node_rx(a->world->members[s.to].sim, s.src, s.port, s.data, s.len, a->world->now_us);
}

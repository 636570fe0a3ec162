// Members driven by hand that speak SPX, and members that keep what they are told.
#pragma once

#include <stdio.h>

#include "control/group/postings.h"
#include "control/group/routes.h"
#include "crypto/sha.h"
#include "tests/unit/control/group/raw_peer.h"

// Routing, multicast and posting; the same with the posting password "password", without and with
// its authorization.
#define SPX_SPEC "G:010001010103010c050e7465737400"
#define SPX_LOCKED                                                                                 \
	"G:010001010103"                                                                           \
	"21075e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8010c050e7465737400"
#define SPX_UNLOCKED SPX_LOCKED "091770617373776f7264"

#define RAW_ROUTES  "GR\x61"
#define RAW_POSTS   "GR\x64"
#define RAW_DATA_65 "GR\x65"

// ---- by hand ----

struct spx_raw {
	struct raw_peer *t;
	struct world_node *raw;
	struct end *e;
	int main, control, data, routes; // our flows
};

static inline void spx_report(struct spx_raw *s)
{
	uint8_t octets[256];
	struct wr w = wr_over(octets, sizeof(octets));
	struct group_report_self self = {.is_spx = true, .receiver_addr = s->t->node->addr};

	group_report_write_self(&w, &self);
	raw_send(s->e, s->main, octets, w.len);
}

static inline void spx_lanes_open(struct spx_raw *s)
{
	s->control = raw_open(s->e, RAW_POSTS, 3, true, s->t->their_main_id);
	s->data = raw_open(s->e, RAW_DATA_65, 3, true, s->t->their_main_id);
	s->routes = raw_open(s->e, RAW_ROUTES, 3, true, s->t->their_main_id);
	world_run(s->t->w, 100 * MS);
}

static inline struct spx_raw spx_raw_of(struct raw_peer *t)
{
	struct spx_raw s = {.t = t, .raw = t->raw, .e = t->e, .main = t->main};

	spx_report(&s);
	spx_lanes_open(&s);
	raw_drain(t);
	return s;
}

// Another one in the same world.
static inline struct spx_raw spx_raw_add(struct raw_peer *t)
{
	struct raw_peer other = *t;

	other.raw = world_add(t->w, &(struct world_role){.is_raw = true});
	other.e = world_session(other.raw, WORLD_MEMBER, t->node, WORLD_MEMBER);
	raw_befriend(&other);
	t->their_main_id = other.their_main_id; // every session's first flow has the same
	struct spx_raw s = {.t = t, .raw = other.raw, .e = other.e, .main = other.main};
	spx_report(&s);
	spx_lanes_open(&s);
	raw_drain(&other);
	return s;
}

static inline void spx_post_id(const char *text, uint8_t id[POST_ID_LEN])
{
	sha256(text, strlen(text), id);
}

static inline void spx_offer_aged(struct spx_raw *s, const char *text, uint8_t hop, uint64_t age_ms)
{
	uint8_t id[POST_ID_LEN], octets[64];
	struct wr w = wr_over(octets, sizeof(octets));
	struct post_offer o = {.hop = hop, .size = strlen(text), .age_ms = age_ms};

	spx_post_id(text, id);
	memcpy(o.key, id, POST_KEY_LEN);
	post_offers_write(&w, &o, 1);
	raw_send(s->e, s->control, octets, w.len);
}

static inline void spx_offer(struct spx_raw *s, const char *text)
{
	spx_offer_aged(s, text, 0, 0);
}

static inline void spx_keys(struct spx_raw *s, enum spx_type type, const char *text)
{
	uint8_t id[POST_ID_LEN], octets[64], key[1][POST_KEY_LEN];
	struct wr w = wr_over(octets, sizeof(octets));

	spx_post_id(text, id);
	memcpy(key[0], id, POST_KEY_LEN);
	post_keys_write(&w, type, key, 1);
	raw_send(s->e, s->control, octets, w.len);
}

static inline void spx_data_with(struct spx_raw *s, const char *text, struct post_data d)
{
	static uint8_t octets[POST_DATA_HEAD_MAX + POST_LEN_MAX];
	struct wr w = wr_over(octets, sizeof(octets));

	spx_post_id(text, d.id);
	d.message = span_of(text, strlen(text));
	post_data_write(&w, &d);
	raw_send(s->e, s->data, octets, w.len);
}

static inline void spx_data(struct spx_raw *s, const char *text)
{
	spx_data_with(s, text, (struct post_data){.hop = 0});
}

// How many messages of this type came on flows with this metadata since the last time, the last
// one's octets in out (if it has room). All others are thrown away.
struct spx_heard {
	uint32_t n_offers, n_asks, n_gone, n_data, n_routes, n_far, n_aside, n_back, n_coverage;
	uint32_t n_begins, n_old;
	uint8_t last[2048]; // the last of them
	uint32_t len;
};

static inline struct spx_heard spx_hear(struct spx_raw *s)
{
	struct spx_heard h = {0};
	struct got *g;

	while ((g = world_got(s->raw)) != NULL) {
		int type = g->len > 0 ? g->octets[0] : -1;
		bool is_main = memcmp(g->meta, RAW_MAIN, 3) == 0;

		h.n_offers += type == SPX_OFFER && !is_main;
		h.n_asks += type == SPX_ASK;
		h.n_gone += type == SPX_GONE;
		h.n_data += type == SPX_DATA;
		h.n_routes += type == SPX_ROUTE;
		h.n_far += type == SPX_ROUTE_FAR;
		h.n_aside += type == SPX_ROUTE_ASIDE;
		h.n_back += type == SPX_ROUTE_BACK;
		h.n_coverage += type == SPX_COVERAGE;
		h.n_begins += is_main && (type == 0x0e || type == 0x0f);
		h.n_old += memcmp(g->meta, "GR\x18", 3) == 0 || memcmp(g->meta, "GR\x19", 3) == 0;
		if (!is_main && g->len <= sizeof(h.last)) {
			memcpy(h.last, g->octets, g->len);
			h.len = g->len;
		}
		free(g);
	}
	return h;
}

// ---- members that keep what they are told ----

#define SPX_TOLD_MAX 4096

struct spx_told {
	uint32_t n_posts, n_sent, n_coverage;
	char posts[SPX_TOLD_MAX];  // " text" each
	char routes[SPX_TOLD_MAX]; // " text" each, "!" behind those from ourselves
	uint8_t id[POST_ID_LEN], from[GROUP_ADDRESS_LEN], to[GROUP_ADDRESS_LEN];
	bool is_from_local, is_far;
};

static inline void spx_text_add(char *to, const struct group_event *e)
{
	size_t len = strlen(to);

	snprintf(to + len, SPX_TOLD_MAX - len, " %.*s%s", (int)e->message.body.len,
		 (const char *)e->message.body.data, e->is_from_local ? "!" : "");
}

static inline void spx_tell(struct world_node *n, const struct group_event *e)
{
	struct spx_told *t = n->ctx;

	if (e->kind == GROUP_POSTING) {
		t->n_posts++;
		spx_text_add(t->posts, e);
		memcpy(t->id, e->id, POST_ID_LEN);
	} else if (e->kind == GROUP_SEND_TO) {
		t->n_sent++;
		spx_text_add(t->routes, e);
		memcpy(t->from, e->from, GROUP_ADDRESS_LEN);
		memcpy(t->to, e->to, GROUP_ADDRESS_LEN);
		t->is_from_local = e->is_from_local;
		t->is_far = e->is_far;
	} else if (e->kind == GROUP_COVERAGE) {
		t->n_coverage++;
	}
}

static inline void spx_listen(struct world_node *n, struct spx_told *t)
{
	n->on_event = spx_tell;
	n->ctx = t;
}

static inline int spx_post(struct world_node *n, const char *text)
{
	uint8_t id[POST_ID_LEN];

	return group_post(n->group, span_of(text, strlen(text)), id, world_now_us(n->world));
}

// A super-peer that introduces, and members that join through it.
#define SPX_PARTY_MAX 40
struct spx_party {
	struct world *w;
	struct world_node *nodes[SPX_PARTY_MAX]; // 0: the super-peer
	struct spx_told told[SPX_PARTY_MAX];
	uint32_t n;
};

static inline struct world_node *spx_party_add(struct spx_party *t, const struct world_role *role,
					       const char *spec)
{
	struct world_node *n = world_add(t->w, role);

	spx_listen(n, &t->told[t->n]);
	t->nodes[t->n++] = n;
	world_join(n, spec);
	if (t->n > 1)
		world_connect(n, t->nodes[0]);
	return n;
}

static inline struct spx_party *spx_party_create(uint32_t n_members, bool has_hmac,
						 const char *spec)
{
	static const struct world_role super = {.is_super = true, .is_server = true};
	static const struct world_role member = {.is_super = false};
	struct spx_party *t = calloc(1, sizeof(*t));

	t->w = world_create(
		&(struct world_opts){.seed = 31, .latency_us = 10 * MS, .has_hmac = has_hmac});
	spx_party_add(t, &super, spec);
	for (uint32_t i = 0; i < n_members; i++)
		spx_party_add(t, &member, spec);
	world_run(t->w, 20 * S);
	return t;
}

static inline void spx_party_destroy(struct spx_party *t)
{
	world_destroy(t->w);
	free(t);
}

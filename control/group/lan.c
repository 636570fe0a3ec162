#include "control/group/lan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/group/topology.h"

enum {
	NONCE_LIFE_US = 5000000,
	ALONE_US = 10000000, // between queries while nobody is a neighbour
	ANNOUNCE_US = 30000000,
	ANNOUNCE_JITTER_US = 10000000,
	ANSWER_SPREAD_US = 200000,
	DOUBT_US = 5000000, // between queries for the sake of those who cannot be believed
	DOUBT_NEIGHBOUR_US = 1000000, // of neighbours: they are there, so an answer was lost
	ANSWERS_ENOUGH = 8,           // a newcomer needs no more: whoever answers knows the others
	MESSAGES_PER_S = 200,
	MESSAGES_BURST = 400,
	FRAGMENTS_PER_S = 4000, // 30 Mbit/s
	TTL = 1,                // IP-5: it does not leave the link
};

static const char tag_text[] = "annulus LAN"; // what the tag is an HMAC of

bool lan_is_wanted(const struct group *g)
{
	return (g->spec.ip_multicast_updates || g->spec.multicast) && g->spec.n_ip_multicast > 0 &&
	       !g->limits.is_lan_off;
}

int lan_create(struct group *g)
{
	struct groups *gs = g->groups;
	struct lan *l;
	uint8_t hash[SHA256_LEN];

	if (!lan_is_wanted(g))
		return 0;
	l = calloc(1, sizeof(*l));
	if (l == NULL)
		return -ENOMEM;
	l->group = g;
	hmac_keys_expand(&l->keys, g->spec.text, g->spec.canonical_len);
	hmac_sha256_with(&l->keys, tag_text, sizeof(tag_text) - 1, hash);
	memcpy(l->tag, hash, sizeof(l->tag));
	l->counter = random_u64(gs->o.random) >> 16;
	l->is_member = g->spec.ip_multicast_updates && !g->spec.peer_to_peer_disabled;
	l->query_us = l->is_member ? gs->now_us : NEVER;
	l->announce_us =
		l->is_member ? gs->now_us + random_below(gs->o.random, ANNOUNCE_JITTER_US) : NEVER;
	l->answer_us = NEVER;
	l->streams_us = NEVER;
	g->lan = l;
	return 0;
}

void lan_destroy(struct group *g)
{
	free(g->lan);
	g->lan = NULL;
}

// ---- out ----

static void addrs_fill(const struct groups *gs, struct lan_msg *m)
{
	for (uint8_t i = 0; i < gs->o.n_local_addrs && m->n_addrs < LAN_ADDRS_MAX; i++)
		if (wire_addr_is_usable(&gs->o.local_addrs[i]))
			m->addrs[m->n_addrs++] = gs->o.local_addrs[i];
}

bool lan_say(struct lan *l, struct lan_msg *m, uint8_t ttl)
{
	struct group *g = l->group;
	struct groups *gs = g->groups;
	uint8_t datagram[LAN_LEN_MAX], mac[SHA256_LEN];
	struct wr w = wr_over(datagram, sizeof(datagram));

	memcpy(m->tag, l->tag, sizeof(m->tag));
	memcpy(m->sender, gs->o.member_id, sizeof(m->sender));
	m->counter = ++l->counter;
	bool is_whole = true;

	if (lan_write(&w, m) != 0)
		return false;
	hmac_sha256_with(&l->keys, datagram, w.len, mac);
	wr_bytes(&w, mac, LAN_MAC_LEN);
	if (wr_err(&w) != 0 || outbox_is_crowded(gs->o.outbox, 0))
		return false;
	for (uint16_t i = 0; i < g->spec.n_ip_multicast && i < GROUPSPEC_PLACES_MAX; i++) {
		const struct wire_addr *to = &g->spec.ip_multicast[i].addr;
		struct command c = {.op = CMD_DATAGRAM, .len = (uint32_t)w.len};

		memcpy(c.datagram.to.ip, to->ip, sizeof(c.datagram.to.ip));
		c.datagram.to.port = to->port;
		c.datagram.to.family = to->family;
		c.datagram.to.endpoint = gs->o.member_endpoint;
		c.datagram.ttl = ttl;
		c.body = outbox_body_copy(gs->o.outbox, datagram, (uint32_t)w.len);
		if (c.body != NULL)
			outbox_push(gs->o.outbox, 0, &c);
		is_whole &= c.body != NULL;
	}
	gs->n.lan_out++;
	return is_whole;
}

static void ask(struct lan *l)
{
	struct groups *gs = l->group->groups;
	struct lan_msg m = {.type = LAN_QUERY};

	if (gs->now_us >= l->nonce_us + NONCE_LIFE_US / 2 || l->nonce == 0) {
		l->nonce = random_u64(gs->o.random) | 1;
		l->nonce_us = gs->now_us;
	}
	l->asked_us = gs->now_us;
	m.nonce = l->nonce;
	addrs_fill(gs, &m);
	lan_say(l, &m, TTL);
}

static void tell(struct lan *l, uint64_t nonce)
{
	struct groups *gs = l->group->groups;
	struct lan_msg m = {.type = LAN_MEMBER, .nonce = nonce, .is_super = gs->o.is_super};

	addrs_fill(gs, &m);
	lan_say(l, &m, TTL);
	l->announce_us = gs->now_us + ANNOUNCE_US + random_below(gs->o.random, ANNOUNCE_JITTER_US);
}

// ---- in ----

static struct lan_sender *sender_find(struct lan *l, const uint8_t id[PEER_ID_LEN])
{
	for (uint32_t i = 0; i < LAN_SENDERS_MAX; i++)
		if (l->senders[i].heard_us != 0 && memcmp(l->senders[i].id, id, PEER_ID_LEN) == 0)
			return &l->senders[i];
	return NULL;
}

// Who has been silent for longest makes room, those who are not fresh first.
static struct lan_sender *sender_add(struct lan *l, const uint8_t id[PEER_ID_LEN], uint64_t now_us)
{
	struct lan_sender *s = &l->senders[0];

	for (uint32_t i = 1; i < LAN_SENDERS_MAX && s->heard_us != 0; i++) {
		struct lan_sender *t = &l->senders[i];

		if (t->heard_us == 0 || t->is_fresh < s->is_fresh ||
		    (t->is_fresh == s->is_fresh && t->heard_us < s->heard_us))
			s = t;
	}
	l->group->groups->n.lan_senders_lost += s->heard_us != 0;
	*s = (struct lan_sender){.heard_us = now_us};
	memcpy(s->id, id, PEER_ID_LEN);
	return s;
}

// A counter that has not come before, of the last 64.
static bool is_new(struct lan_sender *s, uint64_t counter)
{
	uint64_t ago;

	if (counter > s->highest) {
		ago = counter - s->highest;
		s->seen = ago < 64 ? s->seen << ago | 1 : 1;
		s->highest = counter;
		return true;
	}
	ago = s->highest - counter;
	if (ago >= 64 || s->seen >> ago & 1)
		return false;
	s->seen |= UINT64_C(1) << ago;
	return true;
}

// Its sender speaks now: it names a nonce that we made just now, or goes on from where it was when
// it did. Whoever only plays back what was said once can do neither.
static bool is_believed(struct lan *l, const struct lan_msg *m)
{
	struct groups *gs = l->group->groups;
	struct lan_sender *s = sender_find(l, m->sender);

	if (s == NULL) {
		s = sender_add(l, m->sender, gs->now_us);
		s->is_fresh = !l->is_member; // nobody could be asked
	}
	if (m->type == LAN_MEMBER && m->nonce != 0 && m->nonce == l->nonce &&
	    gs->now_us < l->nonce_us + NONCE_LIFE_US && (!s->is_fresh || m->counter > s->highest)) {
		s->is_fresh = true;
		s->highest = m->counter;
		s->seen = 1;
	} else if (!s->is_fresh || !is_new(s, m->counter)) {
		return false;
	}
	s->heard_us = gs->now_us;
	return true;
}

static void member_take(struct lan *l, const struct lan_msg *m, const struct wire_addr *from)
{
	struct group *g = l->group;
	struct wire_addr addrs[LAN_ADDRS_MAX + 1];
	struct member_news news = {.source = HEARD_GOSSIP,
				   .heard_us = g->groups->now_us,
				   .now_us = g->groups->now_us,
				   .addrs = addrs,
				   .is_fresh = true};
	uint32_t before = g->members.n_changes;
	struct member *who;

	// A link-local address means nothing without its link, which an address does not say here.
	if (from->family != 6 || !(from->ip[0] == 0xfe && (from->ip[1] & 0xc0) == 0x80)) {
		addrs[news.n_addrs] = *from;
		addrs[news.n_addrs++].origin = ADDR_OBSERVED;
	}
	for (uint8_t i = 0; i < m->n_addrs; i++) {
		addrs[news.n_addrs] = m->addrs[i];
		addrs[news.n_addrs++].origin = ADDR_LOCAL;
	}
	who = members_hear(&g->members, m->sender, &news);
	if (who == NULL)
		return;
	who->is_lan = true;
	if (m->is_super)
		members_super(who, true);
	if (g->members.n_changes != before || who->neighbour == NULL)
		topology_soon(g);
}

// The more there are, the later each of them speaks, and once enough have, the rest is silent:
// answers to one who is new in a crowd are few.
static void query_take(struct lan *l, const struct lan_msg *m)
{
	struct groups *gs = l->group->groups;
	uint32_t n = l->group->members.ring.n;
	uint64_t spread_us = n < ANSWERS_ENOUGH
				     ? ANSWER_SPREAD_US / 10
				     : ANSWER_SPREAD_US * (uint64_t)(n < 50 ? n : 50) / 10;

	if (l->answer_us != NEVER || !token_take(&l->answers, &gs->lan_answer_rate, gs->now_us))
		return;
	l->answer_nonce = m->nonce;
	l->n_answers = 0;
	l->answer_us = gs->now_us + random_below(gs->o.random, spread_us);
}

// What cannot be believed is asked about, now or as soon as we may ask again: its sender, if it is
// there, answers for itself. Query and answer may be lost, and a stream does not wait.
static void doubt(struct lan *l, const struct lan_msg *m)
{
	struct groups *gs = l->group->groups;
	const struct member *who = members_find(&l->group->members, m->sender);
	bool is_there = who != NULL && who->neighbour != NULL;
	uint64_t ask_us = l->asked_us + (is_there ? DOUBT_NEIGHBOUR_US : DOUBT_US);

	gs->n.lan_doubted++;
	if (l->is_member)
		l->query_us = earlier(l->query_us, ask_us > gs->now_us ? ask_us : gs->now_us);
}

// Its session proves more than a datagram can, and there is nothing to learn from this one.
static bool is_neighbour(const struct lan *l, const struct lan_msg *m)
{
	struct member *who = members_find(&l->group->members, m->sender);

	if (who == NULL || who->neighbour == NULL || m->type != LAN_MEMBER)
		return false;
	who->is_lan = true;
	return true;
}

static void message_take(struct lan *l, const struct lan_msg *m, const struct wire_addr *from)
{
	struct groups *gs = l->group->groups;
	bool is_one;

	gs->n.lan_in++;
	if (!l->is_member && m->type <= LAN_MEMBER)
		return;
	if (m->type == LAN_QUERY) {
		query_take(l, m);
		return;
	}
	l->n_answers += m->nonce != 0 && m->nonce == l->answer_nonce;
	is_one = is_believed(l, m); // an answer counts for a neighbour's streams, too
	if (is_neighbour(l, m))
		return;
	if (!is_one) {
		doubt(l, m);
		return;
	}
	if (m->type == LAN_MEMBER)
		member_take(l, m, from);
	else
		lan_stream_in(l, m);
}

static struct lan *lan_of_tag(const struct groups *gs, const uint8_t tag[LAN_TAG_LEN])
{
	for (const struct group *g = gs->first; g != NULL; g = g->next)
		if (g->lan != NULL && memcmp(g->lan->tag, tag, LAN_TAG_LEN) == 0)
			return g->lan;
	return NULL;
}

void groups_lan_datagram(struct groups *gs, const struct wire_addr *from, struct span datagram,
			 uint64_t now_us)
{
	struct lan_msg m;
	uint8_t mac[SHA256_LEN];
	struct span proven = lan_proven(datagram);
	struct lan *l;

	gs->now_us = now_us;
	if (lan_read(&m, datagram) != 0) {
		gs->n.lan_malformed++;
		return;
	}
	l = lan_of_tag(gs, m.tag);
	if (l == NULL || memcmp(m.sender, gs->o.member_id, PEER_ID_LEN) == 0)
		return; // other groups' and our own come here, too
	if (!token_take(m.type == LAN_FRAGMENT ? &l->fragments : &l->messages,
			m.type == LAN_FRAGMENT ? &gs->lan_fragment_rate : &gs->lan_rate, now_us)) {
		gs->n.lan_limited++;
		return;
	}
	hmac_sha256_with(&l->keys, proven.data, proven.len, mac);
	if (!octets_equal(mac, proven.data + proven.len, LAN_MAC_LEN)) {
		gs->n.lan_forged++;
		return;
	}
	message_take(l, &m, from);
}

// ---- time ----

void lan_rates(struct groups *gs)
{
	gs->lan_rate = token_rate_of(MESSAGES_PER_S, MESSAGES_BURST);
	gs->lan_answer_rate = token_rate_of(1, 3);
	gs->lan_fragment_rate = token_rate_of(FRAGMENTS_PER_S, FRAGMENTS_PER_S);
}

// At 0, 1, 3 and 7 s, then every 10 s while we are alone and once a minute otherwise.
static uint64_t next_query_us(const struct lan *l)
{
	uint64_t now_us = l->group->groups->now_us;

	if (l->group->n_open > 0)
		return now_us + LAN_QUERY_S * SECOND_US;
	return now_us + (l->n_queries < 4 ? SECOND_US << (l->n_queries - 1) : ALONE_US);
}

void lan_timers(struct group *g)
{
	struct lan *l = g->lan;
	uint64_t now_us = g->groups->now_us;

	if (l == NULL)
		return;
	if (l->query_us <= now_us) {
		l->n_queries++;
		ask(l);
		l->query_us = next_query_us(l);
	}
	if (l->answer_us <= now_us) {
		l->answer_us = NEVER;
		if (l->n_answers < ANSWERS_ENOUGH || l->streams_us != NEVER) // who sends is wanted
			tell(l, l->answer_nonce);
	}
	if (l->announce_us <= now_us)
		tell(l, 0);
	if (l->streams_us <= now_us)
		lan_streams_name(l);
}

uint64_t lan_deadline_us(const struct group *g)
{
	const struct lan *l = g->lan;

	return l != NULL ? earlier(earlier(l->query_us, l->answer_us),
				   earlier(l->announce_us, l->streams_us))
			 : NEVER;
}

uint32_t groups_lan_places(const struct groups *gs, struct groupspec_place *out, uint32_t max)
{
	uint32_t n = 0;

	for (const struct group *g = gs->first; g != NULL; g = g->next)
		for (uint16_t i = 0; g->lan != NULL && i < g->spec.n_ip_multicast && n < max; i++)
			out[n++] = g->spec.ip_multicast[i];
	return n;
}

#include "control/group/members.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/group/container.h"
#include "control/group/groupspec.h"

#define DIED_US         UINT64_C(300000000) // groups.md 5, 11
#define CROSSED_US      UINT64_C(2000000)
#define FORGET_EVERY_US UINT64_C(1000000)
#define PURGE_LATEST_US UINT64_C(60000000) // gossip may tell of somebody that he is old

static_assert(offsetof(struct member, at) == 0, "member_of_ring");
#define MEMBER_BYTES ((sizeof(struct member) + MEMBER_LINE - 1) / MEMBER_LINE * MEMBER_LINE)

int members_init(struct members *m, const uint8_t self[ID_LEN], uint32_t max, uint64_t seed)
{
	memset(m, 0, sizeof(*m));
	memcpy(m->self, self, ID_LEN);
	m->max = max;
	return id_table_init(&m->table, seed);
}

void members_clear(struct members *m)
{
	for (uint32_t i = 0; i < m->ring.n; i++)
		free(member_of_ring(m->ring.nodes[i]));
	ring_set_clear(&m->ring);
	m->supers = NULL;
	id_table_clear(&m->table);
}

struct member *members_find(const struct members *m, const uint8_t peer_id[ID_LEN])
{
	struct id_node *node = id_table_find(&m->table, peer_id);

	return node != NULL ? container_of(node, struct member, key) : NULL;
}

struct member *members_find_at(const struct members *m, uint64_t place,
			       const uint8_t peer_id[ID_LEN])
{
	struct id_node *node = id_table_find_at(&m->table, place, peer_id);

	return node != NULL ? container_of(node, struct member, key) : NULL;
}

void members_super(struct member *who, bool is_super)
{
	struct member **at = &who->table->supers;

	if (who->is_super == is_super)
		return;
	who->is_super = is_super;
	if (is_super) {
		who->next_super = *at;
		*at = who;
		return;
	}
	while (*at != who)
		at = &(*at)->next_super;
	*at = who->next_super;
}

uint64_t members_place(const struct members *m, const uint8_t peer_id[ID_LEN])
{
	return id_table_place(&m->table, peer_id);
}

void members_place_fetch(const struct members *m, uint64_t place)
{
	struct id_node *first = id_table_first(&m->table, place);

	if (first != NULL)
		member_fetch(container_of(first, struct member, key));
}

static void member_free(struct members *m, struct member *who)
{
	members_super(who, false);
	ring_set_remove(&m->ring, &who->at);
	id_table_remove(&m->table, &who->key);
	free(who);
}

static bool is_in_use(const struct member *who)
{
	return who->neighbour != NULL || who->dial != NULL || who->is_client;
}

// ---- died ----

static struct died *died_find(struct members *m, const uint8_t id[ID_LEN], uint64_t now_us)
{
	for (uint32_t i = 0; now_us < m->died_us && i < DIED_MAX; i++)
		if (m->died[i].until_us > now_us && memcmp(m->died[i].id, id, ID_LEN) == 0)
			return &m->died[i];
	return NULL;
}

// Does it bring somebody back that died? Word of others that he is there may have crossed his
// good-bye.
static bool revives(const struct died *d, const struct member_news *news)
{
	return news->source > HEARD_GOSSIP ||
	       (news->is_fresh && news->heard_us >= d->until_us - DIED_US + CROSSED_US);
}

void members_died(struct members *m, struct member *who, uint64_t now_us)
{
	struct died *d = died_find(m, who->key.id, now_us);

	if (d == NULL) {
		d = &m->died[m->died_next];
		m->died_next = (m->died_next + 1) % DIED_MAX;
	}
	memcpy(d->id, who->key.id, ID_LEN);
	d->until_us = m->died_us = now_us + DIED_US;
	m->n_changes++;
	m->n_news++;
	assert(!is_in_use(who));
	member_free(m, who);
}

// ---- addresses ----

static void addrs_put(struct group_addrs *list, const struct wire_addr *a)
{
	if (list->n == GROUP_REPORT_ADDRS_MAX || a->family == 0)
		return;
	for (uint8_t i = 0; i < list->n; i++)
		if (wire_addr_equal(&list->addrs[i], a))
			return;
	list->addrs[list->n++] = *a;
}

void member_addrs(const struct member *who, struct group_addrs *list)
{
	list->n = 0;
	addrs_put(list, &who->server);
	for (uint8_t i = 0; i < who->n_addrs; i++)
		if (who->addrs[i].origin != ADDR_LOCAL)
			addrs_put(list, &who->addrs[i]);
}

static void say_anew(struct member *who)
{
	struct wr w = wr_over(who->said, sizeof(who->said));
	struct group_addrs addrs;

	member_addrs(who, &addrs);
	group_report_write_addrs(&w, &addrs);
	who->said_len = w.err == 0 ? (uint8_t)w.len : 0;
}

// ---- hearing ----

static struct member *member_add(struct members *m, const uint8_t peer_id[ID_LEN])
{
	struct member *who = aligned_alloc(MEMBER_LINE, MEMBER_BYTES);
	uint8_t address[32];

	if (who == NULL)
		return NULL;
	memset(who, 0, sizeof(*who));
	memcpy(who->key.id, peer_id, ID_LEN);
	group_address_of(peer_id, address);
	who->at.at = u256_of(address);
	who->table = m;
	say_anew(who);
	if (ring_set_insert(&m->ring, &who->at) != 0) {
		free(who);
		return NULL;
	}
	id_table_insert(&m->table, &who->key);
	m->n_changes++;
	return who;
}

static bool is_gossip_alone(const struct member *who)
{
	return !is_in_use(who) && who->source == HEARD_GOSSIP;
}

// When the table is full, what is better known takes the place of the stalest gossip.
static bool make_room(struct members *m)
{
	struct member *stalest = NULL;

	for (uint32_t i = 0; i < m->ring.n; i++) {
		struct member *who = member_of_ring(m->ring.nodes[i]);

		if (is_gossip_alone(who) && (stalest == NULL || who->heard_us < stalest->heard_us))
			stalest = who;
	}
	if (stalest == NULL)
		return false;
	member_free(m, stalest);
	return true;
}

// A full table would never hear of newcomers again, and where members come and go most that it
// knows are gone. So news, if it is younger than most of the gossip, takes the place of the older
// half: all at once, and once a second at most, since looking for it costs a look at all.
static bool forget_older_gossip(struct members *m, uint64_t heard_us, uint64_t now_us)
{
	uint64_t sum_s = 0, n = 0, mean_us, n_before = m->ring.n;

	if (m->forgot_us != 0 && now_us < m->forgot_us + FORGET_EVERY_US)
		return false;
	m->forgot_us = now_us;
	for (uint32_t i = 0; i < m->ring.n; i++) {
		const struct member *who = member_of_ring(m->ring.nodes[i]);

		if (is_gossip_alone(who)) {
			sum_s += who->heard_us / 1000000;
			n++;
		}
	}
	mean_us = n > 0 ? sum_s / n * 1000000 : heard_us;
	if (heard_us <= mean_us)
		return false;
	for (uint32_t i = m->ring.n; i-- > 0;) {
		struct member *who = member_of_ring(m->ring.nodes[i]);

		if (is_gossip_alone(who) && who->heard_us <= mean_us)
			member_free(m, who);
	}
	return m->ring.n < n_before;
}

static bool has_room(struct members *m, const struct member_news *news)
{
	if (m->ring.n < m->max)
		return true;
	if (news->source > HEARD_GOSSIP)
		return make_room(m);
	return news->is_fresh && forget_older_gossip(m, news->heard_us, news->now_us);
}

static bool addr_known(const struct member *who, const struct wire_addr *a)
{
	for (uint8_t i = 0; i < who->n_addrs; i++)
		if (wire_addr_equal(&who->addrs[i], a))
			return true;
	return false;
}

// True: we tell others other addresses from now on.
static bool addr_add(struct member *who, const struct wire_addr *a, bool is_trusted)
{
	if (!wire_addr_is_usable(a))
		return false;
	if (a->origin == ADDR_RELAY) {
		if (!is_trusted && who->server.family != 0)
			return false;
		if (wire_addr_equal(&who->server, a))
			return false;
		who->server = *a;
		return true;
	}
	if (addr_known(who, a))
		return false;
	if (who->n_addrs == MEMBER_ADDRS_MAX && !is_trusted)
		return false;
	if (who->n_addrs < MEMBER_ADDRS_MAX)
		who->addrs[who->n_addrs++] = *a;
	else // what we see ourselves is worth more than what was said
		who->addrs[MEMBER_ADDRS_MAX - 1] = *a;
	return true;
}

// groups.md 10.5: nobody's word on the age counts against our own contact.
void member_heard_again(struct member *who, uint64_t heard_us)
{
	if (who->source < HEARD_SELF && heard_us > who->heard_us)
		who->heard_us = heard_us;
}

static void refresh(struct member *who, const struct member_news *news)
{
	bool is_trusted = news->source > HEARD_GOSSIP, is_new = false;

	if (news->source == HEARD_SELF)
		who->self_us = news->now_us;
	if (!is_trusted)
		member_heard_again(who, news->heard_us);
	else if (news->heard_us > who->heard_us)
		who->heard_us = news->heard_us;
	who->is_introduced |= news->source == HEARD_SERVER;
	if (news->source > who->source)
		who->source = (uint8_t)news->source;
	// An introducer may name again and again whom we cannot reach.
	if (news->source == HEARD_SELF && who->n_tries > 0) {
		who->n_tries = 0;
		who->table->n_changes++;
		who->table->n_news++;
	}
	for (uint8_t i = 0; i < news->n_addrs; i++)
		is_new |= addr_add(who, &news->addrs[i], is_trusted);
	if (is_new)
		say_anew(who);
}

struct member *members_hear(struct members *m, const uint8_t peer_id[ID_LEN],
			    const struct member_news *news)
{
	struct member *who = members_find(m, peer_id);
	struct died *d = NULL;

	if (memcmp(peer_id, m->self, ID_LEN) == 0 ||
	    news->heard_us + MEMBER_LIFE_US <= news->now_us)
		return NULL;
	if (who == NULL) // who is in the table is not on the list of the dead
		d = died_find(m, peer_id, news->now_us);
	if (d != NULL && !revives(d, news))
		return NULL;
	if (who == NULL) {
		if (!has_room(m, news))
			return NULL;
		who = member_add(m, peer_id);
		m->n_news += who != NULL && news->source > HEARD_GOSSIP;
	}
	if (who == NULL)
		return NULL;
	if (d != NULL)
		d->until_us = 0;
	refresh(who, news);
	return who;
}

uint64_t members_purge(struct members *m, uint64_t now_us)
{
	uint64_t next_us = now_us + PURGE_LATEST_US;

	for (uint32_t i = m->ring.n; i-- > 0;) {
		struct member *who = member_of_ring(m->ring.nodes[i]);

		if (is_in_use(who)) // let go, it was heard of just then (neighbour.c)
			continue;
		if (who->heard_us + MEMBER_LIFE_US <= now_us)
			member_free(m, who);
		else if (who->heard_us + MEMBER_LIFE_US < next_us)
			next_us = who->heard_us + MEMBER_LIFE_US;
	}
	return next_us;
}

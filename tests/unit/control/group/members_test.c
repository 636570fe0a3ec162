#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "control/group/members.h"

#define S   1000000ull
#define NOW (10000 * S)

static const uint8_t self[32] = {0xee};

struct setup {
	struct members m;
};

static int begin(void **state)
{
	struct setup *t = calloc(1, sizeof(*t));

	assert_int_equal(members_init(&t->m, self, 5, 1), 0);
	*state = t;
	return 0;
}

static int end(void **state)
{
	struct setup *t = *state;

	members_clear(&t->m);
	free(t);
	return 0;
}

static struct member *hear(struct setup *t, uint8_t id, enum member_source source,
			   uint64_t heard_us, uint64_t now_us)
{
	uint8_t peer[32] = {id};
	struct member_news news = {.source = source, .heard_us = heard_us, .now_us = now_us};

	return members_hear(&t->m, peer, &news);
}

static void who_is_too_old_or_ourselves_is_not_taken(void **state)
{
	struct setup *t = *state;
	struct member_news news = {.source = HEARD_SERVER, .heard_us = NOW, .now_us = NOW};

	assert_non_null(hear(t, 1, HEARD_GOSSIP, NOW - 299 * S, NOW));
	assert_null(hear(t, 2, HEARD_GOSSIP, NOW - 300 * S, NOW));
	assert_null(members_hear(&t->m, self, &news));
	assert_int_equal(t->m.ring.n, 1);
}

static void the_newest_word_counts_but_none_against_our_own(void **state)
{
	struct setup *t = *state;
	struct member *who = hear(t, 1, HEARD_GOSSIP, NOW - 50 * S, NOW);

	hear(t, 1, HEARD_GOSSIP, NOW - 80 * S, NOW);
	assert_int_equal(who->heard_us, NOW - 50 * S);
	hear(t, 1, HEARD_GOSSIP, NOW - 20 * S, NOW);
	assert_int_equal(who->heard_us, NOW - 20 * S);
	hear(t, 1, HEARD_SELF, NOW, NOW);
	assert_int_equal(who->source, HEARD_SELF);
	hear(t, 1, HEARD_GOSSIP, NOW + 60 * S, NOW + 60 * S);
	assert_int_equal(who->heard_us, NOW); // groups.md 10.5
	hear(t, 1, HEARD_SERVER, NOW + 60 * S, NOW + 60 * S);
	assert_int_equal(who->heard_us, NOW + 60 * S);
	assert_int_equal(who->source, HEARD_SELF);
}

static void a_full_table_prefers_who_is_better_known(void **state)
{
	struct setup *t = *state;

	for (uint8_t i = 1; i <= 5; i++)
		assert_non_null(hear(t, i, i == 1 ? HEARD_SERVER : HEARD_GOSSIP, NOW - i * S, NOW));
	assert_null(hear(t, 6, HEARD_GOSSIP, NOW, NOW));
	assert_non_null(hear(t, 7, HEARD_SERVER, NOW, NOW));
	assert_null(members_find(&t->m, (const uint8_t[32]){5})); // the stalest gossip made room
	assert_non_null(members_find(&t->m, (const uint8_t[32]){1}));
	assert_int_equal(t->m.ring.n, 5);
	for (uint8_t i = 8; i <= 10; i++)
		assert_non_null(hear(t, i, HEARD_SERVER, NOW, NOW));
	assert_null(hear(t, 11, HEARD_SELF, NOW, NOW)); // nobody of lesser standing is left
}

// Where members come and go most that gossip knows are gone: it shall not shut out who comes.
static void a_full_table_hears_of_newcomers(void **state)
{
	struct setup *t = *state;
	struct member_news news = {
		.source = HEARD_GOSSIP, .heard_us = NOW, .now_us = NOW, .is_fresh = true};
	uint8_t peer[32] = {9};
	struct member *busy;

	for (uint8_t i = 1; i <= 5; i++)
		hear(t, i, i == 5 ? HEARD_SERVER : HEARD_GOSSIP, NOW - i * 10 * S, NOW);
	busy = members_find(&t->m, (const uint8_t[32]){4});
	busy->dial = (struct dial *)(void *)busy;        // somebody's
	assert_null(hear(t, 6, HEARD_GOSSIP, NOW, NOW)); // nobody says that it is there now
	news.heard_us = NOW - 60 * S;
	assert_null(members_hear(&t->m, peer, &news)); // that is no news
	news.heard_us = NOW;
	assert_null(members_hear(&t->m, peer, &news)); // not twice in a second, whoever asks
	assert_int_equal(t->m.ring.n, 5);
	news.heard_us = news.now_us = NOW + 1 * S;
	assert_non_null(members_hear(&t->m, peer, &news));
	// Of those of 10, 20 and 30 s two were older than the mean, or as old.
	assert_int_equal(t->m.ring.n, 4);
	assert_non_null(members_find(&t->m, (const uint8_t[32]){1}));
	assert_null(members_find(&t->m, (const uint8_t[32]){2}));
	assert_null(members_find(&t->m, (const uint8_t[32]){3}));
	assert_ptr_equal(members_find(&t->m, (const uint8_t[32]){4}), busy);
	assert_non_null(members_find(&t->m, (const uint8_t[32]){5}));
	busy->dial = NULL;
}

static void the_dead_come_back_by_fresh_word_only(void **state)
{
	struct setup *t = *state;
	uint8_t peer[32] = {1};
	struct member_news news = {.source = HEARD_GOSSIP, .heard_us = NOW, .now_us = NOW};

	members_died(&t->m, hear(t, 1, HEARD_SELF, NOW, NOW), NOW);
	assert_null(members_find(&t->m, peer));
	assert_null(members_hear(&t->m, peer, &news));
	news.is_fresh = true;
	news.now_us = NOW + 5 * S;
	news.heard_us = NOW + 1 * S; // it was on its way when the good-bye came
	assert_null(members_hear(&t->m, peer, &news));
	news.heard_us = NOW + 2 * S;
	assert_non_null(members_hear(&t->m, peer, &news));
	members_died(&t->m, members_find(&t->m, peer), NOW);
	assert_non_null(hear(t, 1, HEARD_SERVER, NOW, NOW));
	members_died(&t->m, members_find(&t->m, peer), NOW);
	assert_null(hear(t, 1, HEARD_GOSSIP, NOW + 299 * S, NOW + 299 * S));
	assert_non_null(hear(t, 1, HEARD_GOSSIP, NOW + 300 * S, NOW + 300 * S));
}

static void the_list_of_the_dead_is_bounded(void **state)
{
	struct setup *t = *state;
	uint8_t peer[32] = {1};
	struct member_news news = {.source = HEARD_SERVER, .heard_us = NOW, .now_us = NOW};

	for (int i = 0; i <= DIED_MAX; i++) {
		peer[1] = (uint8_t)i;
		peer[2] = (uint8_t)(i >> 8);
		members_died(&t->m, members_hear(&t->m, peer, &news), NOW);
	}
	peer[1] = peer[2] = 0; // the first has been pushed out
	news.source = HEARD_GOSSIP;
	assert_non_null(members_hear(&t->m, peer, &news));
}

static void who_is_not_heard_of_for_5_minutes_is_forgotten(void **state)
{
	struct setup *t = *state;
	struct member *who = hear(t, 1, HEARD_GOSSIP, NOW - 100 * S, NOW);

	hear(t, 2, HEARD_GOSSIP, NOW, NOW);
	who = hear(t, 3, HEARD_SERVER, NOW - 100 * S, NOW);
	who->is_client = true; // still there, as far as we know
	members_purge(&t->m, NOW + 199 * S);
	assert_int_equal(t->m.ring.n, 3);
	members_purge(&t->m, NOW + 200 * S);
	assert_int_equal(t->m.ring.n, 2);
	assert_null(members_find(&t->m, (const uint8_t[32]){1}));
	who->is_client = false;
	members_purge(&t->m, NOW + 300 * S);
	assert_int_equal(t->m.ring.n, 0);
}

static void addresses_are_few_usable_and_apart_from_the_servers(void **state)
{
	struct setup *t = *state;
	uint8_t peer[32] = {1};
	struct wire_addr addrs[12];
	struct member_news news = {
		.source = HEARD_GOSSIP, .heard_us = NOW, .now_us = NOW, .addrs = addrs};
	struct member *who;

	wire_addr_parse(&addrs[0], "203.0.113.1:1935");
	addrs[0].origin = ADDR_RELAY;
	wire_addr_parse(&addrs[1], "224.0.0.1:1935"); // multicast
	for (uint8_t i = 2; i < 12; i++) {
		wire_addr_parse(&addrs[i], "198.51.100.1:1936");
		addrs[i].ip[3] = i;
	}
	news.n_addrs = 12;
	who = members_hear(&t->m, peer, &news);
	assert_int_equal(who->n_addrs, MEMBER_ADDRS_MAX);
	assert_int_equal(who->server.port, 1935);
	assert_int_equal(who->addrs[0].ip[3], 2);
	members_hear(&t->m, peer, &news); // nothing new
	assert_int_equal(who->n_addrs, MEMBER_ADDRS_MAX);
	assert_int_equal(who->addrs[MEMBER_ADDRS_MAX - 1].ip[3], 8);
	// What we see ourselves takes the last place.
	addrs[0] = addrs[11];
	news.source = HEARD_SELF;
	news.n_addrs = 1;
	members_hear(&t->m, peer, &news);
	assert_int_equal(who->addrs[MEMBER_ADDRS_MAX - 1].ip[3], 11);
	// And gossip does not replace the server.
	wire_addr_parse(&addrs[0], "192.0.2.66:1935");
	addrs[0].origin = ADDR_RELAY;
	news.source = HEARD_GOSSIP;
	members_hear(&t->m, peer, &news);
	assert_int_equal(who->server.ip[0], 203);
}

#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)

static struct wire_addr addr(const char *text, enum addr_origin origin)
{
	struct wire_addr a;

	assert_int_equal(wire_addr_parse(&a, text), 0);
	a.origin = (uint8_t)origin;
	return a;
}

// What is kept of somebody to be told again is what a report with his addresses would say, at any
// time, or nothing.
static void said_is_right(const struct member *who, bool is_kept)
{
	uint8_t octets[256];
	struct wr w = wr_over(octets, sizeof(octets));
	struct group_addrs addrs;

	assert_int_equal(who->said_len > 0, is_kept);
	member_addrs(who, &addrs);
	group_report_write_addrs(&w, &addrs);
	if (is_kept) {
		assert_int_equal(who->said_len, w.len);
		assert_memory_equal(who->said, octets, w.len);
	} else {
		assert_true(w.len > sizeof(who->said));
	}
}

static void what_is_told_of_somebody_follows_his_addresses(void **state)
{
	struct setup *t = *state;
	uint8_t peer[32] = {7};
	struct wire_addr next;
	struct member_news news = {.source = HEARD_GOSSIP,
				   .heard_us = NOW,
				   .now_us = NOW,
				   .addrs = &next,
				   .n_addrs = 1};
	struct member *who = hear(t, 7, HEARD_GOSSIP, NOW, NOW);
	uint8_t before;

	said_is_right(who, true); // that nobody knows where he is
	before = who->said_len;
	next = addr("10.0.0.7:1936", ADDR_LOCAL);
	members_hear(&t->m, peer, &news);
	assert_int_equal(who->said_len, before); // no others' business
	next = addr("198.51.100.7:1936", ADDR_OBSERVED);
	members_hear(&t->m, peer, &news);
	said_is_right(who, true);
	assert_int_not_equal(who->said_len, before);
	next = addr("203.0.113.1:1935", ADDR_RELAY);
	members_hear(&t->m, peer, &news);
	next.ip[3] = 2;
	news.source = HEARD_SERVER; // his server is another one
	members_hear(&t->m, peer, &news);
	assert_int_equal(who->server.ip[3], 2);
	said_is_right(who, true);
	next = addr("[2001:db8::7]:1936", ADDR_OBSERVED);
	members_hear(&t->m, peer, &news);
	said_is_right(who, false);
}

static void gossip_makes_nobody_older_or_fresher_than_our_own_contact(void **state)
{
	struct setup *t = *state;
	struct member *who = hear(t, 1, HEARD_GOSSIP, NOW - 50 * S, NOW);

	member_heard_again(who, NOW - 60 * S);
	assert_int_equal(who->heard_us, NOW - 50 * S);
	member_heard_again(who, NOW - 40 * S);
	assert_int_equal(who->heard_us, NOW - 40 * S);
	hear(t, 1, HEARD_SELF, NOW - 30 * S, NOW - 30 * S);
	member_heard_again(who, NOW - 20 * S);
	assert_int_equal(who->heard_us, NOW - 30 * S);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(who_is_too_old_or_ourselves_is_not_taken),
		T(the_newest_word_counts_but_none_against_our_own),
		T(a_full_table_prefers_who_is_better_known),
		T(a_full_table_hears_of_newcomers),
		T(the_dead_come_back_by_fresh_word_only),
		T(the_list_of_the_dead_is_bounded),
		T(who_is_not_heard_of_for_5_minutes_is_forgotten),
		T(addresses_are_few_usable_and_apart_from_the_servers),
		T(what_is_told_of_somebody_follows_his_addresses),
		T(gossip_makes_nobody_older_or_fresher_than_our_own_contact),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

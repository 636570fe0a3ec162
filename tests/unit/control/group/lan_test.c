// Members of a link find each other without an introducer (docs/spx.md, IP-5, NC-11), and believe
// nobody who only says again what was said once.
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "control/group/lan.h"
#include "tests/unit/control/group/stream_kit.h"
#include "tests/unit/control/group/world.h"

// Multicast, member updates, the name "lan", and 239.1.2.3:4000. Another name is another group.
#define SPEC       "G:027f020101011b040e6c616e00070aef0102030fa0"
#define OTHER      "G:027f020101011b040e6c616f00070aef0102030fa0"
#define NO_UPDATES "G:027f020101040e6c616e00070aef0102030fa0"

// Streams alone: multicast, peer to peer disabled, the same address.
#define LONELY "G:027f020101010d040e6c616e00070aef0102030fa0"

#define HEARD_MAX 65536

struct link {
	struct world *w;
	bool is_cut;
	const struct world_node *mute; // does not say who it is
	struct {
		uint8_t octets[LAN_LEN_MAX];
		size_t len;
		struct world_node *from;
	} heard[HEARD_MAX];
	uint32_t n;
};

static bool on_datagram(void *ctx, struct world_node *from, struct span octets)
{
	struct link *l = ctx;

	if (l->n == HEARD_MAX) // no test says so much
		abort();
	memcpy(l->heard[l->n].octets, octets.data, octets.len);
	l->heard[l->n].len = octets.len;
	l->heard[l->n++].from = from;
	return !l->is_cut && !(from == l->mute && octets.data[4] == LAN_MEMBER);
}

static int begin(void **state)
{
	struct link *l = calloc(1, sizeof(*l));

	l->w = world_create(&(struct world_opts){
		.seed = 5, .latency_us = 1 * MS, .on_datagram = on_datagram, .ctx = l});
	*state = l;
	return 0;
}

static int end(void **state)
{
	struct link *l = *state;

	world_destroy(l->w);
	free(l);
	return 0;
}

static struct world_node *add(struct link *l, const char *spec, bool is_super)
{
	struct world_node *n = world_add(l->w, &(struct world_role){.is_super = is_super});

	world_join(n, spec);
	return n;
}

static const struct groups_counters *counters(const struct world_node *n)
{
	return groups_counters(n->groups);
}

// How often that was said, from the first-th on.
static uint32_t n_said(const struct link *l, uint32_t first, uint8_t type)
{
	struct lan_msg m;
	uint32_t n = 0;

	for (uint32_t i = first; i < l->n; i++)
		n += lan_read(&m, span_of(l->heard[i].octets, l->heard[i].len)) == 0 &&
		     m.type == type;
	return n;
}

static void members_of_a_link_form_a_group_alone(void **state)
{
	struct link *l = *state;
	struct world_node *n[5], *stranger = add(l, OTHER, false);

	for (int i = 0; i < 5; i++) {
		n[i] = add(l, SPEC, false);
		world_run(l->w, 300 * MS);
	}
	world_run(l->w, 10 * S);
	for (int i = 0; i < 5; i++)
		for (int k = i + 1; k < 5; k++)
			assert_true(world_are_neighbours(n[i], n[k]));
	assert_int_equal(world_open_neighbours(stranger), 0);
	assert_int_equal(counters(stranger)->lan_in, 0);
	assert_int_equal(counters(stranger)->lan_forged, 0);
}

static void a_super_peer_is_called(void **state)
{
	struct link *l = *state;
	struct world_node *super = add(l, SPEC, true), *n;

	world_run(l->w, 5 * S);
	n = add(l, SPEC, false);
	world_run(l->w, 5 * S);
	assert_true(world_are_neighbours(super, n));
	assert_int_equal(super->n_hellos_direct, 0);
}

static void without_member_updates_or_a_place_nothing_is_said(void **state)
{
	struct link *l = *state;
	const struct group_limits off = {.is_lan_off = true};
	struct world_node *n = world_add(l->w, &(struct world_role){.is_super = true});
	struct groupspec spec;
	const char *why;
	uint32_t at;
	int err;

	add(l, NO_UPDATES, false);
	assert_int_equal(groupspec_parse(&spec, SPEC, &why, &at), 0);
	n->group = group_join(n->groups, &spec, &off, NULL, &err, world_now_us(l->w));
	assert_non_null(n->group);
	world_run(l->w, 60 * S);
	assert_int_equal(l->n, 0);
	assert_int_equal(groups_lan_places(n->groups, (struct groupspec_place[4]){{{{0}}}}, 4), 0);
}

static void partitions_heal_by_announcements(void **state)
{
	struct link *l = *state;
	struct world_node *a, *b;

	l->is_cut = true;
	a = add(l, SPEC, false);
	b = add(l, SPEC, false);
	world_run(l->w, 60 * S);
	assert_false(world_are_neighbours(a, b));
	l->is_cut = false;
	world_run(l->w, 15 * S); // who is alone asks every 10 s
	assert_true(world_are_neighbours(a, b));
}

static void once_there_are_neighbours_it_is_quiet(void **state)
{
	struct link *l = *state;
	uint32_t before;

	for (int i = 0; i < 10; i++)
		add(l, SPEC, false);
	world_run(l->w, 60 * S);
	before = l->n;
	world_run(l->w, 600 * S);
	// Each asks once a minute, announces itself once in 30 to 40 s, and answers: at most 10 of
	// these, since eight answers are enough, but for those that speak at the same moment.
	assert_in_range(n_said(l, before, LAN_QUERY), 80, 110);
	assert_in_range(n_said(l, before, LAN_MEMBER), 200, 1200);
}

// A crowd does not answer a newcomer all at once.
static void a_crowd_answers_with_few(void **state)
{
	struct link *l = *state;
	uint32_t before;

	for (int i = 0; i < 40; i++)
		add(l, SPEC, false);
	world_run(l->w, 60 * S);
	before = l->n;
	add(l, SPEC, false);
	world_run(l->w, 900 * MS);
	assert_in_range(n_said(l, before, LAN_MEMBER), 8, 20);
}

static void forgeries_are_counted_and_nothing_more(void **state)
{
	struct link *l = *state;
	struct world_node *a = add(l, SPEC, false), *b = add(l, SPEC, false), *villain;
	uint8_t octets[LAN_LEN_MAX];

	villain = world_add(l->w, &(struct world_role){.is_raw = true});

	world_run(l->w, 5 * S);
	assert_true(world_are_neighbours(a, b));
	for (size_t bit = 0; bit < 8 * l->heard[0].len; bit++) {
		uint64_t in = counters(a)->lan_in + counters(b)->lan_in;

		memcpy(octets, l->heard[0].octets, l->heard[0].len);
		octets[bit / 8] ^= (uint8_t)(1u << bit % 8);
		world_datagram(villain, span_of(octets, l->heard[0].len));
		assert_int_equal(counters(a)->lan_in + counters(b)->lan_in, in);
		world_run(l->w, 10 * MS); // within the rate
	}
	assert_true(counters(b)->lan_malformed >= 32); // its first word alone
	assert_true(counters(b)->lan_forged > 8 * 32); // its sender
}

// Everything that was said on a link yesterday, said again from another address: nobody is called
// there.
static void the_past_played_back_calls_nobody(void **state)
{
	struct link *l = *state;
	struct world_node *a = add(l, SPEC, false), *b = add(l, SPEC, false), *c, *villain;
	uint32_t n;

	world_run(l->w, 60 * S);
	n = l->n;
	world_die(a);
	world_die(b);
	c = add(l, SPEC, false);
	world_run(l->w, 400 * S);
	villain = world_add(l->w, &(struct world_role){.is_raw = true});
	for (uint32_t i = 0; i < n; i++) {
		world_datagram(villain, span_of(l->heard[i].octets, l->heard[i].len));
		world_run(l->w, 20 * MS);
	}
	world_run(l->w, 20 * S);
	assert_int_equal(c->n_hellos_direct, 0);
	assert_true(counters(c)->lan_doubted > 0);
	assert_int_equal(counters(c)->lan_forged, 0);
}

static void who_begins_anew_is_believed_again(void **state)
{
	struct link *l = *state;
	struct world_node *a = add(l, SPEC, false), *b = add(l, SPEC, false);

	world_run(l->w, 5 * S);
	assert_true(world_are_neighbours(a, b));
	group_leave(b->group, world_now_us(l->w));
	world_run(l->w, 5 * S);
	assert_int_equal(world_open_neighbours(a), 0);
	world_join(b, SPEC); // its counter begins anywhere
	world_run(l->w, 20 * S);
	assert_true(world_are_neighbours(a, b));
}

static void a_flood_is_bounded(void **state)
{
	struct link *l = *state;
	struct world_node *a = add(l, SPEC, false), *b = add(l, SPEC, false);
	uint64_t in;

	world_run(l->w, 5 * S);
	in = counters(b)->lan_in;
	for (int i = 0; i < 10000; i++)
		world_datagram(a, span_of(l->heard[0].octets, l->heard[0].len));
	assert_in_range(counters(b)->lan_in - in, 1, 400);
	assert_true(counters(b)->lan_limited >= 9600);
}

static void senders_are_bounded(void **state)
{
	struct link *l = *state;
	struct world_node *a = add(l, SPEC, false);
	struct lan *lan;

	world_run(l->w, 5 * S);
	lan = a->group->lan;
	for (uint32_t i = 0; i < 300; i++) { // members made up by one who knows the groupspec
		struct lan_msg m = {.type = LAN_MEMBER, .counter = 1};
		uint8_t octets[LAN_LEN_MAX], mac[SHA256_LEN];
		struct wr w = wr_over(octets, sizeof(octets));

		memcpy(m.tag, lan->tag, sizeof(m.tag));
		m.sender[0] = (uint8_t)(i >> 8);
		m.sender[1] = (uint8_t)i;
		lan_write(&w, &m);
		hmac_sha256_with(&lan->keys, octets, w.len, mac);
		wr_bytes(&w, mac, LAN_MAC_LEN);
		groups_lan_datagram(a->groups, &a->addr, wr_span(&w), world_now_us(l->w));
		world_run(l->w, 10 * MS);
	}
	assert_int_equal(counters(a)->lan_senders_lost, 300 - LAN_SENDERS_MAX);
	assert_int_equal(a->n_hellos_direct, 0);
}

// ---- streams ----

static struct world_node *add_sender(struct link *l, const char *text, uint8_t ttl)
{
	const struct group_limits limits = {.multicast_ttl = ttl};
	struct world_node *n = world_add(l->w, &(struct world_role){.is_super = false});
	struct groupspec spec;
	const char *why;
	uint32_t at;
	int err;

	assert_int_equal(groupspec_parse(&spec, text, &why, &at), 0);
	n->group = group_join(n->groups, &spec, &limits, NULL, &err, world_now_us(l->w));
	assert_non_null(n->group);
	return n;
}

static struct group_publication *publish(struct link *l, struct world_node *n)
{
	struct group_publication *p;

	assert_int_equal(group_publish(n->group, "live", NULL, NULL, &p, world_now_us(l->w)), 0);
	return p;
}

static void write(struct link *l, struct group_publication *p, uint32_t ms)
{
	struct stream_message m = KIT_AUDIO(ms, AAC_FRAME);

	assert_int_equal(group_publication_write(p, &m, false, world_now_us(l->w)), 0);
	world_run(l->w, 100 * MS);
}

static struct group_stream_info info_of(struct world_node *n)
{
	struct group_stream_info i[4];

	assert_int_equal(group_streams_info(n->groups, group_spec(n->group)->id, i, 4), 1);
	return i[0];
}

// IP-2, IP-3: no neighbours, no queries, nothing but the stream.
static void streams_need_no_peers(void **state)
{
	struct link *l = *state;
	struct world_node *a = add_sender(l, LONELY, 1), *b = add_sender(l, LONELY, 0);
	struct group_play *v;
	struct group_publication *p;

	assert_int_equal(group_play(b->group, "live", NULL, &v, world_now_us(l->w)), 0);
	world_run(l->w, 30 * S);
	assert_int_equal(l->n, 0);
	p = publish(l, a);
	for (uint32_t ms = 0; ms < 2000; ms += 100)
		write(l, p, ms);
	group_publication_end(p, world_now_us(l->w));
	world_run(l->w, 3 * S);
	assert_int_equal(world_open_neighbours(a) + world_open_neighbours(b), 0);
	assert_int_equal(n_said(l, 0, LAN_QUERY) + n_said(l, 0, LAN_MEMBER), 0);
	assert_string_equal(b->messages,
			    "0 100 200 300 400 500 600 700 800 900 1000 1100 1200 1300 "
			    "1400 1500 1600 1700 1800 1900 ");
	assert_int_equal(b->n_events[GROUP_PLAY_END], 1);
	assert_int_equal(info_of(a).fragments_to_multicast, 22); // with the farewell
	assert_int_equal(info_of(b).end, 23);
}

// IP-1: who has both takes each fragment once; who comes late hears of the stream within a second.
static void fusion_is_one_stream(void **state)
{
	struct link *l = *state;
	struct world_node *a = add_sender(l, SPEC, 1), *b = add(l, SPEC, false), *late;
	struct group_play *v;
	struct group_publication *p;

	world_run(l->w, 5 * S);
	assert_true(world_are_neighbours(a, b));
	assert_int_equal(group_play(b->group, "live", NULL, &v, world_now_us(l->w)), 0);
	p = publish(l, a);
	for (uint32_t ms = 0; ms < 1000; ms += 100)
		write(l, p, ms);
	late = add(l, SPEC, false);
	assert_int_equal(group_play(late->group, "live", NULL, &v, world_now_us(l->w)), 0);
	for (uint32_t ms = 1000; ms < 4000; ms += 100)
		write(l, p, ms);
	group_publication_end(p, world_now_us(l->w));
	world_run(l->w, 9 * S);
	assert_int_equal(b->n_events[GROUP_PLAY_GAP], 0);
	assert_int_equal(b->n_events[GROUP_PLAY_END], 1);
	assert_non_null(strstr(b->messages, "0 100 200 "));
	assert_non_null(strstr(late->messages, "3700 3800 3900 "));
	assert_int_equal(late->n_events[GROUP_PLAY_GAP], 0);
	// Whoever receives a stream by multicast does not send it there.
	for (uint32_t i = 0; i < l->n; i++) {
		struct lan_msg m;

		if (lan_read(&m, span_of(l->heard[i].octets, l->heard[i].len)) == 0 &&
		    m.type >= LAN_STREAM)
			assert_ptr_equal(l->heard[i].from, a);
	}
}

// Who called us is a neighbour of whom no datagram has told yet; it publishes.
static struct group_publication *untold_publication(struct link *l, struct world_node **a)
{
	struct world_node *b;

	*a = add(l, SPEC, false);
	b = add_sender(l, SPEC, 1);
	l->mute = b;
	world_run(l->w, 5 * S);
	assert_true(world_are_neighbours(*a, b));
	return publish(l, b);
}

static void a_neighbours_stream_is_believed_once_it_has_answered(void **state)
{
	struct link *l = *state;
	struct world_node *a;
	struct group_publication *p = untold_publication(l, &a);
	uint64_t doubted;

	l->mute = NULL;
	for (uint32_t ms = 0; ms < 8000; ms += 100)
		write(l, p, ms);
	doubted = counters(a)->lan_doubted;
	for (uint32_t ms = 8000; ms < 10000; ms += 100)
		write(l, p, ms);
	assert_int_equal(counters(a)->lan_doubted, doubted);
}

static void an_answer_that_was_lost_is_asked_for_soon(void **state)
{
	struct link *l = *state;
	struct world_node *a;
	struct group_publication *p = untold_publication(l, &a);
	uint64_t doubted;

	for (uint32_t ms = 0; ms < 3300; ms += 100)
		write(l, p, ms);
	l->mute = NULL;
	for (uint32_t ms = 3300; ms < 5000; ms += 100)
		write(l, p, ms);
	doubted = counters(a)->lan_doubted;
	assert_true(doubted > 33);
	for (uint32_t ms = 5000; ms < 6000; ms += 100)
		write(l, p, ms);
	assert_int_equal(counters(a)->lan_doubted, doubted);
}

// Two that begin together ask together, and one answer names one nonce.
static void a_doubt_that_comes_too_early_is_no_less_one(void **state)
{
	struct link *l = *state;
	struct world_node *a = add(l, SPEC, false), *b = add(l, SPEC, false);
	struct world_node *c = add(l, SPEC, false);
	uint32_t n_asked = 0, first;
	struct lan_msg m;

	l->mute = c;
	world_run(l->w, 1500 * MS);
	assert_true(world_are_neighbours(a, b)); // so neither asks again for a minute
	l->mute = NULL;
	add(l, SPEC, false); // to whom c answers
	world_run(l->w, 1 * S);
	first = l->n;
	world_run(l->w, 5 * S);
	for (uint32_t i = first; i < l->n; i++)
		n_asked += l->heard[i].from == a &&
			   lan_read(&m, span_of(l->heard[i].octets, l->heard[i].len)) == 0 &&
			   m.type == LAN_QUERY;
	assert_int_equal(n_asked, 1);
}

static void what_is_no_stream_is_counted(void **state)
{
	static const struct {
		uint8_t type;
		const char *body;
		size_t len;
	} rows[] = {
		{LAN_STREAM, "", 0},
		{LAN_STREAM, "\x21\x05", 2},
		{LAN_FRAGMENT, "\x77", 1}, // of the stream that there is
		{LAN_END, "\x21\x01", 2},  // before what came
	};
	struct link *l = *state;
	struct world_node *a = add_sender(l, LONELY, 1), *b = add_sender(l, LONELY, 0);
	struct group_publication *p = publish(l, a);
	const struct lan *lan = a->group->lan;

	write(l, p, 0);
	write(l, p, 100);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct lan_msg m = {.type = rows[i].type,
				    .counter = lan->counter + 1 + i,
				    .body = span_of(rows[i].body, rows[i].len)};
		uint8_t octets[LAN_LEN_MAX], mac[SHA256_LEN];
		struct wr w = wr_over(octets, sizeof(octets));

		memcpy(m.tag, lan->tag, sizeof(m.tag));
		memcpy(m.sender, a->id, sizeof(m.sender));
		memcpy(m.stream, info_of(a).key, sizeof(m.stream));
		lan_write(&w, &m);
		hmac_sha256_with(&lan->keys, octets, w.len, mac);
		wr_bytes(&w, mac, LAN_MAC_LEN);
		groups_lan_datagram(b->groups, &a->addr, wr_span(&w), world_now_us(l->w));
	}
	assert_int_equal(counters(b)->malformed, 4);
	assert_int_equal(info_of(b).end, 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(members_of_a_link_form_a_group_alone),
		T(a_super_peer_is_called),
		T(without_member_updates_or_a_place_nothing_is_said),
		T(partitions_heal_by_announcements),
		T(once_there_are_neighbours_it_is_quiet),
		T(a_crowd_answers_with_few),
		T(forgeries_are_counted_and_nothing_more),
		T(the_past_played_back_calls_nobody),
		T(who_begins_anew_is_believed_again),
		T(a_flood_is_bounded),
		T(senders_are_bounded),
		T(streams_need_no_peers),
		T(fusion_is_one_stream),
		T(a_neighbours_stream_is_believed_once_it_has_answered),
		T(an_answer_that_was_lost_is_asked_for_soon),
		T(a_doubt_that_comes_too_early_is_no_less_one),
		T(what_is_no_stream_is_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

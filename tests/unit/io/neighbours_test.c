#include "dataplane/io/neighbours.h"

#include "tests/support/test.h"
#include "tests/unit/io/frames.h"

// What the table wants now; the test plays the world around it.
struct world {
	struct neighbours *n;
	uint32_t now_ms;
	uint32_t asked, sent, lost;
	struct neighbour_step last;
	struct neighbour_counters counters;
};

static void world_init(struct world *w)
{
	*w = (struct world){.now_ms = 0xffffff00}; // wraps soon
	w->n = neighbours_create(0x5eed, &w->counters);
}

static void world_destroy(struct world *w)
{
	while (neighbours_lose_all(w->n) != NULL)
		;
	neighbours_destroy(w->n);
}

static void pass(struct world *w, uint32_t ms)
{
	while (true) {
		struct neighbour_step s;

		while (neighbours_next(w->n, w->now_ms, &s)) {
			w->asked += s.what == NEIGHBOUR_ASK;
			w->sent += s.what == NEIGHBOUR_SEND;
			w->lost += s.what == NEIGHBOUR_LOSE;
			w->last = s;
		}
		if (ms == 0)
			return;
		ms -= ms < 50 ? ms : 50;
		w->now_ms += 50;
	}
}

static bool find(struct world *w, uint32_t v4)
{
	struct ip_addr ip = ip_of_v4(v4);
	struct mac mac;
	bool found = neighbours_find(w->n, &ip, w->now_ms, &mac);

	if (found)
		assert_true(mac_equal(&mac, &peer_mac));
	return found;
}

static void say(struct world *w, uint32_t v4, const struct mac *mac, unsigned said)
{
	struct ip_addr ip = ip_of_v4(v4);

	neighbours_learn(w->n, &ip, mac, said, w->now_ms);
}

static void learn(struct world *w, uint32_t v4)
{
	say(w, v4, &peer_mac, SAID_BY_ARP);
}

static bool keep(struct world *w, uint32_t v4, void *frame)
{
	struct ip_addr ip = ip_of_v4(v4);

	return neighbours_keep(w->n, &ip, frame);
}

// The view of the only neighbour.
static struct neighbour_view view(const struct world *w)
{
	struct neighbour_view v = {0};

	for (uint32_t i = 0; i < NEIGHBOURS_MAX; i++)
		if (neighbours_view(w->n, i, w->now_ms, &v))
			return v;
	return v;
}

// -- questions --

static void an_unknown_address_is_asked_for_until_it_answers(void **state)
{
	struct world w;

	world_init(&w);
	assert_false(find(&w, PEER_IP));
	pass(&w, 0);
	assert_int_equal(w.asked, 1);
	assert_int_equal(ip_v4(&w.last.ip), PEER_IP);
	assert_false(w.last.is_unicast);
	assert_false(find(&w, PEER_IP)); // does not ask again at once
	pass(&w, 0);
	assert_int_equal(w.asked, 1);
	pass(&w, 900);
	assert_int_equal(w.asked, 3); // after 250 and 500 ms more
	learn(&w, PEER_IP);
	assert_true(find(&w, PEER_IP));
	pass(&w, 5000);
	assert_int_equal(w.asked, 3);
	world_destroy(&w);
}

static void a_silent_address_is_forgotten(void **state)
{
	struct world w;

	world_init(&w);
	find(&w, PEER_IP);
	pass(&w, 60000);
	assert_int_equal(w.asked, NEIGHBOUR_TRIES);
	assert_int_equal(w.counters.silent, 1);
	assert_int_equal(neighbours_count(w.n), 0);
	assert_int_equal(neighbours_wait_ms(w.n, w.now_ms), UINT32_MAX);
	find(&w, PEER_IP);
	pass(&w, 0);
	assert_int_equal(w.asked, NEIGHBOUR_TRIES + 1); // and may be asked for again
	world_destroy(&w);
}

// -- kept frames --

static void frames_wait_for_the_answer_and_leave_in_order(void **state)
{
	int frames[NEIGHBOUR_KEPT + 1];
	struct world w;

	world_init(&w);
	find(&w, PEER_IP);
	pass(&w, 0);
	for (int i = 0; i < NEIGHBOUR_KEPT; i++)
		assert_true(keep(&w, PEER_IP, &frames[i]));
	assert_false(keep(&w, PEER_IP, &frames[NEIGHBOUR_KEPT]));
	learn(&w, PEER_IP);
	for (int i = 0; i < NEIGHBOUR_KEPT; i++) {
		struct neighbour_step s;

		assert_true(neighbours_next(w.n, w.now_ms, &s));
		assert_int_equal(s.what, NEIGHBOUR_SEND);
		assert_ptr_equal(s.frame, &frames[i]);
		assert_true(mac_equal(&s.mac, &peer_mac));
	}
	pass(&w, 0);
	assert_int_equal(w.sent, 0);
	world_destroy(&w);
}

static void frames_for_a_silent_address_come_back(void **state)
{
	int frame;
	struct world w;

	world_init(&w);
	find(&w, PEER_IP);
	assert_true(keep(&w, PEER_IP, &frame));
	pass(&w, 60000);
	assert_int_equal(w.lost, 1);
	assert_int_equal(w.sent, 0);
	assert_int_equal(neighbours_count(w.n), 0);
	world_destroy(&w);
}

static void nothing_is_kept_without_a_question(void **state)
{
	int frame;
	struct world w;

	world_init(&w);
	assert_false(keep(&w, PEER_IP, &frame));
	say(&w, PEER_IP, &peer_mac, SAID_BY_ARP | SAID_ADD);
	assert_false(keep(&w, PEER_IP, &frame));
	world_destroy(&w);
}

static void frames_are_kept_for_few_addresses(void **state)
{
	int frame;
	struct world w;
	uint32_t kept = 0;

	world_init(&w);
	for (uint32_t i = 0; i < NEIGHBOURS_ASKING_MAX; i++) {
		find(&w, PEER_IP + i);
		for (int j = 0; j < NEIGHBOUR_KEPT; j++)
			kept += keep(&w, PEER_IP + i, &frame);
	}
	assert_int_equal(kept, NEIGHBOURS_KEPT_MAX);
	for (uint32_t i = 0; i < kept; i++)
		assert_non_null(neighbours_lose_all(w.n));
	assert_null(neighbours_lose_all(w.n));
	world_destroy(&w);
}

// -- what others say --

static void only_who_asked_for_us_is_added(void **state)
{
	struct world w;

	world_init(&w);
	say(&w, PEER_IP, &peer_mac, SAID_BY_ARP);
	assert_int_equal(neighbours_count(w.n), 0);
	say(&w, PEER_IP, &peer_mac, SAID_BY_ARP | SAID_ADD);
	assert_int_equal(neighbours_count(w.n), 1);
	assert_true(find(&w, PEER_IP));
	pass(&w, 0);
	assert_int_equal(w.asked, 0);
	world_destroy(&w);
}

static void a_new_mac_counts_but_not_twice_a_second(void **state)
{
	const struct mac other = {{0x02, 9, 9, 9, 9, 9}};
	struct ip_addr ip = ip_of_v4(PEER_IP);
	struct world w;
	struct mac mac;
	uint32_t version;

	world_init(&w);
	say(&w, PEER_IP, &peer_mac, SAID_BY_ARP | SAID_ADD);
	version = neighbours_version(w.n);
	say(&w, PEER_IP, &other, SAID_BY_ARP);
	assert_int_equal(neighbours_version(w.n), version);
	assert_true(find(&w, PEER_IP));
	w.now_ms += NEIGHBOUR_LOCK_MS;
	say(&w, PEER_IP, &other, SAID_BY_ARP);
	assert_int_not_equal(neighbours_version(w.n), version);
	assert_int_equal(w.counters.locked, 1);
	assert_true(neighbours_find(w.n, &ip, w.now_ms, &mac));
	assert_true(mac_equal(&mac, &other));
	world_destroy(&w);
}

// -- neighbour discovery, whose packets say how far they may be believed --

static const struct mac other_mac = {{0x02, 9, 9, 9, 9, 9}};

// RFC 4861 §7.2.5 and appendix C: one that is asked for or reachable, then an advertisement.
static const struct {
	const char *name;
	bool is_known, is_other, is_replaced;
	unsigned said;
	enum neighbour_state state;
} adverts[] = {
	{"asked: solicited", false, false, true, SAID_CONFIRM, NEIGHBOUR_REACHABLE},
	{"asked: by itself", false, false, true, 0, NEIGHBOUR_STALE},
	{"asked: by itself, override", false, false, true, SAID_REPLACE, NEIGHBOUR_STALE},
	{"known: solicited", true, false, false, SAID_CONFIRM, NEIGHBOUR_REACHABLE},
	{"known: by itself", true, false, false, 0, NEIGHBOUR_REACHABLE},
	{"known: other MAC, no override", true, true, false, SAID_CONFIRM, NEIGHBOUR_STALE},
	{"known: other MAC, by itself", true, true, false, 0, NEIGHBOUR_STALE},
	{"known: override", true, true, true, SAID_REPLACE, NEIGHBOUR_STALE},
	{"known: override, solicited", true, true, true, SAID_REPLACE | SAID_CONFIRM,
	 NEIGHBOUR_REACHABLE},
};

static void advertisements_follow_the_override_rule(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(adverts); i++) {
		const struct mac *mac = adverts[i].is_other ? &other_mac : &peer_mac;
		struct neighbour_view v;
		struct world w;

		world_init(&w);
		find(&w, PEER_IP);
		assert_int_equal(view(&w).state, NEIGHBOUR_ASKING);
		if (adverts[i].is_known)
			learn(&w, PEER_IP);
		w.now_ms += NEIGHBOUR_LOCK_MS;
		say(&w, PEER_IP, mac, adverts[i].said);
		v = view(&w);
		assert_row(v.state == adverts[i].state, adverts[i].name);
		assert_row(mac_equal(&v.mac, &other_mac) ==
				   (adverts[i].is_other && adverts[i].is_replaced),
			   adverts[i].name);
		world_destroy(&w);
	}
}

// Who asks for us is known from then on, but is only believed to be there once it answers.
static void one_that_only_asked_is_asked_when_it_is_used(void **state)
{
	struct world w;

	world_init(&w);
	say(&w, PEER_IP, &peer_mac, SAID_ADD | SAID_REPLACE);
	assert_int_equal(view(&w).state, NEIGHBOUR_STALE);
	pass(&w, 10000);
	assert_int_equal(w.asked, 0);
	assert_true(find(&w, PEER_IP)); // packets go there meanwhile
	pass(&w, 200);
	assert_int_equal(w.asked, 1);
	assert_true(w.last.is_unicast);
	assert_int_equal(view(&w).state, NEIGHBOUR_PROBED);
	{
		struct ip_addr ip = ip_of_v4(PEER_IP);

		neighbours_confirm(w.n, &ip, w.now_ms);
	}
	assert_int_equal(view(&w).state, NEIGHBOUR_REACHABLE);
	world_destroy(&w);
}

// Without CONFIRM an entry is never fresh, and must be locked all the same.
static void two_that_ask_with_one_address_do_not_take_turns(void **state)
{
	struct world w;
	uint32_t version;

	world_init(&w);
	say(&w, PEER_IP, &peer_mac, SAID_ADD | SAID_REPLACE);
	version = neighbours_version(w.n);
	for (int i = 0; i < 10; i++) {
		say(&w, PEER_IP, i % 2 ? &peer_mac : &other_mac, SAID_REPLACE);
		w.now_ms += 10;
	}
	assert_int_equal(neighbours_version(w.n), version);
	assert_int_equal(w.counters.locked, 5);
	world_destroy(&w);
}

// An IPv6 neighbour is another one than IPv4's with the same 32 bits.
static void both_families_share_a_table(void **state)
{
	struct ip_addr v6 = {{0xfe, 0x80}};
	struct world w;
	struct mac mac;

	world_init(&w);
	memcpy(v6.octets + IP_V4_AT, "\x0a\x63\x00\x02", 4); // PEER_IP
	say(&w, PEER_IP, &peer_mac, SAID_BY_ARP | SAID_ADD);
	assert_false(neighbours_find(w.n, &v6, w.now_ms, &mac));
	assert_int_equal(neighbours_count(w.n), 2);
	pass(&w, 0);
	assert_true(ip_equal(&w.last.ip, &v6));
	world_destroy(&w);
}

// -- ageing --

static void one_in_use_is_asked_again_where_it_was(void **state)
{
	struct world w;

	world_init(&w);
	say(&w, PEER_IP, &peer_mac, SAID_BY_ARP | SAID_ADD);
	for (int i = 0; i < 8; i++) {
		pass(&w, 5000);
		assert_true(find(&w, PEER_IP)); // known all the time
		if (w.asked > 0)
			learn(&w, PEER_IP);
	}
	assert_int_equal(w.asked, 1);
	assert_true(w.last.is_unicast);
	assert_true(mac_equal(&w.last.mac, &peer_mac));
	world_destroy(&w);
}

static void one_that_went_away_is_noticed(void **state)
{
	struct world w;
	uint32_t version;

	world_init(&w);
	say(&w, PEER_IP, &peer_mac, SAID_BY_ARP | SAID_ADD);
	version = neighbours_version(w.n);
	for (int i = 0; i < 7; i++) {
		assert_true(find(&w, PEER_IP));
		pass(&w, 5000);
	}
	assert_int_equal(w.asked, NEIGHBOUR_TRIES);
	assert_int_not_equal(neighbours_version(w.n), version);
	assert_int_equal(neighbours_count(w.n), 0);
	world_destroy(&w);
}

static void one_that_nobody_talks_to_is_not_asked(void **state)
{
	struct world w;

	world_init(&w);
	say(&w, PEER_IP, &peer_mac, SAID_BY_ARP | SAID_ADD);
	pass(&w, NEIGHBOUR_IDLE_MS - 1000);
	assert_int_equal(neighbours_count(w.n), 1);
	pass(&w, 2000);
	assert_int_equal(neighbours_count(w.n), 0);
	assert_int_equal(w.asked, 0);
	world_destroy(&w);
}

// -- strangers --

static void questions_are_bounded(void **state)
{
	struct world w;

	world_init(&w);
	for (uint32_t i = 0; i < 4 * NEIGHBOURS_ASKING_MAX; i++)
		assert_false(find(&w, PEER_IP + i));
	pass(&w, 0);
	assert_true(w.asked <= NEIGHBOURS_ASKING_MAX);
	assert_int_equal(neighbours_count(w.n), w.asked);
	assert_int_equal(w.counters.refused, 4 * NEIGHBOURS_ASKING_MAX - w.asked);
	world_destroy(&w);
}

static void a_flood_of_claims_cannot_push_out_who_is_in_use(void **state)
{
	struct world w;

	world_init(&w);
	say(&w, PEER_IP, &peer_mac, SAID_BY_ARP | SAID_ADD);
	for (uint32_t i = 1; i < 10 * NEIGHBOURS_MAX; i++) {
		say(&w, PEER_IP + i, &peer_mac, SAID_BY_ARP | SAID_ADD);
		find(&w, FAR_IP + i);
	}
	assert_true(neighbours_count(w.n) <= NEIGHBOURS_MAX);
	assert_true(find(&w, PEER_IP));
	world_destroy(&w);
}

static void an_idle_one_makes_room(void **state)
{
	struct world w;

	world_init(&w);
	for (uint32_t i = 0; i < 10 * NEIGHBOURS_MAX; i++)
		say(&w, PEER_IP + i, &peer_mac, SAID_BY_ARP | SAID_ADD);
	assert_int_equal(neighbours_count(w.n), NEIGHBOURS_MAX);
	find(&w, FAR_IP);
	pass(&w, 0);
	assert_int_equal(w.asked, 0);
	w.now_ms += 10000;
	find(&w, FAR_IP);
	pass(&w, 0);
	assert_int_equal(w.asked, 1);
	assert_int_equal(w.counters.evicted, 1);
	assert_int_equal(neighbours_count(w.n), NEIGHBOURS_MAX);
	world_destroy(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_unknown_address_is_asked_for_until_it_answers),
		cmocka_unit_test(a_silent_address_is_forgotten),
		cmocka_unit_test(frames_wait_for_the_answer_and_leave_in_order),
		cmocka_unit_test(frames_for_a_silent_address_come_back),
		cmocka_unit_test(nothing_is_kept_without_a_question),
		cmocka_unit_test(frames_are_kept_for_few_addresses),
		cmocka_unit_test(only_who_asked_for_us_is_added),
		cmocka_unit_test(a_new_mac_counts_but_not_twice_a_second),
		cmocka_unit_test(advertisements_follow_the_override_rule),
		cmocka_unit_test(one_that_only_asked_is_asked_when_it_is_used),
		cmocka_unit_test(two_that_ask_with_one_address_do_not_take_turns),
		cmocka_unit_test(both_families_share_a_table),
		cmocka_unit_test(one_in_use_is_asked_again_where_it_was),
		cmocka_unit_test(one_that_went_away_is_noticed),
		cmocka_unit_test(one_that_nobody_talks_to_is_not_asked),
		cmocka_unit_test(questions_are_bounded),
		cmocka_unit_test(a_flood_of_claims_cannot_push_out_who_is_in_use),
		cmocka_unit_test(an_idle_one_makes_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

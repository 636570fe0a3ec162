#include "dataplane/io/worker.h"

#include "dataplane/wire/packet.h"
#include "tests/unit/io/by_hand.h"

// A datagram for a session of that worker; nobody has its keys.
static struct built stray_frame(uint32_t session_id)
{
	uint8_t datagram[4 + 32] = {0};

	ssid_scramble(datagram, sizeof(datagram), session_id);
	return frame_udp(datagram, sizeof(datagram));
}

// -- hellos and sessions --

static void a_hello_in_a_frame_is_answered_in_a_frame(void **state)
{
	struct worker_world w;
	struct identity id;

	world_create(&w, 1);
	id = add_endpoint(&w);
	world_introduce(&w);
	world_in(&w, 0, hello_frame(&w, id.fingerprint));
	assert_true(world_turn(&w, 0));
	assert_is_rhello(&w, world_out(&w, 0));
	assert_null(world_out(&w, 0).data);
	assert_int_equal(world_stats(&w, 0)->hellos_answered, 1);
	world_destroy(&w);
}

static void a_first_answer_waits_for_arp_instead_of_being_lost(void **state)
{
	struct worker_world w;
	struct identity id;
	struct built b;
	struct arp a;

	world_create(&w, 1);
	id = add_endpoint(&w);
	world_in(&w, 0, hello_frame(&w, id.fingerprint));
	world_turn(&w, 0);
	world_turn(&w, 0);
	b = world_out(&w, 0);
	assert_int_equal(arp_read(&a, b.data + L2_LEN, (uint16_t)(b.len - L2_LEN)), 0);
	assert_int_equal(a.op, ARP_REQUEST);
	assert_int_equal(a.target_ip, PEER_IP);
	frame_free(&b);
	assert_null(world_out(&w, 0).data);
	world_in(&w, 0, frame_arp(ARP_REPLY, PEER_IP, OUR_IP));
	world_turn(&w, 0);
	assert_is_rhello(&w, world_out(&w, 0));
	assert_int_equal(world_stats(&w, 0)->drops[DROP_NO_NEXT_HOP], 0);
	world_destroy(&w);
}

static void answers_to_a_silent_neighbour_are_few_and_counted(void **state)
{
	struct worker_world w;
	struct identity id;

	world_create(&w, 1);
	id = add_endpoint(&w);
	for (int i = 0; i < 10; i++) {
		world_in(&w, 0, hello_frame(&w, id.fingerprint));
		world_turn(&w, 0);
	}
	assert_int_equal(world_stats(&w, 0)->drops[DROP_NO_NEXT_HOP], 10 - NEIGHBOUR_KEPT);
	for (int i = 0; i < 100; i++) {
		w.l->now_us += 100000;
		world_turn(&w, 0);
	}
	assert_int_equal(world_stats(&w, 0)->drops[DROP_NO_NEXT_HOP], 10);
	assert_int_equal(world_out_discard(&w, 0), NEIGHBOUR_TRIES); // questions only
	world_destroy(&w);
}

static void a_session_is_served_over_the_gateway(void **state)
{
	struct worker_world w;
	struct far_end f;

	world_create(&w, 1);
	f = far_connect(w.l, 0, &(struct loop_form){0}, true);
	world_introduce(&w);
	for (int i = 0; i < 3; i++) {
		world_in(&w, 0, ping_frame(&f));
		world_turn(&w, 0);
		assert_is_ping_reply(&f, world_out(&w, 0));
		w.l->now_us += 1000;
	}
	assert_true(w.workers[0]->paths.rows[f.slot].header_len > 0);
	world_destroy(&w);
}

static void a_neighbour_that_moves_takes_its_sessions_along(void **state)
{
	const struct mac other = {{0x02, 9, 9, 9, 9, 9}};
	struct worker_world w;
	struct far_end f;
	struct built b;

	world_create(&w, 1);
	f = far_connect(w.l, 0, &(struct loop_form){0}, true);
	world_introduce(&w);
	world_in(&w, 0, ping_frame(&f));
	world_turn(&w, 0);
	assert_is_ping_reply(&f, world_out(&w, 0));
	w.l->now_us += 2000000;
	b = frame_arp(ARP_REPLY, GATEWAY_IP, OUR_IP);
	memcpy(b.data + L2_LEN + 8, &other, MAC_LEN);
	world_in(&w, 0, b);
	world_in(&w, 0, ping_frame(&f));
	world_turn(&w, 0);
	b = world_out(&w, 0);
	assert_memory_equal(b.data, &other, MAC_LEN);
	frame_free(&b);
	world_destroy(&w);
}

// -- ARP and ping --

static void whoever_asks_for_us_is_answered_and_known(void **state)
{
	struct ip_addr peer = ip_of_v4(PEER_IP);
	struct worker_world w;
	struct built b;
	struct mac mac;
	struct arp a;

	world_create(&w, 1);
	world_in(&w, 0, frame_arp(ARP_REQUEST, PEER_IP, OUR_IP));
	world_turn(&w, 0);
	b = world_out(&w, 0);
	assert_int_equal(arp_read(&a, b.data + L2_LEN, (uint16_t)(b.len - L2_LEN)), 0);
	assert_int_equal(a.op, ARP_REPLY);
	assert_int_equal(a.sender_ip, OUR_IP);
	assert_true(mac_equal(&a.sender_mac, &our_mac));
	assert_int_equal(a.target_ip, PEER_IP);
	assert_memory_equal(b.data, &peer_mac, MAC_LEN);
	frame_free(&b);
	assert_true(neighbours_find(w.workers[0]->host.links[0].neighbours, &peer, 0, &mac));
	assert_int_equal(w.workers[0]->counters[0].arp_answered, 1);
	world_destroy(&w);
}

static void who_asks_for_others_is_nothing_to_us(void **state)
{
	struct worker_world w;

	world_create(&w, 1);
	world_in(&w, 0, frame_arp(ARP_REQUEST, PEER_IP, GATEWAY_IP));
	world_in(&w, 0,
		 frame_arp(ARP_REQUEST, FAR_IP, OUR_IP)); // not of this network: no neighbour
	world_turn(&w, 0);
	assert_int_equal(neighbours_count(w.workers[0]->host.links[0].neighbours), 0);
	assert_int_equal(world_out_discard(&w, 0), 1);
	world_destroy(&w);
}

static void pings_are_answered_up_to_a_rate(void **state)
{
	struct worker_world w;
	uint32_t answered = 0;
	struct built b;

	world_create(&w, 1);
	world_in(&w, 0, frame_ping(100));
	world_turn(&w, 0);
	b = world_out(&w, 0);
	assert_int_equal(b.data[L2_LEN + IPV4_LEN], 0); // echo reply
	assert_int_equal(b.len, L2_LEN + IPV4_LEN + 8 + 100);
	frame_free(&b);
	for (int i = 0; i < 40; i++) {
		for (int j = 0; j < 64; j++)
			world_in(&w, 0, frame_ping(8));
		world_turn(&w, 0);
		answered += world_out_discard(&w, 0);
	}
	assert_int_equal(answered, WORKER_ECHOES_S - 1);
	assert_int_equal(world_stats(&w, 0)->drops[DROP_ECHO_RATE], 40 * 64 - answered);
	world_destroy(&w);
}

// -- what is lost has a name --

static void garbage_is_counted_by_name(void **state)
{
	struct worker_world w;
	struct built b;

	world_create(&w, 1);
	world_in(&w, 0, frame_udp("short", 5));
	world_in(&w, 0, stray_frame(session_id_make(0, 3, 7)));
	world_in(&w, 0, stray_frame(0));
	b = frame_udp("x", 1);
	b.data[0] = 0x77;
	world_in(&w, 0, b);
	b = frame_udp("\0\0\0\0\0\0\0\0\0\0\0\0", 12); // startup: session id 0
	b.data[b.len - 1] ^= 1;
	b.data[b.len - 5] ^= 1; // it still is
	world_in(&w, 0, b);
	world_turn(&w, 0);
	assert_int_equal(world_stats(&w, 0)->drops[DROP_SHORT], 1);
	assert_int_equal(world_stats(&w, 0)->drops[DROP_NO_SESSION], 1);
	assert_int_equal(world_stats(&w, 0)->drops[DROP_AUTH], 1);
	assert_int_equal(world_stats(&w, 0)->drops[DROP_L2_NOT_OURS], 1);
	assert_int_equal(world_stats(&w, 0)->drops[DROP_L3_CHECKSUM], 1);
	assert_int_equal(world_out_discard(&w, 0), 0);
	assert_int_equal(world_stats(&w, 0)->rx_packets, 3);
	world_destroy(&w);
}

static void what_the_port_refuses_is_counted_and_freed(void **state)
{
	struct worker_world w;

	world_create(&w, 1);
	for (int i = 0; i < 4 * 64; i++)
		world_in(&w, 0, frame_ping(8));
	world_turn(&w, 0);
	assert_int_equal(world_stats(&w, 0)->drops[DROP_TX_PORT], 4 * 64 - (WORLD_RING - 1));
	assert_int_equal(w.workers[0]->counters[0].tx_refused, 4 * 64 - (WORLD_RING - 1));
	assert_int_equal(w.workers[0]->counters[0].tx_frames, WORLD_RING - 1);
	world_destroy(&w);
}

static void an_empty_pool_is_survived(void **state)
{
	static void *taken[WORLD_BUFFERS + 1];
	struct worker_world w;
	struct identity id;
	uint32_t n;

	world_create(&w, 1);
	id = add_endpoint(&w);
	world_introduce(&w);
	for (int i = 0; i < 40; i++) // more answers than a turn leaves buffers for
		world_in(&w, 0, hello_frame(&w, id.fingerprint));
	world_in(&w, 0, frame_arp(ARP_REQUEST, PEER_IP, OUR_IP));
	n = world_buffers_take(taken);
	for (int i = 0; i < 10; i++)
		world_turn(&w, 0);
	world_buffers_give(taken, n);
	world_out_discard(&w, 0);
	world_in(&w, 0, hello_frame(&w, id.fingerprint));
	world_turn(&w, 0);
	world_turn(&w, 0);
	assert_is_rhello(&w, world_out(&w, 0));
	assert_int_equal(w.workers[0]->n_lent, ENGINE_BURST_MAX);
	world_destroy(&w);
}

static void open_checksums_are_accepted_where_they_are_expected(void **state)
{
	struct worker_world w;
	struct identity id;
	struct built b;

	world_create(&w, 1);
	w.workers[0]->host.links[0].udp_sums = UDP_SUMS_REMARKED;
	id = add_endpoint(&w);
	world_introduce(&w);
	b = hello_frame(&w, id.fingerprint);
	b.data[L2_LEN + IPV4_LEN + 6] ^= 0xff;
	world_in(&w, 0, b);
	world_turn(&w, 0);
	assert_is_rhello(&w, world_out(&w, 0));
	assert_int_equal(world_stats(&w, 0)->checksum_unverified, 1);
	assert_int_equal(w.workers[0]->counters[0].checksum_unverified, 1);
	world_destroy(&w);
}

// -- several workers --

static void a_frame_for_another_workers_session_is_handed_over(void **state)
{
	struct worker_world w;

	world_create(&w, 2);
	world_in(&w, 0, stray_frame(session_id_make(1, 3, 7)));
	world_turn(&w, 0);
	assert_int_equal(world_stats(&w, 0)->frames_handed, 1);
	assert_int_equal(world_stats(&w, 0)->rx_packets, 0);
	assert_true(world_turn(&w, 1));
	assert_int_equal(world_stats(&w, 1)->rx_packets, 1);
	assert_int_equal(world_stats(&w, 1)->drops[DROP_NO_SESSION], 1);
	world_destroy(&w);
}

static void startup_stays_where_it_arrived(void **state)
{
	struct worker_world w;

	world_create(&w, 2);
	world_in(&w, 1, stray_frame(0));
	world_turn(&w, 1);
	assert_int_equal(world_stats(&w, 1)->drops[DROP_AUTH], 1);
	assert_int_equal(world_stats(&w, 1)->frames_handed, 0);
	world_destroy(&w);
}

// Beyond its budget a stranger's datagram is dropped before its checksum is looked at.
static void a_strangers_budget_comes_before_his_checksum(void **state)
{
	static const uint8_t startup[36]; // session id 0
	uint64_t *drops;
	struct worker_world w;
	struct built b;

	world_create(&w, 1);
	drops = world_stats(&w, 0)->drops;
	for (unsigned i = 0; i < 2000 && drops[DROP_STARTUP_SOURCE] == 0; i++) {
		world_in(&w, 0, frame_udp(startup, sizeof(startup)));
		world_turn(&w, 0);
	}
	assert_int_equal(drops[DROP_STARTUP_SOURCE], 1);
	b = frame_udp(startup, sizeof(startup));
	b.data[L2_LEN + IPV4_LEN + 6] ^= 1;
	world_in(&w, 0, b);
	world_turn(&w, 0);
	assert_int_equal(drops[DROP_STARTUP_SOURCE], 2);
	assert_int_equal(drops[DROP_L3_CHECKSUM], 0);
	w.l->now_us += 1000000; // it has one again, and then the checksum counts
	b = frame_udp(startup, sizeof(startup));
	b.data[L2_LEN + IPV4_LEN + 6] ^= 1;
	world_in(&w, 0, b);
	world_turn(&w, 0);
	assert_int_equal(drops[DROP_STARTUP_SOURCE], 2);
	assert_int_equal(drops[DROP_L3_CHECKSUM], 1);
	world_destroy(&w);
}

static void a_session_of_no_worker_is_not_handed_on(void **state)
{
	struct worker_world w;

	world_create(&w, 2);
	world_in(&w, 0, stray_frame(session_id_make(9, 3, 7)));
	world_turn(&w, 0);
	assert_int_equal(world_stats(&w, 0)->frames_handed, 0);
	assert_int_equal(world_stats(&w, 0)->drops[DROP_WRONG_WORKER], 1);
	world_destroy(&w);
}

static void a_worker_that_does_not_keep_up_costs_only_its_own(void **state)
{
	struct worker_world w;

	world_create(&w, 2);
	for (int i = 0; i < 2 * WORKER_HANDED; i++) {
		world_in(&w, 0, stray_frame(session_id_make(1, 3, 7)));
		world_turn(&w, 0);
	}
	assert_int_equal(world_stats(&w, 0)->frames_handed, WORKER_HANDED - 1);
	assert_int_equal(world_stats(&w, 0)->drops[DROP_HANDOFF_FULL], WORKER_HANDED + 1);
	world_in(&w, 0, stray_frame(session_id_make(0, 3, 7)));
	world_turn(&w, 0);
	assert_int_equal(world_stats(&w, 0)->drops[DROP_NO_SESSION], 1);
	world_destroy(&w); // frames that still wait are given back, too
}

static void every_worker_hears_arp_and_one_answers(void **state)
{
	struct ip_addr peer = ip_of_v4(PEER_IP);
	struct worker_world w;
	struct mac mac;

	world_create(&w, 2);
	world_in(&w, 1, frame_arp(ARP_REQUEST, PEER_IP, OUR_IP));
	world_turn(&w, 1);
	world_turn(&w, 0);
	for (int i = 0; i < 2; i++)
		assert_true(
			neighbours_find(w.workers[i]->host.links[0].neighbours, &peer, 0, &mac));
	assert_int_equal(world_out_discard(&w, 1), 1);
	assert_int_equal(world_out_discard(&w, 0), 0);
	world_destroy(&w);
}

// -- time --

static void control_is_woken_when_it_sleeps_and_there_is_news(void **state)
{
	static const uint8_t somebody_else[FINGERPRINT_LEN] = {1};
	struct worker_world w;
	uint64_t n;

	world_create(&w, 1);
	add_endpoint(&w);
	world_turn(&w, 0); // whatever that reported
	bell_arm(&w.bell);
	world_turn(&w, 0);
	assert_true(read(w.bell.fd, &n, sizeof(n)) < 0);
	world_in(&w, 0, hello_frame(&w, somebody_else)); // control shall decide
	world_turn(&w, 0);
	assert_int_equal(read(w.bell.fd, &n, sizeof(n)), sizeof(n));
	world_turn(&w, 0);
	assert_true(read(w.bell.fd, &n, sizeof(n)) < 0);
	world_destroy(&w);
}

static bool has_rung(struct bell *b)
{
	uint64_t n;

	return read(b->fd, &n, sizeof(n)) == sizeof(n);
}

static void a_sleeping_worker_is_woken_for_what_it_is_handed(void **state)
{
	struct worker_world w;

	world_create(&w, 2);
	bell_arm(&w.bells[1]);
	world_in(&w, 0, stray_frame(session_id_make(0, 3, 7)));
	world_turn(&w, 0);
	assert_false(has_rung(&w.bells[1])); // nothing for it
	world_in(&w, 0, stray_frame(session_id_make(1, 3, 7)));
	world_turn(&w, 0);
	assert_true(has_rung(&w.bells[1]));
	world_in(&w, 0, stray_frame(session_id_make(1, 3, 7)));
	world_turn(&w, 0);
	assert_false(has_rung(&w.bells[1])); // it is awake
	world_destroy(&w);
}

// Rings have no interrupts.
static void who_cannot_be_woken_naps(void **state)
{
	struct worker_world w;

	world_create(&w, 1);
	assert_false(w.workers[0]->idle.is_woken);
	assert_false(worker_lap(w.workers[0]));
	assert_int_equal(w.workers[0]->idle.nap_us, 50);
	assert_int_equal(w.workers[0]->rest.n_woken, 0);
	world_destroy(&w);
}

static void turns_are_counted_by_what_they_did(void **state)
{
	struct worker_world w;
	uint64_t busy_us, turns;

	world_create(&w, 1);
	assert_false(world_turn(&w, 0));
	busy_us = world_stats(&w, 0)->busy_us;
	turns = world_stats(&w, 0)->turns;
	world_in(&w, 0, frame_ping(8));
	w.l->now_us += 70;
	assert_true(world_turn(&w, 0)); // until the next one starts
	w.l->now_us += 30;
	assert_false(world_turn(&w, 0));
	w.l->now_us += 500;
	assert_false(world_turn(&w, 0));
	assert_int_equal(world_stats(&w, 0)->turns, turns + 3);
	assert_int_equal(world_stats(&w, 0)->busy_us, busy_us + 30);
	world_destroy(&w);
}

static void the_deadline_is_the_earliest_of_engine_and_neighbours(void **state)
{
	struct worker_world w;

	world_create(&w, 1);
	world_turn(&w, 0);
	assert_int_equal(worker_deadline_us(w.workers[0]),
			 engine_deadline_us(w.l->nodes[0].engine));
	world_introduce(&w);
	world_turn(&w, 0);
	assert_true(worker_deadline_us(w.workers[0]) <=
		    w.l->now_us + NEIGHBOURS_SWEEP_MS * 1000ull);
	world_destroy(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_hello_in_a_frame_is_answered_in_a_frame),
		cmocka_unit_test(a_first_answer_waits_for_arp_instead_of_being_lost),
		cmocka_unit_test(answers_to_a_silent_neighbour_are_few_and_counted),
		cmocka_unit_test(a_session_is_served_over_the_gateway),
		cmocka_unit_test(a_neighbour_that_moves_takes_its_sessions_along),
		cmocka_unit_test(whoever_asks_for_us_is_answered_and_known),
		cmocka_unit_test(who_asks_for_others_is_nothing_to_us),
		cmocka_unit_test(pings_are_answered_up_to_a_rate),
		cmocka_unit_test(garbage_is_counted_by_name),
		cmocka_unit_test(what_the_port_refuses_is_counted_and_freed),
		cmocka_unit_test(an_empty_pool_is_survived),
		cmocka_unit_test(open_checksums_are_accepted_where_they_are_expected),
		cmocka_unit_test(a_frame_for_another_workers_session_is_handed_over),
		cmocka_unit_test(startup_stays_where_it_arrived),
		cmocka_unit_test(a_strangers_budget_comes_before_his_checksum),
		cmocka_unit_test(a_session_of_no_worker_is_not_handed_on),
		cmocka_unit_test(a_worker_that_does_not_keep_up_costs_only_its_own),
		cmocka_unit_test(every_worker_hears_arp_and_one_answers),
		cmocka_unit_test(control_is_woken_when_it_sleeps_and_there_is_news),
		cmocka_unit_test(a_sleeping_worker_is_woken_for_what_it_is_handed),
		cmocka_unit_test(who_cannot_be_woken_naps),
		cmocka_unit_test(turns_are_counted_by_what_they_did),
		cmocka_unit_test(the_deadline_is_the_earliest_of_engine_and_neighbours),
	};

	return cmocka_run_group_tests(tests, worker_group_on_rings, worker_group_teardown);
}

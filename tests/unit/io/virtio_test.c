// The same worker on the virtio driver, whose other end is in this process: offloads as they are
// negotiated, and buffers that are the driver's for a while.
#include "tests/unit/io/by_hand.h"

static void hellos_are_answered(void **state)
{
	struct worker_world w;
	struct identity id;

	world_create(&w, 1);
	id = add_endpoint(&w);
	world_introduce(&w);
	for (int i = 0; i < 600; i++) { // more than twice around the ring
		w.l->now_us += 10000;
		world_in(&w, 0, hello_frame(&w, id.fingerprint));
		assert_true(world_turn(&w, 0));
		assert_is_rhello(&w, world_out(&w, 0));
	}
	assert_null(world_out(&w, 0).data);
	world_destroy(&w);
}

static void sessions_are_served(void **state)
{
	struct worker_world w;
	struct far_end f;

	world_create(&w, 1);
	f = far_connect(w.l, 0, &(struct loop_form){0}, true);
	world_introduce(&w);
	world_in(&w, 0, ping_frame(&f));
	world_turn(&w, 0);
	assert_is_ping_reply(&f, world_out(&w, 0));
	world_destroy(&w);
}

static void arp_and_ping_are_answered(void **state)
{
	struct worker_world w;

	world_create(&w, 1);
	world_in(&w, 0, frame_arp(ARP_REQUEST, PEER_IP, OUR_IP));
	world_in(&w, 0, frame_ping(56));
	world_turn(&w, 0);
	assert_int_equal(world_out_discard(&w, 0), 2);
	assert_int_equal(w.workers[0]->counters[0].arp_answered, 1);
	assert_int_equal(w.workers[0]->counters[0].echoes_answered, 1);
	world_destroy(&w);
}

static void a_burst_beyond_the_ring_is_counted_and_freed(void **state)
{
	struct worker_world w;
	uint32_t sent = 0;

	world_create(&w, 1);
	for (int i = 0; i < 8; i++) {
		for (int j = 0; j < 64; j++)
			world_in(&w, 0, frame_ping(8));
		world_turn(&w, 0);
	}
	sent = world_out_discard(&w, 0);
	assert_true(sent > 0 && sent < 512);
	assert_int_equal(w.workers[0]->counters[0].tx_frames, sent);
	assert_int_equal(world_stats(&w, 0)->drops[DROP_TX_PORT], 512 - sent);
	world_destroy(&w);
}

// Checksums of IPv6 are the port's to fill in, where it was negotiated.
static void ipv6_is_answered_with_and_without_a_tag(void **state)
{
	for (uint16_t vlan = 0; vlan <= 7; vlan += 7) {
		struct worker_world w;
		struct identity id;
		struct built b;

		world_create_dual(&w, 1, vlan);
		id = add_endpoint(&w);
		world_introduce(&w);
		for (int i = 0; i < 4; i++) {
			bool is_v6 = i % 2 == 1;

			b = is_v6 ? hello_frame6(&w, id.fingerprint)
				  : hello_frame(&w, id.fingerprint);
			world_in(&w, 0, vlan != 0 ? frame_tagged(b, vlan) : b);
			assert_true(world_turn(&w, 0));
			b = world_out(&w, 0);
			if (vlan != 0) {
				assert_int_equal(be16_get(b.data + 12), L2_TYPE_VLAN);
				assert_int_equal(be16_get(b.data + 14), vlan);
				memmove(b.data + 12, b.data + 16, b.len - 16);
				b.len -= L2_TAG_LEN;
			}
			(is_v6 ? assert_is_rhello6 : assert_is_rhello)(&w, b);
		}
		world_in(&w, 0, vlan != 0 ? frame_ping(8) : frame_tagged(frame_ping(8), 7));
		world_turn(&w, 0);
		assert_int_equal(world_stats(&w, 0)->drops[DROP_L2_VLAN], 1);
		assert_null(world_out(&w, 0).data);
		world_destroy(&w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hellos_are_answered),
		cmocka_unit_test(sessions_are_served),
		cmocka_unit_test(arp_and_ping_are_answered),
		cmocka_unit_test(ipv6_is_answered_with_and_without_a_tag),
		cmocka_unit_test(a_burst_beyond_the_ring_is_counted_and_freed),
	};

	return cmocka_run_group_tests(tests, worker_group_on_virtio, worker_group_teardown);
}

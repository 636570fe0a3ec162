// Slots, ids and finding.
#include "control/outbox.h"
#include "control/startup/directory.h"
#include "crypto/random.h"
#include "tests/support/test.h"

struct world {
	struct random_state state;
	struct random rng;
	struct directory *d;
};

static struct world *begin(uint32_t n_workers, uint32_t sessions_max)
{
	struct world *w = calloc(1, sizeof(*w));

	w->rng = random_seeded(&w->state, 1);
	w->d = directory_create(n_workers, sessions_max, &w->rng);
	assert_non_null(w->d);
	return w;
}

static void end(struct world *w)
{
	directory_destroy(w->d);
	free(w);
}

static void place(struct world *w, struct seat *s, uint8_t endpoint, uint16_t port, uint8_t who)
{
	s->ctl.endpoint = endpoint;
	s->ctl.far = (struct wire_addr){.ip = {192, 0, 2, 1}, .port = port, .family = 4};
	memset(s->ctl.fingerprint, who, 32);
	directory_list(w->d, s);
}

static void a_worker_has_so_many_slots_each_with_its_id(void **state)
{
	struct world *w = begin(3, 5);

	for (uint32_t worker = 0; worker < 3; worker++) {
		for (uint32_t i = 0; i < 5; i++) {
			struct seat *s = directory_take(w->d, worker);

			assert_int_equal(s->ctl.state, CTL_OPENING);
			assert_int_equal(s->ctl.idx, i);
			assert_int_not_equal(s->ctl.id, 0);
			assert_int_equal(session_id_worker(s->ctl.id), worker);
			assert_int_equal(session_id_slot(s->ctl.id), i);
			assert_ptr_equal(directory_find(w->d, worker, i, s->ctl.id), s);
			assert_ptr_equal(directory_find_id(w->d, s->ctl.id), s);
		}
		assert_null(directory_take(w->d, worker));
	}
	end(w);
}

// The session's flows lie apart and are cleared as far as they were written.
static void who_gets_a_seat_finds_no_flow_of_the_one_before(void **state)
{
	static const struct ctl_flows none;
	struct world *w = begin(1, 1);
	struct mailbox *ring = mailbox_create(16);
	struct body_pool *bodies = body_pool_create(1 << 20);
	struct outbox *outbox = outbox_create(&ring, 1, bodies);
	uint64_t id;

	// The last slot that was written is a send flow's, a receive flow's, or there is none.
	for (unsigned rx_slot = 0; rx_slot < FLOWS_PER_SESSION + 1; rx_slot++) {
		struct seat *s = directory_take(w->d, 0);

		assert_memory_equal(directory_flows_at(w->d, s->at), &none, sizeof(none));
		s->ctl.state = CTL_OPEN;
		s->ctl.outbox = outbox;
		for (unsigned i = 0; i < rx_slot / 2; i++)
			assert_int_equal(ctl_flow_reserve(&s->ctl, OWNER_GROUP, w, &id), i);
		ctl_flow_accept(&s->ctl, (uint16_t)rx_slot, 7, FLOW_CONTROL, NO_STREAM, OWNER_RPC,
				w);
		assert_int_equal(s->ctl.rx[0].owner != OWNER_NONE, rx_slot == 0);
		directory_give(w->d, s);
		while (mailbox_n(ring) > 0) {
			struct command c;

			mailbox_pop(ring, &c);
		}
	}
	outbox_destroy(outbox);
	body_pool_destroy(bodies);
	mailbox_destroy(ring);
	end(w);
}

static void seats_are_counted_by_host_while_they_are_listed(void **state)
{
	struct world *w = begin(2, 8);
	struct wire_addr here = {.ip = {192, 0, 2, 1}, .family = 4},
			 there = {.ip = {192, 0, 2, 2}, .family = 4};
	struct seat *a = directory_take(w->d, 0), *b = directory_take(w->d, 1);

	assert_int_equal(directory_n_of_host(w->d, &here), 0);
	place(w, a, 0, 5000, 1); // another port, endpoint and worker: the same host
	place(w, b, 1, 6000, 2);
	assert_int_equal(directory_n_of_host(w->d, &here), 2);
	assert_int_equal(directory_n_of_host(w->d, &there), 0);
	directory_unlist(w->d, a);
	assert_int_equal(directory_n_of_host(w->d, &here), 1);
	directory_give(w->d, b);
	assert_int_equal(directory_n_of_host(w->d, &here), 0);
	end(w);
}

static void a_network_of_64_bits_is_one_host(void **state)
{
	struct world *w = begin(1, 8);
	struct wire_addr a = {.ip = {0x20, 1, 0xd, 0xb8, 0, 0, 0, 1, 9}, .family = 6}, b = a;
	struct seat *s = directory_take(w->d, 0);

	s->ctl.far = a;
	directory_list(w->d, s);
	b.ip[15] = 7;
	assert_int_equal(directory_n_of_host(w->d, &b), 1);
	b.ip[7] = 2;
	assert_int_equal(directory_n_of_host(w->d, &b), 0);
	end(w);
}

static void an_id_does_not_outlive_its_session(void **state)
{
	struct world *w = begin(1, 1);
	enum { TIMES = 20000 };
	uint32_t *ids = calloc(TIMES, sizeof(*ids)), former = 0, n_different = 0;

	for (unsigned i = 0; i < TIMES; i++) {
		struct seat *s = directory_take(w->d, 0);

		assert_int_not_equal(s->ctl.id, former);
		assert_null(directory_find(w->d, 0, 0, former));
		ids[i] = former = s->ctl.id;
		directory_give(w->d, s);
		assert_null(directory_find_id(w->d, former));
	}
	for (unsigned i = 1; i < TIMES; i++) // no counter: the next one cannot be guessed
		n_different += ids[i] - ids[i - 1] != ids[1] - ids[0];
	assert_true(n_different > TIMES - 100);
	free(ids);
	end(w);
}

static void strange_names_find_nothing(void **state)
{
	struct world *w = begin(2, 5);
	struct seat *s = directory_take(w->d, 1);
	uint32_t id = s->ctl.id;

	assert_null(directory_find(w->d, 0, s->ctl.idx, id));
	assert_null(directory_find(w->d, 2, 0, id));
	assert_null(directory_find(w->d, 1, 5, id));
	assert_null(directory_find_id(w->d, 0));
	assert_null(directory_find_id(w->d, UINT32_MAX));
	assert_null(directory_find_id(w->d, id ^ 1u << 31));
	end(w);
}

static void sessions_are_found_per_endpoint_newest_first(void **state)
{
	struct world *w = begin(1, 8);
	struct seat *s[5];
	uint8_t who[32];
	struct wire_addr at = {.ip = {192, 0, 2, 1}, .port = 1000, .family = 4};

	memset(who, 7, sizeof(who));
	for (unsigned i = 0; i < 5; i++)
		s[i] = directory_take(w->d, 0);
	place(w, s[0], 0, 1000, 7);
	place(w, s[1], 1, 1000, 7); // another endpoint
	place(w, s[2], 0, 1000, 8); // the same address
	place(w, s[3], 0, 1001, 7); // the same identity
	place(w, s[4], 0, 1002, 9);

	assert_ptr_equal(directory_by_addr(w->d, 0, &at, NULL), s[2]);
	assert_ptr_equal(directory_by_addr(w->d, 0, &at, s[2]), s[0]);
	assert_null(directory_by_addr(w->d, 0, &at, s[0]));
	assert_ptr_equal(directory_by_addr(w->d, 1, &at, NULL), s[1]);
	assert_ptr_equal(directory_by_print(w->d, 0, who, NULL), s[3]);
	assert_ptr_equal(directory_by_print(w->d, 0, who, s[3]), s[0]);
	assert_null(directory_by_print(w->d, 0, who, s[0]));

	directory_give(w->d, s[3]);
	assert_ptr_equal(directory_by_print(w->d, 0, who, NULL), s[0]);
	directory_unlist(w->d, s[0]);
	assert_null(directory_by_print(w->d, 0, who, NULL));
	assert_ptr_equal(directory_by_addr(w->d, 0, &at, NULL), s[2]);
	end(w);
}

static void a_thousand_come_and_go(void **state)
{
	struct world *w = begin(2, 500);
	struct seat *seats[1000] = {NULL};
	uint32_t n = 0;

	for (unsigned step = 0; step < 20000; step++) {
		uint32_t i = (uint32_t)random_below(&w->rng, 1000);
		struct wire_addr at = {.ip = {192, 0, 2, 1}, .port = (uint16_t)i, .family = 4};

		if (seats[i] != NULL) {
			assert_ptr_equal(directory_by_addr(w->d, 0, &at, NULL), seats[i]);
			directory_give(w->d, seats[i]);
			seats[i] = NULL;
			n--;
		} else {
			assert_null(directory_by_addr(w->d, 0, &at, NULL));
			seats[i] = directory_take(w->d, i % 2);
			assert_non_null(seats[i]);
			place(w, seats[i], 0, (uint16_t)i, (uint8_t)i);
			n++;
		}
	}
	for (uint32_t at = 0; directory_next(w->d, &at) != NULL;)
		n--;
	assert_int_equal(n, 0);
	end(w);
}

static void the_emptiest_worker_is_found(void **state)
{
	struct random_state rs;
	struct random rng = random_seeded(&rs, 3);
	struct directory *d = directory_create(3, 4, &rng);
	struct seat *s[4];

	assert_int_equal(directory_emptiest(d, 2), 2); // all alike: where it came in
	s[0] = directory_take(d, 2);
	assert_int_equal(directory_emptiest(d, 2), 0);
	s[1] = directory_take(d, 0);
	assert_int_equal(directory_emptiest(d, 2), 1);
	s[2] = directory_take(d, 1);
	assert_int_equal(directory_emptiest(d, 2), 2);
	s[3] = directory_take(d, 2);
	directory_give(d, s[1]);
	assert_int_equal(directory_emptiest(d, 2), 0);
	directory_give(d, s[0]);
	directory_give(d, s[2]);
	directory_give(d, s[3]);
	directory_destroy(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_emptiest_worker_is_found),
		cmocka_unit_test(a_worker_has_so_many_slots_each_with_its_id),
		cmocka_unit_test(who_gets_a_seat_finds_no_flow_of_the_one_before),
		cmocka_unit_test(seats_are_counted_by_host_while_they_are_listed),
		cmocka_unit_test(a_network_of_64_bits_is_one_host),
		cmocka_unit_test(an_id_does_not_outlive_its_session),
		cmocka_unit_test(strange_names_find_nothing),
		cmocka_unit_test(sessions_are_found_per_endpoint_newest_first),
		cmocka_unit_test(a_thousand_come_and_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

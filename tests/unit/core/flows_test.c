// Flows from end to end: two nodes and a path that loses, duplicates and reorders, from a seed.
#include "tests/unit/core/flow_world.h"

#define IN_AIR_MAX 4096

// ---- the path ----

struct datagram {
	uint64_t at_us;
	uint8_t to;
	uint16_t len;
	uint8_t octets[NODE_PACKET_MAX];
};

struct path_opts {
	uint32_t loss_permille, duplicate_permille;
	uint32_t delay_us,
		jitter_us; // more jitter than distance between packets: they are reordered
};

struct run {
	struct node *node[2];
	struct path_opts path;
	uint64_t random;
	struct datagram *air;
	uint32_t n_air;
};

static uint32_t pick(struct run *r, uint32_t below)
{
	r->random = r->random * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(r->random >> 33) % below;
}

static void run_open(struct run *r, uint64_t seed, const struct path_opts *path, uint32_t reports)
{
	*r = (struct run){.path = *path, .random = seed * 2654435761u + 1};
	r->node[0] = node_create(reports);
	r->node[1] = node_create(reports);
	r->air = malloc(IN_AIR_MAX * sizeof(*r->air));
	assert_non_null(r->air);
}

static void run_close(struct run *r)
{
	node_destroy(r->node[0]);
	node_destroy(r->node[1]);
	free(r->air);
}

static void launch(struct run *r, uint8_t to, const uint8_t *octets, size_t len)
{
	struct datagram *d;

	if (pick(r, 1000) < r->path.loss_permille || r->n_air == IN_AIR_MAX)
		return;
	d = &r->air[r->n_air++];
	d->at_us = r->node[to]->e.now_us + r->path.delay_us + pick(r, r->path.jitter_us + 1);
	d->to = to;
	d->len = (uint16_t)len;
	memcpy(d->octets, octets, len);
}

static void all_send(struct run *r)
{
	uint8_t packet[NODE_PACKET_MAX];
	size_t len;

	for (uint8_t i = 0; i < 2; i++) {
		while ((len = node_packet(r->node[i], packet)) > 0) {
			launch(r, 1 - i, packet, len);
			if (pick(r, 1000) < r->path.duplicate_permille)
				launch(r, 1 - i, packet, len);
		}
	}
}

// To the next event. False: nothing will ever happen.
static bool step(struct run *r)
{
	uint64_t at = node_deadline_us(r->node[0]), other = node_deadline_us(r->node[1]);
	struct datagram d = {.at_us = UINT64_MAX};
	uint32_t first = 0;

	at = other < at ? other : at;
	for (uint32_t i = 0; i < r->n_air; i++) {
		if (r->air[i].at_us < d.at_us) {
			first = i;
			d.at_us = r->air[i].at_us;
		}
	}
	if (at == UINT64_MAX && r->n_air == 0)
		return false;
	at = d.at_us < at ? d.at_us : at;
	if (at < r->node[0]->e.now_us)
		at = r->node[0]->e.now_us;
	node_time(r->node[0], at);
	node_time(r->node[1], at);
	if (d.at_us <= at) {
		d = r->air[first];
		r->air[first] = r->air[--r->n_air];
		node_receive(r->node[d.to], d.octets, d.len);
	}
	node_alarms(r->node[0]);
	node_alarms(r->node[1]);
	all_send(r);
	return true;
}

// ---- messages ----

// Says its own number and length, the rest follows from them.
static uint32_t message_make(uint8_t *m, uint32_t no, uint32_t len)
{
	len = len < 8 ? 8 : len;
	memcpy(m, &no, 4);
	memcpy(m + 4, &len, 4);
	for (uint32_t i = 8; i < len; i++)
		m[i] = (uint8_t)(no * 31 + i * 7);
	return len;
}

static uint32_t message_no(const uint8_t *m, uint32_t len)
{
	uint32_t no, said;

	assert_true(len >= 8);
	memcpy(&no, m, 4);
	memcpy(&said, m + 4, 4);
	assert_int_equal(said, len);
	for (uint32_t i = 8; i < len; i++)
		if (m[i] != (uint8_t)(no * 31 + i * 7))
			fail_msg("message %u, octet %u", no, i);
	return no;
}

// Control at the receiving end: gives every flow the same class, and takes its time over messages.
struct taker {
	enum flow_class class;
	bool is_network_order;
	uint32_t n, next, n_finished, n_gaps;
	uint8_t got[2000];
};

static void take_reports(struct node *n, struct taker *t)
{
	struct report r;
	uint32_t no;

	while (node_report(n, &r)) {
		if (r.op == REP_FLOW_OPENED)
			node_class(n, r.flow, r.opened.flow_id, t->class, NO_STREAM,
				   t->is_network_order);
		if (r.op == REP_FLOW_FINISHED)
			t->n_finished++;
		if (r.op != REP_MESSAGE)
			continue;
		no = message_no(r.body->data, r.len);
		body_put(r.body);
		assert_true(no < ARRAY_LEN(t->got));
		assert_int_equal(t->got[no], 0); // once
		t->got[no] = 1;
		if (!t->is_network_order)
			assert_true(no >= t->next); // in order
		t->n_gaps += r.message.gap_before;
		t->next = no + 1;
		t->n++;
	}
}

static void take_freed(struct node *n, uint32_t *n_freed)
{
	struct report r;

	while (node_report(n, &r))
		*n_freed += r.op == REP_FLOW_FREED;
}

#define LEN_MAX 300000
static uint8_t message[LEN_MAX];

static void messages_arrive_once_and_in_order(uint64_t seed, const struct path_opts *path,
					      bool is_network_order, uint32_t reports)
{
	struct taker taker = {.class = FLOW_CONTROL, .is_network_order = is_network_order};
	uint32_t n = 60, no = 0, n_freed = 0;
	struct run r;

	run_open(&r, seed, path, reports);
	node_flow_open(r.node[0], 3, "\x54\x43\x04", PRIO_CONTROL);
	for (int i = 0; i < 2000000 && (taker.n_finished == 0 || n_freed == 0); i++) {
		// Some at once, some on the way; now and then a large one.
		if (no < n && (no < 20 || pick(&r, 40) == 0)) {
			uint32_t len = pick(&r, 10) == 0 ? pick(&r, LEN_MAX) : pick(&r, 3000);

			len = message_make(message, no++, len);
			node_send(r.node[0], 3, message, len, 0);
			if (no == n)
				node_flow_close(r.node[0], 3);
		}
		all_send(&r);
		step(&r);
		take_reports(r.node[1], &taker);
		take_freed(r.node[0], &n_freed);
	}
	assert_int_equal(taker.n, n);
	assert_int_equal(taker.n_gaps, 0);
	assert_int_equal(n_freed, 1);
	run_close(&r);
}

static void over_a_bad_path(void **state)
{
	const struct path_opts path = {.loss_permille = 300,
				       .duplicate_permille = 100,
				       .delay_us = 5000,
				       .jitter_us = 20000};

	for (uint64_t seed = 1; seed <= 12; seed++)
		messages_arrive_once_and_in_order(seed, &path, false, 64);
}

static void over_a_bad_path_in_network_order(void **state)
{
	const struct path_opts path = {.loss_permille = 200,
				       .duplicate_permille = 100,
				       .delay_us = 5000,
				       .jitter_us = 20000};

	for (uint64_t seed = 100; seed <= 108; seed++)
		messages_arrive_once_and_in_order(seed, &path, true, 64);
}

static void with_a_report_ring_that_is_mostly_full(void **state)
{
	const struct path_opts path = {.loss_permille = 50, .delay_us = 5000, .jitter_us = 2000};

	for (uint64_t seed = 200; seed <= 204; seed++)
		messages_arrive_once_and_in_order(seed, &path, false, 1);
}

static void over_a_path_without_delay(void **state)
{
	const struct path_opts path = {.loss_permille = 100};

	for (uint64_t seed = 300; seed <= 304; seed++)
		messages_arrive_once_and_in_order(seed, &path, false, 64);
}

// §3.6.2.6: what passes its deadline is skipped, whole, and everything else still comes.
static void abandoned_deadlines_are_skipped(void **state)
{
	const struct path_opts path = {.loss_permille = 300,
				       .duplicate_permille = 50,
				       .delay_us = 5000,
				       .jitter_us = 5000};

	for (uint64_t seed = 400; seed <= 410; seed++) {
		struct taker taker = {.class = FLOW_CONTROL};
		uint32_t n = 400, no = 0, n_freed = 0, n_reliable = 0;
		struct run r;

		run_open(&r, seed, &path, 64);
		node_flow_open(r.node[0], 3, "\x54\x43\x04", PRIO_CONTROL);
		for (int i = 0; i < 500000 && (taker.n_finished == 0 || n_freed == 0); i++) {
			if (no < n && pick(&r, 2) == 0) {
				bool is_reliable = no % 10 == 0;
				uint32_t len = message_make(message, no++, pick(&r, 8000));

				node_send(r.node[0], 3, message, len,
					  is_reliable ? 0 : r.node[0]->e.now_us + 60000);
				n_reliable += is_reliable;
				if (no == n)
					node_flow_close(r.node[0], 3);
			}
			all_send(&r);
			step(&r);
			take_reports(r.node[1], &taker);
			take_freed(r.node[0], &n_freed);
		}
		assert_int_equal(taker.n_finished, 1);
		assert_int_equal(n_freed, 1);
		for (no = 0; no < n; no += 10)
			assert_int_equal(taker.got[no], 1);
		assert_true(taker.n < n && taker.n > n_reliable);
		assert_true(taker.n_gaps > 0);
		assert_true(r.node[0]->e.stats.drops[DROP_TX_EXPIRED] > 0);
		run_close(&r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(over_a_bad_path),
		cmocka_unit_test(over_a_bad_path_in_network_order),
		cmocka_unit_test(with_a_report_ring_that_is_mostly_full),
		cmocka_unit_test(over_a_path_without_delay),
		cmocka_unit_test(abandoned_deadlines_are_skipped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

// The network that the scenarios rest on does what its header says.
#include <math.h>

#include "tests/sim/net.h"
#include "tests/support/test.h"

#define N 100000

struct seen {
	uint64_t n, last_us, now_us, out_of_order, wait_us, changed;
	uint32_t host, newest;
	struct net_addr src, dst;
};

static void see(void *ctx, uint32_t host, struct net_addr src, struct net_addr dst, uint8_t *data,
		uint16_t len)
{
	struct seen *s = ctx;
	uint32_t number;

	memcpy(&number, data, sizeof(number));
	s->n++;
	s->host = host;
	s->src = src;
	s->dst = dst;
	s->out_of_order += number < s->newest;
	s->newest = number > s->newest ? number : s->newest;
	s->changed += data[4] != 0;
	s->wait_us += s->now_us;
	s->last_us = s->now_us;
}

static void run_until(struct net *n, struct seen *s, uint64_t end_us)
{
	while (net_deadline_us(n) <= end_us) {
		s->now_us = net_deadline_us(n);
		net_step(n, s->now_us);
	}
	s->now_us = end_us;
}

static void send_number(struct net *n, uint32_t from, struct net_addr to, uint32_t number,
			uint64_t now_us)
{
	uint8_t data[100] = {0};

	memcpy(data, &number, sizeof(number));
	net_send(n, from, 1000, to, data, sizeof(data), now_us);
}

// N datagrams over a line, one each ms; the sum of sending times is taken out of wait_us.
static struct seen over(const struct net_link *line, uint64_t seed)
{
	struct seen s = {0};
	struct net *n = net_create(seed, see, &s);
	struct net_link none = {0};
	uint32_t a = net_host(n, NET_PUBLIC, line, &none),
		 b = net_host(n, NET_PUBLIC, &none, &none);

	for (uint32_t i = 0; i < N; i++) {
		run_until(n, &s, 1000 * i);
		send_number(n, a, (struct net_addr){net_ip(n, b), 5}, i, 1000 * i);
	}
	run_until(n, &s, UINT64_MAX - 1);
	net_destroy(n);
	return s;
}

static void lines_do_what_they_say(void **state)
{
	static const struct {
		const char *name;
		struct net_link line;
		double arrive, out_of_order, changed; // of all
	} rows[] = {
		{"faithful", {.delay_us = 5000}, 1, 0, 0},
		{"30 % loss", {.loss_permille = 300}, 0.7, 0, 0},
		{"30 % loss in bursts of 3", {.loss_permille = 300, .burst = 3}, 0.7, 0, 0},
		{"5 % twice", {.duplicate_permille = 50}, 1.05, 0, 0},
		{"25 % late by 50 ms", {.reorder_permille = 250, .reorder_us = 50500}, 1, 0.25, 0},
		{"jitter that keeps order", {.jitter_us = 30000, .keeps_order = true}, 1, 0, 0},
		{"dark 2 s of 5", {.dark_every_us = 5000000, .dark_us = 2000000}, 0.6, 0, 0},
		{"half of what comes fits",
		 {.rate_bps = 512 * 1000, .queue_bytes = 1500},
		 0.5,
		 0,
		 0},
		{"as large as its MTU", {.mtu = 128}, 1, 0, 0}, // 100 octets and 28 of headers
		{"larger than its MTU", {.mtu = 127}, 0, 0, 0},
		{"bits are changed", {.corrupt_permille = 1000}, 1, 0.03, 0.01},
	};

	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		struct seen s = over(&rows[i].line, i + 1);

		assert_row(fabs((double)s.n / N - rows[i].arrive) < 0.01, rows[i].name);
		if (rows[i].line.corrupt_permille == 0)
			assert_row(fabs((double)s.out_of_order / N - rows[i].out_of_order) < 0.01,
				   rows[i].name);
		assert_row(fabs((double)s.changed / N - rows[i].changed) < 0.003, rows[i].name);
	}
}

static void the_same_seed_is_the_same_network(void **state)
{
	struct net_link line = {.jitter_us = 9000, .tail_us = 3000, .loss_permille = 100};
	struct seen a = over(&line, 7), b = over(&line, 7), c = over(&line, 8);

	assert_int_equal(a.n, b.n);
	assert_int_equal(a.wait_us, b.wait_us);
	assert_int_not_equal(a.wait_us, c.wait_us);
}

// ---- translators ----

struct lab {
	struct seen seen;
	struct net *net;
	uint32_t inside, sibling, out[2]; // behind the translator; outside
};

static struct lab *lab_create(const struct net_nat_opts *nat)
{
	struct lab *l = calloc(1, sizeof(*l));
	struct net_link none = {0};
	uint32_t box;

	l->net = net_create(1, see, &l->seen);
	box = net_nat(l->net, nat);
	l->inside = net_host(l->net, box, &none, &none);
	l->sibling = net_host(l->net, box, &none, &none);
	for (int i = 0; i < 2; i++)
		l->out[i] = net_host(l->net, NET_PUBLIC, &none, &none);
	return l;
}

static void lab_destroy(struct lab *l)
{
	net_destroy(l->net);
	free(l);
}

// Does it arrive at that host? *src: as it is seen there.
static bool reaches(struct lab *l, uint32_t from, uint16_t src_port, struct net_addr dst,
		    uint32_t host, struct net_addr *src)
{
	uint64_t before = l->seen.n;

	net_send(l->net, from, src_port, dst, (const uint8_t[8]){0}, 8, l->seen.now_us);
	run_until(l->net, &l->seen, l->seen.now_us);
	if (src != NULL)
		*src = l->seen.src;
	return l->seen.n == before + 1 && l->seen.host == host;
}

static struct net_addr at(const struct lab *l, uint32_t host, uint16_t port)
{
	return (struct net_addr){net_ip(l->net, host), port};
}

static void translators_let_in_whom_they_should(void **state)
{
	static const struct {
		const char *name;
		enum nat_kind kind;
		bool other_port, other_host, is_same_port; // may answer; two destinations, one port
	} rows[] = {
		{"full cone", NAT_FULL_CONE, true, true, true},
		{"address restricted", NAT_ADDRESS_RESTRICTED, true, false, true},
		{"port restricted", NAT_PORT_RESTRICTED, false, false, true},
		{"symmetric", NAT_SYMMETRIC, false, false, false},
	};

	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		struct lab *l = lab_create(&(struct net_nat_opts){.kind = rows[i].kind});
		struct net_addr seen, other;

		assert_row(reaches(l, l->inside, 7, at(l, l->out[0], 80), l->out[0], &seen),
			   rows[i].name);
		assert_row(reaches(l, l->out[0], 80, seen, l->inside, NULL), rows[i].name);
		assert_row(reaches(l, l->out[0], 81, seen, l->inside, NULL) == rows[i].other_port,
			   rows[i].name);
		assert_row(reaches(l, l->out[1], 80, seen, l->inside, NULL) == rows[i].other_host,
			   rows[i].name);
		assert_row(reaches(l, l->inside, 7, at(l, l->out[1], 80), l->out[1], &other),
			   rows[i].name);
		assert_row((other.port == seen.port) == rows[i].is_same_port, rows[i].name);
		assert_row(reaches(l, l->out[1], 80, other, l->inside, NULL), rows[i].name);
		lab_destroy(l);
	}
}

static void a_port_lives_while_it_is_sent_from(void **state)
{
	struct lab *l =
		lab_create(&(struct net_nat_opts){.kind = NAT_FULL_CONE, .timeout_us = 30000000});
	struct net_addr seen, again;

	assert_true(reaches(l, l->inside, 7, at(l, l->out[0], 80), l->out[0], &seen));
	l->seen.now_us = 29000000;
	assert_true(reaches(l, l->inside, 7, at(l, l->out[0], 80), l->out[0], &again));
	assert_int_equal(seen.port, again.port);
	l->seen.now_us = 58000000;
	assert_true(reaches(l, l->out[0], 80, seen, l->inside, NULL));
	l->seen.now_us = 60000000; // what came in does not count
	assert_false(reaches(l, l->out[0], 80, seen, l->inside, NULL));
	assert_int_equal(net_counters(l->net)->filtered, 1);
	assert_true(reaches(l, l->inside, 7, at(l, l->out[0], 80), l->out[0], &again));
	assert_int_not_equal(seen.port, again.port);
	lab_destroy(l);
}

static void so_does_each_permit_to_answer(void **state)
{
	struct lab *l = lab_create(
		&(struct net_nat_opts){.kind = NAT_PORT_RESTRICTED, .timeout_us = 30000000});
	struct net_addr seen, again;

	assert_true(reaches(l, l->inside, 7, at(l, l->out[0], 80), l->out[0], &seen));
	assert_true(reaches(l, l->inside, 7, at(l, l->out[1], 80), l->out[1], NULL));
	l->seen.now_us = 29000000;
	assert_true(reaches(l, l->inside, 7, at(l, l->out[0], 80), l->out[0], &again));
	assert_int_equal(seen.port, again.port);
	l->seen.now_us = 31000000;
	assert_true(reaches(l, l->out[0], 80, seen, l->inside, NULL));
	assert_false(reaches(l, l->out[1], 80, seen, l->inside, NULL));
	lab_destroy(l);
}

static void siblings_meet_inside_and_by_hairpin(void **state)
{
	for (int does_hairpin = 0; does_hairpin < 2; does_hairpin++) {
		struct lab *l = lab_create(&(struct net_nat_opts){.kind = NAT_FULL_CONE,
								  .does_hairpin = does_hairpin});
		struct net_addr seen;

		assert_true(reaches(l, l->inside, 7, at(l, l->sibling, 7), l->sibling, &seen));
		assert_int_equal(seen.ip, net_ip(l->net, l->inside));
		assert_false(reaches(l, l->out[0], 7, at(l, l->inside, 7), l->inside, NULL));
		assert_true(reaches(l, l->inside, 7, at(l, l->out[0], 80), l->out[0], &seen));
		assert_int_equal(reaches(l, l->sibling, 7, seen, l->inside, NULL), does_hairpin);
		lab_destroy(l);
	}
}

static void siblings_that_are_kept_apart_do_not_meet_inside(void **state)
{
	struct lab *l = lab_create(&(struct net_nat_opts){
		.kind = NAT_FULL_CONE, .does_hairpin = true, .keeps_apart = true});
	struct net_addr seen;

	assert_false(reaches(l, l->inside, 7, at(l, l->sibling, 7), l->sibling, NULL));
	assert_true(reaches(l, l->inside, 7, at(l, l->out[0], 80), l->out[0], &seen));
	assert_true(reaches(l, l->sibling, 7, seen, l->inside, NULL));
	lab_destroy(l);
}

static void moved_and_parted_hosts_are_gone(void **state)
{
	struct lab *l = lab_create(&(struct net_nat_opts){.kind = NAT_FULL_CONE});
	struct net_addr old = at(l, l->out[1], 80), seen;

	assert_true(reaches(l, l->out[0], 80, old, l->out[1], NULL));
	net_move(l->net, l->out[1]);
	assert_false(reaches(l, l->out[0], 80, old, l->out[1], NULL));
	assert_true(reaches(l, l->out[0], 80, at(l, l->out[1], 80), l->out[1], NULL));
	net_move(l->net, l->out[0]);
	net_move_to(l->net, l->out[0], old.ip); // in its former place
	assert_true(reaches(l, l->out[1], 80, old, l->out[0], NULL));
	net_island(l->net, l->out[1], 1);
	assert_false(reaches(l, l->out[0], 80, at(l, l->out[1], 80), l->out[1], NULL));

	assert_true(reaches(l, l->inside, 7, at(l, l->out[0], 80), l->out[0], &seen));
	net_nat_forget(l->net, 0);
	assert_false(reaches(l, l->out[0], 80, seen, l->inside, NULL));
	lab_destroy(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_do_what_they_say),
		cmocka_unit_test(the_same_seed_is_the_same_network),
		cmocka_unit_test(translators_let_in_whom_they_should),
		cmocka_unit_test(a_port_lives_while_it_is_sent_from),
		cmocka_unit_test(so_does_each_permit_to_answer),
		cmocka_unit_test(siblings_meet_inside_and_by_hairpin),
		cmocka_unit_test(siblings_that_are_kept_apart_do_not_meet_inside),
		cmocka_unit_test(moved_and_parted_hosts_are_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "dataplane/io/presence.h"

#include "tests/support/test.h"
#include "tests/unit/io/hosts.h"

struct world {
	struct host host;
	struct presence p;
	uint32_t now_ms;
	unsigned n[PRESENCE_NO_ROUTER + 1]; // steps by kind
	uint32_t last_ms[PRESENCE_NO_ROUTER + 1];
	struct presence_step last;
};

static struct host_link *link_of(struct world *w)
{
	return &w->host.links[0];
}

static void create(struct world *w, struct host host, bool takes_router)
{
	memset(w, 0, sizeof(*w));
	w->host = host;
	w->now_ms = 0xffffff00; // wraps soon
	presence_init(&w->p, &w->host, link_of(w), takes_router, w->now_ms);
}

static void end(struct world *w)
{
	host_end(&w->host);
}

static void take(struct world *w)
{
	struct presence_step s;

	while (presence_next(&w->p, &w->host, link_of(w), w->now_ms, &s)) {
		w->n[s.what]++;
		w->last_ms[s.what] = w->now_ms;
		w->last = s;
	}
}

// Sleeps as a worker does, and is never late by that.
static void pass(struct world *w, uint32_t ms)
{
	uint32_t until_ms = w->now_ms + ms;

	take(w);
	while (w->now_ms != until_ms) {
		uint32_t left = until_ms - w->now_ms;
		uint32_t wait = presence_wait_ms(&w->p, &w->host, link_of(w), w->now_ms);

		assert_int_not_equal(wait, 0); // everything was taken
		w->now_ms += wait < left ? wait : left;
		take(w);
	}
}

static enum addr_state state_of(const struct world *w, uint8_t addr)
{
	return (enum addr_state)w->host.addrs[addr].state;
}

// -- addresses --

static void an_address_of_ipv4_is_used_and_announced_at_once(void **state)
{
	struct world w;

	create(&w, host_simple(), false);
	assert_int_equal(state_of(&w, 0), ADDR_READY);
	take(&w);
	assert_int_equal(w.n[PRESENCE_ANNOUNCE], 1);
	pass(&w, 60000);
	assert_int_equal(w.n[PRESENCE_ANNOUNCE], PRESENCE_ANNOUNCES);
	assert_int_equal(w.n[PRESENCE_PROBE] + w.n[PRESENCE_REPORT], 0); // IPv6's
	assert_int_equal(presence_wait_ms(&w.p, &w.host, link_of(&w), w.now_ms), UINT32_MAX);
	end(&w);
}

// RFC 4862 §5.4: a question, a second of silence, and it is ours.
static void an_address_of_ipv6_is_asked_for_first(void **state)
{
	struct world w;

	create(&w, host_dual(ADDR_TENTATIVE), false);
	take(&w);
	assert_int_equal(w.n[PRESENCE_REPORT], 1); // before the questions, whose answers need it
	assert_int_equal(w.n[PRESENCE_PROBE], 2);
	pass(&w, PRESENCE_PROBE_MS - 1);
	assert_int_equal(state_of(&w, 1), ADDR_TENTATIVE);
	pass(&w, 1);
	assert_int_equal(state_of(&w, 1), ADDR_READY);
	assert_int_equal(state_of(&w, 2), ADDR_READY);
	assert_int_equal(w.n[PRESENCE_READY], 2);
	pass(&w, 60000);
	assert_int_equal(w.n[PRESENCE_PROBE], 2);
	assert_int_equal(w.n[PRESENCE_ANNOUNCE], 3 * PRESENCE_ANNOUNCES);
	assert_int_equal(w.n[PRESENCE_REPORT], PRESENCE_REPORTS);
	end(&w);
}

static void one_that_somebody_has_is_not_used(void **state)
{
	struct world w;

	create(&w, host_dual(ADDR_TENTATIVE), false);
	take(&w);
	assert_true(presence_conflict(&w.p, &w.host, 1, w.now_ms));
	pass(&w, 60000);
	assert_int_equal(state_of(&w, 1), ADDR_DUPLICATE);
	assert_int_equal(state_of(&w, 2), ADDR_READY);
	assert_int_equal(w.n[PRESENCE_READY], 1);
	assert_int_equal(w.n[PRESENCE_ANNOUNCE], 2 * PRESENCE_ANNOUNCES);
	assert_false(presence_conflict(&w.p, &w.host, 1, w.now_ms));
	pass(&w, 60000);
	assert_int_equal(w.n[PRESENCE_ANNOUNCE], 2 * PRESENCE_ANNOUNCES); // nothing to defend
	end(&w);
}

// RFC 5227 §2.4 b: once in ten seconds, however often it is claimed, or two would shout for ever.
static void one_in_use_is_defended_rarely(void **state)
{
	struct world w;

	create(&w, host_simple(), false);
	pass(&w, 30000);
	w.n[PRESENCE_ANNOUNCE] = 0;
	for (int i = 0; i < 30; i++) {
		assert_false(presence_conflict(&w.p, &w.host, 0, w.now_ms));
		pass(&w, 1000);
	}
	assert_int_equal(w.n[PRESENCE_ANNOUNCE], 3);
	assert_int_equal(state_of(&w, 0), ADDR_READY);
	assert_int_equal(w.p.conflicts, 30);
	end(&w);
}

static void a_cable_that_was_out_is_told_again(void **state)
{
	struct world w;

	create(&w, host_dual(ADDR_READY), false);
	pass(&w, 60000);
	memset(w.n, 0, sizeof(w.n));
	presence_link_up(&w.p, &w.host, link_of(&w), w.now_ms);
	pass(&w, 60000);
	assert_int_equal(w.n[PRESENCE_ANNOUNCE], 3 * PRESENCE_ANNOUNCES);
	assert_int_equal(w.n[PRESENCE_REPORT], PRESENCE_REPORTS);
	end(&w);
}

// -- groups --

static void addresses_that_end_alike_share_a_group(void **state)
{
	struct ip_group groups[MLD_GROUPS_MAX];
	struct ip_addr expected = ip("ff02::1:ff00:1");
	struct host h = host_dual(ADDR_READY); // ::1 and fe80::1

	assert_int_equal(presence_groups(&h, &h.links[0], groups), 1);
	assert_true(ip_equal(&groups[0].ip, &expected));
	host_end(&h);
}

static void configured_groups_are_told_of_in_both_families(void **state)
{
	struct host h = host_dual(ADDR_READY);
	struct ip_group v4[IGMP_GROUPS_MAX], v6[MLD_GROUPS_MAX];
	struct presence_step s;
	struct presence p;

	h.groups[0] = (struct host_group){.group.ip = ip("239.1.2.3"), .port = 1};
	h.groups[1] = (struct host_group){.group = {ip("ff35::1"), ip("2001:db8::9")}, .port = 1};
	h.groups[2] = (struct host_group){.group = {ip("232.1.2.3"), ip("192.0.2.9")}, .port = 1};
	h.n_groups = 3;
	assert_int_equal(presence_groups_v4(&h, &h.links[0], v4), 2);
	assert_true(ip_equal(&v4[0].ip, &h.groups[0].group.ip));
	assert_true(ip_is_zero(&v4[0].source));
	assert_true(ip_equal(&v4[1].source, &h.groups[2].group.source));
	assert_true(presence_groups(&h, &h.links[0], v6) >= 2); // behind the solicited ones
	h.links[0].n_addrs = 1;                                 // IPv4 alone
	assert_int_equal(h.addrs[h.links[0].first].v4 != 0, 1);
	assert_int_equal(presence_groups(&h, &h.links[0], v6), 0);
	presence_init(&p, &h, &h.links[0], false, 1000);
	assert_true(presence_next(&p, &h, &h.links[0], 1000, &s));
	assert_int_equal(s.what, PRESENCE_REPORT); // is said at once, and once more
	h.n_groups = 0;
	presence_init(&p, &h, &h.links[0], false, 1000);
	while (presence_next(&p, &h, &h.links[0], 1000, &s))
		assert_int_not_equal(s.what, PRESENCE_REPORT);
	host_end(&h);
}

static void a_query_is_answered_once_in_its_time(void **state)
{
	struct world w;

	create(&w, host_dual(ADDR_READY), false);
	pass(&w, 60000);
	memset(w.n, 0, sizeof(w.n));
	presence_on_query(&w.p, 10000, 0x8000, w.now_ms); // half of it
	presence_on_query(&w.p, 10000, 0x4000, w.now_ms); // another router's: one answer does
	pass(&w, 4999);
	assert_int_equal(w.n[PRESENCE_REPORT], 0);
	pass(&w, 1);
	assert_int_equal(w.n[PRESENCE_REPORT], 1);
	assert_true(w.last.is_answer);
	pass(&w, 60000);
	assert_int_equal(w.n[PRESENCE_REPORT], 1);
	presence_on_query(&w.p, UINT32_MAX, 0xffff, w.now_ms); // hours
	pass(&w, 60000);
	assert_int_equal(w.n[PRESENCE_REPORT], 2);
	end(&w);
}

// -- routers --

static void routers_count_only_where_they_are_asked_for(void **state)
{
	struct ip_addr router = ip(GATEWAY_IP6);
	struct host h = host_dual(ADDR_READY);
	struct world w;

	memset(&h.links[0].gateways[1], 0, IP_LEN);
	create(&w, h, false);
	assert_false(presence_on_router(&w.p, link_of(&w), &router, 1800, w.now_ms));
	assert_true(ip_is_zero(&link_of(&w)->gateways[1]));
	pass(&w, 60000);
	assert_int_equal(w.n[PRESENCE_ASK_ROUTER], 0);
	end(&w);
}

static struct world with_router(uint16_t lifetime_s)
{
	struct ip_addr router = ip(GATEWAY_IP6);
	struct host h = host_dual(ADDR_READY);
	struct world w;

	memset(&h.links[0].gateways[1], 0, IP_LEN);
	create(&w, h, true);
	pass(&w, PRESENCE_PROBE_MS);
	assert_int_equal(w.n[PRESENCE_ASK_ROUTER], 1);
	assert_true(presence_on_router(&w.p, link_of(&w), &router, lifetime_s, w.now_ms));
	assert_true(ip_equal(&link_of(&w)->gateways[1], &router));
	return w;
}

static void a_router_is_the_gateway_for_its_time(void **state)
{
	struct ip_addr router = ip(GATEWAY_IP6), other = ip("fe80::66");
	struct world w = with_router(100);

	pass(&w, 50000);
	assert_int_equal(w.n[PRESENCE_ASK_ROUTER], 1); // no more once one has answered
	assert_false(presence_on_router(&w.p, link_of(&w), &router, 100, w.now_ms)); // longer
	assert_false(presence_on_router(&w.p, link_of(&w), &other, 9000, w.now_ms)); // a second
	pass(&w, 99999);
	assert_true(ip_equal(&link_of(&w)->gateways[1], &router));
	pass(&w, 1);
	assert_int_equal(w.n[PRESENCE_NO_ROUTER], 1);
	assert_true(ip_is_zero(&link_of(&w)->gateways[1]));
	assert_true(presence_on_router(&w.p, link_of(&w), &other, 9000, w.now_ms));
	end(&w);
}

static void a_router_may_say_that_it_goes(void **state)
{
	struct ip_addr router = ip(GATEWAY_IP6), other = ip("fe80::66");
	struct world w = with_router(1800);

	presence_on_router(&w.p, link_of(&w), &other, 0, w.now_ms); // not for another
	pass(&w, 10);
	assert_true(ip_equal(&link_of(&w)->gateways[1], &router));
	presence_on_router(&w.p, link_of(&w), &router, 0, w.now_ms);
	pass(&w, 10);
	assert_true(ip_is_zero(&link_of(&w)->gateways[1]));
	end(&w);
}

static void a_silent_network_is_asked_three_times(void **state)
{
	struct host h = host_dual(ADDR_READY);
	struct world w;

	memset(&h.links[0].gateways[1], 0, IP_LEN);
	create(&w, h, true);
	pass(&w, 60000);
	assert_int_equal(w.n[PRESENCE_ASK_ROUTER], PRESENCE_ROUTER_ASKS);
	end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_address_of_ipv4_is_used_and_announced_at_once),
		cmocka_unit_test(an_address_of_ipv6_is_asked_for_first),
		cmocka_unit_test(one_that_somebody_has_is_not_used),
		cmocka_unit_test(one_in_use_is_defended_rarely),
		cmocka_unit_test(a_cable_that_was_out_is_told_again),
		cmocka_unit_test(addresses_that_end_alike_share_a_group),
		cmocka_unit_test(configured_groups_are_told_of_in_both_families),
		cmocka_unit_test(a_query_is_answered_once_in_its_time),
		cmocka_unit_test(routers_count_only_where_they_are_asked_for),
		cmocka_unit_test(a_router_is_the_gateway_for_its_time),
		cmocka_unit_test(a_router_may_say_that_it_goes),
		cmocka_unit_test(a_silent_network_is_asked_three_times),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

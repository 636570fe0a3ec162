#include "dataplane/io/ip_frag.h"

#include "dataplane/io/ipv6.h"
#include "tests/support/test.h"
#include "tests/unit/io/frames.h"

#define ROOM 2048

struct world {
	struct ip_frag_table *t;
	uint64_t drops[DROP_REASONS_N];
	uint32_t now_ms;
	uint8_t octets[ROOM + 64]; // what is being sent
	struct span whole;
};

static void create(struct world *w)
{
	memset(w, 0, sizeof(*w));
	w->t = ip_frag_create(ROOM, w->drops);
	assert_non_null(w->t);
	w->now_ms = 0xffffff00; // wraps soon
	for (size_t i = 0; i < sizeof(w->octets); i++)
		w->octets[i] = (uint8_t)(i * 31 + i / 256);
}

static void end(struct world *w)
{
	ip_frag_destroy(w->t);
}

static bool give(struct world *w, const char *src, uint32_t id, uint16_t from, uint16_t len,
		 bool has_more)
{
	struct ip_frag_piece p = {.src = ip(src),
				  .dst = ip(strchr(src, ':') != NULL ? OUR_IP6 : "10.99.0.1"),
				  .id = id,
				  .proto = 17,
				  .has_more = has_more,
				  .offset = from,
				  .data = span_of(w->octets + from, len)};
	uint8_t *exact = malloc(len > 0 ? len : 1);
	bool is_whole;

	memcpy(exact, p.data.data, len);
	p.data.data = exact;
	is_whole = ip_frag_add(w->t, &p, w->now_ms, &w->whole);
	free(exact);
	return is_whole;
}

#define PEER "10.99.0.2"

static void assert_whole(const struct world *w, size_t len)
{
	assert_int_equal(w->whole.len, len);
	assert_memory_equal(w->whole.data, w->octets, len);
	assert_int_equal(ip_frag_waiting(w->t), 0);
}

// -- what honest senders do --

static void pieces_in_any_order_make_the_packet(void **state)
{
	static const uint8_t orders[][4] = {
		{0, 1, 2, 3}, {3, 2, 1, 0}, {1, 3, 0, 2}, {2, 0, 3, 1}, {3, 0, 1, 2}};

	for (size_t i = 0; i < ARRAY_LEN(orders); i++) {
		const char *src = i % 2 ? PEER : PEER_IP6;
		struct world w;

		create(&w);
		for (int k = 0; k < 4; k++) {
			uint8_t n = orders[i][k];
			bool is_whole =
				give(&w, src, 7, (uint16_t)(n * 400), n == 3 ? 101 : 400, n != 3);

			assert_int_equal(is_whole, k == 3);
		}
		assert_whole(&w, 1301);
		for (int k = 0; k < DROP_REASONS_N; k++)
			assert_int_equal(w.drops[k], 0);
		end(&w);
	}
}

static void packets_do_not_mix(void **state)
{
	struct world w;

	create(&w);
	assert_false(give(&w, PEER, 1, 0, 800, true));
	assert_false(give(&w, PEER, 2, 0, 400, true));
	assert_false(give(&w, "10.99.0.3", 1, 0, 80, true));
	assert_false(give(&w, PEER_IP6, 1, 0, 160, true));
	assert_int_equal(ip_frag_waiting(w.t), 4);
	assert_true(give(&w, PEER, 2, 400, 8, false));
	assert_int_equal(w.whole.len, 408);
	assert_true(give(&w, PEER_IP6, 1, 160, 1, false));
	assert_int_equal(w.whole.len, 161);
	assert_true(give(&w, PEER, 1, 800, 100, false));
	assert_int_equal(w.whole.len, 900);
	assert_true(give(&w, "10.99.0.3", 1, 80, 100, false));
	assert_whole(&w, 180);
	end(&w);
}

// The network may double a packet.
static void a_copy_does_no_harm(void **state)
{
	struct world w;

	create(&w);
	give(&w, PEER, 7, 800, 100, false);
	give(&w, PEER, 7, 800, 100, false);
	give(&w, PEER, 7, 0, 400, true);
	give(&w, PEER, 7, 0, 400, true);
	assert_int_equal(w.drops[DROP_L3_FRAGMENT], 2);
	assert_true(give(&w, PEER, 7, 400, 400, true));
	assert_whole(&w, 900);
	end(&w);
}

static void the_largest_packet_fits(void **state)
{
	struct world w;

	create(&w);
	give(&w, PEER, 7, 0, 1400, true);
	assert_true(give(&w, PEER, 7, 1400, ROOM - 1400, false));
	assert_whole(&w, ROOM);
	end(&w);
}

// -- what others do --

static const struct {
	const char *name;
	struct {
		uint16_t from, len;
		bool has_more, is_other; // other octets than the packet's
	} pieces[3];
} attacks[] = {
	{"overlap by a unit", {{0, 400, true}, {392, 400, true}, {792, 8, false}}},
	{"overlap from before", {{400, 400, true}, {0, 408, true}, {800, 8, false}}},
	{"the same place, other octets", {{0, 400, true}, {0, 400, true, true}, {400, 8, false}}},
	{"a tiny first piece, then its rest again",
	 {{0, 8, true}, {0, 400, true}, {400, 8, false}}},
	{"one inside another", {{0, 400, true}, {8, 8, true}, {400, 8, false}}},
	{"two ends", {{800, 8, false}, {400, 8, false}, {0, 400, true}}},
	{"the end inside", {{400, 400, true}, {400, 8, false}, {0, 400, true}}},
	{"the end before what is there", {{800, 8, true}, {400, 8, false}, {0, 400, true}}},
	{"beyond the end", {{400, 8, false}, {408, 8, true}, {0, 400, true}}},
	{"an end at the same length that goes on",
	 {{400, 8, false}, {400, 8, true}, {0, 400, true}}},
};

// RFC 5722: with an overlap the whole packet goes, also what is still to come of it.
static void pieces_that_do_not_fit_end_their_packet(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(attacks); i++) {
		struct world w;

		create(&w);
		for (int k = 0; k < 3; k++) {
			uint16_t from = attacks[i].pieces[k].from;

			w.octets[from] ^= attacks[i].pieces[k].is_other;
			assert_row(!give(&w, PEER_IP6, 7, from, attacks[i].pieces[k].len,
					 attacks[i].pieces[k].has_more),
				   attacks[i].name);
		}
		assert_row(w.drops[DROP_L3_FRAGMENT] == 3, attacks[i].name);
		w.now_ms += IP_FRAG_TIME_MS; // the name is free again
		assert_row(!give(&w, PEER_IP6, 7, 0, 400, true), attacks[i].name);
		assert_row(give(&w, PEER_IP6, 7, 400, 8, false), attacks[i].name);
		assert_row(w.drops[DROP_L3_FRAGMENT] == 3, attacks[i].name);
		end(&w);
	}
}

static const struct {
	const char *name;
	uint16_t from, len;
	bool has_more;
} impossible[] = {
	{"empty", 0, 0, true},
	{"empty and last", 8, 0, false},
	{"not a multiple of 8", 0, 401, true},
	{"beyond what is wanted", ROOM - 8, 16, true},
	{"the ping of death", 65528, 16, false},
};

static void impossible_pieces_hold_nothing(void **state)
{
	struct world w;

	create(&w);
	for (size_t i = 0; i < ARRAY_LEN(impossible); i++) {
		struct ip_frag_piece p = {.src = ip(PEER),
					  .dst = ip("10.99.0.1"),
					  .has_more = impossible[i].has_more,
					  .offset = impossible[i].from,
					  .data = span_of(w.octets, impossible[i].len)};

		assert_row(!ip_frag_add(w.t, &p, w.now_ms, &w.whole), impossible[i].name);
		assert_row(ip_frag_waiting(w.t) == 0, impossible[i].name);
		assert_row(w.drops[DROP_L3_FRAGMENT] == i + 1, impossible[i].name);
	}
	end(&w);
}

static void what_does_not_come_whole_is_given_up(void **state)
{
	struct world w;

	create(&w);
	give(&w, PEER, 7, 0, 400, true);
	give(&w, PEER, 7, 800, 400, true);
	w.now_ms += IP_FRAG_TIME_MS - 1;
	ip_frag_expire(w.t, w.now_ms);
	assert_int_equal(ip_frag_waiting(w.t), 1);
	w.now_ms++;
	ip_frag_expire(w.t, w.now_ms);
	assert_int_equal(ip_frag_waiting(w.t), 0);
	assert_int_equal(w.drops[DROP_IP_FRAG_TIME], 2);
	assert_false(give(&w, PEER, 7, 400, 400, true)); // begins anew
	assert_false(give(&w, PEER, 7, 1200, 8, false));
	end(&w);
}

static void a_source_holds_few(void **state)
{
	struct world w;

	create(&w);
	for (uint32_t i = 0; i < 20; i++)
		give(&w, PEER, i, 0, 400, true);
	assert_int_equal(ip_frag_waiting(w.t), IP_FRAG_PER_SOURCE);
	assert_int_equal(w.drops[DROP_IP_FRAG_FULL], 20 - IP_FRAG_PER_SOURCE);
	assert_false(give(&w, "10.99.0.3", 1, 0, 400, true));
	assert_true(give(&w, "10.99.0.3", 1, 400, 8, false));
	assert_true(give(&w, PEER, 2, 400, 8, false)); // and those that it holds go on
	end(&w);
}

static void flood(struct world *w, uint32_t from, uint32_t n)
{
	for (uint32_t i = from; i < from + n; i++) {
		char src[32];

		snprintf(src, sizeof(src), "10.7.%u.%u", i / 250, 1 + i % 250);
		give(w, src, i, 0, 400, true);
	}
}

// First pieces of a thousand sources: memory stays, and who sends the second piece in good time is
// heard.
static void a_flood_of_first_pieces_ends_only_late_packets(void **state)
{
	struct world w;

	create(&w);
	assert_false(give(&w, PEER, 7, 0, 400, true));
	flood(&w, 0, 500);
	assert_int_equal(ip_frag_waiting(w.t), IP_FRAG_PACKETS);
	assert_true(give(&w, PEER, 7, 400, 8, false));
	assert_false(give(&w, PEER, 8, 0, 400, true));
	w.now_ms += IP_FRAG_YOUNG_MS;
	flood(&w, 500, 500);
	assert_int_equal(ip_frag_waiting(w.t), IP_FRAG_PACKETS);
	assert_false(give(&w, PEER, 8, 400, 8, false)); // its first piece had to go
	// Each piece is waiting, was counted, or has become part of a packet (two of them).
	assert_int_equal(w.drops[DROP_IP_FRAG_FULL] + ip_frag_waiting(w.t), 1004 - 2);
	end(&w);
}

// -- and back into a packet --

static void the_whole_reads_like_any_packet(void **state)
{
	struct ip_frag_piece v4 = {.src = ip(PEER), .dst = ip("10.99.0.1"), .proto = 17};
	struct ip_frag_piece v6 = {.src = ip(PEER_IP6), .dst = ip(OUR_IP6), .proto = 58};
	struct ip_addr peer = ip(PEER_IP6);
	uint8_t packet[IP_FRAG_HEADER_MAX + 100];
	struct ipv4_header h4 = {0};
	struct ipv6_header h6;
	struct world w;
	uint16_t len;

	create(&w);
	len = ip_frag_write(packet, &v4, span_of(w.octets, 100));
	assert_int_equal(ipv4_read(&h4, packet, len, false), DROP_NONE);
	assert_int_equal(h4.len, IPV4_LEN + 100);
	assert_int_equal(h4.src, PEER_IP);
	assert_false(h4.is_fragment);
	assert_memory_equal(packet + IPV4_LEN, w.octets, 100);
	len = ip_frag_write(packet, &v6, span_of(w.octets, 100));
	assert_int_equal(ipv6_read(&h6, packet, len), DROP_NONE);
	assert_int_equal(h6.len, IPV6_LEN + 100);
	assert_memory_equal(h6.src, &peer, IP_LEN);
	assert_int_equal(h6.proto, 58);
	assert_int_not_equal(h6.hop_limit, IPV6_HOP_LIMIT_LOCAL); // no neighbour discovery
	assert_memory_equal(packet + IPV6_LEN, w.octets, 100);
	end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_in_any_order_make_the_packet),
		cmocka_unit_test(packets_do_not_mix),
		cmocka_unit_test(a_copy_does_no_harm),
		cmocka_unit_test(the_largest_packet_fits),
		cmocka_unit_test(pieces_that_do_not_fit_end_their_packet),
		cmocka_unit_test(impossible_pieces_hold_nothing),
		cmocka_unit_test(what_does_not_come_whole_is_given_up),
		cmocka_unit_test(a_source_holds_few),
		cmocka_unit_test(a_flood_of_first_pieces_ends_only_late_packets),
		cmocka_unit_test(the_whole_reads_like_any_packet),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

// Floods of startup packets before an engine (design.md 4: cheap before dear): what is beyond its
// budget is dropped unopened, members lose nothing, and a newcomer from elsewhere still gets in.
#include "dataplane/core/internal.h"
#include "dataplane/core/startup_gate.h"
#include "tests/support/test.h"
#include "tests/unit/core/hello_world.h"

#define BURST 64

enum kind { BOGUS, HELLOS, KEYINGS, UNKNOWN_IDS, KINDS };

static const char *const kind_names[KINDS] = {"octets at random", "valid hellos", "wrong cookies",
					      "unknown session ids"};

struct packet {
	uint8_t data[LOOP_DATAGRAM_MAX];
	size_t len;
};

static struct engine *engine_of(struct world *w)
{
	return w->l->nodes[0].engine;
}

static void make_packet(struct world *w, enum kind kind, struct packet *p)
{
	uint8_t chunks[512], cookie[64] = {1};
	struct wr wr = wr_over(chunks, sizeof(chunks));

	if (kind == HELLOS)
		write_hello(&wr, w->fingerprint[0]);
	else
		write_keying(&wr, span_of(cookie, sizeof(cookie)), 77);
	p->len = startup_seal(w->l, 0, wr_span(&wr), p->data);
	if (kind == BOGUS)
		random_fill(&w->l->random, p->data + SSID_LEN, p->len - SSID_LEN);
	if (kind == BOGUS) // still to session id 0
		ssid_scramble(p->data, p->len, 0);
	if (kind == UNKNOWN_IDS)
		ssid_scramble(p->data, p->len, session_id_make(0, 3, 5));
}

static struct pkt from(struct packet *p, uint32_t ip)
{
	struct pkt pkt = {.data = p->data, .len = (uint16_t)p->len, .port = 1000, .family = 4};

	be32_put(pkt.addr, ip);
	return pkt;
}

// As many packets of that kind in one burst, all from one address.
static void burst(struct world *w, enum kind kind, uint16_t n, uint32_t ip, struct packet *packets,
		  struct pkt *pkts)
{
	for (uint16_t i = 0; i < n; i++) {
		make_packet(w, kind, &packets[i]);
		pkts[i] = from(&packets[i], ip);
	}
	engine_rx(engine_of(w), pkts, n, w->l->now_us);
}

static void what_is_beyond_its_budget_is_not_opened(void **state)
{
	static struct packet packets[BURST], before;
	struct pkt pkts[BURST];
	struct world w;

	world_create(&w, true);
	for (int i = 0; stats(&w)->drops[DROP_STARTUP_SOURCE] == 0; i++) {
		assert_true(i < 1000);
		burst(&w, HELLOS, BURST, 0x0a010101, packets, pkts);
	}
	for (int kind = 0; kind < UNKNOWN_IDS; kind++) {
		make_packet(&w, (enum kind)kind, &before);
		packets[0] = before;
		pkts[0] = from(&packets[0], 0x0a010101);
		engine_rx(engine_of(&w), pkts, 1, w.l->now_us);
		assert_int_equal(pkts[0].drop, DROP_STARTUP_SOURCE);
		assert_memory_equal(packets[0].data, before.data, before.len);
	}
	make_packet(&w, HELLOS, &packets[0]);
	pkts[0] = from(&packets[0], 0x0b010101); // from elsewhere, it is
	engine_rx(engine_of(&w), pkts, 1, w.l->now_us);
	assert_int_equal(pkts[0].drop, DROP_NONE);
	world_destroy(&w);
}

// A burst with strangers of all kinds between its members: each member is heard.
static void members_lose_nothing_to_strangers(void **state)
{
	static const uint8_t ping[] = {MODE_INITIATOR, CHUNK_PING, 0, 2, 'h', 'i'};
	static struct packet packets[ENGINE_BURST_MAX];
	struct pkt pkts[ENGINE_BURST_MAX];
	struct far_end f;
	struct world w;

	world_create(&w, true);
	f = far_connect(w.l, 0, &(struct loop_form){.has_sseq = true}, true);
	for (uint32_t i = 0; i < ENGINE_BURST_MAX; i++) {
		if (i % 2 == 0)
			packets[i].len = far_seal(&f, span_of(ping, sizeof(ping)), packets[i].data);
		else
			make_packet(&w, (enum kind)(i / 2 % UNKNOWN_IDS), &packets[i]);
		pkts[i] =
			from(&packets[i], i % 2 == 0 ? be32_get(f.addr.ip) : 0x0a000001 + (i << 8));
		if (i % 2 == 0)
			pkts[i].port = f.addr.port;
	}
	engine_rx(engine_of(&w), pkts, ENGINE_BURST_MAX, w.l->now_us);
	for (uint32_t i = 0; i < ENGINE_BURST_MAX; i += 2)
		assert_int_equal(pkts[i].drop, DROP_NONE);
	assert_int_equal(stats(&w)->drops[DROP_STARTUP_TURN],
			 ENGINE_BURST_MAX / 2 - STARTUP_TURN_MIN);
	assert_int_equal(session_at(engine_of(&w), f.slot)->rx_packets, ENGINE_BURST_MAX / 2);
	loop_turn(w.l);
	world_destroy(&w);
}

// So many milliseconds of a million a second, from all addresses of a /24.
static void flood(struct world *w, enum kind kind, uint32_t ms)
{
	static struct packet packets[BURST], copies[BURST];
	struct pkt pkts[BURST];

	for (uint32_t i = 0; i < BURST; i++)
		make_packet(w, kind, &packets[i]);
	for (uint32_t i = 0; i < ms * 1000 / BURST; i++) {
		for (uint32_t k = 0; k < BURST; k++) {
			memcpy(copies[k].data, packets[k].data, packets[k].len);
			copies[k].len = packets[k].len;
			pkts[k] = from(&copies[k], 0x0a424200 + ((i * BURST + k) & 0xff));
		}
		w->l->now_us += BURST;
		engine_rx(engine_of(w), pkts, BURST, w->l->now_us);
		if (i % 16 == 0)
			loop_run_us(w->l, 0);
	}
}

// The RHello to the newcomer, whatever left for others before it.
static bool is_answered(struct world *w, uint8_t cookie[COOKIE_LEN])
{
	uint8_t buf[LOOP_DATAGRAM_MAX];
	struct packet_header h;
	struct loop_datagram d;
	struct rhello answer;
	struct span plain;
	struct chunk c;
	uint32_t id;
	struct rd r;

	while (loop_stray(w->l, &d)) {
		if (memcmp(d.dst.ip, w->stranger.ip, 4) != 0)
			continue;
		assert_int_equal(startup_unseal(w->l, span_of(d.data, d.len), &id, buf, &plain), 0);
		r = rd_over_span(plain);
		assert_int_equal(packet_header_read(&r, &h), 0);
		assert_true(chunk_next(&r, &c));
		assert_int_equal(rhello_read(&answer, c.payload), 0);
		memcpy(cookie, answer.cookie.data, COOKIE_LEN);
		return true;
	}
	return false;
}

static void forget_strays(struct world *w)
{
	struct loop_datagram d;

	while (loop_stray(w->l, &d))
		;
}

// In two steps, each in the midst of it and at the first attempt.
static void a_newcomer_joins_through_any_flood(void **state)
{
	for (int kind = 0; kind < KINDS; kind++) {
		uint8_t cookie[COOKIE_LEN];
		struct worker_stats *s;
		struct report r;
		struct world w;

		world_create(&w, true);
		flood(&w, (enum kind)kind, 3000); // its burst is over
		forget_strays(&w);
		send_hello(&w, 0, w.fingerprint[0], 0);
		assert_row(is_answered(&w, cookie), kind_names[kind]);
		flood(&w, (enum kind)kind, 50);
		send_keying(&w, span_of(cookie, COOKIE_LEN), 99);
		assert_row(loop_take(w.l, 0, REP_KEYING, &r), kind_names[kind]);
		assert_row(memcmp(r.packet.from.ip, w.stranger.ip, 4) == 0, kind_names[kind]);
		loop_put(w.l, 0, r.body);
		s = stats(&w);
		if (kind != UNKNOWN_IDS) // all but the prefix's burst and rate
			assert_row(s->drops[DROP_STARTUP_SOURCE] > 2900000, kind_names[kind]);
		else
			assert_row(s->drops[DROP_NO_SESSION] > 3000000, kind_names[kind]);
		world_destroy(&w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_beyond_its_budget_is_not_opened),
		cmocka_unit_test(members_lose_nothing_to_strangers),
		cmocka_unit_test(a_newcomer_joins_through_any_flood),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

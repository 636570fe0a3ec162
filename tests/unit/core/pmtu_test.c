// Path MTU discovery: a far end made by hand at the end of a path that carries so much.
#include "dataplane/core/pmtu.h"

#include "dataplane/core/session_life.h"
#include "tests/support/far_end.h"
#include "tests/support/test.h"

#define S             1000000ull
#define STEP_US       5000
#define BASE          1232 // octets of UDP payload
#define RETRY_LEAST_S 562  // ten minutes less a sixteenth
#define RETRY_MOST_S  638

struct path_end {
	struct loop *l;
	struct far_end f;
	uint32_t mtu;        // octets of IP packet; larger ones are lost
	bool is_mute;        // answers with nothing, as older peers do (16.3)
	uint32_t n_probes;   // that left
	uint16_t largest;    // datagram of them
	uint8_t message[16]; // of the last probe
	size_t message_len;
};

static void mtu_9000(struct engine_opts *o)
{
	o->mtu_max = 2048; // what the loop lends
}

static void mtu_1280(struct engine_opts *o)
{
	o->mtu_max = 1280;
}

static void open_path(struct path_end *p, uint32_t mtu, const struct loop_form *form,
		      void (*tune)(struct engine_opts *))
{
	*p = (struct path_end){.mtu = mtu};
	p->l = loop_create(&(struct loop_opts){.seed = 12, .n_nodes = 1, .tune = tune});
	p->f = far_connect(p->l, 0, form, true);
}

static struct engine *engine_of(const struct path_end *p)
{
	return p->l->nodes[0].engine;
}

static struct session *session_of(const struct path_end *p)
{
	return session_at(engine_of(p), p->f.slot);
}

static void reply(struct path_end *p, struct span message)
{
	uint8_t chunk[32];
	struct wr w = wr_over(chunk, sizeof(chunk));

	ping_reply_write(&w, message);
	assert_int_equal(far_send_chunks(&p->f, wr_span(&w)), DROP_NONE);
}

// Whether it is a probe: the whole packet is a padding and then a ping.
static bool read_probe(struct path_end *p, struct span plain)
{
	struct rd r = rd_over_span(plain);
	struct packet_header h;
	struct chunk c = {0};

	assert_int_equal(packet_header_read(&r, &h), 0);
	assert_true(chunk_next(&r, &c));
	if (c.type != CHUNK_PADDING_00)
		return false;
	assert_true(chunk_next(&r, &c));
	assert_int_equal(c.type, CHUNK_PING);
	assert_in_range(c.payload.len, 1, sizeof(p->message));
	assert_int_equal(rd_left(&r), 0);
	memcpy(p->message, c.payload.data, c.payload.len);
	p->message_len = c.payload.len;
	return true;
}

static void take(struct path_end *p, const struct loop_datagram *d)
{
	uint8_t buf[LOOP_DATAGRAM_MAX];
	struct span plain;

	assert_int_equal(seed_open(p->l->crypto, &p->f.seed, span_of(d->data, d->len), buf, &plain),
			 0);
	if (!read_probe(p, plain))
		return;
	p->n_probes++;
	p->largest = d->len > p->largest ? d->len : p->largest;
	if (d->len + (uint32_t)IPV4_UDP_BYTES <= p->mtu)
		reply(p, p->is_mute ? span_of(NULL, 0) : span_of(p->message, p->message_len));
}

static void run_s(struct path_end *p, double seconds)
{
	struct loop_datagram d;

	for (uint64_t left = (uint64_t)(seconds * 1e6); left > 0;
	     left -= left < STEP_US ? left : STEP_US) {
		loop_run_us(p->l, STEP_US);
		while (loop_stray(p->l, &d))
			take(p, &d);
	}
}

// The same for long times: answers take a tenth of a second.
static void sleep_s(struct path_end *p, uint32_t seconds)
{
	struct loop_datagram d;

	for (uint32_t i = 0; i < 10 * seconds; i++) {
		loop_run_us(p->l, S / 10);
		while (loop_stray(p->l, &d))
			take(p, &d);
	}
}

static const struct loop_form brisk = {.rtt_us = 50000};

// -- the search --

static const struct {
	const char *name;
	uint32_t mtu;
	uint8_t tag_len;
	bool has_sseq;
	uint32_t n_probes_max;
} paths[] = {
	{"Ethernet: the first try", 1500, 0, false, 2},
	{"with an HMAC", 1500, 10, true, 2},
	{"with a long one", 1500, 32, true, 2},
	{"PPPoE", 1492, 0, false, 20},
	{"a tunnel", 1400, 0, false, 20},
	{"a tunnel, with an HMAC", 1400, 10, true, 20},
	{"nothing but the base", 1280, 0, false, 20},
	{"nothing but the base, with an HMAC", 1280, 32, true, 20},
};

static void the_search_ends_near_what_the_path_carries(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		struct loop_form form = {.rtt_us = 50000,
					 .tag_len = paths[i].tag_len,
					 .has_sseq = paths[i].has_sseq};
		struct path_end p;
		uint32_t found;

		open_path(&p, paths[i].mtu, &form, NULL);
		pmtu_wanted(engine_of(&p), p.f.slot);
		run_s(&p, 60);
		found = session_of(&p)->payload_max + IPV4_UDP_BYTES;
		assert_row(found <= paths[i].mtu, paths[i].name);
		// Whole blocks, and 32 octets are near enough.
		assert_row(found + 32 + 16 > paths[i].mtu || session_of(&p)->payload_max == BASE,
			   paths[i].name);
		assert_row(p.n_probes <= paths[i].n_probes_max, paths[i].name);
		assert_row(p.largest + IPV4_UDP_BYTES <= 1500, paths[i].name);
		loop_destroy(p.l);
	}
}

static void it_goes_as_far_as_the_worlds_links(void **state)
{
	struct path_end p;

	open_path(&p, 9000, &brisk, mtu_9000);
	pmtu_wanted(engine_of(&p), p.f.slot);
	run_s(&p, 10);
	assert_in_range(session_of(&p)->payload_max, 2048 - IPV4_UDP_BYTES - 15,
			2048 - IPV4_UDP_BYTES);
	loop_destroy(p.l);
	open_path(&p, 9000, &brisk, mtu_1280);
	pmtu_wanted(engine_of(&p), p.f.slot);
	run_s(&p, 10);
	assert_int_equal(p.n_probes, 0);
	assert_int_equal(session_of(&p)->payload_max, BASE);
	loop_destroy(p.l);
}

static void ipv6_headers_are_longer(void **state)
{
	struct path_end p;

	open_path(&p, 1480, &brisk, NULL); // take() counts 28 octets of headers
	engine_of(&p)->paths[p.f.slot].family = 6;
	pmtu_wanted(engine_of(&p), p.f.slot);
	run_s(&p, 1);
	assert_in_range(session_of(&p)->payload_max, 1500 - IPV6_UDP_BYTES - 15,
			1500 - IPV6_UDP_BYTES);
	loop_destroy(p.l);
}

static void nobody_asks_who_has_nothing_to_gain(void **state)
{
	struct path_end p;

	open_path(&p, 1500, &brisk, NULL);
	assert_int_equal(session_of(&p)->payload_max, BASE);
	sleep_s(&p, 700);
	assert_int_equal(p.n_probes, 0);
	loop_destroy(p.l);
}

static void a_probe_says_its_size_behind_the_padding(void **state)
{
	struct path_end p;

	open_path(&p, 0, &brisk, NULL);
	pmtu_wanted(engine_of(&p), p.f.slot);
	run_s(&p, 0.01);
	assert_int_equal(p.n_probes, 1); // read_probe saw padding, ping, and nothing else
	assert_int_equal(p.message_len, 7);
	assert_int_equal(p.message[0], 'P');
	assert_int_equal(be16_get(p.message + 5), p.largest);
	assert_in_range(p.largest, BASE - 15, BASE); // the far end must answer this one first
	loop_destroy(p.l);
}

// -- answers --

static void only_the_very_probe_counts(void **state)
{
	struct path_end p;
	uint8_t own[7];

	open_path(&p, BASE + IPV4_UDP_BYTES, &brisk, NULL);
	pmtu_wanted(engine_of(&p), p.f.slot);
	run_s(&p, 0.1); // answered at base size; the larger one is on its way
	assert_int_equal(p.n_probes, 2);
	memcpy(own, p.message, sizeof(own));
	for (size_t i = 0; i < sizeof(own); i++) {
		own[i] ^= 0x01;
		reply(&p, span_of(own, sizeof(own)));
		reply(&p, span_of(own, i));
		own[i] ^= 0x01;
	}
	assert_int_equal(session_of(&p)->payload_max, BASE);
	reply(&p, span_of(own, sizeof(own)));
	assert_int_equal(session_of(&p)->payload_max, p.largest);
	run_s(&p, 60);
	assert_int_equal(p.n_probes, 2); // and the search is over
	loop_destroy(p.l);
}

static void a_late_answer_to_an_earlier_try_counts(void **state)
{
	struct path_end p;
	uint8_t first[7];

	open_path(&p, BASE + IPV4_UDP_BYTES, &brisk, NULL);
	pmtu_wanted(engine_of(&p), p.f.slot);
	run_s(&p, 0.1);
	memcpy(first, p.message, sizeof(first));
	run_s(&p, 1.5);
	assert_int_equal(p.n_probes, 3);
	assert_memory_not_equal(p.message, first, sizeof(first));
	reply(&p, span_of(first, sizeof(first)));
	assert_int_equal(session_of(&p)->payload_max, p.largest);
	loop_destroy(p.l);
}

// §16.3: not a dead session, and not asked for ever.
static void a_far_end_that_answers_no_probe_is_left_in_peace(void **state)
{
	struct path_end p;

	open_path(&p, 1500, &brisk, NULL);
	p.is_mute = true;
	pmtu_wanted(engine_of(&p), p.f.slot);
	run_s(&p, 10);
	assert_int_equal(p.n_probes, 3);
	sleep_s(&p, RETRY_MOST_S);
	assert_int_equal(p.n_probes, 6);
	sleep_s(&p, 4 * 3600);
	assert_int_equal(p.n_probes, 9);
	assert_int_equal(session_of(&p)->state, S_OPEN);
	assert_int_equal(session_of(&p)->payload_max, BASE);
	assert_in_range(p.largest, 0, BASE); // nor was a larger one ever risked
	loop_destroy(p.l);
}

static void a_lost_probe_is_no_congestion(void **state)
{
	struct path_end p;
	struct session before;

	open_path(&p, BASE + IPV4_UDP_BYTES, &brisk, NULL);
	before = *session_of(&p);
	pmtu_wanted(engine_of(&p), p.f.slot);
	run_s(&p, 30);
	assert_true(p.n_probes > 4);
	assert_int_equal(session_of(&p)->cwnd_bytes, before.cwnd_bytes);
	assert_int_equal(session_of(&p)->ssthresh_bytes, before.ssthresh_bytes);
	assert_int_equal(session_of(&p)->in_flight_bytes, 0);
	assert_int_equal(session_of(&p)->n_burst, 0);
	assert_int_equal(session_of(&p)->erto_us, before.erto_us);
	assert_int_equal(engine_stats(engine_of(&p))->fragments_lost, 0);
	assert_int_equal(engine_stats(engine_of(&p))->timeouts, 0);
	assert_int_equal(engine_stats(engine_of(&p))->pmtu_probes, p.n_probes);
	loop_destroy(p.l);
}

// RFC 4821 §7.7.
static void it_looks_again_after_ten_minutes(void **state)
{
	struct path_end p;
	uint32_t n;

	open_path(&p, 1400, &brisk, NULL);
	pmtu_wanted(engine_of(&p), p.f.slot);
	run_s(&p, 40);
	n = p.n_probes;
	p.mtu = 1500; // the path became better
	sleep_s(&p, RETRY_LEAST_S - 40);
	assert_int_equal(p.n_probes, n);
	sleep_s(&p, RETRY_MOST_S - RETRY_LEAST_S + 40);
	assert_int_equal(p.n_probes, n + 2);
	assert_in_range(session_of(&p)->payload_max, 1500 - IPV4_UDP_BYTES - 15,
			1500 - IPV4_UDP_BYTES);
	sleep_s(&p, 3600);
	assert_int_equal(p.n_probes, n + 2); // there is nothing more to find
	loop_destroy(p.l);
}

// -- back to the base size --

// A session that found 1500.
static void open_found(struct path_end *p)
{
	open_path(p, 1500, &brisk, NULL);
	session_of(p)->tsn_next = 100;
	pmtu_wanted(engine_of(p), p->f.slot);
	run_s(p, 1);
	assert_true(session_of(p)->payload_max > BASE);
	p->n_probes = 0;
}

static uint64_t n_fallbacks(const struct path_end *p)
{
	return engine_stats(engine_of(p))->pmtu_fallbacks;
}

static void big_lost(struct path_end *p, uint32_t from, uint32_t to)
{
	for (uint32_t tsn = from; tsn <= to; tsn++)
		pmtu_big_lost(engine_of(p), p->f.slot, tsn);
}

enum { ACK_BIG = 'b', ACK_SMALL = 's', LOSE_BIG = 'L', ERTO = 'E' };

// What becomes of numbers 100, 101, ... in that order, one letter each; ERTO takes none.
static const struct {
	const char *name, *story;
	uint32_t n_fallbacks;
	bool is_big; // afterwards
} stories[] = {
	{"three big ones lost in a row, a small one arrives", "LLLs", 1, false},
	{"two are too few", "LLs", 0, true},
	{"nothing at all arrives: an outage so far", "LLLL", 0, true},
	{"after the alarm it is careful", "LE", 0, false},
	{"until something small arrives", "LEs", 0, true},
	{"small ones between do not break the row", "LsLsLs", 1, false},
	{"a big one does", "LLbLLs", 0, true},
	{"a big one that arrives after the alarm settles it", "LLLEb", 0, true},
	{"three alarms, one big one in flight each", "LEsLEsLEs", 1, false},
	{"a big one that a later one overtook is no reason", "bE", 0, true},
	{"more of them are no second fall", "LLLsLLs", 1, false},
};

static void several_big_ones_lost_in_a_row_are_a_black_hole(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(stories); i++) {
		struct path_end p;
		uint32_t tsn = 100;

		open_found(&p);
		for (const char *at = stories[i].story; *at != 0; at++) {
			struct session *s = session_of(&p);

			if (*at == ERTO)
				pmtu_doubt(engine_of(&p), p.f.slot);
			if (*at == LOSE_BIG)
				big_lost(&p, tsn, tsn);
			if (*at == ACK_BIG)
				pmtu_big_acked(engine_of(&p), p.f.slot, tsn);
			if (*at == ACK_SMALL && s->heard & HEARD_NO_BIG)
				pmtu_small_acked(engine_of(&p), p.f.slot, tsn);
			tsn += *at != ERTO;
			s->tsn_next = tsn;
		}
		assert_row(n_fallbacks(&p) == stories[i].n_fallbacks, stories[i].name);
		assert_row((session_of(&p)->payload_max > BASE) == stories[i].is_big,
			   stories[i].name);
		loop_destroy(p.l);
	}
}

static void what_was_overtaken_by_a_big_one_is_no_evidence(void **state)
{
	struct path_end p;

	open_found(&p);
	session_of(&p)->tsn_next = 200;
	pmtu_big_acked(engine_of(&p), p.f.slot, 110);
	big_lost(&p, 100, 109);
	pmtu_small_acked(engine_of(&p), p.f.slot, 111);
	assert_int_equal(n_fallbacks(&p), 0);
	loop_destroy(p.l);
}

static void negative_acks_tell_at_once(void **state)
{
	struct path_end p;

	open_found(&p);
	session_of(&p)->tsn_next = 200;
	session_of(&p)->tsn_acked = 150; // small ones, sent later, have arrived
	big_lost(&p, 100, 101);
	assert_int_equal(n_fallbacks(&p), 0);
	big_lost(&p, 102, 102);
	assert_int_equal(n_fallbacks(&p), 1);
	assert_int_equal(session_of(&p)->payload_max, BASE);
	loop_destroy(p.l);
}

static void fall(struct path_end *p)
{
	uint32_t tsn = session_of(p)->tsn_next;

	session_of(p)->tsn_next = tsn + 4;
	big_lost(p, tsn, tsn + 2);
	pmtu_small_acked(engine_of(p), p->f.slot, tsn + 3);
}

static void a_fall_is_looked_into_at_once_a_second_one_later(void **state)
{
	struct path_end p;

	open_found(&p);
	fall(&p);
	p.mtu = 1400;
	run_s(&p, 40);
	assert_in_range(session_of(&p)->payload_max, 1320, 1372);
	p.n_probes = 0;
	fall(&p);
	assert_int_equal(session_of(&p)->payload_max, BASE);
	sleep_s(&p, RETRY_LEAST_S - 1);
	assert_int_equal(p.n_probes, 0);
	sleep_s(&p, 120);
	assert_in_range(session_of(&p)->payload_max, 1320, 1372);
	assert_int_equal(n_fallbacks(&p), 2);
	loop_destroy(p.l);
}

// Requirement 58, §8.4: nothing is known about a new path.
static void a_new_path_begins_with_the_base_size(void **state)
{
	struct path_end p;
	struct msg_addr to = loop_addr(200, 4444);

	open_found(&p);
	p.f.addr = to;
	reply(&p, span_of(NULL, 0)); // any packet: it asks for a proof, which take() does not give
	run_s(&p, 1);
	assert_true(session_of(&p)->payload_max > BASE);
	session_path_set(engine_of(&p), p.f.slot, &to);
	assert_int_equal(session_of(&p)->payload_max, BASE);
	reply(&p, span_of(p.message, p.message_len)); // of the old path
	assert_int_equal(session_of(&p)->payload_max, BASE);
	p.mtu = 1400;
	run_s(&p, 40); // it is searched without being asked for again
	assert_in_range(session_of(&p)->payload_max, 1320, 1372);
	loop_destroy(p.l);
}

static void a_closing_session_asks_nothing(void **state)
{
	struct path_end p;

	open_path(&p, 0, &brisk, NULL);
	pmtu_wanted(engine_of(&p), p.f.slot);
	run_s(&p, 0.01);
	assert_int_equal(p.n_probes, 1);
	loop_command(p.l, 0,
		     &(struct command){.op = CMD_SESSION_CLOSE,
				       .session_idx = p.f.slot,
				       .session_id = p.f.id});
	run_s(&p, 20);
	assert_int_equal(p.n_probes, 1);
	loop_destroy(p.l);
}

// ---- what routers say ----

// A path whose narrow link's router tells, as Linux's do: with what it threw away, in full.
struct told {
	uint32_t mtu;     // that it names
	uint32_t link;    // that it has
	uint16_t quote;   // octets of the datagram that it quotes
	uint32_t id_xor;  // somebody who does not see the path guesses the session's id
	int port_plus;    // or its port
	int payload_plus; // or lies about the datagram's length
};

static void sleep_ms(struct path_end *p, uint32_t ms)
{
	loop_run_us(p->l, ms * 1000ull);
}

// The datagram that was thrown away, if there was one since.
static bool tell(struct path_end *p, const struct loop_datagram *d, const struct told *x)
{
	uint8_t quote[2048];
	struct too_big t = {.port = (uint16_t)(d->dst.port + x->port_plus),
			    .family = 4,
			    .payload_len = (uint16_t)(d->len + x->payload_plus),
			    .quote_len = x->quote < d->len ? x->quote : d->len,
			    .quote = quote,
			    .mtu = x->mtu};

	memcpy(quote, d->data, t.quote_len);
	quote[3] ^= (uint8_t)x->id_xor;
	memcpy(t.addr, d->dst.ip, sizeof(t.addr));
	return engine_too_big(engine_of(p), &t, p->l->now_us);
}

// Runs until a datagram leaves that the link does not carry, and tells of it.
static bool run_until_told(struct path_end *p, const struct told *x)
{
	struct loop_datagram d;

	p->mtu = x->link;
	for (int i = 0; i < 2000; i++) {
		while (loop_stray(p->l, &d)) {
			if (d.len + (uint32_t)IPV4_UDP_BYTES > x->link)
				return tell(p, &d, x);
			take(p, &d);
		}
		sleep_ms(p, 5);
	}
	fail_msg("nothing large has left");
	return false;
}

static uint64_t n_told(const struct path_end *p)
{
	return engine_stats(engine_of(p))->pmtu_told;
}

// RFC 1191: the search goes there at once, instead of by halves.
static void a_router_ends_the_search(void **state)
{
	static const struct told rows[] = {
		{1400, 1400, 548, 0, 0, 0}, {1400, 1400, 12, 0, 0, 0}, {1280, 1280, 548, 0, 0, 0},
		{0, 1400, 548, 0, 0, 0},    // an old router, or one before it
		{1450, 1400, 548, 0, 0, 0}, // another link behind it is narrower
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct path_end p;

		open_path(&p, 1500, &brisk, NULL);
		pmtu_wanted(engine_of(&p), p.f.slot);
		assert_true(run_until_told(&p, &rows[i]));
		run_s(&p, 60);
		assert_in_range(session_of(&p)->payload_max + IPV4_UDP_BYTES, rows[i].link - 48,
				rows[i].link);
		assert_int_equal(n_told(&p), 1);
		if (rows[i].mtu == rows[i].link)
			assert_in_range(p.n_probes, 1,
					2); // the base, and what was told if it is worth it
		loop_destroy(p.l);
	}
}

// What has been proven once does not pass any more: nothing has to be lost three times.
static void a_router_tells_of_a_black_hole(void **state)
{
	const struct told x = {1400, 1400, 548, 0, 0, 0};
	struct path_end p;
	struct loop_datagram d = {.dst = loop_addr(77, 1935)};

	open_found(&p);
	while (loop_stray(p.l, &d))
		;
	d.dst = (struct msg_addr){.port = engine_of(&p)->paths[p.f.slot].port};
	memcpy(d.dst.ip, engine_of(&p)->paths[p.f.slot].addr, sizeof(d.dst.ip));
	d.len = session_of(&p)->payload_max;
	memset(d.data, 0xa5, d.len);
	ssid_scramble(d.data, d.len, session_of(&p)->id_tx);
	assert_true(tell(&p, &d, &x));
	assert_int_equal(session_of(&p)->payload_max, BASE);
	p.mtu = 1400;
	run_s(&p, 20);
	assert_in_range(session_of(&p)->payload_max + IPV4_UDP_BYTES, 1360, 1400);
	loop_destroy(p.l);
}

// Nobody who does not see the path is believed, and nobody tells nonsense.
static void a_stranger_tells_nothing(void **state)
{
	static const struct told rows[] = {
		{1400, 1400, 548, 1, 0, 0},    // not the far end's session id
		{1400, 1400, 11, 0, 0, 0},     // too short to tell it
		{1400, 1400, 548, 0, 1, 0},    // another port
		{1400, 1400, 548, 0, 0, 600},  // larger than anything that was sent
		{1400, 1400, 548, 0, 0, -500}, // of a size that every path carries
		{1500, 1400, 548, 0, 0, 0},    // it would have passed
		{575, 1400, 548, 0, 0, 0},     // no link of IPv4 carries as little
		{UINT32_MAX, 1400, 548, 0, 0, 0},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct path_end p;

		open_path(&p, 1500, &brisk, NULL);
		pmtu_wanted(engine_of(&p), p.f.slot);
		assert_false(run_until_told(&p, &rows[i]));
		assert_int_equal(n_told(&p), 0);
		p.mtu = 1500;
		run_s(&p, 60);
		assert_in_range(session_of(&p)->payload_max + IPV4_UDP_BYTES, 1480, 1500);
		loop_destroy(p.l);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_search_ends_near_what_the_path_carries),
		cmocka_unit_test(it_goes_as_far_as_the_worlds_links),
		cmocka_unit_test(ipv6_headers_are_longer),
		cmocka_unit_test(nobody_asks_who_has_nothing_to_gain),
		cmocka_unit_test(a_probe_says_its_size_behind_the_padding),
		cmocka_unit_test(only_the_very_probe_counts),
		cmocka_unit_test(a_late_answer_to_an_earlier_try_counts),
		cmocka_unit_test(a_far_end_that_answers_no_probe_is_left_in_peace),
		cmocka_unit_test(a_lost_probe_is_no_congestion),
		cmocka_unit_test(it_looks_again_after_ten_minutes),
		cmocka_unit_test(several_big_ones_lost_in_a_row_are_a_black_hole),
		cmocka_unit_test(what_was_overtaken_by_a_big_one_is_no_evidence),
		cmocka_unit_test(negative_acks_tell_at_once),
		cmocka_unit_test(a_fall_is_looked_into_at_once_a_second_one_later),
		cmocka_unit_test(a_new_path_begins_with_the_base_size),
		cmocka_unit_test(a_closing_session_asks_nothing),
		cmocka_unit_test(a_router_ends_the_search),
		cmocka_unit_test(a_router_tells_of_a_black_hole),
		cmocka_unit_test(a_stranger_tells_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

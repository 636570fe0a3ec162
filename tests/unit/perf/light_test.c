// Light members of the load generator (perf/probes/light.h): what the far end sees of one is what
// RFC 7016 §3.6.3.4 wants, and its engine gets everything.
#include "perf/probes/light.h"

#include "dataplane/core/flow_pools.h"
#include "dataplane/core/stream.h"
#include "dataplane/wire/stream_fragment.h"
#include "perf/probes/heard.h"
#include "perf/probes/load_message.h"
#include "tests/unit/core/relay_mesh.h"

#define SOURCE   0
#define MEMBER   1
#define ACKS_MAX 4096
#define STEP_US  1000
#define BIG      600 // octets: a datagram with a fragment

struct seen_ack {
	uint64_t at_us, cum;
	struct seq_range range; // the first; from 0: none
	bool is_data;           // of the flow that brings fragments
};

// A source, and a member with its light before it.
struct scene {
	struct mesh *m;
	struct loop_pair pair;
	struct lights *lights;
	struct heard *heard;
	struct seen_ack acks[ACKS_MAX];
	uint32_t n_acks;
	uint32_t lose; // so many of the next datagrams with a fragment
	bool is_turn, has_data_only;
	bool is_double;   // each comes twice
	uint64_t data_us; // when the last one came
};

static struct light *light(struct scene *s)
{
	return lights_at(s->lights, 0);
}

static enum light_fate offer(struct scene *s, const struct loop_datagram *d)
{
	uint8_t copy[LOOP_DATAGRAM_MAX];
	struct light_datagram one = {.member = 0, .data = copy, .len = d->len, .port = d->src.port};

	memcpy(copy, d->data, d->len);
	memcpy(one.addr, d->src.ip, sizeof(one.addr));
	lights_rx(s->lights, &one, 1, s->m->l->now_us);
	return one.fate;
}

// What is on its way to the member meets its light first.
static bool tap(void *ctx, struct loop *l, const struct loop_datagram *d)
{
	struct scene *s = ctx;

	if (memcmp(d->dst.ip, l->nodes[MEMBER].addr.ip, 4) != 0)
		return true;
	if (d->len > BIG) {
		if (s->lose > 0) {
			s->lose--;
			return false;
		}
		s->data_us = l->now_us;
	} else if (s->has_data_only) {
		return false;
	}
	if (s->is_double && light(s)->is_light)
		offer(s, d);
	return offer(s, d) == LIGHT_PASSED;
}

// The loop turns a node in every step; a turn is one that its engine wants.
static void around_turn(void *ctx, uint32_t node, bool is_before)
{
	struct scene *s = ctx;
	struct engine *e;

	if (node != MEMBER || s->lights == NULL)
		return;
	e = s->m->l->nodes[MEMBER].engine;
	if (is_before) {
		s->is_turn = engine_deadline_us(e) <= s->m->l->now_us;
		if (s->is_turn)
			light_give(s->lights, 0, s->m->l->now_us);
	} else if (s->is_turn) {
		light_look(s->lights, 0, s->m->l->now_us);
		heard_read(s->heard, 0, e);
	}
}

static void note(struct scene *s, const struct loop_datagram *d)
{
	uint8_t plain[LOOP_DATAGRAM_MAX];
	struct packet_header h;
	struct span packet;
	struct chunk c;
	struct rd r;

	assert_int_equal(loop_open(s->m->l, d, plain, &packet), 0);
	r = rd_over_span(packet);
	assert_int_equal(packet_header_read(&r, &h), 0);
	assert_int_equal(packet_mode(&h), MODE_RESPONDER);
	assert_true(h.flags & PACKET_TS);
	while (chunk_next(&r, &c)) {
		struct seen_ack *seen = &s->acks[s->n_acks];
		struct ack_iter it;
		struct ack a;

		if (c.type != CHUNK_ACK_RANGES)
			continue;
		assert_int_equal(ack_read(&a, c.type, c.payload), 0);
		assert_true(a.window_blocks > 100);
		it = ack_iter_over(&a);
		*seen = (struct seen_ack){.at_us = s->m->l->now_us, .cum = a.cum};
		if (!ack_next(&it, &seen->range))
			seen->range.from = 0;
		seen->is_data = light(s)->flow != NULL && a.flow_id == light(s)->flow->flow_id;
		assert_true(++s->n_acks < ACKS_MAX);
	}
}

static void send_acks(struct scene *s)
{
	struct loop *l = s->m->l;
	struct loop_datagram d = {.src = l->nodes[MEMBER].addr, .dst = l->nodes[SOURCE].addr};
	struct light_ack room = {.data = d.data};

	while (lights_n_due(s->lights, l->now_us) > 0) {
		if (lights_acks(s->lights, &room, 1, l->now_us) == 0)
			continue;
		assert_memory_equal(room.addr, d.dst.ip, 4);
		assert_int_equal(room.port, d.dst.port);
		d.len = room.len;
		note(s, &d);
		loop_send(l, &d.src, &d.dst, span_of(d.data, d.len));
	}
}

static void run_us(struct scene *s, uint64_t us)
{
	for (uint64_t at = 0; at < us; at += STEP_US) {
		mesh_run_us(s->m, STEP_US);
		send_acks(s);
	}
}

static void publish(struct scene *s, uint32_t n, uint64_t interval_us)
{
	for (uint32_t i = 0; i < n; i++) {
		mesh_publish(s->m, 1, 0);
		run_us(s, interval_us);
	}
}

// Of a message of n; its number in the first.
static void publish_part(struct scene *s, uint64_t message, uint8_t part, uint8_t n)
{
	uint8_t payload[900] = {0}, octets[1000];
	struct stream_fragment f = {
		.flags = (uint8_t)((part == 0 ? STREAM_FRAGMENT_FIRST : 0) |
				   (part + 1 < n ? STREAM_FRAGMENT_MORE : 0)),
		.n_more = (uint8_t)(n - 1 - part),
		.type = 8,
		.number = ++s->m->n_published,
		.payload = span_of(payload, sizeof(payload)),
	};
	struct wr w = wr_over(octets, sizeof(octets));
	struct command c = {.op = CMD_STREAM_PUBLISH};

	if (part == 0)
		load_message_number(payload, message);
	assert_int_equal(stream_fragment_write(&w, &f), 0);
	c.stream.stream = MESH_STREAM;
	c.stream.number = f.number;
	c.len = (uint32_t)w.len;
	c.body = loop_body(s->m->l, SOURCE, octets, w.len);
	loop_command(s->m->l, SOURCE, &c);
	run_us(s, 5000);
}

static struct scene *scene_of(const struct loop_form *form)
{
	struct scene *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	s->m = mesh_create(
		&(struct loop_opts){.seed = 3, .n_nodes = 2, .watch = around_turn, .watch_ctx = s});
	mesh_stream(s->m, SOURCE, STREAM_PUBLISHER, 2500);
	mesh_stream(s->m, MEMBER, STREAM_HOME, 2500);
	s->pair = mesh_link_as(s->m, SOURCE, MEMBER, 0, LINK_IS_SUPER, form);
	mesh_run_us(s->m, 200000);
	s->lights = lights_create(1, s->m->l->crypto, s->m->l->now_us);
	s->heard = heard_create(1, MESH_FRAGMENTS_MAX);
	assert_non_null(s->lights);
	assert_non_null(s->heard);
	lights_add(s->lights, 0, s->m->l->nodes[MEMBER].engine);
	s->m->l->tap = tap;
	s->m->l->tap_ctx = s;
	publish(s, 8, 20000); // its flow opens
	run_us(s, 300000);
	assert_true(light(s)->is_light);
	s->n_acks = 0;
	return s;
}

static struct scene *scene(void)
{
	return scene_of(&(struct loop_form){.rtt_us = 20000});
}

static void end(struct scene *s)
{
	lights_destroy(s->lights);
	heard_destroy(s->heard);
	s->lights = NULL;
	mesh_destroy(s->m);
	free(s);
}

static void assert_holds_all(struct scene *s)
{
	struct engine *e = s->m->l->nodes[MEMBER].engine;
	struct stream *st;

	run_us(s, 2 * LIGHT_TICK_US);
	st = stream_at(e, MESH_STREAM);
	for (uint64_t no = 1; no <= s->m->n_published; no++)
		if (!window_has(&st->window, e->relay->extents, no))
			fail_msg("fragment %lu is not there", (unsigned long)no);
	assert_int_equal(mesh_drops(s->m, MEMBER, DROP_STREAM_DUPLICATE), 0);
}

static uint32_t n_data_acks(const struct scene *s)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < s->n_acks; i++)
		n += s->acks[i].is_data;
	return n;
}

// Two packets, an ack; and nothing is sent again.
static void assert_every_second(const struct loop_form *form)
{
	struct scene *s = scene_of(form);
	struct engine *source = s->m->l->nodes[SOURCE].engine;
	uint64_t packets = lights_counters(s->lights)->packets;

	publish(s, 200, 5000);
	packets = lights_counters(s->lights)->packets - packets;
	assert_in_range(packets, 180, 220); // the others had an ack of the source's in them
	assert_in_range(n_data_acks(s), 90, 105);
	assert_holds_all(s);
	assert_int_equal(session_at(source, s->pair.slot[0])->in_flight_bytes, 0);
	assert_int_equal(mesh_stream_stats(s->m, SOURCE).resent, 0);
	assert_int_equal(lights_counters(s->lights)->bad, 0);
	end(s);
}

static void every_second_packet_is_acknowledged(void **state)
{
	assert_every_second(&(struct loop_form){.rtt_us = 20000});
}

static void in_the_sealed_form_too(void **state)
{
	assert_every_second(&(struct loop_form){.rtt_us = 20000, .tag_len = 16, .has_sseq = true});
}

// §3.6.3.4.4: within 200 ms; not at once, or two would never share one.
static void a_single_packet_is_acknowledged_in_time(void **state)
{
	struct scene *s = scene();

	s->has_data_only = true; // else a map is the second one
	for (int i = 0; i < 3; i++) {
		uint32_t n = s->n_acks;

		publish(s, 1, 0);
		while (s->n_acks == n)
			run_us(s, STEP_US);
		assert_in_range(s->acks[s->n_acks - 1].at_us - s->data_us, 150000, 200000);
		assert_int_equal(s->acks[s->n_acks - 1].range.from, 0);
		run_us(s, 50000);
	}
	end(s);
}

static uint64_t cum(struct scene *s)
{
	return light(s)->flow->seen.cum;
}

// The ack of what comes behind a gap is sent at once, and names what came.
static void a_gap_is_told_at_once_with_its_range(void **state)
{
	struct scene *s = scene();
	uint64_t before = cum(s);
	uint32_t n;

	s->lose = 2;
	publish(s, 2, 0);
	run_us(s, STEP_US);
	n = s->n_acks;
	publish(s, 1, 0);
	run_us(s, STEP_US);
	assert_int_equal(s->n_acks, n + 1);
	assert_true(s->acks[n].at_us - s->data_us <= STEP_US);
	assert_int_equal(s->acks[n].cum, before);
	assert_int_equal(s->acks[n].range.from, before + 3);
	assert_int_equal(s->acks[n].range.to, before + 3);
	publish(s, 1, 0);
	run_us(s, STEP_US);
	assert_int_equal(s->acks[n + 1].range.from, before + 3);
	assert_int_equal(s->acks[n + 1].range.to, before + 4);
	run_us(s, 600000); // sent again
	assert_true(cum(s) >= before + 4);
	assert_false(seq_set_has_gap(&light(s)->flow->seen));
	assert_holds_all(s);
	end(s);
}

static void a_repeated_packet_is_acknowledged_at_once_and_kept_once(void **state)
{
	struct scene *s = scene();
	uint32_t n = n_data_acks(s);

	s->is_double = true;
	publish(s, 20, 5000);
	s->is_double = false;
	assert_true(n_data_acks(s) - n >= 18); // one for each, and not for two
	assert_true(session_cold_at(s->m->l->nodes[MEMBER].engine, s->pair.slot[1])->n_duplicates >=
		    18);
	assert_holds_all(s);
	end(s);
}

// More between two ticks of its stream than a light member keeps.
static void its_engine_gets_more_than_is_kept(void **state)
{
	struct scene *s = scene();

	s->has_data_only = true; // what else comes has the engine turned

	publish(s, 3 * LIGHT_KEPT_MAX, 1000);
	assert_holds_all(s);
	end(s);
}

static void a_message_is_heard_when_its_last_fragment_is(void **state)
{
	struct scene *s = scene();
	struct heard_count c;

	for (uint8_t part = 0; part < 3; part++) {
		s->lose = part == 1;
		publish_part(s, 0, part, 3);
		light_give(s->lights, 0, s->m->l->now_us);
		heard_read(s->heard, 0, s->m->l->nodes[MEMBER].engine);
	}
	c = heard_count(s->heard, 0);
	assert_int_equal(c.messages, 0);
	run_us(s, 600000); // the middle is sent again
	assert_holds_all(s);
	c = heard_count(s->heard, 0);
	assert_int_equal(c.messages, 1);
	assert_int_equal(c.gaps, 0);
	for (uint8_t part = 0; part < 3; part++)
		publish_part(s, 2, part, 3); // where is 1?
	assert_holds_all(s);
	c = heard_count(s->heard, 0);
	assert_int_equal(c.messages, 2);
	assert_int_equal(c.gaps, 1);
	end(s);
}

// Maps come and go, pings are answered: the session lives as long as both ends do.
static void what_else_comes_is_the_engines(void **state)
{
	struct scene *s = scene();
	struct command c = {.op = CMD_SESSION_PING,
			    .session_idx = s->pair.slot[0],
			    .session_id = s->pair.id[0]};
	uint64_t handed = lights_counters(s->lights)->handed;

	publish(s, 100, 20000);
	assert_true(lights_counters(s->lights)->maps > 0);
	assert_in_range(mesh_stream_stats(s->m, SOURCE).control_bytes_received, 10, 1000);
	loop_command(s->m->l, SOURCE, &c);
	run_us(s, 3000000);
	assert_true(lights_counters(s->lights)->handed > handed);
	assert_int_equal(loop_count(s->m->l, SOURCE, REP_SESSION_CLOSED), 0);
	assert_holds_all(s);
	end(s);
}

static void a_closed_session_is_not_light_any_more(void **state)
{
	struct scene *s = scene();
	struct command c = {.op = CMD_SESSION_CLOSE,
			    .session_idx = s->pair.slot[0],
			    .session_id = s->pair.id[0]};

	publish(s, 1, 0); // owed when it ends
	c.close.how = CLOSE_ABRUPT;
	loop_command(s->m->l, SOURCE, &c);
	run_us(s, 500000);
	assert_false(light(s)->is_light);
	assert_int_equal(lights_n_due(s->lights, s->m->l->now_us), 0);
	end(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_second_packet_is_acknowledged),
		cmocka_unit_test(in_the_sealed_form_too),
		cmocka_unit_test(a_single_packet_is_acknowledged_in_time),
		cmocka_unit_test(a_gap_is_told_at_once_with_its_range),
		cmocka_unit_test(a_repeated_packet_is_acknowledged_at_once_and_kept_once),
		cmocka_unit_test(its_engine_gets_more_than_is_kept),
		cmocka_unit_test(a_message_is_heard_when_its_last_fragment_is),
		cmocka_unit_test(what_else_comes_is_the_engines),
		cmocka_unit_test(a_closed_session_is_not_light_any_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

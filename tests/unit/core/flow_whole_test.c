// flow_tx_send_whole against the way that any packet goes: the same octets, the same accounts.
#include "crypto/checksum.h"
#include "dataplane/core/flow_pools.h"
#include "dataplane/core/sent_ring.h"
#include "dataplane/core/stream.h"
#include "tests/unit/core/relay_mesh.h"

#define ROOM 1500

// Everything a packet changes.
struct state {
	struct engine engine;
	struct session session;
	struct flow_tx flow;
	struct sent ring[64];
};

// What came of a packet.
struct outcome {
	struct state after;
	struct pkt pkt;
	struct crypto_op op;
	uint8_t octets[ROOM];
};

struct fixture {
	struct mesh *m;
	struct engine *e;
	uint32_t flow_idx;
	struct flow_tx *f;
	struct session *s;
	struct pkt pkt;
	uint8_t buffer[ROOM];
	uint8_t body[1300 + BODY_PADDING];
};

// A publisher and a player that has acknowledged the first fragments, all of them.
static struct fixture fixture_of(const struct loop_form *form)
{
	struct fixture x = {
		.m = mesh_create(&(struct loop_opts){.seed = 3, .n_nodes = 2, .delay_us = 1000})};
	struct stream *stream;

	mesh_stream(x.m, 0, STREAM_PUBLISHER | STREAM_PUSH_ALL, 2500);
	mesh_stream(x.m, 1, STREAM_TAP | STREAM_HOME, 2500);
	mesh_link_as(x.m, 0, 1, 0, LINK_IS_SUPER, form);
	mesh_run_us(x.m, 100000);
	mesh_publish(x.m, 4, 5000);
	mesh_run_us(x.m, 300000);
	x.e = x.m->l->nodes[0].engine;
	stream = stream_at(x.e, MESH_STREAM);
	assert_int_equal(stream->n_subs, 1);
	x.flow_idx = stream->subs[0].flow_idx;
	x.f = flow_tx_at(x.e->flows, x.flow_idx);
	x.s = session_at(x.e, x.f->session_idx);
	assert_int_equal(x.f->sn_base, x.f->sn_next);
	assert_int_equal(sent_ring_reserve(x.f, x.e->flows->tx_slabs), 0);
	return x;
}

static void lend(struct fixture *x, uint16_t n)
{
	memset(x->buffer, 0xee, sizeof(x->buffer));
	x->pkt = (struct pkt){.data = x->buffer, .room = sizeof(x->buffer)};
	x->e->tx->room = &x->pkt;
	x->e->tx->n = 0;
	x->e->tx->max = n;
	memset(x->e->tx->ops, 0, sizeof(x->e->tx->ops));
}

static void keep(const struct fixture *x, struct state *to)
{
	to->engine = *x->e;
	to->session = *x->s;
	to->flow = *x->f;
	memcpy(to->ring, x->f->ring, sizeof(to->ring));
}

static void restore(struct fixture *x, const struct state *from)
{
	*x->e = from->engine;
	*x->s = from->session;
	*x->f = from->flow;
	memcpy(x->f->ring, from->ring, sizeof(from->ring));
}

// As parcel.h does it.
static void send_any_way(struct fixture *x, uint16_t len)
{
	uint16_t sum = csum_partial(x->body, len);
	struct txp t;
	size_t start;

	assert_true(txp_begin(x->e, &t, x->f->session_idx));
	txp_widen(&t);
	start = t.w.len;
	assert_int_equal(flow_tx_write_header(x->e, x->flow_idx, &t.w, x->f->sn_next,
					      USER_DATA_FRA_WHOLE, len),
			 0);
	flow_tx_sent(x->e, x->flow_idx, x->f->sn_next, 77, (uint16_t)(t.w.len - start + len));
	t.has_data = t.is_tc = true;
	t.class = BUDGET_MEDIA;
	txp_end_body(x->e, &t, x->body, len, sum);
}

static bool send_whole(struct fixture *x, uint16_t len)
{
	return flow_tx_send_whole(x->e, x->flow_idx, 77, x->body, len, csum_partial(x->body, len),
				  BUDGET_GROUP_NONE);
}

static void look(struct fixture *x, struct outcome *o)
{
	keep(x, &o->after);
	o->pkt = x->pkt;
	o->op = x->e->tx->ops[0];
	memcpy(o->octets, x->buffer, sizeof(o->octets));
}

static void both_ways_are_one(struct fixture *x, uint16_t len)
{
	static struct outcome any, whole; // too large for a stack
	static struct state before;

	random_fill(&x->m->l->random, x->body, len);
	memset(x->body + len, 0xff, BODY_PADDING);
	lend(x, 1);
	keep(x, &before);
	send_any_way(x, len);
	look(x, &any);
	restore(x, &before);
	lend(x, 1);
	assert_true(send_whole(x, len));
	look(x, &whole);
	restore(x, &before);
	assert_memory_equal(&any.op, &whole.op, sizeof(any.op));
	assert_memory_equal(&any.pkt, &whole.pkt, sizeof(any.pkt));
	assert_memory_equal(any.octets, whole.octets, SSID_LEN + any.op.head_len);
	assert_memory_equal(&any.after, &whole.after, sizeof(any.after));
}

static const struct loop_form forms[] = {
	{.rtt_us = 20000},
	{.rtt_us = 20000, .has_sseq = true},
	{.rtt_us = 20000, .tag_len = 10},
	{.rtt_us = 20000, .tag_len = 16, .has_sseq = true},
};

static void it_writes_what_the_general_way_writes(void **state)
{
	// Where the numbers' encodings grow.
	static const uint64_t sns[] = {5, 127, 128, 16383, 16384, 2097151, 2097152, 1ull << 40};

	for (size_t form = 0; form < sizeof(forms) / sizeof(forms[0]); form++) {
		struct fixture x = fixture_of(&forms[form]);

		for (size_t i = 0; i < sizeof(sns) / sizeof(sns[0]); i++)
			for (uint16_t len = 40; len < 1100; len += 53) {
				x.f->sn_base = x.f->sn_next = sns[i];
				x.s->sseq_tx = sns[i] - 1;
				x.s->flags ^= i & 1 ? SESSION_HAS_ECHO_TX : SESSION_IS_INITIATOR;
				both_ways_are_one(&x, len);
			}
		mesh_destroy(x.m);
	}
}

// Behind what is in flight already, the forward sequence number stays at the base.
static void it_goes_on_behind_what_is_in_flight(void **state)
{
	struct fixture x = fixture_of(&forms[0]);

	for (int i = 0; i < 5; i++) {
		both_ways_are_one(&x, 600);
		lend(&x, 1);
		x.s->cwnd_bytes = 100000;
		assert_true(send_whole(&x, 600));
	}
	assert_int_equal(x.f->sn_next - x.f->sn_base, 5);
	lend(&x, 1);
	x.s->n_burst = 6;
	assert_false(send_whole(&x, 600));
	mesh_destroy(x.m);
}

static void leaves_alone(struct fixture *x, uint16_t len)
{
	static struct state before, after;

	keep(x, &before);
	assert_false(send_whole(x, len));
	keep(x, &after);
	assert_memory_equal(&before, &after, sizeof(before));
}

static void it_leaves_alone_what_is_not_simple(void **state)
{
	struct fixture x = fixture_of(&forms[0]);
	const struct flow_tx f = *x.f;
	const struct session s = *x.s;

	lend(&x, 1);
	leaves_alone(&x, 1220); // larger than the base size carries
	lend(&x, 0);
	leaves_alone(&x, 600); // no buffer
	lend(&x, 1);
	x.f->flags |= FLOW_TX_UNACKED; // wants its options
	leaves_alone(&x, 600);
	*x.f = f;
	x.f->flags |= FLOW_TX_GAPS;
	leaves_alone(&x, 600);
	*x.f = f;
	x.f->state = F_CLOSING;
	leaves_alone(&x, 600);
	*x.f = f;
	x.f->rwnd_bytes = 0;
	leaves_alone(&x, 600);
	*x.f = f;
	x.s->in_flight_bytes = x.s->cwnd_bytes;
	leaves_alone(&x, 600);
	*x.s = s;
	x.s->n_burst = 6;
	leaves_alone(&x, 600);
	*x.s = s;
	assert_true(send_whole(&x, 600));
	mesh_destroy(x.m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_writes_what_the_general_way_writes),
		cmocka_unit_test(it_goes_on_behind_what_is_in_flight),
		cmocka_unit_test(it_leaves_alone_what_is_not_simple),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

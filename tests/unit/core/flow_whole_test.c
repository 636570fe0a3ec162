// flow_tx_send_whole against the way that any packet goes: the same octets, the same accounts.
#include "crypto/checksum.h"
#include "dataplane/core/flow_pools.h"
#include "dataplane/core/sent_ring.h"
#include "dataplane/core/stream.h"
#include "tests/unit/core/one_packet.h"

// Everything a packet changes.
struct state {
	struct engine engine;
	struct session session;
	struct flow_tx flow;
	struct sent ring[64];
};

struct outcome {
	struct state after;
	struct one_packet_written written;
};

struct fixture {
	struct mesh *m;
	struct engine *e;
	uint32_t flow_idx;
	struct flow_tx *f;
	struct session *s;
	struct one_packet packet; // the engine points to it once it is lent
	uint8_t body[1300 + BODY_PADDING];
};

// A publisher and a player that has acknowledged the first fragments, all of them.
static struct fixture fixture_of(const struct loop_form *form)
{
	struct loop_pair pair;
	struct fixture x = {.m = one_packet_mesh(form, &pair)};
	struct stream *stream;

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
	one_packet_lend(&x->packet, x->e, n);
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
	one_packet_look(&x->packet, x->e, &o->written);
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
	assert_memory_equal(&any.written.op, &whole.written.op, sizeof(any.written.op));
	assert_memory_equal(&any.written.pkt, &whole.written.pkt, sizeof(any.written.pkt));
	assert_memory_equal(any.written.octets, whole.written.octets,
			    SSID_LEN + any.written.op.head_len);
	assert_memory_equal(&any.after, &whole.after, sizeof(any.after));
}

static void it_writes_what_the_general_way_writes(void **state)
{
	// Where the numbers' encodings grow.
	static const uint64_t sns[] = {5, 127, 128, 16383, 16384, 2097151, 2097152, 1ull << 40};

	for (size_t form = 0; form < ONE_PACKET_FORMS; form++) {
		struct fixture x = fixture_of(&one_packet_forms[form]);

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
	struct fixture x = fixture_of(&one_packet_forms[0]);

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
	struct fixture x = fixture_of(&one_packet_forms[0]);
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

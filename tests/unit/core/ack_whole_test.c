// flows_send_ack against the way that any packet goes: the same octets, the same accounts.
#include "dataplane/core/flow_pools.h"
#include "dataplane/core/txp.h"
#include "tests/unit/core/one_packet.h"

// Everything an ack changes.
struct state {
	struct engine engine;
	struct session session;
	struct flow_table table;
	struct flow_rx flow;
};

struct outcome {
	struct state after;
	struct one_packet_written written;
};

struct fixture {
	struct mesh *m;
	struct engine *e;
	uint32_t idx;
	struct session *s;
	struct flow_table *t;
	struct flow_rx *f;
	struct one_packet packet; // the engine points to it once it is lent
};

// A player who has got fragments, and owes an ack for the next ones.
static struct fixture fixture_of(const struct loop_form *form)
{
	struct loop_pair pair;
	struct fixture x = {.m = one_packet_mesh(form, &pair)};

	x.e = x.m->l->nodes[1].engine;
	x.idx = pair.slot[pair.node[1] == 1];
	x.s = session_at(x.e, x.idx);
	x.t = flow_table_at(x.e->flows, x.idx);
	assert_int_not_equal(x.t->rx_used, 0);
	x.f = &x.e->flows->rx[x.t->rx[x.t->rx_hint]];
	assert_int_equal(x.f->state, RF_OPEN);
	assert_true(x.f->seen.cum > 0);
	assert_int_equal(x.s->due, 0);
	x.s->rx_to_ack = slot_bit(x.f->slot);
	x.s->due = DUE_ACK;
	x.s->n_rx_data = 2;
	x.s->delack_at_ms = x.e->now_ms + 100;
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
	to->table = *x->t;
	to->flow = *x->f;
}

static void restore(struct fixture *x, const struct state *from)
{
	*x->e = from->engine;
	*x->s = from->session;
	*x->t = from->table;
	*x->f = from->flow;
}

// As tx.c does it.
static void send_any_way(struct fixture *x)
{
	struct txp t;

	assert_true(txp_begin(x->e, &t, x->idx));
	engine_stir(x->e);
	assert_true(flows_write_acks(x->e, x->idx, &t, true));
	txp_end(x->e, &t);
}

static void look(struct fixture *x, struct outcome *o)
{
	keep(x, &o->after);
	one_packet_look(&x->packet, x->e, &o->written);
}

static void both_ways_are_one(struct fixture *x)
{
	static struct outcome any, whole; // too large for a stack
	static struct state before;

	lend(x, 1);
	keep(x, &before);
	send_any_way(x);
	look(x, &any);
	restore(x, &before);
	lend(x, 1);
	assert_true(flows_send_ack(x->e, x->idx));
	look(x, &whole);
	restore(x, &before);
	assert_int_equal(any.after.session.due, 0);
	assert_memory_equal(&any.written.op, &whole.written.op, sizeof(any.written.op));
	assert_memory_equal(&any.written.pkt, &whole.written.pkt, sizeof(any.written.pkt));
	assert_memory_equal(any.written.octets, whole.written.octets,
			    SSID_LEN + any.written.op.len);
	assert_memory_equal(&any.after, &whole.after, sizeof(any.after));
}

static void it_writes_what_the_general_way_writes(void **state)
{
	// Where the numbers' encodings grow.
	static const uint64_t numbers[] = {5,       127,     128,        16383,     16384,
					   2097151, 2097152, 1ull << 40, 1ull << 62};
	static const size_t n = sizeof(numbers) / sizeof(numbers[0]);

	for (size_t form = 0; form < ONE_PACKET_FORMS; form++) {
		struct fixture x = fixture_of(&one_packet_forms[form]);

		for (size_t i = 0; i < n * n * n; i++) {
			x.f->seen.cum = numbers[i % n];
			x.f->flow_id = numbers[i / n % n];
			x.s->sseq_tx = numbers[i / n / n];
			x.f->capacity_bytes = (uint32_t)numbers[i % (n - 2)] + 1;
			x.s->flags ^= i & 1 ? SESSION_HAS_TS_RX : SESSION_IS_INITIATOR;
			both_ways_are_one(&x);
		}
		x.f->capacity_bytes = UINT32_MAX;
		both_ways_are_one(&x);
		mesh_destroy(x.m);
	}
}

static void leaves_alone(struct fixture *x)
{
	static struct state before, after;

	keep(x, &before);
	assert_false(flows_send_ack(x->e, x->idx));
	keep(x, &after);
	assert_memory_equal(&before, &after, sizeof(before));
}

static void it_leaves_alone_what_is_not_simple(void **state)
{
	struct seq_range range = {100, 101};
	struct fixture x = fixture_of(&one_packet_forms[0]);
	static struct state before;

	lend(&x, 0); // no buffer
	leaves_alone(&x);
	lend(&x, 1);
	x.packet.pkt.room = 40; // or a small one
	leaves_alone(&x);
	lend(&x, 1);
	keep(&x, &before);
	x.s->due |= DUE_CHUNK; // has more to say
	leaves_alone(&x);
	restore(&x, &before);
	x.s->due |= DUE_MEDIA;
	leaves_alone(&x);
	restore(&x, &before);
	x.s->due = 0; // nothing now
	leaves_alone(&x);
	restore(&x, &before);
	x.s->rx_to_ack = 0;
	leaves_alone(&x);
	restore(&x, &before);
	x.s->rx_to_ack |= x.s->rx_to_ack << 1; // two flows
	leaves_alone(&x);
	restore(&x, &before);
	x.t->n_linger_acks = 1;
	leaves_alone(&x);
	restore(&x, &before);
	x.s->state = S_NEARCLOSE;
	leaves_alone(&x);
	restore(&x, &before);
	x.f->state = RF_REJECTED; // goes with an exception
	leaves_alone(&x);
	restore(&x, &before);
	x.f->seen.ranges = &range; // and this with what came behind a gap
	x.f->seen.n = x.f->seen.cap = 1;
	leaves_alone(&x);
	restore(&x, &before);
	assert_true(flows_send_ack(x.e, x.idx));
	restore(&x, &before);
	mesh_destroy(x.m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_writes_what_the_general_way_writes),
		cmocka_unit_test(it_leaves_alone_what_is_not_simple),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

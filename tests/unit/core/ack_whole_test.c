// flows_send_ack against the way that any packet goes: the same octets, the same accounts.
#include "dataplane/core/flow_pools.h"
#include "dataplane/core/txp.h"
#include "tests/unit/core/relay_mesh.h"

#define ROOM 1500

// Everything an ack changes.
struct state {
	struct engine engine;
	struct session session;
	struct flow_table table;
	struct flow_rx flow;
};

// What came of it.
struct outcome {
	struct state after;
	struct pkt pkt;
	struct crypto_op op;
	uint8_t octets[ROOM];
};

struct fixture {
	struct mesh *m;
	struct engine *e;
	uint32_t idx;
	struct session *s;
	struct flow_table *t;
	struct flow_rx *f;
	struct pkt pkt;
	uint8_t buffer[ROOM];
};

// A player who has got fragments, and owes an ack for the next ones.
static struct fixture fixture_of(const struct loop_form *form)
{
	struct fixture x = {
		.m = mesh_create(&(struct loop_opts){.seed = 3, .n_nodes = 2, .delay_us = 1000})};
	struct loop_pair pair;

	mesh_stream(x.m, 0, STREAM_PUBLISHER | STREAM_PUSH_ALL, 2500);
	mesh_stream(x.m, 1, STREAM_TAP | STREAM_HOME, 2500);
	pair = mesh_link_as(x.m, 0, 1, 0, LINK_IS_SUPER, form);
	mesh_run_us(x.m, 100000);
	mesh_publish(x.m, 4, 5000);
	mesh_run_us(x.m, 300000);
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
	o->pkt = x->pkt;
	o->op = x->e->tx->ops[0];
	memcpy(o->octets, x->buffer, sizeof(o->octets));
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
	assert_memory_equal(&any.op, &whole.op, sizeof(any.op));
	assert_memory_equal(&any.pkt, &whole.pkt, sizeof(any.pkt));
	assert_memory_equal(any.octets, whole.octets, SSID_LEN + any.op.len);
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
	static const uint64_t numbers[] = {5,       127,     128,        16383,     16384,
					   2097151, 2097152, 1ull << 40, 1ull << 62};
	static const size_t n = sizeof(numbers) / sizeof(numbers[0]);

	for (size_t form = 0; form < sizeof(forms) / sizeof(forms[0]); form++) {
		struct fixture x = fixture_of(&forms[form]);

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
	struct fixture x = fixture_of(&forms[0]);
	static struct state before;

	lend(&x, 0); // no buffer
	leaves_alone(&x);
	lend(&x, 1);
	x.pkt.room = 40; // or a small one
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

// A NetConnection over real engines on a path that loses and reorders: what workers hold back, and
// in which order they give out.
#include "control/outbox.h"
#include "control/rpc/rpc.h"
#include "dataplane/wire/flow_kind.h"
#include "dataplane/wire/rtmp_msg.h"
#include "tests/support/loop.h"
#include "tests/support/test.h"

#define STEP_US 1000
#define FLOWS   3
#define EACH    12 // messages before and after the barrier

struct end {
	struct rpc *rpc;
	struct outbox *outbox;
	struct ctl_session session;
	struct ctl_flows flows;
	bool is_connected;
};

struct world {
	struct loop *l;
	struct end ends[2]; // client, server
	// What the server was given of our own flows, by its receive slot.
	uint32_t n_got[FLOWS_PER_SESSION], n_overtaken[FLOWS_PER_SESSION];
	uint8_t next[FLOWS_PER_SESSION];
	bool got[FLOWS_PER_SESSION][256];
	uint32_t n_syncs, n_behind; // n_behind: messages given out from behind the barrier
};

static void on_connected(void *ctx, struct ctl_session *s, void *user, const char *code)
{
	((struct end *)user)->is_connected = true;
}

static void end_create(struct world *w, unsigned i, const struct loop_pair *p)
{
	struct end *e = &w->ends[i];
	struct rpc_opts o = {.events = {.ctx = e, .connected = on_connected},
			     .server_endpoint = i == 1 ? 0 : 0xff,
			     .connects_max = 4};

	w->l->nodes[i].is_deaf = true; // we read its reports
	e->outbox = outbox_create(&w->l->nodes[i].commands, 1, w->l->nodes[i].bodies);
	e->rpc = rpc_create(&o);
	e->session = (struct ctl_session){
		.idx = p->slot[i], .id = p->id[i], .state = CTL_OPEN, .outbox = e->outbox};
	ctl_session_flows_set(&e->session, &e->flows);
}

static struct world *world_create(uint64_t seed)
{
	struct world *w = calloc(1, sizeof(*w));
	struct loop_pair p;

	w->l = loop_create(&(struct loop_opts){.seed = seed,
					       .n_nodes = 2,
					       .delay_us = 5000,
					       .jitter_us = 30000,
					       .loss_permille = 100,
					       .duplicate_permille = 50});
	p = loop_connect(w->l, 0, 1, &(struct loop_form){0});
	end_create(w, 0, &p);
	end_create(w, 1, &p);
	return w;
}

static void world_destroy(struct world *w)
{
	struct report r;

	for (int i = 0; i < 2; i++) {
		rpc_session_closed(w->ends[i].rpc, &w->ends[i].session, w->l->now_us);
		rpc_destroy(w->ends[i].rpc);
	}
	loop_run_us(w->l, 2000000); // what is on its way home gets there
	for (uint32_t i = 0; i < 2; i++) {
		while (mailbox_pop(w->l->nodes[i].reports, &r))
			if (r.op == REP_BODIES_PUT)
				outbox_bodies_put(w->ends[i].outbox, &r);
			else
				loop_put(w->l, i, r.body);
		outbox_destroy(w->ends[i].outbox);
	}
	loop_destroy(w->l);
	free(w);
}

// A message of a test's flow: type 15, so that no command is read of it; its number, and whether it
// was written behind the barrier.
static void take(struct world *w, const struct report *r)
{
	const uint8_t *m = r->body->data;
	uint16_t slot = r->flow;

	if (rtmp_is_flow_sync(span_of(m, r->len))) {
		w->n_syncs++;
		return;
	}
	if (m[0] != RTMP_DATA_AMF3)
		return;
	assert_false(w->got[slot][m[RTMP_HEAD_LEN]]);
	w->got[slot][m[RTMP_HEAD_LEN]] = true;
	w->n_overtaken[slot] += m[RTMP_HEAD_LEN] < w->next[slot];
	w->next[slot] = m[RTMP_HEAD_LEN] + 1;
	w->n_got[slot]++;
	if (m[RTMP_HEAD_LEN + 1] == 0)
		return;
	w->n_behind++;
	// Nobody went on alone; but in order of arrival what is behind may overtake the barrier.
	if (!w->ends[1].session.rx[slot].is_any_order)
		assert_int_equal(w->n_syncs, FLOWS);
}

static void hear(struct world *w, uint32_t i, const struct report *r)
{
	struct end *e = &w->ends[i];
	struct ctl_session *s = &e->session;

	switch (r->op) {
	case REP_FLOW_OPENED:
		rpc_flow_opened(e->rpc, s, r->flow, r->opened.flow_id, r->opened.assoc_flow,
				span_of(r->opened.meta, r->opened.meta_len), w->l->now_us);
		break;
	case REP_MESSAGE:
		if (i == 1)
			take(w, r);
		if (s->rx[r->flow].owner == OWNER_RPC)
			rpc_message(e->rpc, s, r->flow, span_of(r->body->data, r->len),
				    w->l->now_us);
		break;
	case REP_BODIES_PUT:
		outbox_bodies_put(e->outbox, r);
		return;
	default:
		break;
	}
	if (r->body != NULL)
		outbox_body_home(e->outbox, 0, r->body);
}

static void run_us(struct world *w, uint64_t us)
{
	struct report r;

	for (; us > 0; us -= STEP_US) {
		loop_run_us(w->l, STEP_US);
		for (uint32_t i = 0; i < 2; i++) {
			while (mailbox_pop(w->l->nodes[i].reports, &r))
				hear(w, i, &r);
			rpc_timers(w->ends[i].rpc, w->l->now_us);
			outbox_flush(w->ends[i].outbox);
		}
	}
}

static void connect_both(struct world *w)
{
	struct end *e = &w->ends[0];

	assert_int_equal(rpc_connect(e->rpc, &e->session, "rtmfp://host/live", e, w->l->now_us), 0);
	for (int i = 0; i < 280 && !e->is_connected; i++) // up to 14 s: ERTO begins at 3
		run_us(w, 50000);
	assert_true(e->is_connected);
}

// A further flow of the client's on stream 0.
static uint16_t open_flow(struct world *w, uint8_t flags)
{
	const uint8_t meta[] = {0x54, 0x43, TC_SID | flags, 0};
	struct ctl_flow_opts o = {.meta = meta,
				  .meta_len = sizeof(meta),
				  .has_assoc = true,
				  .prio = PRIO_CONTROL,
				  .rule_stream = NO_STREAM,
				  .owner = OWNER_RPC,
				  .ctx = w};
	int slot;

	assert_true(rpc_control_flow(w->ends[0].rpc, &w->ends[0].session, &o.assoc_id));
	slot = ctl_flow_open(&w->ends[0].session, &o);
	assert_true(slot >= 0);
	return (uint16_t)slot;
}

static void send(struct world *w, uint16_t slot, uint8_t number, bool is_behind)
{
	uint8_t m[400] = {RTMP_DATA_AMF3, 0, 0, 0, 0, number, is_behind};

	assert_int_equal(ctl_flow_send(&w->ends[0].session, slot, m, sizeof(m), 0), 0);
}

static uint32_t all_got(const struct world *w)
{
	uint32_t n = 0;

	for (unsigned i = 0; i < FLOWS_PER_SESSION; i++)
		n += w->n_got[i];
	return n;
}

// rtmfp.md 14.3, requirement 121.
static void nothing_passes_a_barrier_alone(void **state)
{
	uint64_t held = 0;

	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct world *w = world_create(seed);
		uint16_t slots[FLOWS];

		connect_both(w);
		for (int f = 0; f < FLOWS; f++)
			slots[f] = open_flow(w, f == 0 ? TC_RXI : 0);
		for (uint8_t i = 0; i < EACH; i++)
			for (int f = 0; f < FLOWS; f++)
				if (f != 1 || i % 4 == 0) // one has less to say, and is there first
					send(w, slots[f], i, false);
		run_us(w, 40000);
		assert_int_equal(flow_sync_send(&w->ends[0].session, slots, FLOWS, 77), 0);
		for (uint8_t i = EACH; i < 2 * EACH; i++)
			for (int f = 0; f < FLOWS; f++)
				send(w, slots[f], i, true);
		run_us(w, 8000000);
		assert_int_equal(w->n_syncs, FLOWS);
		assert_int_equal(w->n_behind, FLOWS * EACH);
		held += rpc_counters(w->ends[1].rpc)->syncs.held;
		assert_int_equal(rpc_counters(w->ends[1].rpc)->syncs.abandoned, 0);
		world_destroy(w);
	}
	assert_int_equal(held, 20 * (FLOWS - 1)); // all but the last one waited
}

// rtmfp.md 14.1, requirement 120: as they arrive, where the sender asks for it; else as they were
// sent.
static void order_is_what_the_sender_asks_for(void **state)
{
	uint32_t n_overtaken = 0;

	for (uint64_t seed = 1; seed <= 10; seed++) {
		struct world *w = world_create(100 + seed);
		uint16_t slots[2];

		connect_both(w);
		slots[0] = open_flow(w, 0);
		slots[1] = open_flow(w, TC_RXI);
		for (uint8_t i = 0; i < 60; i++) {
			send(w, slots[0], i, false);
			send(w, slots[1], i, false);
			run_us(w, 3000);
		}
		run_us(w, 8000000);
		assert_int_equal(all_got(w), 120); // each once: take() sees to it
		for (unsigned i = 0; i < FLOWS_PER_SESSION; i++)
			if (w->ends[1].session.rx[i].owner == OWNER_RPC &&
			    !w->ends[1].session.rx[i].is_any_order)
				assert_int_equal(w->n_overtaken[i], 0);
		for (unsigned i = 0; i < FLOWS_PER_SESSION; i++)
			n_overtaken += w->n_overtaken[i];
		world_destroy(w);
	}
	assert_true(n_overtaken > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_passes_a_barrier_alone),
		cmocka_unit_test(order_is_what_the_sender_asks_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "tests/unit/core/flow_world.h"

#include "crypto/random.h"
#include "dataplane/core/clock.h"
#include "dataplane/core/pmtu.h"

#define NODE_SESSION_ID 0x5e551001u
#define NEVER           UINT64_MAX

static struct node *node_of(const struct engine *e)
{
	return (struct node *)((char *)(uintptr_t)e - offsetof(struct node, e));
}

// ---- what other files of the room do ----

bool engine_report(struct engine *e, const struct report *r)
{
	return mailbox_push(e->opts.reports, r);
}

void engine_body_home(struct engine *e, struct body *b)
{
	if (b != NULL)
		body_put(b); // one thread: straight into its pool
}

void session_mark(struct engine *e, uint32_t session_idx, uint8_t due)
{
	assert_int_equal(session_idx, NODE_SESSION);
	session_at(e, session_idx)->due |= due;
}

void session_alarm(struct engine *e, uint32_t session_idx, uint32_t at_ms)
{
	assert_int_equal(session_idx, NODE_SESSION); // node_alarms() looks at all there are
}

void session_cold_alarm(struct engine *e, uint32_t session_idx, enum session_alarm alarm,
			uint32_t at_ms)
{
	session_cold_at(e, session_idx)->alarms |= 1u << alarm;
	session_cold_at(e, session_idx)->alarm_at_ms[alarm] = at_ms;
}

void session_blame(struct engine *e, uint32_t session_idx, enum drop_reason why)
{
	engine_drop(e, why);
}

bool session_tcr_received(const struct engine *e, uint32_t session_idx)
{
	return node_of(e)->is_tcr;
}

bool session_tc_sent(const struct engine *e, uint32_t session_idx)
{
	return node_of(e)->is_tc;
}

bool engine_tc_sent_any(const struct engine *e)
{
	return node_of(e)->is_tc;
}

void pmtu_wanted(struct engine *e, uint32_t session_idx)
{
	node_of(e)->pmtu.n_wanted++;
}

void pmtu_big_acked(struct engine *e, uint32_t session_idx, uint32_t tsn)
{
	node_of(e)->pmtu.n_big_acked++;
	node_of(e)->pmtu.tsn = tsn;
}

void pmtu_big_lost(struct engine *e, uint32_t session_idx, uint32_t tsn)
{
	node_of(e)->pmtu.n_big_lost++;
	node_of(e)->pmtu.tsn = tsn;
	node_session(node_of(e))->heard |= HEARD_NO_BIG;
}

void pmtu_small_acked(struct engine *e, uint32_t session_idx, uint32_t tsn)
{
	node_of(e)->pmtu.n_small_acked++;
	node_of(e)->pmtu.tsn = tsn;
}

void pmtu_doubt(struct engine *e, uint32_t session_idx)
{
	node_of(e)->pmtu.n_doubts++;
}

static void keep_message(struct node *n, uint16_t stream, struct span message)
{
	n->relay.stream = stream;
	n->relay.len =
		message.len < sizeof(n->relay.octets) ? message.len : sizeof(n->relay.octets);
	if (message.len > 0)
		memcpy(n->relay.octets, message.data, n->relay.len);
}

void relay_fetch(const struct engine *e, uint32_t session_idx, uint16_t stream,
		 enum relay_fetch what)
{
}

void relay_on_fragment(struct engine *e, uint32_t session_idx, uint16_t stream, struct span message)
{
	node_of(e)->relay.n_fragments++;
	keep_message(node_of(e), stream, message);
}

bool relay_on_control(struct engine *e, uint32_t session_idx, uint16_t stream, struct span message)
{
	node_of(e)->relay.n_control++;
	keep_message(node_of(e), stream, message);
	return node_of(e)->relay.takes_control;
}

void relay_flow_lost(struct engine *e, uint32_t flow_idx)
{
	node_of(e)->relay.n_lost++;
	node_of(e)->relay.lost_flow = flow_idx;
}

void relay_flow_open_again(struct engine *e, uint32_t session_idx)
{
	node_of(e)->relay.n_open_again++;
}

void relay_flow_gone(struct engine *e, uint32_t flow_idx)
{
	node_of(e)->relay.n_gone++;
	node_of(e)->relay.gone_flow = flow_idx;
}

// ---- a node ----

struct node *node_create(uint32_t reports)
{
	struct node *n = pages_take(sizeof(*n));
	struct random_state state;
	struct random random = random_seeded(&state, 1); // at creation only
	struct session *s;

	assert_non_null(n);
	n->packet_max = NODE_PACKET_MAX;
	n->e.opts = (struct engine_opts){
		.flows_per_session = FLOWS_PER_SESSION,
		.sessions_max = 2,
		.flows_tx_max = 80,
		.flows_rx_max = 80,
		.messages_max = 1000,
		.rx_cells_max = 5000,
		.message_bytes_max = 400000,
		.reassembly_bytes_max = 1 << 20,
		.object_bytes = NODE_OBJECT_BYTES,
		.random = &random,
		.reports = mailbox_create(reports),
	};
	n->e.sessions = n->sessions;
	n->e.cold = n->cold;
	n->e.bodies = body_pool_create(16 << 20);
	n->control = body_pool_create(16 << 20);
	n->e.flows = flows_create(&n->e.opts);
	assert_non_null(n->e.flows);
	node_time(n, 1000000000);
	s = node_session(n);
	s->id_rx = NODE_SESSION_ID;
	s->state = S_OPEN;
	s->cwnd_bytes = CWND_INIT_BYTES;
	s->ssthresh_bytes = SSTHRESH_NONE;
	s->erto_us = s->mrto_us = 250000;
	return n;
}

void node_destroy(struct node *n)
{
	struct flows *f = n->e.flows;
	struct command all = {.op = CMD_OBJECTS_DROP};
	struct report r;

	all.object.last = UINT64_C(1) << 53;
	flows_session_gone(&n->e, NODE_SESSION);
	node_command(n, &all);
	while (node_report(n, &r))
		if (r.op == REP_MESSAGE)
			body_put(r.body);
	flows_timers(&n->e, n->e.now_us); // who waited for the ring is given back
	assert_int_equal(node_session(n)->in_flight_bytes, 0);
	assert_int_equal(slabs_lent(f->tx_slabs) + slabs_lent(f->rx_slabs), 0);
	assert_int_equal(f->cells.free.n, 0);
	assert_int_equal(f->messages.free.n, 0);
	assert_int_equal(f->tx_pool.n + f->rx_pool.n, 0);
	assert_int_equal(f->lingering.pool.n, 0);
	assert_int_equal(body_pool_lent(n->control), 0);
	assert_int_equal(body_pool_lent(n->e.bodies), 0);
	flows_destroy(f);
	body_pool_destroy(n->control);
	body_pool_destroy(n->e.bodies);
	mailbox_destroy(n->e.opts.reports);
	pages_give(n, sizeof(*n));
}

void node_time(struct node *n, uint64_t now_us)
{
	n->e.now_us = now_us;
	n->e.now_ms = (uint32_t)(now_us / 1000);
}

// ---- alarms, as session_alarm.c has them ----

void node_alarms(struct node *n)
{
	struct session *s = node_session(n);
	struct session_cold *c = &n->cold[NODE_SESSION];

	if (s->flags & SESSION_ERTO_ARMED && ms_reached(s->erto_at_ms, n->e.now_ms)) {
		s->flags &= (uint8_t)~SESSION_ERTO_ARMED;
		flows_on_erto(&n->e, NODE_SESSION);
	}
	if (s->delack_at_ms != 0 && ms_reached(s->delack_at_ms, n->e.now_ms)) {
		s->delack_at_ms = 0;
		flows_on_delack(&n->e, NODE_SESSION);
	}
	if (c->alarms & 1u << ALARM_PROBE && ms_reached(c->alarm_at_ms[ALARM_PROBE], n->e.now_ms)) {
		c->alarms &= ~(1u << ALARM_PROBE);
		flows_on_probe(&n->e, NODE_SESSION);
	}
	flows_timers(&n->e, n->e.now_us);
}

static uint64_t sooner(const struct node *n, uint64_t at_us, bool is_set, uint32_t at_ms)
{
	int32_t wait_ms = (int32_t)(at_ms - n->e.now_ms);
	uint64_t us;

	if (!is_set)
		return at_us;
	us = wait_ms > 0 ? (n->e.now_us / 1000 + (uint32_t)wait_ms) * 1000 : n->e.now_us;
	return us < at_us ? us : at_us;
}

uint64_t node_deadline_us(const struct node *n)
{
	const struct session *s = &n->sessions[NODE_SESSION];
	const struct session_cold *c = &n->cold[NODE_SESSION];
	uint64_t at = flows_deadline_us(&n->e);

	at = sooner(n, at, s->flags & SESSION_ERTO_ARMED, s->erto_at_ms);
	at = sooner(n, at, s->delack_at_ms != 0, s->delack_at_ms);
	return sooner(n, at, c->alarms & 1u << ALARM_PROBE, c->alarm_at_ms[ALARM_PROBE]);
}

// ---- packets, as tx.c and rx_packet.c have them ----

size_t node_packet(struct node *n, uint8_t *packet)
{
	struct session *s = node_session(n);
	struct txp t = {.w = wr_over(packet, n->packet_max),
			.base_cap = n->packet_max,
			.path_cap = n->packet_max + n->path_more,
			.session_idx = NODE_SESSION};

	if (s->due & DUE_ACK)
		flows_write_acks(&n->e, NODE_SESSION, &t, true);
	if (s->due & DUE_DATA)
		flows_write_data(&n->e, NODE_SESSION, &t, PRIO_CONTROL);
	if (s->due & DUE_MEDIA)
		flows_write_data(&n->e, NODE_SESSION, &t, PRIO_MEDIA);
	if (s->due & DUE_BULK)
		flows_write_data(&n->e, NODE_SESSION, &t, PRIO_BULK);
	if (s->due & DUE_POST)
		flows_write_data(&n->e, NODE_SESSION, &t, PRIO_POST);
	if (s->rx_to_ack != 0 && !t.has_ack && !txp_is_empty(&t))
		flows_write_acks(&n->e, NODE_SESSION, &t, false);
	assert_int_equal(t.w.err, 0);
	if (t.has_data)
		s->n_burst++;
	if (txp_is_empty(&t))
		s->due = 0;
	return t.w.len;
}

static void on_chunk(struct node *n, struct rx_ctx *ctx, const struct chunk *c)
{
	switch (c->type) {
	case CHUNK_USER_DATA:
		flows_on_user_data(&n->e, NODE_SESSION, ctx, c->payload);
		break;
	case CHUNK_NEXT_USER_DATA:
		flows_on_next_user_data(&n->e, NODE_SESSION, ctx, c->payload);
		break;
	case CHUNK_ACK_BITMAP:
	case CHUNK_ACK_RANGES:
		flows_on_ack(&n->e, NODE_SESSION, ctx, c->payload, c->type == CHUNK_ACK_BITMAP);
		break;
	case CHUNK_BUFFER_PROBE:
		flows_on_buffer_probe(&n->e, NODE_SESSION, c->payload);
		break;
	case CHUNK_FLOW_EXCEPTION:
		flows_on_exception(&n->e, NODE_SESSION, c->payload);
		break;
	default:
		break;
	}
}

void node_receive(struct node *n, const uint8_t *packet, size_t len)
{
	struct rx_ctx ctx = {.in_flight_before = node_session(n)->in_flight_bytes,
			     .has_echo = n->echo_us != 0,
			     .echo = clock_ticks(n->echo_us)};
	struct rd r = rd_over(packet, len);
	struct chunk c;

	if (ctx.has_echo)
		node_session(n)->flags |= SESSION_HAS_ECHO_RX;
	while (chunk_next(&r, &c))
		on_chunk(n, &ctx, &c);
	flows_after_packet(&n->e, NODE_SESSION, &ctx);
}

// ---- commands ----

void node_command(struct node *n, struct command *cmd)
{
	cmd->session_idx = NODE_SESSION;
	cmd->session_id = NODE_SESSION_ID;
	flows_command(&n->e, cmd);
}

void node_flow_open_as(struct node *n, const struct command *open)
{
	struct command cmd = *open;

	cmd.op = CMD_FLOW_OPEN;
	node_command(n, &cmd);
}

void node_flow_open(struct node *n, uint16_t slot, const char *metadata, uint8_t prio)
{
	struct command cmd = {.flow = slot};

	cmd.open.flow_id = slot;
	cmd.open.rule_stream = NO_STREAM;
	cmd.open.prio = prio;
	cmd.open.meta_len = (uint8_t)strlen(metadata);
	memcpy(cmd.open.meta, metadata, cmd.open.meta_len);
	node_flow_open_as(n, &cmd);
}

void node_send(struct node *n, uint16_t slot, const void *data, uint32_t len, uint64_t deadline_us)
{
	struct command cmd = {.op = CMD_FLOW_SEND, .flow = slot, .len = len};

	cmd.body = body_get(n->control, len);
	assert_non_null(cmd.body);
	if (len > 0)
		memcpy(cmd.body->data, data, len);
	cmd.send.deadline_us = deadline_us;
	node_command(n, &cmd);
}

void node_flow_close(struct node *n, uint16_t slot)
{
	struct command cmd = {.op = CMD_FLOW_CLOSE, .flow = slot};

	node_command(n, &cmd);
}

void node_class(struct node *n, uint16_t rx_slot, uint64_t flow_id, enum flow_class class,
		uint16_t stream, bool is_network_order)
{
	struct command cmd = {.op = CMD_FLOW_CLASS, .flow = rx_slot};

	cmd.class.flow_id = flow_id;
	cmd.class.class = (uint8_t) class;
	cmd.class.stream = stream;
	cmd.class.is_network_order = is_network_order;
	node_command(n, &cmd);
}

void node_reject(struct node *n, uint16_t rx_slot, uint64_t flow_id, uint32_t code)
{
	struct command cmd = {.op = CMD_FLOW_CLASS, .flow = rx_slot};

	cmd.class.flow_id = flow_id;
	cmd.class.class = FLOW_REJECT;
	cmd.class.exception = code;
	node_command(n, &cmd);
}

bool node_report(struct node *n, struct report *r)
{
	return mailbox_pop(n->e.opts.reports, r);
}

void node_expect(struct node *n, enum report_op op, struct report *r)
{
	assert_true(node_report(n, r));
	assert_int_equal(r->op, op);
	assert_int_equal(r->session_id, NODE_SESSION_ID);
}

// ---- what the far end says ----

size_t test_data_write(uint8_t *packet, size_t at, const struct test_data *t)
{
	struct wr w = wr_over(packet + at, NODE_PACKET_MAX - at);
	struct user_data d = {
		.flow_id = t->flow,
		.seq = t->seq,
		.fsn = t->seq - t->fsn_offset,
		.flags = t->flags | (t->metadata != NULL ? USER_DATA_OPTIONS : 0),
		.body = t->body != NULL ? span_of(t->body, strlen(t->body)) : span_of(NULL, 0),
	};

	if (t->metadata != NULL) {
		d.options.has_metadata = true;
		d.options.metadata = span_of(t->metadata, strlen(t->metadata));
		d.options.has_return_flow = t->assoc >= 0;
		d.options.return_flow_id = (uint64_t)t->assoc;
	}
	assert_int_equal(user_data_write(&w, &d), 0);
	return at + w.len;
}

void node_gets_data(struct node *n, const struct test_data *t)
{
	uint8_t packet[NODE_PACKET_MAX];

	node_receive(n, packet, test_data_write(packet, 0, t));
}

void node_gets_ack(struct node *n, uint64_t flow, uint64_t blocks, uint64_t cum,
		   const uint64_t (*ranges)[2])
{
	const struct ack a = {.flow_id = flow, .window_blocks = blocks, .cum = cum};
	uint8_t packet[NODE_PACKET_MAX];
	struct wr w = wr_over(packet, sizeof(packet));
	struct seq_range r[32];
	size_t count = 0;

	for (; ranges != NULL && ranges[count][0] != 0; count++)
		r[count] = (struct seq_range){ranges[count][0], ranges[count][1]};
	assert_int_equal(ack_ranges_write(&w, &a, r, count), count);
	node_receive(n, packet, w.len);
}

// ---- what the node says ----

// Budgets have tests of their own.
bool budgets_group_may(struct engine *e, uint32_t session_idx, uint16_t group, enum budget_class c)
{
	return true;
}

uint32_t node_say(struct node *n, struct seen *seen)
{
	struct user_data d = {0};
	struct chunk c;
	struct rd r;

	seen->n = 0;
	seen->len = node_packet(n, seen->packet);
	r = rd_over(seen->packet, seen->len);
	while (chunk_next(&r, &c)) {
		__typeof__(&seen->chunk[0]) x = &seen->chunk[seen->n++];

		assert_true(seen->n < ARRAY_LEN(seen->chunk));
		x->type = c.type;
		if (c.type == CHUNK_USER_DATA)
			assert_int_equal(user_data_read(&d, c.payload), 0);
		else if (c.type == CHUNK_NEXT_USER_DATA)
			assert_int_equal(next_user_data_read(&d, c.payload), 0);
		else if (c.type == CHUNK_ACK_RANGES)
			assert_int_equal(ack_read(&x->ack, c.type, c.payload), 0);
		else if (c.type == CHUNK_FLOW_EXCEPTION)
			assert_int_equal(flow_exception_read(&x->exception, c.payload), 0);
		else if (c.type == CHUNK_BUFFER_PROBE)
			assert_int_equal(buffer_probe_read(&x->flow_id, c.payload), 0);
		else
			fail_msg("chunk %02x", c.type);
		x->data = d;
	}
	return seen->n;
}

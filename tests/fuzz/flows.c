// A far end that says anything about our flows and its own, while control opens, sends, closes and
// judges and time goes by. Whatever happens, no promise among our functions breaks, and in the end
// everything that flows took is home.
#include "dataplane/wire/spx_object.h"
#include "tests/unit/core/flow_world.h"

#define REPORTS   8
#define STEPS_MAX 2000

static const uint8_t chunk_types[] = {CHUNK_USER_DATA,  CHUNK_NEXT_USER_DATA, CHUNK_ACK_BITMAP,
				      CHUNK_ACK_RANGES, CHUNK_BUFFER_PROBE,   CHUNK_FLOW_EXCEPTION};

static uint8_t zeros[6000];

// ---- the far end ----

// A packet of up to 4 chunks: their types, lengths and octets are the input's.
static void packet(struct node *n, struct rd *in)
{
	uint8_t octets[NODE_PACKET_MAX];
	struct wr w = wr_over(octets, sizeof(octets));
	uint8_t count = 1 + rd_u8(in) % 4;

	while (count-- > 0 && rd_left(in) > 0) {
		struct wr_point start =
			wr_chunk_begin(&w, chunk_types[rd_u8(in) % sizeof(chunk_types)]);
		uint8_t len = rd_u8(in) % 32;

		wr_put_span(&w, rd_bytes(in, len < rd_left(in) ? len : rd_left(in)));
		if (rd_err(in) != 0)
			return;
		wr_chunk_commit(&w, start);
	}
	node_receive(n, octets, w.len);
}

// Acks that fit what we sent, so that flows get on.
static void good_ack(struct node *n, struct rd *in)
{
	uint16_t slot = rd_u8(in) % 16;
	uint32_t idx = flow_tx_of_slot(&n->e, NODE_SESSION, slot);
	uint64_t ranges[2][2] = {{0}};
	uint64_t sn;

	if (idx == FLOW_IDX_NONE)
		return;
	sn = flow_tx_at(n->e.flows, idx)->sn_base + rd_u8(in) % 4;
	ranges[0][0] = rd_u8(in) % 2 ? sn + 1 : 0;
	ranges[0][1] = sn + 1;
	node_gets_ack(n, flow_tx_cold_at(n->e.flows, idx)->flow_id, rd_u8(in) % 8, sn - 1, ranges);
}

static void good_data(struct node *n, struct rd *in)
{
	struct test_data d = {.flow = rd_u8(in) % 70, .seq = 1 + rd_u8(in) % 16, .assoc = -1};

	d.flags = rd_u8(in) & (USER_DATA_FRA | USER_DATA_ABANDON | USER_DATA_FINAL);
	d.fsn_offset = rd_u8(in) % (d.seq + 1);
	d.metadata = rd_u8(in) % 2 ? "\x47\x52\x12" : NULL;
	d.assoc = rd_u8(in) % 2 ? 3 : -1;
	d.body = "fragment";
	node_gets_data(n, &d);
}

// ---- control ----

static void open_flow(struct node *n, struct rd *in)
{
	struct command open = {.flow = rd_u8(in) % 8};

	open.open.flow_id = open.flow + FLOWS_PER_SESSION * (rd_u8(in) % 4);
	open.open.rule_stream = rd_u8(in) % 2 ? 5 : NO_STREAM;
	open.open.prio = rd_u8(in) % PRIO_N;
	node_flow_open_as(n, &open);
}

static void send_message(struct node *n, struct rd *in)
{
	uint16_t slot = rd_u8(in) % 8, len = rd_u16(in) % sizeof(zeros);
	uint8_t wait = rd_u8(in);

	if (body_pool_lent(n->control) < 100)
		node_send(n, slot, zeros, len, wait == 0 ? 0 : n->e.now_us + wait * 4000);
}

static void judge(struct node *n, struct rd *in)
{
	uint16_t slot = rd_u8(in) % FLOWS_PER_SESSION;
	const struct flow_table *t = flow_table_at(n->e.flows, NODE_SESSION);
	uint8_t class = rd_u8(in) % (FLOW_REJECT + 1);
	uint64_t id = rd_u8(in);

	if (t->rx_used & slot_bit((uint8_t)slot))
		id = n->e.flows->rx[t->rx[slot]].flow_id;
	if (class == FLOW_REJECT)
		node_reject(n, slot, id, 42);
	else
		node_class(n, slot, id, class, rd_u8(in) % 2 ? 5 : NO_STREAM, rd_u8(in) % 2);
	n->relay.takes_control = rd_u8(in) % 2;
}

// ---- objects that the worker gives by itself ----

#define OBJECTS 8

static void object_keep(struct node *n, struct rd *in)
{
	struct command keep = {.op = CMD_OBJECT_KEEP};

	keep.object.first = rd_u8(in) % OBJECTS;
	keep.object.encoding = rd_u8(in);
	keep.len = rd_u16(in) * 2u;
	if (body_pool_lent(n->control) >= 100)
		return;
	keep.body = body_get(n->control, keep.len);
	if (keep.body == NULL)
		return;
	memset(keep.body->data, (int)keep.object.first, keep.len);
	node_command(n, &keep);
}

static void objects_drop(struct node *n, struct rd *in)
{
	struct command drop = {.op = CMD_OBJECTS_DROP};

	drop.object.first = rd_u8(in) % OBJECTS;
	drop.object.last = drop.object.first + rd_u16(in) % 1000;
	node_command(n, &drop);
}

// Whoever asks on this flow is answered on that one.
static void object_class(struct node *n, struct rd *in)
{
	struct command class = {.op = CMD_FLOW_CLASS, .flow = rd_u8(in) % FLOWS_PER_SESSION};
	const struct flow_table *t = flow_table_at(n->e.flows, NODE_SESSION);
	uint32_t answers = flow_tx_of_slot(&n->e, NODE_SESSION, rd_u8(in) % 8);

	if (!(t->rx_used & slot_bit((uint8_t) class.flow)) || answers == FLOW_IDX_NONE)
		return;
	class.class.flow_id = n->e.flows->rx[t->rx[class.flow]].flow_id;
	class.class.class = FLOW_STORE;
	class.class.stream = NO_STREAM;
	class.class.answer_flow_id = flow_tx_cold_at(n->e.flows, answers)->flow_id;
	node_command(n, &class);
}

// A request that is right but for what the input does to it.
static void object_ask(struct node *n, struct rd *in)
{
	struct object_request q = {.request = 1 + rd_u8(in) % 100,
				   .index = rd_u8(in) % (2 * OBJECTS)};
	struct test_data d = {.flow = rd_u8(in) % 70, .seq = 1 + rd_u8(in) % 16, .assoc = -1};
	uint8_t octets[20] = {0}, at;
	struct wr w = wr_over(octets, sizeof(octets) - 1);

	if (rd_u8(in) % 4 == 0)
		q.index = rd_vlu(in);
	object_request_write(&w, SPX_REQUEST, &q);
	at = rd_u8(in) % 16;
	octets[at] ^= rd_u8(in);
	d.fsn_offset = d.seq;
	d.body = (const char *)octets;
	node_gets_data(n, &d);
}

static void objects(struct node *n, struct rd *in)
{
	switch (rd_u8(in) % 4) {
	case 0:
		object_keep(n, in);
		break;
	case 1:
		objects_drop(n, in);
		break;
	case 2:
		object_class(n, in);
		break;
	default:
		object_ask(n, in);
	}
}

static void take_reports(struct node *n)
{
	struct report r;

	while (node_report(n, &r))
		if (r.op == REP_MESSAGE)
			body_put(r.body);
}

// ---- the relay ----

static void stream(struct node *n, struct rd *in)
{
	uint32_t idx = flow_tx_of_slot(&n->e, NODE_SESSION, 9), ref = 7;
	uint8_t octets[NODE_PACKET_MAX], what = rd_u8(in) % 4;
	struct txp t = {.w = wr_over(octets, sizeof(octets))};
	struct flow_tx *f;
	uint64_t sn;

	if (idx == FLOW_IDX_NONE) {
		flow_tx_open_stream(&n->e, NODE_SESSION, 9, 9 + FLOWS_PER_SESSION * rd_u8(in), 77,
				    1);
		return;
	}
	f = flow_tx_at(n->e.flows, idx);
	if (!(f->flags & FLOW_TX_STREAM))
		return;
	sn = f->sn_next;
	if (what == 0 && flow_tx_next_lost(&n->e, idx, &sn, &ref)) {
		flow_tx_abandon(&n->e, idx, sn);
	} else if (what == 1) {
		flow_tx_write_fsn_update(&n->e, idx, &t);
	} else if (what == 2 && rd_u8(in) == 0) {
		flow_tx_close(&n->e, idx);
	} else if (flow_tx_next_lost(&n->e, idx, &sn, &ref) || flow_tx_has_room(&n->e, f)) {
		if (flow_tx_write_header(&n->e, idx, &t.w, sn, USER_DATA_FRA_WHOLE, 100) == 0)
			flow_tx_sent(&n->e, idx, sn, ref, (uint16_t)(t.w.len + 100));
	}
}

// ---- time ----

static void wait(struct node *n, uint8_t ticks)
{
	node_time(n, n->e.now_us + (uint64_t)ticks * ticks * 1000);
	node_alarms(n);
}

static void say(struct node *n)
{
	uint8_t octets[NODE_PACKET_MAX];

	for (int i = 0; i < 4 && node_packet(n, octets) > 0; i++)
		;
}

static void step(struct node *n, struct rd *in)
{
	switch (rd_u8(in) % 16) {
	case 0:
		open_flow(n, in);
		break;
	case 1:
		send_message(n, in);
		break;
	case 2:
		node_flow_close(n, rd_u8(in) % 16);
		break;
	case 3:
		judge(n, in);
		break;
	case 4:
		take_reports(n);
		break;
	case 5:
		stream(n, in);
		break;
	case 6:
		wait(n, rd_u8(in));
		break;
	case 7:
		flows_ungroup(&n->e, NODE_SESSION);
		break;
	case 8:
	case 9:
		say(n);
		break;
	case 10:
		good_ack(n, in);
		break;
	case 11:
	case 12:
		good_data(n, in);
		break;
	case 13:
		objects(n, in);
		break;
	default:
		packet(n, in);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rd in = rd_over(data, size);
	struct node *n = node_create(REPORTS);

	for (int i = 0; i < STEPS_MAX && rd_left(&in) > 0; i++)
		step(n, &in);
	node_destroy(n);
	return 0;
}

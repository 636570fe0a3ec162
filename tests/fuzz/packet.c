// A whole engine fed by a stranger and by a far end that has keys and no manners. The input is a
// script: op:1 length:1 data. Whatever it says, the engine neither stops nor lends what it does not
// get back, takes no memory, works no more than for a usual packet, and sends an address that has
// not proven itself three times what came from there.
#include <assert.h>
#include <string.h>

#include "crypto/certificate.h"
#include "dataplane/core/internal.h"
#include "tests/fuzz/oracle.h"
#include "tests/support/far_end.h"

enum op {
	OP_DATAGRAM,   // as it is
	OP_TO_SESSION, // rubbish for the session's id
	OP_PACKET,     // a plain packet under the session's keys
	OP_CHUNKS,     // chunks under the session's keys
	OP_STARTUP,    // chunks under the default key
	OP_RESERVED,   // chunks under the default key, to a reserved id
	OP_EARLY,      // rubbish to a reserved id
	OP_TIME,       // ms pass
	OP_COMMAND,    // control does something
	OP_MOVE,       // the far end speaks from another address from now on
	OP_ANSWER,     // it answers what it is asked there
	OP_N
};

#define RESERVED_SLOT 9
#define RESERVED_ID   session_id_make(0, RESERVED_SLOT, 77)
#define STREAM        0

struct world {
	struct loop *l;
	struct far_end far;
	uint8_t class; // what the next receive flows become
	struct oracle_ledger ledger;
	struct oracle_line line;
	uint64_t work; // for the latest datagram
};

static void add_endpoint(struct loop *l)
{
	struct endpoint_seed seed = {.answers_hello = 1};
	struct command cmd = {.op = CMD_ENDPOINT, .len = sizeof(seed)};
	const uint8_t random[CERTIFICATE_RANDOM_LEN] = {1, 2, 3};

	seed.cert_len = (uint16_t)certificate_build_server(seed.cert, sizeof(seed.cert), random);
	cmd.body = loop_body(l, 0, &seed, sizeof(seed));
	loop_command(l, 0, &cmd);
}

static void add_stream(struct loop *l)
{
	struct stream_seed seed = {.window_ms = 8000,
				   .margin_ms = 2000,
				   .update_ms = 100,
				   .fetch_ms = 2500,
				   .extents_max = 16,
				   .push_limit = 4,
				   .flags = STREAM_HOME};
	struct command cmd = {.op = CMD_STREAM_ADD, .len = sizeof(seed)};

	cmd.stream.stream = STREAM;
	cmd.body = loop_body(l, 0, &seed, sizeof(seed));
	loop_command(l, 0, &cmd);
}

static struct command about(const struct world *w, enum command_op op)
{
	return (struct command){
		.op = (uint8_t)op, .session_idx = w->far.slot, .session_id = w->far.id};
}

static void open_session(struct world *w)
{
	struct command cmd;

	w->far = far_connect(w->l, 0, &(struct loop_form){.tag_len = 4}, true);
	oracle_proven(&w->ledger, w->far.addr.ip, w->far.addr.port);
	cmd = about(w, CMD_FLOW_OPEN);
	cmd.open.meta_len = 3;
	memcpy(cmd.open.meta, "\x47\x52\x11", 3);
	loop_command(w->l, 0, &cmd);
	cmd = about(w, CMD_STREAM_LINK);
	cmd.link.stream = STREAM;
	cmd.link.data_flow = 1;
	cmd.link.data_flow_id = 1;
	loop_command(w->l, 0, &cmd);
}

static void reserve(struct loop *l)
{
	struct command cmd = {
		.op = CMD_SESSION_RESERVE, .session_idx = RESERVED_SLOT, .session_id = RESERVED_ID};

	l->nodes[0].is_taken[RESERVED_SLOT] = true;
	loop_command(l, 0, &cmd);
}

static void command(struct world *w, const uint8_t *data, uint8_t len)
{
	struct command cmd = about(w, CMD_FLOW_SEND);

	switch (len > 0 ? data[0] % 6 : 0) {
	case 0:
		cmd.len = len;
		cmd.body = loop_body(w->l, 0, data, len);
		break;
	case 1:
		cmd.op = CMD_FLOW_CLOSE;
		break;
	case 2:
		cmd.op = CMD_STREAM_PUBLISH;
		cmd.len = len;
		cmd.body = loop_body(w->l, 0, data, len);
		cmd.stream.stream = STREAM;
		cmd.stream.number = len;
		break;
	case 3:
		cmd.op = CMD_SESSION_CLOSE;
		cmd.close.how = len > 1 ? data[1] % 3 : CLOSE_ORDERLY;
		break;
	case 4:
		cmd.op = CMD_SESSION_UNGROUP;
		break;
	default:
		w->class = len > 1 ? data[1] % 5 : FLOW_HELD;
		return;
	}
	loop_command(w->l, 0, &cmd);
}

static void answer_reports(struct world *w)
{
	struct loop_node *n = &w->l->nodes[0];

	while (n->n_inbox > 0) {
		struct report r = n->inbox[--n->n_inbox];
		struct command cmd = {.op = CMD_FLOW_CLASS,
				      .session_idx = r.session_idx,
				      .session_id = r.session_id,
				      .flow = r.flow};

		if (r.op == REP_FLOW_OPENED) {
			cmd.class.flow_id = r.opened.flow_id;
			cmd.class.class = w->class;
			cmd.class.stream = STREAM;
			loop_command(w->l, 0, &cmd);
		}
		if (r.op == REP_SESSION_MOVED)
			oracle_proven(&w->ledger, r.addr.ip, r.addr.port);
		if (r.op == REP_SESSION_CLOSED && r.session_id == w->far.id)
			open_session(w);
		loop_put(w->l, 0, r.body);
	}
}

// ---- datagrams ----

// As far_send_datagram() would, with what the engine does for it watched.
static void arrive(struct world *w, struct span datagram)
{
	uint8_t copy[LOOP_DATAGRAM_MAX];
	struct pkt pkt = {.data = copy, .len = (uint16_t)datagram.len, .room = sizeof(copy)};
	size_t memory = oracle_memory();
	uint64_t work;

	if (datagram.len > 0)
		memcpy(copy, datagram.data, datagram.len);
	memcpy(pkt.addr, w->far.addr.ip, sizeof(pkt.addr));
	pkt.port = w->far.addr.port;
	pkt.family = w->far.addr.family;
	oracle_in(&w->ledger, w->far.addr.ip, w->far.addr.port, datagram.len);
	oracle_memory_peak();
	work = oracle_work();
	engine_rx(w->l->nodes[0].engine, &pkt, 1, w->l->now_us);
	w->work = oracle_work() - work;
	assert(oracle_memory_peak() == memory); // all was taken by engine_create
	if (w->line.is_set)
		oracle_work_check(&w->line, datagram.len, w->work);
}

static bool on_sent(void *ctx, struct loop *l, const struct loop_datagram *d)
{
	struct world *w = ctx;

	oracle_out(&w->ledger, d->dst.ip, d->dst.port, d->len, l->now_us);
	return true;
}

static void to_id(struct world *w, uint32_t id, const uint8_t *data, uint8_t len)
{
	uint8_t datagram[4 + 255] = {0};

	memcpy(datagram + 4, data, len);
	ssid_scramble(datagram, 4u + len, id);
	arrive(w, span_of(datagram, 4u + len));
}

static void startup(struct world *w, uint32_t id, const uint8_t *data, uint8_t len)
{
	uint8_t datagram[LOOP_DATAGRAM_MAX];
	size_t n = startup_seal(w->l, id, span_of(data, len), datagram);

	arrive(w, span_of(datagram, n));
}

static void packet(struct world *w, struct span plain)
{
	uint8_t datagram[LOOP_DATAGRAM_MAX];
	size_t n = far_seal(&w->far, plain, datagram);

	arrive(w, span_of(datagram, n));
}

// The input's octets, n times: the length of a datagram and not that of a script's step.
static void chunks(struct world *w, const uint8_t *data, size_t len, unsigned n)
{
	uint8_t plain[1 + 1200] = {MODE_INITIATOR};
	size_t at = 1;

	for (; n > 0 && len > 0 && at + len <= sizeof(plain); n--, at += len)
		memcpy(plain + at, data, len);
	packet(w, span_of(plain, at));
}

static void move(struct world *w, uint8_t where)
{
	w->far.addr = loop_addr(LOOP_NODES_MAX + 1, (uint16_t)(10000 + where % 4));
}

// Every ping that came, wherever: an attacker hears what is said at an address of its own.
static void answer(struct world *w)
{
	uint8_t buf[LOOP_DATAGRAM_MAX], reply[64] = {CHUNK_PING_REPLY};
	struct chunk c;

	if (far_receive_chunk(&w->far, CHUNK_PING, buf, &c) && c.payload.len < sizeof(reply) - 3) {
		be16_put(reply + 1, (uint16_t)c.payload.len);
		if (c.payload.len > 0)
			memcpy(reply + 3, c.payload.data, c.payload.len);
		chunks(w, reply, 3 + c.payload.len, 1);
	}
}

static void step(struct world *w, uint8_t op, const uint8_t *data, uint8_t len)
{
	switch (op % OP_N) {
	case OP_DATAGRAM:
		arrive(w, span_of(data, len));
		break;
	case OP_TO_SESSION:
		to_id(w, w->far.id, data, len);
		break;
	case OP_PACKET:
		packet(w, len > 0 ? span_of(data, len) : span_of("\x01", 1));
		break;
	case OP_CHUNKS:
		if (len > 0)
			chunks(w, data + 1, len - 1u, 1 + data[0] % 32u);
		break;
	case OP_STARTUP:
		startup(w, 0, data, len);
		break;
	case OP_RESERVED:
		startup(w, RESERVED_ID, data, len);
		break;
	case OP_EARLY:
		to_id(w, RESERVED_ID, data, len);
		break;
	case OP_TIME:
		loop_run_us(w->l, len > 0 ? data[0] * 4000ull : 1000);
		break;
	case OP_MOVE:
		move(w, len > 0 ? data[0] : 0);
		break;
	case OP_ANSWER:
		answer(w);
		break;
	default:
		command(w, data, len);
	}
	loop_turn(w->l);
	w->l->n_strays = 0;
	answer_reports(w);
}

// ---- the world ----

// Small, so that it is made quickly and its limits are reached.
static void tune(struct engine_opts *o)
{
	o->sessions_max = 16;
	o->flows_tx_max = o->flows_rx_max = 96;
	o->messages_max = o->rx_cells_max = 128;
	o->body_bytes = 1 << 20;
	o->streams_max = 2;
	o->links_max = 8;
	o->extents_max = 16;
	o->message_bytes_max = 16384;
}

static void world_create(struct world *w)
{
	struct loop_opts opts = {.seed = 1, .n_nodes = 1, .backend = CRYPTO_SOFT, .tune = tune};

	w->l = loop_create(&opts);
	w->l->tap = on_sent;
	w->l->tap_ctx = w;
	oracle_ledger_init(&w->ledger, w->l->now_us);
	add_endpoint(w->l);
	add_stream(w->l);
	reserve(w->l);
	open_session(w);
	loop_turn(w->l);
}

// Whatever happened: all of control's bodies come home once the sessions are gone.
static void world_destroy(struct world *w)
{
	for (uint32_t slot = 0; slot < w->l->nodes[0].n_slots; slot++) {
		w->far.id = 0; // nobody opens another one
		session_destroy(w->l->nodes[0].engine, slot, CLOSED_BY_US);
	}
	loop_turn(w->l);
	answer_reports(w);
	loop_turn(w->l);
	assert(body_pool_lent(w->l->nodes[0].bodies) == 0);
	loop_destroy(w->l);
}

// Short messages, whole in a fragment each, as pulls and pushes are.
static uint64_t usual_work(size_t *len)
{
	static const uint8_t first[] = {
		CHUNK_USER_DATA, 0, 11, 0x80, 1, 1, 0, 5, 0, 'T', 'C', 4, 0, 0};
	static const uint8_t more[] = {CHUNK_NEXT_USER_DATA, 0, 7, 0, 'm', 'e', 's', 's', 'a', 'g'};
	uint8_t plain[1 + 1200] = {MODE_INITIATOR};
	struct world w = {.class = FLOW_CONTROL};
	size_t n;

	world_create(&w);
	n = 1 + oracle_repeat(plain + 1, *len, first, sizeof(first), more, sizeof(more));
	packet(&w, span_of(plain, n));
	*len = w.ledger.paths[0].in - 28;
	world_destroy(&w);
	return w.work;
}

static struct oracle_line usual_line(void)
{
	struct oracle_line line = {.small_len = 64, .large_len = 1200, .is_set = true};

	line.small = usual_work(&line.small_len);
	line.large = usual_work(&line.large_len);
	return line;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct oracle_line line;
	struct world w = {0};

	if (!line.is_set)
		line = usual_line();
	w.line = line;
	world_create(&w);
	for (int steps = 0; size >= 2 && steps < 100; steps++) {
		uint8_t len = data[1] < size - 2 ? data[1] : (uint8_t)(size - 2);

		step(&w, data[0], data + 2, len);
		data += 2 + len;
		size -= 2u + len;
	}
	world_destroy(&w);
	return 0;
}

// A whole engine fed by a stranger and by a far end that has keys and no manners. The input is a
// script: op:1 length:1 data. Whatever it says, the engine neither stops nor lends what it does not
// get back.
#include <assert.h>
#include <string.h>

#include "crypto/certificate.h"
#include "dataplane/core/internal.h"
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
	OP_N
};

#define RESERVED_SLOT 9
#define RESERVED_ID   session_id_make(0, RESERVED_SLOT, 77)
#define STREAM        0

struct world {
	struct loop *l;
	struct far_end far;
	uint8_t class; // what the next receive flows become
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
		if (r.op == REP_SESSION_CLOSED && r.session_id == w->far.id)
			open_session(w);
		loop_put(w->l, 0, r.body);
	}
}

static void to_id(struct world *w, uint32_t id, const uint8_t *data, uint8_t len)
{
	uint8_t datagram[4 + 255] = {0};

	memcpy(datagram + 4, data, len);
	ssid_scramble(datagram, 4u + len, id);
	far_send_datagram(&w->far, span_of(datagram, 4u + len));
}

static void startup(struct world *w, uint32_t id, const uint8_t *data, uint8_t len)
{
	uint8_t datagram[LOOP_DATAGRAM_MAX];
	size_t n = startup_seal(w->l, id, span_of(data, len), datagram);

	far_send_datagram(&w->far, span_of(datagram, n));
}

static void step(struct world *w, uint8_t op, const uint8_t *data, uint8_t len)
{
	switch (op % OP_N) {
	case OP_DATAGRAM:
		far_send_datagram(&w->far, span_of(data, len));
		break;
	case OP_TO_SESSION:
		to_id(w, w->far.id, data, len);
		break;
	case OP_PACKET:
		far_send(&w->far, len > 0 ? span_of(data, len) : span_of("\x01", 1));
		break;
	case OP_CHUNKS:
		far_send_chunks(&w->far, span_of(data, len));
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
	default:
		command(w, data, len);
	}
	loop_turn(w->l);
	answer_reports(w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct world w = {0};
	struct loop_opts opts = {.seed = 1, .n_nodes = 1, .backend = CRYPTO_SOFT};

	w.l = loop_create(&opts);
	add_endpoint(w.l);
	add_stream(w.l);
	reserve(w.l);
	open_session(&w);
	loop_turn(w.l);
	for (int steps = 0; size >= 2 && steps < 100; steps++) {
		uint8_t len = data[1] < size - 2 ? data[1] : (uint8_t)(size - 2);

		step(&w, data[0], data + 2, len);
		data += 2 + len;
		size -= 2u + len;
	}
	// Whatever happened: all of control's bodies come home once the sessions are gone.
	for (uint32_t slot = 0; slot < w.l->nodes[0].n_slots; slot++) {
		w.far.id = 0; // nobody opens another one
		session_destroy(w.l->nodes[0].engine, slot, CLOSED_BY_US);
	}
	loop_turn(w.l);
	answer_reports(&w);
	loop_turn(w.l);
	assert(body_pool_lent(w.l->nodes[0].bodies) == 0);
	loop_destroy(w.l);
	return 0;
}

// Whatever a far end says on RTMP flows, to a server of NetConnections and live streams and to a
// client of one. The input is a script of what the far ends' workers would report; messages are the
// input's octets, or a command whose name and arguments it chooses. Nothing grows beyond what was
// configured, and in the end every body is home and nobody is left.
//
//	script := { op:1 slot:1 ... }*, op := session (low 2 bits), deed (next 3)
#include <assert.h>
#include <string.h>

#include "control/outbox.h"
#include "control/rpc/command.h"
#include "control/rpc/rpc.h"
#include "control/startup/internal.h"
#include "dataplane/mailbox.h"
#include "dataplane/wire/flow_kind.h"
#include "dataplane/wire/rtmp_msg.h"
#include "tests/fuzz/oracle.h"

#define SESSIONS     4 // of the last we are the client
#define STEPS_MAX    120
#define RING         1024
#define POOL_BYTES   (1u << 20)
#define LOG_BYTES    65536
#define STREAMS_MAX  8
#define PLAYERS_MAX  4
#define QUEUE_BYTES  16384
#define SERVER       0
#define STEP_US_UNIT 100000
// A document of AMF per connection, ends of streams, their logs; the rest is small.
#define MEMORY_MAX (SESSIONS * 65536 + STREAMS_MAX * (LOG_BYTES + 16384) + (512 << 10))

struct world {
	struct rpc *rpc;
	struct mailbox *ring;
	struct body_pool *bodies;
	struct outbox *outbox;
	struct ctl_session sessions[SESSIONS];
	struct ctl_flows flows[SESSIONS];
	bool is_stuck[SESSIONS]; // its worker sends nothing: bodies stay out
	struct body *out[RING];  // that stuck workers have
	unsigned n_out;
	uint64_t now_us, next_flow_id;
};

static void session_open(struct world *w, unsigned i)
{
	struct ctl_session *s = &w->sessions[i];

	*s = (struct ctl_session){.idx = i,
				  .id = 1 + i,
				  .state = CTL_OPEN,
				  .endpoint = i == SESSIONS - 1 ? 1 : SERVER,
				  .is_initiator = i == SESSIONS - 1,
				  .is_alive = true,
				  .outbox = w->outbox};
	w->flows[i] = (struct ctl_flows){0};
	ctl_session_flows_set(s, &w->flows[i]);
	s->far = (struct wire_addr){.ip = {192, 0, 2, (uint8_t)(i + 1)}, .port = 4000, .family = 4};
	if (i == SESSIONS - 1)
		rpc_connect(w->rpc, s, "rtmfp://host/live/room", w, w->now_us);
}

// ---- the workers ----

static void command(struct world *w, const struct command *c)
{
	unsigned i = c->session_idx % SESSIONS;
	struct ctl_session *s = &w->sessions[i];

	if (c->body != NULL && w->is_stuck[i] && w->n_out < RING)
		w->out[w->n_out++] = c->body;
	else if (c->body != NULL)
		body_put(c->body);
	if (c->op == CMD_FLOW_CLOSE && s->state == CTL_OPEN)
		ctl_flow_freed(s, c->flow);
	if (c->op == CMD_SESSION_CLOSE) {
		rpc_session_closed(w->rpc, s, w->now_us);
		session_open(w, i);
	}
}

// In bursts, since what a command brings about makes others.
static void turn(struct world *w)
{
	struct command c;

	do
		outbox_flush(w->outbox);
	while (mailbox_pop(w->ring, &c) && (command(w, &c), true));
}

static void come_home(struct world *w)
{
	while (w->n_out > 0)
		body_put(w->out[--w->n_out]);
}

// ---- the far ends ----

static void flow_opened(struct world *w, struct ctl_session *s, uint8_t slot, struct rd *in)
{
	static const uint8_t kinds[] = {0, 0, 0, 1, 2, 3, 4, 200}; // stream ids; most begin with 0
	uint8_t what = rd_u8(in), meta[24];
	struct wr wr = wr_over(meta, sizeof(meta));
	struct tc_metadata tc = {TC_SID | (what >> 3 & TC_RXI), kinds[what & 7]};
	uint16_t assoc = NO_FLOW;
	struct span octets;

	if (s->rx[slot].owner != OWNER_NONE)
		return;
	if (what & 0x10) { // of ours, some
		for (uint16_t i = 0; i < FLOWS_PER_SESSION && assoc == NO_FLOW; i++)
			if (s->tx[i].owner != OWNER_NONE && (what >> 5) <= i)
				assoc = i;
	}
	tc_metadata_write(&wr, &tc);
	octets = wr_span(&wr);
	if (what == 0xff)
		octets = rd_bytes(in, rd_left(in) < 20 ? rd_left(in) : 20);
	rpc_flow_opened(w->rpc, s, slot, w->next_flow_id++, assoc, octets, w->now_us);
}

static void message(struct world *w, struct ctl_session *s, uint8_t slot, struct span m, bool gap)
{
	if (s->rx[slot].owner == OWNER_RPC)
		rpc_message(w->rpc, s, slot, m, w->now_us);
	else if (s->rx[slot].owner == OWNER_STREAM)
		rpc_stream_message(w->rpc, s, slot, m, gap, w->now_us);
}

// A whole command, so that its arguments are reached: connect and the like with what they want.
static void call(struct world *w, struct ctl_session *s, uint8_t slot, struct rd *in)
{
	static const char *const names[] = {
		"connect",      "setPeerInfo",  "createStream",      "publish",
		"play",         "closeStream",  "deleteStream",      "pause",
		"receiveAudio", "receiveVideo", "onStatus",          "_result",
		"_error",       "seek",         "|RtmpSampleAccess", "@setDataFrame"};
	static const char *const texts[] = {"live", "live/room", "s", "192.0.2.1:4000", "record"};
	uint8_t how = rd_u8(in), n = rd_u8(in) % 5, buf[1024];
	struct wr wr = wr_over(buf, sizeof(buf));

	rpc_command_begin(&wr, how & 0x10, names[how % 16], how >> 5);
	if (names[how % 16][0] == 'c') {
		amf0_wr_object(&wr);
		amf0_wr_name(&wr, "app");
		amf0_wr_string(&wr, texts[n % 2]);
		amf0_wr_name(&wr, "objectEncoding");
		amf0_wr_number(&wr, n & 2 ? 3 : 0);
		amf0_wr_end(&wr);
	} else {
		amf0_wr_null(&wr);
	}
	for (; n > 0; n--) {
		uint8_t value = rd_u8(in);

		if (value % 3 == 0)
			amf0_wr_string(&wr, texts[value % 5]);
		else
			amf0_wr_number(&wr, value % 9 - 2);
	}
	wr_bytes(&wr, in->at, rd_left(in) < 16 ? rd_left(in) : 16);
	if (wr_err(&wr) == 0)
		message(w, s, slot, wr_span(&wr), how & 0x80);
}

// Audio, video, data, user control: head and octets, as often as is said.
static void media(struct world *w, struct ctl_session *s, uint8_t slot, struct rd *in)
{
	static const uint8_t types[] = {8, 9, 15, 18, 4, 17, 20, 22};
	uint8_t how = rd_u8(in), buf[4096] = {0};
	struct wr wr = wr_over(buf, sizeof(buf));
	struct span octets = rd_bytes(in, rd_u8(in) % (rd_left(in) + 1));
	struct rtmp_head head = {types[how & 7], (uint32_t)(w->now_us / 1000)};

	rtmp_head_write(&wr, &head);
	wr_put_span(&wr, octets);
	if (wr_err(&wr) != 0)
		return;
	for (unsigned i = 0; i <= (how >> 3 & 7); i++)
		message(w, s, slot, span_of(buf, wr.len + (how >> 6) * 1000u),
			i == 0 && how & 0x40);
}

static void step(struct world *w, uint8_t op, uint8_t slot, struct rd *in)
{
	unsigned i = op % SESSIONS;
	struct ctl_session *s = &w->sessions[i];
	struct span octets;

	slot %= 16;
	switch (op >> 2 & 7) {
	case 0:
		flow_opened(w, s, slot, in);
		break;
	case 1:
		octets = rd_bytes(in, rd_u8(in) % (rd_left(in) + 1));
		message(w, s, slot, octets, op & 0x80);
		break;
	case 2:
	case 3:
		call(w, s, slot, in);
		break;
	case 4:
		media(w, s, slot, in);
		break;
	case 5:
		if (s->rx[slot].owner != OWNER_NONE)
			rpc_flow_finished(w->rpc, s, slot, w->now_us);
		s->rx[slot].owner = OWNER_NONE;
		break;
	case 6:
		if (op & 0x80) {
			w->is_stuck[i] = op & 0x40;
			come_home(w);
		} else if (s->tx[slot].owner != OWNER_NONE) {
			rpc_flow_exception(w->rpc, s, slot, op >> 5, w->now_us);
		}
		break;
	default:
		if (op & 0x80) {
			rpc_session_closed(w->rpc, s, w->now_us);
			session_open(w, i);
		}
		w->now_us += (uint64_t)slot * slot * STEP_US_UNIT;
		rpc_timers(w->rpc, w->now_us);
	}
	turn(w);
}

static void world_init(struct world *w)
{
	static const struct rpc_app apps[] = {{.name = "live"}};
	static const struct wire_addr local = {.ip = {192, 0, 2, 9}, .port = 1935, .family = 4};
	struct rpc_opts o = {.server_endpoint = SERVER,
			     .apps = apps,
			     .n_apps = 1,
			     .keepalive_nat_ms = 15000,
			     .keepalive_public_ms = 20000,
			     .keepalive_min_ms = 5000,
			     .local_addrs = &local,
			     .n_local_addrs = 1,
			     .connects_max = SESSIONS,
			     .streams_max = 16,
			     .streams_per_session_max = 4,
			     .stream_queue_bytes = QUEUE_BYTES,
			     .live = {.streams_max = STREAMS_MAX,
				      .streams_per_app_max = STREAMS_MAX,
				      .players_max = PLAYERS_MAX,
				      .log_bytes_max = LOG_BYTES}};

	memset(w, 0, sizeof(*w));
	w->now_us = 1000000;
	w->ring = mailbox_create(RING);
	w->bodies = body_pool_create(POOL_BYTES);
	w->outbox = outbox_create(&w->ring, 1, w->bodies);
	w->rpc = rpc_create(&o);
	assert(w->rpc != NULL);
	for (unsigned i = 0; i < SESSIONS; i++)
		session_open(w, i);
	turn(w);
}

static void world_fini(struct world *w)
{
	struct command c;

	for (unsigned i = 0; i < SESSIONS; i++)
		rpc_session_closed(w->rpc, &w->sessions[i], w->now_us);
	rpc_destroy(w->rpc);
	do
		outbox_flush(w->outbox);
	while (mailbox_pop(w->ring, &c) && (c.body == NULL || (body_put(c.body), true)));
	come_home(w);
	assert(body_pool_lent(w->bodies) == 0);
	outbox_destroy(w->outbox);
	body_pool_destroy(w->bodies);
	mailbox_destroy(w->ring);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rd in = rd_over(data, size);
	size_t memory = oracle_memory();
	struct world w;

	world_init(&w);
	for (unsigned i = 0; i < STEPS_MAX && rd_left(&in) > 1; i++) {
		uint8_t op = rd_u8(&in);

		step(&w, op, rd_u8(&in), &in);
		assert(oracle_memory() <= memory + MEMORY_MAX + POOL_BYTES);
	}
	world_fini(&w);
	return 0;
}

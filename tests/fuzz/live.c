// Three clients of a server who say anything on flows of any stream: commands of the table with any
// arguments, media, octets. Whatever they say, every limit holds, and nothing of them is left when
// they are gone.
#include <assert.h>
#include <stdlib.h>

#include "control/rpc/command.h"
#include "control/rpc/live_hub.h"
#include "control/rpc/net_stream.h"
#include "dataplane/wire/rtmp_msg.h"
#include "tests/unit/control/rpc/lines.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CLIENTS   3
#define FLOWS_MAX 16
#define DEEDS_MAX 400
#define STREAMS   3 // of a session
#define NAMES     4 // in all
#define PLAYERS   2 // of a stream
#define LOG_BYTES 20000
#define BUDGET    8000

struct side {
	uint16_t slots[FLOWS_MAX]; // the first is the control flow
	uint32_t n_slots;
	bool is_gone;
};

struct game {
	struct rpc_lines lines;
	struct side sides[CLIENTS];
};

static struct ctl_session *session(struct game *g, uint32_t client)
{
	return &g->lines.clients[client].sessions[0];
}

static void begin(struct game *g)
{
	static const struct rpc_opts o = {.connects_max = RPC_LINES_MAX,
					  .streams_max = 64,
					  .streams_per_session_max = STREAMS,
					  .stream_queue_bytes = BUDGET,
					  .live = {.streams_max = NAMES,
						   .streams_per_app_max = NAMES - 1,
						   .players_max = PLAYERS,
						   .log_bytes_max = LOG_BYTES}};

	lines_start(&g->lines, CLIENTS, &o, &o);
	for (uint32_t i = 0; i < CLIENTS; i++) {
		g->sides[i] = (struct side){.n_slots = 1};
		assert(rpc_connect(g->lines.clients[i].rpc, session(g, i),
				   i == 2 ? "rtmfp://h/other" : "rtmfp://h/live", NULL,
				   g->lines.now_us) == 0);
		lines_carry(&g->lines);
		g->lines.is_raw[i] = true;
	}
}

static void open_flow(struct game *g, uint32_t client, uint8_t what)
{
	struct side *s = &g->sides[client];
	uint8_t meta[] = {0x54, 0x43, TC_SID | (what & 0x80 ? TC_RXI : 0), what % 6};
	const struct ctl_flow_opts o = {.meta = meta,
					.meta_len = sizeof(meta),
					.has_assoc = (what & 0x40) == 0,
					.assoc_id = g->lines.server.sessions[client].tx[0].flow_id,
					.rule_stream = NO_STREAM,
					.owner = OWNER_GC_CLIENT}; // nobody's whom rpc asks
	int slot;

	if (s->n_slots == FLOWS_MAX)
		return;
	slot = ctl_flow_open(session(g, client), &o);
	if (slot >= 0)
		s->slots[s->n_slots++] = (uint16_t)slot;
}

static void say(struct game *g, uint32_t client, uint8_t flow, const struct wr *w)
{
	struct span s = wr_span(w);

	if (wr_err(w) == 0)
		ctl_flow_send(session(g, client),
			      g->sides[client].slots[flow % g->sides[client].n_slots], s.data,
			      (uint32_t)s.len, 0);
}

static struct span some(struct rd *in, uint8_t max)
{
	uint8_t len = rd_u8(in) % max;

	return rd_bytes(in, len < rd_left(in) ? len : rd_left(in));
}

static void command(struct game *g, uint32_t client, struct rd *in)
{
	static const char *const names[] = {"createStream", "deleteStream", "publish",
					    "play",         "closeStream",  "pause",
					    "receiveAudio", "receiveVideo", "FCPublish",
					    "connect",      "seek",         "setPeerInfo"};
	uint8_t buf[512], what = rd_u8(in), flow = rd_u8(in);
	struct wr w = wr_over(buf, sizeof(buf));

	rpc_command_begin(&w, what & 0x80, names[what % 12], what & 0x40 ? 3 : 0);
	amf0_wr_null(&w);
	if (what & 0x20) {
		char name[] = {(char)('a' + rd_u8(in) % 6), '\0'};

		amf0_wr_string(&w, name);
	}
	wr_put_span(&w, some(in, 40));
	say(g, client, flow, &w);
}

static void media(struct game *g, uint32_t client, struct rd *in)
{
	static const uint8_t types[] = {RTMP_AUDIO,     RTMP_VIDEO,     RTMP_DATA_AMF0,
					RTMP_DATA_AMF3, RTMP_AGGREGATE, RTMP_USER_CONTROL};
	static const uint8_t zeros[5000];
	uint8_t buf[8192], flow = rd_u8(in);
	struct wr w = wr_over(buf, sizeof(buf));
	const struct rtmp_head head = {types[rd_u8(in) % sizeof(types)], rd_u16(in)};

	rtmp_head_write(&w, &head);
	if (rd_u8(in) % 4 == 0)
		amf0_wr_string(&w, rd_u8(in) % 2 ? "@setDataFrame" : "@clearDataFrame");
	wr_put_span(&w, some(in, 64));
	wr_bytes(&w, zeros, rd_u8(in) * 16);
	say(g, client, flow, &w);
}

static void octets(struct game *g, uint32_t client, struct rd *in)
{
	uint8_t buf[256], flow = rd_u8(in);
	struct wr w = wr_over(buf, sizeof(buf));

	wr_put_span(&w, some(in, 200));
	say(g, client, flow, &w);
}

// The client rejects one of the server's flows.
static void reject(struct game *g, uint32_t client, uint8_t slot)
{
	struct ctl_session *s = &g->lines.server.sessions[client];

	if (slot % FLOWS_PER_SESSION != 0 && s->tx[slot % FLOWS_PER_SESSION].owner == OWNER_STREAM)
		rpc_flow_exception(g->lines.server.rpc, s, slot % FLOWS_PER_SESSION, 0,
				   g->lines.now_us);
}

static void leave(struct game *g, uint32_t client)
{
	g->sides[client].is_gone = true;
	lines_cut(&g->lines, client);
}

static void deed(struct game *g, struct rd *in)
{
	uint8_t op = rd_u8(in);
	uint32_t client = op % CLIENTS;

	if (g->sides[client].is_gone || session(g, client)->state != CTL_OPEN)
		return;
	switch (op / CLIENTS % 8) {
	case 0:
		open_flow(g, client, rd_u8(in));
		break;
	case 1:
	case 2:
		command(g, client, in);
		break;
	case 3:
		media(g, client, in);
		break;
	case 4:
		octets(g, client, in);
		break;
	case 5:
		lines_slow(&g->lines, client, rd_u8(in) % 2);
		break;
	case 6:
		reject(g, client, rd_u8(in));
		break;
	case 7:
		if (op > 240)
			leave(g, client);
		else
			lines_pass_us(&g->lines, rd_u8(in) * 20000);
		break;
	}
	lines_carry(&g->lines);
}

static void check(const struct game *g)
{
	struct live_info info[NAMES];
	uint32_t n = live_hub_info(rpc_live(g->lines.server.rpc), info, NAMES, g->lines.now_us);

	assert(live_hub_n(rpc_live(g->lines.server.rpc)) <= NAMES);
	assert(rpc_streams(g->lines.server.rpc)->n <= CLIENTS * STREAMS);
	for (uint32_t i = 0; i < n; i++) {
		assert(info[i].n_players <= PLAYERS);
		assert(info[i].backlog_bytes <= LOG_BYTES);
		assert(info[i].is_published || info[i].n_players > 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct game *g = calloc(1, sizeof(*g));
	struct rd in = rd_over(data, size);

	assert(g != NULL);
	begin(g);
	for (uint32_t i = 0; i < DEEDS_MAX && rd_left(&in) > 0; i++) {
		deed(g, &in);
		check(g);
	}
	for (uint32_t i = 0; i < CLIENTS; i++)
		if (!g->sides[i].is_gone)
			leave(g, i);
	assert(live_hub_n(rpc_live(g->lines.server.rpc)) == 0);
	assert(rpc_streams(g->lines.server.rpc)->n == 0);
	lines_stop(&g->lines); // every body is home
	free(g);
	return 0;
}

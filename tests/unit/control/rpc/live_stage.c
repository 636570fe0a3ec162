#include "tests/unit/control/rpc/live_stage.h"

#include "control/rpc/command.h"
#include "control/rpc/stream_merge.h"
#include "dataplane/wire/rtmp_msg.h"
#include "tests/support/test.h"

static void on_connected(void *ctx, struct ctl_session *s, void *user, const char *code)
{
}

void live_stage_start(struct live_stage *st, uint32_t n_clients, uint32_t queue_bytes,
		      const struct live_hub_opts *hub)
{
	struct rpc_opts o = {.connects_max = RPC_LINES_MAX,
			     .streams_max = 64,
			     .streams_per_session_max = 4,
			     .stream_queue_bytes = queue_bytes,
			     .live = *hub};
	struct rpc_opts client = o;

	memset(st, 0, sizeof(*st));
	client.events.connected = on_connected;
	client.stream_queue_bytes = 8u << 20;
	lines_start(&st->lines, n_clients, &o, &client);
}

void live_stage_stop(struct live_stage *st)
{
	lines_stop(&st->lines);
}

void live_stage_connect(struct live_stage *st, uint32_t client, const char *app)
{
	struct line_end *e = &st->lines.clients[client];
	char uri[128];

	snprintf(uri, sizeof(uri), "rtmfp://host/%s", app);
	assert_int_equal(rpc_connect(e->rpc, &e->sessions[0], uri, NULL, st->lines.now_us), 0);
	lines_carry(&st->lines);
}

static void take_event(struct seat *seat, const struct rpc_stream_event *e)
{
	assert_true(seat->n < SEAT_HEARD_MAX);
	seat->heard[seat->n++] = (struct heard){.kind = e->kind,
						.type = e->type,
						.first = e->data.len > 0 ? e->data.data[0] : 0,
						.timestamp = e->timestamp,
						.len = (uint32_t)e->data.len};
	seat->n_media += e->kind == RPC_STREAM_MESSAGE;
	seat->n_ended += e->kind == RPC_STREAM_ENDED;
	if (e->text != NULL)
		snprintf(seat->text, sizeof(seat->text), "%s", e->text);
}

static void take_events(struct live_stage *st)
{
	struct rpc_stream_event e;

	for (uint32_t i = 0; i < st->lines.n; i++)
		while (rpc_stream_event(st->lines.clients[i].rpc, &e, st->lines.now_us))
			take_event(e.user, &e);
}

void live_stage_run(struct live_stage *st)
{
	lines_carry(&st->lines);
	take_events(st);
	lines_pass_us(&st->lines, MERGE_BEGIN_US);
	take_events(st);
}

static struct seat *open_stream(struct live_stage *st, uint32_t client, const char *name,
				bool is_publisher)
{
	struct line_end *e = &st->lines.clients[client];
	struct seat *seat = &st->seats[client];
	const struct rpc_stream_opts o = {
		.name = name, .is_publisher = is_publisher, .is_live = true, .user = seat};

	*seat = (struct seat){.client = client};
	assert_int_equal(
		rpc_stream_open(e->rpc, &e->sessions[0], &o, &seat->stream, st->lines.now_us), 0);
	lines_carry(&st->lines);
	take_events(st);
	return seat;
}

struct seat *live_stage_publish(struct live_stage *st, uint32_t client, const char *name)
{
	return open_stream(st, client, name, true);
}

struct seat *live_stage_play(struct live_stage *st, uint32_t client, const char *name)
{
	return open_stream(st, client, name, false);
}

void live_stage_write(struct live_stage *st, struct seat *seat, uint8_t type, uint32_t timestamp,
		      uint32_t len, const char *octets)
{
	uint8_t *body = malloc(len);

	assert_true(body != NULL && strlen(octets) <= len);
	memset(body, 0x55, len);
	memcpy(body, octets, strlen(octets));
	assert_int_equal(rpc_stream_write(seat->stream, type, timestamp, span_of(body, len),
					  st->lines.now_us),
			 0);
	free(body);
}

void live_stage_config(struct live_stage *st, struct seat *seat)
{
	static const char meta[] = "\x02\x00\x0aonMetaData\x05";

	assert_int_equal(rpc_stream_write(seat->stream, RTMP_DATA_AMF0, 0,
					  span_of(meta, sizeof(meta) - 1), st->lines.now_us),
			 0);
	assert_int_equal(rpc_stream_write(seat->stream, RTMP_VIDEO, 0,
					  span_of("\x17\x00\x00\x00\x00", 5), st->lines.now_us),
			 0);
	assert_int_equal(rpc_stream_write(seat->stream, RTMP_AUDIO, 0,
					  span_of("\xaf\x00\x12\x10", 4), st->lines.now_us),
			 0);
	lines_carry(&st->lines);
}

void live_stage_key(struct live_stage *st, struct seat *seat, uint32_t timestamp)
{
	live_stage_write(st, seat, RTMP_VIDEO, timestamp, 2000, "\x17\x01");
	lines_carry(&st->lines);
}

void live_stage_picture(struct live_stage *st, struct seat *seat, uint32_t timestamp)
{
	live_stage_write(st, seat, RTMP_VIDEO, timestamp, 500, "\x27\x01");
	lines_carry(&st->lines);
}

void live_stage_sound(struct live_stage *st, struct seat *seat, uint32_t timestamp)
{
	live_stage_write(st, seat, RTMP_AUDIO, timestamp, 60, "\xaf\x01");
	lines_carry(&st->lines);
}

void live_stage_data(struct live_stage *st, struct seat *seat, uint32_t timestamp)
{
	live_stage_write(st, seat, RTMP_DATA_AMF0, timestamp, 60, "\x02");
	lines_carry(&st->lines);
}

void live_stage_command(struct live_stage *st, uint32_t client, const char *name, struct span args)
{
	struct ctl_session *s = &st->lines.server.sessions[client];
	uint8_t buf[512];
	struct wr w = wr_over(buf, sizeof(buf));
	uint16_t slot = 0;

	while (s->rx[slot].owner != OWNER_STREAM) {
		slot++;
		assert_true(slot < FLOWS_PER_SESSION);
	}
	rpc_command_begin(&w, false, name, 0);
	amf0_wr_null(&w);
	wr_put_span(&w, args);
	assert_int_equal(wr_err(&w), 0);
	rpc_stream_message(st->lines.server.rpc, s, slot, wr_span(&w), false, st->lines.now_us);
	lines_carry(&st->lines);
	take_events(st);
}

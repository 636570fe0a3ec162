// Streams that clients ask a server for: made and deleted on the connection, published and played
// on themselves.
#include "control/rpc/server_stream.h"

#include <string.h>

#include "control/rpc/internal.h"
#include "control/rpc/live_hub.h"
#include "dataplane/wire/limits.h"
#include "dataplane/wire/rtmp_msg.h"

// ---- what is said ----

static int say(struct net_stream *ns, const struct wr *w, uint64_t now_us)
{
	if (wr_err(w) != 0)
		return wr_err(w);
	return net_stream_write(ns, NET_STREAM_COMMAND, wr_span(w), (struct span){0}, true, now_us);
}

int stream_status(struct net_stream *ns, bool is_amf3, const char *level, const char *code,
		  const char *details, uint64_t now_us)
{
	uint8_t buf[REPLY_MAX];
	struct wr w = wr_over(buf, sizeof(buf));

	rpc_command_begin(&w, is_amf3, "onStatus", 0);
	amf0_wr_null(&w);
	amf0_wr_object(&w);
	amf0_wr_name(&w, "level");
	amf0_wr_string(&w, level);
	amf0_wr_name(&w, "code");
	amf0_wr_string(&w, code);
	amf0_wr_name(&w, "description");
	amf0_wr_string(&w, details);
	amf0_wr_name(&w, "details");
	amf0_wr_string(&w, details);
	amf0_wr_end(&w);
	return say(ns, &w, now_us);
}

int stream_user_control(struct net_stream *ns, uint16_t event, uint64_t now_us)
{
	const struct user_control u = {.event = event, .stream_id = net_stream_id(ns)};
	uint8_t buf[32];
	struct wr w = wr_over(buf, sizeof(buf));

	user_control_write(&w, 0, &u);
	return say(ns, &w, now_us);
}

// ---- commands on a stream ----

struct request {
	struct nc_session *nc;
	struct live_end *end;
	struct net_stream *ns;
	const struct rpc_command *command;
	uint64_t now_us;
};

static const struct amf_node *argument(const struct request *q, uint32_t i)
{
	return amf_at(&q->command->doc, 3 + i);
}

static void status(const struct request *q, const char *code, const char *details)
{
	stream_status(q->ns, q->nc->is_amf3, "status", code, details, q->now_us);
}

static void error(const struct request *q, const char *code, const char *details)
{
	stream_status(q->ns, q->nc->is_amf3, "error", code, details, q->now_us);
}

static bool is_false(const struct amf_node *n)
{
	return n != NULL && n->type == AMF_BOOLEAN && n->number == 0;
}

// 1 to 255 octets.
static bool read_name(const struct amf_node *n, char name[STREAM_NAME_MAX + 1])
{
	if (n == NULL || n->type != AMF_STRING || n->text.len == 0 ||
	    n->text.len > STREAM_NAME_MAX || memchr(n->text.data, 0, n->text.len) != NULL)
		return false;
	amf_text(n, name, STREAM_NAME_MAX + 1);
	return true;
}

static void stop(const struct request *q)
{
	char name[STREAM_NAME_MAX + 1];
	bool was_publishing = live_is_publishing(q->end);

	strcpy(name, live_name(q->end));
	if (!live_stop(q->end))
		return;
	status(q, was_publishing ? "NetStream.Unpublish.Success" : "NetStream.Play.Stop", name);
}

static void publish(const struct request *q)
{
	const struct amf_node *how = argument(q, 1);
	char name[STREAM_NAME_MAX + 1];

	if (is_false(argument(q, 0))) {
		stop(q);
		return;
	}
	if (!read_name(argument(q, 0), name)) {
		error(q, "NetStream.Publish.BadName", "a name has 1 to 255 octets");
		return;
	}
	if (how != NULL && how->type == AMF_STRING && !amf_is_text(how, "live")) {
		error(q, "NetStream.Publish.BadName", "only live streams can be published");
		return;
	}
	switch (live_publish(q->end, q->nc->app, name)) {
	case LIVE_OK:
		stream_user_control(q->ns, UC_STREAM_BEGIN, q->now_us);
		status(q, "NetStream.Publish.Start", name);
		break;
	case LIVE_TAKEN:
		error(q, "NetStream.Publish.BadName", name);
		break;
	case LIVE_FULL:
		error(q, "NetStream.Failed", "too many streams");
		break;
	}
}

// Start below 0: live, and a name that nobody publishes yet is waited for. From 0 on it is a time
// in a recording, and there are none.
static void play(const struct request *q)
{
	const struct amf_node *start = argument(q, 1), *reset = argument(q, 3);
	char name[STREAM_NAME_MAX + 1];

	if (is_false(argument(q, 0))) {
		stop(q);
		return;
	}
	if (!read_name(argument(q, 0), name)) {
		error(q, "NetStream.Play.Failed", "a name has 1 to 255 octets");
		return;
	}
	if (start != NULL && start->type == AMF_NUMBER && start->number >= 0) {
		error(q, "NetStream.Play.StreamNotFound", name);
		return;
	}
	if (live_play(q->end, q->nc->app, name) != LIVE_OK) {
		error(q, "NetStream.Play.Failed", "too many streams or players");
		return;
	}
	stream_user_control(q->ns, UC_STREAM_BEGIN, q->now_us);
	if (reset == NULL || reset->number != 0)
		status(q, "NetStream.Play.Reset", name);
	status(q, "NetStream.Play.Start", name);
}

static void receive_audio(const struct request *q)
{
	live_receive(q->end, !is_false(argument(q, 0)), live_receives_video(q->end));
}

static void receive_video(const struct request *q)
{
	live_receive(q->end, live_receives_audio(q->end), !is_false(argument(q, 0)));
}

static void pause_playing(const struct request *q)
{
	bool is_paused = !is_false(argument(q, 0));

	if (!live_is_playing(q->end))
		return;
	live_pause(q->end, is_paused);
	status(q, is_paused ? "NetStream.Pause.Notify" : "NetStream.Unpause.Notify",
	       live_name(q->end));
}

static const struct {
	const char *name;
	void (*run)(const struct request *);
} on_streams[] = {
	{"publish", publish},
	{"play", play},
	{"closeStream", stop},
	{"receiveAudio", receive_audio},
	{"receiveVideo", receive_video},
	{"pause", pause_playing},
};

static void refuse(const struct request *q)
{
	uint8_t buf[REPLY_MAX];
	struct wr w = wr_over(buf, sizeof(buf));

	if (q->command->transaction == 0) // nobody waits for an answer
		return;
	rpc_command_begin(&w, q->command->is_amf3, "_error", q->command->transaction);
	amf0_wr_null(&w);
	rpc_command_info(&w, "error", "NetConnection.Call.Failed", q->command->name);
	say(q->ns, &w, q->now_us);
}

static void run(const struct request *q)
{
	for (unsigned i = 0; i < sizeof(on_streams) / sizeof(on_streams[0]); i++)
		if (strcmp(q->command->name, on_streams[i].name) == 0) {
			on_streams[i].run(q);
			return;
		}
	refuse(q);
}

static void on_message(void *ctx, struct net_stream *ns, const struct net_stream_message *m,
		       uint64_t now_us)
{
	struct nc_session *nc = net_stream_session(ns)->nc;
	struct request q = {nc, ctx, ns, &nc->rpc->command, now_us};

	switch (m->type) {
	case RTMP_COMMAND_AMF0:
	case RTMP_COMMAND_AMF3:
		if (rpc_command_read(&nc->rpc->command, m->type, m->payload) == 0)
			run(&q);
		else
			nc->rpc->counters.malformed++;
		break;
	case RTMP_USER_CONTROL: // how much a player buffers is its own affair
		break;
	default:
		live_message(ctx, m, now_us);
		break;
	}
}

// A player that refuses our flows does not want the stream any more.
static void on_rejected(void *ctx, struct net_stream *ns, uint64_t now_us)
{
	if (live_is_playing(ctx))
		live_stop(ctx);
}

static void on_gone(void *ctx, struct net_stream *ns, enum net_stream_end why, uint64_t now_us)
{
	live_end_destroy(ctx);
	net_stream_destroy(ns);
}

// ---- commands on the connection ----

// A result that is a number, or null for none.
static void result(struct nc_session *nc, const struct rpc_command *c, uint32_t number)
{
	uint8_t buf[REPLY_MAX];
	struct wr w = wr_over(buf, sizeof(buf));

	if (c->transaction == 0)
		return;
	rpc_command_begin(&w, c->is_amf3, "_result", c->transaction);
	amf0_wr_null(&w);
	if (number > 0)
		amf0_wr_number(&w, number);
	else
		amf0_wr_null(&w);
	nc_send(nc, &w);
}

static uint32_t free_id(struct nc_session *nc)
{
	do
		nc->last_stream = nc->last_stream % RTMP_STREAM_ID_MAX + 1;
	while (net_stream_find(nc->session, NET_STREAM_CONNECTED, nc->last_stream) != NULL);
	return nc->last_stream;
}

static void create(struct nc_session *nc, const struct rpc_command *c, uint64_t now_us)
{
	struct rpc *r = nc->rpc;
	struct live_end *end = live_end_create(r->live, nc->is_amf3);
	struct net_stream_opts o = {.streams = &r->streams,
				    .session = nc->session,
				    .place = NET_STREAM_CONNECTED,
				    .id = free_id(nc),
				    .far_flow = nc->far_control,
				    .queue_bytes_max = r->opts.stream_queue_bytes,
				    .events = {end, on_message, on_rejected, on_gone}};
	struct net_stream *ns;

	net_stream_sending_live(o.sending);
	if (end == NULL || net_stream_create(&o, &ns) != 0) {
		if (end != NULL)
			live_end_destroy(end);
		nc_answer(nc, c, false, "NetConnection.Call.Failed", "too many streams");
		return;
	}
	live_end_attach(end, ns);
	result(nc, c, o.id);
}

static void delete (struct nc_session *nc, const struct rpc_command *c, uint64_t now_us)
{
	const struct amf_node *id = amf_at(&c->doc, 3);
	struct net_stream *ns = NULL;

	if (id != NULL && id->type == AMF_NUMBER && id->number >= 1 &&
	    id->number <= RTMP_STREAM_ID_MAX)
		ns = net_stream_find(nc->session, NET_STREAM_CONNECTED, (uint64_t)id->number);
	if (ns != NULL)
		on_gone(net_stream_ctx(ns), ns, NET_STREAM_LEFT, now_us);
	result(nc, c, 0);
}

// What encoders say before and after, which means nothing to us: releaseStream, FCPublish, ...
static void tolerate(struct nc_session *nc, const struct rpc_command *c, uint64_t now_us)
{
	result(nc, c, 0);
}

static const struct {
	const char *name;
	void (*run)(struct nc_session *, const struct rpc_command *, uint64_t now_us);
} on_connections[] = {
	{"createStream", create},    {"deleteStream", delete},  {"releaseStream", tolerate},
	{"FCPublish", tolerate},     {"FCUnpublish", tolerate}, {"FCSubscribe", tolerate},
	{"FCUnsubscribe", tolerate},
};

bool server_stream_command(struct nc_session *nc, const struct rpc_command *c, uint64_t now_us)
{
	for (unsigned i = 0; i < sizeof(on_connections) / sizeof(on_connections[0]); i++)
		if (strcmp(c->name, on_connections[i].name) == 0) {
			if (nc_may_answer(nc, now_us))
				on_connections[i].run(nc, c, now_us);
			return true;
		}
	return false;
}

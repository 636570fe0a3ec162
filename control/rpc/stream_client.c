#include "control/rpc/stream_client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/rpc/internal.h"
#include "control/rpc/stream_merge.h"
#include "dataplane/wire/limits.h"
#include "dataplane/wire/media.h"
#include "dataplane/wire/rtmp_msg.h"

#define ANSWER_US     15000000 // createStream, publish and play are answered by then
#define SET_FRAME_MAX 32       // octets of "@setDataFrame" as AMF0

enum state {
	CREATING, // createStream is out
	ASKED,    // publish or play is out
	RUNNING,
	ENDING, // publisher: closeStream is out
	OVER,
};

struct rpc_stream {
	struct rpc *rpc;
	struct rpc_stream *next, *prev; // of the rpc
	struct nc_session *nc;          // NULL: over
	struct net_stream *ns;          // from CREATING's answer on
	enum state state;
	double transaction;
	uint64_t give_up_us;
	struct rpc_stream_opts o;
	char name[STREAM_NAME_MAX + 1];
	struct stream_merge in; // messages, and words for its user
	struct rpc_stream_info info;
};

static void tell(struct rpc_stream *s, enum rpc_stream_event_kind kind, const char *text)
{
	// Status has a flow of its own: that it began may come after its first messages.
	stream_merge_word(&s->in, kind, text, kind != RPC_STREAM_STARTED);
}

static void delete_stream(struct rpc_stream *s)
{
	uint8_t buf[128];
	struct wr w = wr_over(buf, sizeof(buf));

	if (s->nc->state != NC_CONNECTED || net_stream_session(s->ns) == NULL)
		return; // all of them are gone
	rpc_command_begin(&w, s->nc->is_amf3, "deleteStream", 0);
	amf0_wr_null(&w);
	amf0_wr_number(&w, net_stream_id(s->ns));
	nc_send(s->nc, &w);
}

static void over(struct rpc_stream *s, enum rpc_stream_event_kind kind, const char *text)
{
	struct net_stream *ns = s->ns;

	if (s->state == OVER)
		return;
	if (ns != NULL) {
		delete_stream(s);
		net_stream_destroy(ns);
	}
	s->state = OVER;
	s->nc = NULL;
	s->ns = NULL;
	s->give_up_us = UINT64_MAX;
	tell(s, kind, text);
}

static void fail(struct rpc_stream *s, const char *text)
{
	over(s, RPC_STREAM_FAILED, text);
}

// ---- asking ----

static int say(struct rpc_stream *s, const struct wr *w, uint64_t now_us)
{
	if (wr_err(w) != 0)
		return wr_err(w);
	return net_stream_write(s->ns, NET_STREAM_COMMAND, wr_span(w), (struct span){0}, true,
				now_us);
}

static int ask(struct rpc_stream *s, uint64_t now_us)
{
	uint8_t buf[REPLY_MAX];
	struct wr w = wr_over(buf, sizeof(buf));

	rpc_command_begin(&w, s->nc->is_amf3, s->o.is_publisher ? "publish" : "play", 0);
	amf0_wr_null(&w);
	amf0_wr_string(&w, s->name);
	if (s->o.is_publisher)
		amf0_wr_string(&w, "live");
	else
		amf0_wr_number(&w, -1); // live, and wait for it
	return say(s, &w, now_us);
}

static int create_stream(struct rpc_stream *s)
{
	uint8_t buf[128];
	struct wr w = wr_over(buf, sizeof(buf));

	s->transaction = ++s->nc->last_transaction;
	rpc_command_begin(&w, s->nc->is_amf3, "createStream", s->transaction);
	amf0_wr_null(&w);
	return nc_send(s->nc, &w);
}

int rpc_stream_open(struct rpc *r, struct ctl_session *session, const struct rpc_stream_opts *o,
		    struct rpc_stream **out, uint64_t now_us)
{
	struct nc_session *nc = session->nc;
	size_t len = strlen(o->name);
	struct rpc_stream *s;
	int err;

	if (len == 0 || len > STREAM_NAME_MAX)
		return -EINVAL;
	if (nc == NULL || !nc->is_client || nc->state != NC_CONNECTED)
		return -ENOTCONN;
	s = calloc(1, sizeof(*s));
	if (s == NULL)
		return -ENOMEM;
	*s = (struct rpc_stream){.rpc = r,
				 .nc = nc,
				 .o = *o,
				 .next = r->client_streams,
				 .give_up_us = now_us + ANSWER_US};
	memcpy(s->name, o->name, len + 1);
	stream_merge_init(&s->in);
	err = create_stream(s);
	if (err != 0) {
		free(s);
		return err;
	}
	if (s->next != NULL)
		s->next->prev = s;
	r->client_streams = s;
	nc_wake_by(nc, s->give_up_us);
	*out = s;
	return 0;
}

// ---- what the server says ----

static void on_status(struct rpc_stream *s, const char *level, const char *code, uint64_t now_us)
{
	if (strcmp(code, "NetStream.Publish.Start") == 0 ||
	    strcmp(code, "NetStream.Play.Start") == 0) {
		s->state = RUNNING;
		s->give_up_us = UINT64_MAX;
		tell(s, RPC_STREAM_STARTED, code);
	} else if (strcmp(code, "NetStream.Play.UnpublishNotify") == 0 ||
		   strcmp(code, "NetStream.Unpublish.Success") == 0) {
		s->give_up_us = UINT64_MAX;
		tell(s, RPC_STREAM_ENDED, code);
	} else if (strcmp(level, "error") == 0) {
		fail(s, code);
	}
}

static void command(struct rpc_stream *s, const struct net_stream_message *m, uint64_t now_us)
{
	struct rpc_command *c = &s->rpc->command;
	const struct amf_node *info;
	char code[128], level[16];

	if (rpc_command_read(c, m->type, m->payload) != 0 || strcmp(c->name, "onStatus") != 0)
		return;
	info = amf_at(&c->doc, 3);
	amf_text(amf_get(&c->doc, info, "code"), code, sizeof(code));
	amf_text(amf_get(&c->doc, info, "level"), level, sizeof(level));
	on_status(s, level, code, now_us);
}

static void on_message(void *ctx, struct net_stream *ns, const struct net_stream_message *m,
		       uint64_t now_us)
{
	struct rpc_stream *s = ctx;

	switch (m->type) {
	case RTMP_COMMAND_AMF0:
	case RTMP_COMMAND_AMF3:
		command(s, m, now_us);
		break;
	case RTMP_AUDIO:
	case RTMP_VIDEO:
	case RTMP_DATA_AMF0:
	case RTMP_DATA_AMF3:
		if (s->o.is_publisher)
			break;
		s->info.messages++;
		s->info.bytes += m->payload.len;
		stream_merge_message(&s->in, m, now_us);
		break;
	default: // StreamBegin and its like say nothing that status does not
		break;
	}
}

static void on_rejected(void *ctx, struct net_stream *ns, uint64_t now_us)
{
	fail(ctx, "NetStream.Connect.Rejected");
}

static void on_gone(void *ctx, struct net_stream *ns, enum net_stream_end why, uint64_t now_us)
{
	fail(ctx, "NetConnection.Connect.Closed"); // NC-12
}

static void created(struct rpc_stream *s, uint32_t id, uint64_t now_us)
{
	struct rpc *r = s->rpc;
	struct net_stream_opts o = {.streams = &r->streams,
				    .session = s->nc->session,
				    .place = NET_STREAM_CONNECTED,
				    .id = id,
				    .far_flow = s->nc->far_control,
				    .queue_bytes_max = r->opts.stream_queue_bytes,
				    .events = {s, on_message, on_rejected, on_gone}};

	if (s->o.is_live)
		net_stream_sending_live(o.sending);
	else
		net_stream_sending_reliable(o.sending);
	s->transaction = 0;
	s->state = ASKED;
	if (net_stream_create(&o, &s->ns) != 0 || ask(s, now_us) != 0)
		fail(s, "NetStream.Connect.Failed");
}

bool stream_client_answered(struct nc_session *nc, const struct rpc_command *c, uint64_t now_us)
{
	const struct amf_node *id = amf_at(&c->doc, 3);
	struct rpc_stream *s = nc->rpc->client_streams;

	while (s != NULL &&
	       (s->nc != nc || s->state != CREATING || s->transaction != c->transaction))
		s = s->next;
	if (s == NULL)
		return false;
	if (strcmp(c->name, "_result") == 0 && id != NULL && id->type == AMF_NUMBER &&
	    id->number >= 1 && id->number <= RTMP_STREAM_ID_MAX)
		created(s, (uint32_t)id->number, now_us);
	else
		fail(s, "NetStream.Connect.Failed");
	return true;
}

void stream_client_disconnected(struct nc_session *nc)
{
	for (struct rpc_stream *s = nc->rpc->client_streams; s != NULL; s = s->next)
		if (s->nc == nc)
			fail(s, "NetConnection.Connect.Closed");
}

// ---- publishing ----

// A script tag of a file is what newcomers need, too.
static struct span data_frame(uint8_t buf[SET_FRAME_MAX], uint8_t type, uint32_t timestamp)
{
	const struct rtmp_head head = {type, timestamp};
	struct wr w = wr_over(buf, SET_FRAME_MAX);

	rtmp_head_write(&w, &head);
	amf0_wr_string(&w, "@setDataFrame");
	return wr_span(&w);
}

int rpc_stream_write(struct rpc_stream *s, uint8_t type, uint32_t timestamp, struct span data,
		     uint64_t now_us)
{
	const struct rtmp_head head = {type, timestamp};
	enum media_kind kind = media_kind_of(type, data);
	uint8_t buf[SET_FRAME_MAX];
	struct wr w = wr_over(buf, sizeof(buf));
	struct span first;
	bool must = kind == MEDIA_AUDIO_CONFIG || kind == MEDIA_VIDEO_CONFIG;
	int err;

	if (s->state == CREATING || s->state == ASKED)
		return -EAGAIN;
	if (s->state != RUNNING || !s->o.is_publisher)
		return -EPIPE;
	if (data.len + SET_FRAME_MAX > s->rpc->opts.stream_queue_bytes)
		return -EMSGSIZE;
	rtmp_head_write(&w, &head);
	first = type == RTMP_DATA_AMF0 && kind == MEDIA_METADATA ? data_frame(buf, type, timestamp)
								 : wr_span(&w);
	err = net_stream_write(s->ns, net_stream_flow_of(type), first, data, must, now_us);
	if (err == 0) {
		s->info.messages++;
		s->info.bytes += data.len;
	}
	return err == -EDQUOT || err == -ENOBUFS ? -EAGAIN : err == 0 ? 0 : -EPIPE;
}

static void say_close(struct rpc_stream *s, uint64_t now_us)
{
	uint8_t buf[128];
	struct wr w = wr_over(buf, sizeof(buf));

	net_stream_barrier(s->ns); // commands do not overtake media
	rpc_command_begin(&w, s->nc->is_amf3, "closeStream", 0);
	amf0_wr_null(&w);
	say(s, &w, now_us);
}

void rpc_stream_end(struct rpc_stream *s, uint64_t now_us)
{
	if (s->state != RUNNING) { // nothing of it got there
		over(s, RPC_STREAM_ENDED, "NetStream.Unpublish.Success");
		return;
	}
	say_close(s, now_us);
	s->state = ENDING;
	s->give_up_us = now_us + ANSWER_US;
	nc_wake_by(s->nc, s->give_up_us);
}

void rpc_stream_close(struct rpc_stream *s, uint64_t now_us)
{
	if (s->ns != NULL) {
		delete_stream(s);
		net_stream_destroy(s->ns);
	}
	if (s->prev != NULL)
		s->prev->next = s->next;
	else
		s->rpc->client_streams = s->next;
	if (s->next != NULL)
		s->next->prev = s->prev;
	stream_merge_fini(&s->in);
	free(s);
}

// ---- events and time ----

bool rpc_stream_event(struct rpc *r, struct rpc_stream_event *out, uint64_t now_us)
{
	const struct merge_item *i = NULL;
	struct rpc_stream *s = r->client_streams;

	for (; s != NULL; s = s->next) {
		i = stream_merge_next(&s->in, now_us);
		if (i != NULL)
			break;
	}
	if (i == NULL)
		return false;
	*out = (struct rpc_stream_event){
		.stream = s, .user = s->o.user, .is_publisher = s->o.is_publisher};
	switch (i->kind) {
	case MERGE_MESSAGE:
		out->kind = RPC_STREAM_MESSAGE;
		out->type = i->type;
		out->timestamp = i->timestamp;
		out->data = i->data;
		break;
	case MERGE_GAP:
		out->kind = RPC_STREAM_GAP;
		s->info.gaps++;
		break;
	case MERGE_WORD:
		out->kind = (enum rpc_stream_event_kind)i->word;
		out->text = (const char *)i->data.data;
		break;
	}
	return true;
}

void stream_client_timers(struct rpc *r, uint64_t now_us)
{
	for (struct rpc_stream *s = r->client_streams; s != NULL; s = s->next)
		if (now_us >= s->give_up_us)
			fail(s, "NetStream.Connect.Failed");
}

uint64_t stream_client_deadline_us(const struct rpc *r)
{
	uint64_t at = UINT64_MAX;

	for (const struct rpc_stream *s = r->client_streams; s != NULL; s = s->next) {
		uint64_t in_us = stream_merge_deadline_us(&s->in);

		at = s->give_up_us < at ? s->give_up_us : at;
		at = in_us < at ? in_us : at;
	}
	return at;
}

struct rpc_stream_info rpc_stream_info(const struct rpc_stream *s)
{
	struct rpc_stream_info info = s->info;

	info.name = s->name;
	info.lost = s->in.lost;
	return info;
}

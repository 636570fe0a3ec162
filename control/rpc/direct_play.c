#include "control/rpc/direct_play.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/rpc/command.h"
#include "control/rpc/stream_merge.h"
#include "dataplane/wire/limits.h"
#include "dataplane/wire/rtmp_msg.h"

#define QUEUE_BYTES (64u << 10) // a subscriber says little

struct direct_play {
	struct net_stream *ns; // NULL: over
	struct stream_merge in;
	bool has_started;
	uint16_t command_slot; // the flow that commands come by
};

static void tell(struct direct_play *p, enum direct_play_kind kind, const char *text)
{
	stream_merge_word(&p->in, kind, text, kind != DIRECT_PLAY_STARTED);
}

static void over(struct direct_play *p, const char *text)
{
	struct net_stream *ns = p->ns;

	if (ns == NULL)
		return;
	p->ns = NULL;
	net_stream_destroy(ns);
	tell(p, DIRECT_PLAY_OVER, text);
}

static void on_status(struct direct_play *p, const char *level, const char *code)
{
	if (strcmp(code, "NetStream.Play.Start") == 0) {
		p->has_started = true;
		tell(p, DIRECT_PLAY_STARTED, code);
	} else if (strcmp(code, "NetStream.Play.UnpublishNotify") == 0) {
		tell(p, DIRECT_PLAY_ENDED, code);
	} else if (strcmp(level, "error") == 0 || strcmp(code, "NetStream.Connect.Closed") == 0) {
		over(p, code);
	}
}

static void command(struct direct_play *p, const struct net_stream_message *m)
{
	struct rpc_command *c = malloc(sizeof(*c));
	const struct amf_node *info;
	char code[128], level[16];

	if (c != NULL && rpc_command_read(c, m->type, m->payload) == 0 &&
	    strcmp(c->name, "onStatus") == 0) {
		info = amf_at(&c->doc, 3);
		amf_text(amf_get(&c->doc, info, "code"), code, sizeof(code));
		amf_text(amf_get(&c->doc, info, "level"), level, sizeof(level));
		on_status(p, level, code);
	}
	free(c);
}

// A publisher that says nothing of a start, but sends, has started.
static void on_message(void *ctx, struct net_stream *ns, const struct net_stream_message *m,
		       uint64_t now_us)
{
	struct direct_play *p = ctx;

	switch (m->type) {
	case RTMP_COMMAND_AMF0:
	case RTMP_COMMAND_AMF3:
		p->command_slot = m->rx_slot;
		command(p, m);
		break;
	case RTMP_AUDIO:
	case RTMP_VIDEO:
	case RTMP_DATA_AMF0:
	case RTMP_DATA_AMF3:
		p->has_started = true;
		if (m->rx_slot == p->command_slot) // then it is the only one
			stream_merge_in_order(&p->in, m, now_us);
		else
			stream_merge_message(&p->in, m, now_us);
		break;
	default:
		break;
	}
}

// Our flow was rejected (14.5), or the session is gone.
static void on_gone(void *ctx, struct net_stream *ns, enum net_stream_end why, uint64_t now_us)
{
	struct direct_play *p = ctx;

	over(p, why == NET_STREAM_LEFT && !p->has_started ? "NetStream.Connect.Rejected"
							  : "NetStream.Connect.Closed");
}

static int ask(struct direct_play *p, const char *name, uint64_t now_us)
{
	uint8_t buf[512];
	struct wr w = wr_over(buf, sizeof(buf));

	rpc_command_begin(&w, false, "play", 0);
	amf0_wr_null(&w);
	amf0_wr_string(&w, name);
	return net_stream_write(p->ns, NET_STREAM_COMMAND, wr_span(&w), (struct span){0}, true,
				now_us);
}

int direct_play_open(const struct direct_play_opts *o, struct direct_play **out, uint64_t now_us)
{
	struct net_stream_opts no = {.streams = o->streams,
				     .session = o->session,
				     .place = NET_STREAM_SUBSCRIBER,
				     .id = o->stream_id,
				     .queue_bytes_max = QUEUE_BYTES};
	struct direct_play *p;
	int err;

	if (strlen(o->name) == 0 || strlen(o->name) > STREAM_NAME_MAX)
		return -EINVAL;
	p = calloc(1, sizeof(*p));
	if (p == NULL)
		return -ENOMEM;
	stream_merge_init(&p->in);
	p->command_slot = NO_FLOW;
	no.events = (struct net_stream_events){p, on_message, NULL, on_gone};
	net_stream_sending_reliable(no.sending);
	err = net_stream_create(&no, &p->ns);
	if (err == 0)
		err = ask(p, o->name, now_us);
	if (err != 0) {
		direct_play_close(p);
		return err;
	}
	*out = p;
	return 0;
}

void direct_play_close(struct direct_play *p)
{
	if (p->ns != NULL)
		net_stream_destroy(p->ns);
	stream_merge_fini(&p->in);
	free(p);
}

struct ctl_session *direct_play_session(const struct direct_play *p)
{
	return p->ns != NULL ? net_stream_session(p->ns) : NULL;
}

bool direct_play_event(struct direct_play *p, struct direct_play_event *out, uint64_t now_us)
{
	const struct merge_item *i = stream_merge_next(&p->in, now_us);

	if (i == NULL)
		return false;
	switch (i->kind) {
	case MERGE_MESSAGE:
		*out = (struct direct_play_event){.kind = DIRECT_PLAY_MESSAGE,
						  .type = i->type,
						  .timestamp = i->timestamp,
						  .data = i->data};
		break;
	case MERGE_GAP:
		*out = (struct direct_play_event){.kind = DIRECT_PLAY_GAP};
		break;
	case MERGE_WORD:
		*out = (struct direct_play_event){.kind = (enum direct_play_kind)i->word,
						  .text = (const char *)i->data.data};
		break;
	}
	return true;
}

uint64_t direct_play_deadline_us(const struct direct_play *p)
{
	return stream_merge_deadline_us(&p->in);
}

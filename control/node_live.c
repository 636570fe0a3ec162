// Streams of a connection as programs see them, beside those of groups.
#include <errno.h>
#include <stdlib.h>

#include "control/node_internal.h"

static int open_stream(struct node_conn *c, const char *name, bool is_publisher,
		       struct node_stream **out, uint64_t now_us)
{
	struct node *n = c->node;
	struct node_stream *s;
	int err;

	n->now_us = now_us;
	if (c->state != CONN_UP)
		return -ENOTCONN;
	s = stream_create(n, NULL);
	if (s == NULL)
		return -ENOMEM;
	err = rpc_stream_open(
		n->rpc, c->session,
		&(struct rpc_stream_opts){.name = name, .is_publisher = is_publisher, .user = s},
		&s->live, now_us);
	if (err != 0) {
		free(s);
		return err;
	}
	stream_list(s);
	*out = s;
	return 0;
}

int node_conn_publish(struct node_conn *c, const char *name, struct node_stream **out,
		      uint64_t now_us)
{
	return open_stream(c, name, true, out, now_us);
}

int node_conn_play(struct node_conn *c, const char *name, struct node_stream **out, uint64_t now_us)
{
	return open_stream(c, name, false, out, now_us);
}

int live_write(struct node_stream *s, uint8_t type, uint32_t timestamp_ms, struct span data)
{
	return rpc_stream_write(s->live, type, timestamp_ms, data, s->node->now_us);
}

static enum node_event_kind kind_of(const struct rpc_stream_event *e)
{
	switch (e->kind) {
	case RPC_STREAM_STARTED:
		return e->is_publisher ? NODE_PUBLISH_START : NODE_PLAY_START;
	case RPC_STREAM_MESSAGE:
		return NODE_PLAY_MESSAGE;
	case RPC_STREAM_GAP:
		return NODE_PLAY_GAP;
	case RPC_STREAM_ENDED:
		return e->is_publisher ? NODE_PUBLISH_DONE : NODE_PLAY_END;
	case RPC_STREAM_FAILED:
		break;
	}
	return NODE_STREAM_FAILED;
}

bool live_event(struct node *n, struct node_event *out)
{
	struct rpc_stream_event e;

	if (!rpc_stream_event(n->rpc, &e, n->now_us))
		return false;
	*out = (struct node_event){.kind = kind_of(&e),
				   .stream = e.user,
				   .text = e.text,
				   .type = e.type,
				   .timestamp_ms = e.timestamp,
				   .data = e.data.data,
				   .len = (uint32_t)e.data.len};
	if (e.kind == RPC_STREAM_GAP)
		out->number = out->number_to = rpc_stream_info(e.stream).gaps;
	return true;
}

struct group_stream_info live_info_of(const struct node_stream *s)
{
	struct rpc_stream_info info = rpc_stream_info(s->live);

	return (struct group_stream_info){.name = info.name,
					  .newest = info.messages,
					  .received = info.messages,
					  .bytes = info.bytes,
					  .missing = info.gaps};
}

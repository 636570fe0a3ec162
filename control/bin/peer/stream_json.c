#include "control/bin/peer/stream_json.h"

#include <stdio.h>

#include "control/admin/json_out.h"

#define LINE_MAX_OCTETS 65536

static struct json_out begin(const char *code)
{
	struct json_out j;

	json_init(&j, LINE_MAX_OCTETS);
	json_object_begin(&j);
	json_put_string(&j, "code", code);
	return j;
}

static void end(struct json_out *j)
{
	json_object_end(j);
	if (json_finish(j) == 0)
		puts(j->text);
	fflush(stdout);
	json_destroy(j);
}

// NULL: messages and what is not about streams.
static const char *code_of(const struct node_event *e)
{
	switch (e->kind) {
	case NODE_CONNECTED:
		return "NetConnection.Connect.Success";
	case NODE_CONNECT_FAILED:
		return "NetConnection.Connect.Failed";
	case NODE_DISCONNECTED:
		return "NetConnection.Connect.Closed";
	case NODE_GROUP_REJECTED:
		return "NetGroup.Connect.Rejected";
	case NODE_NEIGHBOUR_CONNECT:
		return "NetGroup.Neighbor.Connect";
	case NODE_NEIGHBOUR_DISCONNECT:
		return "NetGroup.Neighbor.Disconnect";
	case NODE_STREAM_PUBLISHED:
		return "NetGroup.MulticastStream.PublishNotify";
	case NODE_STREAM_UNPUBLISHED:
		return "NetGroup.MulticastStream.UnpublishNotify";
	case NODE_PLAY_START:
		return "NetStream.Play.Start";
	case NODE_PLAY_GAP:
		return "NetStream.Play.Gap"; // ours: the player's API keeps it to itself
	case NODE_PLAY_END:
		return "NetStream.Play.UnpublishNotify";
	case NODE_PLAY_LOST:
		return "NetStream.Play.Stop";
	case NODE_PLAY_RESET:
		return "NetStream.MulticastStream.Reset";
	case NODE_PUBLISH_START:
		return "NetStream.Publish.Start";
	case NODE_PUBLISH_DONE:
		return "NetStream.Unpublish.Success";
	case NODE_PEER_CONNECT:
		return "NetStream.Connect.Success";
	case NODE_PEER_DISCONNECT:
		return "NetStream.Connect.Closed";
	case NODE_STREAM_FAILED:
		return e->text;
	default:
		return NULL;
	}
}

void stream_json_event(const struct stream_json *s, const struct node_event *e)
{
	const char *code = s->name != NULL ? code_of(e) : NULL;
	struct json_out j;

	if (code == NULL)
		return;
	j = begin(code);
	switch (e->kind) {
	case NODE_NEIGHBOUR_CONNECT:
	case NODE_NEIGHBOUR_DISCONNECT:
	case NODE_PEER_CONNECT:
	case NODE_PEER_DISCONNECT:
		json_put_hex(&j, "peerID", e->peer, sizeof(e->peer));
		break;
	case NODE_STREAM_PUBLISHED:
	case NODE_STREAM_UNPUBLISHED:
		json_put_string(&j, "name", e->text);
		break;
	case NODE_PLAY_GAP:
		json_put_u64(&j, "from", e->number);
		json_put_u64(&j, "to", e->number_to);
		break;
	case NODE_CONNECT_FAILED:
	case NODE_GROUP_REJECTED:
		json_put_string(&j, "why", e->text);
		break;
	default:
		json_put_string(&j, "stream", s->name);
	}
	end(&j);
}

void stream_json_code(const struct stream_json *s, const char *code)
{
	struct json_out j;

	if (s->name == NULL)
		return;
	j = begin(code);
	json_put_string(&j, "stream", s->name);
	end(&j);
}

static void put_rates(struct json_out *j, const struct group_stream_rates *r)
{
	json_put_u64(j, "sendDataBytesPerSecond", r->send_data);
	json_put_u64(j, "sendControlBytesPerSecond", r->send_control);
	json_put_u64(j, "receiveDataBytesPerSecond", r->receive_data);
	json_put_u64(j, "receiveControlBytesPerSecond", r->receive_control);
	json_put_u64(j, "sendControlBytesPerSecondToServer", r->send_control_to_server);
	json_put_u64(j, "receiveDataBytesPerSecondFromServer", r->receive_data_from_server);
	json_put_u64(j, "receiveDataBytesPerSecondFromIPMulticast", r->receive_data_from_multicast);
}

static void put_totals(struct json_out *j, const struct group_stream_info *i)
{
	const struct stream_stats *t = &i->totals;

	json_put_u64(j, "bytesPushedToPeers", t->bytes_pushed_to);
	json_put_u64(j, "fragmentsPushedToPeers", t->fragments_pushed_to);
	json_put_u64(j, "bytesRequestedByPeers", t->bytes_pulled_by);
	json_put_u64(j, "fragmentsRequestedByPeers", t->fragments_pulled_by);
	json_put_u64(j, "bytesPushedFromPeers", t->bytes_pushed_from);
	json_put_u64(j, "fragmentsPushedFromPeers", t->fragments_pushed_from);
	json_put_u64(j, "bytesRequestedFromPeers", t->bytes_pulled_from);
	json_put_u64(j, "fragmentsRequestedFromPeers", t->fragments_pulled_from);
	json_put_u64(j, "bytesReceivedFromServer", t->bytes_from_super);
	json_put_u64(j, "fragmentsReceivedFromServer", t->fragments_from_super);
	json_put_u64(j, "bytesReceivedFromIPMulticast", t->bytes_from_multicast);
	json_put_u64(j, "fragmentsReceivedFromIPMulticast", t->fragments_from_multicast);
	json_put_u64(j, "bytesPushedToIPMulticast", i->bytes_to_multicast);
	json_put_u64(j, "fragmentsPushedToIPMulticast", i->fragments_to_multicast);
	json_put_u64(j, "duplicates", t->duplicates);
	json_put_u64(j, "late", t->late);
	json_put_u64(j, "missing", t->missing);
}

void stream_json_figures(struct stream_json *s, struct node_stream *stream, uint64_t now_us,
			 bool now)
{
	struct group_stream_info info;
	struct json_out j;

	if (s->name == NULL || stream == NULL || (!now && now_us < s->next_us))
		return;
	s->next_us = now_us + STREAM_JSON_US;
	info = node_stream_info(stream);
	j = begin("NetStream.MulticastInfo");
	json_put_string(&j, "stream", s->name);
	json_put_u64(&j, "newest", info.newest);
	json_put_u64(&j, "neighbors", info.n_links);
	put_rates(&j, &info.rates);
	put_totals(&j, &info);
	end(&j);
}

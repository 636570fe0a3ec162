#include "control/bin/peer/event_json.h"

#include <stdio.h>
#include <string.h>

#include "control/rpc/amf.h"

#define LINE_MAX_OCTETS (1u << 20) // a posting's text, escaped

struct json_out json_line_begin(void)
{
	struct json_out j;

	json_init(&j, LINE_MAX_OCTETS);
	json_object_begin(&j);
	return j;
}

struct json_out json_event_begin(const char *code)
{
	struct json_out j = json_line_begin();

	json_put_string(&j, "code", code);
	return j;
}

void json_line_end(struct json_out *j)
{
	json_object_end(j);
	if (json_finish(j) == 0)
		puts(j->text);
	fflush(stdout);
	json_destroy(j);
}

// ---- fields ----

static void put_nothing(struct json_out *j, const struct node_event *e)
{
}

static void put_peer(struct json_out *j, const struct node_event *e)
{
	json_put_hex(j, "peerID", e->peer, sizeof(e->peer));
}

static void put_neighbor(struct json_out *j, const struct node_event *e)
{
	uint8_t address[GROUP_ADDRESS_LEN];

	group_address_of(e->peer, address);
	json_put_hex(j, "neighbor", address, sizeof(address));
	put_peer(j, e);
}

static void put_why(struct json_out *j, const struct node_event *e)
{
	json_put_string(j, "why", e->text);
}

static void put_name(struct json_out *j, const struct node_event *e)
{
	json_put_string(j, "name", e->text);
}

static void put_gap(struct json_out *j, const struct node_event *e)
{
	json_put_u64(j, "from", e->number);
	json_put_u64(j, "to", e->number_to);
}

bool event_text(const struct node_event *e, struct span *text)
{
	static struct amf_doc doc;

	if (amf3_read(&doc, (struct span){e->data, e->len}) != 0 || doc.n != 1 ||
	    doc.nodes[0].type != AMF_STRING)
		return false;
	*text = doc.nodes[0].text;
	return true;
}

static void put_message(struct json_out *j, const struct node_event *e)
{
	struct span text;

	if (event_text(e, &text)) {
		json_key(j, "message");
		json_string_n(j, (const char *)text.data, text.len);
	} else {
		json_put_hex(j, "messageHex", e->data, e->len);
	}
}

static void put_posting(struct json_out *j, const struct node_event *e)
{
	json_put_hex(j, "messageID", e->id, sizeof(e->id));
	put_message(j, e);
}

static void put_send_to(struct json_out *j, const struct node_event *e)
{
	json_put_hex(j, "from", e->from, sizeof(e->from));
	json_put_bool(j, "fromLocal", e->is_from_local);
	json_put_hex(j, "to", e->to, sizeof(e->to));
	json_put_bool(j, "far", e->is_far);
	if (e->is_far)
		json_put_u64(j, "hops", e->number);
	put_message(j, e);
}

static void put_index(struct json_out *j, const struct node_event *e)
{
	put_peer(j, e);
	json_put_u64(j, "index", e->number);
}

static void put_object(struct json_out *j, const struct node_event *e)
{
	put_index(j, e);
	json_put_u64(j, "bytes", e->len);
}

static void put_request(struct json_out *j, const struct node_event *e)
{
	put_index(j, e);
	json_put_u64(j, "requestID", e->request);
}

// ---- events ----

static const struct {
	enum node_event_kind kind;
	const char *code;                                          // NULL: the text is one
	void (*put)(struct json_out *, const struct node_event *); // NULL: its stream's name
} events[] = {
	{NODE_CONNECTED, "NetConnection.Connect.Success", put_nothing},
	{NODE_CONNECT_FAILED, "NetConnection.Connect.Failed", put_why},
	{NODE_CONNECT_UNANSWERED, "NetConnection.Connect.Unanswered", put_why}, // ours
	{NODE_DISCONNECTED, "NetConnection.Connect.Closed", put_why},
	{NODE_GROUP_REJECTED, "NetGroup.Connect.Rejected", put_why},
	{NODE_NEIGHBOUR_CONNECT, "NetGroup.Neighbor.Connect", put_neighbor},
	{NODE_NEIGHBOUR_DISCONNECT, "NetGroup.Neighbor.Disconnect", put_neighbor},
	{NODE_POSTING, "NetGroup.Posting.Notify", put_posting},
	{NODE_SEND_TO, "NetGroup.SendTo.Notify", put_send_to},
	{NODE_STREAM_PUBLISHED, "NetGroup.MulticastStream.PublishNotify", put_name},
	{NODE_STREAM_UNPUBLISHED, "NetGroup.MulticastStream.UnpublishNotify", put_name},
	{NODE_FETCH_SEND, "NetGroup.Replication.Fetch.SendNotify", put_index},
	{NODE_FETCH_FAILED, "NetGroup.Replication.Fetch.Failed", put_index},
	{NODE_FETCH_RESULT, "NetGroup.Replication.Fetch.Result", put_object},
	{NODE_OBJECT_REQUEST, "NetGroup.Replication.Request", put_request},
	{NODE_PLAY_START, "NetStream.Play.Start", NULL},
	{NODE_PLAY_GAP, "NetStream.Play.Gap", put_gap}, // ours: the player keeps it to itself
	{NODE_PLAY_END, "NetStream.Play.UnpublishNotify", NULL},
	{NODE_PLAY_LOST, "NetStream.Play.Stop", NULL},
	{NODE_PLAY_RESET, "NetStream.MulticastStream.Reset", NULL},
	{NODE_PUBLISH_START, "NetStream.Publish.Start", NULL},
	{NODE_PUBLISH_DONE, "NetStream.Unpublish.Success", NULL},
	{NODE_PEER_CONNECT, "NetStream.Connect.Success", put_peer},
	{NODE_PEER_DISCONNECT, "NetStream.Connect.Closed", put_peer},
	{NODE_STREAM_FAILED, NULL, NULL},
};

// A server's refusal has a code of its own: NetConnection.Connect.Rejected, .InvalidApp ...
static const char *code_of(const struct node_event *e, const char *code)
{
	bool is_code = e->kind == NODE_CONNECT_FAILED && e->text != NULL &&
		       strncmp(e->text, "NetConnection.", 14) == 0;

	return code == NULL || is_code ? e->text : code;
}

void event_json(const struct node_event *e, const char *stream)
{
	for (unsigned i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
		struct json_out j;

		if (events[i].kind != e->kind)
			continue;
		j = json_event_begin(code_of(e, events[i].code));
		if (events[i].put != NULL)
			events[i].put(&j, e);
		else
			json_put_string(&j, "stream", stream);
		json_line_end(&j);
	}
}

void event_json_coverage(const struct node_group *group)
{
	struct group_coverage c;
	struct json_out j;

	if (!node_coverage(group, &c))
		return;
	j = json_event_begin("NetGroup.LocalCoverage.Notify");
	json_put_string(&j, "receiveMode", c.is_nearest ? "nearest" : "exact");
	json_put_hex(&j, "localCoverageFrom", c.from, sizeof(c.from));
	json_put_hex(&j, "localCoverageTo", c.to, sizeof(c.to));
	json_put_bool(&j, "settling", c.is_settling);
	json_put_bool(&j, "whole", c.is_whole);
	json_line_end(&j);
}

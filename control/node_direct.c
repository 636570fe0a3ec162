// Direct streams of a node (rtmfp.md 14.5): what we publish to whoever asks, and what we play from
// a peer. A peer is reached by the session that there is, else by one that our introducers help to
// open: they are its first candidates, and send it our way (15).
//
// NC-12 ends a Flash client's streams with its connection to the server, because they hang on it.
// Ours hang on the node, as neighbours in a group do: once two peers have met, the server may go.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/node_internal.h"
#include "crypto/epd.h"

#define NAMES_MAX       64
#define WAITING_MAX     64
#define PLAYERS_MAX     256
#define LOG_BYTES_MAX   (8u << 20)
#define QUEUE_BYTES_MAX (4u << 20)
#define SETTLE_US       10000000 // for subscribers to get what was written last
#define SETTLE_LOOK_US  20000
#define RETRY_US        250000 // until an introducer is there

enum call_state {
	CALL_TRYING, // no introducer yet, or another opening is on its way to that peer
	CALL_OPENING,
	CALL_PLAYING,
	CALL_OVER,
};

struct direct_call { // a stream that we play
	struct node_stream *stream;
	struct direct_call *next; // of the node
	enum call_state state;
	uint8_t peer_id[32];
	struct opening *opening;
	struct direct_play *play; // from the session on
	uint64_t retry_us;
	uint32_t stream_id;
	char name[STREAM_NAME_MAX + 1];
};

int direct_start(struct node *n)
{
	const struct direct_opts o = {.streams = rpc_streams(n->rpc),
				      .names_max = NAMES_MAX,
				      .waiting_max = WAITING_MAX,
				      .players_max = PLAYERS_MAX,
				      .log_bytes_max = LOG_BYTES_MAX,
				      .queue_bytes_max = QUEUE_BYTES_MAX,
				      .peers_max = n->opts.peer_connections_max};

	if (n->opts.peer_connections_max == 0)
		return 0;
	n->next_direct_id = DIRECT_STREAM_ID_FIRST;
	n->direct = direct_create(&o);
	return n->direct != NULL ? 0 : -ENOMEM;
}

bool direct_on_asked(void *ctx, struct ctl_session *s, uint16_t rx_slot, uint64_t flow_id,
		     uint32_t stream_id)
{
	struct node *n = ctx;

	return n->direct != NULL && s->endpoint == n->opts.member_endpoint &&
	       direct_asked(n->direct, s, rx_slot, flow_id, stream_id, n->now_us);
}

// ---- publishing ----

static bool on_peer_connect(void *ctx, const uint8_t peer_id[32])
{
	struct node_stream *s = ctx;

	return s->peer_connect == NULL || s->peer_connect(s->peer_connect_ctx, peer_id);
}

static void on_peer_changed(void *ctx, const uint8_t peer_id[32], bool has_come)
{
	struct node_stream *s = ctx;
	struct node_event e = {.kind = has_come ? NODE_PEER_CONNECT : NODE_PEER_DISCONNECT,
			       .stream = s};

	memcpy(e.peer, peer_id, sizeof(e.peer));
	node_push_event(s->node, &e);
}

int node_direct_publish(struct node *n, const char *name, const struct node_direct_params *p,
			struct node_stream **out, uint64_t now_us)
{
	struct direct_name_opts o = {.audio_is_late_ok = p->audio_is_late_ok,
				     .video_is_late_ok = p->video_is_late_ok,
				     .data_is_late_ok = p->data_is_late_ok,
				     .peer_connect = on_peer_connect,
				     .peer_changed = on_peer_changed};
	struct node_stream *s;
	int err;

	n->now_us = now_us;
	if (n->direct == NULL)
		return -EOPNOTSUPP;
	s = stream_create(n, NULL);
	if (s == NULL)
		return -ENOMEM;
	s->peer_connect = p->peer_connect;
	s->peer_connect_ctx = p->ctx;
	o.ctx = s;
	err = direct_publish(n->direct, name, &o, &s->direct_name, now_us);
	if (err != 0) {
		free(s);
		return err;
	}
	stream_list(s);
	*out = s;
	return 0;
}

// Those who play get what was written, then the end; PUBLISH_DONE when they have it, or after a
// while.
void direct_name_end(struct node_stream *s)
{
	if (s->has_ended)
		return;
	direct_end(s->direct_name, s->node->now_us);
	s->has_ended = true;
	s->settle_by_us = s->node->now_us + SETTLE_US;
}

static void look_for_settled(struct node *n)
{
	for (struct node_stream *s = n->streams; s != NULL; s = s->next) {
		if (s->direct_name == NULL || !s->has_ended || s->settle_by_us == 0 ||
		    (!direct_is_settled(s->direct_name) && n->now_us < s->settle_by_us))
			continue;
		s->settle_by_us = 0;
		node_push_event(n, &(struct node_event){.kind = NODE_PUBLISH_DONE, .stream = s});
	}
}

uint32_t node_direct_peers(struct node *n, const struct node_stream *s,
			   struct direct_peer_info *out, uint32_t max)
{
	if (n->direct == NULL || (s != NULL && s->direct_name == NULL))
		return 0;
	return direct_peers(n->direct, s != NULL ? s->direct_name : NULL, out, max);
}

void node_direct_peer_close(struct node *n, struct direct_peer *p, uint64_t now_us)
{
	n->now_us = now_us;
	direct_peer_close(p, now_us);
}

const struct direct_counters *node_direct_counters(const struct node *n)
{
	return n->direct != NULL ? direct_counters(n->direct) : NULL;
}

void node_set_peer_connections_max(struct node *n, uint32_t max)
{
	if (n->direct != NULL)
		direct_set_peers_max(n->direct, max);
}

// ---- playing: the way to the peer ----

static void over(struct direct_call *c, const char *code)
{
	c->state = CALL_OVER;
	c->retry_us = UINT64_MAX;
	node_push_event(c->stream->node, &(struct node_event){.kind = NODE_STREAM_FAILED,
							      .stream = c->stream,
							      .text = code});
}

static void begin_play(struct direct_call *c, struct ctl_session *s)
{
	struct node *n = c->stream->node;
	const struct direct_play_opts o = {.streams = rpc_streams(n->rpc),
					   .session = s,
					   .name = c->name,
					   .stream_id = c->stream_id};

	c->opening = NULL;
	if (!direct_has_room(n->direct, s) || direct_play_open(&o, &c->play, n->now_us) != 0) {
		over(c, "NetStream.Connect.Failed");
		return;
	}
	c->state = CALL_PLAYING;
	c->retry_us = UINT64_MAX;
}

static bool is_being_opened(const struct node *n, const uint8_t peer_id[32])
{
	for (const struct direct_call *c = n->calls; c != NULL; c = c->next)
		if (c->opening != NULL && memcmp(c->peer_id, peer_id, 32) == 0)
			return true;
	return false;
}

// Our introducers; the peer is found through any of them that it is connected to.
static uint8_t candidates_of(const struct node *n, struct wire_addr out[CONNS_MAX])
{
	uint8_t count = 0;

	for (unsigned i = 0; i < CONNS_MAX; i++)
		if (n->conns[i].state == CONN_UP) {
			out[count] = n->conns[i].session->far;
			out[count++].origin = ADDR_RELAY;
		}
	return count;
}

static void call(struct direct_call *c)
{
	struct node *n = c->stream->node;
	struct wire_addr candidates[CONNS_MAX];
	uint8_t epd[EPD_CANONICAL_LEN];
	struct ctl_session *s = startup_find(n->startup, n->opts.member_endpoint, c->peer_id);
	struct open_opts o = {.endpoint = n->opts.member_endpoint,
			      .epd = {epd, sizeof(epd)},
			      .candidates = candidates,
			      .user = c};

	c->retry_us = n->now_us + RETRY_US;
	if (s != NULL && s->state == CTL_OPEN) {
		begin_play(c, s);
		return;
	}
	if (!direct_has_room(n->direct, NULL)) {
		over(c, "NetStream.Connect.Failed");
		return;
	}
	o.n_candidates = candidates_of(n, candidates);
	if (o.n_candidates == 0 || is_being_opened(n, c->peer_id))
		return;
	epd_canonical(epd, c->peer_id);
	c->opening = startup_open(n->startup, &o, &s, n->now_us);
	if (c->opening == NULL)
		return; // no room for an opening just now, or a session that is about to end
	c->state = CALL_OPENING;
	c->retry_us = UINT64_MAX;
}

bool direct_is_call(const struct node *n, const void *user)
{
	const struct direct_call *c = n->calls;

	while (c != NULL && c != user)
		c = c->next;
	return c != NULL;
}

// A session that we opened for streams and that carries nothing any more goes.
static void leave_session(struct ctl_session *s)
{
	struct group_neighbour_info any;

	if (s->is_initiator && s->nc == NULL && s->streams == NULL &&
	    group_session_info(s, &any, 1) == 0)
		ctl_session_close(s, CLOSE_ORDERLY);
}

// All that wait for this peer have their session now.
void direct_opened(struct node *n, struct ctl_session *s)
{
	for (struct direct_call *c = n->calls; c != NULL; c = c->next)
		if ((c->state == CALL_OPENING || c->state == CALL_TRYING) &&
		    memcmp(c->peer_id, s->fingerprint, 32) == 0)
			begin_play(c, s);
	leave_session(s); // there may have been no room for any
}

void direct_open_failed(struct node *n, void *user, enum open_failure why)
{
	struct direct_call *failed = user;

	failed->opening = NULL;
	if (why == OPEN_DUPLICATE) { // it called us meanwhile
		failed->state = CALL_TRYING;
		failed->retry_us = n->now_us + RETRY_US;
		return;
	}
	for (struct direct_call *c = n->calls; c != NULL; c = c->next)
		if (c == failed ||
		    (c->state == CALL_TRYING && memcmp(c->peer_id, failed->peer_id, 32) == 0))
			over(c, "NetStream.Connect.Failed");
}

int node_direct_play(struct node *n, const uint8_t peer_id[32], const char *name,
		     struct node_stream **out, uint64_t now_us)
{
	size_t len = strlen(name);
	struct direct_call *c;
	struct node_stream *s;

	n->now_us = now_us;
	if (n->direct == NULL)
		return -EOPNOTSUPP;
	if (len == 0 || len > STREAM_NAME_MAX)
		return -EINVAL;
	c = calloc(1, sizeof(*c));
	s = stream_create(n, NULL);
	if (c == NULL || s == NULL) {
		free(c);
		free(s);
		return -ENOMEM;
	}
	*c = (struct direct_call){.stream = s, .next = n->calls, .stream_id = n->next_direct_id++};
	memcpy(c->peer_id, peer_id, 32);
	memcpy(c->name, name, len + 1);
	s->call = c;
	n->calls = c;
	stream_list(s);
	*out = s;
	call(c);
	return 0;
}

void direct_call_close(struct direct_call *c)
{
	struct node *n = c->stream->node;
	struct ctl_session *s = c->play != NULL ? direct_play_session(c->play) : NULL;
	struct direct_call **at = &n->calls;

	if (c->opening != NULL)
		startup_open_cancel(c->opening);
	if (c->play != NULL)
		direct_play_close(c->play);
	if (s != NULL)
		leave_session(s);
	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	free(c);
}

// ---- events and time ----

static enum node_event_kind kind_of(enum direct_play_kind k)
{
	static const enum node_event_kind kinds[] = {
		[DIRECT_PLAY_STARTED] = NODE_PLAY_START, [DIRECT_PLAY_MESSAGE] = NODE_PLAY_MESSAGE,
		[DIRECT_PLAY_GAP] = NODE_PLAY_GAP,       [DIRECT_PLAY_ENDED] = NODE_PLAY_END,
		[DIRECT_PLAY_OVER] = NODE_STREAM_FAILED,
	};

	return kinds[k];
}

bool direct_event(struct node *n, struct node_event *out)
{
	struct direct_play_event e;

	for (struct direct_call *c = n->calls; c != NULL; c = c->next) {
		if (c->play == NULL || !direct_play_event(c->play, &e, n->now_us))
			continue;
		if (e.kind == DIRECT_PLAY_OVER)
			c->state = CALL_OVER;
		*out = (struct node_event){.kind = kind_of(e.kind),
					   .stream = c->stream,
					   .text = e.text,
					   .type = e.type,
					   .timestamp_ms = e.timestamp,
					   .data = e.data.data,
					   .len = (uint32_t)e.data.len};
		memcpy(out->peer, c->peer_id, sizeof(out->peer));
		return true;
	}
	return false;
}

void direct_node_timers(struct node *n)
{
	if (n->direct == NULL)
		return;
	direct_timers(n->direct, n->now_us);
	look_for_settled(n);
	for (struct direct_call *c = n->calls; c != NULL; c = c->next)
		if (c->state == CALL_TRYING && n->now_us >= c->retry_us && !n->is_closing)
			call(c);
}

uint64_t direct_node_deadline_us(const struct node *n)
{
	uint64_t at = n->direct != NULL ? direct_deadline_us(n->direct) : UINT64_MAX;

	for (const struct node_stream *s = n->streams; s != NULL; s = s->next)
		if (s->direct_name != NULL && s->has_ended && s->settle_by_us != 0 &&
		    n->now_us + SETTLE_LOOK_US < at)
			at = n->now_us + SETTLE_LOOK_US;
	for (const struct direct_call *c = n->calls; c != NULL; c = c->next) {
		uint64_t play_us = c->play != NULL ? direct_play_deadline_us(c->play) : UINT64_MAX;

		if (c->state == CALL_TRYING && !n->is_closing && c->retry_us < at)
			at = c->retry_us;
		at = play_us < at ? play_us : at;
	}
	return at;
}

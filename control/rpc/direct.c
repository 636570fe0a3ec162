#include "control/rpc/direct.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/rpc/internal.h"
#include "control/rpc/live_internal.h"
#include "control/rpc/server_stream.h"
#include "dataplane/wire/limits.h"
#include "dataplane/wire/rtmp_msg.h"

#define ASK_US           10000000 // from a subscriber's flow to its play
#define DATA_LIFETIME_US 2000000  // P2-5, where late data are given up

enum peer_state {
	PEER_ASKING,  // it has not said what it wants
	PEER_WAITING, // nobody publishes that
	PEER_PLAYING,
};

struct direct_peer {
	struct direct *direct;
	struct direct_peer *next, *prev; // of the direct
	enum peer_state state;
	struct net_stream *ns;
	struct live_end *end;     // PLAYING
	struct direct_name *name; // PLAYING
	char wants[STREAM_NAME_MAX + 1];
	bool is_amf3;
	uint64_t give_up_us; // ASKING
	uint8_t peer_id[32];
};

struct direct_name {
	struct direct *direct;
	struct direct_name *next, *prev;
	struct direct_name_opts o;
	struct live_end *end; // publishes
	struct net_stream_sending sending[NET_STREAM_FLOWS];
	bool is_one_flow;
	char name[STREAM_NAME_MAX + 1];
};

struct direct {
	// What each turn looks at.
	uint64_t hub_us; // hub's next turn
	struct direct_peer *peers;
	// The rest.
	struct direct_opts o;
	struct direct_counters counters;
	struct live_hub *hub;
	struct direct_name *names;
	struct rpc_command command;  // being read: large, and only one at a time
	uint32_t n_names, n_waiting; // n_waiting: of PEER_ASKING and PEER_WAITING
};

struct direct *direct_create(const struct direct_opts *o)
{
	const struct live_hub_opts hub = {.streams_max = o->names_max,
					  .streams_per_app_max = o->names_max,
					  .players_max = o->players_max,
					  .log_bytes_max = o->log_bytes_max};
	struct direct *d = calloc(1, sizeof(*d));

	if (d == NULL)
		return NULL;
	d->o = *o;
	d->hub = live_hub_create(&hub, &d->hub_us);
	if (d->hub != NULL)
		return d;
	free(d);
	return NULL;
}

const struct direct_counters *direct_counters(const struct direct *d)
{
	return &d->counters;
}

// ---- subscribers ----

static void peer_state(struct direct_peer *p, enum peer_state to)
{
	struct direct *d = p->direct;

	if (p->state != PEER_PLAYING)
		d->n_waiting--;
	p->state = to;
	if (p->state != PEER_PLAYING)
		d->n_waiting++;
}

static void peer_stop(struct direct_peer *p)
{
	struct direct_name *n = p->name;

	if (p->state != PEER_PLAYING)
		return;
	live_end_destroy(p->end);
	p->end = NULL;
	p->name = NULL;
	peer_state(p, PEER_WAITING);
	if (n->o.peer_changed != NULL)
		n->o.peer_changed(n->o.ctx, p->peer_id, false);
}

static void peer_destroy(struct direct_peer *p)
{
	struct direct *d = p->direct;

	peer_stop(p);
	net_stream_destroy(p->ns);
	if (p->prev != NULL)
		p->prev->next = p->next;
	else
		d->peers = p->next;
	if (p->next != NULL)
		p->next->prev = p->prev;
	d->n_waiting--;
	free(p);
}

// Its status goes first; then its flow is rejected, which is how a publisher closes (14.5).
static void peer_refuse(struct direct_peer *p, const char *code, uint64_t now_us)
{
	stream_status(p->ns, p->is_amf3, "error", code, p->wants, now_us);
	peer_destroy(p);
}

static void peer_play(struct direct_peer *p, struct direct_name *n, uint64_t now_us)
{
	struct direct *d = p->direct;

	if (n->o.peer_connect != NULL && !n->o.peer_connect(n->o.ctx, p->peer_id)) {
		d->counters.rejected++;
		peer_refuse(p, "NetStream.Connect.Rejected", now_us);
		return;
	}
	net_stream_send_as(p->ns, n->sending, n->is_one_flow);
	p->end = live_end_create(d->hub, p->is_amf3);
	if (p->end == NULL) {
		d->counters.refused++;
		peer_refuse(p, "NetStream.Play.Failed", now_us);
		return;
	}
	live_end_attach(p->end, p->ns);
	stream_user_control(p->ns, UC_STREAM_BEGIN, now_us);
	stream_status(p->ns, p->is_amf3, "status", "NetStream.Play.Reset", n->name, now_us);
	stream_status(p->ns, p->is_amf3, "status", "NetStream.Play.Start", n->name, now_us);
	if (live_play(p->end, "", n->name) != LIVE_OK) {
		live_end_destroy(p->end);
		p->end = NULL;
		d->counters.refused++;
		peer_refuse(p, "NetStream.Play.Failed", now_us);
		return;
	}
	p->name = n;
	peer_state(p, PEER_PLAYING);
	d->counters.accepted++;
	if (n->o.peer_changed != NULL)
		n->o.peer_changed(n->o.ctx, p->peer_id, true);
}

// ---- what subscribers ask for ----

static struct direct_name *find(const struct direct *d, const char *name)
{
	struct direct_name *n = d->names;

	while (n != NULL && (strcmp(n->name, name) != 0 || !live_is_publishing(n->end)))
		n = n->next;
	return n;
}

static void play(struct direct_peer *p, const struct amf_node *name, uint64_t now_us)
{
	struct direct_name *n;

	if (name == NULL || name->type != AMF_STRING || name->text.len == 0 ||
	    name->text.len > STREAM_NAME_MAX ||
	    memchr(name->text.data, 0, name->text.len) != NULL) {
		p->direct->counters.malformed++;
		peer_refuse(p, "NetStream.Play.Failed", now_us);
		return;
	}
	peer_stop(p);
	amf_text(name, p->wants, sizeof(p->wants));
	peer_state(p, PEER_WAITING);
	n = find(p->direct, p->wants);
	if (n != NULL)
		peer_play(p, n, now_us);
}

static bool is_true(const struct amf_node *n)
{
	return n == NULL || n->type != AMF_BOOLEAN || n->number != 0;
}

static void command(struct direct_peer *p, const struct rpc_command *c, uint64_t now_us)
{
	const struct amf_node *first = amf_at(&c->doc, 3);

	p->is_amf3 = c->is_amf3;
	if (strcmp(c->name, "play") == 0)
		play(p, first, now_us);
	else if (strcmp(c->name, "closeStream") == 0)
		peer_destroy(p);
	else if (p->state != PEER_PLAYING)
		return;
	else if (strcmp(c->name, "receiveAudio") == 0)
		live_receive(p->end, is_true(first), live_receives_video(p->end));
	else if (strcmp(c->name, "receiveVideo") == 0)
		live_receive(p->end, live_receives_audio(p->end), is_true(first));
	else if (strcmp(c->name, "pause") == 0)
		live_pause(p->end, is_true(first));
}

static void on_message(void *ctx, struct net_stream *ns, const struct net_stream_message *m,
		       uint64_t now_us)
{
	struct direct_peer *p = ctx;
	struct rpc_command *c = &p->direct->command;
	int err = rpc_command_read(c, m->type, m->payload);

	if (err == 0)
		command(p, c, now_us);
	else if (err != -ENOMSG)
		p->direct->counters.malformed++;
}

// It does not want what we send; nothing else will be sent instead (14.4 step 6).
static void on_rejected(void *ctx, struct net_stream *ns, uint64_t now_us)
{
	peer_destroy(ctx);
}

static void on_gone(void *ctx, struct net_stream *ns, enum net_stream_end why, uint64_t now_us)
{
	peer_destroy(ctx);
}

bool direct_has_room(const struct direct *d, const struct ctl_session *s)
{
	return (s != NULL && net_streams_are_direct(s)) ||
	       d->o.streams->n_direct_sessions < d->o.peers_max;
}

void direct_set_peers_max(struct direct *d, uint32_t max)
{
	d->o.peers_max = max;
}

bool direct_asked(struct direct *d, struct ctl_session *s, uint16_t rx_slot, uint64_t flow_id,
		  uint32_t stream_id, uint64_t now_us)
{
	struct net_stream_opts o = {.streams = d->o.streams,
				    .session = s,
				    .place = NET_STREAM_PUBLISHER,
				    .id = stream_id,
				    .far_flow = flow_id,
				    .queue_bytes_max = d->o.queue_bytes_max};
	struct direct_peer *p;

	d->counters.asked++;
	if (!direct_has_room(d, s)) {
		d->counters.refused_peers++;
		return false;
	}
	p = d->n_waiting < d->o.waiting_max ? calloc(1, sizeof(*p)) : NULL;
	o.events = (struct net_stream_events){p, on_message, on_rejected, on_gone};
	net_stream_sending_reliable(o.sending);
	if (p == NULL || net_stream_create(&o, &p->ns) != 0) {
		d->counters.refused++;
		free(p);
		return false;
	}
	p->direct = d;
	p->give_up_us = now_us + ASK_US;
	memcpy(p->peer_id, s->fingerprint, sizeof(p->peer_id));
	p->next = d->peers;
	if (p->next != NULL)
		p->next->prev = p;
	d->peers = p;
	d->n_waiting++;
	net_stream_take(p->ns, rx_slot, flow_id);
	return true;
}

// ---- publishing ----

static void sending_of(struct direct_name *n)
{
	const struct direct_name_opts *o = &n->o;
	struct net_stream_sending live[NET_STREAM_FLOWS];

	net_stream_sending_live(live);
	net_stream_sending_reliable(n->sending);
	n->is_one_flow = !o->audio_is_late_ok && !o->video_is_late_ok && !o->data_is_late_ok;
	if (n->is_one_flow)
		n->sending[NET_STREAM_COMMAND].prio = PRIO_MEDIA;
	if (o->audio_is_late_ok)
		n->sending[NET_STREAM_AUDIO] = live[NET_STREAM_AUDIO];
	if (o->video_is_late_ok)
		n->sending[NET_STREAM_VIDEO] = live[NET_STREAM_VIDEO];
	if (o->data_is_late_ok)
		n->sending[NET_STREAM_DATA].lifetime_us = DATA_LIFETIME_US;
}

// Those that waited for it move to it (NC-16).
static void gather(struct direct_name *n, uint64_t now_us)
{
	struct direct_peer *p, *next;

	for (p = n->direct->peers; p != NULL; p = next) {
		next = p->next;
		if (p->state == PEER_WAITING && strcmp(p->wants, n->name) == 0)
			peer_play(p, n, now_us);
	}
}

static void name_destroy(struct direct_name *n)
{
	struct direct *d = n->direct;

	live_end_destroy(n->end);
	if (n->prev != NULL)
		n->prev->next = n->next;
	else
		d->names = n->next;
	if (n->next != NULL)
		n->next->prev = n->prev;
	d->n_names--;
	free(n);
}

int direct_publish(struct direct *d, const char *name, const struct direct_name_opts *o,
		   struct direct_name **out, uint64_t now_us)
{
	size_t len = strlen(name);
	struct direct_name *n;

	if (len == 0 || len > STREAM_NAME_MAX)
		return -EINVAL;
	if (find(d, name) != NULL)
		return -EEXIST;
	if (d->n_names >= d->o.names_max)
		return -ENOBUFS;
	n = calloc(1, sizeof(*n));
	if (n == NULL)
		return -ENOMEM;
	*n = (struct direct_name){.direct = d, .o = *o, .next = d->names};
	memcpy(n->name, name, len + 1);
	sending_of(n);
	n->end = live_end_create(d->hub, false);
	if (n->end == NULL) {
		free(n);
		return -ENOMEM;
	}
	if (n->next != NULL)
		n->next->prev = n;
	d->names = n;
	d->n_names++;
	if (live_publish(n->end, "", name) != LIVE_OK) {
		name_destroy(n);
		return -ENOBUFS;
	}
	gather(n, now_us);
	*out = n;
	return 0;
}

int direct_write(struct direct_name *n, uint8_t type, uint32_t timestamp, struct span data,
		 uint64_t now_us)
{
	const struct rtmp_head head = {type, timestamp};
	struct net_stream_message m = {.type = type, .timestamp = timestamp};
	uint8_t *whole;
	struct wr w;

	if (!live_is_publishing(n->end))
		return -EPIPE;
	if (data.len + RTMP_HEAD_LEN > n->direct->o.log_bytes_max ||
	    data.len + RTMP_HEAD_LEN > n->direct->o.queue_bytes_max)
		return -EMSGSIZE;
	whole = malloc(RTMP_HEAD_LEN + data.len);
	if (whole == NULL)
		return -ENOMEM;
	w = wr_over(whole, RTMP_HEAD_LEN + data.len);
	rtmp_head_write(&w, &head);
	wr_bytes(&w, data.data, data.len);
	m.whole = wr_span(&w);
	m.payload = span_of(whole + RTMP_HEAD_LEN, data.len);
	live_message(n->end, &m, now_us);
	free(whole);
	return 0;
}

void direct_end(struct direct_name *n, uint64_t now_us)
{
	live_stop(n->end);
}

bool direct_is_settled(const struct direct_name *n)
{
	for (const struct direct_peer *p = n->direct->peers; p != NULL; p = p->next)
		if (p->name == n && (p->end->cursor < p->end->stream->log.next ||
				     net_stream_queued_bytes(p->ns) > 0))
			return false;
	return true;
}

void direct_unpublish(struct direct_name *n, uint64_t now_us)
{
	for (struct direct_peer *p = n->direct->peers; p != NULL; p = p->next)
		if (p->name == n)
			peer_stop(p);
	name_destroy(n);
}

// ---- looking in, time, the end ----

uint32_t direct_peers(const struct direct *d, const struct direct_name *n,
		      struct direct_peer_info *out, uint32_t max)
{
	uint32_t count = 0;

	for (struct direct_peer *p = d->peers; p != NULL; p = p->next) {
		if (n != NULL ? p->name != n : p->state != PEER_WAITING)
			continue;
		if (count < max) {
			out[count] = (struct direct_peer_info){.peer = p, .name = p->wants};
			memcpy(out[count].peer_id, p->peer_id, sizeof(p->peer_id));
		}
		count++;
	}
	return count;
}

void direct_peer_close(struct direct_peer *p, uint64_t now_us)
{
	stream_status(p->ns, p->is_amf3, "status", "NetStream.Connect.Closed", p->wants, now_us);
	peer_destroy(p);
}

void direct_timers(struct direct *d, uint64_t now_us)
{
	struct direct_peer *p, *next;

	if (d->hub_us <= now_us)
		live_hub_turn(d->hub, now_us);
	for (p = d->peers; p != NULL; p = next) {
		next = p->next;
		if (p->state != PEER_ASKING || now_us < p->give_up_us)
			continue;
		d->counters.silent++;
		peer_destroy(p);
	}
}

uint64_t direct_deadline_us(const struct direct *d)
{
	uint64_t at = d->hub_us;

	for (const struct direct_peer *p = d->peers; p != NULL; p = p->next)
		if (p->state == PEER_ASKING && p->give_up_us < at)
			at = p->give_up_us;
	return at;
}

void direct_destroy(struct direct *d)
{
	while (d->peers != NULL)
		peer_destroy(d->peers);
	while (d->names != NULL)
		name_destroy(d->names);
	live_hub_destroy(d->hub);
	free(d);
}

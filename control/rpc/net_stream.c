#include "control/rpc/net_stream.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/outbox.h"
#include "control/rpc/flow_sync.h"
#include "dataplane/wire/rtmp_msg.h"

#define AUDIO_LIFETIME_US 2200000 // netgroup-semantics 14
#define VIDEO_LIFETIME_US 2000000
#define SLOT_NONE         (-1)
// What may be said when media has used up the budget: a slow far end hears that a stream is over.
#define COMMAND_SPARE (16u << 10)

struct net_stream {
	struct net_stream_opts o;
	struct net_stream *next, *prev; // of the session
	struct ctl_session *session;    // NULL: gone
	struct outbox_account *account;
	int tx[NET_STREAM_FLOWS]; // send slots, or SLOT_NONE
	uint64_t rx;              // receive slots, a bit each
	uint8_t anchor_rx;        // PUBLISHER: the subscriber's flow
	uint8_t n_barriers;
	bool is_rejected;
};

void net_stream_sending_live(struct net_stream_sending s[NET_STREAM_FLOWS])
{
	net_stream_sending_reliable(s);
	s[NET_STREAM_AUDIO].lifetime_us = AUDIO_LIFETIME_US;
	s[NET_STREAM_VIDEO].lifetime_us = VIDEO_LIFETIME_US;
}

void net_stream_sending_reliable(struct net_stream_sending s[NET_STREAM_FLOWS])
{
	s[NET_STREAM_COMMAND] = (struct net_stream_sending){.prio = PRIO_CONTROL};
	s[NET_STREAM_AUDIO] = (struct net_stream_sending){.prio = PRIO_MEDIA, .is_first = true};
	s[NET_STREAM_VIDEO] = (struct net_stream_sending){.prio = PRIO_MEDIA};
	s[NET_STREAM_DATA] = (struct net_stream_sending){.prio = PRIO_MEDIA};
}

// ---- life ----

struct net_stream *net_stream_find(const struct ctl_session *s, enum net_stream_place place,
				   uint64_t id)
{
	struct net_stream *ns = s->streams;

	while (ns != NULL && (ns->o.place != place || ns->o.id != id))
		ns = ns->next;
	return ns;
}

static uint32_t count(const struct ctl_session *s)
{
	uint32_t n = 0;

	for (const struct net_stream *ns = s->streams; ns != NULL; ns = ns->next)
		n++;
	return n;
}

bool net_stream_is_direct(const struct net_stream *ns)
{
	return ns->o.place != NET_STREAM_CONNECTED;
}

bool net_streams_are_direct(const struct ctl_session *s)
{
	const struct net_stream *ns = s->streams;

	while (ns != NULL && !net_stream_is_direct(ns))
		ns = ns->next;
	return ns != NULL;
}

int net_stream_create(const struct net_stream_opts *o, struct net_stream **out)
{
	struct ctl_session *s = o->session;
	struct net_stream *ns;

	assert(o->id != 0 && o->queue_bytes_max > 0);
	if (s->state != CTL_OPEN)
		return -ENOTCONN;
	// Subscribers of one publisher may choose the same id: their flow is what tells them apart.
	if (o->place == NET_STREAM_CONNECTED && net_stream_find(s, o->place, o->id) != NULL)
		return -EEXIST;
	if (o->streams->n >= o->streams->max || count(s) >= o->streams->per_session_max) {
		o->streams->refused++;
		return -ENOBUFS;
	}
	ns = calloc(1, sizeof(*ns));
	if (ns == NULL)
		return -ENOMEM;
	*ns = (struct net_stream){.o = *o, .session = s, .next = s->streams};
	ns->account = outbox_account_open(s->outbox);
	if (ns->account == NULL) {
		free(ns);
		return -ENOMEM;
	}
	for (unsigned i = 0; i < NET_STREAM_FLOWS; i++)
		ns->tx[i] = SLOT_NONE;
	if (net_stream_is_direct(ns) && !net_streams_are_direct(s))
		o->streams->n_direct_sessions++;
	if (ns->next != NULL)
		ns->next->prev = ns;
	s->streams = ns;
	o->streams->n++;
	o->streams->opened++;
	*out = ns;
	return 0;
}

static void close_ours(struct net_stream *ns)
{
	for (unsigned i = 0; i < NET_STREAM_FLOWS; i++) {
		if (ns->tx[i] != SLOT_NONE)
			ctl_flow_close(ns->session, (uint16_t)ns->tx[i]);
		ns->tx[i] = SLOT_NONE;
	}
}

// Rejected one by one in one go: the worker tells them in the same packet (14.4 step 6).
static void reject_theirs(struct net_stream *ns)
{
	struct ctl_session *s = ns->session;

	for (uint64_t left = ns->rx; left != 0; left &= left - 1) {
		uint16_t slot = (uint16_t)__builtin_ctzll(left);

		ctl_flow_reject(s, slot, s->rx[slot].flow_id, 0);
	}
	ns->rx = 0;
}

static void detach(struct net_stream *ns)
{
	struct ctl_session *s = ns->session;

	close_ours(ns);
	reject_theirs(ns);
	if (ns->prev != NULL)
		ns->prev->next = ns->next;
	else
		s->streams = ns->next;
	if (ns->next != NULL)
		ns->next->prev = ns->prev;
	ns->next = ns->prev = NULL;
	ns->session = NULL;
	ns->o.streams->n--;
	if (net_stream_is_direct(ns) && !net_streams_are_direct(s))
		ns->o.streams->n_direct_sessions--;
}

void net_stream_destroy(struct net_stream *ns)
{
	if (ns->session != NULL)
		detach(ns);
	outbox_account_close(ns->account);
	free(ns);
}

static void end(struct net_stream *ns, enum net_stream_end why, uint64_t now_us)
{
	detach(ns);
	ns->o.events.gone(ns->o.events.ctx, ns, why, now_us);
}

void *net_stream_ctx(const struct net_stream *ns)
{
	return ns->o.events.ctx;
}

void net_stream_send_as(struct net_stream *ns,
			const struct net_stream_sending sending[NET_STREAM_FLOWS], bool is_one_flow)
{
	memcpy(ns->o.sending, sending, sizeof(ns->o.sending));
	ns->o.is_one_flow = is_one_flow;
}

uint32_t net_stream_id(const struct net_stream *ns)
{
	return ns->o.id;
}

struct ctl_session *net_stream_session(const struct net_stream *ns)
{
	return ns->session;
}

bool net_stream_may_write(const struct net_stream *ns)
{
	return ns->session != NULL && !ns->is_rejected;
}

// ---- writing ----

enum net_stream_flow net_stream_flow_of(uint8_t type)
{
	switch (type) {
	case RTMP_AUDIO:
		return NET_STREAM_AUDIO;
	case RTMP_VIDEO:
		return NET_STREAM_VIDEO;
	case RTMP_DATA_AMF0:
	case RTMP_DATA_AMF3:
		return NET_STREAM_DATA;
	default:
		return NET_STREAM_COMMAND;
	}
}

static int open_flow(struct net_stream *ns, enum net_stream_flow which)
{
	const struct net_stream_sending *how = &ns->o.sending[which];
	const struct tc_metadata tc = {TC_SID, ns->o.id};
	uint8_t meta[8];
	struct wr w = wr_over(meta, sizeof(meta));
	struct ctl_flow_opts o = {.meta = meta,
				  .has_assoc = ns->o.place != NET_STREAM_SUBSCRIBER,
				  .assoc_id = ns->o.far_flow,
				  .prio = how->prio,
				  .flags = (uint8_t)((how->is_time_critical ? FLOW_OPEN_TC : 0) |
						     (how->is_first ? FLOW_OPEN_FIRST : 0)),
				  .rule_stream = NO_STREAM,
				  .owner = OWNER_STREAM,
				  .ctx = ns};
	int slot;

	tc_metadata_write(&w, &tc);
	o.meta_len = (uint8_t)wr_span(&w).len;
	slot = ctl_flow_open(ns->session, &o);
	if (slot < 0)
		return slot == -ENOBUFS ? -EMFILE : -EPIPE;
	ns->tx[which] = slot;
	return 0;
}

int net_stream_write(struct net_stream *ns, enum net_stream_flow which, struct span head,
		     struct span rest, bool is_reliable, uint64_t now_us)
{
	uint32_t lifetime_us = is_reliable ? 0 : ns->o.sending[which].lifetime_us;
	uint64_t out = (uint64_t)net_stream_queued_bytes(ns) + head.len + rest.len;
	int err;

	if (!net_stream_may_write(ns))
		return -EPIPE;
	if (out > ns->o.queue_bytes_max + (which == NET_STREAM_COMMAND ? COMMAND_SPARE : 0)) {
		ns->o.streams->over_budget++;
		return -EDQUOT;
	}
	if (ns->o.place == NET_STREAM_SUBSCRIBER || ns->o.is_one_flow)
		which = NET_STREAM_COMMAND;
	if (ns->tx[which] == SLOT_NONE) {
		err = open_flow(ns, which);
		if (err != 0)
			return err;
	}
	err = ctl_flow_send_parts(ns->session, (uint16_t)ns->tx[which], head, rest, ns->account,
				  lifetime_us > 0 ? now_us + lifetime_us : 0);
	return err == -ENOTCONN ? -EPIPE : err;
}

uint32_t net_stream_queued_bytes(const struct net_stream *ns)
{
	return outbox_account_bytes(ns->account);
}

void net_stream_barrier(struct net_stream *ns)
{
	uint16_t slots[NET_STREAM_FLOWS];
	uint8_t n = 0;

	for (unsigned i = 0; i < NET_STREAM_FLOWS; i++)
		if (ns->tx[i] != SLOT_NONE)
			slots[n++] = (uint16_t)ns->tx[i];
	if (n < 2 || !net_stream_may_write(ns)) // one flow is in order by itself
		return;
	// Other streams of the association tree have barriers, too.
	flow_sync_send(ns->session, slots, n, ns->o.id << 8 | ns->n_barriers++);
}

// ---- flows of the far end ----

void net_stream_take(struct net_stream *ns, uint16_t rx_slot, uint64_t flow_id)
{
	if (ns->rx == 0)
		ns->anchor_rx = (uint8_t)rx_slot;
	ns->rx |= UINT64_C(1) << rx_slot;
	// In original order even if it would rather not (TC_RXI): whoever publishes on, or decodes,
	// would have to put them in order again.
	ctl_flow_accept(ns->session, rx_slot, flow_id, FLOW_CONTROL, NO_STREAM, OWNER_STREAM, ns);
}

// The stream that a flow belongs to by what it returns.
static struct net_stream *of_flow(const struct ctl_session *s, uint16_t assoc_flow, uint64_t id)
{
	const struct ctl_flow *returns = &s->tx[assoc_flow % FLOWS_PER_SESSION];
	struct net_stream *ns;

	if (assoc_flow == NO_FLOW)
		return NULL;
	if (returns->owner == OWNER_RPC)
		return net_stream_find(s, NET_STREAM_CONNECTED, id);
	ns = returns->owner == OWNER_STREAM ? returns->ctx : NULL;
	return ns != NULL && ns->o.place == NET_STREAM_SUBSCRIBER && ns->o.id == id ? ns : NULL;
}

bool net_stream_flow_opened(struct ctl_session *s, uint16_t rx_slot, uint64_t flow_id,
			    uint16_t assoc_flow, const struct tc_metadata *tc, uint64_t now_us)
{
	struct net_stream *ns = of_flow(s, assoc_flow, tc->stream_id);

	if (ns == NULL || rx_slot >= FLOWS_PER_SESSION)
		return false;
	if (__builtin_popcountll(ns->rx) < NET_STREAM_FAR_FLOWS_MAX) {
		net_stream_take(ns, rx_slot, flow_id);
		return true;
	}
	ns->o.streams->excessive++;
	ctl_flow_reject(s, rx_slot, flow_id, 0);
	end(ns, NET_STREAM_EXCESSIVE, now_us);
	return true;
}

void net_stream_on_message(struct ctl_session *s, uint16_t rx_slot, struct span message,
			   bool has_gap, uint64_t now_us)
{
	struct net_stream *ns = s->rx[rx_slot].ctx;
	struct net_stream_message m = {.whole = message, .has_gap = has_gap, .rx_slot = rx_slot};
	struct rd rd = rd_over(message.data, message.len);
	struct rtmp_head head;

	if (rtmp_head_read(&rd, &head) != 0 || rtmp_type_is_ignored(head.type))
		return;
	m.type = head.type;
	m.timestamp = head.timestamp;
	m.payload = rd_rest(&rd);
	ns->o.events.message(ns->o.events.ctx, ns, &m, now_us);
}

// The end of a flow has no meaning for its stream (14.4 step 6), but the subscriber's means it.
void net_stream_on_finished(struct ctl_session *s, uint16_t rx_slot, uint64_t now_us)
{
	struct net_stream *ns = s->rx[rx_slot].ctx;

	ns->rx &= ~(UINT64_C(1) << rx_slot);
	if (ns->o.place == NET_STREAM_PUBLISHER && ns->anchor_rx == rx_slot)
		end(ns, NET_STREAM_LEFT, now_us);
}

void net_stream_on_exception(struct ctl_session *s, uint16_t tx_slot, uint64_t now_us)
{
	struct net_stream *ns = s->tx[tx_slot].ctx;

	ns->is_rejected = true;
	ns->o.streams->rejected++;
	if (ns->o.place == NET_STREAM_SUBSCRIBER) {
		end(ns, NET_STREAM_LEFT, now_us);
		return;
	}
	close_ours(ns);
	if (ns->o.events.rejected != NULL)
		ns->o.events.rejected(ns->o.events.ctx, ns, now_us);
}

static void end_some(struct ctl_session *s, bool only_connected, uint64_t now_us)
{
	struct net_stream *ns = s->streams;

	while (ns != NULL) {
		if (only_connected && ns->o.place != NET_STREAM_CONNECTED) {
			ns = ns->next;
			continue;
		}
		end(ns, NET_STREAM_LOST, now_us);
		ns = s->streams; // an event may have ended others, too
	}
}

void net_streams_disconnected(struct ctl_session *s, uint64_t now_us)
{
	end_some(s, true, now_us);
}

void net_streams_session_closed(struct ctl_session *s, uint64_t now_us)
{
	end_some(s, false, now_us);
}

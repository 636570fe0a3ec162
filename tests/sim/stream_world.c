#include "tests/sim/stream_world.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/wire/rtmp_msg.h"

#define STREAM       0
#define BODY_LEN     16    // of a fragment in a window; what it stands for is packet_octets
#define SLOTS        16384 // milliseconds that events may lie ahead
#define NOBODY       UINT32_MAX
#define ACK_OCTETS   52 // IP, UDP, session id, checksum, header, one chunk, padding
#define ACK_LATE_MS  200
#define AGAIN_MS     250 // that a lost control message is later, beside the way back and forth
#define SUPER_RTT_MS 40
#define RTT_MIN_MS   10
#define RTT_MAX_MS   200
#define TC_MS        800
#define QUEUE_MS_MAX 8000
#define BEGIN_MS     10000

struct stream_slot {
	uint32_t first, last;
};

// ---- events ----

static uint32_t event_get(struct stream_world *w)
{
	uint32_t idx = w->free_event;

	if (idx != NOBODY) {
		w->free_event = w->events[idx].next;
		return idx;
	}
	if (w->n_events == w->events_cap) {
		w->events_cap = w->events_cap > 0 ? 2 * w->events_cap : 65536;
		w->events = realloc(w->events, w->events_cap * sizeof(*w->events));
		assert(w->events != NULL);
	}
	return w->n_events++;
}

struct stream_event *stream_event_at(struct stream_world *w, uint32_t at_ms, uint32_t node,
				     uint32_t session, enum stream_event_kind kind)
{
	uint32_t idx = event_get(w);
	struct stream_slot *s;
	struct stream_event *ev = &w->events[idx];

	if (at_ms <= w->now_ms)
		at_ms = w->now_ms + 1;
	assert(at_ms - w->now_ms < SLOTS);
	s = &w->slots[at_ms % SLOTS];
	ev->next = NOBODY;
	ev->node = node;
	ev->session = session;
	ev->kind = (uint8_t)kind;
	ev->len = 0;
	ev->octets = 0;
	ev->is_down = false;
	if (s->last != NOBODY)
		w->events[s->last].next = idx;
	else
		s->first = idx;
	s->last = idx;
	return ev;
}

// ---- lines ----

static uint64_t crossed_us(uint64_t *busy_us, uint64_t from_us, uint64_t bps, uint32_t octets)
{
	if (bps == 0)
		return from_us;
	*busy_us = (*busy_us > from_us ? *busy_us : from_us) + octets * 8000000ull / bps;
	return *busy_us;
}

uint32_t stream_packet(struct stream_node *n, struct stream_end *end, uint32_t octets, bool is_data)
{
	struct stream_world *w = n->w;
	uint64_t now_us = w->now_ms * 1000ull, at_us;
	bool is_lost = random_below(&w->random, 1000) < w->o.loss_permille;

	if (is_data && n->up_bps != 0 && n->up_us > now_us + w->o.queue_ms * 1000ull)
		return 0;
	at_us = crossed_us(&n->up_us, now_us, n->up_bps, octets);
	if (at_us > now_us + QUEUE_MS_MAX * 1000ull)
		at_us = now_us + QUEUE_MS_MAX * 1000ull;
	if (is_lost && is_data)
		return 0;
	at_us += end->latency_ms * 1000ull;
	return (uint32_t)(at_us / 1000) + (is_lost ? 2 * end->latency_ms + AGAIN_MS : 0);
}

// ---- nodes ----

static void touch(struct stream_node *n)
{
	struct stream_world *w = n->w;

	if (n->is_touched)
		return;
	n->is_touched = true;
	n->next_touched = w->touched;
	w->touched = n->index;
	n->e.now_us = w->now_ms * 1000ull;
	n->e.now_ms = w->now_ms;
}

static void send(struct stream_node *n)
{
	budgets_clock(&n->e.budgets, n->e.now_us);
	relay_tx_fresh(&n->e);
	relay_tx_behind(&n->e);
}

static void turn(struct stream_node *n)
{
	struct engine *e = &n->e;
	uint64_t at_us;
	uint32_t at_ms;

	relay_timers(e, e->now_us);
	send(n);
	at_us = relay_deadline_us(e);
	at_ms = at_us / 1000 > n->w->now_ms + 1000 ? n->w->now_ms + 1000
						   : (uint32_t)(at_us / 1000) + 1;
	if (at_ms <= n->w->now_ms)
		at_ms = n->w->now_ms + 1;
	if (n->wake_ms > n->w->now_ms && n->wake_ms <= at_ms)
		return;
	n->wake_ms = at_ms;
	stream_event_at(n->w, at_ms, n->index, 0, STREAM_WAKE);
}

struct stream *stream_of_node(struct stream_world *w, uint32_t node)
{
	return stream_at(&w->nodes[node].e, STREAM);
}

static struct stream_node *node_create(struct stream_world *w, uint32_t index, uint32_t ends_max)
{
	struct stream_node *n = &w->nodes[index];
	struct engine *e = &n->e;

	n->w = w;
	n->index = index;
	n->ends_max = ends_max;
	n->ends = calloc(ends_max, sizeof(*n->ends));
	e->sessions = pages_take(ends_max * sizeof(struct session));
	assert(n->ends != NULL && e->sessions != NULL && stream_flows_create(n) == 0);
	e->dice = w->random;
	e->tx = &e->scratch.tx; // the fan-out looks ahead at its buffers: there are none
	e->opts = (struct engine_opts){.n_workers = 1,
				       .sessions_max = ends_max,
				       .streams_max = 1,
				       .links_max = ends_max,
				       .extents_max = 8,
				       .payload_base = 1200,
				       .visit = 1,
				       .groups_max = 1};
	e->now_us = w->now_ms * 1000ull;
	e->now_ms = w->now_ms;
	e->relay = relay_create(&e->opts);
	assert(e->relay != NULL && budgets_init(&e->budgets, &e->opts) == 0);
	return n;
}

static void node_destroy(struct stream_node *n)
{
	stream_remove(&n->e, stream_at(&n->e, STREAM));
	relay_destroy(&n->e, n->e.relay);
	budgets_fini(&n->e.budgets);
	stream_flows_destroy(n);
	pages_give(n->e.sessions, n->ends_max * sizeof(struct session));
	free(n->ends);
}

static void limit(struct stream_node *n, uint64_t bytes_per_s)
{
	struct command c = {.op = CMD_BUDGET};

	c.budget.level = LIMIT_TOTAL;
	c.budget.bytes_per_s = bytes_per_s;
	budgets_command(&n->e, &c);
}

static void stream_make(struct stream_node *n)
{
	const struct stream_world_opts *o = &n->w->o;
	struct stream_seed seed = {.window_ms = o->window_ms,
				   .margin_ms = o->margin_ms,
				   .update_ms = o->update_ms,
				   .fetch_ms = n->index == 0 ? 250 : o->fetch_ms,
				   .extents_max = 8,
				   .push_limit = 4,
				   .flags = STREAM_HOME};
	uint8_t flags[] = {STREAM_PUSH_ALL, STREAM_PUBLISHER};

	seed.flags |= n->index < 2 ? flags[n->index] : 0;
	assert(stream_add(&n->e, STREAM, &seed) == 0);
}

// ---- who knows whom ----

static bool is_linked(const struct stream_node *a, uint32_t b)
{
	for (uint32_t i = 0; i < a->n_ends; i++)
		if (a->ends[i].far_node == b)
			return true;
	return false;
}

static void end_make(struct stream_node *n, uint32_t far, uint32_t far_session, uint32_t latency_ms)
{
	struct stream_end *end = &n->ends[n->n_ends];
	struct session *s = &n->e.sessions[n->n_ends++];

	*end = (struct stream_end){far, far_session, latency_ms};
	s->id_rx = n->n_ends;
	s->state = S_OPEN;
	s->cwnd_bytes = CWND_INIT_BYTES;
	s->ssthresh_bytes = SSTHRESH_NONE;
	s->srtt_us = 2000 * latency_ms;
	s->mrto_us = 2 * s->srtt_us + 200000;
}

static void join(struct stream_world *w, uint32_t a, uint32_t b)
{
	struct stream_node *x = &w->nodes[a], *y = &w->nodes[b];
	uint32_t rtt_ms = SUPER_RTT_MS;

	if (a == b || x->n_ends == x->ends_max || y->n_ends == y->ends_max || is_linked(x, b))
		return;
	if (a != 0 && b != 0)
		rtt_ms = RTT_MIN_MS + (uint32_t)random_below(&w->random, RTT_MAX_MS - RTT_MIN_MS);
	end_make(x, b, y->n_ends, rtt_ms / 2);
	end_make(y, a, x->n_ends - 1, rtt_ms / 2);
}

// As groups.md 5 has it: three beside us each way, ever larger halves of the ring both ways, and
// some for other reasons than their place, which is what six nearest and a random one are here.
static void ring_neighbours(struct stream_world *w, uint32_t at, const uint32_t *order, uint32_t n)
{
	for (uint32_t d = 1; d <= 3; d++)
		join(w, order[at], order[(at + d) % n]);
	for (uint32_t d = n / 2; d > 3; d /= 2) {
		join(w, order[at], order[(at + d) % n]);
		join(w, order[at], order[(at + n - d) % n]);
	}
	for (uint32_t i = 0; i < 7; i++)
		join(w, order[at], order[random_below(&w->random, n)]);
}

static void link_both(struct stream_world *w)
{
	for (uint32_t i = 0; i < w->n_nodes; i++) {
		struct stream_node *n = &w->nodes[i];

		for (uint32_t k = 0; k < n->n_ends; k++) {
			struct command c = {.op = CMD_STREAM_LINK,
					    .session_idx = k,
					    .session_id = n->e.sessions[k].id_rx};

			c.link.stream = STREAM;
			c.link.flags = n->ends[k].far_node == 0 ? LINK_IS_SUPER : 0;
			c.link.ring_order = n->ends[k].far_node * 0x9e3779b97f4a7c15ull;
			relay_command(&n->e, &c);
		}
		touch(n);
	}
}

static void everybody_meets(struct stream_world *w)
{
	uint32_t n = w->n_nodes - 1, *order = calloc(n, sizeof(*order));

	assert(order != NULL);
	for (uint32_t i = 0; i < n; i++)
		order[i] = i + 1;
	for (uint32_t i = n; i > 1; i--) {
		uint32_t k = (uint32_t)random_below(&w->random, i), swap = order[k];

		order[k] = order[i - 1];
		order[i - 1] = swap;
	}
	join(w, 0, 1); // who announces the stream is its source
	for (uint32_t i = 0; i < n; i++) {
		join(w, 0, order[i]);
		ring_neighbours(w, i, order, n);
	}
	free(order);
}

struct stream_world *stream_world_create(const struct stream_world_opts *o, uint64_t fragments_max)
{
	struct stream_world *w = calloc(1, sizeof(*w));
	uint32_t mates_max;

	assert(w != NULL);
	w->o = *o;
	w->random = random_seeded(&w->random_state, o->seed);
	w->now_ms = BEGIN_MS;
	w->free_event = w->touched = NOBODY;
	w->slots = malloc(SLOTS * sizeof(*w->slots));
	memset(w->slots, 0xff, SLOTS * sizeof(*w->slots));
	w->n_nodes = o->n_members + 2;
	w->nodes = pages_take(w->n_nodes * sizeof(*w->nodes));
	w->numbers_max = fragments_max;
	w->published_ms = calloc(fragments_max + 1, sizeof(*w->published_ms));
	w->inside_at = calloc(fragments_max * o->every_us / 1000000 + 2, sizeof(*w->inside_at));
	w->fragment = calloc(1, sizeof(struct body) + 64);
	assert(w->slots != NULL && w->nodes != NULL && w->published_ms != NULL &&
	       w->inside_at != NULL && w->fragment != NULL);
	mates_max = w->n_nodes < 96 ? w->n_nodes : 96;
	for (uint32_t i = 0; i < w->n_nodes; i++)
		node_create(w, i, i == 0 ? w->n_nodes : mates_max);
	everybody_meets(w);
	limit(&w->nodes[0], o->super_bytes_per_s);
	for (uint32_t i = 0; i < w->n_nodes; i++) {
		struct stream_node *n = &w->nodes[i];

		n->up_bps = i < 2 ? 0 : o->up_bps(i - 2, &w->random);
		if (i > 1 && o->told_permille != 0)
			limit(n, n->up_bps / 8 * o->told_permille / 1000);
		stream_make(n);
	}
	link_both(w);
	return w;
}

// ---- what happens ----

static void fragment_in(struct stream_node *n, const struct stream_event *ev)
{
	struct stream *s = stream_at(&n->e, STREAM);
	struct stream_world *w = n->w;
	uint64_t before = s->n.fragments_received;
	uint8_t message[64];
	struct stream_fragment f = {.flags = STREAM_FRAGMENT_FIRST,
				    .type = RTMP_DATA_AMF3,
				    .number = ev->data.no,
				    .payload = span_of(w->fragment->data, 0)};
	struct wr m = wr_over(message, sizeof(message));

	f.payload = span_of(w->fragment->data + 32, BODY_LEN - 6 - vlu_len(f.number));
	stream_fragment_write(&m, &f);
	relay_on_fragment(&n->e, ev->session, STREAM, wr_span(&m));
	if (s->n.fragments_received == before)
		return;
	if (f.number == 1) // who was there from the beginning begins with it (player_start.c)
		n->start_ms = w->now_ms;
	if (n->index < 2 || w->now_ms - w->published_ms[f.number] > w->o.window_ms)
		return;
	n->n_inside++;
	w->inside_at[(w->published_ms[f.number] - BEGIN_MS) / 1000]++;
}

static bool hears_others(const struct stream_node *n, uint32_t session)
{
	uint32_t i = n->heard[0].session == session;

	return n->heard[i].at_ms + TC_MS > n->w->now_ms;
}

void stream_ack(struct stream_node *n, uint32_t session, uint32_t at_ms)
{
	struct stream_end *end = &n->ends[session];
	struct stream_event *ev =
		stream_event_at(n->w, at_ms, end->far_node, end->far_session, STREAM_ACK);

	ev->len = end->n_news;
	ev->is_fast = !hears_others(n, session);
	memcpy(ev->news, end->news, end->n_news * sizeof(*end->news));
	end->n_unacked = end->n_news = 0;
}

static void ack_send(struct stream_node *n, uint32_t session)
{
	stream_ack(n, session, stream_packet(n, &n->ends[session], ACK_OCTETS, false));
	n->control_octets += ACK_OCTETS;
	n->e.stats.tx_ip_bytes[BUDGET_CONTROL] += ACK_OCTETS;
	if (n->e.budgets.is_limited)
		budgets_charge(&n->e.budgets, session, BUDGET_GROUP_NONE, ACK_OCTETS);
}

// Every second packet is acknowledged, or 200 ms after it came (RFC 7016 §3.6.3.4).
static void to_ack(struct stream_node *n, uint32_t session)
{
	struct stream_end *end = &n->ends[session];

	if (++end->n_unacked >= 2) {
		ack_send(n, session);
	} else if (!end->is_ack_late) {
		end->is_ack_late = true;
		stream_event_at(n->w, n->w->now_ms + ACK_LATE_MS, n->index, session,
				STREAM_ACK_DUE);
	}
}

// What a packet's echo tells: how long ours take now, and theirs took.
static void see_rtt(struct stream_node *n, uint32_t session)
{
	const struct stream_end *end = &n->ends[session];
	const struct stream_node *far = &n->w->nodes[end->far_node];
	struct session *s = &n->e.sessions[session];
	uint64_t now_us = n->w->now_ms * 1000ull, us = 2000ull * end->latency_ms;

	us += n->up_us > now_us ? n->up_us - now_us : 0;
	us += far->up_us > now_us ? far->up_us - now_us : 0;
	s->srtt_us = (uint32_t)((7ull * s->srtt_us + us) / 8);
}

static void data_in(struct stream_node *n, const struct stream_event *ev)
{
	struct stream_end *end = &n->ends[ev->session];

	if (n->heard[0].session != ev->session)
		n->heard[1] = n->heard[0];
	n->heard[0].session = ev->session;
	n->heard[0].at_ms = n->w->now_ms;
	see_rtt(n, ev->session);
	fragment_in(n, ev);
	end->news[end->n_news++] = ev->data.sn;
	to_ack(n, ev->session);
}

static void control_in(struct stream_node *n, const struct stream_event *ev)
{
	struct span message = ev->control.body != NULL
				      ? span_of(local_body_data(ev->control.body), ev->control.len)
				      : span_of(ev->control.octets, ev->control.len);

	relay_on_control(&n->e, ev->session, STREAM, message);
	if (ev->control.body != NULL)
		local_body_unref(&n->e, ev->control.body);
	if (ev->len > 0)
		to_ack(n, ev->session);
}

// Whatever comes to a node shares the line to it. False: it waits there.
static bool is_here(struct stream_node *n, const struct stream_event *ev)
{
	struct stream_world *w = n->w;
	struct stream_event *later;
	uint64_t at_us;

	if (ev->octets == 0 || ev->is_down || n->index == 0)
		return true;
	at_us = crossed_us(&n->down_us, w->now_ms * 1000ull, w->o.down_bps, ev->octets);
	if (at_us < w->now_ms * 1000ull + 1000)
		return true;
	later = stream_event_at(w, (uint32_t)(at_us / 1000), ev->node, ev->session,
				(enum stream_event_kind)ev->kind);
	memcpy(&later->kind, &ev->kind, sizeof(*ev) - offsetof(struct stream_event, kind));
	later->is_down = true;
	return false;
}

static void happen(struct stream_world *w, const struct stream_event *ev)
{
	struct stream_node *n = &w->nodes[ev->node];

	if (ev->kind == STREAM_WAKE && n->wake_ms != w->now_ms)
		return; // was put off or brought forward
	if (!is_here(n, ev))
		return;
	touch(n);
	switch ((enum stream_event_kind)ev->kind) {
	case STREAM_WAKE:
		break;
	case STREAM_DATA:
		data_in(n, ev);
		break;
	case STREAM_CONTROL:
		control_in(n, ev);
		break;
	case STREAM_ACK:
		stream_flow_acked(n, ev);
		send(n); // what comes within a millisecond does not come together
		break;
	case STREAM_ACK_DUE:
		n->ends[ev->session].is_ack_late = false;
		if (n->ends[ev->session].n_unacked > 0)
			ack_send(n, ev->session);
		break;
	case STREAM_LOST:
		stream_flow_lost(n, ev->session, ev->data.sn);
	}
}

static void publish(struct stream_world *w)
{
	struct stream_node *n = &w->nodes[1];
	uint64_t no = ++w->n_published;
	struct stream_fragment f = {
		.flags = STREAM_FRAGMENT_FIRST,
		.type = RTMP_DATA_AMF3,
		.number = no,
		.payload = span_of(w->fragment->data + 32, BODY_LEN - 6 - vlu_len(no))};
	struct wr m = wr_over(w->fragment->data, 32);
	struct command c = {.op = CMD_STREAM_PUBLISH, .body = w->fragment};

	assert(no <= w->numbers_max);
	stream_fragment_write(&m, &f);
	c.len = (uint32_t)m.len;
	c.stream.stream = STREAM;
	c.stream.number = no;
	w->published_ms[no] = w->now_ms;
	touch(n);
	relay_command(&n->e, &c);
}

static void millisecond(struct stream_world *w)
{
	struct stream_slot *s = &w->slots[w->now_ms % SLOTS];

	while (s->first != NOBODY) {
		uint32_t idx = s->first;
		struct stream_event ev = w->events[idx]; // the pool may move

		s->first = ev.next;
		if (s->first == NOBODY)
			s->last = NOBODY;
		w->events[idx].next = w->free_event;
		w->free_event = idx;
		happen(w, &ev);
	}
	while (w->touched != NOBODY) {
		struct stream_node *n = &w->nodes[w->touched];

		w->touched = n->next_touched;
		n->is_touched = false;
		turn(n);
	}
}

void stream_world_run_ms(struct stream_world *w, uint32_t ms, bool is_publishing)
{
	for (; ms > 0; ms--) {
		if (is_publishing && w->due_us < w->now_ms * 1000ull)
			w->due_us = w->due_us == 0 ? w->now_ms * 1000ull : w->due_us;
		while (is_publishing && w->due_us <= w->now_ms * 1000ull &&
		       w->n_published < w->numbers_max) {
			publish(w);
			w->due_us += w->o.every_us;
		}
		millisecond(w);
		w->now_ms++;
	}
}

static void forget_control(struct stream_world *w)
{
	for (uint32_t t = 0; t < SLOTS; t++)
		for (uint32_t i = w->slots[t].first; i != NOBODY; i = w->events[i].next)
			if (w->events[i].kind == STREAM_CONTROL &&
			    w->events[i].control.body != NULL)
				local_body_unref(NULL, w->events[i].control.body);
}

void stream_world_destroy(struct stream_world *w)
{
	forget_control(w);
	for (uint32_t i = 0; i < w->n_nodes; i++)
		node_destroy(&w->nodes[i]);
	pages_give(w->nodes, w->n_nodes * sizeof(*w->nodes));
	free(w->events);
	free(w->slots);
	free(w->published_ms);
	free(w->inside_at);
	free(w->fragment);
	free(w);
}

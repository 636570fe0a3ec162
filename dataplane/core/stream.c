// Streams and links come and go.
#include "dataplane/core/stream.h"

#include <errno.h>
#include <string.h>

#include "crypto/random.h"

static uint32_t at_least(uint32_t value, uint32_t min)
{
	return value > min ? value : min;
}

// Times a publisher may choose as he likes must not make us divide by zero or spin (MC-33).
static void take_times(struct stream *s, const struct stream_seed *seed)
{
	s->push_limit = seed->push_limit;
	s->window_ms = at_least(seed->window_ms, 1);
	s->margin_ms = seed->margin_ms;
	s->update_ms = at_least(seed->update_ms, STREAM_UPDATE_MIN_MS);
	s->fetch_ms = at_least(seed->fetch_ms, STREAM_UPDATE_MIN_MS);
}

static void take_seed(struct stream *s, const struct stream_seed *seed)
{
	s->flags = seed->flags;
	s->home = seed->home;
	s->group = seed->group;
	take_times(s, seed);
}

// Who is skipped for a shorter window is counted as ever.
void stream_tune(struct engine *e, struct stream *s, const struct stream_seed *seed)
{
	take_times(s, seed);
	s->flags &= (uint8_t)~STREAM_SEND_TO_ALL;
	s->flags |= seed->flags & STREAM_SEND_TO_ALL;
	window_keep(&s->window, s->window_ms + s->margin_ms, e->now_ms);
	holders_tune(e, s);
	push_grant(e, s, NULL);
}

static void start_clocks(struct engine *e, struct stream *s)
{
	s->tick_ms = e->now_ms; // the first tick is at once
	s->nudge_ms = e->now_ms + NUDGE_MS;
	s->map_due_ms = e->now_ms;
	s->heard_ms = s->answered_ms = e->now_ms;
	s->test_slot = random_u32(&e->dice) % PUSH_SLOTS; // groups.md 6.3: random start, cyclic
	s->test_due_ms = e->now_ms + (uint32_t)random_below(&e->dice, PUSH_TEST_MS);
	e->relay->tick_ms = e->now_ms;
}

int stream_add(struct engine *e, uint32_t idx, const struct stream_seed *seed)
{
	struct relay *r = e->relay;
	struct stream *s;

	if (idx >= r->streams_max)
		return -ENOBUFS;
	s = &r->streams[idx];
	if (s->is_used)
		return -EEXIST;
	memset(s, 0, sizeof(*s));
	s->is_used = true;
	s->subs = r->subs + (size_t)idx * r->subs_max;
	s->asked = r->asked + (size_t)idx * ASKED_MAX;
	s->offers = r->offers + (size_t)idx * r->n_workers;
	memset(s->offers, 0, r->n_workers * sizeof(*s->offers));
	take_seed(s, seed);
	window_init(&s->window, seed->extents_max, s->window_ms + s->margin_ms);
	s->fresh_pos = s->walk_end = s->tap_pos = s->window.head_pos;
	s->link_first = s->link_last = s->map_at = LINK_NONE;
	for (int i = 0; i < PUSH_SLOTS; i++)
		s->slot[i].pusher = s->slot[i].tester = LINK_NONE;
	for (int i = 0; i < PUSH_SLOTS; i++)
		s->slot[i].asked_ms = e->now_ms;
	start_clocks(e, s);
	push_room_init(&s->room);
	s->pulls_max = UINT32_MAX;
	s->room_at.ms = e->now_ms;
	s->active_at = r->n_active;
	r->active[r->n_active++] = idx;
	handoff_stream_new(e, s);
	handoff_take_part(e, s);
	return 0;
}

void stream_remove(struct engine *e, struct stream *s)
{
	struct relay *r = e->relay;

	while (s->link_first != LINK_NONE)
		link_remove(e, link_at(e, s->link_first), true);
	fanout_unlist(e, s);
	tap_stream_gone(e, s);
	maps_stream_gone(e, s);
	handoff_stream_gone(e, s);
	window_clear(&s->window, r->extents);
	memset(s->asked, 0, ASKED_MAX * sizeof(*s->asked));
	r->active[s->active_at] = r->active[--r->n_active];
	r->streams[r->active[s->active_at]].active_at = s->active_at;
	s->is_used = false;
	if (r->n_active == 0)
		push_uplink_forget(e);
	handoff_take_part(e, s);
}

// -- links --

struct link *link_find(const struct engine *e, uint32_t session_idx, uint16_t stream)
{
	uint32_t idx = e->relay->session_links[session_idx];

	while (idx != LINK_NONE && link_at(e, idx)->stream != stream)
		idx = link_at(e, idx)->next_of_session;
	return idx != LINK_NONE ? link_at(e, idx) : NULL;
}

static void link_enlist(struct engine *e, struct stream *s, struct link *l)
{
	uint32_t idx = link_idx(e, l);

	l->prev = s->link_last;
	l->next = LINK_NONE;
	if (s->link_last != LINK_NONE)
		link_at(e, s->link_last)->next = idx;
	else
		s->link_first = idx;
	s->link_last = idx;
	s->n_links++;
	l->next_of_session = e->relay->session_links[l->session_idx];
	e->relay->session_links[l->session_idx] = idx;
}

static void link_unlist(struct engine *e, struct stream *s, struct link *l)
{
	uint32_t idx = link_idx(e, l), *at = &e->relay->session_links[l->session_idx];

	if (l->prev != LINK_NONE)
		link_at(e, l->prev)->next = l->next;
	else
		s->link_first = l->next;
	if (l->next != LINK_NONE)
		link_at(e, l->next)->prev = l->prev;
	else
		s->link_last = l->prev;
	s->n_links--;
	while (*at != idx)
		at = &link_at(e, *at)->next_of_session;
	*at = l->next_of_session;
}

// Said again: control has learnt more of the neighbour. What names its flows stays as it is.
static int link_update(struct engine *e, struct stream *s, struct link *l, const struct command *c)
{
	bool was_super = l->flags & LINK_IS_SUPER;

	if (l->data_flow_id != c->link.data_flow_id)
		return -EEXIST;
	l->flags = c->link.flags;
	l->ring_order = c->link.ring_order;
	if (l->flags & LINK_IS_SUPER && !was_super) {
		push_link_added(e, s, l);
		push_grant(e, s, l);
	}
	return 0;
}

int link_add(struct engine *e, const struct command *c)
{
	struct stream *s = stream_find(e, c->link.stream);
	struct link *l;
	uint32_t idx;

	if (s == NULL)
		return -ENOENT;
	l = link_find(e, c->session_idx, c->link.stream);
	if (l != NULL)
		return link_update(e, s, l, c);
	idx = s->n_links < e->relay->subs_max ? idx_get(&e->relay->link_pool) : IDX_NONE;
	if (idx == IDX_NONE)
		return -ENOBUFS;
	l = link_at(e, idx);
	*l = (struct link){
		.is_used = true,
		.session_idx = c->session_idx,
		.session_id = c->session_id,
		.stream = c->link.stream,
		.control_flow = c->link.control_flow,
		.data_flow = c->link.data_flow,
		.flags = c->link.flags,
		.data_flow_id = c->link.data_flow_id,
		.assoc_id = c->link.assoc_id,
		.ring_order = c->link.ring_order,
		.flow_idx = FLOW_IDX_NONE,
		.holder = IDX_NONE,
	};
	pull_set_init(&l->pulls);
	l->pulls_may = PULLS_MAY_FIRST;
	link_enlist(e, s, l);
	handoff_take_part(e, s);
	maps_send_to(e, s, l);
	push_link_added(e, s, l);
	return 0;
}

// Control holds the slot of our GR-12 for us until it hears FLOW_FREED, also if nothing ever
// travelled: a flow closed before its first number is freed at once.
static void link_free_slot(struct engine *e, struct link *l)
{
	const struct report freed = {
		.op = REP_FLOW_FREED,
		.flow = l->data_flow,
		.session_idx = l->session_idx,
		.session_id = l->session_id,
	};

	if (l->is_refused) // flows have told, or will
		return;
	if (link_flow(e, l) != FLOW_IDX_NONE)
		flow_tx_close(e, l->flow_idx);
	else
		engine_report(e, &freed);
}

void link_remove(struct engine *e, struct link *l, bool is_session_open)
{
	struct stream *s = stream_at(e, l->stream);

	l->slots_asked = l->slots_granted = 0;
	subscriber_update(e, l);
	behind_unlist(e, l);
	push_pulls_clear(e, s, l);
	maps_link_gone(e, s, l);
	holder_link_gone(e, s, l);
	pull_link_gone(s, link_idx(e, l));
	link_unlist(e, s, l);
	push_link_gone(e, s, l);
	push_grant(e, s, NULL);
	if (is_session_open)
		link_free_slot(e, l);
	l->is_used = false;
	idx_put(&e->relay->link_pool, link_idx(e, l));
}

uint32_t link_flow(struct engine *e, struct link *l)
{
	if (l->flow_idx == FLOW_IDX_NONE && !l->is_refused) {
		l->flow_idx = flow_tx_open_stream(e, l->session_idx, l->data_flow, l->data_flow_id,
						  l->assoc_id, link_idx(e, l));
		if (l->flow_idx == FLOW_IDX_NONE)
			engine_drop(e, DROP_NO_FLOW); // NUDGE_MS later it is tried again
	}
	return l->flow_idx;
}

// -- subscribers --

// Where the session's subscriber is or would be.
static uint32_t subscriber_place(const struct stream *s, uint32_t session_idx)
{
	uint32_t low = 0, high = s->n_subs;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (s->subs[mid].session_idx < session_idx)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

struct subscriber *subscriber_of(struct engine *e, const struct link *l)
{
	struct stream *s = stream_at(e, l->stream);
	uint32_t at = subscriber_place(s, l->session_idx);

	return at < s->n_subs && s->subs[at].session_idx == l->session_idx ? &s->subs[at] : NULL;
}

static void subscriber_remove(struct stream *s, struct subscriber *sub)
{
	s->n_subs--;
	memmove(sub, sub + 1, (size_t)(s->subs + s->n_subs - sub) * sizeof(*sub));
	fanout_restart(s);
}

// What is already in the log it can pull; what comes from now on is pushed.
static void subscriber_insert(struct engine *e, struct stream *s, struct link *l)
{
	struct subscriber *sub = &s->subs[subscriber_place(s, l->session_idx)];

	memmove(sub + 1, sub, (size_t)(s->subs + s->n_subs - sub) * sizeof(*sub));
	s->n_subs++;
	*sub = (struct subscriber){
		.flow_idx = l->flow_idx,
		.session_idx = l->session_idx,
		.link_idx = link_idx(e, l),
	};
	flow_tx_at(e->flows, l->flow_idx)->cursor = s->window.head_pos;
	fanout_restart(s);
}

void subscriber_update(struct engine *e, struct link *l)
{
	struct stream *s = stream_at(e, l->stream);
	struct subscriber *sub = subscriber_of(e, l);
	uint8_t slots = l->slots_granted;

	if (slots != 0 && link_flow(e, l) == FLOW_IDX_NONE)
		slots = 0;
	if (slots == 0) {
		if (sub != NULL)
			subscriber_remove(s, sub);
		l->due &= (uint8_t)~LINK_DUE_CATCH_UP;
		return;
	}
	if (sub == NULL) {
		subscriber_insert(e, s, l);
		sub = subscriber_of(e, l);
	}
	sub->slots = slots;
	flow_tx_at(e->flows, l->flow_idx)->slots = slots;
}

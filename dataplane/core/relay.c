// The relay's front door: what flows, sessions, control and other workers call.
#include "dataplane/core/relay.h"

#include <errno.h>

#include "dataplane/core/stream.h"
#include "dataplane/fetch.h"
#include "dataplane/wire/rtmp_msg.h"

// -- looking ahead --

static void fetch(const void *from, size_t len)
{
	for (size_t at = 0; at < len; at += 64)
		fetch_line_to_write((const uint8_t *)from + at);
}

// Of the stream, what every fragment touches.
static void fetch_stream(const struct engine *e, uint32_t session_idx, const struct stream *s)
{
	fetch(s, offsetof(struct stream, window.seq_next));
	fetch_line_to_write(&s->n.fragments_pushed_to);
	fetch_line(&e->relay->session_links[session_idx]);
}

// The number's slot and its link, its place in the log, and the way to that in the index.
static void fetch_place(const struct engine *e, uint32_t session_idx, const struct stream *s)
{
	const struct window *w = &s->window;
	const struct extents *x = e->relay->extents;
	uint32_t link = e->relay->session_links[session_idx];

	fetch_line_to_write(&s->slot[w->head_no % PUSH_SLOTS]);
	fetch_line_to_write(&w->block[w->head_no % WINDOW_NUMBERS / BLOCK_NUMBERS]);
	if (link != LINK_NONE)
		fetch(link_at(e, link), sizeof(struct link));
	if (w->last != EXTENT_NONE) {
		fetch_line_to_write(&x->extent[w->last]);
		fetch(record_over(x, w->last, pos_step(w->head_pos)),
		      sizeof(struct record) + WINDOW_BODY_MAX);
	}
}

static void fetch_index(const struct engine *e, const struct stream *s)
{
	const struct window *w = &s->window;
	uint32_t block = w->block[w->head_no % WINDOW_NUMBERS / BLOCK_NUMBERS].idx;

	if (block != EXTENT_NONE)
		fetch_line_to_write(
			&e->relay->extents->blocks[block].entry[w->head_no % BLOCK_NUMBERS]);
}

void relay_fetch(const struct engine *e, uint32_t session_idx, uint16_t stream,
		 enum relay_fetch what)
{
	const struct stream *s = stream_find(e, stream);

	if (s == NULL)
		return;
	if (what == RELAY_FETCH_STREAM)
		fetch_stream(e, session_idx, s);
	else if (what == RELAY_FETCH_PLACE)
		fetch_place(e, session_idx, s);
	else
		fetch_index(e, s);
}

// -- fragments --

// Key frames and codec headers are worth more time: without them the rest is nothing
// (groups.md 6.2).
static bool is_key_message(const struct stream_fragment *f)
{
	const uint8_t *p = f->payload.data;

	if (f->type == RTMP_VIDEO)
		return f->payload.len > 0 && (p[0] >> 4 & 7) == 1; // FLV frame type: key
	if (f->type == RTMP_AUDIO)
		return f->payload.len > 1 && p[0] >> 4 == 10 && p[1] == 0; // AAC configuration
	return false;
}

// The first fragment says it for the whole message.
static bool is_key(struct stream *s, const struct stream_fragment *f)
{
	if (f->flags & STREAM_FRAGMENT_FIRST && is_key_message(f)) {
		s->key_from = f->number;
		s->key_to = f->number + f->n_more;
	}
	return f->number >= s->key_from && f->number <= s->key_to && s->key_from != 0;
}

static void refuse(struct engine *e, struct stream *s, int err)
{
	switch (err) {
	case -EEXIST:
		s->n.duplicates++;
		engine_drop(e, DROP_STREAM_DUPLICATE);
		break;
	case -ESTALE:
		s->n.late++;
		engine_drop(e, DROP_STREAM_LATE);
		break;
	case -ERANGE:
		engine_drop(e, DROP_STREAM_JUMP);
		break;
	default:
		engine_drop(e, DROP_STREAM_MEMORY);
	}
}

// A number has entered the window: everybody is told who shall know.
static void entered(struct engine *e, struct stream *s, uint64_t number, bool is_first)
{
	if (is_first)
		s->gone_told = s->window.tail_no;
	s->is_map_stale = true;
	if (number < s->map_first) // others may want it, too
		s->map_first = number;
	fanout_mark(e, s);
	if (s->flags & STREAM_TAP)
		tap_run(e, s);
}

static int take(struct engine *e, struct stream *s, uint64_t number, struct span message,
		uint32_t from, bool is_key_fragment, bool is_pulled)
{
	struct window *w = &s->window;
	bool is_first = w->head_no == 0;
	uint32_t forced = w->n_forced;
	int err;

	if (message.len > e->relay->body_max) {
		engine_drop(e, DROP_MESSAGE_SIZE);
		return -EMSGSIZE;
	}
	err = window_append(w, e->relay->extents, number, message, from, is_key_fragment,
			    e->now_ms);
	e->stats.drops[DROP_STREAM_MEMORY] += w->n_forced - forced;
	if (err != 0) {
		refuse(e, s, err);
		return err;
	}
	window_find_mut(w, e->relay->extents, number)->is_pulled = is_pulled;
	entered(e, s, number, is_first);
	handoff_run(e, s);
	return 0;
}

void stream_take_elses(struct engine *e, struct stream *s, const struct record *head,
		       const uint8_t *body, uint32_t lender)
{
	struct window *w = &s->window;
	bool is_first = w->head_no == 0;
	uint32_t forced = w->n_forced;
	uint64_t pos = w->head_pos;
	int err;

	pull_answered(e, s, head->no, LINK_NONE); // it need not be asked for any more
	if (!head->is_old)
		push_on_elses(e, s, head, lender);
	err = window_append_record(w, e->relay->extents, head, body, e->now_ms);
	e->stats.drops[DROP_STREAM_MEMORY] += w->n_forced - forced;
	if (err == 0) {
		entered(e, s, head->no, is_first);
		handoff_passed(e, s, pos);
		if (head->is_old)
			handoff_past(e, s);
	} else if (!head->is_old) { // several may lend a newcomer the same past
		refuse(e, s, err);
	}
}

static void count_from(struct stream *s, struct link *l, size_t bytes, bool is_pulled)
{
	s->n.fragments_received++;
	l->fragments_from++;
	if (l->flags & LINK_IS_SUPER) {
		s->n.fragments_from_super++;
		s->n.bytes_from_super += bytes;
	}
	if (is_pulled) {
		s->n.fragments_pulled_from++;
		s->n.bytes_pulled_from += bytes;
	} else {
		s->n.fragments_pushed_from++;
		s->n.bytes_pushed_from += bytes;
	}
}

void relay_on_fragment(struct engine *e, uint32_t session_idx, uint16_t stream, struct span message)
{
	struct stream *s = stream_find(e, stream);
	struct link *l = s != NULL ? link_find(e, session_idx, stream) : NULL;
	struct stream_fragment f;
	bool is_pulled, is_worth;
	int err;

	if (l == NULL) {
		engine_drop(e, DROP_STREAM_UNLINKED);
		return;
	}
	if (stream_fragment_read(&f, message) != 0) {
		engine_drop(e, DROP_STREAM_MALFORMED);
		return;
	}
	if (s->flags & STREAM_PUBLISHER) { // nobody tells the source what its stream is
		refuse(e, s, f.number < s->window.head_no ? -EEXIST : -ERANGE);
		return;
	}
	is_worth = is_key(s, &f);
	is_pulled = pull_answered(e, s, f.number, link_idx(e, l));
	if (!is_pulled && s->first_no == 0)
		s->first_no = f.number;
	if (!is_pulled)
		push_on_fragment(e, s, l, f.number);
	err = take(e, s, f.number, message, link_idx(e, l), is_worth, is_pulled);
	if (err == 0)
		count_from(s, l, message.len, is_pulled);
	if (!is_pulled)
		push_settle(e, s, l, f.number, err == 0);
}

static void publish(struct engine *e, const struct command *c)
{
	struct stream *s = stream_find(e, c->stream.stream);
	struct stream_fragment f;
	struct span message;

	if (s == NULL || c->body == NULL) {
		engine_drop(e, DROP_STALE_COMMAND);
		return;
	}
	message = span_of(c->body->data, c->len);
	if (stream_fragment_read(&f, message) != 0) {
		engine_drop(e, DROP_STREAM_MALFORMED);
		return;
	}
	if (take(e, s, f.number, message, LINK_NONE, c->stream.is_key, false) != 0)
		return;
	s->n.fragments_published++;
	s->n.bytes_published += message.len;
}

// Sealed by nobody, so control has looked at its HMAC. What is lost on this way is pulled from
// neighbours as any other hole.
static void multicast(struct engine *e, const struct command *c)
{
	struct stream *s = stream_find(e, c->stream.stream);
	struct stream_fragment f;
	struct span message;
	int err;

	if (s == NULL || c->body == NULL || s->flags & STREAM_PUBLISHER) {
		engine_drop(e, DROP_STALE_COMMAND);
		return;
	}
	message = span_of(c->body->data, c->len);
	if (stream_fragment_read(&f, message) != 0) {
		engine_drop(e, DROP_STREAM_MALFORMED);
		return;
	}
	pull_answered(e, s, f.number, LINK_NONE);
	err = take(e, s, f.number, message, LINK_NONE, is_key(s, &f), false);
	push_on_multicast(e, s, f.number, err == 0);
	if (err != 0)
		return;
	s->n.fragments_received++;
	s->n.fragments_from_multicast++;
	s->n.bytes_from_multicast += message.len;
}

// -- control messages of neighbours (groups.md 6.1) --

static void on_push_mask(struct engine *e, struct stream *s, struct link *l, struct span message)
{
	bool is_first = l->slots_asked == 0 && !l->has_asked;

	if (push_mask_read(&l->slots_asked, message) != 0) {
		engine_drop(e, DROP_STREAM_MALFORMED);
		return;
	}
	l->has_asked = true;
	push_grant(e, s, l);
	if (is_first &&
	    l->slots_asked != 0) // what came before the mask is not pushed: it may pull that
		maps_send_to(e, s, l);
}

static void on_map(struct engine *e, struct stream *s, struct link *l, struct span message)
{
	struct fragments_map map;

	if (s->flags & STREAM_PUBLISHER) // groups.md 6.3: ignores maps
		return;
	if (fragments_map_read(&map, message) != 0) {
		engine_drop(e, DROP_STREAM_MALFORMED);
		return;
	}
	holder_on_map(e, s, l, &map);
}

static void on_pull(struct engine *e, struct stream *s, struct link *l, struct span message)
{
	uint64_t no;

	if (pull_read(&no, message) != 0) {
		engine_drop(e, DROP_STREAM_MALFORMED);
		return;
	}
	if (l->is_refused) { // it wants, but not our flow
		engine_drop(e, DROP_STREAM_UNLINKED);
		return;
	}
	if (!window_has(&s->window, e->relay->extents, no)) {
		engine_drop(e, DROP_STREAM_UNKNOWN_PULL);
		return;
	}
	if (behind_is_under_way(e, s, l, no))
		return;
	if (push_pull_add(e, s, l, no) != 0) {
		engine_drop(e, DROP_STREAM_PULLS);
		return;
	}
	behind_mark(e, l, LINK_DUE_PULLS);
}

bool relay_on_control(struct engine *e, uint32_t session_idx, uint16_t stream, struct span message)
{
	struct stream *s = stream_find(e, stream);
	struct link *l = s != NULL ? link_find(e, session_idx, stream) : NULL;
	uint8_t type = message.len > 0 ? message.data[0] : 0;

	if (type != STREAM_FRAGMENTS_MAP && type != STREAM_PUSH_MASK && type != STREAM_PULL)
		return false;
	if (l == NULL) { // control links before it names a flow's stream
		engine_drop(e, DROP_STREAM_UNLINKED);
		return true;
	}
	s->n.control_bytes_received += message.len;
	if (type == STREAM_PUSH_MASK)
		on_push_mask(e, s, l, message);
	else if (type == STREAM_FRAGMENTS_MAP)
		on_map(e, s, l, message);
	else
		on_pull(e, s, l, message);
	return true;
}

// -- from flows and sessions --

// The link of one of our GR-12; NULL: it was let go before.
static struct link *link_of_flow(const struct engine *e, uint32_t flow_idx)
{
	struct link *l = link_at(e, flow_tx_at(e->flows, flow_idx)->source_idx);

	return l->flow_idx == flow_idx ? l : NULL;
}

void relay_flow_lost(struct engine *e, uint32_t flow_idx)
{
	struct link *l = link_of_flow(e, flow_idx);

	if (l != NULL)
		behind_mark(e, l, LINK_DUE_REPAIR);
}

void relay_flow_open_again(struct engine *e, uint32_t session_idx)
{
	struct relay *r = e->relay;

	if (!r->session_waits[session_idx])
		return;
	r->session_waits[session_idx] = 0;
	for (uint32_t i = r->session_links[session_idx]; i != LINK_NONE;
	     i = link_at(e, i)->next_of_session)
		if (link_at(e, i)->due & LINK_WAITING)
			behind_mark(e, link_at(e, i), 0);
}

// Rejected: it does not want the stream from us, so we stop offering.
void relay_flow_gone(struct engine *e, uint32_t flow_idx)
{
	struct link *l = link_of_flow(e, flow_idx);

	if (l == NULL)
		return;
	l->is_refused = true;
	l->slots_granted = 0;
	subscriber_update(e, l);
	behind_unlist(e, l);
	push_pulls_clear(e, stream_at(e, l->stream), l);
	l->flow_idx = FLOW_IDX_NONE;
	push_grant(e, stream_at(e, l->stream), l);
}

static void unlink_all(struct engine *e, uint32_t session_idx, bool is_session_open)
{
	uint32_t *first = &e->relay->session_links[session_idx];

	while (*first != LINK_NONE)
		link_remove(e, link_at(e, *first), is_session_open);
	e->relay->session_waits[session_idx] = 0;
}

void relay_session_gone(struct engine *e, uint32_t session_idx)
{
	unlink_all(e, session_idx, false);
}

void relay_session_ungroup(struct engine *e, uint32_t session_idx)
{
	unlink_all(e, session_idx, true);
}

void relay_budget_changed(struct engine *e)
{
	e->relay->unpark_us = e->now_us;
}

// -- commands --

static void add(struct engine *e, const struct command *c)
{
	int err = -EINVAL;

	if (c->body != NULL && c->len >= sizeof(struct stream_seed) &&
	    ((const struct stream_seed *)c->body->data)->group < e->budgets.n_groups)
		err = stream_add(e, c->stream.stream, (const struct stream_seed *)c->body->data);
	if (err != 0)
		engine_drop(e, err == -ENOBUFS ? DROP_STREAM_TABLE : DROP_STALE_COMMAND);
}

static void tune(struct engine *e, struct stream *s, const struct command *c)
{
	if (c->body != NULL && c->len >= sizeof(struct stream_seed))
		stream_tune(e, s, (const struct stream_seed *)c->body->data);
	else
		engine_drop(e, DROP_STALE_COMMAND);
}

static void link_command(struct engine *e, const struct command *c)
{
	const struct report freed = {
		.op = REP_FLOW_FREED,
		.flow = c->link.data_flow,
		.session_idx = c->session_idx,
		.session_id = c->session_id,
	};
	struct link *l;
	int err;

	if (c->op == CMD_STREAM_LINK) {
		err = link_add(e, c);
		if (err == 0)
			return;
		engine_drop(e, err == -ENOBUFS ? DROP_STREAM_TABLE : DROP_STALE_COMMAND);
		engine_report(e, &freed); // the slot is as free as it was
		return;
	}
	l = link_find(e, c->session_idx, c->link.stream);
	if (l != NULL)
		link_remove(e, l, true);
	else
		engine_drop(e, DROP_STALE_COMMAND);
}

void relay_command(struct engine *e, const struct command *c)
{
	struct stream *s;

	switch (c->op) {
	case CMD_STREAM_ADD:
		add(e, c);
		return;
	case CMD_STREAM_PUBLISH:
		publish(e, c);
		return;
	case CMD_STREAM_MULTICAST:
		multicast(e, c);
		return;
	case CMD_STREAM_LINK:
	case CMD_STREAM_UNLINK:
		link_command(e, c);
		return;
	}
	s = stream_find(e, c->stream.stream);
	if (s == NULL)
		engine_drop(e, DROP_STALE_COMMAND);
	else if (c->op == CMD_STREAM_REMOVE)
		stream_remove(e, s);
	else if (c->op == CMD_STREAM_TUNE)
		tune(e, s, c);
	else if (c->op == CMD_STREAM_END)
		s->end = c->stream.number;
}

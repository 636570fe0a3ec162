// The way of fragments to control: each once, in order of arrival. The log is the queue: where the
// report ring or the pool of bodies has no room, the tap stays where it is and goes on later.
#include <string.h>

#include "dataplane/core/stream.h"

// Reports of sessions and flows must find room, however much media there is.
static bool has_room(const struct engine *e)
{
	const struct mailbox *ring = e->opts.reports;

	return mailbox_room(ring) > (ring->mask + 1) / 4;
}

static bool tell_fragment(struct engine *e, const struct stream *s, const struct record *rec)
{
	struct report r = {
		.op = REP_STREAM_FRAGMENT,
		.len = rec->len,
		.stream = {.number = rec->no, .stream = (uint16_t)stream_idx(e, s)},
	};

	r.body = has_room(e) ? body_get(e->bodies, rec->len) : NULL;
	if (r.body == NULL)
		return false;
	memcpy(r.body->data, rec->body, rec->len);
	if (engine_report(e, &r))
		return true;
	body_put(r.body);
	return false;
}

// What will not come any more, so nobody waits for it.
static bool tell_gone(struct engine *e, struct stream *s)
{
	const struct report r = {
		.op = REP_STREAM_GONE,
		.stream = {.number = s->window.tail_no, .stream = (uint16_t)stream_idx(e, s)},
	};

	if (s->window.tail_no <= s->gone_told)
		return true;
	if (!has_room(e) || !engine_report(e, &r))
		return false;
	s->gone_told = s->window.tail_no;
	return true;
}

static bool tell_all(struct engine *e, struct stream *s)
{
	const struct record *rec;

	while ((rec = window_at(&s->window, e->relay->extents, &s->tap_pos)) != NULL) {
		if (!tell_fragment(e, s, rec))
			return false;
		s->tap_pos = window_after(s->tap_pos, rec);
	}
	return tell_gone(e, s);
}

static void set_full(struct engine *e, struct stream *s, bool is_full)
{
	e->relay->n_tap_full += is_full;
	e->relay->n_tap_full -= s->is_tap_full;
	s->is_tap_full = is_full;
}

void tap_run(struct engine *e, struct stream *s)
{
	set_full(e, s, !tell_all(e, s));
}

void tap_stream_gone(struct engine *e, struct stream *s)
{
	set_full(e, s, false);
}

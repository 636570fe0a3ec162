#include "control/group/streams.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/group/figures.h"
#include "control/group/lan.h"
#include "control/group/play.h"
#include "control/group/stream_link.h"
#include "control/group/stream_params.h"
#include "control/group/stream_table.h"

enum {
	UPDATE_MIN_MS = 10,
	SUPER_FETCH_MS = 250, // MC-34: it is the repair source of others
};

struct gstream *stream_find(const struct group *g, const char *name,
			    const uint8_t key[STREAM_KEY_LEN])
{
	struct gstream *s = g->streams;

	while (s != NULL &&
	       (memcmp(s->info.key, key, STREAM_KEY_LEN) != 0 || strcmp(s->name, name) != 0))
		s = s->next;
	return s;
}

static void tell_name(struct gstream *s, enum group_event_kind kind)
{
	struct group *g = s->group;
	struct group_event e = {.kind = kind, .group = g, .user = g->user};

	if (s->is_published_here)
		return;
	memcpy(e.name, s->name, sizeof(e.name));
	event_push(&g->groups->events, &e);
}

// ---- on the workers ----

static uint32_t clamped(uint64_t ms, uint32_t low, uint32_t high)
{
	return ms < low ? low : ms > high ? high : (uint32_t)ms;
}

// What we say of others' streams goes before what their publishers announce (MC-25, MC-34).
static uint32_t fetch_max_ms(const struct group *g)
{
	if (g->limits.relay.fetch_max_ms != 0)
		return g->limits.relay.fetch_max_ms;
	return g->groups->o.is_super ? SUPER_FETCH_MS : UINT32_MAX;
}

static uint32_t window_ms(const struct gstream *s)
{
	uint32_t max = s->group->limits.relay.window_max_ms;

	return max != 0 && max < s->window_ms ? max : s->window_ms;
}

uint32_t stream_relay_margin_ms(const struct group *g)
{
	uint32_t ms = g->limits.relay.margin_ms;

	return ms != 0 ? ms : STREAM_RELAY_MARGIN_MS;
}

static uint8_t seed_flags(const struct gstream *s)
{
	const struct group *g = s->group;
	bool pushes_to_all = g->groups->o.is_super && g->limits.relay.push_neighbours_max == 0;

	return (uint8_t)((s->is_published_here ? STREAM_PUBLISHER : 0) |
			 (s->info.is_sent_to_all ? STREAM_SEND_TO_ALL : 0) |
			 (pushes_to_all ? STREAM_PUSH_ALL : 0));
}

// What a program wants of a stream that it plays goes before all (MC-25).
static void seed_override(const struct group_stream_params *own, struct stream_seed *seed)
{
	seed->window_ms = own->window_ms != 0 ? own->window_ms : seed->window_ms;
	seed->margin_ms = own->margin_ms != 0 ? own->margin_ms : seed->margin_ms;
	seed->push_limit = own->push_neighbours != 0 ? own->push_neighbours : seed->push_limit;
	seed->flags |= own->send_to_all ? STREAM_SEND_TO_ALL : 0;
}

// MC-31: update < fetch < window.
static void seed_fill(const struct gstream *s, uint32_t margin_ms, struct stream_seed *seed)
{
	const struct group_relay *relay = &s->group->limits.relay;
	uint64_t update_ms = s->info.update_ms, fetch_ms = s->info.fetch_ms;

	memset(seed, 0, sizeof(*seed));
	seed->margin_ms = margin_ms;
	seed->window_ms = s->window_ms;
	seed->push_limit = s->is_published_here ? s->push_neighbours : STREAM_PUSH_LIMIT;
	seed->extents_max = s->group->groups->o.extents_per_stream;
	seed->flags = seed_flags(s);
	seed->home = (uint8_t)s->home;
	seed->group = s->group->limits.budget;
	if (!s->is_published_here) {
		seed->window_ms = window_ms(s);
		fetch_ms = clamped(fetch_ms, 0, fetch_max_ms(s->group));
		update_ms = relay->update_ms != 0 ? relay->update_ms : update_ms;
		if (relay->push_neighbours_max != 0) // it means one more than it says
			seed->push_limit =
				(uint16_t)clamped(relay->push_neighbours_max, 1, UINT16_MAX) - 1;
	}
	if (s->own != NULL) {
		fetch_ms = s->own->fetch_ms != 0 ? s->own->fetch_ms : fetch_ms;
		update_ms = s->own->update_ms != 0 ? s->own->update_ms : update_ms;
		seed_override(s->own, seed);
	}
	seed->update_ms = clamped(update_ms, UPDATE_MIN_MS, seed->window_ms / 2);
	seed->fetch_ms = clamped(fetch_ms, seed->update_ms, seed->window_ms);
}

static void command_all(const struct gstream *s, struct command *c, uint32_t n_workers)
{
	for (uint32_t w = 0; w < n_workers; w++)
		outbox_push(s->group->groups->o.outbox, w, c);
}

static void workers_remove(const struct gstream *s, uint32_t n_workers)
{
	struct command c = {.op = CMD_STREAM_REMOVE, .stream.stream = s->index};

	command_all(s, &c, n_workers);
}

static int workers_add(const struct gstream *s, uint32_t margin_ms)
{
	struct outbox *out = s->group->groups->o.outbox;
	struct stream_seed seed;

	seed_fill(s, margin_ms, &seed);
	for (uint32_t w = 0; w < outbox_n_workers(out); w++) {
		struct stream_seed here = seed;
		struct command c = {
			.op = CMD_STREAM_ADD, .len = sizeof(here), .stream.stream = s->index};

		if (w == s->home) // one worker is enough to tell us of fragments, it gets them all
			here.flags |= STREAM_HOME | (play_wants(s) ? STREAM_TAP : 0);
		c.body = outbox_body_copy(out, &here, sizeof(here));
		if (c.body == NULL) {
			workers_remove(s, w);
			return -ENOBUFS;
		}
		outbox_push(out, w, &c);
	}
	return 0;
}

void stream_own_changed(struct gstream *s)
{
	struct outbox *out = s->group->groups->o.outbox;
	struct stream_seed seed;

	seed_fill(s, stream_relay_margin_ms(s->group), &seed);
	for (uint32_t w = 0; w < outbox_n_workers(out); w++) {
		struct command c = {
			.op = CMD_STREAM_TUNE, .len = sizeof(seed), .stream.stream = s->index};

		c.body = outbox_body_copy(out, &seed, sizeof(seed));
		if (c.body !=
		    NULL) // else it stays as it was there, which is only less than asked for
			outbox_push(out, w, &c);
	}
}

// ---- life ----

// What a stranger announces must make sense before it costs anything (MC-32).
static bool is_sane(const struct stream_info *info)
{
	return info->name.len > 0 && info->name.len <= STREAM_NAME_MAX &&
	       memchr(info->name.data, '\0', info->name.len) == NULL && info->window_ms > 0 &&
	       info->window_ms <= STREAM_WINDOW_MAX_MS;
}

// Sources that vanished without a word: the one that has been silent for longest makes room.
static void make_room(struct group *g)
{
	struct gstream *stalest = NULL;

	for (struct gstream *s = g->streams; s != NULL; s = s->next)
		if (s->is_silent && (stalest == NULL || s->progress_us < stalest->progress_us))
			stalest = s;
	if (stalest != NULL)
		stream_drop(stalest);
}

int stream_make(struct group *g, const struct stream_info *info, uint32_t margin_ms, uint32_t home,
		uint16_t push_neighbours, struct gstream **out)
{
	struct groups *gs = g->groups;
	struct gstream *s;

	if (!is_sane(info))
		return -EBADMSG;
	if (g->n_streams >= g->limits.streams_max)
		make_room(g);
	if (g->n_streams >= g->limits.streams_max)
		return -ENOBUFS;
	s = calloc(1, sizeof(*s));
	if (s == NULL)
		return -ENOBUFS;
	s->group = g;
	memcpy(s->name, info->name.data, info->name.len);
	s->info = *info;
	s->info.name = span_of(s->name, info->name.len);
	s->window_ms = (uint32_t)info->window_ms;
	s->home = home;
	s->is_published_here = push_neighbours != 0;
	s->push_neighbours = push_neighbours;
	s->progress_us = gs->now_us;
	if (!stream_table_take(gs->streams, s, &s->index, gs->now_us)) {
		free(s);
		return -ENOBUFS;
	}
	if (workers_add(s, margin_ms) != 0) {
		stream_table_give(gs->streams, s->index, gs->now_us);
		free(s);
		return -ENOBUFS;
	}
	s->next = g->streams;
	g->streams = s;
	g->n_streams++;
	figures_soon(gs);
	gs->streams_us = earlier(gs->streams_us, gs->now_us + SECOND_US);
	tell_name(s, GROUP_STREAM_PUBLISHED);
	links_announce(s);
	plays_stream_new(s);
	*out = s;
	return 0;
}

static void unpublished(struct gstream *s)
{
	tell_name(s, GROUP_STREAM_UNPUBLISHED);
}

void stream_drop(struct gstream *s)
{
	struct group *g = s->group;
	struct gstream **at = &g->streams;

	if (!s->has_ended && !s->is_silent)
		unpublished(s);
	links_end(s);
	while (*at != s)
		at = &(*at)->next;
	*at = s->next;
	g->n_streams--;
	plays_stream_gone(s);
	publication_stream_gone(s->publication);
	workers_remove(s, outbox_n_workers(g->groups->o.outbox));
	stream_table_give(g->groups->streams, s->index, g->groups->now_us);
	free(s);
}

void stream_end(struct gstream *s, uint64_t end)
{
	struct command c = {.op = CMD_STREAM_END, .stream = {.number = end, .stream = s->index}};

	if (end <= s->end)
		return;
	s->end = end;
	command_all(s, &c, outbox_n_workers(s->group->groups->o.outbox));
	if (!s->has_ended && !s->is_silent)
		unpublished(s);
	s->has_ended = true;
	links_pass_end(s);
	lan_end_out(s);
	plays_stream_end(s);
}

void stream_progress(struct gstream *s, uint64_t newest)
{
	if (newest <= s->newest)
		return;
	s->newest = newest;
	s->progress_us = s->group->groups->now_us;
	if (s->is_silent) {
		s->is_silent = false;
		if (!s->has_ended)
			tell_name(s, GROUP_STREAM_PUBLISHED);
	}
}

// ---- time ----

static uint64_t silent_after_us(const struct gstream *s)
{
	return 2 * (uint64_t)s->window_ms * 1000;
}

bool stream_is_live(const struct gstream *s)
{
	return !s->has_ended && s->group->groups->now_us < s->progress_us + silent_after_us(s);
}

void streams_timers(struct group *g)
{
	uint64_t now_us = g->groups->now_us;
	struct gstream *s = g->streams, *next;

	for (; s != NULL; s = next) {
		uint64_t silence_us = now_us - s->progress_us;

		next = s->next;
		links_retry(s);
		if (s->publication != NULL) // a source may pause
			continue;
		// Who ended said so; who is only silent may come back (STREAM_IDLE_MS).
		if (silence_us >= STREAM_IDLE_MS * UINT64_C(1000) ||
		    (s->has_ended && silence_us >= silent_after_us(s))) {
			stream_drop(s);
		} else if (!s->is_silent && silence_us >= silent_after_us(s)) {
			unpublished(s);
			s->is_silent = true;
		}
	}
}

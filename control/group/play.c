#include "control/group/play.h"
#include "control/group/lan.h"
#include "control/group/stream_params.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	FRAGMENTS_MAX = 16384, // a minute of 2 Mbit/s
	BYTES_MAX = 64 << 20,
};

static bool is_of(const struct group_play *p, const struct gstream *s)
{
	return strcmp(p->name, s->name) == 0;
}

// An ordinary member taps whatever it relays: its program may want it any time, and what passed
// untapped is gone. A super-peer taps what is viewed when it appears.
bool play_wants(const struct gstream *s)
{
	const struct group_play *p = s->group->plays;

	if (s->is_published_here)
		return false;
	while (p != NULL && !is_of(p, s))
		p = p->next;
	return p != NULL || !s->group->groups->o.is_super || lan_sends(s->group);
}

// ---- whom to follow ----

static struct player_opts opts_for(const struct group_play *p, const struct gstream *s)
{
	uint32_t window_ms = p->own.window_ms != 0 ? p->own.window_ms : s->window_ms;
	uint64_t fetch_ms = p->own.fetch_ms != 0 ? p->own.fetch_ms : s->info.fetch_ms;

	return (struct player_opts){.window_ms = window_ms,
				    .fetch_ms =
					    fetch_ms < window_ms ? (uint32_t)fetch_ms : window_ms,
				    .fragments_max = FRAGMENTS_MAX,
				    .bytes_max = BYTES_MAX};
}

static struct player *player_for(const struct group_play *p, const struct gstream *s)
{
	struct player_opts o = opts_for(p, s);

	return player_create(&o, s->group->groups->now_us);
}

static bool has_own(const struct group_play *p)
{
	static const struct group_stream_params none;

	return memcmp(&p->own, &none, sizeof(none)) != 0;
}

// The stream is carried as one play of it wants it, the last that said so.
static void tune(struct group_play *p)
{
	if (p->stream == NULL)
		return;
	p->stream->own = has_own(p) ? &p->own : NULL;
	stream_own_changed(p->stream);
}

static void untune(struct group_play *p)
{
	if (p->stream == NULL || p->stream->own != &p->own)
		return;
	p->stream->own = NULL;
	stream_own_changed(p->stream);
}

// Another instance has its publisher's values again (MC-6).
static void follow(struct group_play *p, struct gstream *s)
{
	struct group_stream_params own = p->own;
	struct player *player;

	if (p->player != NULL)
		p->own = (struct group_stream_params){0};
	player = player_for(p, s);
	if (player == NULL) {
		p->own = own;
		return;
	}
	untune(p);
	player_destroy(p->player);
	p->player = player;
	p->stream = s;
	p->is_reset_due = p->has_shown;
	if (has_own(p))
		tune(p);
	if (s->end != 0)
		player_end(player, s->end, s->group->groups->now_us);
}

// Is what is followed over, so that another instance of the name may take its place?
static bool is_over(const struct group_play *p)
{
	if (p->stream == NULL || p->stream->is_silent)
		return true;
	return player_has_ended(p->player) ||
	       (p->stream->has_ended && !player_has_started(p->player));
}

// The youngest live instance of the name, first of all; an ended one only if there never was any.
static struct gstream *best_instance(const struct group_play *p)
{
	struct gstream *ended = NULL;

	for (struct gstream *s = p->group->streams; s != NULL; s = s->next) {
		if (!is_of(p, s) || s->is_published_here || s->is_silent || s == p->stream)
			continue;
		if (!s->has_ended)
			return s;
		if (ended == NULL && p->player == NULL)
			ended = s;
	}
	return ended;
}

static void look(struct group_play *p)
{
	struct gstream *s = is_over(p) ? best_instance(p) : NULL;

	if (s != NULL)
		follow(p, s);
}

static void look_all(struct group *g)
{
	for (struct group_play *p = g->plays; p != NULL; p = p->next)
		look(p);
}

void plays_stream_new(struct gstream *s)
{
	look_all(s->group);
}

void plays_stream_end(struct gstream *s)
{
	for (struct group_play *p = s->group->plays; p != NULL; p = p->next)
		if (p->stream == s)
			player_end(p->player, s->end, s->group->groups->now_us);
	look_all(s->group);
}

void plays_stream_gone(struct gstream *s)
{
	for (struct group_play *p = s->group->plays; p != NULL; p = p->next)
		if (p->stream == s)
			p->stream = NULL; // the player has said LOST long ago, or it never began
	look_all(s->group);
}

// ---- fragments ----

void plays_fragment(struct gstream *s, struct span message)
{
	for (struct group_play *p = s->group->plays; p != NULL; p = p->next)
		if (p->stream == s && !p->is_paused)
			player_fragment(p->player, message, s->group->groups->now_us);
}

void plays_gone(struct gstream *s, uint64_t below)
{
	for (struct group_play *p = s->group->plays; p != NULL; p = p->next)
		if (p->stream == s)
			player_gone(p->player, below, s->group->groups->now_us);
}

static enum group_event_kind kind_of(enum player_event_kind kind)
{
	switch (kind) {
	case PLAYER_START:
		return GROUP_PLAY_START;
	case PLAYER_MESSAGE:
		return GROUP_PLAY_MESSAGE;
	case PLAYER_GAP:
		return GROUP_PLAY_GAP;
	case PLAYER_END:
		return GROUP_PLAY_END;
	case PLAYER_LOST:
		return GROUP_PLAY_LOST;
	default:
		return GROUP_NONE;
	}
}

static bool play_event(struct group_play *p, struct group_event *e)
{
	uint64_t now_us = p->group->groups->now_us;
	struct player_event pe;

	memset(e, 0, sizeof(*e));
	e->group = p->group;
	e->play = p;
	e->user = p->user;
	memcpy(e->name, p->name, sizeof(e->name));
	if (p->is_reset_due) {
		p->is_reset_due = false;
		e->kind = GROUP_PLAY_RESET;
		return true;
	}
	if (p->player == NULL || p->is_paused || player_next(p->player, &pe, now_us) == PLAYER_NONE)
		return false;
	e->kind = kind_of(pe.kind);
	e->message = pe.message;
	e->number = pe.number;
	e->number_to = pe.number_to;
	p->has_shown |= pe.kind == PLAYER_START;
	if (pe.kind == PLAYER_END || pe.kind == PLAYER_LOST)
		look(p);
	return true;
}

bool plays_event(struct group *g, struct group_event *e)
{
	for (struct group_play *p = g->plays; p != NULL; p = p->next)
		if (play_event(p, e))
			return true;
	return false;
}

uint64_t plays_deadline_us(const struct group *g)
{
	uint64_t at_us = NEVER;

	for (struct group_play *p = g->plays; p != NULL; p = p->next) {
		if (p->is_reset_due)
			return 0;
		if (p->player != NULL && !p->is_paused)
			at_us = earlier(at_us, player_deadline_us(p->player));
	}
	return at_us;
}

// ---- for programs ----

int group_play(struct group *g, const char *name, void *user, struct group_play **out,
	       uint64_t now_us)
{
	struct group_play *p;
	size_t len = strlen(name);

	g->groups->now_us = now_us;
	if (len == 0 || len > STREAM_NAME_MAX)
		return -EINVAL;
	if (!g->spec.multicast)
		return -EOPNOTSUPP;
	p = calloc(1, sizeof(*p));
	if (p == NULL)
		return -ENOMEM;
	p->group = g;
	p->user = user;
	memcpy(p->name, name, len);
	p->next = g->plays;
	g->plays = p;
	look(p);
	*out = p;
	return 0;
}

int group_play_override(struct group_play *p, const struct group_stream_params *own,
			uint64_t now_us)
{
	struct player_opts o;

	p->group->groups->now_us = now_us;
	if (group_stream_params_check(own) != NULL)
		return -EINVAL;
	p->own = *own;
	if (p->stream == NULL)
		return 0;
	o = opts_for(p, p->stream);
	player_tune(p->player, &o);
	tune(p);
	return 0;
}

void group_play_pause(struct group_play *p, bool is_paused, uint64_t now_us)
{
	struct player *player;

	p->group->groups->now_us = now_us;
	if (p->is_paused == is_paused)
		return;
	if (!is_paused && p->stream != NULL && p->stream->end == 0) { // else it has an end to tell
		player = player_for(p, p->stream);
		if (player == NULL)
			return;
		player_destroy(p->player);
		p->player = player;
	}
	p->is_paused = is_paused;
}

static void play_free(struct group_play *p)
{
	event_forget(&p->group->groups->events, p);
	player_destroy(p->player);
	free(p);
}

void group_play_close(struct group_play *p, uint64_t now_us)
{
	struct group_play **at = &p->group->plays;

	p->group->groups->now_us = now_us;
	while (*at != p)
		at = &(*at)->next;
	*at = p->next;
	untune(p);
	play_free(p);
}

void plays_free(struct group *g)
{
	while (g->plays != NULL) {
		struct group_play *p = g->plays;

		g->plays = p->next;
		play_free(p);
	}
}

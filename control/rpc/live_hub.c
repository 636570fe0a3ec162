// Names, who publishes them and who plays them, and whose turn it is.
#include "control/rpc/live_hub.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/rpc/live_internal.h"
#include "dataplane/wire/media.h"
#include "dataplane/wire/rtmp_msg.h"

// Of one turn: about a millisecond of copying, so whoever waits for control waits no longer.
#define TURN_SENDS  2048
#define TURN_BYTES  (4u << 20)
#define BLOCKED_US  5000 // until a worker that did not keep up is tried again
#define RATE_US     1000000
#define RATE_OLD_US 3000000

// ---- hub ----

struct live_hub *live_hub_create(const struct live_hub_opts *o, uint64_t *due_us)
{
	struct live_hub *h = calloc(1, sizeof(*h));

	if (h == NULL)
		return NULL;
	h->opts = *o;
	h->ready_last = &h->ready_first;
	h->due_us = due_us;
	*due_us = UINT64_MAX;
	return h;
}

void live_hub_destroy(struct live_hub *h)
{
	assert(h->streams == NULL);
	free(h);
}

const struct live_counters *live_hub_counters(const struct live_hub *h)
{
	return &h->counters;
}

// ---- streams ----

static struct live_stream *find(const struct live_hub *h, const char *app, const char *name)
{
	struct live_stream *s = h->streams;

	while (s != NULL && (strcmp(s->info.name, name) != 0 || strcmp(s->info.app, app) != 0))
		s = s->next;
	return s;
}

static bool has_room(const struct live_hub *h, const char *app)
{
	uint32_t n = 0;

	for (const struct live_stream *s = h->streams; s != NULL; s = s->next)
		n += strcmp(s->info.app, app) == 0;
	return h->n < h->opts.streams_max && n < h->opts.streams_per_app_max;
}

static struct live_stream *find_or_create(struct live_hub *h, const char *app, const char *name)
{
	struct live_stream *s = find(h, app, name);

	if (s != NULL)
		return s;
	s = has_room(h, app) ? calloc(1, sizeof(*s)) : NULL;
	if (s == NULL) {
		h->counters.refused_streams++;
		return NULL;
	}
	s->hub = h;
	live_log_init(&s->log, h->opts.log_bytes_max);
	snprintf(s->info.app, sizeof(s->info.app), "%s", app);
	snprintf(s->info.name, sizeof(s->info.name), "%s", name);
	s->next = h->streams;
	if (s->next != NULL)
		s->next->prev = s;
	h->streams = s;
	h->n++;
	return s;
}

static void ready_remove(struct live_stream *s)
{
	struct live_stream **at = &s->hub->ready_first;

	if (!s->is_ready)
		return;
	while (*at != s)
		at = &(*at)->next_ready;
	*at = s->next_ready;
	if (s->hub->ready_last == &s->next_ready)
		s->hub->ready_last = at;
	s->is_ready = false;
}

static void free_if_unused(struct live_stream *s)
{
	struct live_hub *h = s->hub;

	if (s->publisher != NULL || s->players != NULL)
		return;
	ready_remove(s);
	if (s->prev != NULL)
		s->prev->next = s->next;
	else
		h->streams = s->next;
	if (s->next != NULL)
		s->next->prev = s->prev;
	h->n--;
	live_heads_clear(s);
	live_log_fini(&s->log);
	free(s);
}

void live_stream_ready(struct live_stream *s)
{
	struct live_hub *h = s->hub;

	if (s->is_ready || s->players == NULL)
		return;
	s->is_ready = true;
	s->next_ready = NULL;
	*h->ready_last = s;
	h->ready_last = &s->next_ready;
	*h->due_us = 0;
}

// ---- ends ----

struct live_end *live_end_create(struct live_hub *h, bool is_amf3)
{
	struct live_end *e = calloc(1, sizeof(*e));

	if (e != NULL)
		*e = (struct live_end){
			.hub = h, .is_amf3 = is_amf3, .wants_audio = true, .wants_video = true};
	return e;
}

void live_end_attach(struct live_end *e, struct net_stream *ns)
{
	e->ns = ns;
}

void live_end_destroy(struct live_end *e)
{
	live_stop(e);
	free(e);
}

bool live_is_publishing(const struct live_end *e)
{
	return e->stream != NULL && e->is_publisher;
}

bool live_is_playing(const struct live_end *e)
{
	return e->stream != NULL && !e->is_publisher;
}

const char *live_name(const struct live_end *e)
{
	return e->stream != NULL ? e->stream->info.name : "";
}

// Players hear of it in their order, so it stands in the log.
static void mark(struct live_stream *s, enum live_record_kind kind)
{
	const struct live_record r = {.kind = (uint8_t)kind};

	// No memory for a few octets: players see the media begin or end without the word.
	(void)live_log_add(&s->log, &r, (struct span){0});
	live_stream_ready(s);
}

enum live_refusal live_publish(struct live_end *e, const char *app, const char *name)
{
	struct live_hub *h = e->hub;
	struct live_stream *s = find(h, app, name);

	if (s != NULL && s->publisher != NULL && s->publisher != e) {
		h->counters.bad_names++;
		return LIVE_TAKEN;
	}
	live_stop(e);
	s = find_or_create(h, app, name);
	if (s == NULL)
		return LIVE_FULL;
	e->stream = s;
	e->is_publisher = true;
	s->publisher = e;
	s->info.is_published = true;
	h->counters.published++;
	live_log_restart(&s->log);
	mark(s, LIVE_BEGIN);
	return LIVE_OK;
}

enum live_refusal live_play(struct live_end *e, const char *app, const char *name)
{
	struct live_hub *h = e->hub;
	struct live_stream *s;

	live_stop(e);
	s = find_or_create(h, app, name);
	if (s == NULL)
		return LIVE_FULL;
	if (s->n_players >= h->opts.players_max) {
		h->counters.refused_players++;
		return LIVE_FULL; // it has players, so it stays
	}
	e->stream = s;
	e->is_publisher = false;
	e->next = s->players;
	if (e->next != NULL)
		e->next->prev = e;
	s->players = e;
	s->n_players++;
	h->counters.played++;
	live_player_start(e);
	live_stream_ready(s);
	return LIVE_OK;
}

static void stop_publishing(struct live_end *e)
{
	struct live_stream *s = e->stream;

	s->publisher = NULL;
	s->info.is_published = false;
	mark(s, LIVE_END);
	live_heads_clear(s);
	live_log_restart(&s->log);
}

static void stop_playing(struct live_end *e)
{
	struct live_stream *s = e->stream;

	if (s->resume == e)
		s->resume = e->next;
	if (e->prev != NULL)
		e->prev->next = e->next;
	else
		s->players = e->next;
	if (e->next != NULL)
		e->next->prev = e->prev;
	e->next = e->prev = NULL;
	s->n_players--;
}

bool live_stop(struct live_end *e)
{
	struct live_stream *s = e->stream;

	if (s == NULL)
		return false;
	if (e->is_publisher)
		stop_publishing(e);
	else
		stop_playing(e);
	e->stream = NULL;
	free_if_unused(s);
	return true;
}

void live_receive(struct live_end *e, bool audio, bool video)
{
	if (video && !e->wants_video)
		e->needs_key = true;
	e->wants_audio = audio;
	e->wants_video = video;
}

bool live_receives_audio(const struct live_end *e)
{
	return e->wants_audio;
}

bool live_receives_video(const struct live_end *e)
{
	return e->wants_video;
}

// A live stream does not wait: who comes back from a pause begins where a newcomer would.
void live_pause(struct live_end *e, bool is_paused)
{
	bool goes_on = e->is_paused && !is_paused;

	e->is_paused = is_paused;
	if (!goes_on || !live_is_playing(e))
		return;
	live_player_start(e);
	live_stream_ready(e->stream);
}

// ---- what is published ----

static void count_rate(struct live_stream *s, uint64_t bytes, uint64_t now_us)
{
	uint64_t took_us = now_us - s->second_us;

	s->info.bytes_in += bytes;
	s->second_bytes += bytes;
	if (took_us < RATE_US)
		return;
	s->info.bits_in_per_s =
		took_us < RATE_OLD_US ? (uint32_t)(s->second_bytes * 8 * 1000000 / took_us) : 0;
	s->second_us = now_us;
	s->second_bytes = 0;
}

void live_message(struct live_end *e, const struct net_stream_message *message, uint64_t now_us)
{
	struct net_stream_message m = *message;
	struct live_stream *s = e->stream;
	struct live_record r = {.kind = LIVE_MEDIA, .type = m.type, .timestamp = m.timestamp};

	if (!live_is_publishing(e) || (m.type != RTMP_AUDIO && m.type != RTMP_VIDEO &&
				       m.type != RTMP_DATA_AMF0 && m.type != RTMP_DATA_AMF3)) {
		e->hub->counters.ignored++;
		return;
	}
	e->hub->counters.messages_in++;
	s->info.messages_in++;
	count_rate(s, m.whole.len, now_us);
	if (!live_heads_take(s, &m))
		return;
	r.media = (uint8_t)media_kind_of(m.type, m.payload);
	if (live_log_add(&s->log, &r, m.whole) != 0)
		e->hub->counters.too_long++;
	else
		live_stream_ready(s);
}

// ---- turns ----

// All its players, from where the last turn stopped. False: somebody still waits.
static bool serve(struct live_stream *s, struct live_work *work, uint64_t now_us)
{
	bool is_from_start = s->resume == NULL, is_done = true;
	struct live_end *e = is_from_start ? s->players : s->resume;

	s->resume = NULL;
	while (e != NULL) {
		struct live_end *next = e->next;

		is_done &= live_player_serve(e, work, now_us);
		if (work->sends == 0 || work->bytes == 0) {
			s->resume = next; // whoever has used up a turn is last in the next one
			return is_done && next == NULL && is_from_start;
		}
		e = next;
	}
	return is_done && is_from_start;
}

void live_hub_turn(struct live_hub *h, uint64_t now_us)
{
	struct live_work work = {TURN_SENDS, TURN_BYTES, false};
	struct live_stream *s, *left = NULL, **left_last = &left;

	if (now_us < *h->due_us)
		return;
	while ((s = h->ready_first) != NULL && work.sends > 0 && work.bytes > 0) {
		ready_remove(s);
		if (serve(s, &work, now_us))
			continue;
		*left_last = s; // again in the next turn, behind all others
		s->next_ready = NULL;
		left_last = &s->next_ready;
	}
	while ((s = left) != NULL) {
		left = s->next_ready;
		live_stream_ready(s);
	}
	if (h->ready_first == NULL)
		*h->due_us = UINT64_MAX;
	else
		*h->due_us = work.was_blocked && work.sends > 0 ? now_us + BLOCKED_US : now_us;
}

// ---- looking in ----

uint32_t live_hub_n(const struct live_hub *h)
{
	return h->n;
}

uint32_t live_hub_info(const struct live_hub *h, struct live_info *out, uint32_t max,
		       uint64_t now_us)
{
	uint32_t n = 0;

	for (const struct live_stream *s = h->streams; s != NULL && n < max; s = s->next, n++) {
		out[n] = s->info;
		out[n].n_players = s->n_players;
		out[n].backlog_bytes = s->log.bytes;
		if (now_us - s->second_us >= RATE_OLD_US)
			out[n].bits_in_per_s = 0;
	}
	return n;
}

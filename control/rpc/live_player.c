// One player of a live stream: a place in its log.
#include <errno.h>

#include "control/rpc/live_internal.h"
#include "control/rpc/server_stream.h"
#include "dataplane/wire/media.h"
#include "dataplane/wire/rtmp_msg.h"

void live_player_start(struct live_end *e)
{
	const struct live_stream *s = e->stream;

	e->needs_key = true;
	live_log_start(&s->log, &e->start);
	e->cursor = e->start.number;
	e->heads_due = live_heads_before(s, e->cursor);
}

static bool is_wanted(const struct live_end *e, const struct live_record *r)
{
	if (e->is_paused)
		return false;
	if (r->type == RTMP_AUDIO)
		return e->wants_audio && !live_start_is_early(&e->start, e->cursor, r);
	if (r->type != RTMP_VIDEO)
		return true;
	return e->wants_video &&
	       (!e->needs_key || r->media == MEDIA_KEY_FRAME || r->media == MEDIA_VIDEO_CONFIG);
}

// What a decoder cannot do without: nothing of it is given up.
static bool is_needed(const struct live_end *e, const struct live_record *r)
{
	return r->media == MEDIA_VIDEO_CONFIG || r->media == MEDIA_AUDIO_CONFIG ||
	       (r->media == MEDIA_KEY_FRAME && e->needs_key);
}

static void pay(struct live_work *work, uint32_t bytes)
{
	work->sends -= work->sends > 0;
	work->bytes -= bytes < work->bytes ? bytes : work->bytes;
}

static void left_out(struct live_end *e, const struct live_record *r)
{
	e->hub->counters.skipped++;
	e->stream->info.skipped++;
	if (r->type == RTMP_VIDEO)
		e->needs_key = e->is_behind = true; // what follows builds on what it did not get
}

// False: not now.
static bool serve_media(struct live_end *e, const struct live_record *r, struct live_work *work,
			uint64_t now_us)
{
	int err;

	if (!is_wanted(e, r)) {
		if (e->is_behind && r->type == RTMP_VIDEO)
			left_out(e, r);
		return true;
	}
	err = net_stream_write(e->ns, net_stream_flow_of(r->type), span_of(r->octets, r->len),
			       (struct span){0}, is_needed(e, r), now_us);
	switch (err) {
	case 0:
		pay(work, r->len);
		e->hub->counters.messages_out++;
		e->stream->info.bytes_out += r->len;
		if (r->media == MEDIA_KEY_FRAME)
			e->needs_key = e->is_behind = false;
		return true;
	case -ENOBUFS:
		work->was_blocked = true;
		return false;
	case -EPIPE: // it does not want it any more
		return true;
	default:
		left_out(e, r);
		return true;
	}
}

static bool serve_begin(struct live_end *e, uint64_t now_us)
{
	e->needs_key = true;
	e->start.sound_until = 0; // another publisher, another clock
	return stream_user_control(e->ns, UC_STREAM_BEGIN, now_us) != -ENOBUFS &&
	       stream_status(e->ns, e->is_amf3, "status", "NetStream.Play.PublishNotify",
			     live_name(e), now_us) != -ENOBUFS;
}

// Commands have a flow of their own, so without a barrier the end would overtake the last pictures.
static bool serve_end(struct live_end *e, uint64_t now_us)
{
	net_stream_barrier(e->ns);
	return stream_user_control(e->ns, UC_STREAM_EOF, now_us) != -ENOBUFS &&
	       stream_status(e->ns, e->is_amf3, "status", "NetStream.Play.UnpublishNotify",
			     live_name(e), now_us) != -ENOBUFS;
}

static bool serve_record(struct live_end *e, const struct live_record *r, struct live_work *work,
			 uint64_t now_us)
{
	bool is_served = false;

	switch (r->kind) {
	case LIVE_BEGIN:
		is_served = serve_begin(e, now_us);
		break;
	case LIVE_END:
		is_served = serve_end(e, now_us);
		break;
	default:
		return serve_media(e, r, work, now_us);
	}
	pay(work, 0);
	work->was_blocked |= !is_served;
	return is_served;
}

static bool serve_heads(struct live_end *e, struct live_work *work, uint64_t now_us)
{
	for (; e->heads_due != 0; e->heads_due &= e->heads_due - 1) {
		const struct live_head *h = &e->stream->heads[__builtin_ctz(e->heads_due)];

		if (h->octets == NULL) // gone meanwhile
			continue;
		if (net_stream_write(e->ns, net_stream_flow_of(h->octets[0]),
				     span_of(h->octets, h->len), (struct span){0}, true,
				     now_us) == -ENOBUFS) {
			work->was_blocked = true;
			return false;
		}
		pay(work, h->len);
	}
	return true;
}

// Its messages have left the log before a worker took them.
static void catch_up(struct live_end *e)
{
	const struct live_log *log = &e->stream->log;

	e->hub->counters.skipped += log->first - e->cursor;
	e->stream->info.skipped += log->first - e->cursor;
	live_player_start(e);
}

bool live_player_serve(struct live_end *e, struct live_work *work, uint64_t now_us)
{
	const struct live_log *log = &e->stream->log;

	if (!serve_heads(e, work, now_us))
		return false;
	while (e->cursor < log->next) {
		if (work->sends == 0 || work->bytes == 0)
			return false;
		if (e->cursor < log->first)
			catch_up(e);
		else if (serve_record(e, live_log_at(log, e->cursor), work, now_us))
			e->cursor++;
		else
			return false;
	}
	return true;
}

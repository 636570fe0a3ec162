// annulus-peer publish: an FLV into a group or to a server, at the pace of its timestamps.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "control/member/clock.h"
#include "control/bin/peer/join.h"
#include "control/bin/peer/peer.h"
#include "control/bin/peer/progress.h"
#include "control/bin/peer/stream_json.h"
#include "control/service/flv.h"
#include "dataplane/wire/media.h"

#define RETRY_US 5000 // when control has no body free

struct publish {
	struct peer peer;
	struct member *member;
	struct node_stream *stream;
	struct join join;
	struct progress progress;
	struct stream_json json;
	struct flv_parser *parser;
	int fd;
	int exit_code;
	bool is_at_end, has_tag, is_watching, is_done;
	bool is_agreed;     // the group, the server, or a first peer takes it
	struct flv_tag tag; // next to leave, its body in the parser
	bool has_started;
	bool has_warned;
	uint32_t first_ms, last_ms;
	uint64_t first_us, retry_us;
	uint64_t tags, bytes, refused;
};

static uint64_t tag_due_us(const struct publish *p)
{
	if (!p->has_started)
		return 0;
	// Timestamps that run backwards leave at once; 32 bits may wrap.
	int32_t ahead_ms = (int32_t)(p->tag.timestamp_ms - p->first_ms);

	return ahead_ms <= 0 ? p->first_us : p->first_us + (uint64_t)ahead_ms * 1000;
}

// Next tag out of the parser, if one is whole. False: the input is no FLV (said, exit code set).
static bool parse_next(struct publish *p)
{
	const char *why = "out of memory";
	int got;

	if (p->has_tag)
		return true;
	got = flv_parser_next(p->parser, &p->tag, &why);
	p->has_tag = got > 0;
	if (got >= 0)
		return true;
	progress_say(&p->progress, "%s: %s at octet %llu", p->peer.args->file, why,
		     (unsigned long long)flv_parser_offset(p->parser));
	p->exit_code = PEER_USAGE;
	return false;
}

// The input is at its end, or broken: what was published stays published, and the stream ends.
static void finish_input(struct publish *p, uint64_t now_us)
{
	p->is_at_end = true;
	if (p->is_watching)
		member_loop_unwatch(p->peer.loop);
	p->is_watching = false;
	if (p->exit_code == PEER_OK && !flv_parser_ended_well(p->parser)) {
		progress_say(&p->progress, "%s: cut in the middle of a tag at octet %llu",
			     p->peer.args->file, (unsigned long long)flv_parser_offset(p->parser));
		p->exit_code = PEER_USAGE;
	}
	if (p->stream != NULL)
		node_stream_end(p->stream, now_us);
	else
		p->is_done = true;
}

static void on_readable(void *ctx)
{
	struct publish *p = ctx;
	uint32_t room;
	uint8_t *space;
	ssize_t n;

	if (p->has_tag) // it lies in the parser's buffer; first things first
		return;
	space = flv_parser_space(p->parser, &room);
	n = read(p->fd, space, room);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0) {
		progress_say(&p->progress, "cannot read %s: %s", p->peer.args->file,
			     strerror(errno));
		p->exit_code = PEER_USAGE;
	}
	if (n > 0)
		flv_parser_fed(p->parser, (uint32_t)n);
	if ((n > 0 && !parse_next(p)) || n <= 0)
		finish_input(p, clock_us());
}

// Hands the tag to the node. False: not now, the node has no room.
static bool publish_tag(struct publish *p, uint64_t now_us)
{
	enum media_kind kind = media_kind_of(p->tag.type, p->tag.body);
	int err;

	err = node_stream_write(p->stream, p->tag.type, p->tag.timestamp_ms, p->tag.body.data,
				(uint32_t)p->tag.body.len, kind == MEDIA_KEY_FRAME, now_us);
	if (err == -EAGAIN)
		return false;
	if (err == 1 || err == -EPIPE) // refused, or over: an event says why
		return true;
	if (err == -EMSGSIZE) {
		p->refused++;
		if (!p->has_warned)
			progress_say(&p->progress,
				     "a message of %zu octets at %u ms is too long; "
				     "skipping to the next key frame",
				     p->tag.body.len, p->tag.timestamp_ms);
		p->has_warned = true;
		return true;
	}
	p->tags++;
	p->bytes += p->tag.body.len;
	p->last_ms = p->tag.timestamp_ms;
	return true;
}

static void start_clock(struct publish *p, uint64_t now_us)
{
	p->has_started = true;
	p->first_ms = p->last_ms = p->tag.timestamp_ms;
	p->first_us = now_us;
	if (p->peer.args->is_direct)
		progress_say(&p->progress, "publishing '%s' directly", p->peer.args->name);
	else if (p->peer.args->group == NULL)
		progress_say(&p->progress, "publishing '%s' to %s", p->peer.args->name,
			     p->peer.servers[0].uri);
	else
		progress_say(&p->progress, "publishing '%s', window %u ms", p->peer.args->name,
			     p->peer.args->params.window_ms > 0 ? p->peer.args->params.window_ms
								: STREAM_WINDOW_MS);
}

static void publish_due(struct publish *p, uint64_t now_us)
{
	while (!p->is_at_end && p->is_agreed) {
		if (!p->has_tag && !parse_next(p)) {
			finish_input(p, now_us);
			return;
		}
		if (!p->has_tag)
			return;
		if (!p->has_started)
			start_clock(p, now_us);
		if (tag_due_us(p) > now_us)
			return;
		if (!publish_tag(p, now_us)) {
			p->retry_us = now_us + RETRY_US;
			return;
		}
		p->has_tag = false;
	}
}

static void take_events(void *ctx, struct member *m)
{
	struct publish *p = ctx;
	struct node_event e;

	while (node_event(member_node(m), &e, clock_us())) {
		join_event(&p->join, &e);
		stream_json_event(&p->json, &e);
		p->is_agreed |= e.kind == NODE_PUBLISH_START || e.kind == NODE_PEER_CONNECT;
		if (e.kind == NODE_STREAM_FAILED) {
			progress_say(&p->progress, "cannot publish '%s': %s", p->peer.args->name,
				     e.text);
			p->exit_code = PEER_CONNECT;
		}
		if (e.kind == NODE_PUBLISH_DONE || e.kind == NODE_STREAM_FAILED)
			p->is_done = true;
	}
}

static void show(struct publish *p, uint64_t now_us, bool now)
{
	struct node_info info;
	struct progress_state s = {.state = join_state(&p->join)};

	node_info(member_node(p->member), &info);
	if (p->has_started)
		s.state = p->is_at_end ? "leaving" : "publishing";
	s.n_neighbours = info.n_neighbours;
	s.rtt_us = info.rtt_us;
	s.bytes = p->bytes;
	s.stream_ms = p->last_ms - p->first_ms;
	if (p->stream != NULL)
		s.fragments = node_stream_info(p->stream).newest;
	progress_show(&p->progress, &s, now_us, now);
}

static uint64_t next_us(const struct publish *p, uint64_t now_us)
{
	uint64_t at = progress_due_us(&p->progress);
	uint64_t tag = p->has_tag && p->is_agreed ? tag_due_us(p) : UINT64_MAX;

	if (p->retry_us > now_us && tag < p->retry_us)
		tag = p->retry_us;
	if (tag < at)
		at = tag;
	if (!p->join.has_joined && p->join.give_up_us < at)
		at = p->join.give_up_us;
	return at;
}

// Watches the input only while the next tag is unknown, so a pipe is not read faster than it plays.
static void watch_input(struct publish *p)
{
	bool wanted = !p->is_at_end && !p->has_tag && p->is_agreed;

	if (wanted && !p->is_watching)
		p->is_watching = member_loop_watch(p->peer.loop, p->fd, on_readable, p) == 0;
	else if (!wanted && p->is_watching)
		member_loop_unwatch(p->peer.loop), p->is_watching = false;
}

static int ask(struct publish *p, struct node_group *group, uint64_t now_us)
{
	const struct peer_args *a = p->peer.args;
	const struct node_direct_params direct = {.audio_is_late_ok = a->drops_audio,
						  .video_is_late_ok = a->drops_video,
						  .data_is_late_ok = a->drops_data};
	int err;

	if (a->is_direct)
		return node_direct_publish(member_node(p->member), a->name, &direct, &p->stream,
					   now_us);
	if (group == NULL)
		return node_conn_publish(p->join.conn, a->name, &p->stream, now_us);
	p->is_agreed = true;
	err = node_publish(group, a->name, &a->params, &p->stream, now_us);
	if (err == 0)
		stream_json_code(&p->json, "NetStream.Publish.Start");
	return err;
}

// To a group once it has a neighbour, to the server or to whom it introduces once it is there.
static bool may_ask(const struct publish *p)
{
	return p->stream == NULL &&
	       (p->peer.args->is_direct ? p->join.n_connected > 0 : p->join.has_joined);
}

static void run(struct publish *p, struct node_group *group)
{
	const char *why;

	while (!p->is_done) {
		uint64_t now = clock_us();

		if (peer_interrupted && !p->is_at_end)
			finish_input(p, now);
		if (join_has_failed(&p->join, now, &why)) {
			progress_say(&p->progress, "%s (%s)", why, p->peer.servers[0].uri);
			p->exit_code = PEER_CONNECT;
			return;
		}
		if (may_ask(p)) {
			int err = ask(p, group, now);

			if (err != 0) {
				progress_say(&p->progress, "cannot publish '%s': %s",
					     p->peer.args->name,
					     err == -EACCES
						     ? "the groupspec has no publish authorization"
						     : strerror(-err));
				p->exit_code = PEER_USAGE;
				return;
			}
		}
		publish_due(p, now);
		watch_input(p);
		show(p, now, false);
		stream_json_figures(&p->json, p->stream, now, false);
		member_loop_once(p->peer.loop, next_us(p, now), take_events, p);
	}
}

static int open_input(struct publish *p)
{
	const char *file = p->peer.args->file;

	p->fd = strcmp(file, "-") == 0 ? STDIN_FILENO : open(file, O_RDONLY | O_CLOEXEC);
	if (p->fd < 0) {
		peer_error("cannot read %s: %s", file, strerror(errno));
		return PEER_USAGE;
	}
	p->parser = flv_parser_create();
	if (p->parser == NULL)
		return PEER_USAGE;
	// A file that is no FLV is refused before anybody is bothered; a pipe may have nothing to
	// say yet.
	if (p->fd != STDIN_FILENO)
		on_readable(p);
	return p->exit_code;
}

static int check_name(const struct peer *p, const char *name)
{
	if (p->args->group != NULL && !p->spec.multicast) {
		peer_error("the group does not allow streams (its groupspec lacks multicast)");
		return PEER_USAGE;
	}
	if (name[0] == '\0' || strlen(name) > STREAM_NAME_MAX) {
		peer_error("stream name must be 1 to %d octets", (int)STREAM_NAME_MAX);
		return PEER_USAGE;
	}
	return 0;
}

// What players need, alone on a line for whoever passes it on.
static void say_peer_id(const struct identity *id)
{
	for (unsigned i = 0; i < FINGERPRINT_LEN; i++)
		printf("%02x", id->member.fingerprint[i]);
	putchar('\n');
	fflush(stdout);
}

static void say_result(const struct publish *p)
{
	fprintf(stderr, "annulus-peer: published '%s': %.1f s, %llu tags, %.2f MB%s\n",
		p->peer.args->name, (p->last_ms - p->first_ms) / 1e3, (unsigned long long)p->tags,
		(double)p->bytes / 1e6, p->refused > 0 ? ", messages too long were skipped" : "");
}

int peer_publish(const struct peer_args *a)
{
	struct publish p = {.fd = -1, .json.name = a->is_json ? a->name : NULL};
	struct identity id;
	const struct group_limits limits = {.multicast_ttl = (uint8_t)a->multicast_ttl};
	struct node_group *group = NULL;
	int err = peer_start(&p.peer, a);
	uint64_t now = clock_us();

	if (err != 0)
		return err;
	progress_init(&p.progress, a->is_quiet, a->wants_lines, now);
	err = check_name(&p.peer, a->name);
	if (err == 0)
		err = open_input(&p);
	if (err == 0)
		err = peer_identity(&p.peer, &id);
	if (err != 0)
		goto stop;
	p.member = peer_member_create(&p.peer, &id);
	if (p.member == NULL) {
		err = PEER_CONNECT;
		goto stop;
	}
	join_init(&p.join, p.peer.n_servers, a->wait_s, now);
	p.join.is_alone = a->group == NULL && !a->is_direct;
	if (a->is_direct) {
		p.join.nobody = "nobody came to play";
		say_peer_id(&id);
	}
	err = peer_connect_all(&p.peer, p.member, now);
	if (err == 0 && a->group != NULL)
		group = node_join(member_node(p.member), &p.peer.spec, &limits, &err, now);
	p.join.has_joined |= p.peer.spec.peer_to_peer_disabled; // nobody will come
	if (err == 0) {
		run(&p, group);
		err = p.exit_code;
		show(&p, clock_us(), a->wants_lines);
		stream_json_figures(&p.json, p.stream, clock_us(), true);
		progress_end(&p.progress);
		if (err != PEER_CONNECT)
			say_result(&p);
	} else if (err < 0) {
		err = peer_join_error(err);
	}
	peer_leave(&p.peer, p.member);
stop:
	if (p.fd > STDERR_FILENO)
		close(p.fd);
	flv_parser_destroy(p.parser);
	peer_stop(&p.peer);
	return err;
}

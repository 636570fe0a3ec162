// annulus-peer play: a stream of a group, or of a server, into an FLV.
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/member/clock.h"
#include "control/bin/peer/viewer.h"
#include "control/bin/peer/progress.h"

#define FLUSH_US 200000 // a pipe's reader does not wait longer for what has come

static void show(struct viewer *v, struct progress *progress, uint64_t now_us, bool now)
{
	struct node_info info;
	struct group_stream_info s =
		v->stream != NULL ? node_stream_info(v->stream) : (struct group_stream_info){0};
	struct flv_out_totals t = flv_out_totals(v->out);
	struct progress_state state = {.state = viewer_state(v),
				       .fragments = s.received,
				       .late = s.late,
				       .missing = s.missing,
				       .bytes = t.bytes,
				       .stream_ms = v->last_ms};

	node_info(member_node(v->member), &info);
	state.n_neighbours = info.n_neighbours;
	state.rtt_us = info.rtt_us;
	progress_show(progress, &state, now_us, now);
}

static void after_turn(void *ctx, struct member *m)
{
	viewer_turn(ctx, clock_us());
}

static void run(struct viewer *v, struct peer *p, struct progress *progress)
{
	uint64_t flush_us = 0;

	while (v->end == VIEWER_RUNNING && !peer_interrupted) {
		uint64_t now = clock_us(), until = progress_due_us(progress);

		show(v, progress, now, false);
		stream_json_figures(&v->json, v->stream, now, false);
		if (v->json.name != NULL && v->json.next_us < until)
			until = v->json.next_us;
		if (now >= flush_us) {
			flv_out_flush(v->out);
			flush_us = now + FLUSH_US;
		}
		if (flush_us < until)
			until = flush_us;
		member_loop_once(p->loop, until, after_turn, v);
		viewer_turn(v, clock_us()); // its limits pass without an event, too
	}
	show(v, progress, clock_us(), progress->wants_lines);
	stream_json_figures(&v->json, v->stream, clock_us(), true);
	progress_end(progress);
}

static void say_result(const struct viewer *v, const struct flv_out_totals *t, const char *name)
{
	if (v->why[0] != '\0')
		peer_error("%s", v->why);
	for (uint64_t i = 0; i < v->n_holes && i < VIEWER_HOLES_MAX; i++)
		peer_error("hole: fragments %llu to %llu, after %u ms",
			   (unsigned long long)v->holes[i].from, (unsigned long long)v->holes[i].to,
			   v->holes[i].after_ms);
	if (v->end == VIEWER_NO_JOIN) // that was all there is to say
		return;
	fprintf(stderr, "annulus-peer: played '%s': %.1f s, %u tags, %.2f MB, %llu holes, %s\n",
		name, (t->last_ms - t->first_ms) / 1e3, t->tags, (double)t->bytes / 1e6,
		(unsigned long long)v->n_holes,
		v->end == VIEWER_ENDED ? "ended by its source" : viewer_state(v));
}

// Nothing came: the empty file that we made goes. What is no plain file (/dev/null) was not made by
// us.
static void leave_nothing(const char *path)
{
	struct stat st;

	if (stat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_size == 0)
		unlink(path);
}

int peer_play(const struct peer_args *a)
{
	struct peer p;
	struct viewer v;
	struct progress progress;
	struct flv_out_totals totals;
	FILE *out;
	int err = peer_start(&p, a);

	if (err != 0)
		return err;
	out = strcmp(a->file, "-") == 0 ? fdopen(dup(STDOUT_FILENO), "wb") : fopen(a->file, "wb");
	if (out == NULL) {
		peer_error("cannot write %s: %s", a->file, strerror(errno));
		peer_stop(&p);
		return PEER_USAGE;
	}
	progress_init(&progress, a->is_quiet, a->wants_lines, clock_us());
	err = viewer_start(&v, &p, out, clock_us());
	v.json.name = a->is_json ? a->name : NULL;
	if (err != 0) {
		viewer_stop(&v);
		peer_stop(&p);
		return err;
	}
	run(&v, &p, &progress);
	totals = flv_out_totals(v.out);
	viewer_stop(&v);
	say_result(&v, &totals, a->name);
	if (!totals.has_started)
		leave_nothing(a->file);
	peer_stop(&p);
	return viewer_exit_code(&v);
}

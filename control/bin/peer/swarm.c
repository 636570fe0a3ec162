// annulus-peer swarm: many players in one process, each with its own socket and identity.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "control/member/clock.h"
#include "control/bin/peer/viewer.h"
#include "control/bin/peer/progress.h"
#include "control/service/flv_compare.h"

#define PATH_MAX_OUT     512
#define BUSY_PERCENT_MAX 80 // of a core, and waiting for it shows

struct swarm {
	struct peer peer;
	struct viewer *viewers;
	uint32_t n_started, n_running, n_joined;
	char dir[PATH_MAX_OUT];
	bool is_own_dir; // made for --verify alone: goes at the end
	struct progress progress;
	// From the first message played to the end: is it the swarm that is measured?
	uint64_t play_from_us, play_cpu_us;
};

static void file_of(const struct swarm *s, uint32_t i, char path[PATH_MAX_OUT + 32])
{
	snprintf(path, PATH_MAX_OUT + 32, "%s/member-%u.flv", s->dir, i + 1);
}

// A descriptor or two per member.
static void raise_file_limit(uint32_t members)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) == 0 && r.rlim_cur < members * 2ull + 64) {
		r.rlim_cur = r.rlim_max;
		setrlimit(RLIMIT_NOFILE, &r);
	}
}

static int open_dir(struct swarm *s)
{
	const struct peer_args *a = s->peer.args;

	if (a->out_dir != NULL) {
		snprintf(s->dir, sizeof(s->dir), "%s", a->out_dir);
		if (mkdir(s->dir, 0777) == 0 || errno == EEXIST)
			return 0;
		peer_error("cannot make directory %s: %s", s->dir, strerror(errno));
		return PEER_USAGE;
	}
	if (a->verify == NULL)
		return 0;
	snprintf(s->dir, sizeof(s->dir), "%s/annulus-swarm-XXXXXX",
		 getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp");
	s->is_own_dir = mkdtemp(s->dir) != NULL;
	if (s->is_own_dir)
		return 0;
	peer_error("cannot make a directory in %s: %s", s->dir, strerror(errno));
	return PEER_USAGE;
}

static uint64_t cpu_us(void)
{
	struct timespec t = {0};

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static int start_one(struct swarm *s, uint64_t now_us)
{
	char path[PATH_MAX_OUT + 32] = "/dev/null";
	FILE *out;
	int err;

	if (s->dir[0] != '\0')
		file_of(s, s->n_started, path);
	out = fopen(path, "wb");
	if (out == NULL) {
		peer_error("cannot write %s: %s", path, strerror(errno));
		return PEER_USAGE;
	}
	err = viewer_start(&s->viewers[s->n_started], &s->peer, out, now_us);
	s->n_running += s->viewers[s->n_started].end == VIEWER_RUNNING;
	s->n_joined += s->viewers[s->n_started].join.has_joined;
	s->n_started++;
	return err;
}

static void after_turn(void *ctx, struct member *m)
{
	struct swarm *s = ctx;
	struct viewer *v = member_user(m);
	bool was_running = v->end == VIEWER_RUNNING, had_joined = v->join.has_joined;
	uint64_t now_us = clock_us();

	viewer_turn(v, now_us);
	s->n_running -= was_running && v->end != VIEWER_RUNNING;
	s->n_joined += v->join.has_joined && !had_joined;
	if (v->has_begun && s->play_from_us == 0) {
		s->play_from_us = now_us;
		s->play_cpu_us = cpu_us();
	}
}

struct tally {
	uint32_t running, joined, begun, ended, failed;
	uint64_t neighbours, rtt_us, n_rtt, fragments, late, missing, bytes, holes;
	uint32_t stream_ms;
};

static struct tally tally(struct swarm *s)
{
	struct tally t = {0};

	for (uint32_t i = 0; i < s->n_started; i++) {
		struct viewer *v = &s->viewers[i];
		struct flv_out_totals totals = flv_out_totals(v->out);
		struct group_stream_info si = node_stream_info(v->stream);
		struct node_info info;

		node_info(member_node(v->member), &info);
		t.running += v->end == VIEWER_RUNNING;
		t.ended += v->end == VIEWER_ENDED;
		t.failed += v->end > VIEWER_ENDED;
		t.joined += v->join.has_joined;
		t.begun += v->has_begun;
		t.neighbours += info.n_neighbours;
		t.rtt_us += info.rtt_us;
		t.n_rtt += info.rtt_us > 0;
		t.fragments += si.received;
		t.late += si.late;
		t.missing += si.missing;
		t.bytes += totals.bytes;
		t.holes += v->n_holes;
		if (v->last_ms > t.stream_ms)
			t.stream_ms = v->last_ms;
	}
	return t;
}

static void show(struct swarm *s, uint64_t now_us, bool now)
{
	struct progress_state state = {0};
	struct tally t;

	if (!now && now_us < progress_due_us(&s->progress))
		return;
	t = tally(s);
	state.state = t.begun > 0                         ? "playing"
		      : t.joined == s->peer.args->members ? "waiting"
							  : "joining";
	if (t.ended == s->n_started && t.ended > 0)
		state.state = "ended";
	state.n_neighbours = (uint32_t)(s->n_started > 0 ? t.neighbours / s->n_started : 0);
	state.rtt_us = (uint32_t)(t.n_rtt > 0 ? t.rtt_us / t.n_rtt : 0);
	state.fragments = t.fragments;
	state.late = t.late;
	state.missing = t.missing;
	state.bytes = t.bytes;
	state.stream_ms = t.stream_ms;
	progress_show(&s->progress, &state, now_us, now);
}

// Its cost grows with members and their fragments alone, so it can tell how many such members it
// could be before it would be the swarm that is measured.
static void say_utilisation(struct swarm *s, uint64_t now_us)
{
	double wall_us = (double)(now_us - s->play_from_us), percent;

	if (s->play_from_us == 0 || wall_us <= 0)
		return;
	percent = 100.0 * (double)(cpu_us() - s->play_cpu_us) / wall_us;
	progress_say(&s->progress, "the swarm itself took %.1f %% of a core for %.1f s of play",
		     percent, wall_us / 1e6);
	if (percent > BUSY_PERCENT_MAX)
		progress_say(&s->progress, "above %d %% it is the swarm that is measured",
			     BUSY_PERCENT_MAX);
	else if (percent > 0)
		progress_say(&s->progress,
			     "at %d %% it would be the swarm that is measured: with about "
			     "%.0f such members",
			     BUSY_PERCENT_MAX, BUSY_PERCENT_MAX / percent * s->n_started);
}

static int run(struct swarm *s)
{
	const struct peer_args *a = s->peer.args;
	uint64_t start = clock_us(), step = 1000000 / a->join_per_s;
	bool said_joined = false;
	int err = 0;

	member_loop_wake_all(s->peer.loop); // they are asked nothing but in after_turn
	while (err == 0 && !peer_interrupted) {
		uint64_t now = clock_us(), until = progress_due_us(&s->progress);

		while (err == 0 && s->n_started < a->members && now >= start + s->n_started * step)
			err = start_one(s, now);
		if (s->n_started < a->members && start + s->n_started * step < until)
			until = start + s->n_started * step;
		if (s->n_joined == a->members && !said_joined) {
			progress_say(&s->progress, "all %u members have joined after %.1f s",
				     s->n_joined, (double)(now - start) / 1e6);
			said_joined = true;
		}
		if (s->n_running == 0 && s->n_started == a->members)
			return 0;
		show(s, now, false);
		member_loop_once(s->peer.loop, until < now + 1000000 ? until : now + 1000000,
				 after_turn, s);
	}
	return err;
}

// All say goodbye at once; 3 s for all of them together.
static void stop_all(struct swarm *s)
{
	uint64_t start = clock_us();
	uint32_t open = s->n_started;

	for (uint32_t i = 0; i < s->n_started; i++)
		if (s->viewers[i].member != NULL)
			node_close(member_node(s->viewers[i].member), start);
	member_loop_wake_all(s->peer.loop);
	while (open > 0 && clock_us() < start + 3000000) {
		open = 0;
		member_loop_once(s->peer.loop, clock_us() + 10000, NULL, NULL);
		for (uint32_t i = 0; i < s->n_started; i++)
			if (s->viewers[i].member != NULL)
				open += !node_is_closed(member_node(s->viewers[i].member));
	}
	for (uint32_t i = 0; i < s->n_started; i++) {
		struct viewer *v = &s->viewers[i];

		if (v->member != NULL) {
			member_loop_remove(s->peer.loop, v->member);
			member_destroy(v->member);
		}
		v->member = NULL;
		viewer_stop(v);
	}
}

// One line per member that did not get the stream; says how many did.
static uint32_t verify_all(struct swarm *s)
{
	char why[200], path[PATH_MAX_OUT + 32];
	struct flv_file *source = flv_file_load(s->peer.args->verify, why, sizeof(why));
	uint32_t n_passed = 0;

	if (source == NULL) {
		peer_error("%s: %s", s->peer.args->verify, why);
		return 0;
	}
	for (uint32_t i = 0; i < s->n_started; i++) {
		struct flv_expect x = {.from_start = true,
				       .has_ended = s->viewers[i].end == VIEWER_ENDED};
		struct flv_verdict v = {.passed = false};
		struct flv_file *played;

		file_of(s, i, path);
		played = flv_file_load(path, why, sizeof(why));
		if (played != NULL)
			flv_compare(source, played, &x, &v);
		printf("member %u: %s%s\n", i + 1, v.passed ? "passed" : "FAILED: ",
		       v.passed         ? ""
		       : played != NULL ? v.why
					: why);
		n_passed += v.passed;
		flv_file_free(played);
	}
	printf("%u of %u members passed\n", n_passed, s->peer.args->members);
	flv_file_free(source);
	return n_passed;
}

static void remove_files(struct swarm *s)
{
	char path[PATH_MAX_OUT + 32];

	if (!s->is_own_dir)
		return;
	for (uint32_t i = 0; i < s->n_started; i++) {
		file_of(s, i, path);
		unlink(path);
	}
	rmdir(s->dir);
}

// The worst of all members decides.
static int result(const struct swarm *s, uint32_t n_passed)
{
	int code = PEER_OK;

	for (uint32_t i = 0; i < s->n_started; i++) {
		const struct viewer *v = &s->viewers[i];
		int one = viewer_exit_code(v);

		if (v->why[0] != '\0')
			peer_error("member %u: %s", i + 1, v->why);
		if (one != PEER_OK && (code == PEER_OK || one < code))
			code = one;
	}
	if (code == PEER_OK && s->peer.args->verify != NULL && n_passed < s->peer.args->members)
		code = PEER_HOLES;
	return code;
}

int peer_swarm(const struct peer_args *a)
{
	struct swarm s = {.n_started = 0};
	uint32_t n_passed = 0;
	int err;

	if (a->identity != NULL) {
		peer_error("a swarm has an identity per member: --identity makes no sense");
		return PEER_USAGE;
	}
	raise_file_limit(a->members);
	err = peer_start(&s.peer, a);
	if (err != 0)
		return err;
	progress_init(&s.progress, a->is_quiet, a->wants_lines, clock_us());
	s.viewers = calloc(a->members, sizeof(*s.viewers));
	err = s.viewers != NULL ? open_dir(&s) : PEER_USAGE;
	if (err == 0)
		err = run(&s);
	if (err == 0)
		show(&s, clock_us(), a->wants_lines);
	say_utilisation(&s, clock_us());
	progress_end(&s.progress);
	stop_all(&s);
	if (err == 0 && a->verify != NULL)
		n_passed = verify_all(&s);
	if (err == 0)
		err = result(&s, n_passed);
	remove_files(&s);
	free(s.viewers);
	peer_stop(&s.peer);
	return err;
}

/*
 * scaling/: two workers that relay one stream, each to its own members, beside one worker alone and
 * beside two workers that know nothing of each other. A fragment comes in at the first worker, who
 * lends its body to the second.
 *
 * Each worker has a thread, a port and far ends of its own, and its turns are timed on its thread.
 * The batch's three parts follow each other: the row's ratio is what a packet costs one worker
 * alone over what it costs each of two. 1: the second worker is for nothing. The second limit is
 * what the machine itself takes for two busy cores (memory, caches, a sibling's execution units);
 * what is missing to 1 there is what workers share. Turns that find nothing to do are left out, as
 * are those in which others had the core.
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>

#include <rte_lcore.h>

#include "dataplane/mailbox.h"
#include "perf/cores.h"
#include "perf/pair.h"
#include "perf/rows.h"

#define NEIGHBOURS  64
#define HANDOFFS    4096
#define CHUNK       200           // packets between two looks at the other
#define PATIENCE_NS 1000000000ull // for one part of a batch
#define TRIES       8             // of a part

enum helper_part {
	HELPER_OPENS,
	HELPER_FOLLOWS, // turns, and measures nothing, until the other is ready
	HELPER_RUNS_OTHER,
	HELPER_RUNS_SECOND,
	HELPER_CLOSES,
};

struct scaling {
	struct ratio *ratio;
	struct race_opts shape;
	struct race *alone, *first; // this thread's
	// The helper's, on its own thread from beginning to end.
	pthread_t thread;
	sem_t go, done;
	enum helper_part part;
	struct race *other, *second;
	struct ratio ratio2; // its assertions
	// Both have done their share of a part: until then both go on, so neither has the machine
	// alone.
	alignas(64) _Atomic bool is_done[2];
	struct mailbox *handoff[2];
	alignas(64) struct fars_convoy convoy;
};

// -- two threads --

static void run_beside(struct scaling *s, struct race *r, unsigned me)
{
	uint64_t since_ns = ratio_clock_ns();

	do {
		race_run(r, race_sums(r).packets + CHUNK);
		if (race_sums(r).packets >= RACE_BATCH || ratio_clock_ns() - since_ns > PATIENCE_NS)
			atomic_store(&s->is_done[me], true);
	} while (!atomic_load(&s->is_done[0]) || !atomic_load(&s->is_done[1]));
}

static void follow(struct scaling *s)
{
	while (!atomic_load(&s->is_done[0]))
		race_run(s->second, race_sums(s->second).packets + CHUNK);
	race_forget(s->second);
}

static void open_second(struct scaling *s)
{
	struct race_opts o = s->shape;

	o.lane = 1;
	s->other = race_open(&o, &s->ratio2);
	o.is_disturbed = true; // the first one opens meanwhile
	o.fars.worker = 1;
	o.fars.convoy = &s->convoy;
	o.handoff[0] = s->handoff[0];
	o.handoff[1] = s->handoff[1];
	s->second = s->other != NULL ? race_open(&o, &s->ratio2) : NULL;
}

static void *help(void *arg)
{
	struct scaling *s = arg;
	bool is_registered = rte_thread_register() == 0; // gives the thread its cache of buffers

	cores_leave(); // where there is no other, the batches say so
	for (enum helper_part part = HELPER_OPENS; part != HELPER_CLOSES;) {
		while (sem_wait(&s->go) != 0)
			;
		part = s->part;
		if (part == HELPER_OPENS)
			open_second(s);
		else if (part == HELPER_RUNS_OTHER)
			run_beside(s, s->other, 1);
		else if (part == HELPER_RUNS_SECOND)
			run_beside(s, s->second, 1);
		else if (part == HELPER_FOLLOWS)
			follow(s);
		sem_post(&s->done);
	}
	race_close(s->other);
	race_close(s->second);
	if (is_registered)
		rte_thread_unregister();
	return NULL;
}

static void helper_begin(struct scaling *s, enum helper_part part)
{
	s->part = part;
	atomic_store(&s->is_done[0], false);
	atomic_store(&s->is_done[1], false);
	sem_post(&s->go);
}

static void helper_end(struct scaling *s)
{
	while (sem_wait(&s->done) != 0)
		;
}

// -- the row --

// The second worker's members have joined when the first one opens, and must turn meanwhile.
static bool open_all(struct scaling *s)
{
	struct race_opts o = s->shape;

	helper_begin(s, HELPER_OPENS);
	helper_end(s);
	s->alone = s->second != NULL ? race_open(&o, s->ratio) : NULL;
	if (s->alone == NULL)
		return false;
	o.is_disturbed = true; // the threads wait for each other where a core is not theirs alone
	o.fars.convoy = &s->convoy;
	o.handoff[0] = s->handoff[1];
	o.handoff[1] = s->handoff[0];
	helper_begin(s, HELPER_FOLLOWS);
	s->first = race_open(&o, s->ratio);
	atomic_store(&s->is_done[0], true);
	helper_end(s);
	return s->first != NULL;
}

static void scaling_close(void *world, struct ratio *r)
{
	struct scaling *s = world;

	helper_begin(s, HELPER_CLOSES);
	helper_end(s);
	pthread_join(s->thread, NULL);
	race_close(s->alone);
	race_close(s->first);
	mailbox_destroy(s->handoff[0]);
	mailbox_destroy(s->handoff[1]);
	if (s->ratio2.state != RATIO_GOOD)
		ratio_void(r, "%s", s->ratio2.why);
	ratio_fini(&s->ratio2);
	free(s);
}

static void *scaling_open(const struct bench_row *row, struct ratio *r)
{
	struct scaling *s = aligned_alloc(64, (sizeof(*s) + 63) & ~(size_t)63);

	if (s == NULL || !port_prepare(0, r) || !port_prepare(1, r)) {
		free(s);
		return NULL;
	}
	*s = (struct scaling){.ratio = r,
			      .shape =
				      race_shape(1, NEIGHBOURS, (uint16_t)row->arg[0], row->arg[1]),
			      .handoff = {mailbox_create(HANDOFFS), mailbox_create(HANDOFFS)}};
	atomic_init(&s->convoy.now_us, 1000000);
	sem_init(&s->go, 0, 0);
	sem_init(&s->done, 0, 0);
	if (ratio_init(&s->ratio2, r->is_short) != 0 || s->handoff[0] == NULL ||
	    s->handoff[1] == NULL || pthread_create(&s->thread, NULL, help, s) != 0)
		abort(); // no memory for a few kilobytes
	if (open_all(s))
		return s;
	ratio_void(r, "its workers did not start");
	scaling_close(s, r);
	return NULL;
}

static void run_both(struct scaling *s, struct race *mine, struct race *helpers,
		     enum helper_part part)
{
	race_forget(mine);
	race_forget(helpers);
	helper_begin(s, part);
	run_beside(s, mine, 0);
	helper_end(s);
}

// What both have done goes to one side of the batch. Where they were hardly at work at a time, since
// somebody else had one of their cores, they begin again.
static void add_both(struct scaling *s, enum ratio_side side, struct race *mine,
		     struct race *helpers, enum helper_part part)
{
	for (int i = 0; i < TRIES; i++) {
		struct race_sums x, y;

		run_both(s, mine, helpers, part);
		x = race_sums(mine);
		y = race_sums(helpers);
		if (x.packets < RACE_BATCH / 4 || y.packets < RACE_BATCH / 4)
			continue;
		ratio_add(s->ratio, side, x.ours + y.ours, x.packets + y.packets);
		return;
	}
	ratio_skip(s->ratio, "needs two cores that others leave alone");
}

static void scaling_batch(void *world, struct ratio *r)
{
	struct scaling *s = world;
	struct race_sums sums;

	race_forget(s->alone);
	race_run(s->alone, RACE_BATCH);
	sums = race_sums(s->alone);
	ratio_add(r, RATIO_LIMIT, sums.ours, sums.packets);
	add_both(s, RATIO_LIMIT_2, s->alone, s->other, HELPER_RUNS_OTHER);
	add_both(s, RATIO_OURS, s->first, s->second, HELPER_RUNS_SECOND);
}

static void scaling_done(void *world, struct ratio *r)
{
	struct scaling *s = world;

	race_judge(s->first, r);
	race_judge(s->second, &s->ratio2);
	if (r->n_batches > 0) {
		ratio_figure(r, "times one worker's packets", 2 * ratio_to(r, RATIO_LIMIT).median);
		ratio_figure(r, "times, of two that share nothing",
			     2 * ratio_ns(r, RATIO_LIMIT).median /
				     ratio_ns(r, RATIO_LIMIT_2).median);
	}
	scaling_close(s, r);
}

void scaling_rows(struct bench *b)
{
	for (int i = 0; i < 4; i++) {
		int len = i & 1 ? 200 : 1000, hmac = i >> 1;

		bench_add(b,
			  &(struct bench_row){
				  .unit = "packet",
				  .sides = {"each of two workers", "one worker alone",
					    "each of two that know nothing of each other"},
				  .waits = true,
				  .seconds = 1.5,
				  .arg = {len, hmac},
				  .open = scaling_open,
				  .batch = scaling_batch,
				  .close = scaling_done},
			  "scaling/2-workers/1x%d/%dB/%s", 2 * NEIGHBOURS, len,
			  hmac ? "hmac" : "sum");
	}
}

// When what happens at one endpoint of a recording. Its times are those of sending.
#include "tests/vectors/replay.h"

static int step_order(const void *a, const void *b)
{
	const struct replay_step *x = a, *y = b;

	if (x->at_us != y->at_us)
		return x->at_us < y->at_us ? -1 : 1;
	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	return x->frame < y->frame ? -1 : x->frame > y->frame;
}

// The simulator's moments are multiples of 100 us but for its alarms, and recorded times are cut:
// 0.08 s may stand there as 0.079999.
static uint64_t moment_us(uint64_t at_us)
{
	return at_us % 100 == 99 ? at_us + 1 : at_us;
}

// Whoever has seen an ack sends no forward sequence number below it (§3.6.2.3).
static bool has_not_seen(const struct rec_frame *left, const struct rec_frame *came)
{
	for (uint32_t i = 0; i < left->n_chunks && left->session == came->session; i++) {
		const struct rec_chunk *d = &left->chunks[i];

		for (uint32_t k = 0; k < came->n_chunks && d->type == CHUNK_USER_DATA; k++) {
			const struct rec_chunk *a = &came->chunks[k];

			if (a->type == CHUNK_ACK_RANGES && a->flow_id == d->flow_id &&
			    a->cum > d->fsn)
				return true;
		}
	}
	return false;
}

// What arrives is looked at later where the application speaks first at that moment
// (time_critical), or a socket waits to be read (live_loopback). Nothing overtakes.
static void postpone(struct replay_step *steps, uint32_t n)
{
	uint64_t not_before_us = 0;

	for (uint32_t i = 0; i < n; i++) {
		struct replay_step *s = &steps[i];

		if (s->kind != STEP_ARRIVES)
			continue;
		for (uint32_t k = i + 1; k < n; k++)
			if (steps[k].kind == STEP_LEAVES && steps[k].at_us > not_before_us &&
			    has_not_seen(steps[k].frame, s->frame))
				not_before_us = steps[k].at_us;
		if (s->at_us > not_before_us)
			continue;
		s->at_us = not_before_us;
		s->kind = STEP_ARRIVES_AFTER;
	}
	qsort(steps, n, sizeof(*steps), step_order);
}

uint32_t plan_steps(const struct replay *r, struct replay_step *steps)
{
	const struct replay_row *row = r->row;
	uint64_t resume_us = event_resume_us(r);
	uint32_t n = 0;

	for (uint32_t i = 0; i < r->rec->n_frames; i++) {
		const struct rec_frame *f = &r->rec->frames[i];
		uint64_t at_us = moment_us(f->at_us), delay_us = row->delay_us;

		delay_us += f->number == row->late.frame ? row->late.by_us : 0;
		if (f->from == r->endpoint)
			steps[n++] = (struct replay_step){at_us, STEP_LEAVES, f};
		else if (f->to == r->endpoint && !f->is_dropped)
			steps[n++] = (struct replay_step){at_us + delay_us, STEP_ARRIVES, f};
	}
	if (resume_us != UINT64_MAX)
		steps[n++] = (struct replay_step){.at_us = resume_us, .kind = STEP_RESUMES};
	qsort(steps, n, sizeof(*steps), step_order);
	postpone(steps, n);
	return n;
}

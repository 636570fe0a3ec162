// Sessions that we answered and whose far end has not shown its keys yet. Our RIKeying may have
// been lost, so it is told again, without waiting for the IIKeying that would ask for it: who
// echoed our cookie is where it says, and what it does not need it drops, as every peer drops a
// startup packet to the id of an open session. In the end it is forgotten.
//
// Each waits for its next step; all in one step wait equally long, so a list per step stays in the
// order of time by itself.
#include "control/startup/internal.h"

// Since the first answer: the steps of an initiator's schedule, the last of them is the end.
static uint64_t step_at_us(const struct seat *s)
{
	uint64_t at_us = s->ctl.opened_us;

	if (s->unproven_step == UNPROVEN_ANSWERS)
		return at_us + PROOF_LIMIT_US;
	for (uint32_t n_sent = 1; n_sent <= s->unproven_step + 1u; n_sent++)
		at_us += attempt_interval_us(n_sent);
	return at_us;
}

static void append(struct startup *st, struct seat *s)
{
	struct unproven_list *l = &st->unproven[s->unproven_step];

	s->next_unproven = NO_SEAT;
	s->prev_unproven = l->tail;
	if (l->tail != NO_SEAT)
		directory_at(st->directory, l->tail)->next_unproven = s->at;
	else
		l->head = s->at;
	l->tail = s->at;
}

static void unlink_seat(struct startup *st, struct seat *s)
{
	struct unproven_list *l = &st->unproven[s->unproven_step];

	if (s->prev_unproven != NO_SEAT)
		directory_at(st->directory, s->prev_unproven)->next_unproven = s->next_unproven;
	else
		l->head = s->next_unproven;
	if (s->next_unproven != NO_SEAT)
		directory_at(st->directory, s->next_unproven)->prev_unproven = s->prev_unproven;
	else
		l->tail = s->prev_unproven;
}

void unproven_init(struct startup *st)
{
	for (unsigned i = 0; i <= UNPROVEN_ANSWERS; i++)
		st->unproven[i] = (struct unproven_list){NO_SEAT, NO_SEAT};
}

void unproven_add(struct startup *st, struct seat *s)
{
	s->is_unproven = true;
	s->unproven_step = 0;
	append(st, s);
}

void unproven_remove(struct startup *st, struct seat *s)
{
	if (!s->is_unproven)
		return;
	s->is_unproven = false;
	unlink_seat(st, s);
}

static struct seat *first(const struct startup *st, unsigned step)
{
	uint32_t at = st->unproven[step].head;

	return at != NO_SEAT ? directory_at(st->directory, at) : NULL;
}

uint64_t unproven_deadline_us(const struct startup *st)
{
	uint64_t at_us = UINT64_MAX;

	for (unsigned i = 0; i <= UNPROVEN_ANSWERS; i++) {
		const struct seat *s = first(st, i);

		if (s != NULL && step_at_us(s) < at_us)
			at_us = step_at_us(s);
	}
	return at_us;
}

static void expire(struct startup *st, struct seat *s)
{
	unproven_remove(st, s);
	if (s->ctl.state != CTL_OPEN) // its user has closed it meanwhile
		return;
	st->counters.unproven++;
	seat_end(st, s, CLOSE_ABRUPT, CLOSED_TIMEOUT);
}

static void tell_again(struct startup *st, struct seat *s)
{
	unlink_seat(st, s);
	s->unproven_step++;
	append(st, s);
	if (s->ctl.state != CTL_OPEN)
		return;
	st->counters.answers_repeated++;
	answer_send(st, s, &s->ctl.far);
}

void unproven_due(struct startup *st, uint64_t now_us)
{
	struct seat *s;

	// From the end, so that who was late for one step is not early for the next.
	for (unsigned i = UNPROVEN_ANSWERS + 1; i-- > 0;)
		while ((s = first(st, i)) != NULL && step_at_us(s) <= now_us) {
			if (i == UNPROVEN_ANSWERS)
				expire(st, s);
			else
				tell_again(st, s);
		}
}

// Asking for what we want (OR-7, OR-8, OR-10, OR-13, OR-14, OR-16).
#include "control/group/neighbour.h"
#include "control/group/objects.h"

enum {
	PER_PEER = 1, // docs/spx.md: requests open
	PER_SEED = 16,
	PROGRESS_US = 30000000,
	FETCH_US = 120000000,
	BLOCKED_US = 1000000,
	PATIENCE = 4, // denials in a row, and then it is left alone
	PAUSE_US = 1000000,
	PAUSE_DOUBLINGS = 5,
};

static struct groups *groups_of(const struct objects *os)
{
	return os->group->groups;
}

// False: there is no room for events, nobody asks for them.
static bool tell(const struct objects *os, enum group_event_kind kind, const struct object_fetch *f,
		 const struct object_data *d)
{
	struct group *g = os->group;
	struct group_event e = {.kind = kind, .group = g, .user = g->user, .number = f->index};
	struct octets *copy = d != NULL ? octets_copy(d->object) : NULL;
	bool is_told;

	if (d != NULL && copy == NULL)
		return false;
	memcpy(e.peer, f->from->peer->nb->cs->fingerprint, PEER_ID_LEN);
	if (d != NULL)
		e.encoding = d->encoding;
	is_told = event_push_octets(&g->groups->events, &e, copy);
	octets_drop(copy);
	return is_told;
}

// ---- asking ----

void object_open(struct objects *os, uint64_t first, uint64_t last)
{
	ranges_add(&os->open, first, last);
	for (struct object_peer *op = os->peers; op != NULL; op = op->next)
		op->is_dry = false;
}

static bool may_be_asked(struct objects *os, const struct object_peer *op)
{
	if (neighbour_is_parting(op->peer->nb)) { // or stays, after all
		os->retry_us = earlier(os->retry_us, op->peer->nb->asked_us + PARTING_US);
		return false;
	}
	return op->n_fetches < (op->is_seed ? PER_SEED : PER_PEER) && !op->is_dry &&
	       op->told_interest && op->fetch_us <= groups_of(os)->now_us &&
	       !op->peer->nb->is_suspect;
}

static bool is_better(const struct object_peer *a, const struct object_peer *b)
{
	uint32_t a_rtt = a->peer->nb->rtt_us, b_rtt = b->peer->nb->rtt_us;

	if (a->n_fetches != b->n_fetches)
		return a->n_fetches < b->n_fetches;
	return a_rtt != 0 && (b_rtt == 0 || a_rtt < b_rtt);
}

static struct object_peer *whom_to_ask(struct objects *os)
{
	struct object_peer *best = NULL;

	for (struct object_peer *op = os->peers; op != NULL; op = op->next)
		if (may_be_asked(os, op) && (best == NULL || is_better(op, best)))
			best = op;
	return best;
}

static void leave_alone(struct objects *os, struct object_peer *op, uint64_t us)
{
	op->fetch_us = groups_of(os)->now_us + us;
	os->retry_us = earlier(os->retry_us, op->fetch_us);
}

static void ask(struct objects *os, struct object_peer *op)
{
	struct object_request q = {.request = os->requests_ever + 1};
	struct object_fetch *f = &os->fetches[os->n_fetches];

	op->is_dry = os->o.is_lowest_first
			     ? !object_choose_lowest(&os->open, &op->have, &q.index)
			     : !object_choose_rarest(&os->open, &op->have, &os->tally,
						     random_u64(groups_of(os)->o.random), &q.index);
	if (op->is_dry)
		return;
	if (object_request_send(op, SPX_REQUEST, &q) != 0) {
		leave_alone(os, op, BLOCKED_US);
		return;
	}
	os->requests_ever++;
	os->n_fetches++;
	op->n_fetches++;
	*f = (struct object_fetch){op, q.request, q.index, groups_of(os)->now_us};
	ranges_remove(&os->open, q.index, q.index);
	groups_of(os)->n.objects_asked++;
	tell(os, GROUP_FETCH_SEND, f, NULL);
}

void object_fetch_more(struct objects *os)
{
	struct object_peer *op;

	while (os->n_fetches < OBJECT_FETCHES_MAX && os->open.n > 0 &&
	       (op = whom_to_ask(os)) != NULL)
		ask(os, op);
}

// ---- the ends of a fetch ----

static struct object_fetch fetch_remove(struct objects *os, uint32_t i)
{
	struct object_fetch gone = os->fetches[i];

	gone.from->n_fetches--;
	os->fetches[i] = os->fetches[--os->n_fetches];
	return gone;
}

// It is wanted as before, and asked of others.
static void fetch_failed(struct objects *os, uint32_t i)
{
	struct object_fetch f = fetch_remove(os, i);

	groups_of(os)->n.objects_failed++;
	tell(os, GROUP_FETCH_FAILED, &f, NULL);
	if (ranges_has(&os->want, f.index))
		object_open(os, f.index, f.index);
}

static uint32_t fetch_find(const struct objects *os, const struct object_peer *op, uint64_t request)
{
	uint32_t i = 0;

	while (i < os->n_fetches &&
	       (os->fetches[i].from != op || os->fetches[i].request != request))
		i++;
	return i;
}

static void cancel(const struct object_fetch *f)
{
	object_request_send(f->from, SPX_CANCEL, &(struct object_request){.request = f->request});
}

void object_fetch_cancel(struct objects *os, uint64_t first, uint64_t last)
{
	for (uint32_t i = os->n_fetches; i-- > 0;) {
		const struct object_fetch *f = &os->fetches[i];

		if (f->index < first || f->index > last)
			continue;
		cancel(f);
		fetch_failed(os, i);
	}
	object_fetch_more(os);
}

void object_fetch_peer_gone(struct objects *os, struct object_peer *op)
{
	for (uint32_t i = os->n_fetches; i-- > 0;)
		if (os->fetches[i].from == op)
			fetch_failed(os, i);
}

// It gave nothing: the first times others are as busy, then it goes to the back (E-4).
static void denied(struct objects *os, struct object_peer *op, uint32_t n)
{
	uint32_t over;

	op->n_denials += n;
	if (op->n_denials < PATIENCE)
		return;
	over = op->n_denials - PATIENCE;
	leave_alone(os, op,
		    (uint64_t)PAUSE_US << (over < PAUSE_DOUBLINGS ? over : PAUSE_DOUBLINGS));
}

void object_deny_take(struct spx_lane *l, struct span message)
{
	struct object_peer *op = l->peer->objects;
	struct objects *os = l->peer->nb->group->objects;
	struct object_request q;
	uint32_t i;

	if (object_request_read(&q, SPX_DENY, message) != 0) {
		spx_malformed(l);
		return;
	}
	i = fetch_find(os, op, q.request);
	if (i == os->n_fetches) // too late
		return;
	groups_of(os)->n.objects_denied_us++;
	object_refuse(os, op, os->fetches[i].index, q.reason == OBJECT_DENY_NOT_HELD);
	denied(os, op, 1);
	fetch_failed(os, i);
	object_fetch_more(os);
}

// ---- objects ----

static void unasked(struct spx_lane *l)
{
	struct groups *gs = l->peer->nb->group->groups;

	gs->n.objects_unasked++;
	if (!token_take(&l->peer->objects->unasked, &gs->unknown_rate, gs->now_us))
		spx_malformed(l);
}

void object_data_take(struct spx_lane *l, struct span message)
{
	struct object_peer *op = l->peer->objects;
	struct objects *os = l->peer->nb->group->objects;
	struct object_data d;
	uint32_t i;

	if (object_data_read(&d, message) != 0) {
		spx_malformed(l);
		return;
	}
	i = fetch_find(os, op, d.request);
	if (i == os->n_fetches || os->fetches[i].index != d.index) { // OR-16
		unasked(l);
		return;
	}
	op->given_us = groups_of(os)->now_us;
	op->n_denials = 0;
	if (!tell(os, GROUP_FETCH_RESULT, &os->fetches[i], &d)) {
		leave_alone(os, op, BLOCKED_US); // our program does not keep up
		fetch_failed(os, i);
		return;
	}
	groups_of(os)->n.objects_received++;
	fetch_remove(os, i);
	ranges_cut(&os->want, d.index, d.index);
	if (os->want.n == 0)
		object_tell_soon(os);
	object_fetch_more(os);
}

// ---- time ----

static uint64_t due_us(const struct object_fetch *f)
{
	uint64_t progress_us = f->from->given_us > f->asked_us ? f->from->given_us : f->asked_us;

	return earlier(progress_us + PROGRESS_US, f->asked_us + FETCH_US);
}

static void retry(struct objects *os)
{
	uint64_t now_us = groups_of(os)->now_us;

	os->retry_us = NEVER;
	for (struct object_peer *op = os->peers; op != NULL; op = op->next) {
		object_refused_return(os, op);
		if (op->fetch_us > now_us)
			os->retry_us = earlier(os->retry_us, op->fetch_us);
	}
}

void object_fetch_timers(struct objects *os)
{
	uint64_t now_us = groups_of(os)->now_us;

	for (uint32_t i = os->n_fetches; i-- > 0;) {
		struct object_fetch f = os->fetches[i];

		if (due_us(&f) > now_us)
			continue;
		groups_of(os)->n.objects_late++;
		cancel(&f);
		object_refuse(os, f.from, f.index, false);
		denied(os, f.from, PATIENCE);
		fetch_failed(os, i);
	}
	if (os->retry_us <= now_us)
		retry(os);
	object_fetch_more(os);
}

uint64_t object_fetch_deadline_us(const struct objects *os)
{
	uint64_t at_us = os->retry_us;

	for (uint32_t i = 0; i < os->n_fetches; i++)
		at_us = earlier(at_us, due_us(&os->fetches[i]));
	return at_us;
}

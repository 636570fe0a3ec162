#include "dataplane/core/budget.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "dataplane/core/internal.h"
#include "dataplane/core/stream.h"
#include "dataplane/pages.h"

#define MILLION     1000000
#define FILL_MAX_US 1000000 // longer pauses fill no more than the depth, and products stay small

// -- a bucket --

static uint64_t depth_bytes(uint64_t per_s)
{
	uint64_t depth =
		per_s / MILLION * BUDGET_DEPTH_US + per_s % MILLION * BUDGET_DEPTH_US / MILLION;

	return depth > BUDGET_DEPTH_MIN ? depth : BUDGET_DEPTH_MIN;
}

void budget_rate_set(struct budget_rate *r, uint64_t bytes_per_s)
{
	r->per_s = bytes_per_s;
	r->step = (int64_t)(depth_bytes(bytes_per_s) * MILLION / BUDGET_STEPS);
}

void budget_fill(const struct budget_rate *r, struct budget_pot *p, uint64_t now_us)
{
	uint64_t us = now_us - p->filled_us;

	if (p->filled_us == 0)
		p->level = r->step * BUDGET_STEPS;
	else
		p->level += (int64_t)((us < FILL_MAX_US ? us : FILL_MAX_US) * r->per_s);
	if (p->level > r->step * BUDGET_STEPS)
		p->level = r->step * BUDGET_STEPS;
	p->filled_us = now_us;
}

// Nobody shall pay for ever for a far end that makes us acknowledge more than we may send.
void budget_charge(const struct budget_rate *r, struct budget_pot *p, uint32_t bytes)
{
	int64_t debt_max = (int64_t)(r->per_s * MILLION);

	p->level -= (int64_t)bytes * MILLION;
	if (p->level < -debt_max)
		p->level = -debt_max;
}

uint64_t budget_wait_us(const struct budget_rate *r, const struct budget_pot *p,
			enum budget_class c)
{
	int64_t target = budget_floor(r, c);

	if (r->per_s == 0 || c == BUDGET_CONTROL)
		return 0;
	if (p->short_of & 1u << c)
		target += r->step;
	if (p->level > target)
		return 0;
	return (uint64_t)(target - p->level) / r->per_s + 1;
}

// -- the engine's --

int budgets_init(struct budgets *b, const struct engine_opts *o)
{
	b->n_sessions = o->sessions_max;
	b->n_groups = o->groups_max + 1;
	b->neighbours = pages_take(b->n_sessions * sizeof(*b->neighbours));
	b->groups = pages_take(b->n_groups * sizeof(*b->groups));
	return b->neighbours != NULL && b->groups != NULL ? 0 : -ENOMEM;
}

void budgets_fini(struct budgets *b)
{
	pages_give(b->neighbours, b->n_sessions * sizeof(*b->neighbours));
	pages_give(b->groups, b->n_groups * sizeof(*b->groups));
}

void budgets_clock(struct budgets *b, uint64_t now_us)
{
	b->now_us = now_us;
	if (b->is_limited && b->total.rate.per_s != 0)
		budget_fill(&b->total.rate, &b->total.pot, now_us);
}

static bool any_limit(const struct budgets *b)
{
	if (b->total.rate.per_s != 0 || b->neighbour.per_s != 0)
		return true;
	for (uint32_t i = 0; i < b->n_groups; i++)
		if (b->groups[i].budget.rate.per_s != 0)
			return true;
	return false;
}

// What is in the bucket stays, as far as the new depth holds it: quota that moves between workers
// is not given twice.
static void limit(struct budget *b, uint64_t bytes_per_s)
{
	if (b->rate.per_s == 0)
		b->pot = (struct budget_pot){0};
	budget_rate_set(&b->rate, bytes_per_s);
}

static void group_limit(struct budgets *b, uint16_t group, uint64_t bytes_per_s)
{
	struct group_budget *g = &b->groups[group];

	assert(group > BUDGET_GROUP_NONE && group < b->n_groups);
	if (!g->is_used)
		*g = (struct group_budget){
			.streams_head = STREAM_NONE,
			.links = {{LINK_NONE, LINK_NONE}, {LINK_NONE, LINK_NONE}},
			.is_used = true,
		};
	limit(&g->budget, bytes_per_s);
}

void budgets_command(struct engine *e, const struct command *c)
{
	struct budgets *b = &e->budgets;

	switch (c->budget.level) {
	case LIMIT_TOTAL:
		b->is_told = c->budget.bytes_per_s != 0;
		limit(&b->total, c->budget.bytes_per_s);
		break;
	case LIMIT_NEIGHBOUR:
		if (b->neighbour.per_s == 0)
			memset(b->neighbours, 0, b->n_sessions * sizeof(*b->neighbours));
		budget_rate_set(&b->neighbour, c->budget.bytes_per_s);
		break;
	default:
		group_limit(b, c->budget.group, c->budget.bytes_per_s);
	}
	b->is_limited = any_limit(b);
	relay_budget_changed(e);
}

void budgets_guess(struct engine *e, uint64_t bytes_per_s)
{
	struct budgets *b = &e->budgets;

	if (b->is_told)
		return;
	limit(&b->total, bytes_per_s);
	b->is_limited = any_limit(b);
	relay_budget_changed(e);
}

void budgets_charge(struct budgets *b, uint32_t session_idx, uint16_t group, uint32_t bytes)
{
	struct group_budget *g = &b->groups[group];

	if (b->total.rate.per_s != 0)
		budget_charge(&b->total.rate, &b->total.pot, bytes);
	if (g->budget.rate.per_s != 0)
		budget_charge(&g->budget.rate, &g->budget.pot, bytes);
	g->gauge.used_bytes += bytes;
	if (session_idx != SESSION_NONE && b->neighbour.per_s != 0)
		budget_charge(&b->neighbour, &b->neighbours[session_idx], bytes);
}

static enum budget_answer answer(struct budgets *b, uint32_t session_idx, uint16_t group,
				 enum budget_class c)
{
	struct budget *g = &b->groups[group].budget;
	struct budget_pot *own = &b->neighbours[session_idx];

	if (!budget_may(&b->total.rate, &b->total.pot, c))
		return BUDGET_SHORT_TOTAL;
	if (g->rate.per_s != 0) {
		budget_fill(&g->rate, &g->pot, b->now_us);
		if (!budget_may(&g->rate, &g->pot, c))
			return BUDGET_SHORT_GROUP;
	}
	if (b->neighbour.per_s != 0) {
		budget_fill(&b->neighbour, own, b->now_us);
		if (!budget_may(&b->neighbour, own, c))
			return BUDGET_SHORT_NEIGHBOUR;
	}
	return BUDGET_YES;
}

bool budgets_look_closely(struct budgets *b, uint32_t session_idx, uint16_t group,
			  enum budget_class c)
{
	return answer(b, session_idx, group, c) == BUDGET_YES;
}

static void ask_again(struct engine *e, uint32_t session_idx, uint64_t us)
{
	session_cold_alarm(e, session_idx, ALARM_BUDGET, e->now_ms + (uint32_t)(us / 1000) + 1);
}

// Many sessions may wait for one group, so they ask again a bucket's time later, not all at the
// first byte that comes in.
bool budgets_group_may(struct engine *e, uint32_t session_idx, uint16_t group, enum budget_class c)
{
	struct budgets *b = &e->budgets;
	struct budget *g = &b->groups[group].budget;
	uint64_t us;

	if (g->rate.per_s == 0 || c == BUDGET_CONTROL)
		return true;
	budget_fill(&g->rate, &g->pot, b->now_us);
	if (budget_may(&g->rate, &g->pot, c))
		return true;
	e->stats.held[HELD_GROUP]++;
	b->groups[group].gauge.n_held++;
	us = budget_wait_us(&g->rate, &g->pot, c);
	ask_again(e, session_idx, us > BUDGET_DEPTH_US ? us : BUDGET_DEPTH_US);
	return false;
}

enum budget_answer budgets_ask(struct engine *e, uint32_t session_idx, uint16_t group,
			       enum budget_class c)
{
	struct budgets *b = &e->budgets;
	enum budget_answer a = answer(b, session_idx, group, c);
	uint64_t us;

	switch (a) {
	case BUDGET_YES:
		break;
	case BUDGET_SHORT_TOTAL:
		e->stats.held[HELD_TOTAL]++;
		break;
	case BUDGET_SHORT_GROUP:
		e->stats.held[HELD_GROUP]++;
		b->groups[group].gauge.n_held++;
		break;
	case BUDGET_SHORT_NEIGHBOUR:
		e->stats.held[HELD_NEIGHBOUR]++;
		us = budget_wait_us(&b->neighbour, &b->neighbours[session_idx], c);
		ask_again(e, session_idx, us);
	}
	return a;
}

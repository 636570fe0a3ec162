// Byte budgets of what a worker sends (design.md 5, fastpath.md 6): in all, to a group, to each
// neighbour. A byte is an octet of IP packet: UDP payload, UDP header and IP header; what a link
// adds is not known here.
//
// A budget is a bucket that holds 10 ms of its rate, so a key frame has the line for no longer than
// that, and for at least a dozen large packets. A class may send while the bucket is above its
// floor: live media down to the bottom, repairs down to a sixth, and so on up to hellos at five
// sixths (budget_class.h has the order). So what is shed first is what would leave the least for
// the rest, by one comparison and without queues. Control is charged and may put the bucket into
// debt of a second at most; until that is paid, everything else waits.
//
// Who finds a bucket at its floor waits until it is a twelfth above, so packets still leave in
// bursts. Nobody who waits is looked at meanwhile: lists of messages and the relay's walks stop at
// one question, links of a group whose budget is short are parked with it (park.c), and a
// neighbour whose own is short has an alarm.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/budget_class.h"

struct engine;
struct engine_opts;

#define BUDGET_DEPTH_US   10000
#define BUDGET_DEPTH_MIN  (12 * 1500)
#define BUDGET_STEPS      12 // of the depth; a class's floor is two of them above the next one's
#define BUDGET_GROUP_NONE 0  // of no group, or of one without a limit

// Millionths of a byte, so that the shortest time counts at the lowest rate.
struct budget_rate {
	uint64_t per_s; // bytes; 0: no limit
	int64_t step;   // a twelfth of the depth
};

struct budget_pot {
	uint64_t filled_us; // 0: never, and full
	int64_t level;
	uint8_t short_of; // bit per class: found it at its floor, and waits
};

struct budget {
	struct budget_rate rate;
	struct budget_pot pot;
};

void budget_rate_set(struct budget_rate *, uint64_t bytes_per_s);
void budget_fill(const struct budget_rate *, struct budget_pot *, uint64_t now_us);

static inline int64_t budget_floor(const struct budget_rate *r, enum budget_class c)
{
	return r->step * 2 * (BUDGET_MEDIA - (int)c);
}

// May something of the class leave now? The pot is filled up to now.
static inline bool budget_may(const struct budget_rate *r, struct budget_pot *p,
			      enum budget_class c)
{
	int64_t floor = budget_floor(r, c);
	uint8_t bit = (uint8_t)(1u << c);

	if (r->per_s == 0 || c == BUDGET_CONTROL)
		return true;
	if (p->level > (p->short_of & bit ? floor + r->step : floor)) {
		p->short_of &= (uint8_t)~bit;
		return true;
	}
	p->short_of |= bit;
	return false;
}

void budget_charge(const struct budget_rate *, struct budget_pot *, uint32_t bytes);
// How long until it may, if nothing else is sent; 0: now.
uint64_t budget_wait_us(const struct budget_rate *, const struct budget_pot *, enum budget_class);

// What control reads of a budget, at most a burst old, to move quota between workers.
struct budget_gauge {
	uint64_t used_bytes; // since the start
	uint64_t n_held;     // times that somebody had to wait for it
};

// -- the engine's --

struct link_list { // of stream.h
	uint32_t head, tail;
};

struct group_budget {
	struct budget budget;
	struct budget_gauge gauge;
	// The relay's: what waits for it (park.c).
	uint32_t streams_head;
	struct link_list links[2]; // LIST_MEDIA, LIST_REPAIRS
	uint32_t next_parked;
	bool is_parked, is_used;
};

struct budgets {
	bool is_limited; // any of all these is
	bool is_told;    // control has said what all is limited to
	uint64_t now_us;
	struct budget total;
	struct budget_rate neighbour;
	struct budget_pot *neighbours; // per session
	struct group_budget *groups;   // [0] is nobody's and has no limit
	uint32_t n_groups, n_sessions;
};

int budgets_init(struct budgets *, const struct engine_opts *); // 0 or -ENOMEM
void budgets_fini(struct budgets *);
// At the beginning of engine_tx.
void budgets_clock(struct budgets *, uint64_t now_us);
struct command;
void budgets_command(struct engine *, const struct command *); // CMD_BUDGET
// What all is limited to as long as control does not say it.
void budgets_guess(struct engine *, uint64_t bytes_per_s);
// A packet of that many octets of IP leaves. session_idx may be SESSION_NONE.
void budgets_charge(struct budgets *, uint32_t session_idx, uint16_t group, uint32_t bytes);

static inline bool budgets_total_may(struct budgets *b, enum budget_class c)
{
	return !b->is_limited || budget_may(&b->total.rate, &b->total.pot, c);
}
// When it may, if nothing else is sent. Counted from when the bucket was filled last: whatever the
// engine does until then does not put it off.
static inline uint64_t budgets_total_at_us(const struct budgets *b, enum budget_class c)
{
	return b->now_us + (b->is_limited ? budget_wait_us(&b->total.rate, &b->total.pot, c) : 0);
}

// May a packet of the class leave for that session and group? For who asks again, below, if not.
bool budgets_look_closely(struct budgets *, uint32_t session_idx, uint16_t group,
			  enum budget_class);
static inline bool budgets_look(struct budgets *b, uint32_t session_idx, uint16_t group,
				enum budget_class c)
{
	return !b->is_limited || budgets_look_closely(b, session_idx, group, c);
}

enum budget_answer { BUDGET_YES, BUDGET_SHORT_TOTAL, BUDGET_SHORT_GROUP, BUDGET_SHORT_NEIGHBOUR };

// The same, and why not. If only the neighbour's own budget is
// in the way, its session has an alarm for when it is not. Counted, if not.
enum budget_answer budgets_ask(struct engine *, uint32_t session_idx, uint16_t group,
			       enum budget_class);

// May messages of a flow of this group leave, as far as the group is concerned? If not, it is
// counted, and the session has an alarm for when to ask again.
bool budgets_group_may(struct engine *, uint32_t session_idx, uint16_t group, enum budget_class);

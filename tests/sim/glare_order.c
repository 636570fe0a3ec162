#include "tests/sim/glare_order.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/promises.h"
#include "tests/sim/witness.h"

#define STEPS_MIN    4
#define STEPS_MORE   40 // up to so many more
#define AIR_MAX      256
#define STEP_US      20000   // passes at most with a step
#define LATE_US      1000000 // between the last steps, for what is still in the air then
#define DELAY_US     10000   // once the network is good
#define LIFE_US      3000000 // of a datagram; what is older is lost
#define LIFE_WIDE_US 8000000
#define MOVES_MAX    3         // of both
#define OPENING_US   100000000 // no opening lives longer
#define JOIN_US      10000000
#define PATIENCE_US  60000000
// Longer than what is left of the glare may last: the last late datagrams, and 9 s after each in
// which a second session is asked.
#define SETTLE_US    20000000
#define UNUSED_US    30000000 // then a node lets go of a session (group/neighbour.c)
#define KEEPALIVE_US 1000000
#define HELLO_PORT   40000

struct flying {
	uint64_t sent_us, number;
	uint32_t from;
	bool is_hello;
	struct net_addr src, dst;
	uint16_t len;
	uint8_t data[2048];
};

struct order {
	const struct sim_run *run;
	struct world *w;
	struct random_state state;
	struct random choice;
	uint32_t members[2]; // which of the world's
	bool has_begun[2];
	bool has_super, is_wide;
	bool hellos_elsewhere[2];
	uint32_t n_moves_left;
	uint64_t let_go_us; // 0: they have not met
	uint16_t ports[2];  // 0: no translator has given one
	struct flying *air[AIR_MAX];
	uint32_t n_air;
	uint64_t n_sent;
	struct glare_figures *figures;
};

static uint32_t choose(struct order *o, uint32_t n)
{
	return (uint32_t)random_below(&o->choice, n);
}

// ---- the air ----

static bool carry(void *ctx, uint32_t host, struct net_addr src, struct net_addr dst,
		  const uint8_t *data, uint16_t len)
{
	struct order *o = ctx;
	struct flying *f = malloc(sizeof(*f));

	assert(f != NULL && len <= sizeof(f->data) && o->n_air < AIR_MAX);
	for (unsigned i = 0; i < 2; i++)
		if (host == o->members[i] && o->ports[i] != 0)
			src.port = o->ports[i];
	f->sent_us = o->w->now_us;
	f->number = o->n_sent++;
	f->from = host;
	f->is_hello = witness_is_hello(o->w->witness, data, len);
	f->src = src;
	f->dst = dst;
	f->len = len;
	memcpy(f->data, data, len);
	o->air[o->n_air++] = f;
	return true;
}

static uint32_t host_of(const struct world *w, uint32_t ip)
{
	uint32_t host = 0;

	while (host < w->n && net_ip(w->net, host) != ip)
		host++;
	assert(host < w->n);
	return host;
}

// As the far end sees it. A translator that gives a new port between IHello and IIKeying makes the
// cookie one for another address: a Cookie Change follows.
static struct net_addr source_of(const struct order *o, const struct flying *f)
{
	struct net_addr src = f->src;

	for (unsigned i = 0; i < 2; i++)
		if (f->from == o->members[i] && o->hellos_elsewhere[i] && f->is_hello)
			src.port = HELLO_PORT;
	return src;
}

static struct flying *take(struct order *o, uint32_t i)
{
	struct flying *f = o->air[i];

	o->air[i] = o->air[--o->n_air];
	return f;
}

static bool have_met(struct world *w)
{
	uint32_t first = w->opts.has_super;
	const struct ctl_session *a = world_session(w, first, first + 1);
	const struct ctl_session *b = world_session(w, first + 1, first);

	return a != NULL && b != NULL && a->is_alive && b->is_alive;
}

// The session that both have; each lets go of it 30 s after it began there, since nobody uses it.
static void note_meeting(struct order *o)
{
	const struct ctl_session *a = world_session(o->w, o->members[0], o->members[1]);
	const struct ctl_session *b = world_session(o->w, o->members[1], o->members[0]);

	if (have_met(o->w))
		o->let_go_us =
			UNUSED_US + (a->opened_us < b->opened_us ? a->opened_us : b->opened_us);
}

static void arrive(struct order *o, struct flying *f)
{
	uint32_t to = host_of(o->w, f->dst.ip);

	if (o->w->now_us <= f->sent_us + (o->is_wide ? LIFE_WIDE_US : LIFE_US)) {
		world_deliver(o->w, to, source_of(o, f), f->dst, f->data, f->len);
		world_turn(o->w, to);
		note_meeting(o);
	} else {
		o->figures->n_lost++;
	}
	free(f);
}

// ---- what may happen ----

static void begin(struct order *o, uint32_t i)
{
	uint32_t near = o->members[i], far = o->members[1 - i];

	if (o->has_begun[i])
		return;
	o->has_begun[i] = true;
	if (o->has_super && choose(o, 4) > 0)
		world_ask_for(o->w, near, far);
	else
		world_open(o->w, near, far);
	world_turn(o->w, near);
}

static void turn_all_due(struct order *o)
{
	struct world *w = o->w;

	while (w->due->due[0].at_us <= w->now_us)
		world_turn(w, w->due->due[0].member);
}

// Somebody's next attempt is due, whatever is in the air.
static void wait(struct order *o)
{
	if (o->w->due->due[0].at_us != UINT64_MAX)
		o->w->now_us = o->w->due->due[0].at_us;
	turn_all_due(o);
}

static void lose(struct order *o)
{
	free(take(o, choose(o, o->n_air)));
	o->figures->n_lost++;
}

static void arrive_and_stay(struct order *o)
{
	const struct flying *f = o->air[choose(o, o->n_air)];
	struct flying *copy = malloc(sizeof(*copy));

	assert(copy != NULL);
	*copy = *f;
	o->figures->n_twice++;
	arrive(o, copy);
}

// From here on all that it sends comes from another port; what is in the air does not.
static void move(struct order *o)
{
	o->ports[choose(o, 2)] = (uint16_t)(HELLO_PORT + o->n_moves_left--);
	o->figures->n_moved++;
}

static void step(struct order *o)
{
	uint32_t what = choose(o, 100);

	o->w->now_us += choose(o, STEP_US);
	turn_all_due(o);
	o->figures->n_steps++;
	if (o->n_moves_left > 0 && choose(o, 10) == 0)
		move(o);
	if (what < 15)
		begin(o, choose(o, 2));
	else if (what < 29 || o->n_air == 0)
		wait(o);
	else if (what < 37)
		lose(o);
	else if (what < 50)
		arrive_and_stay(o);
	else
		arrive(o, take(o, choose(o, o->n_air)));
}

// ---- the run ----

static bool are_connected(struct world *w)
{
	return w->members[1].connected_us != 0 && w->members[2].connected_us != 0;
}

static void create(struct order *o, const struct sim_run *r)
{
	bool has_super = r->row == GLARE_INTRODUCED || r->row == GLARE_INTRODUCED_WIDE;

	*o = (struct order){.run = r,
			    .members = {has_super, has_super + 1},
			    .has_super = has_super,
			    .is_wide = r->row >= GLARE_DIRECT_WIDE,
			    .figures = r->figures};
	o->w = world_create(&(struct world_opts){.run = r,
						 .has_super = has_super,
						 .n_members = 2,
						 .has_small_nodes = true,
						 .keepalive_us = KEEPALIVE_US,
						 .up = {.delay_us = 10000}});
	o->choice = random_seeded(&o->state, random_u64(&o->w->random));
	if (o->is_wide)
		o->n_moves_left = choose(o, MOVES_MAX + 1);
	for (unsigned i = 0; i < 2 && !o->is_wide; i++) {
		o->hellos_elsewhere[i] = choose(o, 4) == 0;
		o->figures->n_moved += o->hellos_elsewhere[i];
	}
	if (has_super) {
		world_connect(o->w, 1);
		world_connect(o->w, 2);
		if (!world_run_until(o->w, are_connected, JOIN_US))
			sim_fail(r, "not connected to the super-peer");
	}
	o->w->carrier = carry;
	o->w->carrier_ctx = o;
}

static uint64_t arrival_us(const struct order *o, uint32_t i)
{
	uint64_t at_us = o->air[i]->sent_us + DELAY_US;

	return at_us > o->w->now_us ? at_us : o->w->now_us;
}

// A good network from here on: everything arrives in time and in order.
static bool run_until(struct order *o, bool (*is_so)(struct world *), uint64_t end_us)
{
	struct world *w = o->w;

	while (is_so == NULL || !is_so(w)) {
		uint32_t first = 0;

		for (uint32_t i = 1; i < o->n_air; i++)
			if (o->air[i]->number < o->air[first]->number)
				first = i;
		if (o->n_air > 0 && arrival_us(o, first) <= w->due->due[0].at_us) {
			w->now_us = arrival_us(o, first);
			arrive(o, take(o, first));
		} else if (w->due->due[0].at_us <= end_us) {
			wait(o);
		} else {
			return false;
		}
	}
	return true;
}

// The seed has no more say. What is in the air comes late, or not at all.
static void settle(struct order *o)
{
	uint32_t n_late = o->n_air;

	begin(o, 0);
	begin(o, 1);
	while (n_late-- > 0 && o->n_air > 0) {
		o->w->now_us += choose(o, LATE_US);
		turn_all_due(o);
		arrive(o, take(o, choose(o, o->n_air)));
	}
}

// Then neither has one.
static bool was_let_go(const struct order *o)
{
	return o->let_go_us != 0 && o->w->now_us >= o->let_go_us &&
	       world_session(o->w, o->members[0], o->members[1]) == NULL &&
	       world_session(o->w, o->members[1], o->members[0]) == NULL;
}

static void take_figures(struct order *o)
{
	for (unsigned i = 0; i < 2; i++) {
		struct sim_node *s = o->w->members[o->members[i]].sim;
		const struct startup_counters *c = startup_counters(node_startup(s->node));

		o->figures->n_cookie_changes += (uint32_t)engine_stats(s->engine)->cookie_changes;
		o->figures->n_dropped += (uint32_t)c->glare_won;
		o->figures->n_yields += (uint32_t)c->glare_lost;
	}
}

static void begin_again(struct order *o)
{
	o->figures->n_retries++;
	o->has_begun[0] = o->has_begun[1] = false;
	begin(o, 0);
	begin(o, 1);
	run_until(o, have_met, o->w->now_us + PATIENCE_US);
}

// An opening follows one Cookie Change (COOKIE_CHANGES_MAX): two new ports may end it. Then its
// user begins again, and must not do so in vain.
static void retry(struct order *o)
{
	run_until(o, have_met, o->w->now_us + OPENING_US);
	begin_again(o);
}

// An end that heard nothing but an RHello for seconds took the other for born again (silence.c),
// and told the session's user, who begins again.
static bool was_given_up(const struct order *o)
{
	bool is_missing = false, is_forgotten = false;

	for (unsigned i = 0; i < 2; i++) {
		struct node *n = o->w->members[o->members[i]].sim->node;

		is_missing |= world_session(o->w, o->members[i], o->members[1 - i]) == NULL;
		is_forgotten |= startup_counters(node_startup(n))->forgotten > 0;
	}
	return is_missing && is_forgotten;
}

void glare_order(const struct sim_run *r)
{
	struct order o;
	uint32_t n_steps;

	create(&o, r);
	n_steps = STEPS_MIN + choose(&o, STEPS_MORE);
	while (o.figures->n_steps < n_steps)
		step(&o);
	settle(&o);
	if (!run_until(&o, have_met, o.w->now_us + PATIENCE_US) && !was_let_go(&o) &&
	    o.figures->n_moved > 1)
		retry(&o);
	run_until(&o, NULL, o.w->now_us + SETTLE_US);
	if (was_given_up(&o) && !was_let_go(&o)) {
		begin_again(&o);
		run_until(&o, NULL, o.w->now_us + SETTLE_US);
	}
	take_figures(&o);
	if (!was_let_go(&o))
		promise_one_session(o.w, o.members[0], o.members[1]);
	promise_always(o.w);
	while (o.n_air > 0)
		free(take(&o, 0));
	world_destroy(o.w);
}

#include "dataplane/core/engine.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/random.h"
#include "dataplane/core/early.h"
#include "dataplane/core/datagrams.h"
#include "dataplane/core/hello.h"
#include "dataplane/core/internal.h"
#include "dataplane/core/pmtu.h"
#include "dataplane/core/rx.h"
#include "dataplane/core/session_life.h"
#include "dataplane/core/startup_gate.h"
#include "dataplane/core/stats.h"
#include "dataplane/core/timer.h"
#include "dataplane/pages.h"

#define ETHERNET_MTU 1500

// -- options --

static void opts_common(struct engine_opts *o, uint32_t sessions_max)
{
	*o = (struct engine_opts){
		.n_workers = 1,
		.sessions_max = sessions_max,
		.flows_tx_max = sessions_max * 16,
		.flows_rx_max = sessions_max * 16,
		.flows_per_session = FLOWS_PER_SESSION,
		.messages_max = sessions_max * 32,
		.rx_cells_max = sessions_max * 32,
		.streams_max = 256,
		.links_max = sessions_max * 4,
		.groups_max = 64,
		.early_max = 256,
		.message_bytes_max = 1 << 20,
		.reassembly_bytes_max = 1 << 20,
		.payload_base = PACKET_UDP_PAYLOAD_DEFAULT,
		.mtu_max = ETHERNET_MTU,
	};
}

static uint32_t at_most_u32(uint64_t n)
{
	return n < UINT32_MAX ? (uint32_t)n : UINT32_MAX;
}

// An opening takes two packets of its initiator, and twice as many where some get lost or are slow.
void engine_opts_startup(struct engine_opts *o, uint32_t openings_per_address_per_s)
{
	uint64_t address = openings_per_address_per_s * 4ull;
	uint64_t prefix = STARTUP_ADDRESSES_PER_PREFIX * address;
	uint64_t all = 2 * (o->hellos_per_s + 2ull * o->keyings_per_s);

	if (all < STARTUP_PREFIXES_AT_LEAST * prefix)
		all = STARTUP_PREFIXES_AT_LEAST * prefix;
	o->startup_per_s = at_most_u32(all);
	o->startup_per_prefix_per_s = at_most_u32(prefix);
	o->startup_per_address_per_s = at_most_u32(address);
}

void engine_opts_member(struct engine_opts *o)
{
	opts_common(o, 512);
	o->body_bytes = 32u << 20;
	o->extents_max = 1024;
	o->hellos_per_s = 500;
	o->keyings_per_s = 500;
	engine_opts_startup(o, 50);
	o->visit = 4;
}

void engine_opts_appliance(struct engine_opts *o, uint32_t sessions_max, uint32_t extents_max)
{
	opts_common(o, sessions_max);
	o->body_bytes = 256u << 20;
	o->early_max = 4096;
	o->extents_max = extents_max;
	o->groups_max = 16384;
	o->hellos_per_s = 5000;
	o->keyings_per_s = 2000;
	engine_opts_startup(o, 400);
	o->visit = 2;
}

uint16_t engine_payload_max(const struct engine_opts *o)
{
	uint16_t v4 = o->mtu_max > IPV4_UDP_BYTES ? o->mtu_max - IPV4_UDP_BYTES : 0;

	return v4 > o->payload_base ? v4 : o->payload_base;
}

static bool opts_are_good(const struct engine_opts *o)
{
	return o->worker < 1u << SESSION_WORKER_BITS && o->sessions_max > 0 &&
	       o->sessions_max <= 1u << SESSION_SLOT_BITS && o->flows_per_session > 0 &&
	       o->flows_per_session <= FLOWS_PER_SESSION && o->payload_base >= 512 &&
	       o->payload_base <= EARLY_LEN_MAX && o->visit > 0 && o->crypto != NULL &&
	       o->random != NULL && o->commands != NULL && o->reports != NULL;
}

// -- create, destroy --

static int create_tables(struct engine *e)
{
	const struct engine_opts *o = &e->opts;

	e->sessions = pages_take_hot(o->sessions_max * sizeof(*e->sessions));
	e->cold = pages_take(o->sessions_max * sizeof(*e->cold));
	e->paths = pages_take_hot(o->sessions_max * sizeof(*e->paths));
	e->hmac = pages_take_hot(2 * o->sessions_max * sizeof(*e->hmac));
	for (int i = 0; i < DATA_LISTS_N; i++)
		e->data[i].next = pages_take(o->sessions_max * sizeof(*e->data[i].next));
	e->wheel = timer_wheel_create(o->sessions_max);
	e->bodies = o->bodies != NULL ? o->bodies : body_pool_create(o->body_bytes);
	if (e->sessions == NULL || e->cold == NULL || e->paths == NULL || e->hmac == NULL ||
	    e->wheel == NULL || e->bodies == NULL || e->data[DATA_MEDIA].next == NULL ||
	    e->data[DATA_BULK].next == NULL || e->data[DATA_POST].next == NULL ||
	    budgets_init(&e->budgets, o) != 0)
		return -ENOMEM;
	// A message is reassembled in one body.
	return o->message_bytes_max <= body_pool_largest(e->bodies) ? 0 : -EINVAL;
}

static int create_rooms(struct engine *e)
{
	e->early = early_create(&e->opts);
	e->gate = startup_gate_create(&e->opts);
	e->hello = hello_create(&e->opts);
	e->datagrams = datagrams_create();
	e->flows = flows_create(&e->opts);
	e->relay = relay_create(&e->opts);
	if (e->early == NULL || e->gate == NULL || e->hello == NULL || e->datagrams == NULL ||
	    e->flows == NULL || e->relay == NULL)
		return -ENOMEM;
	return 0;
}

static void make_keys(struct engine *e)
{
	uint8_t secret[32];

	random_fill(e->opts.random, secret, sizeof(secret));
	hmac_keys_expand(&e->mobility_keys, secret, sizeof(secret));
	octets_wipe(secret, sizeof(secret));
	crypto_expand(e->opts.crypto, (const uint8_t *)CRYPTO_DEFAULT_KEY, e->default_seal.sched,
		      e->default_open.sched);
}

struct engine_scratch *engine_scratch_create(void)
{
	return pages_take(sizeof(struct engine_scratch));
}

void engine_scratch_destroy(struct engine_scratch *s)
{
	pages_give(s, sizeof(*s));
}

struct engine *engine_create(const struct engine_opts *opts)
{
	struct engine *e;
	int err;

	if (!opts_are_good(opts)) {
		errno = EINVAL;
		return NULL;
	}
	e = pages_take(sizeof(*e));
	if (e == NULL)
		return NULL;
	e->opts = *opts;
	e->tx = opts->scratch != NULL ? &opts->scratch->tx : &e->scratch.tx;
	e->rx = opts->scratch != NULL ? &opts->scratch->rx : &e->scratch.rx;
	e->ready_head = SESSION_NONE;
	for (int i = 0; i < DATA_LISTS_N; i++)
		e->data[i].head = SESSION_NONE;
	e->untold_head = SESSION_NONE;
	e->tc_rx_session[0] = SESSION_NONE;
	e->tc_rx_session[1] = SESSION_NONE;
	err = create_tables(e);
	if (err == 0)
		err = create_rooms(e);
	if (err != 0) {
		engine_destroy(e);
		errno = -err;
		return NULL;
	}
	make_keys(e);
	e->dice = random_seeded(&e->dice_state, random_u64(opts->random));
	e->ping_phase = (uint32_t)random_u64(&e->dice);
	return e;
}

void engine_destroy(struct engine *e)
{
	uint32_t n;

	if (e == NULL)
		return;
	n = e->opts.sessions_max;
	if (e->relay != NULL)
		relay_destroy(e, e->relay);
	if (e->flows != NULL)
		flows_destroy(e->flows);
	hello_destroy(e->hello);
	datagrams_destroy(e->datagrams);
	startup_gate_destroy(e->gate);
	early_destroy(e->early);
	if (e->opts.bodies == NULL)
		body_pool_destroy(e->bodies);
	timer_wheel_destroy(e->wheel);
	if (e->sessions != NULL)
		octets_wipe(e->sessions, n * sizeof(*e->sessions));
	for (int i = 0; i < DATA_LISTS_N; i++)
		pages_give(e->data[i].next, n * sizeof(*e->data[i].next));
	budgets_fini(&e->budgets);
	pages_give(e->hmac, 2 * n * sizeof(*e->hmac));
	pages_give(e->paths, n * sizeof(*e->paths));
	pages_give(e->cold, n * sizeof(*e->cold));
	pages_give(e->sessions, n * sizeof(*e->sessions));
	pages_give(e, sizeof(*e));
}

// -- reports and bodies --

bool engine_report(struct engine *e, const struct report *r)
{
	e->n_reported++;
	return mailbox_push(e->opts.reports, r);
}

uint32_t engine_n_reported(const struct engine *e)
{
	return e->n_reported;
}

int engine_report_copy(struct engine *e, struct report *r, struct span octets)
{
	if (mailbox_room(e->opts.reports) == 0) {
		engine_drop(e, DROP_REPORT_FULL);
		return -EAGAIN;
	}
	r->body = body_get(e->bodies, (uint32_t)octets.len);
	if (r->body == NULL) {
		engine_drop(e, DROP_NO_BODY);
		return -ENOBUFS;
	}
	if (octets.len > 0)
		memcpy(r->body->data, octets.data, octets.len);
	r->len = (uint32_t)octets.len;
	engine_report(e, r);
	return 0;
}

static bool bodies_report(struct engine *e)
{
	struct report r = {.op = REP_BODIES_PUT};
	struct body *b = e->home_head;
	uint32_t n = 0;

	for (; b != NULL && n < BODIES_PER_PUT; b = b->next)
		r.bodies.more[n++] = b;
	if (!engine_report(e, &r))
		return false;
	e->home_head = b;
	e->n_home -= n;
	return true;
}

void engine_body_home(struct engine *e, struct body *b)
{
	if (b == NULL)
		return;
	b->next = NULL;
	if (e->home_head == NULL)
		e->home_head = b;
	else
		e->home_tail->next = b;
	e->home_tail = b;
	e->n_home++;
	if (e->n_home >= BODIES_PER_PUT)
		bodies_report(e);
}

void engine_bodies_flush(struct engine *e)
{
	while (e->home_head != NULL && bodies_report(e))
		;
}

void engine_flush(struct engine *e)
{
	engine_bodies_flush(e);
	sessions_tell_again(e);
}

// -- the turn --

void engine_clock(struct engine *e, uint64_t now_us)
{
	bool is_first = e->now_us == 0;

	e->now_us = now_us;
	e->now_ms = (uint32_t)(now_us / 1000);
	if (is_first)
		timer_wheel_start(e->wheel, e->now_ms);
}

void engine_rx(struct engine *e, struct pkt *pkts, uint16_t n, uint64_t now_us)
{
	engine_clock(e, now_us);
	e->stats.rx_packets += n;
	for (uint16_t i = 0; i < n; i++)
		e->stats.rx_bytes += pkts[i].len;
	rx_run(e, pkts, n);
}

bool engine_too_big(struct engine *e, const struct too_big *t, uint64_t now_us)
{
	engine_clock(e, now_us);
	engine_stir(e);
	return pmtu_too_big(e, t);
}

void engine_rx_early(struct engine *e, uint64_t now_us)
{
	engine_clock(e, now_us);
	startup_gate_turn_early(e->gate, now_us);
}

bool engine_admits(struct engine *e, const uint8_t addr[16], uint8_t family)
{
	enum drop_reason over = startup_gate_admit(e->gate, addr, family, e->now_us);

	if (over != DROP_NONE)
		engine_drop(e, over);
	return over == DROP_NONE;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

// When hello, flows, relay or datagrams have something to do.
static uint64_t rooms_deadline_us(const struct engine *e)
{
	if (e->relay_has_more || hello_n_due(e) > 0 || datagrams_n_due(e) > 0)
		return e->now_us;
	return earlier(hello_deadline_us(e), earlier(flows_deadline_us(e), relay_deadline_us(e)));
}

// Whoever forgets engine_stir is found out by every test of a sanitizer build.
static void quiet_is_true(const struct engine *e)
{
#ifdef ANNULUS_SANITIZED
	uint64_t at_us = rooms_deadline_us(e);

	// To the millisecond, which is what flows and relay count in.
	assert(!engine_is_quiet(e) || at_us >= e->rooms_us || e->rooms_us - at_us <= 1000);
#else
	(void)e;
#endif
}

void engine_timers(struct engine *e, uint64_t now_us)
{
	uint32_t idx;

	engine_clock(e, now_us);
	while (timer_expire(e->wheel, e->now_ms, &idx))
		session_on_alarm(e, idx);
	if (!engine_is_quiet(e)) {
		hello_timers(e);
		flows_timers(e, now_us);
		relay_timers(e, now_us);
		e->rooms_us = rooms_deadline_us(e);
	}
	engine_flush(e);
}

uint64_t engine_deadline_us(const struct engine *e)
{
	uint32_t wait_ms = timer_wait_ms(e->wheel, e->now_ms);
	uint64_t at_us = engine_is_quiet(e) ? e->rooms_us : rooms_deadline_us(e);

	quiet_is_true(e);
	if (e->ready_head != SESSION_NONE || at_us <= e->now_us)
		return e->now_us;
	for (int i = 0; i < DATA_LISTS_N; i++)
		if (e->data[i].head != SESSION_NONE)
			at_us = earlier(at_us, budgets_total_at_us(&e->budgets, class_of_list(i)));
	if (e->home_head != NULL || e->untold_head != SESSION_NONE || e->stats_asked != 0)
		at_us = earlier(at_us, e->now_us + 1000); // the ring was full; control is at work
	if (wait_ms != UINT32_MAX)
		at_us = earlier(at_us, e->now_us / 1000 * 1000 + wait_ms * 1000ull);
	return at_us;
}

// -- what the world looks at --

const struct path *engine_path(const struct engine *e, uint32_t path_idx)
{
	return &e->paths[path_idx];
}

uint32_t engine_n_paths(const struct engine *e)
{
	return e->opts.sessions_max;
}

struct budget_gauge engine_budget_gauge(const struct engine *e, uint16_t group)
{
	struct budget_gauge g = e->budgets.groups[group].gauge;

	if (group != BUDGET_GROUP_NONE)
		return g;
	g = (struct budget_gauge){.n_held = e->stats.held[HELD_TOTAL]};
	for (int i = 0; i < BUDGET_CLASSES_N; i++)
		g.used_bytes += e->stats.tx_ip_bytes[i];
	return g;
}

struct worker_stats *engine_stats(struct engine *e)
{
	return &e->stats;
}

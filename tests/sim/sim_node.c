#include "tests/sim/sim_node.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "control/startup/keyer.h"
#include "crypto/identity.h"
#include "dataplane/wire/packet.h"

#define RING             1024
#define BODY_BYTES       (8u << 20) // address space; pages come with use
#define HANDOFFS         256
#define RING_SMALL       128
#define BODY_BYTES_SMALL (256u << 10)
#define LENT             32 // buffers per engine_tx
#define LENT_FIRST       2
#define ROOM             2048
#define KEYINGS          16 // the keyer has done each before the next comes
#define PUMPS_MAX        16 // node <-> engine rounds per turn
#define PEERS_MAX        8  // with direct streams (netgroup-semantics NC-15)

// ---- addresses ----

struct wire_addr sim_wire_addr(struct net_addr a)
{
	return (struct wire_addr){.ip = {(uint8_t)(a.ip >> 24), (uint8_t)(a.ip >> 16),
					 (uint8_t)(a.ip >> 8), (uint8_t)a.ip},
				  .port = a.port,
				  .family = 4};
}

static struct net_addr net_addr_of(const uint8_t ip[4], uint16_t port)
{
	return (struct net_addr){
		(uint32_t)ip[0] << 24 | (uint32_t)ip[1] << 16 | (uint32_t)ip[2] << 8 | ip[3], port};
}

struct wire_addr sim_node_addr(const struct sim_node *s, uint16_t port)
{
	struct wire_addr a =
		sim_wire_addr((struct net_addr){net_ip(s->opts.net, s->opts.host), port});

	a.origin = ADDR_LOCAL;
	return a;
}

uint8_t sim_member_endpoint(const struct sim_node *s)
{
	return s->is_super ? 1 : 0;
}

const uint8_t *sim_node_peer_id(const struct sim_node *s)
{
	return s->opts.identity->member.fingerprint;
}

static uint16_t port_of(const struct sim_node *s, uint8_t endpoint)
{
	return s->is_super && endpoint == 0 ? SIM_SERVER_PORT : SIM_MEMBER_PORT;
}

// ---- create, destroy ----

static void set_endpoints(struct sim_node *s)
{
	const struct identity *id = s->opts.identity;
	struct startup_endpoint *member = &s->endpoints[sim_member_endpoint(s)];

	*member = (struct startup_endpoint){.identity = &id->member,
					    .policy = s->opts.policy,
					    .answers_hello = true,
					    .answers_fihello = true,
					    .may_initiate = !s->is_super};
	if (!s->is_super)
		return;
	member->public_addrs[0] = sim_node_addr(s, SIM_MEMBER_PORT);
	member->n_public = 1;
	s->endpoints[0] = (struct startup_endpoint){.identity = &id->server,
						    .policy = s->opts.policy,
						    .answers_hello = true,
						    .introduces = true};
}

static void create_engine(struct sim_node *s, uint32_t worker)
{
	uint32_t n = s->opts.sessions_max;
	struct engine_opts o;

	engine_opts_member(&o);
	o.worker = worker;
	o.n_workers = s->n_workers;
	o.crypto = s->opts.crypto;
	o.random = (struct random *)s->opts.random;
	o.commands = s->commands[worker];
	o.reports = s->reports[worker];
	o.handoff_to = s->n_workers > 1 ? s->to[worker] : NULL;
	o.handoff_from = s->n_workers > 1 ? s->from[worker] : NULL;
	o.sessions_max = n;
	o.flows_tx_max = o.flows_rx_max = 16 * n;
	o.messages_max = 32 * n > 1024 ? 32 * n : 1024;
	o.rx_cells_max = 8192; // two messages of a megabyte
	o.streams_max = 16;
	o.links_max = 4 * n;
	o.extents_max = 256;
	o.scratch = s->opts.scratch;
	o.bodies = s->opts.bodies;
	if (s->opts.is_small) {
		o.extents_max = 1;
		o.body_bytes = BODY_BYTES_SMALL;
		o.message_bytes_max = BODY_BYTES_SMALL / 4;
	}
	o.object_bytes = s->opts.object_bytes;
	if (s->opts.opens_all)
		o.startup_per_s = o.startup_per_prefix_per_s = o.startup_per_address_per_s = 0;
	s->engines[worker] = engine_create(&o);
	assert(s->engines[worker] != NULL);
}

static void create_node(struct sim_node *s, uint64_t now_us)
{
	struct node_opts o = {.outbox = s->outbox,
			      .object_bodies = s->object_bodies,
			      .keyer = s->keyer,
			      .random = s->opts.random,
			      .endpoints = s->endpoints,
			      .n_endpoints = s->is_super ? 2 : 1,
			      .server_endpoint = s->is_super ? 0 : NODE_NO_ENDPOINT,
			      .member_endpoint = sim_member_endpoint(s),
			      .is_super = s->is_super,
			      .introduce_unlisted = s->is_super,
			      .sessions_max = s->opts.sessions_max,
			      .spreads_sessions =
				      s->opts.queues > 0 && s->opts.queues < s->n_workers,
			      .keyings_max = KEYINGS,
			      .keepalive_nat_us = 15000000,
			      .keepalive_public_us = 20000000,
			      .groups_max = 4,
			      .introduced_groups_max = 16,
			      .members_max = s->opts.members_max,
			      .neighbours_max = s->opts.sessions_max,
			      .streams_max = 8,
			      .streams_total_max = 16,
			      .extents_per_stream = 64,
			      .live = {.streams_max = 16,
				       .streams_per_app_max = 16,
				       .players_max = 64,
				       .log_bytes_max = 1u << 20},
			      .peer_connections_max = s->is_super ? 0 : PEERS_MAX,
			      .n_local_addrs = 1};

	o.local_addrs[0] = sim_node_addr(s, SIM_MEMBER_PORT);
	if (s->is_super)
		o.server_addr = sim_node_addr(s, SIM_SERVER_PORT);
	s->node = node_create(&o, now_us);
	assert(s->node != NULL);
}

static void create_handoffs(struct sim_node *s)
{
	s->from = calloc(SIM_WORKERS_MAX, sizeof(*s->from));
	s->to = calloc(SIM_WORKERS_MAX, sizeof(*s->to));
	assert(s->from != NULL && s->to != NULL);
	for (uint32_t i = 0; i < s->n_workers; i++)
		for (uint32_t k = 0; k < s->n_workers; k++) {
			if (i == k)
				continue;
			s->from[i][k] = s->to[k][i] = mailbox_create(HANDOFFS);
			assert(s->from[i][k] != NULL);
		}
}

static void create_rings(struct sim_node *s)
{
	uint32_t ring = s->opts.is_small ? RING_SMALL : RING;

	for (uint32_t i = 0; i < s->n_workers; i++) {
		s->commands[i] = mailbox_create(ring);
		s->reports[i] = mailbox_create(ring);
		assert(s->commands[i] != NULL && s->reports[i] != NULL);
	}
	if (s->n_workers > 1)
		create_handoffs(s);
	s->bodies = s->opts.bodies;
	if (s->bodies == NULL)
		s->bodies = body_pool_create(s->opts.is_small ? BODY_BYTES_SMALL : BODY_BYTES);
	assert(s->bodies != NULL);
	if (s->opts.object_bytes > 0)
		s->object_bodies =
			body_pool_create(s->n_workers * s->opts.object_bytes + BODY_BYTES);
}

// Of a super-peer whose scenario does not say: as many as the environment wants (seeds.h).
static uint32_t usual_workers(const struct sim_node *s)
{
	const char *text = getenv("SIM_WORKERS");
	unsigned long n = s->is_super && text != NULL ? strtoul(text, NULL, 10) : 1;

	assert(n >= 1 && n <= SIM_WORKERS_MAX);
	return (uint32_t)n;
}

struct sim_node *sim_node_create(const struct sim_node_opts *o, uint64_t now_us)
{
	struct sim_node *s = calloc(1, sizeof(*s));

	assert(s != NULL && o->workers <= SIM_WORKERS_MAX);
	s->opts = *o;
	s->is_super = o->identity->kind == IDENTITY_APPLIANCE;
	s->n_workers = o->workers > 0 ? o->workers : usual_workers(s);
	if (s->n_workers > 1)
		s->hash_key = random_u64(s->opts.random);
	create_rings(s);
	s->outbox = outbox_create(s->commands, s->n_workers, s->bodies);
	s->keyer = keyer_inline_create(s->opts.random);
	assert(s->outbox != NULL && s->keyer != NULL);
	set_endpoints(s);
	for (uint32_t i = 0; i < s->n_workers; i++)
		create_engine(s, i);
	s->engine = s->engines[0];
	create_node(s, now_us);
	return s;
}

void sim_node_destroy(struct sim_node *s)
{
	node_destroy(s->node);
	for (uint32_t i = 0; i < s->n_workers; i++)
		engine_destroy(s->engines[i]);
	s->keyer->destroy(s->keyer);
	outbox_destroy(s->outbox);
	if (s->opts.bodies == NULL)
		body_pool_destroy(s->bodies);
	body_pool_destroy(s->object_bodies);
	for (uint32_t i = 0; i < s->n_workers; i++) {
		mailbox_destroy(s->commands[i]);
		mailbox_destroy(s->reports[i]);
		for (uint32_t k = 0; s->from != NULL && k < s->n_workers; k++)
			mailbox_destroy(s->from[i][k]);
	}
	free(s->from);
	free(s->to);
	free(s);
}

// ---- in and out ----

// A port's hash sees addresses and ports alone.
static uint32_t queue_of(const struct sim_node *s, struct net_addr src, uint16_t dst_port)
{
	uint32_t n = s->opts.queues > 0 ? s->opts.queues : s->n_workers;
	uint64_t h = ((uint64_t)src.ip << 32 | (uint32_t)src.port << 16 | dst_port) ^ s->hash_key;

	h *= UINT64_C(0x9e3779b97f4a7c15);
	h = (h ^ h >> 29) * UINT64_C(0xbf58476d1ce4e5b9);
	return (uint32_t)(h >> 40) % n;
}

// What io's workers do: startup packets stay where they came, the rest goes to the session's
// worker.
static uint32_t worker_of(struct sim_node *s, struct net_addr src, uint16_t dst_port,
			  const uint8_t *data, uint16_t len)
{
	uint32_t queue, owner, id;

	if (s->n_workers == 1)
		return 0;
	queue = queue_of(s, src, dst_port);
	if (ssid_unscramble(data, len, &id) != 0 || id == 0)
		return queue;
	owner = session_id_worker(id);
	if (owner == queue || owner >= s->n_workers)
		return queue;
	s->n_handed++;
	return owner;
}

void sim_node_rx(struct sim_node *s, struct net_addr src, uint16_t dst_port, uint8_t *data,
		 uint16_t len, uint64_t now_us)
{
	struct wire_addr from = sim_wire_addr(src);
	struct pkt p = {.data = data,
			.len = len,
			.room = len,
			.port = src.port,
			.family = 4,
			.endpoint = dst_port == SIM_SERVER_PORT ? 0 : sim_member_endpoint(s),
			.session_idx = SESSION_NONE,
			.path_idx = PATH_NONE};

	if (s->turner != NULL) {
		s->turner->rx(s->turner->ctx, src, dst_port, data, len, now_us);
		return;
	}
	memcpy(p.addr, from.ip, sizeof(p.addr));
	engine_rx(s->engines[worker_of(s, src, dst_port, data, len)], &p, 1, now_us);
}

static void send_one(struct sim_node *s, const struct engine *e, const struct pkt *p,
		     uint64_t now_us)
{
	const uint8_t *ip = p->addr;
	uint16_t port = p->port;
	uint8_t endpoint = p->endpoint;

	if (p->path_idx != PATH_NONE) {
		const struct path *path = engine_path(e, p->path_idx);

		ip = path->addr;
		port = path->port;
		endpoint = path->endpoint;
	}
	net_send(s->opts.net, s->opts.host, port_of(s, endpoint), net_addr_of(ip, port), p->data,
		 p->len, now_us);
}

// A member has mostly one packet to send, or a burst.
static void transmit(struct sim_node *s, struct engine *e, uint64_t now_us)
{
	static _Thread_local uint8_t buffers[LENT][ROOM];
	struct pkt room[LENT];
	uint16_t lent = LENT_FIRST, n;

	for (;; lent = LENT) {
		for (unsigned i = 0; i < lent; i++)
			room[i] = (struct pkt){.data = buffers[i],
					       .room = ROOM,
					       .session_idx = SESSION_NONE,
					       .path_idx = PATH_NONE};
		n = engine_tx(e, room, lent, now_us);
		for (uint16_t i = 0; i < n; i++)
			send_one(s, e, &room[i], now_us);
		if (n < lent)
			return;
	}
}

// ---- a turn ----

// What says that it has nothing to do is not asked to do it: so a turn is cheap, and what is due
// too late for its owner's deadline comes too late here, as in any other world.
static void turn_engine(struct sim_node *s, struct engine *e, uint64_t now_us)
{
	if (s->turner != NULL) {
		s->turner->turn(s->turner->ctx, now_us);
		return;
	}
	engine_timers(e, now_us);
	while (engine_commands(e, now_us) == ENGINE_TURN_COMMANDS)
		;
	if (engine_deadline_us(e) <= now_us)
		transmit(s, e, now_us);
}

// Of several, each may be late, and the order is another one each time. Not the last: it must be
// that everybody had a turn before the member rests.
static void turn_engines(struct sim_node *s, bool is_last, uint64_t now_us)
{
	uint32_t n = s->n_workers, first;

	if (n == 1) {
		turn_engine(s, s->engine, now_us);
		return;
	}
	first = (uint32_t)random_below(s->opts.random, n);
	for (uint32_t i = 0; i < n; i++)
		if (is_last || random_below(s->opts.random, 4) > 0)
			turn_engine(s, s->engines[(first + i) % n], now_us);
}

// Control and the engine take turns in one thread, as in member.c.
static bool is_together(const struct sim_node *s)
{
	return s->n_workers == 1 && s->turner == NULL;
}

static uint32_t n_waiting(struct mailbox *const *rings, uint32_t n)
{
	uint32_t sum = 0;

	for (uint32_t i = 0; i < n; i++)
		sum += rings[i] != NULL ? mailbox_n(rings[i]) : 0;
	return sum;
}

// Of one engine, without a look into the ring: its lines are others'.
static bool has_reported(const struct sim_node *s)
{
	return engine_n_reported(s->engine) != s->n_read;
}

static bool reports_wait(const struct sim_node *s)
{
	return is_together(s) ? has_reported(s) : n_waiting(s->reports, s->n_workers) > 0;
}

// True: it had something to do.
static bool turn_node(struct sim_node *s, uint64_t now_us)
{
	struct node_event e;
	struct report r;
	bool some_wait, has_changed = false, has_news = s->node_due_us <= now_us;
	uint64_t due_us;

	if (!has_news && !reports_wait(s))
		return false;
	s->n_read = engine_n_reported(s->engine);
	for (uint32_t i = 0; i < s->n_workers; i++)
		while (mailbox_pop(s->reports[i], &r))
			has_news |= node_report(s->node, i, &r, now_us);
	if (!has_news)
		return false;
	due_us = node_deadline_us(s->node);
	if (due_us <= now_us) {
		node_timers(s->node, now_us); // its deadline alone must do
		has_changed = true;
	}
	for (; node_event(s->node, &e, now_us); has_changed = true)
		s->opts.on_event(s->opts.ctx, s, &e, now_us);
	some_wait = outbox_flush(s->outbox);
	if (has_changed)
		due_us = node_deadline_us(s->node);
	s->node_due_us = some_wait ? 0 : due_us;
	return true;
}

// Something lies in a ring to an engine.
static bool engines_are_called(const struct sim_node *s)
{
	bool is_called = n_waiting(s->commands, s->n_workers) > 0;

	for (uint32_t i = 0; s->n_workers > 1 && i < s->n_workers; i++)
		is_called |= n_waiting(s->from[i], s->n_workers) > 0;
	return is_called;
}

// An empty ring begins anew, so that a member's rings are a few lines that are warm and not 64 KiB
// through which each wanders. One thread has both ends here.
static void rewind_ring(struct mailbox *m)
{
	if (mailbox_n(m) > 0 || atomic_load_explicit(&m->tail, memory_order_relaxed) == 0)
		return;
	atomic_store_explicit(&m->tail, 0, memory_order_relaxed);
	atomic_store_explicit(&m->head, 0, memory_order_relaxed);
	m->head_seen = 0;
	m->tail_seen = 0;
}

// Control and workers in threads of their own, as in annulusd: acks do not wait for control.
static void turn_apart(struct sim_node *s, uint64_t now_us)
{
	for (unsigned i = 0; i < PUMPS_MAX; i++) {
		turn_engines(s, i > 0, now_us);
		turn_node(s, now_us);
		if (!engines_are_called(s))
			break;
	}
}

// In one, as in member.c: what control answers travels with the acks.
static void turn_together(struct sim_node *s, uint64_t now_us)
{
	engine_timers(s->engine, now_us);
	do {
		for (unsigned i = 0; i < PUMPS_MAX; i++) {
			if (turn_node(s, now_us) || s->is_called)
				s->is_called = engines_are_called(s);
			if (!s->is_called)
				break;
			while (engine_commands(s->engine, now_us) == ENGINE_TURN_COMMANDS)
				;
		}
		s->engine_due_us = engine_deadline_us(s->engine);
		if (s->engine_due_us <= now_us) {
			transmit(s, s->engine, now_us);
			s->engine_due_us = engine_deadline_us(s->engine);
		}
	} while (has_reported(s));
}

void sim_node_turn(struct sim_node *s, uint64_t now_us)
{
	uint64_t due_us = s->node_due_us;
	uint32_t n_read = s->n_read;

	s->turns++;
	if (is_together(s))
		turn_together(s, now_us);
	else
		turn_apart(s, now_us);
	if (is_together(s) && due_us > now_us && s->n_read == n_read)
		return; // control had no part in it
	for (uint32_t i = 0; i < s->n_workers; i++) {
		rewind_ring(s->commands[i]);
		rewind_ring(s->reports[i]);
	}
}

void sim_node_wake(struct sim_node *s)
{
	s->node_due_us = 0;
}

uint64_t sim_node_deadline_us(const struct sim_node *s)
{
	uint64_t at_us = s->node_due_us;

	if (is_together(s) ? s->is_called : engines_are_called(s))
		return 0;
	if (s->turner != NULL) {
		uint64_t due_us = s->turner->deadline_us(s->turner->ctx);

		return due_us < at_us ? due_us : at_us;
	}
	if (is_together(s)) // as of its turn: nobody else touches it
		return s->engine_due_us < at_us ? s->engine_due_us : at_us;
	for (uint32_t i = 0; i < s->n_workers; i++) {
		uint64_t due_us = engine_deadline_us(s->engines[i]);

		at_us = due_us < at_us ? due_us : at_us;
	}
	return at_us;
}

void sim_node_stats(const struct sim_node *s, struct worker_stats *sum)
{
	uint64_t *to = (uint64_t *)sum;

	memset(sum, 0, sizeof(*sum));
	for (uint32_t i = 0; i < s->n_workers; i++) {
		const uint64_t *from = (const uint64_t *)engine_stats(s->engines[i]);

		for (size_t k = 0; k < sizeof(*sum) / sizeof(*to); k++)
			to[k] += from[k];
	}
}

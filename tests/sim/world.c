#include "tests/sim/world.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/crypto.h"
#include "crypto/epd.h"
#include "tests/sim/path_witness.h"
#include "tests/sim/test_cipher.h"
#include "tests/sim/test_dh.h"
#include "tests/sim/witness.h"
#include "tests/sim/world_fetch.h"
#include "tests/sim/world_stream.h"

#define SPIN_US       100 // a node that wants a turn right after one gets it so much later
#define STREAM_NAME   "s"
#define LEAVE_STEP_US 20000
#define SESSIONS_MAX  240
#define BODY_BYTES    ((size_t)1 << 30) // address space
#define NOBODY        UINT32_MAX
#define URI           "rtmfp://super/sim"

static void on_event(void *ctx, struct sim_node *s, const struct node_event *e, uint64_t now_us)
{
	struct world_member *m = ctx;
	struct world *w = m->world;

	if (w->listener != NULL)
		w->listener(w->listener_ctx, (uint32_t)(m - w->members), e);
	switch (e->kind) {
	case NODE_CONNECTED:
		m->connected_us = m->connected_us != 0 ? m->connected_us : now_us;
		break;
	case NODE_CONNECT_FAILED:
		m->n_failures++;
		break;
	case NODE_DISCONNECTED:
		m->n_disconnects++;
		break;
	case NODE_NEIGHBOUR_CONNECT:
		m->n_neighbours++;
		break;
	case NODE_NEIGHBOUR_DISCONNECT:
		m->n_neighbours--;
		m->n_neighbour_losses++;
		break;
	case NODE_PLAY_MESSAGE:
		world_take_message(m, e, now_us);
		break;
	case NODE_PLAY_END:
		m->play.has_ended = true;
		break;
	case NODE_PLAY_LOST:
		m->play.was_lost = true;
		break;
	case NODE_PLAY_RESET:
		m->play.n_resets++;
		break;
	case NODE_PUBLISH_DONE:
		m->is_done = true;
		break;
	case NODE_PEER_CONNECT:
		m->n_peers++;
		break;
	case NODE_PEER_DISCONNECT:
		m->n_peers--;
		break;
	case NODE_STREAM_FAILED:
		m->n_stream_failures++;
		snprintf(m->stream_failure, sizeof(m->stream_failure), "%s", e->text);
		break;
	default:
		break;
	}
}

// ---- create, destroy ----

static void due_now(struct world *w, uint32_t i)
{
	world_heap_set(w->due, i, w->now_us);
}

static void receive(struct world *w, uint32_t host, struct net_addr src, struct net_addr dst,
		    uint8_t *data, uint16_t len)
{
	struct world_member *m = &w->members[host]; // made in the same order

	witness_delivered(w->witness, host, src, data, len);
	if (w->paths != NULL)
		path_witness_delivered(w->paths, host, src, data, len);
	sim_node_rx(m->sim, src, dst.port, data, len, w->now_us);
}

void world_deliver(struct world *w, uint32_t host, struct net_addr src, struct net_addr dst,
		   uint8_t *data, uint16_t len)
{
	receive(w, host, src, dst, data, len);
	due_now(w, host);
}

static void deliver(void *ctx, uint32_t host, struct net_addr src, struct net_addr dst,
		    uint8_t *data, uint16_t len)
{
	struct world *w = ctx;

	receive(w, host, src, dst, data, len);
	if (w->called == NOBODY)
		w->called = host;
	else if (w->called != host)
		due_now(w, host);
}

// FNV-1a over words instead of octets.
static uint64_t digest(uint64_t d, const void *data, size_t len)
{
	const uint8_t *octets = data;
	uint64_t word;

	for (; len >= sizeof(word); octets += sizeof(word), len -= sizeof(word)) {
		memcpy(&word, octets, sizeof(word));
		d = (d ^ word) * 0x100000001b3;
		d ^= d >> 32;
	}
	for (size_t i = 0; i < len; i++)
		d = (d ^ octets[i]) * 0x100000001b3;
	return d;
}

static bool tap(void *ctx, uint32_t host, struct net_addr src, struct net_addr dst,
		const uint8_t *data, uint16_t len)
{
	struct world *w = ctx;

	witness_sent(w->witness, host, dst, data, len);
	if (w->paths != NULL)
		path_witness_sent(w->paths, host, dst, data, len);
	w->digest = digest(digest(w->digest, &w->now_us, sizeof(w->now_us)), data, len);
	return w->carrier == NULL || !w->carrier(w->carrier_ctx, host, src, dst, data, len);
}

static void make_spec(struct world *w)
{
	struct groupspec_build b = {.name = "sim",
				    .multicast = true,
				    .posting = w->opts.does_talk,
				    .routing = w->opts.does_talk,
				    .replication = w->opts.does_replicate,
				    .server_channel = true};
	char text[GROUPSPEC_TEXT_MAX + 1];
	const char *why;
	uint32_t at;
	int err = groupspec_write(&b, true, text, sizeof(text));

	assert(err == 0);
	err = groupspec_parse(&w->spec, text, &why, &at);
	assert(err == 0);
}

static uint32_t translator(struct world *w, uint32_t k)
{
	const struct world_opts *o = &w->opts;

	if (o->n_nats == 0 || o->nats[k % o->n_nats].kind == NAT_NONE)
		return NET_PUBLIC;
	if (o->is_one_nat && k > 0)
		return 0;
	return net_nat(w->net, &o->nats[k % o->n_nats]);
}

// In a crowd nobody but the super-peer talks to everybody.
static uint32_t sessions_max(const struct world *w, bool is_super)
{
	if (is_super)
		return 2 * w->n + 16;
	return (w->n < SESSIONS_MAX ? w->n : SESSIONS_MAX) + 16;
}

static void member_create(struct world *w, uint32_t i, const struct identity *identity)
{
	const struct world_opts *o = &w->opts;
	struct world_member *m = &w->members[i];
	bool is_super = identity->kind == IDENTITY_APPLIANCE;
	uint32_t nat = is_super ? NET_PUBLIC : translator(w, i - o->has_super);
	struct sim_node_opts so = {.net = w->net,
				   .crypto = w->crypto,
				   .random = &w->random,
				   .identity = identity,
				   .policy = o->policy,
				   .sessions_max = sessions_max(w, is_super),
				   .members_max = 4096,
				   .workers = is_super ? o->super_workers : 1,
				   .queues = is_super ? o->super_queues : 1,
				   .is_small = o->has_small_nodes,
				   .object_bytes = is_super ? o->object_bytes : 0,
				   .opens_all = o->opens_all,
				   .scratch = w->scratch,
				   .bodies = w->bodies,
				   .on_event = on_event,
				   .ctx = m};

	*m = (struct world_member){.world = w, .write_us = UINT64_MAX};
	m->host = so.host = is_super ? net_host(w->net, nat, &o->super_up, &o->super_down)
				     : net_host(w->net, nat, &o->up, &o->down);
	assert(m->host == i);
	m->sim = sim_node_create(&so, w->now_us);
	world_lines_set(w, i);
}

// Identities in another order with each seed: which certificate prevails must not be the same ever.
static void members_create(struct world *w)
{
	const struct sim_pool *pool = w->opts.run->pool;
	uint32_t i = 0, order[SIM_IDENTITIES];

	assert(w->opts.n_members <=
	       (w->opts.run->has_test_keys ? SIM_IDENTITIES : SIM_IDENTITIES_REAL));
	for (uint32_t k = 0; k < w->opts.n_members; k++)
		order[k] = k;
	for (uint32_t k = w->opts.n_members; k > 1; k--) {
		uint32_t other = (uint32_t)random_below(&w->random, k), t = order[k - 1];

		order[k - 1] = order[other];
		order[other] = t;
	}
	if (w->opts.has_super)
		member_create(w, i++, &pool->super);
	for (uint32_t k = 0; k < w->opts.n_members; k++)
		member_create(w, i++, &pool->peers[order[k]]);
}

struct world *world_create(const struct world_opts *o)
{
	struct world *w = calloc(1, sizeof(*w));

	assert(w != NULL);
	w->opts = *o;
	w->now_us = WORLD_START_US;
	w->seeded = random_seeded(&w->random_state, o->run->seed);
	w->random = o->run->has_test_keys ? test_dh_random(&w->seeded) : w->seeded;
	w->crypto = o->run->has_test_keys ? test_cipher_create() : crypto_create(CRYPTO_AUTO);
	assert(w->crypto != NULL);
	if (o->shares_scratch) {
		w->scratch = engine_scratch_create();
		w->bodies = body_pool_create(BODY_BYTES);
		assert(w->scratch != NULL && w->bodies != NULL);
	}
	w->witness = witness_create(w->crypto);
	w->paths = o->watches_paths ? path_witness_create(w) : NULL;
	w->net = net_create(random_u64(&w->random), deliver, w);
	net_set_tap(w->net, tap, w);
	net_set_herald(w->net, world_herald, w);
	make_spec(w);
	w->n = o->n_members + o->has_super;
	w->members = calloc(w->n, sizeof(*w->members));
	w->lines = calloc(w->n, sizeof(*w->lines));
	assert(w->members != NULL && w->lines != NULL);
	members_create(w);
	w->due = world_heap_create(w->n);
	world_run_us(w, 0);
	return w;
}

void world_destroy(struct world *w)
{
	uint64_t *sum = w->opts.run->digest;

	if (sum != NULL)
		*sum = digest(*sum, &w->digest, sizeof(w->digest));
	for (uint32_t i = 0; i < w->n; i++)
		sim_node_destroy(w->members[i].sim);
	world_heap_destroy(w->due);
	free(w->members);
	free(w->lines);
	net_destroy(w->net);
	witness_destroy(w->witness);
	path_witness_destroy(w->paths);
	engine_scratch_destroy(w->scratch);
	body_pool_destroy(w->bodies);
	crypto_destroy(w->crypto);
	free(w);
}

// ---- time ----

static uint64_t next_us(const struct world *w)
{
	uint64_t next = net_deadline_us(w->net);

	if (w->due->due[0].at_us < next)
		next = w->due->due[0].at_us;
	return next > w->now_us ? next : w->now_us;
}

void world_wake(struct world *w, uint32_t i)
{
	sim_node_wake(w->members[i].sim);
	due_now(w, i);
}

static void note_opening(struct world_member *m, uint64_t now_us)
{
	if (m->opened_us == 0 && m->conn != NULL && node_conn_session(m->conn) != NULL)
		m->opened_us = now_us;
}

// True: commands for its engine.
static bool talk(struct world *w, struct world_member *m)
{
	struct ctl_session *s;
	uint32_t at = 0;
	bool has_talked = false;

	while ((s = startup_next(node_startup(m->sim->node), &at)) != NULL)
		if (s->is_initiator && s->opened_us == w->now_us) {
			ctl_session_keepalive(s, w->opts.keepalive_us, 0);
			has_talked = true;
		}
	return has_talked;
}

void world_turn(struct world *w, uint32_t i)
{
	struct world_member *m = &w->members[i];
	uint64_t due_us;

	if (world_write_due(m, w->now_us))
		sim_node_wake(m->sim);
	sim_node_turn(m->sim, w->now_us);
	note_opening(m, w->now_us);
	if (w->opts.keepalive_us > 0 && talk(w, m))
		sim_node_wake(m->sim);
	due_us = sim_node_deadline_us(m->sim);
	if (due_us <= w->now_us) {
		due_us = w->now_us + SPIN_US;
		w->n_spins++;
	}
	if (m->write_us < due_us)
		due_us = m->write_us;
	world_heap_set(w->due, i, due_us);
	world_fetch_ahead(w, i);
}

// Mostly somebody got a datagram, and nobody else is due: his place in the heap is looked for once,
// after his turn.
static void happen(struct world *w)
{
	w->called = NOBODY;
	while (net_step(w->net, w->now_us))
		;
	if (w->called != NOBODY && w->due->due[0].at_us > w->now_us)
		world_turn(w, w->called);
	else if (w->called != NOBODY)
		due_now(w, w->called);
	while (w->due->due[0].at_us <= w->now_us)
		world_turn(w, w->due->due[0].member);
}

void world_run_us(struct world *w, uint64_t us)
{
	uint64_t end_us = w->now_us + us, next;

	while ((next = next_us(w)) <= end_us) {
		w->now_us = next;
		happen(w);
	}
	w->now_us = end_us;
}

bool world_run_until(struct world *w, bool (*is_so)(struct world *), uint64_t us)
{
	uint64_t end_us = w->now_us + us, next;

	while (!is_so(w)) {
		next = next_us(w);
		if (next > end_us) {
			w->now_us = end_us;
			return false;
		}
		w->now_us = next;
		happen(w);
	}
	return true;
}

// ---- what members do ----

// Whatever was asked of a node happens in its next turn.
static struct world_member *awake(struct world *w, uint32_t i)
{
	assert(i < w->n);
	world_wake(w, i);
	return &w->members[i];
}

void world_connect(struct world *w, uint32_t i)
{
	struct world_member *m = awake(w, i);
	struct wire_addr server = sim_node_addr(w->members[0].sim, SIM_SERVER_PORT);

	assert(w->opts.has_super && i > 0);
	m->conn = node_connect(m->sim->node, URI, &server, 1, w->now_us);
	assert(m->conn != NULL);
}

void world_join(struct world *w, uint32_t i)
{
	struct world_member *m = awake(w, i);
	bool is_lent = m->sim->opts.object_bytes > 0;
	const struct group_limits limits = {.replication = {.is_seed = is_lent, .is_lent = is_lent},
					    .budget = is_lent};
	int err;

	m->group = node_join(m->sim->node, &w->spec, &limits, &err, w->now_us);
	assert(m->group != NULL);
}

void world_join_all(struct world *w)
{
	for (uint32_t i = 0; i < w->n; i++) {
		if (!w->opts.has_super || i > 0)
			world_connect(w, i);
		world_join(w, i);
	}
}

void world_kill(struct world *w, uint32_t i)
{
	struct world_member *m = &w->members[i];
	struct sim_node_opts so = m->sim->opts;

	sim_node_destroy(m->sim);
	*m = (struct world_member){.world = w, .host = m->host, .write_us = UINT64_MAX};
	m->sim = sim_node_create(&so, w->now_us);
	world_lines_set(w, i);
	awake(w, i);
}

void world_leave(struct world *w, uint32_t i)
{
	w->members[i].write_us = UINT64_MAX; // its stream is void from here on
	node_close(awake(w, i)->sim->node, w->now_us);
	while (!node_is_closed(w->members[i].sim->node))
		world_run_us(w, LEAVE_STEP_US);
	world_kill(w, i);
}

void world_publish(struct world *w, uint32_t i, const struct world_publish *p)
{
	struct world_member *m = awake(w, i);
	const char *name = p->name != NULL ? p->name : STREAM_NAME;
	int err = node_publish(m->group, name, &(struct group_stream_params){0}, &m->published,
			       w->now_us);

	assert(err == 0);
	world_write_from(m, p, 0, w->now_us);
}

void world_play_named(struct world *w, uint32_t i, const char *name)
{
	struct world_member *m = awake(w, i);
	int err = node_play(m->group, name, &m->stream, w->now_us);

	assert(err == 0);
}

void world_play(struct world *w, uint32_t i)
{
	world_play_named(w, i, STREAM_NAME);
}

void world_publish_direct(struct world *w, uint32_t i, const struct world_publish *p)
{
	struct world_member *m = awake(w, i);
	int err = node_direct_publish(m->sim->node, STREAM_NAME, &(struct node_direct_params){0},
				      &m->published, w->now_us);

	assert(err == 0);
	world_write_from(m, p, 0, w->now_us);
}

void world_play_direct(struct world *w, uint32_t i, uint32_t from)
{
	struct world_member *m = awake(w, i);
	int err = node_direct_play(m->sim->node, sim_node_peer_id(w->members[from].sim),
				   STREAM_NAME, &m->stream, w->now_us);

	assert(err == 0);
}

static void open_at(struct world *w, uint32_t a, uint32_t b, struct wire_addr at)
{
	struct sim_node *near = awake(w, a)->sim, *far = w->members[b].sim;
	struct ctl_session *existing;
	uint8_t epd[EPD_CANONICAL_LEN];
	struct open_opts o = {.endpoint = sim_member_endpoint(near),
			      .epd = {epd, sizeof(epd)},
			      .candidates = &at,
			      .n_candidates = 1,
			      .user = w};

	epd_canonical(epd, sim_node_peer_id(far));
	startup_open(node_startup(near->node), &o, &existing, w->now_us);
}

void world_live_publish(struct world *w, uint32_t i, const struct world_publish *p, uint64_t first)
{
	struct world_member *m = awake(w, i);
	int err = node_conn_publish(m->conn, STREAM_NAME, &m->published, w->now_us);

	assert(err == 0);
	world_write_from(m, p, first, w->now_us);
}

void world_live_play(struct world *w, uint32_t i)
{
	struct world_member *m = awake(w, i);
	int err = node_conn_play(m->conn, STREAM_NAME, &m->stream, w->now_us);

	assert(err == 0);
}

void world_open(struct world *w, uint32_t a, uint32_t b)
{
	open_at(w, a, b, sim_node_addr(w->members[b].sim, SIM_MEMBER_PORT));
}

void world_ask_for(struct world *w, uint32_t a, uint32_t b)
{
	struct wire_addr super = sim_node_addr(w->members[0].sim, SIM_SERVER_PORT);

	super.origin = ADDR_RELAY;
	open_at(w, a, b, super);
}

struct ctl_session *world_session(struct world *w, uint32_t a, uint32_t b)
{
	struct sim_node *near = w->members[a].sim;

	return startup_find(node_startup(near->node), sim_member_endpoint(near),
			    sim_node_peer_id(w->members[b].sim));
}

#include "tests/support/loop.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/wire/packet.h"
#include "tests/support/far_end.h"

#define LENT        64   // buffers per engine_tx
#define STEP_MIN_US 1000 // when an engine says "now" although it was just asked
#define INJECTED    UINT32_MAX

// -- making and ending --

static void opts_small(struct engine_opts *o)
{
	engine_opts_member(o);
	o->sessions_max = 64;
	o->flows_tx_max = 1024;
	o->flows_rx_max = 1024;
	o->messages_max = 4096;
	o->rx_cells_max = 4096;
	o->streams_max = 16;
	o->links_max = 256;
	o->extents_max = 128;
}

struct msg_addr loop_addr(uint32_t host, uint16_t port)
{
	struct msg_addr a = {
		.ip = {10, 0, (uint8_t)(host >> 8), (uint8_t)host}, .port = port, .family = 4};

	return a;
}

static void node_create(struct loop *l, uint32_t i)
{
	struct loop_node *n = &l->nodes[i];
	uint32_t slots = l->opts.ring_slots != 0 ? l->opts.ring_slots : 1024;
	struct engine_opts o;

	opts_small(&o);
	n->commands = mailbox_create(slots);
	n->reports = mailbox_create(slots);
	n->bodies = body_pool_create(64u << 20);
	assert(n->commands != NULL && n->reports != NULL && n->bodies != NULL);
	o.crypto = l->crypto;
	o.random = &l->random;
	o.commands = n->commands;
	o.reports = n->reports;
	if (l->opts.tune != NULL)
		l->opts.tune(&o);
	n->worker = o.worker;
	n->engine = engine_create(&o);
	assert(n->engine != NULL);
	n->seeds = aligned_alloc(64, o.sessions_max * sizeof(*n->seeds));
	n->is_taken = calloc(o.sessions_max, sizeof(*n->is_taken));
	n->n_slots = o.sessions_max;
	assert(n->seeds != NULL && n->is_taken != NULL);
	memset(n->seeds, 0, o.sessions_max * sizeof(*n->seeds));
	n->addr = loop_addr(i + 1, 1935);
}

struct loop *loop_create(const struct loop_opts *opts)
{
	struct loop *l = calloc(1, sizeof(*l));

	assert(l != NULL && opts->n_nodes <= LOOP_NODES_MAX);
	l->opts = *opts;
	l->now_us = opts->start_us != 0 ? opts->start_us : 1000000;
	l->crypto = crypto_create(opts->backend);
	assert(l->crypto != NULL);
	l->random = random_seeded(&l->random_state, opts->seed);
	for (uint32_t i = 0; i < opts->n_nodes; i++)
		node_create(l, i);
	loop_turn(l);
	return l;
}

static void node_destroy(struct loop *l, uint32_t i)
{
	struct loop_node *n = &l->nodes[i];

	loop_forget(l, i);
	free(n->inbox);
	free(n->seeds);
	free(n->is_taken);
	engine_destroy(n->engine);
	body_pool_destroy(n->bodies);
	mailbox_destroy(n->commands);
	mailbox_destroy(n->reports);
}

void loop_destroy(struct loop *l)
{
	for (uint32_t i = 0; i < l->opts.n_nodes; i++)
		node_destroy(l, i);
	free(l->air);
	free(l->strays);
	crypto_destroy(l->crypto);
	free(l);
}

static void watch(const struct loop *l, uint32_t node, bool is_before)
{
	if (l->opts.watch != NULL)
		l->opts.watch(l->opts.watch_ctx, node, is_before);
}

// -- the air --

static void *push(void **array, uint32_t *n, uint32_t *cap, size_t size)
{
	if (*n == *cap) {
		*cap = *cap != 0 ? 2 * *cap : 64;
		*array = realloc(*array, *cap * size);
		assert(*array != NULL);
	}
	return (uint8_t *)*array + (*n)++ * size;
}

static void fly(struct loop *l, const struct loop_datagram *d)
{
	struct loop_datagram *copy = push((void **)&l->air, &l->n_air, &l->air_cap, sizeof(*d));

	*copy = *d;
	copy->at_us = l->now_us + l->opts.delay_us;
	if (l->opts.jitter_us > 0)
		copy->at_us += random_below(&l->random, l->opts.jitter_us + 1);
}

static void launch(struct loop *l, const struct loop_datagram *d)
{
	l->n_sent++;
	if ((d->from != INJECTED && l->nodes[d->from].is_cut) ||
	    (l->tap != NULL && !l->tap(l->tap_ctx, l, d)) ||
	    random_below(&l->random, 1000) < l->opts.loss_permille) {
		l->n_lost++;
		return;
	}
	fly(l, d);
	if (random_below(&l->random, 1000) < l->opts.duplicate_permille)
		fly(l, d);
}

void loop_send(struct loop *l, const struct msg_addr *src, const struct msg_addr *dst,
	       struct span datagram)
{
	struct loop_datagram d = {.from = INJECTED, .src = *src, .dst = *dst};

	assert(datagram.len <= sizeof(d.data));
	d.len = (uint16_t)datagram.len;
	if (datagram.len > 0)
		memcpy(d.data, datagram.data, datagram.len);
	launch(l, &d);
}

static bool is_same(const struct msg_addr *a, const struct msg_addr *b)
{
	return a->port == b->port && a->family == b->family &&
	       memcmp(a->ip, b->ip, a->family == 6 ? 16 : 4) == 0;
}

static uint32_t node_at(const struct loop *l, const struct msg_addr *a)
{
	for (uint32_t i = 0; i < l->opts.n_nodes; i++) {
		if (is_same(&l->nodes[i].addr, a))
			return i;
	}
	return INJECTED;
}

static void deliver(struct loop *l, struct loop_datagram *d)
{
	uint32_t to = node_at(l, &d->dst);
	struct pkt pkt = {.data = d->data, .len = d->len, .room = sizeof(d->data)};
	struct loop_datagram *stray;

	if (to == INJECTED) {
		stray = push((void **)&l->strays, &l->n_strays, &l->strays_cap, sizeof(*stray));
		*stray = *d;
		return;
	}
	if (l->nodes[to].is_cut)
		return;
	memcpy(pkt.addr, d->src.ip, sizeof(pkt.addr));
	pkt.port = d->src.port;
	pkt.family = d->src.family;
	pkt.endpoint = l->nodes[to].addr.endpoint;
	pkt.local = d->dst.local;
	watch(l, to, true);
	engine_rx(l->nodes[to].engine, &pkt, 1, l->now_us);
	watch(l, to, false);
}

// Those that are due, earliest first.
static void deliver_due(struct loop *l)
{
	for (;;) {
		struct loop_datagram d;
		uint32_t first = UINT32_MAX;

		for (uint32_t i = 0; i < l->n_air; i++) {
			if (l->air[i].at_us <= l->now_us &&
			    (first == UINT32_MAX || l->air[i].at_us < l->air[first].at_us))
				first = i;
		}
		if (first == UINT32_MAX)
			return;
		d = l->air[first];
		memmove(&l->air[first], &l->air[first + 1], (--l->n_air - first) * sizeof(d));
		deliver(l, &d);
	}
}

bool loop_stray(struct loop *l, struct loop_datagram *d)
{
	if (l->n_strays == 0)
		return false;
	*d = l->strays[0];
	memmove(l->strays, l->strays + 1, --l->n_strays * sizeof(*d));
	return true;
}

// -- a node's turn --

static void collect(struct loop_node *n)
{
	struct report r;

	while (!n->is_deaf && mailbox_pop(n->reports, &r)) {
		if (r.op == REP_SESSION_CLOSED)
			n->is_taken[r.session_idx] = false;
		if (r.op == REP_BODIES_PUT) {
			for (int i = 0; i < BODIES_PER_PUT; i++) {
				if (r.bodies.more[i] != NULL)
					body_put(r.bodies.more[i]);
			}
			continue;
		}
		*(struct report *)push((void **)&n->inbox, &n->n_inbox, &n->inbox_cap, sizeof(r)) =
			r;
	}
}

static void send_one(struct loop *l, uint32_t from, const struct pkt *pkt)
{
	struct loop_node *n = &l->nodes[from];
	struct loop_datagram d = {.from = from, .src = n->addr, .len = pkt->len};

	assert(pkt->len <= LOOP_DATAGRAM_MAX);
	memcpy(d.data, pkt->data, pkt->len);
	if (pkt->path_idx != PATH_NONE) {
		const struct path *p = engine_path(n->engine, pkt->path_idx);

		memcpy(d.dst.ip, p->addr, sizeof(d.dst.ip));
		d.dst.port = p->port;
		d.dst.family = p->family;
		d.src.local = p->local;
	} else {
		memcpy(d.dst.ip, pkt->addr, sizeof(d.dst.ip));
		d.dst.port = pkt->port;
		d.dst.family = pkt->family;
		d.src.local = pkt->local;
	}
	launch(l, &d);
}

static void node_tx(struct loop *l, uint32_t i)
{
	static _Thread_local uint8_t buffers[LENT][LOOP_DATAGRAM_MAX];
	struct pkt room[LENT];
	uint16_t n;

	do {
		for (int k = 0; k < LENT; k++)
			room[k] = (struct pkt){.data = buffers[k], .room = LOOP_DATAGRAM_MAX};
		n = engine_tx(l->nodes[i].engine, room, LENT, l->now_us);
		assert(n <= LENT);
		for (uint16_t k = 0; k < n; k++)
			send_one(l, i, &room[k]);
	} while (n == LENT);
}

static void node_turn(struct loop *l, uint32_t i)
{
	struct loop_node *n = &l->nodes[i];

	watch(l, i, true);
	engine_timers(n->engine, l->now_us);
	collect(n);
	while (engine_commands(n->engine, l->now_us) > 0)
		collect(n);
	node_tx(l, i);
	watch(l, i, false);
	collect(n);
}

void loop_turn(struct loop *l)
{
	deliver_due(l);
	for (uint32_t i = 0; i < l->opts.n_nodes; i++)
		node_turn(l, i);
}

static uint64_t next_event_us(const struct loop *l)
{
	uint64_t next = UINT64_MAX;

	for (uint32_t i = 0; i < l->n_air; i++) {
		if (l->air[i].at_us < next)
			next = l->air[i].at_us;
	}
	for (uint32_t i = 0; i < l->opts.n_nodes; i++) {
		uint64_t at = engine_deadline_us(l->nodes[i].engine);

		if (at <= l->now_us)
			at = l->now_us + STEP_MIN_US;
		if (at < next)
			next = at;
	}
	return next;
}

void loop_run_us(struct loop *l, uint64_t us)
{
	uint64_t end_us = l->now_us + us;

	loop_turn(l);
	for (;;) {
		uint64_t next = next_event_us(l);

		if (next > end_us)
			break;
		if (next > l->now_us)
			l->now_us = next;
		loop_turn(l);
	}
	l->now_us = end_us;
	loop_turn(l);
}

// -- control's side --

void loop_command(struct loop *l, uint32_t node, const struct command *cmd)
{
	bool has_room = mailbox_push(l->nodes[node].commands, cmd);

	assert(has_room);
}

struct body *loop_body(struct loop *l, uint32_t node, const void *data, size_t len)
{
	struct body *b = body_get(l->nodes[node].bodies, (uint32_t)len);

	assert(b != NULL);
	if (len > 0)
		memcpy(b->data, data, len);
	return b;
}

void loop_put(struct loop *l, uint32_t node, struct body *b)
{
	struct command cmd = {.op = CMD_BODIES_PUT};

	if (b == NULL)
		return;
	cmd.bodies.more[0] = b;
	loop_command(l, node, &cmd);
	engine_commands(l->nodes[node].engine, l->now_us);
	collect(&l->nodes[node]);
}

bool loop_take(struct loop *l, uint32_t node, enum report_op op, struct report *r)
{
	struct loop_node *n = &l->nodes[node];

	for (uint32_t i = 0; i < n->n_inbox; i++) {
		if (n->inbox[i].op != op)
			continue;
		*r = n->inbox[i];
		memmove(&n->inbox[i], &n->inbox[i + 1], (--n->n_inbox - i) * sizeof(*r));
		return true;
	}
	return false;
}

uint32_t loop_count(const struct loop *l, uint32_t node, enum report_op op)
{
	const struct loop_node *n = &l->nodes[node];
	uint32_t count = 0;

	for (uint32_t i = 0; i < n->n_inbox; i++)
		count += n->inbox[i].op == op;
	return count;
}

void loop_forget(struct loop *l, uint32_t node)
{
	struct loop_node *n = &l->nodes[node];

	while (n->n_inbox > 0) {
		struct report r = n->inbox[--n->n_inbox];

		loop_put(l, node, r.body);
	}
}

// -- sessions --

static void random_key(struct loop *l, uint8_t *enc, uint8_t *dec)
{
	uint8_t key[CRYPTO_KEY_LEN];
	alignas(16) uint8_t scheds[2][CRYPTO_SCHED_LEN];

	random_fill(&l->random, key, sizeof(key));
	crypto_expand(l->crypto, key, scheds[0], scheds[1]);
	memcpy(enc, scheds[0], CRYPTO_SCHED_LEN);
	memcpy(dec, scheds[1], CRYPTO_SCHED_LEN);
}

static void random_hmac(struct loop *l, uint8_t *sealing, uint8_t *opening)
{
	uint8_t key[CRYPTO_HMAC_KEY_LEN];
	struct hmac_keys keys;

	random_fill(&l->random, key, sizeof(key));
	crypto_hmac_expand(l->crypto, key, &keys);
	memcpy(sealing, keys.state, sizeof(keys.state));
	memcpy(opening, keys.state, sizeof(keys.state));
}

// Other worlds' nodes have slots of their own.
static uint32_t slot_take(struct loop *l, uint32_t node)
{
	struct loop_node *n;
	uint32_t slot = 0;

	if (node >= l->opts.n_nodes)
		return 0;
	n = &l->nodes[node];
	while (slot < n->n_slots && n->is_taken[slot])
		slot++;
	assert(slot < n->n_slots);
	n->is_taken[slot] = true;
	return slot;
}

// Far ends that are no node of the loop (far_end.h) have no worker.
static uint32_t worker_of(const struct loop *l, uint32_t node)
{
	return node < l->opts.n_nodes ? l->nodes[node].worker : 0;
}

struct loop_pair loop_prepare(struct loop *l, uint32_t a, uint32_t b, const struct loop_form *form,
			      struct session_seed seeds[2])
{
	struct loop_pair p = {.node = {a, b}};

	memset(seeds, 0, 2 * sizeof(seeds[0]));
	for (int i = 0; i < 2; i++) {
		struct session_seed *tx = &seeds[i], *rx = &seeds[!i];

		p.slot[i] = slot_take(l, p.node[i]);
		p.id[i] = session_id_make(worker_of(l, p.node[i]), p.slot[i],
					  1 + (uint32_t)random_below(&l->random, 1023));
		rx->far_id = p.id[i];
		random_key(l, tx->tx_sched, rx->rx_sched);
		random_hmac(l, tx->tx_hmac, rx->rx_hmac);
		tx->tx_tag_len = rx->rx_tag_len = form->tag_len;
		tx->flags = i == 0 ? SEED_INITIATOR : 0;
		tx->flags |= form->has_sseq ? SEED_TX_SSEQ | SEED_RX_SSEQ : 0;
		tx->keepalive_us = form->keepalive_us;
		tx->rtt_us = form->rtt_us;
		rx->far = p.node[i] < l->opts.n_nodes ? l->nodes[p.node[i]].addr
						      : loop_addr(p.node[i], 1935);
	}
	return p;
}

void loop_add(struct loop *l, uint32_t node, uint32_t slot, uint32_t id,
	      const struct session_seed *seed)
{
	struct loop_node *n = &l->nodes[node];
	struct command cmd = {
		.op = CMD_SESSION_ADD, .session_idx = slot, .session_id = id, .len = sizeof(*seed)};

	n->seeds[slot] = *seed;
	cmd.body = loop_body(l, node, seed, sizeof(*seed));
	loop_command(l, node, &cmd);
	engine_commands(n->engine, l->now_us);
	collect(n);
}

struct loop_pair loop_connect(struct loop *l, uint32_t a, uint32_t b, const struct loop_form *form)
{
	struct session_seed seeds[2];
	struct loop_pair p = loop_prepare(l, a, b, form, seeds);

	for (int i = 0; i < 2; i++)
		loop_add(l, p.node[i], p.slot[i], p.id[i], &seeds[i]);
	return p;
}

int loop_open(struct loop *l, const struct loop_datagram *d, uint8_t buf[LOOP_DATAGRAM_MAX],
	      struct span *plain)
{
	uint32_t to = node_at(l, &d->dst), id;

	if (to == INJECTED || ssid_unscramble(d->data, d->len, &id) != 0 || id == 0 ||
	    session_id_slot(id) >= l->nodes[to].n_slots)
		return -1;
	return seed_open(l->crypto, &l->nodes[to].seeds[session_id_slot(id)],
			 span_of(d->data, d->len), buf, plain);
}

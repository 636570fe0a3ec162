#include "tests/sim/traffic.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/crypto.h"
#include "dataplane/core/internal.h"
#include "tests/sim/test_cipher.h"

#define START_US     10000000 // no clock starts at 0
#define PORT         1935
#define TCP_PORT     80 // of the first connection
#define RING         1024
#define LENT         64
#define ROOM         2048
#define STEP_MIN_US  1000 // when an engine says "now" although it was just asked
#define BACKLOG_MAX  64   // messages of a flow that always has more
#define QUEUE_MAX    3000 // messages at one end; what is due beyond waits with its time
#define DATA_BYTES   500  // no packet without user data is longer, but for probes
#define FIRST_SLOT   5
#define METADATA     "\x54\x43\x04"
#define METADATA_LEN 3

// A message begins with it; the rest is its number's low octet.
struct label {
	uint32_t flow, len;
	uint64_t number, written_us;
};

// ---- making ----

static void deliver(void *ctx, uint32_t host, struct net_addr src, struct net_addr dst,
		    uint8_t *data, uint16_t len);

struct traffic *traffic_create(const struct sim_run *run)
{
	struct traffic *t = calloc(1, sizeof(*t));

	assert(t != NULL);
	t->run = run;
	t->now_us = START_US;
	t->random = random_seeded(&t->random_state, run->seed);
	t->net = net_create(run->seed, deliver, t);
	t->crypto = run->has_test_keys ? test_cipher_create() : crypto_create(CRYPTO_AUTO);
	assert(t->crypto != NULL);
	return t;
}

void traffic_destroy(struct traffic *t)
{
	if (t->run->digest != NULL)
		*t->run->digest ^= t->digest;
	for (uint32_t i = 0; i < t->n_flows; i++)
		free(t->flows[i].late_us);
	for (uint32_t i = 0; i < t->n_ends; i++) {
		engine_destroy(t->ends[i].engine);
		body_pool_destroy(t->ends[i].bodies);
		mailbox_destroy(t->ends[i].commands);
		mailbox_destroy(t->ends[i].reports);
	}
	crypto_destroy(t->crypto);
	net_destroy(t->net);
	free(t);
}

uint32_t traffic_end(struct traffic *t, const struct net_link *up, const struct net_link *down)
{
	struct traffic_end *e = &t->ends[t->n_ends];
	struct engine_opts o;

	assert(t->n_ends < TRAFFIC_ENDS_MAX);
	e->commands = mailbox_create(RING);
	e->reports = mailbox_create(RING);
	e->bodies = body_pool_create(64u << 20);
	engine_opts_member(&o);
	o.sessions_max = TRAFFIC_SESSIONS_MAX;
	o.flows_tx_max = o.flows_rx_max = 64;
	o.messages_max = o.rx_cells_max = 8192;
	o.streams_max = o.links_max = o.extents_max = 16;
	o.crypto = t->crypto;
	o.random = &t->random;
	o.commands = e->commands;
	o.reports = e->reports;
	e->engine = engine_create(&o);
	assert(e->commands != NULL && e->reports != NULL && e->bodies != NULL && e->engine != NULL);
	e->host = net_host(t->net, NET_PUBLIC, up, down);
	return t->n_ends++;
}

// ---- control's side ----

static void command(struct traffic *t, uint32_t session, int half, struct command *cmd)
{
	const struct traffic_session *s = &t->sessions[session];
	struct traffic_end *e = &t->ends[s->end[half]];
	bool has_room;

	cmd->session_idx = s->slot[half];
	cmd->session_id = s->id[half];
	has_room = mailbox_push(e->commands, cmd);
	assert(has_room);
	e->is_touched = true;
}

static void random_key(struct traffic *t, uint8_t *enc, uint8_t *dec)
{
	alignas(16) uint8_t scheds[2][CRYPTO_SCHED_LEN];
	uint8_t key[CRYPTO_KEY_LEN];

	random_fill(&t->random, key, sizeof(key));
	crypto_expand(t->crypto, key, scheds[0], scheds[1]);
	memcpy(enc, scheds[0], CRYPTO_SCHED_LEN);
	memcpy(dec, scheds[1], CRYPTO_SCHED_LEN);
}

uint32_t traffic_connect(struct traffic *t, uint32_t initiator, uint32_t responder)
{
	struct traffic_session *s = &t->sessions[t->n_sessions];
	struct session_seed seeds[2] = {0};

	assert(t->n_sessions < TRAFFIC_SESSIONS_MAX);
	s->end[0] = initiator;
	s->end[1] = responder;
	for (int i = 0; i < 2; i++) {
		const struct traffic_end *far = &t->ends[s->end[!i]];
		uint32_t ip = net_ip(t->net, far->host);

		s->slot[i] = t->n_sessions;
		s->id[i] = session_id_make(0, s->slot[i], 1);
		random_key(t, seeds[i].tx_sched, seeds[!i].rx_sched);
		seeds[!i].far_id = s->id[i];
		seeds[i].rtt_us = t->startup_rtt_us;
		seeds[i].flags = SEED_TX_SSEQ | SEED_RX_SSEQ | (i == 0 ? SEED_INITIATOR : 0);
		seeds[i].far = (struct msg_addr){.port = PORT, .family = 4};
		for (int k = 0; k < 4; k++)
			seeds[i].far.ip[k] = (uint8_t)(ip >> (24 - 8 * k));
	}
	for (int i = 0; i < 2; i++) {
		struct command cmd = {.op = CMD_SESSION_ADD, .len = sizeof(seeds[i])};

		cmd.body = body_get(t->ends[s->end[i]].bodies, sizeof(seeds[i]));
		assert(cmd.body != NULL);
		memcpy(cmd.body->data, &seeds[i], sizeof(seeds[i]));
		command(t, t->n_sessions, i, &cmd);
	}
	return t->n_sessions++;
}

struct traffic_flow *traffic_flow(struct traffic *t, const struct traffic_flow_opts *o)
{
	struct traffic_flow *f = &t->flows[t->n_flows];
	struct command cmd = {.op = CMD_FLOW_OPEN};

	assert(t->n_flows < TRAFFIC_FLOWS_MAX);
	assert(o->message_bytes >= sizeof(struct label) && o->message_bytes <= TRAFFIC_MESSAGE_MAX);
	*f = (struct traffic_flow){.opts = *o, .slot = (uint16_t)(FIRST_SLOT + t->n_flows)};
	f->write_us = t->now_us;
	cmd.flow = f->slot;
	cmd.open.flow_id = f->slot;
	cmd.open.rule_stream = NO_STREAM;
	cmd.open.flags = o->is_time_critical ? FLOW_OPEN_TC : 0;
	cmd.open.prio = o->is_bulk ? PRIO_BULK : PRIO_CONTROL;
	cmd.open.meta_len = METADATA_LEN;
	memcpy(cmd.open.meta, METADATA, METADATA_LEN);
	command(t, o->session, 0, &cmd);
	t->n_flows++;
	return f;
}

struct tcp *traffic_tcp(struct traffic *t, uint32_t from, uint32_t to)
{
	struct tcp *c = &t->tcps[t->n_tcps];

	assert(t->n_tcps < TRAFFIC_TCPS_MAX);
	tcp_init(c, t->net, t->ends[from].host, t->ends[to].host, (uint16_t)(TCP_PORT + t->n_tcps));
	t->n_tcps++;
	tcp_start(c, t->now_us);
	return c;
}

// ---- what is written ----

static struct traffic_end *writer(struct traffic *t, const struct traffic_flow *f)
{
	return &t->ends[t->sessions[f->opts.session].end[0]];
}

static void write_message(struct traffic *t, struct traffic_flow *f)
{
	struct traffic_end *e = writer(t, f);
	struct label label = {(uint32_t)(f - t->flows), f->opts.message_bytes, f->n_written++,
			      f->opts.every_us > 0 ? f->write_us : t->now_us};
	struct command cmd = {.op = CMD_FLOW_SEND, .flow = f->slot, .len = label.len};

	cmd.body = body_get(e->bodies, label.len);
	assert(cmd.body != NULL);
	memset(cmd.body->data, (uint8_t)label.number, label.len);
	memcpy(cmd.body->data, &label, sizeof(label));
	command(t, f->opts.session, 0, &cmd);
	if (f->n_written == f->opts.n_messages)
		command(t, f->opts.session, 0,
			&(struct command){.op = CMD_FLOW_CLOSE, .flow = f->slot});
}

static bool has_ended(const struct traffic_flow *f)
{
	return f->opts.n_messages > 0 && f->n_written == f->opts.n_messages;
}

// When the clock, and not what is acknowledged, lets it go on.
static uint64_t write_due_us(struct traffic *t, const struct traffic_flow *f)
{
	if (f->opts.every_us == 0 || has_ended(f) ||
	    body_pool_lent(writer(t, f)->bodies) >= QUEUE_MAX)
		return UINT64_MAX;
	return f->write_us;
}

static void write_flow(struct traffic *t, struct traffic_flow *f)
{
	if (f->opts.every_us == 0) {
		while (!has_ended(f) && f->n_written - f->n_delivered < BACKLOG_MAX)
			write_message(t, f);
		return;
	}
	for (; write_due_us(t, f) <= t->now_us; f->write_us += f->opts.every_us)
		write_message(t, f);
}

// ---- what arrives ----

static void on_message(struct traffic *t, const struct report *r)
{
	struct traffic_flow *f;
	struct label label;

	assert(r->len >= sizeof(label));
	memcpy(&label, r->body->data, sizeof(label));
	if (label.flow >= t->n_flows || label.len != r->len ||
	    r->body->data[r->len - 1] != (uint8_t)label.number)
		sim_fail(t->run, "a message came damaged");
	f = &t->flows[label.flow];
	if (label.number != f->n_delivered || r->message.gap_before)
		sim_fail(t->run, "message %llu of flow %u came where %llu was expected",
			 (unsigned long long)label.number, label.flow,
			 (unsigned long long)f->n_delivered);
	if (f->n_delivered == f->late_cap) {
		f->late_cap = f->late_cap > 0 ? 2 * f->late_cap : 256;
		f->late_us = realloc(f->late_us, f->late_cap * sizeof(*f->late_us));
		assert(f->late_us != NULL);
	}
	f->late_us[f->n_delivered++] = (uint32_t)(t->now_us - label.written_us);
}

static void give_back(struct traffic_end *e, struct body *b)
{
	struct command cmd = {.op = CMD_BODIES_PUT};
	bool has_room;

	cmd.bodies.more[0] = b;
	has_room = mailbox_push(e->commands, &cmd);
	assert(has_room);
	e->is_touched = true;
}

static void on_opened(struct traffic_end *e, const struct report *r)
{
	struct command cmd = {.op = CMD_FLOW_CLASS,
			      .flow = r->flow,
			      .session_idx = r->session_idx,
			      .session_id = r->session_id};
	bool has_room;

	cmd.class.flow_id = r->opened.flow_id;
	cmd.class.class = FLOW_CONTROL;
	has_room = mailbox_push(e->commands, &cmd);
	assert(has_room);
	e->is_touched = true;
}

static void on_freed(struct traffic *t, uint32_t end, const struct report *r)
{
	for (uint32_t i = 0; i < t->n_flows; i++) {
		const struct traffic_session *s = &t->sessions[t->flows[i].opts.session];

		if (s->end[0] == end && s->slot[0] == r->session_idx && t->flows[i].slot == r->flow)
			t->flows[i].is_finished = true;
	}
}

static void on_report(struct traffic *t, uint32_t end, const struct report *r)
{
	struct traffic_end *e = &t->ends[end];

	if (r->op == REP_BODIES_PUT) {
		for (int i = 0; i < BODIES_PER_PUT; i++)
			if (r->bodies.more[i] != NULL)
				body_put(r->bodies.more[i]);
		return;
	}
	if (r->op == REP_FLOW_OPENED)
		on_opened(e, r);
	else if (r->op == REP_MESSAGE)
		on_message(t, r);
	else if (r->op == REP_FLOW_FREED)
		on_freed(t, end, r);
	else if (r->op == REP_SESSION_CLOSING)
		e->n_closed++;
	if (r->body != NULL)
		give_back(e, r->body);
}

static void collect(struct traffic *t, uint32_t end)
{
	struct report r;

	while (mailbox_pop(t->ends[end].reports, &r))
		on_report(t, end, &r);
}

// ---- time ----

static void deliver(void *ctx, uint32_t host, struct net_addr src, struct net_addr dst,
		    uint8_t *data, uint16_t len)
{
	struct traffic *t = ctx;
	struct pkt p = {.data = data, .len = len, .room = len, .port = src.port, .family = 4};

	if (dst.port != PORT) {
		tcp_receive(&t->tcps[dst.port - TCP_PORT], host, data, len, t->now_us);
		return;
	}
	p.session_idx = SESSION_NONE;
	p.path_idx = PATH_NONE;
	for (int k = 0; k < 4; k++)
		p.addr[k] = (uint8_t)(src.ip >> (24 - 8 * k));
	for (uint32_t i = 0; i < t->n_ends; i++) {
		if (t->ends[i].host != host)
			continue;
		engine_rx(t->ends[i].engine, &p, 1, t->now_us);
		t->ends[i].is_touched = true;
	}
}

// So that a run that does not repeat itself shows (FNV-1a over time, length and a few octets).
static void note(struct traffic *t, const uint8_t *data, uint16_t len)
{
	uint64_t words[3] = {t->now_us, len};

	memcpy(&words[2], data, len < 8 ? len : 8);
	for (int i = 0; i < 3; i++)
		t->digest = (t->digest ^ words[i]) * 0x100000001b3;
}

// User data since the last ack or timeout (§3.5.2.3), as an onlooker sees it: by size.
static void count_burst(struct traffic_end *e, const struct pkt *p)
{
	const struct worker_stats *s = engine_stats(e->engine);

	if (s->acks_received + s->timeouts != e->n_answers) {
		e->n_answers = s->acks_received + s->timeouts;
		e->n_burst = 0;
	}
	if (p->len >= DATA_BYTES && !(p->flags & PKT_PROBE) && ++e->n_burst > e->n_burst_max)
		e->n_burst_max = e->n_burst;
}

static void transmit(struct traffic *t, struct traffic_end *e)
{
	static _Thread_local uint8_t buffers[LENT][ROOM];
	struct pkt room[LENT];
	uint16_t n;

	do {
		for (int i = 0; i < LENT; i++)
			room[i] = (struct pkt){.data = buffers[i], .room = ROOM};
		n = engine_tx(e->engine, room, LENT, t->now_us);
		for (uint16_t i = 0; i < n; i++) {
			const struct path *p = engine_path(e->engine, room[i].path_idx);
			struct net_addr to = {(uint32_t)p->addr[0] << 24 | p->addr[1] << 16 |
						      p->addr[2] << 8 | p->addr[3],
					      p->port};

			if (t->loses_probes && room[i].flags & PKT_PROBE)
				continue;
			count_burst(e, &room[i]);
			note(t, room[i].data, room[i].len);
			net_send(t->net, e->host, PORT, to, room[i].data, room[i].len, t->now_us);
		}
	} while (n == LENT);
}

static void turn(struct traffic *t, uint32_t end)
{
	struct traffic_end *e = &t->ends[end];

	e->is_touched = false;
	engine_timers(e->engine, t->now_us);
	collect(t, end);
	do {
		for (uint32_t i = 0; i < t->n_flows; i++)
			if (writer(t, &t->flows[i]) == e)
				write_flow(t, &t->flows[i]);
		while (engine_commands(e->engine, t->now_us) > 0)
			collect(t, end);
		transmit(t, e);
		collect(t, end);
	} while (mailbox_n(e->commands) > 0);
	e->turn_us = engine_deadline_us(e->engine);
	if (e->turn_us <= t->now_us)
		e->turn_us = t->now_us + STEP_MIN_US;
}

static uint64_t next_us(struct traffic *t)
{
	uint64_t next = net_deadline_us(t->net);

	for (uint32_t i = 0; i < t->n_ends; i++)
		if (t->ends[i].turn_us < next)
			next = t->ends[i].turn_us;
	for (uint32_t i = 0; i < t->n_flows; i++)
		if (write_due_us(t, &t->flows[i]) < next)
			next = write_due_us(t, &t->flows[i]);
	for (uint32_t i = 0; i < t->n_tcps; i++)
		if (tcp_deadline_us(&t->tcps[i]) < next)
			next = tcp_deadline_us(&t->tcps[i]);
	return next;
}

static void happen(struct traffic *t)
{
	while (net_step(t->net, t->now_us))
		;
	for (uint32_t i = 0; i < t->n_tcps; i++)
		tcp_timers(&t->tcps[i], t->now_us);
	for (uint32_t i = 0; i < t->n_flows; i++)
		if (write_due_us(t, &t->flows[i]) <= t->now_us)
			writer(t, &t->flows[i])->is_touched = true;
	for (uint32_t i = 0; i < t->n_ends; i++)
		if (t->ends[i].is_touched || t->ends[i].turn_us <= t->now_us)
			turn(t, i);
}

static bool step(struct traffic *t, uint64_t end_us)
{
	uint64_t next = next_us(t);

	if (next > end_us)
		return false;
	t->now_us = next > t->now_us ? next : t->now_us;
	happen(t);
	return true;
}

void traffic_run_us(struct traffic *t, uint64_t us)
{
	uint64_t end_us = t->now_us + us;

	happen(t);
	while (step(t, end_us))
		;
	t->now_us = end_us;
}

uint64_t traffic_run_flow(struct traffic *t, const struct traffic_flow *f, uint64_t us_max)
{
	uint64_t end_us = t->now_us + us_max;

	happen(t);
	while (!f->is_finished && step(t, end_us))
		;
	return t->now_us;
}

// ---- figures ----

struct session *traffic_session(struct traffic *t, uint32_t session)
{
	const struct traffic_session *s = &t->sessions[session];

	return session_at(t->ends[s->end[0]].engine, s->slot[0]);
}

static int by_size(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

uint32_t traffic_late_us(const struct traffic_flow *f, double quantile)
{
	uint32_t late_us, *sorted;
	uint64_t at = (uint64_t)(quantile * (double)f->n_delivered);

	if (f->n_delivered == 0)
		return 0;
	sorted = malloc(f->n_delivered * sizeof(*sorted));
	assert(sorted != NULL);
	memcpy(sorted, f->late_us, f->n_delivered * sizeof(*sorted));
	qsort(sorted, f->n_delivered, sizeof(*sorted), by_size);
	late_us = sorted[at < f->n_delivered ? at : f->n_delivered - 1];
	free(sorted);
	return late_us;
}

void traffic_promise_whole(struct traffic *t, const struct traffic_flow *f)
{
	for (uint32_t i = 0; i < t->n_ends; i++)
		if (t->ends[i].n_closed > 0)
			sim_fail(t->run, "a session was closed");
	if (!f->is_finished || f->n_delivered != f->n_written)
		sim_fail(t->run, "%llu of %llu messages came through",
			 (unsigned long long)f->n_delivered, (unsigned long long)f->n_written);
}

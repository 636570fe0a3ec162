#include "perf/host.h"

#include <stdlib.h>
#include <string.h>

#include "control/startup/key_list.h"
#include "perf/bench.h"

#define RING       4096
#define BODY_BYTES (256u << 20) // address space; pages come with use
#define NO_LIMIT   100000000
#define PUMPS_MAX  64

struct wire_addr perf_addr(uint32_t ip, uint16_t port)
{
	return (struct wire_addr){
		.ip = {(uint8_t)(ip >> 24), (uint8_t)(ip >> 16), (uint8_t)(ip >> 8), (uint8_t)ip},
		.port = port,
		.family = 4};
}

// ---- who it is ----

bool perf_endpoint_of_group(struct identity_endpoint *e, uint8_t group, const struct random *rng)
{
	uint8_t salt[CERTIFICATE_RANDOM_LEN];
	struct certificate_form form = {.extra_randomness = span_of(salt, sizeof(salt)),
					.ephemeral = &group,
					.n_ephemeral = 1};
	int len;

	random_fill(rng, salt, sizeof(salt));
	len = certificate_build(e->certificate, sizeof(e->certificate), &form);
	e->certificate_len = (uint16_t)(len > 0 ? len : 0);
	return len > 0;
}

// ---- create, destroy ----

static void set_endpoints(struct perf_host *h)
{
	struct perf_host_opts *o = &h->opts;
	struct startup_endpoint *member = &h->endpoints[o->is_super ? HOST_MEMBER : 0];

	*member = (struct startup_endpoint){.identity = &o->identity->member,
					    .policy = &o->policy,
					    .answers_hello = true,
					    .answers_fihello = true,
					    .may_initiate = !o->is_super};
	if (!o->is_super)
		return;
	member->public_addrs[0] = o->addr;
	member->public_addrs[0].port++;
	member->n_public = 1;
	h->endpoints[HOST_SERVER] = (struct startup_endpoint){.identity = &o->identity->server,
							      .policy = &o->policy,
							      .answers_hello = true,
							      .introduces = true};
}

static bool create_engine(struct perf_host *h)
{
	struct engine_opts o;

	if (h->opts.is_super)
		engine_opts_appliance(&o, h->opts.sessions_max, 1024);
	else
		engine_opts_member(&o);
	o.crypto = h->opts.crypto;
	o.random = (struct random *)h->opts.random;
	o.commands = h->commands;
	o.reports = h->reports;
	o.sessions_max = h->opts.sessions_max;
	o.hellos_per_s = h->opts.hellos_per_s > 0 ? h->opts.hellos_per_s : NO_LIMIT;
	if (h->opts.hellos_per_s == 0)
		o.startup_per_s = o.startup_per_prefix_per_s = o.startup_per_address_per_s = 0;
	o.keyings_per_s = NO_LIMIT;
	h->engine = engine_create(&o);
	return h->engine != NULL;
}

static bool create_node(struct perf_host *h, uint64_t now_us)
{
	bool is_super = h->opts.is_super;
	struct node_opts o = {.outbox = h->outbox,
			      .keyer = h->opts.keyer,
			      .random = h->opts.random,
			      .endpoints = h->endpoints,
			      .n_endpoints = is_super ? 2 : 1,
			      .server_endpoint = is_super ? HOST_SERVER : NODE_NO_ENDPOINT,
			      .member_endpoint = is_super ? HOST_MEMBER : 0,
			      .is_super = is_super,
			      .introduce_unlisted = is_super,
			      .sessions_max = h->opts.sessions_max,
			      .keyings_max = 4096,
			      .keepalive_nat_us = 15000000,
			      .keepalive_public_us = 20000000,
			      .groups_max = 4,
			      .introduced_groups_max = 16,
			      .members_max = 4096,
			      .neighbours_max = h->opts.sessions_max,
			      .streams_max = 8,
			      .streams_total_max = 16,
			      .extents_per_stream = 64,
			      .keyings_per_ip = {NO_LIMIT, NO_LIMIT},
			      .n_local_addrs = 1};

	o.local_addrs[0] = is_super ? h->endpoints[HOST_MEMBER].public_addrs[0] : h->opts.addr;
	if (is_super)
		o.server_addr = h->opts.addr;
	h->node = node_create(&o, now_us);
	return h->node != NULL;
}

struct perf_host *perf_host_create(const struct perf_host_opts *o, uint64_t now_us)
{
	struct perf_host *h = calloc(1, sizeof(*h));

	if (h == NULL)
		return NULL;
	h->opts = *o;
	h->commands = mailbox_create(RING);
	h->reports = mailbox_create(RING);
	h->bodies = body_pool_create(o->is_super ? BODY_BYTES : BODY_BYTES / 16);
	h->buffers = malloc(ENGINE_BURST_MAX * sizeof(*h->buffers));
	if (h->commands != NULL && h->bodies != NULL)
		h->outbox = outbox_create(&h->commands, 1, h->bodies);
	set_endpoints(h);
	if (h->reports != NULL && h->buffers != NULL && h->outbox != NULL && create_engine(h) &&
	    create_node(h, now_us))
		return h;
	perf_host_destroy(h);
	return NULL;
}

void perf_host_destroy(struct perf_host *h)
{
	if (h == NULL)
		return;
	if (h->node != NULL)
		node_destroy(h->node);
	if (h->engine != NULL)
		engine_destroy(h->engine);
	if (h->outbox != NULL)
		outbox_destroy(h->outbox);
	if (h->bodies != NULL)
		body_pool_destroy(h->bodies);
	mailbox_destroy(h->commands);
	mailbox_destroy(h->reports);
	free(h->buffers);
	free(h);
}

// ---- turns ----

struct pkt perf_host_pkt(uint8_t *data, uint16_t len, const struct wire_addr *src, uint8_t endpoint)
{
	struct pkt p = {.data = data,
			.len = len,
			.room = len,
			.port = src->port,
			.family = src->family,
			.endpoint = endpoint,
			.session_idx = SESSION_NONE,
			.path_idx = PATH_NONE};

	memcpy(p.addr, src->ip, sizeof(p.addr));
	return p;
}

static void send_one(struct perf_host *h, const struct pkt *p)
{
	struct wire_addr to = {.port = p->port, .family = p->family};
	uint8_t endpoint = p->endpoint;

	memcpy(to.ip, p->addr, sizeof(to.ip));
	if (p->path_idx != PATH_NONE) {
		const struct path *path = engine_path(h->engine, p->path_idx);

		memcpy(to.ip, path->addr, sizeof(to.ip));
		to.port = path->port;
		to.family = path->family;
		endpoint = path->endpoint;
	}
	h->opts.out(h->opts.ctx, h, &to, endpoint, p->data, p->len);
}

static void transmit(struct perf_host *h, uint64_t now_us)
{
	struct pkt room[ENGINE_BURST_MAX];
	uint16_t n;

	do {
		for (unsigned i = 0; i < ENGINE_BURST_MAX; i++)
			room[i] = (struct pkt){.data = h->buffers[i],
					       .room = HOST_ROOM,
					       .session_idx = SESSION_NONE,
					       .path_idx = PATH_NONE};
		n = engine_tx(h->engine, room, ENGINE_BURST_MAX, now_us);
		for (uint16_t i = 0; i < n; i++)
			send_one(h, &room[i]);
	} while (n == ENGINE_BURST_MAX);
}

void perf_host_engine(struct perf_host *h, uint64_t now_us)
{
	engine_timers(h->engine, now_us);
	while (engine_commands(h->engine, now_us) == ENGINE_TURN_COMMANDS)
		;
	transmit(h, now_us);
}

bool perf_host_control(struct perf_host *h, uint64_t now_us)
{
	struct report r;

	while (mailbox_pop(h->reports, &r))
		node_report(h->node, 0, &r, now_us);
	node_timers(h->node, now_us);
	outbox_flush(h->outbox);
	return mailbox_n(h->commands) > 0;
}

void perf_host_turn(struct perf_host *h, uint64_t now_us)
{
	for (unsigned i = 0; i < PUMPS_MAX; i++) {
		perf_host_engine(h, now_us);
		if (!perf_host_control(h, now_us) && mailbox_n(h->reports) == 0)
			return;
	}
}

uint64_t perf_host_deadline_us(const struct perf_host *h)
{
	uint64_t a = engine_deadline_us(h->engine), b = node_deadline_us(h->node);

	if (mailbox_n(h->commands) > 0 || mailbox_n(h->reports) > 0)
		return 0;
	return a < b ? a : b;
}

// ---- keys that are made up ----

struct made_keyer {
	struct keyer keyer; // first: what callers hold
	struct key_list done;
};

void made_secrets(struct session_secrets *s, uint32_t session_id)
{
	const struct packet_form form = {16, true};

	memset(s, 0, sizeof(*s));
	bench_octets(s->encrypt_key, SHA256_LEN, session_id * UINT64_C(4));
	bench_octets(s->decrypt_key, SHA256_LEN, session_id * UINT64_C(4) + 1);
	bench_octets(s->hmac_send_key, SHA256_LEN, session_id * UINT64_C(4) + 2);
	bench_octets(s->hmac_recv_key, SHA256_LEN, session_id * UINT64_C(4) + 3);
	bench_octets(s->near_nonce, SHA256_LEN, session_id);
	bench_octets(s->far_nonce, SHA256_LEN, ~session_id);
	s->tx = s->rx = form;
}

static bool made_submit(struct keyer *keyer, struct key_job *job)
{
	job->result = 0;
	job->keying.pair.group = DH_GROUP_14;
	job->keying.component_len = 360; // an ephemeral key of group 14, randomness, negotiation
	bench_octets(job->keying.component, job->keying.component_len, job->session_id);
	made_secrets(&job->secrets, job->session_id);
	key_list_put(&((struct made_keyer *)keyer)->done, job);
	return true;
}

static struct key_job *made_poll(struct keyer *keyer)
{
	return key_list_take(&((struct made_keyer *)keyer)->done);
}

static void made_destroy(struct keyer *keyer)
{
	free(keyer);
}

struct keyer *made_keyer_create(void)
{
	struct made_keyer *k = calloc(1, sizeof(*k));

	if (k == NULL)
		return NULL;
	k->keyer = (struct keyer){made_submit, made_poll, made_destroy, .wake_fd = -1};
	return &k->keyer;
}

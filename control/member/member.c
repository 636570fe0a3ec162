#include "control/member/member.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/member/clock.h"
#include "control/startup/keyer.h"
#include "crypto/crypto.h"

#define COMMAND_RING 1024
#define REPORT_RING  4096
#define BODY_BYTES   (16u << 20) // address space; pages come with use
#define PUMPS_MAX    4           // node <-> engine rounds per turn

struct member {
	struct member_shared *shared;
	struct mailbox *commands, *reports;
	struct body_pool *bodies;
	struct outbox *outbox;
	struct keyer *keyer;
	struct engine *engine;
	struct udp_world *world;
	struct node *node;
	void *user;
};

int member_shared_init(struct member_shared *s)
{
	*s = (struct member_shared){.random = random_system()};
	s->crypto = crypto_create(CRYPTO_AUTO);
	if (s->crypto == NULL)
		return -errno;
	s->scratch = udp_scratch_create();
	if (s->scratch == NULL) {
		crypto_destroy(s->crypto);
		return -ENOMEM;
	}
	return 0;
}

void member_shared_fini(struct member_shared *s)
{
	udp_scratch_destroy(s->scratch);
	crypto_destroy(s->crypto);
}

static int create_rings(struct member *m)
{
	m->commands = mailbox_create(COMMAND_RING);
	m->reports = mailbox_create(REPORT_RING);
	m->bodies = body_pool_create(BODY_BYTES);
	if (m->commands == NULL || m->reports == NULL || m->bodies == NULL)
		return -ENOMEM;
	m->outbox = outbox_create(&m->commands, 1, m->bodies);
	return m->outbox != NULL ? 0 : -ENOMEM;
}

static int create_engine(struct member *m, const struct member_opts *o)
{
	struct engine_opts eo = o->engine;

	eo.worker = 0;
	eo.n_workers = 1;
	eo.crypto = m->shared->crypto;
	eo.random = &m->shared->random;
	eo.commands = m->commands;
	eo.reports = m->reports;
	eo.handoff_to = eo.handoff_from = NULL;
	m->engine = engine_create(&eo);
	if (m->engine == NULL)
		return -errno;
	m->world = udp_world_create(m->engine, m->shared->scratch);
	return m->world != NULL ? 0 : -ENOMEM;
}

static int bind_all(struct member *m, const struct member_opts *o, char *why, uint32_t why_max)
{
	for (uint8_t i = 0; i < o->n_endpoints; i++) {
		char text[WIRE_ADDR_TEXT_MAX];
		int err = udp_world_bind(m->world, i, &o->binds[i]);

		if (err == 0)
			continue;
		snprintf(why, why_max, "cannot bind UDP %s: %s",
			 wire_addr_format(&o->binds[i], text), strerror(-err));
		return err;
	}
	return 0;
}

static int listen_all(struct member *m, const struct member_opts *o, char *why, uint32_t why_max)
{
	for (uint8_t i = 0; i < o->n_places; i++) {
		const struct groupspec_place *p = &o->places[i];
		char text[WIRE_ADDR_TEXT_MAX];
		int err = udp_world_listen(m->world, &p->addr, &p->source);

		if (err == 0)
			continue;
		snprintf(why, why_max, "cannot listen to IP multicast %s: %s",
			 wire_addr_format(&p->addr, text), strerror(-err));
		return err;
	}
	return 0;
}

static int create_node(struct member *m, const struct member_opts *o)
{
	struct node_opts no = o->node;

	no.outbox = m->outbox;
	no.keyer = m->keyer;
	no.random = &m->shared->random;
	no.endpoints = o->endpoints;
	no.n_endpoints = o->n_endpoints;
	no.sessions_max = o->engine.sessions_max;
	no.streams_total_max = o->engine.streams_max;
	for (uint8_t i = 0; i < no.n_local_addrs; i++) // the kernel chose the port
		if (no.local_addrs[i].port == 0)
			no.local_addrs[i].port = udp_world_local(m->world, 0).port;
	m->node = node_create(&no, clock_us());
	return m->node != NULL ? 0 : -ENOMEM;
}

struct member *member_create(const struct member_opts *o, char *why, uint32_t why_max)
{
	struct member *m = calloc(1, sizeof(*m));
	int err = -ENOMEM;

	why[0] = '\0';
	if (m == NULL)
		goto fail;
	m->shared = o->shared;
	m->keyer = o->keyer != NULL ? o->keyer : keyer_inline_create(&o->shared->random);
	if (m->keyer == NULL)
		goto fail;
	err = create_rings(m);
	if (err == 0)
		err = create_engine(m, o);
	if (err == 0)
		err = bind_all(m, o, why, why_max);
	if (err == 0)
		err = listen_all(m, o, why, why_max);
	if (err == 0)
		err = create_node(m, o);
	if (err == 0)
		return m;
fail:
	if (why[0] == '\0')
		snprintf(why, why_max, "cannot start: %s", strerror(-err));
	member_destroy(m);
	return NULL;
}

void member_destroy(struct member *m)
{
	if (m == NULL)
		return;
	if (m->node != NULL)
		node_destroy(m->node);
	udp_world_destroy(m->world);
	if (m->engine != NULL)
		engine_destroy(m->engine);
	if (m->keyer != NULL)
		m->keyer->destroy(m->keyer);
	if (m->outbox != NULL)
		outbox_destroy(m->outbox);
	if (m->bodies != NULL)
		body_pool_destroy(m->bodies);
	mailbox_destroy(m->commands);
	mailbox_destroy(m->reports);
	free(m);
}

struct node *member_node(struct member *m)
{
	return m->node;
}

struct engine *member_engine(struct member *m)
{
	return m->engine;
}

struct wire_addr member_local(const struct member *m, uint8_t endpoint)
{
	return udp_world_local(m->world, endpoint);
}

int member_fd(const struct member *m, uint8_t socket)
{
	return udp_world_fd(m->world, socket);
}

int member_wake_fd(const struct member *m)
{
	return m->keyer->wake_fd;
}

uint32_t member_bodies_waiting(const struct member *m)
{
	return body_pool_lent(m->bodies);
}

void member_set_user(struct member *m, void *user)
{
	m->user = user;
}

void *member_user(const struct member *m)
{
	return m->user;
}

// Reports in, commands out. True: the engine has commands to take.
static bool pump_node(struct member *m, uint64_t now_us)
{
	struct report r;

	while (mailbox_pop(m->reports, &r))
		node_report(m->node, 0, &r, now_us);
	node_timers(m->node, now_us);
	outbox_flush(m->outbox);
	return mailbox_n(m->commands) > 0;
}

bool member_turn(struct member *m, uint64_t now_us)
{
	bool more = udp_world_rx(m->world, now_us);

	for (unsigned i = 0; i < PUMPS_MAX && pump_node(m, now_us); i++)
		more |= udp_world_commands(m->world, now_us);
	more |= udp_world_tx(m->world, now_us);
	return more || mailbox_n(m->commands) > 0 || mailbox_n(m->reports) > 0;
}

uint64_t member_deadline_us(const struct member *m)
{
	uint64_t a, b;

	if (mailbox_n(m->commands) > 0 || outbox_waiting(m->outbox, 0) > 0)
		return 0;
	a = udp_world_deadline_us(m->world);
	b = node_deadline_us(m->node);
	return a < b ? a : b;
}

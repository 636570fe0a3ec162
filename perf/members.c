#include "perf/members.h"

#include <stdlib.h>
#include <string.h>

#include "control/startup/key_list.h"
#include "dataplane/core/internal.h"
#include "dataplane/core/stream.h"
#include "dataplane/wire/cursor.h"
#include "perf/bench.h"
#include "perf/heap.h"

#define SUPER_IP  0x0a000001u
#define MEMBER_IP 0x0a010000u
#define PORT      1935
#define URI       "rtmfp://super/bench"
#define STREAM    "s"
#define MESSAGE   500
#define EVERY_US  10000
#define BURST     64
#define LETTERS   65536 // on their way at most

// Of a member: all others, or attempts at others.
#define NEAR_SESSIONS  176
#define APART_SESSIONS 24

struct letter {
	uint64_t at_us;
	uint32_t dst; // member, or SUPER
	uint8_t endpoint;
	uint16_t len;
	struct wire_addr src;
	uint8_t *data;
};
#define SUPER UINT32_MAX

// All are equally long on their way, so they arrive in order.
struct letter_queue {
	uint32_t head, tail;
	struct letter ring[LETTERS];
};

// ---- key agreement, timed apart ----

struct timed_keyer {
	struct keyer keyer; // first: what callers hold
	struct members *all;
	struct key_list done;
};

static bool timed_submit(struct keyer *keyer, struct key_job *job)
{
	struct timed_keyer *k = (struct timed_keyer *)keyer;
	uint64_t start = ratio_time_ns(CLOCK_THREAD_CPUTIME_ID);

	key_job_run(job, NULL, &k->all->random);
	key_list_put(&k->done, job);
	k->all->keying_ns += ratio_time_ns(CLOCK_THREAD_CPUTIME_ID) - start;
	return true;
}

static struct key_job *timed_poll(struct keyer *keyer)
{
	return key_list_take(&((struct timed_keyer *)keyer)->done);
}

static void timed_destroy(struct keyer *keyer)
{
	free(keyer);
}

static struct keyer *timed_keyer_create(struct members *all)
{
	struct timed_keyer *k = calloc(1, sizeof(*k));

	if (k == NULL)
		return NULL;
	k->keyer = (struct keyer){timed_submit, timed_poll, timed_destroy, .wake_fd = -1};
	k->all = all;
	return &k->keyer;
}

// ---- the network ----

static void carry(void *ctx, struct perf_host *h, const struct wire_addr *dst, uint8_t src_endpoint,
		  uint8_t *data, uint16_t len)
{
	struct members *m = ctx;
	struct letter_queue *q = m->air;
	struct letter *l = &q->ring[q->tail % LETTERS];
	uint32_t ip = be32_get(dst->ip);
	int64_t before;

	if (m->is_apart && ip != SUPER_IP && h != m->super)
		return;
	if (ip != SUPER_IP && (ip < MEMBER_IP || ip >= MEMBER_IP + m->n)) {
		if (m->stray != NULL)
			m->stray(m->stray_ctx, h, dst, src_endpoint, data, len);
		return;
	}
	before = heap_bytes();
	*l = (struct letter){.at_us = m->now_us + m->delay_us,
			     .dst = ip == SUPER_IP ? SUPER : ip - MEMBER_IP,
			     .endpoint = (uint8_t)(ip == SUPER_IP ? dst->port - PORT : 0),
			     .len = len,
			     .src = h->opts.addr,
			     .data = malloc(len)};
	m->air_bytes += heap_bytes() - before;
	l->src.port = (uint16_t)(l->src.port + src_endpoint);
	if (l->data == NULL || q->tail - q->head == LETTERS) { // lost; RTMFP sends it again
		free(l->data);
		return;
	}
	memcpy(l->data, data, len);
	q->tail++;
}

// ---- life ----

static bool make_spec(struct members *m)
{
	struct groupspec_build b = {.name = "bench", .multicast = true, .server_channel = true};
	char text[GROUPSPEC_TEXT_MAX + 1];
	const char *why;
	uint32_t at;

	return groupspec_write(&b, true, text, sizeof(text)) == 0 &&
	       groupspec_parse(&m->spec, text, &why, &at) == 0;
}

static bool make_super(struct members *m, uint32_t sessions_max)
{
	struct perf_host_opts o = {.is_super = true,
				   .identity = &m->identity,
				   .addr = perf_addr(SUPER_IP, PORT),
				   .sessions_max = sessions_max,
				   .crypto = m->crypto,
				   .random = &m->random,
				   .keyer = m->keyer,
				   .policy = keying_policy_default,
				   .out = carry,
				   .ctx = m};
	int err = 0;

	if (identity_generate(&m->identity, IDENTITY_APPLIANCE, &m->random) != 0)
		return false;
	m->super = perf_host_create(&o, m->now_us);
	if (m->super != NULL)
		m->group = node_join(m->super->node, &m->spec, NULL, &err, m->now_us);
	return m->group != NULL;
}

struct members *members_create(uint64_t delay_us, uint32_t sessions_max)
{
	struct members *m = calloc(1, sizeof(*m));

	if (m == NULL)
		return NULL;
	m->now_us = HOST_START_US;
	m->delay_us = delay_us;
	m->random = random_seeded(&m->state, 11);
	m->crypto = crypto_create(CRYPTO_AUTO);
	m->keyer = timed_keyer_create(m);
	m->air = calloc(1, sizeof(*m->air));
	if (m->crypto != NULL && m->keyer != NULL && m->air != NULL && make_spec(m) &&
	    make_super(m, sessions_max))
		return m;
	members_destroy(m);
	return NULL;
}

void members_destroy(struct members *m)
{
	if (m == NULL)
		return;
	for (uint32_t i = 0; i < m->n; i++) {
		perf_host_destroy(m->list[i]->host);
		free(m->list[i]);
	}
	perf_host_destroy(m->super);
	for (; m->air != NULL && m->air->head != m->air->tail; m->air->head++)
		free(m->air->ring[m->air->head % LETTERS].data);
	free(m->air);
	if (m->keyer != NULL)
		m->keyer->destroy(m->keyer);
	if (m->crypto != NULL)
		crypto_destroy(m->crypto);
	free(m);
}

struct member *members_add(struct members *m)
{
	struct member *one = calloc(1, sizeof(*one));
	struct wire_addr server = perf_addr(SUPER_IP, PORT);
	struct perf_host_opts o = {.addr = perf_addr(MEMBER_IP + m->n, PORT),
				   .sessions_max = m->is_apart ? APART_SESSIONS : NEAR_SESSIONS,
				   .crypto = m->crypto,
				   .random = &m->random,
				   .keyer = m->keyer,
				   .policy = keying_policy_default,
				   .out = carry,
				   .ctx = m};
	// The super-peer, and few that will not answer.
	const struct group_limits few = {.members_max = 4};
	int err;

	if (one == NULL || m->n == MEMBERS_MAX)
		return NULL;
	one->all = m;
	m->list[m->n++] = one;
	o.identity = &one->identity;
	if (identity_generate(&one->identity, IDENTITY_PEER, &m->random) != 0)
		return NULL;
	one->host = perf_host_create(&o, m->now_us);
	if (one->host == NULL)
		return NULL;
	one->conn = node_connect(one->host->node, URI, &server, 1, m->now_us);
	one->group =
		node_join(one->host->node, &m->spec, m->is_apart ? &few : NULL, &err, m->now_us);
	return one->conn != NULL && one->group != NULL ? one : NULL;
}

// ---- what they do ----

bool member_publish(struct member *one)
{
	struct members *m = one->all;

	m->publisher = one;
	m->write_every_us = EVERY_US;
	m->write_us = m->now_us;
	return node_publish(one->group, STREAM, &(struct group_stream_params){0}, &one->publishes,
			    m->now_us) == 0;
}

bool member_play(struct member *one)
{
	return node_play(one->group, STREAM, &one->plays, one->all->now_us) == 0;
}

static void write_due(struct members *m)
{
	uint8_t data[MESSAGE] = {0xaf, 0x01};

	if (m->publisher == NULL || m->write_us > m->now_us)
		return;
	be32_put(data + 2, m->n_written);
	if (node_stream_write(m->publisher->publishes, 8, (uint32_t)(m->now_us / 1000), data,
			      sizeof(data), true, m->now_us) >= 0)
		m->n_written++;
	m->write_us += m->write_every_us;
}

static void events(struct member *one, uint64_t now_us)
{
	struct node_event e;

	while (node_event(one->host->node, &e, now_us)) {
		uint64_t *first = NULL;

		if (e.kind == NODE_CONNECTED)
			first = &one->connected_us;
		else if (e.kind == NODE_NEIGHBOUR_CONNECT)
			first = &one->neighbour_us;
		else if (e.kind == NODE_PLAY_MESSAGE)
			first = &one->message_us;
		if (first != NULL && *first == 0)
			*first = now_us;
	}
}

bool member_is_connected(struct member *one)
{
	return one->connected_us != 0;
}

bool member_is_neighbour(struct member *one)
{
	return one->neighbour_us != 0;
}

bool member_has_message(struct member *one)
{
	return one->message_us != 0;
}

bool member_has_fragment(struct member *one)
{
	const struct relay *r = one->host->engine->relay;

	for (uint32_t i = 0; i < r->n_active; i++)
		if (r->streams[r->active[i]].n.fragments_received > 0)
			return true;
	return false;
}

// ---- time ----

// Timed: key agreement is taken out again.
static void super_turn(struct members *m, struct pkt *pkts, uint16_t n)
{
	uint64_t keying = m->keying_ns, start = ratio_time_ns(CLOCK_THREAD_CPUTIME_ID);
	int64_t heap = heap_bytes() - m->air_bytes;
	struct node_event e;

	if (n > 0)
		engine_rx(m->super->engine, pkts, n, m->now_us);
	perf_host_turn(m->super, m->now_us);
	m->super_bytes += heap_bytes() - m->air_bytes - heap;
	m->super_ns += ratio_time_ns(CLOCK_THREAD_CPUTIME_ID) - start;
	m->super_ns -= m->keying_ns - keying;
	while (node_event(m->super->node, &e, m->now_us))
		;
}

void members_to_super(struct members *m, struct pkt *pkts, uint16_t n)
{
	super_turn(m, pkts, n);
}

static void member_turn(struct member *one, struct pkt *pkt)
{
	struct members *m = one->all;

	if (pkt != NULL)
		engine_rx(one->host->engine, pkt, 1, m->now_us);
	if (one == m->publisher)
		write_due(m);
	perf_host_turn(one->host, m->now_us);
	events(one, m->now_us);
}

static bool is_due(const struct members *m)
{
	return m->air->head != m->air->tail &&
	       m->air->ring[m->air->head % LETTERS].at_us <= m->now_us;
}

// What has arrived: the super-peer's in bursts.
static void deliver(struct members *m)
{
	struct pkt pkts[BURST];
	uint8_t *data[BURST];
	uint16_t n = 0;

	while (is_due(m)) {
		struct letter *l = &m->air->ring[m->air->head++ % LETTERS];
		struct pkt p = perf_host_pkt(l->data, l->len, &l->src, l->endpoint);

		if (l->dst == SUPER) {
			data[n] = l->data;
			pkts[n++] = p;
		} else {
			member_turn(m->list[l->dst], &p);
			free(p.data);
		}
		if (n == BURST || (n > 0 && !is_due(m))) {
			super_turn(m, pkts, n);
			while (n > 0)
				free(data[--n]);
		}
	}
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

// When something is to be done next.
static uint64_t next_us(const struct members *m)
{
	uint64_t at = perf_host_deadline_us(m->super);

	if (m->air->head != m->air->tail)
		at = earlier(at, m->air->ring[m->air->head % LETTERS].at_us);
	if (m->publisher != NULL)
		at = earlier(at, m->write_us);
	for (uint32_t i = 0; i < m->n; i++)
		at = earlier(at, perf_host_deadline_us(m->list[i]->host));
	return at > m->now_us ? at : m->now_us;
}

bool members_run(struct members *m, bool (*is_so)(struct member *), struct member *one, uint64_t us)
{
	uint64_t end_us = m->now_us + us;

	while (m->now_us < end_us) {
		deliver(m);
		if (perf_host_deadline_us(m->super) <= m->now_us)
			super_turn(m, NULL, 0);
		for (uint32_t i = 0; i < m->n; i++)
			if (perf_host_deadline_us(m->list[i]->host) <= m->now_us ||
			    (m->list[i] == m->publisher && m->write_us <= m->now_us))
				member_turn(m->list[i], NULL);
		if (is_so != NULL && is_so(one))
			return true;
		// Who wants a turn right after one gets it a little later, or time would stand
		// still.
		m->now_us = earlier(end_us, next_us(m) > m->now_us ? next_us(m) : m->now_us + 100);
	}
	return false;
}

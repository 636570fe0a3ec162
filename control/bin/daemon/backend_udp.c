// `backend: udp`: worker threads, each with an engine on sockets of its own. All share the
// endpoints' ports, and the kernel gives each the datagrams of its sessions. A worker sleeps in
// epoll until a socket is readable, its engine's deadline has come, or control or another worker
// wakes it.
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "config/config.h"
#include "config/cpus.h"
#include "control/bin/daemon/backend.h"
#include "control/bin/daemon/config_addr.h"
#include "control/bin/daemon/host_addrs.h"
#include "control/bin/daemon/rings.h"
#include "control/member/clock.h"
#include "crypto/crypto.h"
#include "crypto/random.h"
#include "dataplane/udp/udp_world.h"

#define LAST_TURNS_MAX 64 // after the order to stop: what closes sessions should still leave
#define SLEEP_MAX_US   1000000
#define VISIT          4 // packets: GSO joins what goes to one neighbour

struct udp_backend;

struct udp_worker {
	struct udp_backend *of;
	uint32_t idx;
	struct bell bell;
	struct crypto *crypto;
	struct udp_scratch *scratch;
	struct engine *engine;
	struct udp_world *world;
	int epoll;
	pthread_t thread;
	bool is_running;
	uint64_t last_cpu_us; // once it has ended
};

struct udp_backend {
	struct backend base; // first: what callers hold
	const struct rings *rings;
	struct bell control;
	struct random random;
	uint16_t cores[OUTBOX_WORKERS_MAX];
	unsigned n_cores; // 0: the kernel places all
	struct udp_worker workers[OUTBOX_WORKERS_MAX];
	_Atomic bool is_stopping;
};

static struct udp_backend *udp_of(struct backend *b)
{
	return (struct udp_backend *)b;
}

// ---- a worker ----

// Commands of control, or what other workers lend and give back.
static bool has_mail(const struct udp_worker *w)
{
	const struct rings *r = w->of->rings;

	if (mailbox_n(r->commands[w->idx]) > 0)
		return true;
	for (uint32_t from = 0; from < r->n_workers; from++)
		if (from != w->idx && mailbox_n(r->handoff_from[w->idx][from]) > 0)
			return true;
	return false;
}

static uint64_t wait_us(const struct udp_worker *w, uint64_t now_us)
{
	uint64_t at = udp_world_deadline_us(w->world);

	if (has_mail(w) || atomic_load(&w->of->is_stopping) || at <= now_us)
		return 0;
	return at - now_us < SLEEP_MAX_US ? at - now_us : SLEEP_MAX_US;
}

static void sleep_until_due(struct udp_worker *w)
{
	struct epoll_event events[UDP_SOCKETS_MAX + 1];
	struct timespec t;
	uint64_t us;

	bell_arm(&w->bell);
	us = wait_us(w, clock_us());
	t = (struct timespec){.tv_sec = (time_t)(us / 1000000),
			      .tv_nsec = (long)(us % 1000000) * 1000};
	if (us > 0)
		epoll_pwait2(w->epoll, events, UDP_SOCKETS_MAX + 1, &t, NULL);
	bell_disarm(&w->bell);
}

// Whoever was given something by this turn and sleeps.
static void ring(struct udp_worker *w)
{
	const struct rings *r = w->of->rings;

	if (mailbox_n(r->reports[w->idx]) > 0)
		bell_ring(&w->of->control);
	for (uint32_t to = 0; to < r->n_workers; to++)
		if (to != w->idx && engine_handed_over(w->engine, to))
			bell_ring(&w->of->workers[to].bell);
}

static bool turn(struct udp_worker *w)
{
	struct worker_stats *stats = engine_stats(w->engine);
	uint64_t packets = stats->rx_packets + stats->tx_packets;
	uint64_t start = clock_us();
	bool more = udp_world_turn(w->world, start);

	ring(w);
	stats->turns++;
	stats->turns_idle += stats->rx_packets + stats->tx_packets == packets;
	stats->busy_us += clock_us() - start;
	return more;
}

static uint64_t cpu_us_of(clockid_t clock)
{
	struct timespec t = {0};

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static void *worker_main(void *arg)
{
	struct udp_worker *w = arg;

	while (!atomic_load(&w->of->is_stopping))
		if (!turn(w))
			sleep_until_due(w);
	for (unsigned i = 0; i < LAST_TURNS_MAX && (turn(w) || has_mail(w)); i++)
		;
	w->last_cpu_us = cpu_us_of(CLOCK_THREAD_CPUTIME_ID);
	return NULL;
}

// ---- create, destroy ----

static int create_engine(struct udp_worker *w, const struct backend_opts *o)
{
	struct engine_opts eo = o->engine;

	w->crypto = crypto_create(CRYPTO_AUTO);
	w->scratch = udp_scratch_create();
	if (w->crypto == NULL || w->scratch == NULL)
		return -ENOMEM;
	rings_lend(o->rings, w->idx, &eo);
	eo.visit = VISIT;
	if (eo.mtu_max > UDP_MTU_MAX)
		eo.mtu_max = UDP_MTU_MAX;
	eo.crypto = w->crypto;
	eo.random = &w->of->random;
	w->engine = engine_create(&eo);
	if (w->engine == NULL)
		return -errno;
	w->world = udp_world_create(w->engine, w->scratch);
	return w->world != NULL ? 0 : -ENOMEM;
}

static int watch(struct udp_worker *w, int fd)
{
	struct epoll_event e = {.events = EPOLLIN, .data.fd = fd};

	return epoll_ctl(w->epoll, EPOLL_CTL_ADD, fd, &e) == 0 ? 0 : -errno;
}

static int create_worker(struct udp_worker *w, const struct backend_opts *o)
{
	int err = bell_init(&w->bell);

	w->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (err == 0 && w->epoll < 0)
		err = -errno;
	if (err == 0)
		err = watch(w, w->bell.fd);
	return err == 0 ? create_engine(w, o) : err;
}

// The first worker's socket tells the others where.
static int bind_endpoint(struct udp_backend *u, enum daemon_endpoint endpoint, const char *key,
			 const struct config_endpoint *ce, char why[WHY_MAX])
{
	struct wire_addr local = wire_addr_of_config(&ce->address, (uint16_t)ce->port);
	char text[WIRE_ADDR_TEXT_MAX];
	int err = 0;

	for (uint32_t i = 0; i < u->rings->n_workers && err == 0; i++) {
		struct udp_worker *w = &u->workers[i];

		err = udp_world_bind_among(w->world, endpoint, &local, i, u->rings->n_workers);
		if (err != 0) {
			snprintf(why, WHY_MAX, "cannot bind UDP %s (%s): %s",
				 wire_addr_format(&local, text), key, strerror(-err));
			return err;
		}
		local = udp_world_local(w->world, endpoint);
		err = watch(w, udp_world_fd(w->world, endpoint));
	}
	return err;
}

// IP multicast is the first worker's: control judges it all.
static int listen_at(struct udp_backend *u, const struct groupspec_place *p, uint8_t i,
		     char why[WHY_MAX])
{
	struct udp_worker *w = &u->workers[0];
	char text[WIRE_ADDR_TEXT_MAX];
	int err = udp_world_listen(w->world, &p->addr, &p->source);

	if (err == 0)
		return watch(w, udp_world_fd(w->world, (uint8_t)(UDP_ENDPOINTS_MAX + i)));
	snprintf(why, WHY_MAX, "cannot listen to IP multicast %s (groups[].lan): %s",
		 wire_addr_format(&p->addr, text), strerror(-err));
	return err;
}

static void udp_destroy(struct backend *);

static int create_all(struct udp_backend *u, const struct backend_opts *o, char why[WHY_MAX])
{
	int err = bell_init(&u->control);

	for (uint32_t i = 0; i < o->rings->n_workers && err == 0; i++)
		err = create_worker(&u->workers[i], o);
	if (err == 0)
		err = bind_endpoint(u, ENDPOINT_SERVER, "endpoints.server", &o->config->server,
				    why);
	if (err == 0)
		err = bind_endpoint(u, ENDPOINT_MEMBER, "endpoints.member", &o->config->member,
				    why);
	for (uint8_t i = 0; i < o->n_places && err == 0; i++)
		err = listen_at(u, &o->places[i], i, why);
	return err;
}

static int udp_create(const struct backend_opts *o, struct backend **out, char why[WHY_MAX])
{
	struct udp_backend *u = calloc(1, sizeof(*u));
	const char *cores = o->config->workers.cores;
	int err;

	if (u == NULL)
		return -ENOMEM;
	u->base.kind = &backend_udp;
	u->rings = o->rings;
	u->random = random_system();
	u->control.fd = -1;
	for (uint32_t i = 0; i < OUTBOX_WORKERS_MAX; i++)
		u->workers[i] = (struct udp_worker){.of = u, .idx = i, .bell.fd = -1, .epoll = -1};
	cpus_parse(u->cores, OUTBOX_WORKERS_MAX, &u->n_cores, cores, strlen(cores));
	err = create_all(u, o, why);
	if (err == 0)
		*out = &u->base;
	else
		udp_destroy(&u->base);
	return err;
}

static int start_worker(struct udp_worker *w)
{
	char name[16];
	cpu_set_t set;
	int err = -pthread_create(&w->thread, NULL, worker_main, w);

	if (err != 0)
		return err;
	w->is_running = true;
	snprintf(name, sizeof(name), "worker%u", w->idx);
	pthread_setname_np(w->thread, name);
	if (w->idx >= w->of->n_cores)
		return 0;
	CPU_ZERO(&set);
	CPU_SET(w->of->cores[w->idx], &set);
	return -pthread_setaffinity_np(w->thread, sizeof(set), &set);
}

// All end before any engine goes: others still read what lies in its windows.
static void udp_stop(struct backend *b)
{
	struct udp_backend *u = udp_of(b);

	atomic_store(&u->is_stopping, true);
	for (uint32_t i = 0; i < u->rings->n_workers; i++)
		if (u->workers[i].is_running)
			bell_ring(&u->workers[i].bell);
	for (uint32_t i = 0; i < u->rings->n_workers; i++)
		if (u->workers[i].is_running) {
			pthread_join(u->workers[i].thread, NULL);
			u->workers[i].is_running = false;
		}
}

// Signals are for the control thread.
static int udp_start(struct backend *b, char why[WHY_MAX])
{
	struct udp_backend *u = udp_of(b);
	sigset_t all, former;
	int err = 0;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &former);
	for (uint32_t i = 0; i < u->rings->n_workers && err == 0; i++) {
		err = start_worker(&u->workers[i]);
		if (err != 0)
			snprintf(why, WHY_MAX, "worker %u: no thread, or not on its core: %s", i,
				 strerror(-err));
	}
	pthread_sigmask(SIG_SETMASK, &former, NULL);
	if (err != 0)
		udp_stop(b);
	return err;
}

static void destroy_worker(struct udp_worker *w)
{
	udp_world_destroy(w->world);
	engine_destroy(w->engine);
	udp_scratch_destroy(w->scratch);
	if (w->crypto != NULL)
		crypto_destroy(w->crypto);
	bell_fini(&w->bell);
	if (w->epoll >= 0)
		close(w->epoll);
}

static void udp_destroy(struct backend *b)
{
	struct udp_backend *u = udp_of(b);

	if (b == NULL)
		return;
	udp_stop(b);
	for (uint32_t i = 0; i < OUTBOX_WORKERS_MAX; i++)
		destroy_worker(&u->workers[i]);
	bell_fini(&u->control);
	free(u);
}

// ---- what control looks at ----

static struct bell *udp_bell(struct backend *b)
{
	return &udp_of(b)->control;
}

static void udp_wake(struct backend *b, uint32_t worker)
{
	bell_ring(&udp_of(b)->workers[worker].bell);
}

static struct wire_addr udp_local(const struct backend *b, enum daemon_endpoint endpoint)
{
	return udp_world_local(((const struct udp_backend *)b)->workers[0].world, endpoint);
}

static uint8_t udp_reach(const struct backend *b, enum daemon_endpoint endpoint,
			 struct wire_addr out[REPORTED_ADDRS_MAX])
{
	struct wire_addr local = udp_local(b, endpoint);

	if (!wire_addr_is_usable(&local)) // every address of the machine; [::] serves IPv4, too
		return host_addrs(local.family == 6 ? 0 : 4, local.port, out, REPORTED_ADDRS_MAX);
	out[0] = local;
	out[0].origin = ADDR_LOCAL;
	return 1;
}

static void udp_stats(struct backend *b, struct worker_stats *sum)
{
	struct udp_backend *u = udp_of(b);

	*sum = (struct worker_stats){0};
	for (uint32_t i = 0; i < u->rings->n_workers; i++)
		worker_stats_add(sum, engine_stats(u->workers[i].engine));
}

static void udp_gauge(struct backend *b, uint32_t worker, uint16_t group, struct budget_gauge *g)
{
	*g = engine_budget_gauge(udp_of(b)->workers[worker].engine, group);
}

static void udp_objects(struct backend *b, uint32_t worker, uint16_t group, struct object_gauge *g)
{
	*g = engine_object_gauge(udp_of(b)->workers[worker].engine, group);
}

static uint64_t cpu_us(const struct udp_worker *w)
{
	clockid_t clock;

	if (!w->is_running || pthread_getcpuclockid(w->thread, &clock) != 0)
		return w->last_cpu_us;
	return cpu_us_of(clock);
}

static void udp_worker(struct backend *b, uint32_t worker, struct backend_worker *out)
{
	const struct udp_worker *w = &udp_of(b)->workers[worker];
	const struct worker_stats *s = engine_stats(w->engine);

	*out = (struct backend_worker){
		.cpu_us = cpu_us(w),
		.busy_us = s->busy_us,
		.turns = s->turns,
		.turns_idle = s->turns_idle,
		.sessions = s->sessions_open,
		.fragments_lent = s->handoffs,
		.tc_rx_us = s->tc_rx_us,
		.tc_tx_us = s->tc_tx_us,
	};
}

// A session's datagrams reach its worker whichever that is, so new ones go where there are fewest.
static bool udp_spreads_sessions(const struct backend *b)
{
	return ((const struct udp_backend *)b)->rings->n_workers > 1;
}

const struct backend_kind backend_udp = {
	.name = "udp",
	.create = udp_create,
	.destroy = udp_destroy,
	.start = udp_start,
	.stop = udp_stop,
	.bell = udp_bell,
	.wake = udp_wake,
	.local = udp_local,
	.reach = udp_reach,
	.stats = udp_stats,
	.worker = udp_worker,
	.gauge = udp_gauge,
	.objects = udp_objects,
	.spreads_sessions = udp_spreads_sessions,
};

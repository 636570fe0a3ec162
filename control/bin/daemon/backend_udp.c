// `backend: udp`: one worker thread that runs the engine on kernel sockets. It sleeps in epoll
// until a socket is readable, the engine's deadline has come, or control wakes it.
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "config/config.h"
#include "control/member/clock.h"
#include "control/bin/daemon/backend.h"
#include "control/bin/daemon/config_addr.h"
#include "control/bin/daemon/host_addrs.h"
#include "control/bin/daemon/rings.h"
#include "crypto/crypto.h"
#include "crypto/random.h"
#include "dataplane/udp/udp_world.h"

#define LAST_TURNS_MAX 64 // after the order to stop: what closes sessions should still leave
#define SLEEP_MAX_US   1000000
#define VISIT          4 // packets: GSO joins what goes to one neighbour

struct udp_backend {
	struct backend base; // first: what callers hold
	struct bell control, worker;
	struct mailbox *commands, *reports;
	struct crypto *crypto;
	struct random random;
	struct udp_scratch *scratch;
	struct engine *engine;
	struct udp_world *world;
	int epoll;
	pthread_t thread;
	bool is_running;
	_Atomic bool is_stopping;
};

static struct udp_backend *udp_of(struct backend *b)
{
	return (struct udp_backend *)b;
}

// ---- the worker ----

static uint64_t wait_us(const struct udp_backend *u, uint64_t now_us)
{
	uint64_t at = udp_world_deadline_us(u->world);

	if (mailbox_n(u->commands) > 0 || atomic_load(&u->is_stopping) || at <= now_us)
		return 0;
	return at - now_us < SLEEP_MAX_US ? at - now_us : SLEEP_MAX_US;
}

static void sleep_until_due(struct udp_backend *u)
{
	struct epoll_event events[UDP_ENDPOINTS_MAX + 1];
	struct timespec t;
	uint64_t us;

	bell_arm(&u->worker);
	us = wait_us(u, clock_us());
	t = (struct timespec){.tv_sec = (time_t)(us / 1000000),
			      .tv_nsec = (long)(us % 1000000) * 1000};
	if (us > 0)
		epoll_pwait2(u->epoll, events, UDP_ENDPOINTS_MAX + 1, &t, NULL);
	bell_disarm(&u->worker);
}

static bool turn(struct udp_backend *u)
{
	struct worker_stats *stats = engine_stats(u->engine);
	uint64_t packets = stats->rx_packets + stats->tx_packets;
	uint64_t start = clock_us();
	bool more = udp_world_turn(u->world, start);

	if (mailbox_n(u->reports) > 0)
		bell_ring(&u->control);
	stats->turns++;
	stats->turns_idle += stats->rx_packets + stats->tx_packets == packets;
	stats->busy_us += clock_us() - start;
	return more;
}

static void *worker_main(void *arg)
{
	struct udp_backend *u = arg;

	while (!atomic_load(&u->is_stopping))
		if (!turn(u))
			sleep_until_due(u);
	for (unsigned i = 0; i < LAST_TURNS_MAX && (turn(u) || mailbox_n(u->commands) > 0); i++)
		;
	return NULL;
}

// ---- create, destroy ----

static int create_engine(struct udp_backend *u, const struct backend_opts *o)
{
	struct engine_opts eo = o->engine;

	u->crypto = crypto_create(CRYPTO_AUTO);
	u->scratch = udp_scratch_create();
	if (u->crypto == NULL || u->scratch == NULL)
		return -ENOMEM;
	u->random = random_system();
	rings_lend(o->rings, 0, &eo);
	eo.visit = VISIT;
	if (eo.mtu_max > UDP_MTU_MAX)
		eo.mtu_max = UDP_MTU_MAX;
	eo.crypto = u->crypto;
	eo.random = &u->random;
	u->engine = engine_create(&eo);
	if (u->engine == NULL)
		return -errno;
	u->world = udp_world_create(u->engine, u->scratch);
	return u->world != NULL ? 0 : -ENOMEM;
}

static int watch(struct udp_backend *u, int fd)
{
	struct epoll_event e = {.events = EPOLLIN, .data.fd = fd};

	return epoll_ctl(u->epoll, EPOLL_CTL_ADD, fd, &e) == 0 ? 0 : -errno;
}

static int open_descriptors(struct udp_backend *u)
{
	int err = bell_init(&u->control);

	if (err == 0)
		err = bell_init(&u->worker);
	u->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (err == 0 && u->epoll < 0)
		err = -errno;
	return err == 0 ? watch(u, u->worker.fd) : err;
}

static int bind_endpoint(struct udp_backend *u, enum daemon_endpoint endpoint, const char *key,
			 const struct config_endpoint *ce, char why[WHY_MAX])
{
	struct wire_addr local = wire_addr_of_config(&ce->address, (uint16_t)ce->port);
	char text[WIRE_ADDR_TEXT_MAX];
	int err = udp_world_bind(u->world, endpoint, &local);

	if (err == 0)
		return watch(u, udp_world_fd(u->world, endpoint));
	snprintf(why, WHY_MAX, "cannot bind UDP %s (%s): %s", wire_addr_format(&local, text), key,
		 strerror(-err));
	return err;
}

static void udp_destroy(struct backend *);

static int udp_create(const struct backend_opts *o, struct backend **out, char why[WHY_MAX])
{
	struct udp_backend *u = calloc(1, sizeof(*u));
	int err;

	if (u == NULL)
		return -ENOMEM;
	u->base.kind = &backend_udp;
	u->control.fd = u->worker.fd = -1;
	u->commands = o->rings->commands[0];
	u->reports = o->rings->reports[0];
	err = open_descriptors(u);
	if (err == 0)
		err = create_engine(u, o);
	if (err == 0)
		err = bind_endpoint(u, ENDPOINT_SERVER, "endpoints.server", &o->config->server,
				    why);
	if (err == 0)
		err = bind_endpoint(u, ENDPOINT_MEMBER, "endpoints.member", &o->config->member,
				    why);
	if (err == 0)
		*out = &u->base;
	else
		udp_destroy(&u->base);
	return err;
}

// Signals are for the control thread.
static int udp_start(struct backend *b, char why[WHY_MAX])
{
	struct udp_backend *u = udp_of(b);
	sigset_t all, former;
	int err;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &former);
	err = -pthread_create(&u->thread, NULL, worker_main, u);
	pthread_sigmask(SIG_SETMASK, &former, NULL);
	if (err != 0) {
		snprintf(why, WHY_MAX, "cannot start a worker's thread: %s", strerror(-err));
		return err;
	}
	pthread_setname_np(u->thread, "worker0");
	u->is_running = true;
	return 0;
}

static void udp_stop(struct backend *b)
{
	struct udp_backend *u = udp_of(b);

	if (!u->is_running)
		return;
	atomic_store(&u->is_stopping, true);
	bell_ring(&u->worker);
	pthread_join(u->thread, NULL);
	u->is_running = false;
}

static void udp_destroy(struct backend *b)
{
	struct udp_backend *u = udp_of(b);

	if (b == NULL)
		return;
	udp_stop(b);
	udp_world_destroy(u->world);
	engine_destroy(u->engine);
	udp_scratch_destroy(u->scratch);
	if (u->crypto != NULL)
		crypto_destroy(u->crypto);
	bell_fini(&u->control);
	bell_fini(&u->worker);
	if (u->epoll >= 0)
		close(u->epoll);
	free(u);
}

// ---- what control looks at ----

static struct bell *udp_bell(struct backend *b)
{
	return &udp_of(b)->control;
}

static void udp_wake(struct backend *b, uint32_t worker)
{
	bell_ring(&udp_of(b)->worker);
}

static struct wire_addr udp_local(const struct backend *b, enum daemon_endpoint endpoint)
{
	return udp_world_local(((const struct udp_backend *)b)->world, endpoint);
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
	*sum = *engine_stats(udp_of(b)->engine);
}

static void udp_gauge(struct backend *b, uint32_t worker, uint16_t group, struct budget_gauge *g)
{
	*g = engine_budget_gauge(udp_of(b)->engine, group);
}

static void udp_worker(struct backend *b, uint32_t worker, struct backend_worker *out)
{
	const struct udp_backend *u = udp_of(b);
	const struct worker_stats *s = engine_stats(u->engine);
	struct timespec t = {0};
	clockid_t clock;

	if (u->is_running && pthread_getcpuclockid(u->thread, &clock) == 0)
		clock_gettime(clock, &t);
	*out = (struct backend_worker){
		.cpu_us = (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000,
		.busy_us = s->busy_us,
		.turns = s->turns,
		.turns_idle = s->turns_idle,
		.sessions = s->sessions_open,
	};
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
};

#include "dataplane/io/io.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/wait.h>

#include "crypto/crypto.h"
#include "crypto/random.h"
#include "tests/support/test.h"

// Control's half of a world: rings, and how its callbacks were called.
struct control {
	struct mailbox *commands[WORKERS_MAX], *reports[WORKERS_MAX];
	struct crypto *crypto[WORKERS_MAX];
	struct random random;
	pthread_t made_by[WORKERS_MAX];
	int n_made, n_destroyed;
	uint32_t n_workers, fails_at;
};

static struct engine *make_engine(void *ctx, uint32_t worker)
{
	struct control *c = ctx;
	struct engine_opts o;

	if (worker == c->fails_at) {
		errno = ENOSPC;
		return NULL;
	}
	engine_opts_member(&o);
	o.sessions_max = 16;
	o.worker = worker;
	o.n_workers = c->n_workers;
	o.crypto = c->crypto[worker] = crypto_create(CRYPTO_AUTO);
	o.random = &c->random;
	o.commands = c->commands[worker];
	o.reports = c->reports[worker];
	c->made_by[worker] = pthread_self();
	c->n_made++; // workers start one after the other
	return engine_create(&o);
}

static void destroy_engine(void *ctx, uint32_t worker, struct engine *e)
{
	struct control *c = ctx;

	assert(pthread_equal(c->made_by[worker], pthread_self()));
	engine_destroy(e);
	crypto_destroy(c->crypto[worker]);
	__atomic_fetch_add(&c->n_destroyed, 1, __ATOMIC_RELAXED);
}

static void control_init(struct control *c, uint32_t n_workers)
{
	memset(c, 0, sizeof(*c));
	c->n_workers = n_workers;
	c->fails_at = UINT32_MAX;
	c->random = random_system();
	for (uint32_t i = 0; i < n_workers; i++) {
		c->commands[i] = mailbox_create(64);
		c->reports[i] = mailbox_create(64);
	}
}

static void control_fini(struct control *c)
{
	for (uint32_t i = 0; i < c->n_workers; i++) {
		mailbox_destroy(c->commands[i]);
		mailbox_destroy(c->reports[i]);
	}
}

static const struct io_addr ours[] = {{{.ip = {10, 99, 0, 1}, .family = 4}, 24}};
static const struct wire_addr endpoint = {.port = 1935, .family = 4};

static struct io_port_opts port_opts(const char *device)
{
	return (struct io_port_opts){.name = "p0",
				     .device = device,
				     .addrs = ours,
				     .n_addrs = 1,
				     .mtu = 1500,
				     .queues = 2};
}

static struct io_opts io_opts(struct control *c, const struct io_port_opts *port)
{
	return (struct io_opts){
		.eal = {.program = "test", .memory_mb = 128, .huge = EAL_HUGE_OFF},
		.ports = port,
		.n_ports = 1,
		.endpoints = &endpoint,
		.n_endpoints = 1,
		.n_workers = (uint8_t)c->n_workers,
		.sleep_min_us = 50,
		.sleep_max_us = 1000,
		.engine_create = make_engine,
		.engine_destroy = destroy_engine,
		.ctx = c,
		.reports = c->reports,
	};
}

// -- what goes wrong: each in a process of its own, since DPDK starts only once --

struct bad {
	const char *name, *device, *eal_arg, *why;
	uint32_t memory_mb;
	uint16_t core;
	bool has_no_address, has_no_engine, is_nobody;
};

static const struct bad bad[] = {
	{.name = "no interface",
	 .device = "net_af_packet0,iface=nosuchif0",
	 .why = "network interface nosuchif0 does not exist"},
	{.name = "no permission",
	 .device = "net_af_packet0,iface=lo",
	 .is_nobody = true,
	 .why = "Operation not permitted (be root"},
	{.name = "no address",
	 .device = "net_null0",
	 .has_no_address = true,
	 .why = "it needs 1 to 8 addresses"},
	{.name = "an argument that DPDK does not know",
	 .device = "net_null0",
	 .eal_arg = "--wonder",
	 .why = "unrecognized option '--wonder'"},
	{.name = "little memory",
	 .device = "net_null0",
	 .memory_mb = 8,
	 .why = "8 MiB of packet memory are not enough for 2 workers"},
	{.name = "no such core",
	 .device = "net_null0,no-rx=1",
	 .core = 1000,
	 .why = "worker 0: its core: Invalid argument"},
	{.name = "no engine",
	 .device = "net_null0,no-rx=1",
	 .has_no_engine = true,
	 .why = "worker 1: its engine: No space left"},
};

static void fail_in_child(const struct bad *b, int to)
{
	struct io_port_opts port = port_opts(b->device);
	uint16_t cores[2] = {b->core, b->core};
	struct control c;
	struct io_opts o;
	char why[IO_WHY_MAX] = "it went well";
	struct io *io;

	control_init(&c, 2);
	o = io_opts(&c, &port);
	port.n_addrs = b->has_no_address ? 0 : 1;
	o.eal.memory_mb = b->memory_mb != 0 ? b->memory_mb : 128;
	o.eal.args = &b->eal_arg;
	o.eal.n_args = b->eal_arg != NULL;
	o.cores = b->core != 0 ? cores : NULL;
	c.fails_at = b->has_no_engine ? 1 : UINT32_MAX;
	if (b->is_nobody && setuid(65534) != 0)
		snprintf(why, sizeof(why), "(%s)", b->why); // not root: nobody cannot be tried
	else if ((io = io_create(&o, why, sizeof(why))) != NULL) {
		io_start(io, why, sizeof(why));
		io_destroy(io);
		if (c.n_made != c.n_destroyed)
			snprintf(why, sizeof(why), "an engine stayed behind");
	}
	if (write(to, why, strlen(why)) < 0)
		_exit(2);
	control_fini(&c);
	_exit(0);
}

static void errors_are_one_line_that_names_the_culprit(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		char why[IO_WHY_MAX] = "";
		int fds[2], status;
		pid_t child;

		assert_int_equal(pipe(fds), 0);
		child = fork();
		if (child == 0)
			fail_in_child(&bad[i], fds[1]);
		close(fds[1]);
		assert_true(read(fds[0], why, sizeof(why) - 1) > 0);
		close(fds[0]);
		waitpid(child, &status, 0);
		assert_row(status == 0, bad[i].name);
		assert_null(strchr(why, '\n'));
		if (strstr(why, bad[i].why) == NULL)
			fail_msg("%s: \"%s\"", bad[i].name, why);
	}
}

// -- and how it goes well --

static void two_workers_run_answer_control_and_end(void **state)
{
	struct command stats = {.op = CMD_STATS, .stats = {STATS_WORKER}};
	struct io_port_opts port = port_opts("net_null0,no-rx=1");
	struct worker_stats sum;
	struct io_worker_stats ws;
	struct io_port_stats ps;
	char why[IO_WHY_MAX] = "";
	struct control c;
	struct io_opts o;
	struct io *io;

	control_init(&c, 2);
	o = io_opts(&c, &port);
	io = io_create(&o, why, sizeof(why));
	assert_string_equal(why, "");
	assert_int_equal(io_start(io, why, sizeof(why)), 0);
	for (uint32_t i = 0; i < 2; i++) {
		struct report r = {0};

		assert_true(mailbox_push(c.commands[i], &stats));
		while (!mailbox_pop(c.reports[i], &r)) { // as control sleeps
			bell_arm(io_bell(io));
			if (mailbox_n(c.reports[i]) == 0)
				poll(&(struct pollfd){.fd = io_bell(io)->fd, .events = POLLIN}, 1,
				     -1);
			bell_disarm(io_bell(io));
		}
		assert_int_equal(r.op, REP_STATS);
	}
	io_stats(io, &sum);
	assert_true(sum.turns > 0);
	io_stop(io);
	assert_int_equal(c.n_destroyed, 2);
	io_stats(io, &sum); // what they counted is still there
	assert_true(sum.turns >= 2);
	for (uint8_t i = 0; i < io_n_workers(io); i++) {
		io_worker_stats(io, i, &ws);
		assert_true(ws.turns > 0 && ws.cpu_us > 0);
	}
	io_port_stats(io, 0, &ps);
	assert_string_equal(ps.port->driver, "net_null");
	assert_int_equal(io_n_ports(io), 1);
	assert_false(io_advice(io, why, sizeof(why)));
	assert_int_equal(io_destroy(io), 0); // every buffer is back
	control_fini(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(errors_are_one_line_that_names_the_culprit),
		cmocka_unit_test(two_workers_run_answer_control_and_end), // last: starts DPDK here
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

// Two workers on two threads, as annulusd runs them, over a port with two queues: frames come in at
// the wrong one, fragments are lent both ways, control takes reports and sends commands, and in the
// middle of it all they are stopped. Nothing but rings is shared, which ThreadSanitizer sees:
//
//	meson setup build-tsan -Db_sanitize=thread -Dc_args=-Wno-tsan
//	ninja -C build-tsan tests/unit/io/io_threads_test &&
// build-tsan/tests/unit/io/io_threads_test
//
// (-Wno-tsan: gcc's does not see bell.h's fences, only the flag between them.)
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>

#include <rte_lcore.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

#include "crypto/crypto.h"
#include "crypto/random.h"
#include "dataplane/io/worker.h"
#include "dataplane/wire/packet.h"
#include "dataplane/wire/rtmp_msg.h"
#include "dataplane/wire/stream_fragment.h"
#include "tests/support/port_pair.h"
#include "tests/support/test.h"
#include "tests/unit/io/hosts.h"

#define WORKERS   2
#define FRAGMENTS 2000
#define STREAM    3

struct one {
	pthread_t thread;
	struct worker *worker;
	struct engine *engine;
	struct crypto *crypto;
	struct random random;
	struct mailbox *commands, *reports;
	struct bell bell;
	sem_t *all_ended, ended;
	uint64_t n_published, n_frames; // what control gave it
	uint64_t n_fragments;           // of the stream, that it reported
	uint64_t n_lent;                // of them, that the other one lent it
	uint8_t *seen;                  // each once
};

static struct {
	struct port_pair pair;
	struct rte_ring *handed[WORKERS_MAX][WORKERS_MAX];
	struct mailbox *from[WORKERS][WORKERS], *to[WORKERS][WORKERS];
	struct one one[WORKERS];
	struct bell *bells[WORKERS];
	struct bell bell; // control's
	struct host host;
	struct body_pool *bodies;
	sem_t all_ended;
	uint64_t number;
} all;

// -- what ThreadSanitizer has to say --

// DPDK's own memory is left out: frames go through rings in Debian's drivers and memory pools,
// which are not instrumented, so it does not know that whoever has a frame has it alone.
#ifdef __SANITIZE_THREAD__
#include <rte_memory.h>

static uint32_t n_races;

const char *__tsan_default_options(void);
const char *__tsan_default_options(void)
{
	return "exitcode=0:log_path=/dev/null"; // TSAN_OPTIONS=log_path=stderr shows all
}

int __tsan_get_report_mop(void *, uintptr_t, int *, void **, int *, int *, int *, void **,
			  uintptr_t);
void __tsan_on_report(void *);
__attribute__((no_sanitize("thread"))) void __tsan_on_report(void *report)
{
	int tid, size, write, atomic;
	void *at = NULL, *trace[1];

	__tsan_get_report_mop(report, 0, &tid, &at, &size, &write, &atomic, trace, 1);
	n_races += rte_mem_virt2memseg_list(at) == NULL;
}
#else
static const uint32_t n_races = 0;
#endif

// -- making --

static void make_rings(void)
{
	for (uint32_t i = 0; i < WORKERS; i++) {
		char name[32];

		snprintf(name, sizeof(name), "handed%u", i);
		all.handed[i][1 - i] = rte_ring_create(name, WORKER_HANDED, SOCKET_ID_ANY,
						       RING_F_SP_ENQ | RING_F_SC_DEQ);
		assert_non_null(all.handed[i][1 - i]);
		all.from[i][1 - i] = all.to[1 - i][i] = mailbox_create(256);
	}
}

static void make_engine(struct one *o, uint32_t i)
{
	struct engine_opts eo;

	o->crypto = crypto_create(CRYPTO_AUTO);
	o->random = random_system();
	o->commands = mailbox_create(1024);
	o->reports = mailbox_create(1024);
	o->seen = calloc(1, FRAGMENTS + 1);
	engine_opts_member(&eo);
	eo.sessions_max = 16;
	eo.worker = i;
	eo.n_workers = WORKERS;
	eo.crypto = o->crypto;
	eo.random = &o->random;
	eo.commands = o->commands;
	eo.reports = o->reports;
	eo.handoff_from = all.from[i];
	eo.handoff_to = all.to[i];
	o->engine = engine_create(&eo);
	assert_non_null(o->engine);
}

static void make_worker(struct one *o, uint32_t i)
{
	const struct worker_opts wo = {
		.worker = i,
		.n_workers = WORKERS,
		.engine = o->engine,
		.host = &all.host,
		.ports = &all.pair.port,
		.n_ports = 1,
		.pool = all.pair.pool,
		.handed = (struct rte_ring *const(*)[WORKERS_MAX])all.handed,
		.reports = o->reports,
		.bell = &all.bell,
		.bells = all.bells,
		.sleep_min_us = 50,
		.sleep_max_us = 200,
		.seed = i,
	};

	o->worker = aligned_alloc(64, sizeof(*o->worker));
	assert_int_equal(worker_init(o->worker, &wo), 0);
}

static void *run(void *arg)
{
	struct one *o = arg;

	if (rte_thread_register() != 0)
		return NULL;
	worker_run(o->worker);
	sem_post(&o->ended);
	sem_wait(&all.all_ended);
	o->n_lent = engine_stats(o->engine)->handoffs;
	worker_fini(o->worker);
	engine_destroy(o->engine);
	rte_thread_unregister();
	return NULL;
}

// -- control --

static void add_stream(struct one *o, uint32_t i)
{
	const struct stream_seed seed = {.window_ms = 60000,
					 .margin_ms = 2000,
					 .update_ms = 100,
					 .fetch_ms = 500,
					 .extents_max = 900,
					 .flags = STREAM_TAP}; // takes part without a neighbour
	struct command c = {.op = CMD_STREAM_ADD, .len = sizeof(seed)};

	c.stream.stream = STREAM;
	c.body = body_get(all.bodies, sizeof(seed));
	memcpy(c.body->data, &seed, sizeof(seed));
	assert_true(mailbox_push(o->commands, &c));
}

static void publish(struct one *o)
{
	static const uint8_t payload[900];
	struct stream_fragment f = {.flags = STREAM_FRAGMENT_FIRST,
				    .type = RTMP_VIDEO,
				    .number = ++all.number,
				    .payload = span_of(payload, sizeof(payload))};
	struct command c = {.op = CMD_STREAM_PUBLISH};
	struct wr w;

	c.stream.stream = STREAM;
	c.body = body_get(all.bodies, 1000);
	w = wr_over(c.body->data, 1000);
	stream_fragment_write(&w, &f);
	c.len = (uint32_t)w.len;
	while (!mailbox_push(o->commands, &c))
		sched_yield();
	o->n_published++;
}

static void take_reports(struct one *o)
{
	struct report r;

	while (mailbox_pop(o->reports, &r)) {
		struct command home = {.op = CMD_BODIES_PUT};

		if (r.op == REP_BODIES_PUT) {
			for (int i = 0; i < BODIES_PER_PUT; i++)
				if (r.bodies.more[i] != NULL)
					body_put(r.bodies.more[i]);
			continue;
		}
		if (r.op == REP_STREAM_FRAGMENT) {
			assert_true(r.stream.number <= FRAGMENTS);
			assert_int_equal(o->seen[r.stream.number]++, 0);
			o->n_fragments++;
		}
		if (r.body == NULL)
			continue;
		home.bodies.more[0] = r.body;
		while (!mailbox_push(o->commands, &home))
			sched_yield();
	}
}

// For a session of worker `of`, at the queue of worker `at`. The far end has room, or it is lost.
static void send_frame(uint32_t at, uint32_t of)
{
	uint8_t datagram[36] = {0};
	struct rte_mbuf *m = rte_pktmbuf_alloc(all.pair.pool);
	struct built b;

	if (m == NULL)
		return;
	ssid_scramble(datagram, sizeof(datagram), session_id_make(of, 3, 7));
	b = frame_udp(datagram, sizeof(datagram));
	memcpy(rte_pktmbuf_append(m, b.len), b.data, b.len);
	frame_free(&b);
	if (port_pair_put(&all.pair, (uint16_t)at, m))
		all.one[of].n_frames++;
	else
		rte_pktmbuf_free(m);
}

static void discard_sent(void)
{
	struct rte_mbuf *m;

	for (uint16_t i = 0; i < WORKERS; i++)
		while (port_pair_get(&all.pair, i, &m))
			rte_pktmbuf_free(m);
}

// -- the test --

static void start(void)
{
	all.host = host_simple();
	all.host.links[0].mac = our_mac;
	all.bodies = body_pool_create(64u << 20);
	assert_int_equal(bell_init(&all.bell), 0);
	assert_int_equal(sem_init(&all.all_ended, 0, 0), 0);
	make_rings();
	for (uint32_t i = 0; i < WORKERS; i++) {
		assert_int_equal(bell_init(&all.one[i].bell), 0);
		sem_init(&all.one[i].ended, 0, 0);
		all.bells[i] = &all.one[i].bell;
	}
	for (uint32_t i = 0; i < WORKERS; i++) {
		make_engine(&all.one[i], i);
		make_worker(&all.one[i], i);
		add_stream(&all.one[i], i);
	}
	for (uint32_t i = 0; i < WORKERS; i++)
		assert_int_equal(pthread_create(&all.one[i].thread, NULL, run, &all.one[i]), 0);
}

static void stop(void)
{
	for (uint32_t i = 0; i < WORKERS; i++)
		worker_stop(all.one[i].worker);
	for (uint32_t i = 0; i < WORKERS; i++)
		sem_wait(&all.one[i].ended);
	for (uint32_t i = 0; i < WORKERS; i++)
		sem_post(&all.all_ended);
	for (uint32_t i = 0; i < WORKERS; i++)
		pthread_join(all.one[i].thread, NULL);
}

static void end(void)
{
	struct command c;

	for (uint32_t i = 0; i < WORKERS; i++) {
		struct one *o = &all.one[i];

		while (mailbox_pop(o->commands, &c))
			;
		crypto_destroy(o->crypto);
		mailbox_destroy(o->commands);
		mailbox_destroy(o->reports);
		mailbox_destroy(all.from[i][1 - i]);
		rte_ring_free(all.handed[i][1 - i]);
		bell_fini(&o->bell);
		free(o->worker);
		free(o->seen);
	}
	bell_fini(&all.bell);
	host_end(&all.host);
	body_pool_destroy(all.bodies);
}

static void two_workers_share_nothing_but_rings(void **state)
{
	start();
	for (uint32_t round = 0; round < FRAGMENTS / 8; round++) {
		for (uint32_t i = 0; i < 8; i++)
			publish(&all.one[all.number / 3 % WORKERS]);
		for (uint32_t i = 0; i < WORKERS; i++) {
			send_frame(i, 1 - i);
			send_frame(i, i);
			take_reports(&all.one[i]);
		}
		discard_sent();
		if (round == FRAGMENTS / 8 / 2) // a rest, so that they sleep
			usleep(20000);
	}
	for (uint32_t i = 0; i < WORKERS; i++)
		while (all.one[i].n_fragments < FRAGMENTS) {
			take_reports(&all.one[0]);
			take_reports(&all.one[1]);
			discard_sent();
			sched_yield();
		}
	for (uint32_t i = 0; i < 200; i++) { // and they are stopped with all hands full
		send_frame(i % 2, 1 - i % 2);
		publish(&all.one[i % WORKERS]);
	}
	stop();
	assert_true(all.one[0].n_frames > 100 && all.one[1].n_frames > 100);
	// Each went to the other, once.
	assert_in_range(all.one[0].n_lent + all.one[1].n_lent, FRAGMENTS, all.number);
	end();
	assert_int_equal(n_races, 0);
}

static int setup(void **state)
{
	port_pair_open(&all.pair, PAIR_RINGS);
	return 0;
}

static int teardown(void **state)
{
	port_pair_close(&all.pair); // asserts that every buffer is back
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(two_workers_share_nothing_but_rings)};

	return cmocka_run_group_tests(tests, setup, teardown);
}

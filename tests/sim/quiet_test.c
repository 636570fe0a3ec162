// The rule of a worker's turn (design.md 3): no malloc, no lock, no log, no system call, no look at
// a clock. Whole lives run through worker_turn on a port that itself makes none of these, with
// traps armed around every turn (trap.h): handshakes, introductions, streams to many, pulls, loss
// and repair, addresses that change, calls through the server, goodbyes and deaths, and what
// strangers send. That a life had all of this is checked, too; so is that every trap springs.
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_log.h>
#include <rte_malloc.h>

#include "crypto/keying.h"
#include "dataplane/messages.h"
#include "tests/sim/ported.h"
#include "tests/sim/promises.h"
#include "tests/support/test.h"
#include "tests/support/trap.h"

#define MEMBERS  7
#define FRAME_US 20000
#define LAPS     1000

// -- what a life is made of --

struct life {
	struct ported ported;
	struct random seeded;       // the world's; ours notes who asks
	uint64_t commands, reports; // bits: which ops passed
	uint32_t command_head, report_tail;
	bool is_unarmed;
};

// The ops that wait in a ring, before the turn takes them or control does.
static uint64_t ops(const struct mailbox *m, uint32_t from, uint32_t to)
{
	uint64_t bits = 0;

	for (uint32_t i = from; i != to; i++)
		bits |= 1ull << m->slots[(size_t)(i & m->mask) * MAILBOX_SLOT];
	return bits;
}

static void before(void *ctx, struct ported *p)
{
	struct life *l = ctx;
	const struct mailbox *m = p->member->sim->commands[0];

	l->commands |= ops(m, atomic_load(&m->head), atomic_load(&m->tail));
	l->report_tail = atomic_load(&p->member->sim->reports[0]->tail);
	if (!l->is_unarmed)
		trap_arm();
}

static void after(void *ctx, struct ported *p)
{
	struct life *l = ctx;
	const struct mailbox *m = p->member->sim->reports[0];

	trap_disarm();
	l->reports |= ops(m, l->report_tail, atomic_load(&m->tail));
}

static void random_noted(void *ctx, void *out, size_t len)
{
	trap_note("the system's random source"); // which locks, and now and then asks the kernel
	random_fill(ctx, out, len);
}

static void run_s(struct world *w, uint32_t s)
{
	world_run_us(w, s * 1000000ull);
}

// Garbage, a hello to nobody, a ping and an ARP question.
static void strangers(struct world *w)
{
	const struct net_addr server = {net_ip(w->net, 0), SIM_SERVER_PORT};
	uint8_t octets[600];

	for (uint32_t i = 0; i < 300; i++) {
		random_fill(&w->seeded, octets, sizeof(octets));
		net_send(w->net, w->members[1].host, (uint16_t)(1 + i), server, octets,
			 (uint16_t)(2 * i), w->now_us);
	}
	run_s(w, 1);
}

#define OBJECTS    40
#define OBJECT_LEN 30000

static void object_heard(void *ctx, uint32_t member, const struct node_event *e)
{
	static const uint8_t octets[OBJECT_LEN];
	struct world *w = ctx;

	if (e->kind != NODE_OBJECT_REQUEST)
		return;
	node_object_write(w->members[member].group, e->request, OBJECT_OPAQUE, octets, OBJECT_LEN,
			  w->now_us);
	world_wake(w, member);
}

// All of them want what the super-peer has, two more objects of it than its worker keeps.
static void objects(struct world *w)
{
	w->listener = object_heard;
	w->listener_ctx = w;
	node_have_add(w->members[0].group, 0, OBJECTS - 1, w->now_us);
	world_wake(w, 0);
	for (uint32_t i = 1; i < 4; i++) {
		node_want_add(w->members[i].group, 0, OBJECTS - 1, w->now_us);
		world_wake(w, i);
	}
	run_s(w, 15);
	node_have_remove(w->members[0].group, 0, OBJECTS / 2, w->now_us);
	world_wake(w, 0);
	run_s(w, 1);
}

static void live(struct world *w)
{
	static const struct world_publish film = {800, FRAME_US, 900, "s", 50, 60000},
					  ours = {500, FRAME_US, 300, "t", 0, 0},
					  called = {500, FRAME_US, 300, NULL, 50, 60000};

	world_join_all(w);
	run_s(w, 15);
	for (uint32_t i = 2; i < 6; i++)
		world_play(w, i);
	objects(w);
	world_publish(w, 1, &film);
	world_publish(w, 0, &ours);
	world_play_named(w, 6, "t");
	world_live_play(w, 7);
	run_s(w, 1);
	world_live_publish(w, 6, &called, 0);
	strangers(w);
	net_move(w->net, w->members[3].host);
	world_ask_for(w, 6, 7);
	run_s(w, 8);
	world_leave(w, 4);
	world_kill(w, 5);
	world_connect(w, 5); // from the address of a session that is not known to be dead
	world_join(w, 5);
	run_s(w, 20);
	world_kill(w, 5);
	world_connect(w, 4);
	world_join(w, 4);
	run_s(w, 200); // who was killed is given up
	ctl_session_close(world_session(w, 0, 6), CLOSE_ORDERLY);
	world_wake(w, 0);
	run_s(w, 5);
}

// -- that they had all of it --

static const uint8_t commands[] = {
	CMD_COOKIE_SECRET,     CMD_BODIES_PUT,  CMD_STATS,         CMD_PACKET,
	CMD_SESSION_RESERVE,   CMD_SESSION_ADD, CMD_SESSION_CLOSE, CMD_SESSION_CHUNK,
	CMD_SESSION_KEEPALIVE, CMD_FLOW_OPEN,   CMD_FLOW_SEND,     CMD_FLOW_CLOSE,
	CMD_FLOW_CLASS,        CMD_STREAM_ADD,  CMD_STREAM_REMOVE, CMD_STREAM_END,
	CMD_STREAM_PUBLISH,    CMD_STREAM_LINK, CMD_STREAM_UNLINK, CMD_OBJECT_KEEP,
	CMD_OBJECTS_DROP,
};
static const uint8_t reports[] = {
	REP_BODIES_PUT,     REP_STATS,           REP_HELLO,         REP_KEYING,
	REP_STARTUP,        REP_SESSION_ALIVE,   REP_SESSION_MOVED, REP_SESSION_CLOSING,
	REP_SESSION_CLOSED, REP_FLOW_OPENED,     REP_MESSAGE,       REP_FLOW_FINISHED,
	REP_FLOW_FREED,     REP_STREAM_FRAGMENT,
};

static void assert_ops(uint64_t seen, const uint8_t *wanted, size_t n, const char *what)
{
	bool has_all = true;

	for (size_t i = 0; i < n; i++) {
		if ((seen >> wanted[i] & 1) != 0)
			continue;
		has_all = false;
		print_error("no %s %u in these lives\n", what, wanted[i]);
	}
	assert_true(has_all);
}

static void objects_were_given(const struct engine *e)
{
	struct object_gauge g = engine_object_gauge(e, 1);

	assert_true(g.n_given > OBJECTS && g.n_missed > 0 && g.n_evicted > 0);
	assert_in_range(g.n_kept, 1, OBJECTS - OBJECTS / 2);
}

static void assert_was_full(const struct life *l)
{
	const struct ported *p = &l->ported;
	const struct worker_stats *s = engine_stats(p->member->sim->engine);

	assert_true(s->acks_sent > 0 && s->acks_received > 0);
	assert_true(p->worker->counters[0].arp_asked > 0);
	assert_true(p->world->members[2].play.n_messages > 800);
	if (!p->member->sim->is_super)
		return;
	objects_were_given(p->member->sim->engine);
	assert_true(s->hellos_answered > 0 && s->keyings_reported > 0);
	assert_true(s->fragments_lost > 0 && s->fragments_resent > 0 && s->timeouts > 0);
	assert_true(s->pmtu_probes > 0);
	assert_true(s->drops[DROP_SHORT] > 0 && s->drops[DROP_NO_SESSION] > 0);
}

static void assert_quiet(void)
{
	const struct trap_catch *list;

	if (trap_caught(&list) == 0)
		return;
	trap_print();
	fail_msg("%u catches in turns", trap_caught(&list));
}

static struct port_pair pair;

#define SEED 7

static struct world *born(struct life *l, const struct sim_pool *pool, uint64_t seed,
			  struct sim_run *run, const struct keying_policy *policy, uint32_t member)
{
	const struct net_link line = {.delay_us = 15000, .jitter_us = 2000, .loss_permille = 20};
	struct world *w;

	*run = (struct sim_run){.test = "quiet", .scenario = "a life", .seed = seed, .pool = pool};
	memset(l, 0, sizeof(*l));
	if (!trap_begin())
		return NULL;
	w = world_create(&(struct world_opts){.run = run,
					      .has_super = true,
					      .n_members = MEMBERS,
					      .up = line,
					      .down = line,
					      .policy = policy,
					      .does_replicate = true,
					      .object_bytes = (OBJECTS - 2) * (32 << 10)});
	w->random = (struct random){random_noted, &w->seeded};
	ported_attach(&l->ported, w, member, &pair);
	l->ported.before = before;
	l->ported.after = after;
	l->ported.ctx = l;
	return w;
}

static void die(struct life *l)
{
	struct world *w = l->ported.world;

	ported_detach(&l->ported);
	world_destroy(w);
	trap_end();
}

static const struct life_row {
	const char *name;
	enum keying_want want;
	uint32_t member;
} life_rows[] = {
	{"super-peer, HMAC and sequence numbers", KEYING_REQUIRE, 0},
	{"super-peer, checksums", KEYING_OFF, 0},
	{"publisher", KEYING_REQUIRE, 1},
	{"player", KEYING_PREFER, 2},
};

// False: traps cannot be set here.
static bool whole_life(const struct life_row *row, const struct sim_pool *pool, uint64_t seed,
		       uint64_t *seen_commands, uint64_t *seen_reports)
{
	struct keying_policy policy = keying_policy_default;
	struct sim_run run;
	struct life l;
	struct world *w;

	policy.hmac = policy.sseq = row->want;
	w = born(&l, pool, seed, &run, &policy, row->member);
	if (w == NULL)
		return false;
	live(w);
	print_message("  %s: %llu turns, %llu frames in\n", row->name,
		      (unsigned long long)l.ported.n_turns,
		      (unsigned long long)l.ported.n_frames_in);
	assert_quiet();
	assert_was_full(&l);
	*seen_commands |= l.commands;
	*seen_reports |= l.reports;
	die(&l);
	return true;
}

static void whole_lives_ask_nobody(void **state)
{
	struct sim_seeds seeds = sim_seeds(SEED);

	for (uint64_t k = 0; k < seeds.n; k++) {
		uint64_t seen_commands = 0, seen_reports = 0;

		for (size_t i = 0; i < ARRAY_LEN(life_rows); i++)
			if (!whole_life(&life_rows[i], *state, seeds.first + k, &seen_commands,
					&seen_reports))
				skip();
		assert_ops(seen_commands, commands, ARRAY_LEN(commands), "command");
		assert_ops(seen_reports, reports, ARRAY_LEN(reports), "report");
	}
}

// -- a control that sleeps is woken by one write, and nothing else --

static void arm_bell(void *ctx, struct ported *p)
{
	bell_arm(&p->bell);
	before(ctx, p);
}

static void a_sleeping_control_is_woken_by_one_write(void **state)
{
	const struct trap_catch *list;
	uint32_t n, woken = 0;
	struct sim_run run;
	struct world *w;
	struct life l;

	w = born(&l, *state, SEED, &run, &keying_policy_default, 0);
	if (w == NULL)
		skip();
	l.ported.before = arm_bell;
	world_join_all(w);
	run_s(w, 5);
	n = trap_caught(&list);
	for (uint32_t i = 0; i < n && i < TRAP_CATCHES; i++)
		woken += list[i].kind == TRAP_SYSCALL && list[i].number == SYS_write &&
			 list[i].arg == l.ported.bell.fd;
	assert_true(n > 20 && n < l.ported.n_turns);
	if (woken != (n < TRAP_CATCHES ? n : TRAP_CATCHES))
		assert_quiet(); // says which others
	promise_all_connected(w);
	die(&l);
}

// -- the clock is looked at once for all of a turn --

static void a_lap_looks_at_the_clock_once(void **state)
{
	const struct trap_catch *list;
	uint32_t n, n_anchors = 0;
	struct sim_run run;
	struct life l;

	if (born(&l, *state, SEED, &run, &keying_policy_default, 0) == NULL)
		skip();
	l.ported.worker->idle.mode = IDLE_SPIN;
	for (uint32_t i = 0; i < LAPS; i++) {
		uint32_t before = trap_caught(&list);

		trap_arm();
		worker_lap(l.ported.worker);
		trap_disarm();
		n = trap_caught(&list) - before;
		if (n == 3) // it is held against the kernel's clock: both, and the ticks again
			n_anchors++;
		else
			assert_int_equal(n, 1);
	}
	assert_string_equal(list[0].name, "rdtsc");
	assert_in_range(n_anchors, 0, 12); // at distances that double, from 10 ms on
	die(&l);
}

// -- the traps spring --

// So that nobody may leave out what has no use.
static void *volatile nowhere;

static void deed_malloc(void)
{
	nowhere = malloc(10);
}

static void deed_free(void)
{
	free(nowhere);
}

static void deed_calloc(void)
{
	nowhere = calloc(2, 5);
}

static void deed_realloc(void)
{
	nowhere = realloc(nowhere, 5000);
}

static void deed_aligned_alloc(void)
{
	nowhere = aligned_alloc(64, 64);
}

static void deed_mmap(void)
{
	nowhere = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void deed_munmap(void)
{
	munmap(nowhere, 4096);
}

static void deed_rte_malloc(void)
{
	nowhere = rte_malloc("quiet", 10, 0);
}

static void deed_rte_free(void)
{
	rte_free(nowhere);
}

static void deed_mutex(void)
{
	static pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;

	pthread_mutex_lock(&m);
	pthread_mutex_unlock(&m);
}

static void deed_rwlock(void)
{
	static pthread_rwlock_t l = PTHREAD_RWLOCK_INITIALIZER;

	pthread_rwlock_rdlock(&l);
	pthread_rwlock_unlock(&l);
}

static void deed_spin(void)
{
	pthread_spinlock_t s;

	pthread_spin_init(&s, PTHREAD_PROCESS_PRIVATE);
	pthread_spin_lock(&s);
	pthread_spin_unlock(&s);
}

static void deed_semaphore(void)
{
	static sem_t s;

	sem_post(&s);
}

static void deed_printf(void)
{
	printf("%.*s", 0, "what gcc would not leave out");
}

static void deed_rte_log(void)
{
	rte_log(RTE_LOG_DEBUG, RTE_LOGTYPE_USER1, "%s", "");
}

static void deed_clock(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
}

static void deed_time(void)
{
	time(NULL);
}

static void deed_ticks(void)
{
	nowhere = (void *)(uintptr_t)rte_rdtsc();
}

static void deed_ticks_in_order(void)
{
	unsigned cpu;

	nowhere = (void *)(uintptr_t)__builtin_ia32_rdtscp(&cpu);
}

static void deed_getppid(void)
{
	getppid();
}

static void deed_write(void)
{
	if (write(-1, "", 1) != -1 || errno != EBADF)
		abort(); // a catch is done as asked, and its result is told
}

static const struct {
	const char *name;
	void (*deed)(void);
	enum trap_kind kind;
	long number;
} deeds[] = {
	{"malloc", deed_malloc, TRAP_MEMORY, 0},
	{"realloc", deed_realloc, TRAP_MEMORY, 0},
	{"free", deed_free, TRAP_MEMORY, 0},
	{"calloc", deed_calloc, TRAP_MEMORY, 0},
	{"free", deed_free, TRAP_MEMORY, 0},
	{"aligned_alloc", deed_aligned_alloc, TRAP_MEMORY, 0},
	{"free", deed_free, TRAP_MEMORY, 0},
	{"mmap", deed_mmap, TRAP_MEMORY, 0},
	{"munmap", deed_munmap, TRAP_MEMORY, 0},
	{"rte_malloc", deed_rte_malloc, TRAP_MEMORY, 0},
	{"rte_free", deed_rte_free, TRAP_MEMORY, 0},
	{"pthread_mutex_lock", deed_mutex, TRAP_LOCK, 0},
	{"pthread_rwlock_rdlock", deed_rwlock, TRAP_LOCK, 0},
	{"pthread_spin_lock", deed_spin, TRAP_LOCK, 0},
	{"sem_post", deed_semaphore, TRAP_LOCK, 0},
	{"printf", deed_printf, TRAP_LOG, 0},
	{"rte_log", deed_rte_log, TRAP_LOG, 0},
	{"clock_gettime", deed_clock, TRAP_CLOCK, 0},
	{"time", deed_time, TRAP_CLOCK, 0},
	{"rdtsc", deed_ticks, TRAP_CLOCK, 0},
	{"rdtsc", deed_ticks_in_order, TRAP_CLOCK, 0},
	{"system call", deed_getppid, TRAP_SYSCALL, SYS_getppid},
	{"system call", deed_write, TRAP_SYSCALL, SYS_write},
};

static void every_trap_springs_once(void **state)
{
	const struct trap_catch *list;

	for (size_t i = 0; i < ARRAY_LEN(deeds); i++) {
		if (!trap_begin())
			skip();
		trap_arm();
		deeds[i].deed();
		trap_disarm();
		if (trap_caught(&list) != 1 || strcmp(list[0].name, deeds[i].name) != 0 ||
		    list[0].kind != deeds[i].kind || list[0].number != deeds[i].number) {
			trap_print();
			fail_msg("%s: %u catches", deeds[i].name, trap_caught(&list));
		}
	}
	free(malloc(10)); // unarmed
	assert_int_equal(trap_caught(&list), 1);
	trap_end();
}

static int setup(void **state)
{
	port_pair_open(&pair, PAIR_RINGS);
	return sim_setup(state);
}

static int teardown(void **state)
{
	port_pair_close(&pair);
	return sim_teardown(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_trap_springs_once),
		cmocka_unit_test(whole_lives_ask_nobody),
		cmocka_unit_test(a_lap_looks_at_the_clock_once),
		cmocka_unit_test(a_sleeping_control_is_woken_by_one_write),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}

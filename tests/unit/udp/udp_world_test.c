// Two engines on kernel sockets, on the loopback of a network namespace of this process alone,
// whose MTU the test sets. Time is the test's.
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <errno.h>

#include "dataplane/core/internal.h"
#include "dataplane/udp/udp_world.h"
#include "dataplane/wire/packet.h"
#include "tests/support/loop.h"
#include "tests/support/test.h"

#define META          "\x54\x43\x04"
#define MESSAGE_BYTES 20000
#define TURN_US       1000

static uint8_t octets[MESSAGE_BYTES];

struct pair {
	struct loop *l; // its engines, rings and keys; the air between them is the kernel's
	struct loop_pair p;
	struct udp_scratch *scratch;
	struct udp_world *world[2];
	uint32_t n_delivered;
};

static void set_lo(int mtu)
{
	struct ifreq r = {.ifr_name = "lo"};
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	assert_true(fd >= 0);
	r.ifr_mtu = mtu;
	assert_int_equal(ioctl(fd, SIOCSIFMTU, &r), 0);
	r.ifr_flags = IFF_UP;
	assert_int_equal(ioctl(fd, SIOCSIFFLAGS, &r), 0);
	close(fd);
}

// Everything else of this process has no network any more.
static bool goes_alone(void)
{
	return geteuid() == 0 && unshare(CLONE_NEWNET) == 0;
}

static void pair_open(struct pair *p)
{
	struct loop_form form = {.rtt_us = 20000};
	struct wire_addr local = {.family = 4, .ip = {127, 0, 0, 1}};
	struct session_seed seeds[2];

	*p = (struct pair){.l = loop_create(&(struct loop_opts){.seed = 5, .n_nodes = 2})};
	p->scratch = udp_scratch_create();
	p->p = loop_prepare(p->l, 0, 1, &form, seeds);
	for (int i = 0; i < 2; i++) {
		p->world[i] = udp_world_create(p->l->nodes[i].engine, p->scratch);
		assert_int_equal(udp_world_bind(p->world[i], 0, &local), 0);
	}
	for (int i = 0; i < 2; i++) {
		memcpy(seeds[i].far.ip, local.ip, 4);
		seeds[i].far.port = udp_world_local(p->world[!i], 0).port;
		loop_add(p->l, p->p.node[i], p->p.slot[i], p->p.id[i], &seeds[i]);
	}
}

static void pair_close(struct pair *p)
{
	for (int i = 0; i < 2; i++)
		udp_world_destroy(p->world[i]);
	udp_scratch_destroy(p->scratch);
	loop_destroy(p->l);
}

static void on_report(struct pair *p, int i, const struct report *r)
{
	struct command class = {.op = CMD_FLOW_CLASS,
				.flow = r->flow,
				.session_idx = r->session_idx,
				.session_id = r->session_id};

	if (r->op == REP_FLOW_OPENED) {
		class.class.flow_id = r->opened.flow_id;
		class.class.class = FLOW_CONTROL;
		loop_command(p->l, (uint32_t)i, &class);
	}
	if (r->op == REP_MESSAGE) {
		assert_int_equal(r->len, sizeof(octets));
		assert_memory_equal(r->body->data, octets, sizeof(octets));
		assert_false(r->message.gap_before);
		p->n_delivered++;
	}
	for (int k = 0; r->op == REP_BODIES_PUT && k < BODIES_PER_PUT; k++)
		if (r->bodies.more[k] != NULL)
			body_put(r->bodies.more[k]);
	if (r->op != REP_BODIES_PUT && r->body != NULL)
		loop_put(p->l, (uint32_t)i, r->body);
}

static void run_turns(struct pair *p, uint32_t n)
{
	struct report r;

	for (; n > 0; n--) {
		p->l->now_us += TURN_US;
		for (int i = 0; i < 2; i++) {
			udp_world_turn(p->world[i], p->l->now_us);
			while (mailbox_pop(p->l->nodes[i].reports, &r))
				on_report(p, i, &r);
		}
	}
}

static void send_messages(struct pair *p, uint32_t n)
{
	struct command cmd = {.op = CMD_FLOW_SEND,
			      .flow = 5,
			      .session_idx = p->p.slot[0],
			      .session_id = p->p.id[0],
			      .len = sizeof(octets)};

	for (; n > 0; n--) {
		cmd.body = loop_body(p->l, 0, octets, sizeof(octets));
		loop_command(p->l, 0, &cmd);
	}
}

static uint32_t path_mtu(const struct pair *p)
{
	return session_at(p->l->nodes[0].engine, p->p.slot[0])->payload_max + 28u;
}

static const struct worker_stats *stats(const struct pair *p)
{
	return engine_stats(p->l->nodes[0].engine);
}

// Requirement 60: what the interface refuses is a lost probe, and no more; what it refuses later,
// in runs of segments too, is a black hole like any other.
static void the_interface_has_the_last_word(void **state)
{
	struct pair p;
	struct command open = {.op = CMD_FLOW_OPEN, .flow = 5};

	if (!goes_alone())
		skip();
	for (size_t i = 0; i < sizeof(octets); i++)
		octets[i] = (uint8_t)(i * 7);
	set_lo(1400);
	pair_open(&p);
	open.session_idx = p.p.slot[0];
	open.session_id = p.p.id[0];
	open.open.flow_id = 5;
	open.open.rule_stream = NO_STREAM;
	open.open.meta_len = 3;
	memcpy(open.open.meta, META, 3);
	loop_command(p.l, 0, &open);
	send_messages(&p, 10);
	run_turns(&p, 20000);
	assert_int_equal(p.n_delivered, 10);
	assert_in_range(path_mtu(&p), 1350, 1400);
	assert_in_range(stats(&p)->drops[DROP_TX_TOO_BIG], 3, 12);
	assert_int_equal(stats(&p)->fragments_lost, 0);
	set_lo(1300);
	send_messages(&p, 20);
	run_turns(&p, 20000);
	assert_int_equal(p.n_delivered, 30);
	assert_int_equal(stats(&p)->pmtu_fallbacks, 1);
	assert_in_range(path_mtu(&p), 1252, 1300);
	assert_int_equal(stats(&p)->drops[DROP_TX_PORT], 0);
	pair_close(&p);
}

// ---- several workers behind a port ----

#define WORKERS 3
#define SENDERS 40

struct workers {
	struct loop *l;
	struct udp_scratch *scratch;
	struct udp_world *world[WORKERS];
	struct wire_addr local;
};

static void workers_open(struct workers *w, uint8_t family)
{
	*w = (struct workers){.l = loop_create(&(struct loop_opts){.seed = 6, .n_nodes = WORKERS}),
			      .scratch = udp_scratch_create(),
			      .local = {.family = family}};
	for (uint32_t i = 0; i < WORKERS; i++) {
		w->world[i] = udp_world_create(w->l->nodes[i].engine, w->scratch);
		assert_int_equal(udp_world_bind_among(w->world[i], 0, &w->local, i, WORKERS), 0);
		w->local = udp_world_local(w->world[i], 0);
	}
}

static void workers_close(struct workers *w)
{
	for (int i = 0; i < WORKERS; i++)
		udp_world_destroy(w->world[i]);
	udp_scratch_destroy(w->scratch);
	loop_destroy(w->l);
}

static int sender(const struct workers *w)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_port = htons(w->local.port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	return fd;
}

// Which worker got a datagram with that session id.
static int who_gets(struct workers *w, int fd, uint32_t session_id)
{
	uint8_t datagram[36];
	int who = -1;

	for (size_t i = 0; i < sizeof(datagram); i++)
		datagram[i] = (uint8_t)(session_id * 31 + i * 17);
	ssid_scramble(datagram, sizeof(datagram), session_id);
	assert_int_equal(send(fd, datagram, sizeof(datagram), 0), sizeof(datagram));
	w->l->now_us += TURN_US;
	for (int i = 0; i < WORKERS; i++) {
		struct worker_stats *s = engine_stats(w->l->nodes[i].engine);
		uint64_t former = s->rx_packets;

		udp_world_turn(w->world[i], w->l->now_us);
		if (s->rx_packets == former)
			continue;
		assert_int_equal(s->rx_packets, former + 1);
		assert_int_equal(who, -1);
		who = i;
	}
	return who;
}

// Wherever it comes from: a peer may have moved.
static void a_session_finds_its_worker(struct workers *w)
{
	for (uint32_t i = 0; i < SENDERS; i++) {
		uint32_t worker = i % WORKERS;
		int fd = sender(w);

		assert_int_equal(who_gets(w, fd, session_id_make(worker, i * 997, i + 1)), worker);
		close(fd);
	}
}

// Startup packets belong to whoever gets them, but one sender's to one worker: the answers to what
// it said (its cookie, its keying) are kept there.
static void a_stranger_stays_with_one(struct workers *w, uint32_t session_id)
{
	unsigned n_of[WORKERS] = {0};

	for (uint32_t i = 0; i < SENDERS; i++) {
		int fd = sender(w);
		int who = who_gets(w, fd, session_id);

		assert_in_range(who, 0, WORKERS - 1);
		assert_int_equal(who_gets(w, fd, session_id), who);
		n_of[who]++;
		close(fd);
	}
	for (int i = 0; i < WORKERS; i++)
		assert_in_range(n_of[i], 1, SENDERS - WORKERS + 1);
}

static void workers_share_a_port(void **state)
{
	static const uint8_t families[] = {4, 6};
	struct workers w;

	if (!goes_alone())
		skip();
	set_lo(65536);
	for (int i = 0; i < 2; i++) {
		workers_open(&w, families[i]); // 6: takes IPv4, too
		a_session_finds_its_worker(&w);
		a_stranger_stays_with_one(&w, 0);
		a_stranger_stays_with_one(&w, session_id_make(WORKERS, 7, 7)); // nobody
		workers_close(&w);
	}
}

// Another process of the same user could share the port as well, and take a part of what comes.
static void nobody_else_shares_it(void **state)
{
	struct workers w;
	struct udp_world *other;

	if (!goes_alone())
		skip();
	set_lo(65536);
	workers_open(&w, 4);
	other = udp_world_create(w.l->nodes[0].engine, w.scratch);
	assert_int_equal(udp_world_bind(other, 0, &w.local), -EADDRINUSE);
	assert_int_equal(udp_world_bind_among(other, 0, &w.local, 0, 2), -EADDRINUSE);
	assert_int_equal(udp_world_fd(other, 0), -1);
	udp_world_destroy(other);
	workers_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_interface_has_the_last_word),
		cmocka_unit_test(workers_share_a_port),
		cmocka_unit_test(nobody_else_shares_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

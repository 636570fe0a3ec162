// Two engines on kernel sockets, on the loopback of a network namespace of this process alone,
// whose MTU the test sets. Time is the test's.
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dataplane/core/internal.h"
#include "dataplane/udp/udp_world.h"
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

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(the_interface_has_the_last_word)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

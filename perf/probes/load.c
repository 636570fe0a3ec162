// A load generator on a DPDK port: thousands of members in one thread, each with a socket-less
// address of its own, who join a group, and a stream that the first of them publishes to all
// others. They are the simulator's members (tests/sim/sim_node.h), real nodes over real engines,
// with a port for their network. What most packets are goes another way than through a whole turn
// (light.h); some members have all turns and play by themselves, as witnesses that the others hear
// the same. Says its own utilisation in the end, since a generator that is busy all the time
// measures itself.
//
//	load --device net_vhost0,iface=/tmp/v --server 10.99.0.1 --address 10.99.16.1 --group SPEC
//
// The far end of the device is annulusd's port (virtio-user on that socket, memif, af_packet ...).
#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "control/group/groupspec.h"
#include "crypto/crypto.h"
#include "crypto/identity.h"
#include "dataplane/wire/limits.h"
#include "perf/probes/heard.h"
#include "perf/probes/light.h"
#include "perf/probes/load_message.h"
#include "perf/probes/load_net.h"
#include "perf/probes/load_tell.h"
#include "perf/ratio.h"
#include "tests/sim/sim_node.h"
#include "tests/sim/world_heap.h"

#define CALL_EVERY_US 5000000
#define SESSIONS_MAX  16 // of a member: the super-peer's two, and what is left of earlier ones
// The first one finds the super-peer among whom it hears of. The others are told, and remember
// nobody else: they would call each other all the time, and have the super-peer introduce them, in
// vain.
#define REMEMBERED_FIRST 4
#define REMEMBERED       1
#define TURNS_MAX        4 // of members, then the port is looked at again; while it is full: one
#define NAP_NS           50000
#define PATIENCE_S       60 // that nobody more has joined
#define STREAM           "load"
#define SOUND            8
#define SETTLE_US        5000000 // everybody has joined; before the stream
#define REST_US          4000000 // after it
#define URI              "rtmfp://load/load"

static volatile sig_atomic_t is_over;

struct load_member {
	struct sim_node *sim;
	struct node_conn *conn;
	struct node_group *group;
	struct node_stream *stream; // of those who play by themselves
	struct identity identity;
	bool is_connected, has_neighbour, has_failed;
	uint64_t ask_us; // when the super-peer is called again
	uint8_t neighbour[PEER_ID_LEN];
	uint64_t n_messages, next, n_gaps; // played
};

struct load {
	struct load_opts opts;
	struct net net;
	struct crypto *crypto;
	struct random random;
	struct groupspec spec;
	struct load_member *members;
	struct lights *lights;
	struct heard *heard;
	struct world_heap *due;
	uint32_t n_started;
	char super_id[2 * PEER_ID_LEN + 1];
	struct node_stream *published;
	uint64_t n_written, write_us;
	uint8_t message[LOAD_MESSAGE_MAX];
	struct load_spent spent, idle, stream;
};

static uint64_t now_us(void)
{
	return ratio_clock_ns() / 1000;
}

static void wake(struct load *l, uint32_t i)
{
	sim_node_wake(l->members[i].sim);
	world_heap_set(l->due, i, 0);
}

// -- datagrams --

// Acks of light members that are due; how many.
static uint32_t send_acks(struct load *l, uint64_t at_us)
{
	struct light_ack room[LIGHT_BURST_MAX];
	struct rte_mbuf *m[LIGHT_BURST_MAX];
	uint32_t n_due = lights_n_due(l->lights, at_us);
	uint16_t lent = 0, n;

	if (n_due > LIGHT_BURST_MAX)
		n_due = LIGHT_BURST_MAX;
	while (lent < n_due && (room[lent].data = load_net_lend(&l->net, &m[lent])) != NULL)
		lent++;
	n = lights_acks(l->lights, room, lent, at_us);
	for (uint16_t i = 0; i < lent; i++) {
		struct net_addr to;

		if (i >= n) {
			load_net_give(m[i]);
			continue;
		}
		to = (struct net_addr){be32_get(room[i].addr), room[i].port};
		load_net_send(&l->net, m[i], room[i].member, SIM_MEMBER_PORT, to, room[i].len);
	}
	return n;
}

static void take_burst(struct load *l, struct load_datagram *got, uint16_t n, uint64_t at_us)
{
	struct light_datagram d[LOAD_BURST];

	for (uint16_t i = 0; i < n; i++) {
		d[i] = (struct light_datagram){.member = got[i].host,
					       .data = got[i].data,
					       .len = got[i].len,
					       .port = got[i].src.port};
		be32_put(d[i].addr, got[i].src.ip);
	}
	lights_rx(l->lights, d, n, at_us);
	for (uint16_t i = 0; i < n; i++) {
		if (d[i].fate == LIGHT_TAKEN || got[i].host >= l->n_started)
			continue;
		if (d[i].fate == LIGHT_PASSED)
			sim_node_rx(l->members[got[i].host].sim, got[i].src, got[i].dst_port,
				    got[i].data, got[i].len, at_us);
		world_heap_set(l->due, got[i].host, 0);
	}
}

static uint32_t receive(struct load *l, uint64_t at_us)
{
	struct load_datagram got[LOAD_BURST];
	uint32_t sum = 0;

	for (uint16_t q = 0; q < l->net.port.n_rx; q++) {
		uint16_t n_frames, n = load_net_receive(&l->net, q, got, &n_frames);

		take_burst(l, got, n, at_us);
		load_net_done(&l->net);
		if (n > 0)
			send_acks(l, at_us);
		sum += n_frames;
	}
	return sum;
}

// -- members --

static void on_event(void *ctx, struct sim_node *s, const struct node_event *e, uint64_t at_us)
{
	struct load_member *m = ctx;
	uint64_t number;

	switch (e->kind) {
	case NODE_CONNECTED:
		m->is_connected = true;
		m->ask_us = at_us;
		break;
	case NODE_CONNECT_FAILED:
	case NODE_DISCONNECTED:
		m->has_failed = true;
		break;
	case NODE_NEIGHBOUR_CONNECT:
		m->has_neighbour = true;
		memcpy(m->neighbour, e->peer, sizeof(m->neighbour));
		break;
	case NODE_PLAY_MESSAGE:
		if (!load_message_read(span_of(e->data, e->len), &number))
			break;
		m->n_gaps += number != m->next;
		m->next = number + 1;
		m->n_messages++;
		break;
	default:
		break;
	}
}

static bool is_whole(const struct load *l, uint32_t i)
{
	return i == 0 || i >= l->opts.n - l->opts.n_whole;
}

static int start_member(struct load *l, uint64_t at_us)
{
	uint32_t i = l->n_started;
	struct load_member *m = &l->members[i];
	struct sim_node_opts so = {.net = &l->net,
				   .host = i,
				   .crypto = l->crypto,
				   .random = &l->random,
				   .identity = &m->identity,
				   .sessions_max = SESSIONS_MAX,
				   .members_max = i == 0 ? REMEMBERED_FIRST : REMEMBERED,
				   .on_event = on_event,
				   .ctx = m};
	struct wire_addr server =
		sim_wire_addr((struct net_addr){ntohl(l->opts.server.s_addr), SIM_SERVER_PORT});
	int err = identity_generate(&m->identity, IDENTITY_PEER, &l->random);

	if (err != 0)
		return err;
	m->sim = sim_node_create(&so, at_us);
	m->conn = node_connect(m->sim->node, URI, &server, 1, at_us);
	m->group = node_join(m->sim->node, &l->spec, NULL, &err, at_us);
	if (m->conn == NULL || m->group == NULL)
		return err != 0 ? err : -ENOMEM;
	if (i > 0) // before it hears of anybody else
		node_add_neighbour(m->group, l->super_id, at_us);
	if (i > 0 && is_whole(l, i))
		err = node_play(m->group, STREAM, &m->stream, at_us);
	if (!is_whole(l, i))
		lights_add(l->lights, i, m->sim->engine);
	l->n_started++;
	wake(l, i);
	return err;
}

static bool wants_super(const struct load_member *m)
{
	return m->is_connected && !m->has_neighbour;
}

static void call_super(struct load *l, uint32_t i, uint64_t at_us)
{
	struct load_member *m = &l->members[i];

	if (i == 0 || !wants_super(m) || m->ask_us > at_us)
		return;
	node_add_neighbour(m->group, l->super_id, at_us);
	sim_node_wake(m->sim);
	m->ask_us = at_us + CALL_EVERY_US;
}

// A light member's control may be as late as its stream's clock: nothing waits for it but figures
// and its own housekeeping, and it shares a turn with what is due then.
static uint64_t member_due_us(const struct load *l, uint32_t i)
{
	const struct load_member *m = &l->members[i];
	const struct light *light = lights_at(l->lights, i);
	uint64_t due_us = sim_node_deadline_us(m->sim), engine_us;

	if (light->is_light && m->sim->node_due_us != 0 && !m->sim->is_called) {
		engine_us = engine_deadline_us(m->sim->engine);
		due_us =
			light->tick_us > m->sim->node_due_us ? light->tick_us : m->sim->node_due_us;
		due_us = engine_us < due_us ? engine_us : due_us;
	}
	return wants_super(m) && m->ask_us < due_us ? m->ask_us : due_us;
}

static void turn_member(struct load *l, uint32_t i, uint64_t at_us)
{
	struct load_member *m = &l->members[i];
	uint64_t due_us;

	call_super(l, i, at_us);
	light_give(l->lights, i, at_us);
	sim_node_turn(m->sim, at_us);
	light_look(l->lights, i, at_us);
	if (!is_whole(l, i))
		heard_read(l->heard, i, m->sim->engine);
	due_us = member_due_us(l, i);
	world_heap_set(l->due, i, due_us > at_us ? due_us : at_us + 1);
}

static uint32_t turn_members(struct load *l, uint32_t max, uint64_t at_us)
{
	uint32_t n = 0;

	for (; n < max && l->due->due[0].at_us <= at_us; n++)
		turn_member(l, l->due->due[0].member, at_us);
	return n;
}

static void write_due(struct load *l, uint64_t at_us)
{
	while (l->published != NULL && l->write_us <= at_us &&
	       l->n_written < (uint64_t)l->opts.message_hz * l->opts.seconds) {
		load_message_number(l->message, l->n_written);
		if (node_stream_write(l->published, SOUND, (uint32_t)(at_us / 1000), l->message,
				      l->opts.message_bytes, true, at_us) != 0)
			break;
		l->n_written++;
		l->write_us += 1000000 / l->opts.message_hz;
		wake(l, 0);
	}
}

// -- running --

// One round; naps if there was nothing to do. Rounds that had something are what it was busy with;
// of those the time that others had the core in is not its own.
static void round_once(struct load *l)
{
	const struct timespec nap = {.tv_nsec = NAP_NS};
	uint64_t from_ns = ratio_clock_ns(), at_us = from_ns / 1000, cpu_ns;
	uint32_t n = receive(l, at_us);

	write_due(l, at_us);
	n += turn_members(l, n >= LOAD_BURST / 2 ? 1 : TURNS_MAX, at_us);
	n += send_acks(l, at_us);
	load_net_flush(&l->net);
	if (n == 0)
		nanosleep(&nap, NULL);
	else
		l->spent.busy_ns += ratio_clock_ns() - from_ns;
	cpu_ns = ratio_time_ns(CLOCK_THREAD_CPUTIME_ID);
	l->spent.work_ns += n > 0 ? cpu_ns - l->spent.cpu_ns : 0;
	l->spent.cpu_ns = cpu_ns;
}

static void run_us(struct load *l, uint64_t us)
{
	uint64_t until = now_us() + us;

	while (!is_over && now_us() < until)
		round_once(l);
}

// The same, and what it took.
static void run_counted(struct load *l, uint64_t us, struct load_spent *s)
{
	const struct load_spent before = l->spent;
	uint64_t wall_ns = ratio_clock_ns(), frames = l->net.rx_frames;

	run_us(l, us);
	s->wall_ns = ratio_clock_ns() - wall_ns;
	s->frames = l->net.rx_frames - frames;
	s->cpu_ns = l->spent.cpu_ns - before.cpu_ns;
	s->busy_ns = l->spent.busy_ns - before.busy_ns;
	s->work_ns = l->spent.work_ns - before.work_ns;
}

static bool find_server(struct load *l)
{
	for (int i = 0; i < 100 && !l->net.has_server_mac && !is_over; i++) {
		load_net_ask(&l->net);
		run_us(l, 200000);
	}
	return l->net.has_server_mac;
}

static uint32_t count_ready(const struct load *l)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < l->n_started; i++)
		n += l->members[i].is_connected && l->members[i].has_neighbour;
	return n;
}

// Until all who were started are ready, or for a minute nobody more is.
static int wait_ready(struct load *l)
{
	for (int i = 0; i < PATIENCE_S && count_ready(l) < l->n_started && !is_over; i++) {
		uint32_t before = count_ready(l);

		for (int k = 0; k < 10 && count_ready(l) < l->n_started; k++)
			run_us(l, 100000);
		if (count_ready(l) > before)
			i = 0;
	}
	return count_ready(l) < l->n_started ? -ETIMEDOUT : 0;
}

// Whoever is the first one's neighbour is the super-peer, as nobody else answers.
static int join_first(struct load *l)
{
	int err = start_member(l, now_us());

	if (err == 0)
		err = wait_ready(l);
	for (int i = 0; i < PEER_ID_LEN; i++)
		snprintf(l->super_id + 2 * i, 3, "%02x", l->members[0].neighbour[i]);
	return err;
}

static int join_all(struct load *l)
{
	int err = join_first(l);
	uint64_t start = now_us(), step = 1000000 / l->opts.join_per_s;

	while (err == 0 && !is_over && l->n_started < l->opts.n) {
		if (now_us() >= start + l->n_started * step)
			err = start_member(l, now_us());
		round_once(l);
	}
	return err == 0 ? wait_ready(l) : err;
}

static int stream(struct load *l)
{
	int err;

	run_counted(l, SETTLE_US, &l->idle);
	err = node_publish(l->members[0].group, STREAM, &(struct group_stream_params){0},
			   &l->published, now_us());
	if (err != 0)
		return err;
	l->write_us = now_us();
	run_counted(l, l->opts.seconds * 1000000ull, &l->stream);
	run_us(l, REST_US);
	return 0;
}

// -- the result --

static struct load_result sum_up(const struct load *l, double joined_s)
{
	struct load_result r = {.n_members = l->n_started,
				.joined_s = joined_s,
				.written = l->n_written,
				.rx_frames = l->net.rx_frames,
				.tx_frames = l->net.tx_frames,
				.tx_refused = l->net.tx_refused,
				.light = *lights_counters(l->lights),
				.idle = l->idle,
				.stream = l->stream};

	for (uint32_t i = 0; i < l->n_started; i++) {
		const struct load_member *m = &l->members[i];
		struct heard_count c = {m->n_messages, m->n_gaps};

		if (!is_whole(l, i))
			c = heard_count(l->heard, i);
		r.n_light += lights_at(l->lights, i)->is_light;
		r.failed += m->has_failed;
		r.got += c.messages;
		r.gaps += c.gaps;
		r.whole += i > 0 && c.messages == l->n_written && c.gaps == 0;
	}
	return r;
}

static int tell(const struct load *l, double joined_s)
{
	struct load_result r = sum_up(l, joined_s);

	load_tell(&r, l->opts.wants_json);
	return r.whole == l->n_started - 1 && r.failed == 0 ? 0 : 3;
}

// -- start, end --

static void on_signal(int sig)
{
	is_over = 1;
}

static int run(struct load *l)
{
	uint64_t start = now_us();
	double joined_s;
	int err;

	if (!find_server(l)) {
		fprintf(stderr, "load: the server does not answer ARP\n");
		return 2;
	}
	err = join_all(l);
	joined_s = (double)(now_us() - start) / 1e6;
	if (err == 0 && !is_over)
		err = stream(l);
	if (is_over)
		return 130;
	if (err != 0) {
		fprintf(stderr, "load: %s; %u of %u have joined\n", strerror(-err), count_ready(l),
			l->opts.n);
		return 2;
	}
	return tell(l, joined_s);
}

static bool take_memory(struct load *l)
{
	const struct load_opts *o = &l->opts;
	uint64_t fragments = o->message_bytes / STREAM_FRAGMENT_MAX + 1;

	l->random = random_system();
	l->crypto = crypto_create(CRYPTO_AUTO);
	l->members = calloc(o->n, sizeof(*l->members));
	l->heard = heard_create(o->n, (uint64_t)o->message_hz * o->seconds * fragments + 64);
	l->due = world_heap_create(o->n);
	for (uint32_t i = 0; i < o->n; i++)
		world_heap_set(l->due, i, UINT64_MAX);
	if (l->crypto != NULL)
		l->lights = lights_create(o->n, l->crypto, now_us());
	return l->members != NULL && l->heard != NULL && l->lights != NULL;
}

int main(int argc, char **argv)
{
	struct load *l = calloc(1, sizeof(*l));
	const char *why = "no memory";
	uint32_t at;
	int code;

	if (l == NULL || !load_args_read(&l->opts, argc, argv))
		return load_args_usage();
	if (groupspec_parse(&l->spec, l->opts.group, &why, &at) != 0) {
		fprintf(stderr, "load: --group: %s\n", why);
		return 1;
	}
	if (!take_memory(l) || load_net_open(&l->net, &l->opts) != 0)
		return 2;
	signal(SIGINT, on_signal);
	signal(SIGTERM, on_signal);
	code = run(l);
	for (uint32_t i = 0; i < l->n_started; i++)
		sim_node_destroy(l->members[i].sim);
	load_net_close(&l->net);
	world_heap_destroy(l->due);
	heard_destroy(l->heard);
	lights_destroy(l->lights);
	free(l->members);
	crypto_destroy(l->crypto);
	free(l);
	return code;
}

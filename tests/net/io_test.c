// The DPDK world on af_packet against a kernel: IO_TEST_PEER=PATH io_test closed|down|open, where
// PATH is the peer's network namespace.
//
// closed: the peer's interface leaves nothing to its card, as operators are told to set it. open:
// the kernel's defaults, where UDP checksums stay open and bursts uncut.
#include "dataplane/io/io.h"

#include <poll.h>

#include "crypto/certificate.h"
#include "crypto/crypto.h"
#include "crypto/epd.h"
#include "crypto/random.h"
#include "dataplane/body.h"
#include "dataplane/messages.h"
#include "dataplane/wire/chunk.h"
#include "tests/net/io_peer.h"
#include "tests/support/far_end.h"
#include "tests/support/test.h"

#define OUR_IP   "10.99.0.1"
#define OUR_PORT 1935
#define FLOOD    20000
#define IDLE_MS  2000
#define MANY     10

// One appliance for all tests: DPDK starts once.
struct appliance {
	struct io_peer *peer;
	struct io *io;
	struct mailbox *commands, *reports;
	struct body_pool *bodies;
	struct crypto *crypto; // the worker's
	struct random random;
	struct loop *sealer; // no nodes: it seals and opens for the peer
	uint8_t fingerprint[FINGERPRINT_LEN];
};

// -- the appliance --

static struct engine *make_engine(void *ctx, uint32_t worker)
{
	struct appliance *a = ctx;
	struct engine_opts o;

	engine_opts_member(&o);
	o.crypto = a->crypto = crypto_create(CRYPTO_AUTO);
	o.random = &a->random;
	o.commands = a->commands;
	o.reports = a->reports;
	return engine_create(&o);
}

static void destroy_engine(void *ctx, uint32_t worker, struct engine *e)
{
	struct appliance *a = ctx;

	engine_destroy(e);
	crypto_destroy(a->crypto);
}

static void start_io(struct appliance *a, const char *device)
{
	const struct io_addr ours = {{.ip = {10, 99, 0, 1}, .family = 4}, 24};
	const struct io_port_opts port = {.name = "lab",
					  .device = device,
					  .addrs = &ours,
					  .n_addrs = 1,
					  .mtu = 1500,
					  .queues = 1};
	const struct wire_addr endpoint = {.port = OUR_PORT, .family = 4};
	const struct io_opts o = {
		.eal = {.program = "io_test", .memory_mb = 128, .huge = EAL_HUGE_OFF},
		.ports = &port,
		.n_ports = 1,
		.endpoints = &endpoint,
		.n_endpoints = 1,
		.n_workers = 1,
		.idle = IDLE_ADAPTIVE,
		.window_max_us = 50,
		.sleep_min_us = 50,
		.sleep_max_us = 1000,
		.engine_create = make_engine,
		.engine_destroy = destroy_engine,
		.ctx = a,
		.reports = &a->reports,
	};
	char why[IO_WHY_MAX] = "";

	a->io = io_create(&o, why, sizeof(why));
	if (a->io == NULL || io_start(a->io, why, sizeof(why)) != 0)
		fail_msg("%s", why);
}

static void add_endpoint(struct appliance *a)
{
	const uint8_t random[CERTIFICATE_RANDOM_LEN] = "no secret";
	struct command cmd = {.op = CMD_ENDPOINT, .len = sizeof(struct endpoint_seed)};
	struct endpoint_seed *seed;
	struct certificate c;

	cmd.body = body_get(a->bodies, cmd.len);
	assert_non_null(cmd.body);
	seed = (struct endpoint_seed *)cmd.body->data;
	*seed = (struct endpoint_seed){.answers_hello = 1};
	seed->cert_len = (uint16_t)certificate_build_server(seed->cert, sizeof(seed->cert), random);
	assert_int_equal(certificate_read(&c, span_of(seed->cert, seed->cert_len)), 0);
	memcpy(a->fingerprint, c.fingerprint, FINGERPRINT_LEN);
	assert_true(mailbox_push(a->commands, &cmd));
}

// Control sleeps until the engine has given the body back: then the endpoint is there.
static void await_bodies(struct appliance *a)
{
	struct report r;

	while (body_pool_lent(a->bodies) > 0) {
		while (mailbox_pop(a->reports, &r)) {
			assert_int_equal(r.op, REP_BODIES_PUT);
			for (int i = 0; i < BODIES_PER_PUT; i++)
				if (r.bodies.more[i] != NULL)
					body_put(r.bodies.more[i]);
		}
		bell_arm(io_bell(a->io));
		if (mailbox_n(a->reports) == 0 && body_pool_lent(a->bodies) > 0)
			poll(&(struct pollfd){.fd = io_bell(a->io)->fd, .events = POLLIN}, 1, -1);
		bell_disarm(io_bell(a->io));
	}
}

static int setup(void **state, const char *device)
{
	struct appliance *a = calloc(1, sizeof(*a));

	*state = a;
	a->peer = io_peer_start(getenv("IO_TEST_PEER"), OUR_IP, OUR_PORT); // forks: before DPDK
	a->random = random_system();
	a->sealer = loop_create(&(struct loop_opts){.seed = 1});
	a->commands = mailbox_create(64);
	a->reports = mailbox_create(64);
	a->bodies = body_pool_create(4u << 20);
	start_io(a, device);
	add_endpoint(a);
	await_bodies(a);
	return 0;
}

static int setup_af_packet(void **state)
{
	return setup(state, "net_af_packet0,iface=eth0,qdisc_bypass=1");
}

static int setup_tap(void **state)
{
	if (setup(state, "net_tap0,iface=eth0") != 0)
		return -1;
	return system("ip addr add 10.99.0.2/24 dev eth0 && ip link set eth0 up");
}

static int teardown(void **state)
{
	struct appliance *a = *state;

	io_stop(a->io);
	assert_int_equal(io_destroy(a->io), 0);
	io_peer_stop(a->peer);
	body_pool_destroy(a->bodies);
	mailbox_destroy(a->commands);
	mailbox_destroy(a->reports);
	loop_destroy(a->sealer);
	free(a);
	return 0;
}

// -- what the peer does --

static uint16_t hello(struct appliance *a, uint8_t datagram[LOOP_DATAGRAM_MAX])
{
	static const uint8_t tag[16] = "sixteen octets.";
	uint8_t epd[EPD_CANONICAL_LEN], chunks[256];
	struct ihello h = {span_of(epd, sizeof(epd)), span_of(tag, sizeof(tag))};
	struct wr w = wr_over(chunks, sizeof(chunks));

	epd_canonical(epd, a->fingerprint);
	assert_int_equal(ihello_write(&w, &h), 0);
	return (uint16_t)startup_seal(a->sealer, 0, span_of(chunks, w.len), datagram);
}

static void assert_hello_is_answered(struct appliance *a)
{
	uint8_t out[LOOP_DATAGRAM_MAX], in[2048], buf[LOOP_DATAGRAM_MAX];
	uint16_t len = io_peer_ask(a->peer, out, hello(a, out), in);
	struct packet_header h;
	struct span plain;
	struct chunk c;
	uint32_t id;
	struct rd r;

	assert_int_equal(startup_unseal(a->sealer, span_of(in, len), &id, buf, &plain), 0);
	r = rd_over_span(plain);
	assert_int_equal(packet_header_read(&r, &h), 0);
	assert_true(chunk_next(&r, &c));
	assert_int_equal(c.type, CHUNK_RHELLO);
}

// Of datagrams; a kernel may say things on a link that are not for us.
static uint64_t drops(const struct worker_stats *s)
{
	uint64_t sum = 0;

	for (int i = 0; i < DROP_REASONS_N; i++)
		sum += s->drops[i];
	return sum - s->drops[DROP_L2_NOT_OURS];
}

// -- claims --

static void a_kernel_finds_us_and_gets_its_pings_back(void **state)
{
	struct appliance *a = *state;
	struct io_port_stats p;
	uint8_t mac[6];

	assert_int_equal(io_peer_ping(a->peer, MANY), MANY);
	assert_true(io_peer_arp(a->peer, mac));
	io_port_stats(a->io, 0, &p);
	assert_memory_equal(mac, &p.port->mac, sizeof(mac));
	assert_true(p.links.arp_answered >= 1);
	assert_int_equal(p.links.echoes_answered, MANY);
	assert_true(p.link_is_up);
	assert_string_equal(p.port->iface, "eth0");
}

static void a_hello_from_a_socket_is_answered(void **state)
{
	struct appliance *a = *state;
	struct worker_stats s;

	for (int i = 0; i < MANY; i++)
		assert_hello_is_answered(a);
	io_stats(a->io, &s);
	assert_int_equal(s.hellos_answered, MANY);
}

// Random octets verify nowhere, so each is a drop with a name, and nothing else happens.
static void a_flood_of_garbage_is_counted_and_nothing_else(void **state)
{
	struct appliance *a = *state;
	struct worker_stats before, after;
	uint32_t sent;

	io_stats(a->io, &before);
	sent = io_peer_flood(a->peer, FLOOD);
	io_stats(a->io, &after);
	assert_int_equal(sent, FLOOD);
	print_message("  %llu of %u datagrams came in\n",
		      (unsigned long long)(after.rx_packets - before.rx_packets), sent);
	assert_true(after.rx_packets > before.rx_packets);
	assert_int_equal(drops(&after) - drops(&before), after.rx_packets - before.rx_packets);
	assert_true(after.drops[DROP_SHORT] > before.drops[DROP_SHORT]);
	assert_true(after.drops[DROP_WRONG_WORKER] > before.drops[DROP_WRONG_WORKER]);
	assert_int_equal(after.tx_packets, before.tx_packets);
	assert_int_equal(after.sessions_open, 0);
	assert_int_equal(mailbox_n(a->reports), 0);
	assert_hello_is_answered(a);
}

static void tidy_peers_need_no_advice(void **state)
{
	struct appliance *a = *state;
	struct worker_stats s;
	char text[512];

	io_stats(a->io, &s);
	assert_int_equal(s.checksum_unverified, 0);
	assert_false(io_advice(a->io, text, sizeof(text)));
}

static void open_checksums_are_accepted_and_remarked_once(void **state)
{
	struct appliance *a = *state;
	struct worker_stats s;
	char text[512];

	io_stats(a->io, &s);
	assert_true(s.checksum_unverified > 0);
	assert_int_equal(s.drops[DROP_L3_CHECKSUM], 0);
	assert_true(io_advice(a->io, text, sizeof(text)));
	assert_non_null(strstr(text, "ethtool -K"));
	assert_non_null(strstr(text, "port lab"));
	assert_false(io_advice(a->io, text, sizeof(text)));
}

static void an_uncut_burst_is_counted_and_remarked_once(void **state)
{
	struct appliance *a = *state;
	struct io_port_stats p;
	char text[512];

	assert_true(io_peer_burst(a->peer, 5, 1000));
	io_port_stats(a->io, 0, &p);
	assert_int_equal(p.links.over_mtu, 1);
	assert_true(io_advice(a->io, text, sizeof(text)));
	assert_non_null(strstr(text, "above the MTU of 1500"));
	assert_false(io_advice(a->io, text, sizeof(text)));
}

// No verdict, a figure: it depends on the machine.
static void what_sleeping_costs(void **state)
{
	struct appliance *a = *state;
	struct io_worker_stats before, after;

	io_worker_stats(a->io, 0, &before);
	poll(NULL, 0, IDLE_MS);
	io_worker_stats(a->io, 0, &after);
	print_message("  an idle worker: %.1f %% CPU, %llu polls a second\n",
		      (double)(after.cpu_us - before.cpu_us) / (IDLE_MS * 10.0),
		      (unsigned long long)(after.turns - before.turns) * 1000 / IDLE_MS);
	assert_true(after.is_woken); // by the driver's own socket, or the TAP's
	assert_true(after.turns_idle > before.turns_idle);
}

// A socket whose interface is down says so at every look, so who sleeps on it would not sleep.
static void an_interface_that_is_down_lets_it_sleep(void **state)
{
	struct appliance *a = *state;
	struct io_worker_stats before, after;

	assert_int_equal(system("ip link set eth0 down"), 0);
	io_worker_stats(a->io, 0, &before);
	poll(NULL, 0, IDLE_MS / 4);
	io_worker_stats(a->io, 0, &after);
	assert_int_equal(system("ip link set eth0 up"), 0);
	assert_true(after.turns - before.turns < IDLE_MS); // a few for each nap; else some 100 000
	assert_true(io_peer_ping(a->peer, 5) > 0); // the bridge takes a while to forward again
}

int main(int argc, char **argv)
{
	const struct CMUnitTest closed[] = {
		cmocka_unit_test(a_kernel_finds_us_and_gets_its_pings_back),
		cmocka_unit_test(a_hello_from_a_socket_is_answered),
		cmocka_unit_test(a_flood_of_garbage_is_counted_and_nothing_else),
		cmocka_unit_test(tidy_peers_need_no_advice),
		cmocka_unit_test(what_sleeping_costs),
	};
	const struct CMUnitTest down[] = {
		cmocka_unit_test(a_hello_from_a_socket_is_answered),
		cmocka_unit_test(an_interface_that_is_down_lets_it_sleep),
	};
	const struct CMUnitTest open[] = {
		cmocka_unit_test(a_hello_from_a_socket_is_answered),
		cmocka_unit_test(open_checksums_are_accepted_and_remarked_once),
		cmocka_unit_test(an_uncut_burst_is_counted_and_remarked_once),
	};

	if (argc != 2 || getenv("IO_TEST_PEER") == NULL)
		return 1;
	if (strcmp(argv[1], "open") == 0)
		return cmocka_run_group_tests(open, setup_af_packet, teardown);
	if (strcmp(argv[1], "down") == 0)
		return cmocka_run_group_tests(down, setup_af_packet, teardown);
	if (strcmp(argv[1], "tap") == 0)
		return cmocka_run_group_tests(closed, setup_tap, teardown);
	return cmocka_run_group_tests(closed, setup_af_packet, teardown);
}

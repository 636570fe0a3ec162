// A few clients of the control socket that say anything in any pieces, read or do not, hang up in
// the middle. Every whole request is answered with one line of JSON, and in the end nobody is left.
//
//	script := { op:1 ... }*
//	op     := client (low 2 bits), deed (next 3), see step()
#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <event2/event.h>

#include "control/admin/admin_socket.h"
#include "dataplane/wire/cursor.h"
#include "tests/fuzz/oracle.h"

#define CLIENTS    4
#define STEPS_MAX  200
#define LOOPS_MAX  2000      // more than any script's requests and replies need
#define LINE_SURE  1000      // shorter requests are taken whatever the pieces they come in
#define MEMORY_MAX (4 << 20) // every client's buffers, a reply of LONG_MAX among them
#define LONG_MAX   300000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct client {
	int fd;       // -1: not there
	bool is_long; // has said a line that may be too long
	size_t line_len;
	unsigned n_requests, n_replies;
	uint8_t last;  // octet that came
	bool is_fresh; // nothing of the present reply has come
};

struct world {
	struct event_base *base;
	struct admin *admin;
	char dir[32], path[48];
	uint64_t work; // of the daemon for this input, without the harness's
};

// ---- the daemon: one for all inputs, as it would be ----

static int echo(void *ctx, const char *args, struct json_out *out)
{
	json_string(out, args);
	return 0;
}

static int fail(void *ctx, const char *args, struct json_out *out)
{
	json_object_begin(out);
	json_key(out, args);
	return -ENOENT;
}

static int much(void *ctx, const char *args, struct json_out *out)
{
	uint64_t before = oracle_work(); // what it makes is its own affair

	json_array_begin(out);
	for (unsigned long n = strtoul(args, NULL, 10) % LONG_MAX; n >= 8; n -= 8)
		json_u64(out, 1234567);
	json_array_end(out);
	oracle_work_set(before);
	return 0;
}

static struct world *world(void);

static void world_end(void)
{
	struct world *w = world();

	admin_destroy(w->admin);
	event_base_free(w->base);
	assert(rmdir(w->dir) == 0); // the socket went with the daemon
}

static struct world *world(void)
{
	static struct world w;
	int err;

	if (w.base != NULL)
		return &w;
	signal(SIGPIPE, SIG_IGN);
	strcpy(w.dir, "/tmp/annulus-fuzz-XXXXXX");
	if (mkdtemp(w.dir) == NULL)
		abort();
	snprintf(w.path, sizeof(w.path), "%s/s", w.dir);
	w.base = event_base_new();
	err = admin_create(w.base, w.path, &w.admin);
	assert(err == 0);
	admin_register(w.admin, "echo", "says it again", echo, NULL);
	admin_register(w.admin, "fail", "cannot", fail, NULL);
	admin_register(w.admin, "much", "so many octets", much, NULL);
	atexit(world_end);
	return &w;
}

static void turn(struct world *w)
{
	uint64_t before = oracle_work();

	event_base_loop(w->base, EVLOOP_NONBLOCK);
	w->work += oracle_work() - before;
}

// ---- clients ----

static void dial(struct world *w, struct client *c)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int err;

	*c = (struct client){.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0),
			     .is_fresh = true};
	strcpy(sun.sun_path, w->path);
	err = connect(c->fd, (struct sockaddr *)&sun, sizeof(sun));
	assert(err == 0);
	turn(w);
}

static void hang_up(struct client *c)
{
	close(c->fd);
	c->fd = -1;
}

static void say(struct client *c, const uint8_t *data, size_t len)
{
	ssize_t n = send(c->fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL);

	for (ssize_t i = 0; i < n; i++) {
		c->n_requests += data[i] == '\n';
		c->line_len = data[i] == '\n' ? 0 : c->line_len + 1;
		c->is_long |= c->line_len >= LINE_SURE;
	}
}

// False: the daemon has hung up.
static bool hear(struct client *c, size_t len)
{
	static uint8_t buf[65536];
	ssize_t n = recv(c->fd, buf, len < sizeof(buf) ? len : sizeof(buf), MSG_DONTWAIT);

	for (ssize_t i = 0; i < n; i++) {
		assert(!c->is_fresh || buf[i] == '{');
		c->is_fresh = buf[i] == '\n';
		c->n_replies += buf[i] == '\n';
		assert(buf[i] != '\n' || c->last == '}');
		assert(buf[i] == '\n' || buf[i] >= 0x20);
		c->last = buf[i];
	}
	assert(c->n_replies <= c->n_requests + c->is_long);
	return n > 0 || (n < 0 && errno == EAGAIN);
}

static void step(struct world *w, struct client *c, uint8_t deed, struct rd *in)
{
	uint8_t line[2048];
	size_t len;

	if (c->fd < 0)
		dial(w, c);
	switch (deed) {
	case 4: // a line that is too long, or just not
		len = (size_t)rd_u8(in) * 8;
		memset(line, 'e', len);
		say(c, line, len);
		break;
	case 5:
		hear(c, (size_t)rd_u8(in) * 16 + 1);
		break;
	case 6:
		shutdown(c->fd, SHUT_WR);
		break;
	case 7:
		hang_up(c);
		break;
	default: {
		struct span text = rd_bytes(in, rd_u8(in) % (rd_left(in) + 1));

		say(c, text.data, text.len);
	}
	}
	turn(w);
}

// Asks nothing more, hears everything.
static void finish(struct world *w, struct client *c)
{
	int loops = 0;

	shutdown(c->fd, SHUT_WR);
	do {
		turn(w);
		assert(loops++ < LOOPS_MAX);
	} while (hear(c, SIZE_MAX));
	assert(c->is_fresh);
	assert(c->is_long || c->n_replies == c->n_requests);
	hang_up(c);
}

static int run(const uint8_t *data, size_t size)
{
	struct rd in = rd_over(data, size);
	struct world *w = world();
	struct client clients[CLIENTS];
	uint64_t before = oracle_work();

	w->work = 0;
	for (unsigned i = 0; i < CLIENTS; i++)
		clients[i].fd = -1;
	for (unsigned i = 0; i < STEPS_MAX && rd_left(&in) > 0; i++) {
		uint8_t op = rd_u8(&in);

		step(w, &clients[op % CLIENTS], op >> 2 & 7, &in);
	}
	for (unsigned i = 0; i < CLIENTS; i++)
		if (clients[i].fd >= 0)
			finish(w, &clients[i]);
	turn(w);
	oracle_work_set(before + w->work);
	return 0;
}

static size_t usual(uint8_t *to, size_t len)
{
	return oracle_repeat(to, len, NULL, 0, "\0\5help\n", 7);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct oracle o = {
		.run = run, .usual = usual, .large_len = 1024, .memory_max = MEMORY_MAX};
	size_t before = oracle_memory();

	oracle_run(&o, data, size);
	// Nobody is left; what libevent keeps for the next client is not worth a word.
	assert(oracle_memory() < before + 65536);
	return 0;
}

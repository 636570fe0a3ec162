// What the tests of this room share: cmocka with what it wants included before it, a directory that
// goes away, and a daemon that is nothing but a control socket, on a thread of its own.
#ifndef ANNULUS_TESTS_UNIT_ADMIN_TEST_H
#define ANNULUS_TESTS_UNIT_ADMIN_TEST_H

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include <event2/event.h>

#include "control/admin/admin_client.h"
#include "control/admin/admin_socket.h"

#define N(array) (sizeof(array) / sizeof((array)[0]))

enum { PATIENCE_MS = 20000 }; // longer than any loaded machine needs; nobody waits for it to pass

struct daemon {
	char dir[32], path[48];
	struct event_base *base;
	struct admin *admin;
	struct event *stop;
	int stop_pipe[2]; // an octet in it ends the thread
	pthread_t thread;
};

// The commands: what a test asks for.

static inline int daemon_echo(void *ctx, const char *args, struct json_out *out)
{
	json_string(out, args);
	return 0;
}

static inline int daemon_status(void *ctx, const char *args, struct json_out *out)
{
	json_object_begin(out);
	json_put_string(out, "state", "running");
	json_put_u64(out, "uptime_us", 90000000);
	json_object_end(out);
	return 0;
}

static inline int daemon_ring(void *ctx, const char *args, struct json_out *out)
{
	json_object_begin(out);
	json_put_string(out, "name", args);
	json_object_end(out);
	return 0;
}

static inline int daemon_fail(void *ctx, const char *args, struct json_out *out)
{
	json_object_begin(out); // and no end: what a failed command wrote does not matter
	json_key(out, "half");
	return -ENOENT;
}

static inline int daemon_flood(void *ctx, const char *args, struct json_out *out)
{
	json_array_begin(out);
	for (unsigned i = 0; i < (ADMIN_REPLY_MAX >> 3) && out->err == 0; i++)
		json_string(out, "twelve chars");
	json_array_end(out);
	return 0;
}

// A reply of the length that is asked for.
static inline int daemon_long(void *ctx, const char *args, struct json_out *out)
{
	size_t len = strtoul(args, NULL, 10);
	char *text = malloc(len + 1);

	assert_non_null(text);
	memset(text, 'x', len);
	json_string_n(out, text, len);
	free(text);
	return 0;
}

static inline void daemon_on_stop(evutil_socket_t fd, short what, void *ctx)
{
	event_base_loopbreak(ctx);
}

static inline void *daemon_run(void *ctx)
{
	struct daemon *d = ctx;

	event_base_dispatch(d->base);
	return NULL;
}

static inline void dir_make(char dir[32], char path[48])
{
	strcpy(dir, "/tmp/annulus-admin-XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(path, 48, "%s/s", dir);
}

// The socket listens when this returns, so a client may come at once.
static inline int daemon_start(void **state)
{
	struct daemon *d = calloc(1, sizeof(*d));

	assert_non_null(d);
	signal(SIGPIPE, SIG_IGN);
	dir_make(d->dir, d->path);
	d->base = event_base_new();
	assert_int_equal(admin_create(d->base, d->path, &d->admin), 0);
	assert_int_equal(pipe(d->stop_pipe), 0);
	d->stop = event_new(d->base, d->stop_pipe[0], EV_READ, daemon_on_stop, d->base);
	event_add(d->stop, NULL);
	assert_int_equal(admin_register(d->admin, "ring", "a ring", daemon_ring, NULL), 0);
	assert_int_equal(admin_register(d->admin, "echo", "says it again", daemon_echo, NULL), 0);
	assert_int_equal(admin_register(d->admin, "status", "how it is", daemon_status, NULL), 0);
	assert_int_equal(admin_register(d->admin, "fail", "cannot", daemon_fail, NULL), 0);
	assert_int_equal(admin_register(d->admin, "flood", "too much", daemon_flood, NULL), 0);
	assert_int_equal(admin_register(d->admin, "long", "much", daemon_long, NULL), 0);
	assert_int_equal(pthread_create(&d->thread, NULL, daemon_run, d), 0);
	*state = d;
	return 0;
}

static inline int daemon_end(void **state)
{
	struct daemon *d = *state;

	assert_int_equal(write(d->stop_pipe[1], "", 1), 1);
	pthread_join(d->thread, NULL);
	event_free(d->stop);
	close(d->stop_pipe[0]);
	close(d->stop_pipe[1]);
	admin_destroy(d->admin);
	event_base_free(d->base);
	assert_int_equal(access(d->path, F_OK), -1); // it took its socket along
	assert_int_equal(rmdir(d->dir), 0);
	free(d);
	return 0;
}

#define WITH_DAEMON(test) cmocka_unit_test_setup_teardown(test, daemon_start, daemon_end)

#endif

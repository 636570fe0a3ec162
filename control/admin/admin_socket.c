#include "control/admin/admin_socket.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>

enum { BACKLOG = 16 };

struct command {
	const char *name, *sentence;
	admin_fn fn;
	void *ctx;
};

struct client {
	struct admin *admin;
	struct bufferevent *bev;
	bool is_eof; // nothing more comes from it; what it asked is still answered
	struct client *next;
};

struct admin {
	struct event_base *base;
	struct evconnlistener *listener;
	struct event *resume; // listens again after the process ran out of descriptors
	char *path;
	dev_t dev; // of our socket's file: another's is not removed
	ino_t ino;
	struct command commands[ADMIN_COMMANDS_MAX];
	unsigned n_commands;
	struct client *clients;
	unsigned n_clients;
};

static void client_destroy(struct client *c)
{
	struct client **at = &c->admin->clients;

	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	c->admin->n_clients--;
	bufferevent_free(c->bev);
	free(c);
}

// ---- replies
// --------------------------------------------------------------------------------------

static void reply_error(struct client *c, const char *text)
{
	struct evbuffer *out = bufferevent_get_output(c->bev);
	struct json_out j;

	json_init(&j, ADMIN_REPLY_MAX);
	json_object_begin(&j);
	json_put_bool(&j, "ok", false);
	json_put_string(&j, "error", text);
	json_object_end(&j);
	if (json_finish(&j) == 0) {
		evbuffer_add(out, j.text, j.len);
		evbuffer_add(out, "\n", 1);
	}
	json_destroy(&j);
}

static const char *error_text(int err)
{
	if (err == -ENOENT)
		return "there is none of that name";
	return err == -ENOBUFS ? "the reply would be too long" : strerror(-err);
}

static void reply_command(struct client *c, const struct command *command, const char *args)
{
	struct evbuffer *out = bufferevent_get_output(c->bev);
	struct json_out j;
	int err;

	json_init(&j, ADMIN_REPLY_MAX);
	json_object_begin(&j);
	json_put_bool(&j, "ok", true);
	json_key(&j, "result");
	err = command->fn(command->ctx, args, &j);
	if (err == 0) {
		json_object_end(&j);
		err = json_finish(&j);
	}
	if (err == 0) {
		evbuffer_add(out, j.text, j.len);
		evbuffer_add(out, "\n", 1);
	} else {
		reply_error(c, error_text(err));
	}
	json_destroy(&j);
}

static const struct command *command_find(const struct admin *admin, const char *name, size_t len)
{
	for (unsigned i = 0; i < admin->n_commands; i++)
		if (strlen(admin->commands[i].name) == len &&
		    memcmp(admin->commands[i].name, name, len) == 0)
			return &admin->commands[i];
	return NULL;
}

static void answer(struct client *c, const char *line)
{
	size_t len = strcspn(line, " ");
	const struct command *command = command_find(c->admin, line, len);
	char text[128];

	if (command != NULL) {
		reply_command(c, command, line[len] == ' ' ? line + len + 1 : "");
		return;
	}
	snprintf(text, sizeof(text), "unknown command `%.40s`; `help` lists them", line);
	reply_error(c, text);
}

// ---- one client
// -----------------------------------------------------------------------------------

// Answers what has arrived, one line at a time: the next waits in the input until this reply has
// left, so a client that does not read holds one reply and not a hundred.
static void client_serve(struct client *c)
{
	struct evbuffer *in = bufferevent_get_input(c->bev), *out = bufferevent_get_output(c->bev);
	size_t len;
	char *line;

	if (evbuffer_get_length(out) > 0) {
		// libevent 2.1 calls on_read again at once, and never comes back from its loop, as
		// long as the input is full and reading is enabled.
		if (evbuffer_get_length(in) >= ADMIN_REQUEST_MAX)
			bufferevent_disable(c->bev, EV_READ);
		return;
	}
	if (!c->is_eof)
		bufferevent_enable(c->bev, EV_READ);
	line = evbuffer_readln(in, &len, EVBUFFER_EOL_CRLF);
	if (line == NULL && evbuffer_get_length(in) >= ADMIN_REQUEST_MAX) {
		reply_error(c, "the request is too long");
		evbuffer_drain(in, evbuffer_get_length(in));
		bufferevent_disable(c->bev, EV_READ);
		c->is_eof = true; // where the next request begins is lost
	} else if (line == NULL && c->is_eof) {
		client_destroy(c);
		return;
	} else if (line != NULL) {
		if (strlen(line) == len)
			answer(c, line);
		else
			reply_error(c, "the request has a zero octet");
	}
	free(line);
}

static void on_read(struct bufferevent *bev, void *ctx)
{
	client_serve(ctx);
}

static void on_written(struct bufferevent *bev, void *ctx)
{
	client_serve(ctx);
}

static void on_event(struct bufferevent *bev, short what, void *ctx)
{
	struct client *c = ctx;

	if ((what & BEV_EVENT_EOF) != 0 && (what & BEV_EVENT_READING) != 0) {
		c->is_eof = true;
		client_serve(c);
		return;
	}
	client_destroy(c); // an error, or ADMIN_IDLE_S without a request or without reading
}

static void refuse_client(evutil_socket_t fd)
{
	static const char text[] = "{\"ok\":false,\"error\":\"too many connections\"}\n";

	// It fits any socket buffer; if not, closing says the same.
	(void)!send(fd, text, sizeof(text) - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
	evutil_closesocket(fd);
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *from,
		      int from_len, void *ctx)
{
	static const struct timeval idle = {.tv_sec = ADMIN_IDLE_S};
	struct admin *admin = ctx;
	struct client *c = NULL;

	if (admin->n_clients < ADMIN_CLIENTS_MAX)
		c = calloc(1, sizeof(*c));
	if (c != NULL)
		c->bev = bufferevent_socket_new(admin->base, fd, BEV_OPT_CLOSE_ON_FREE);
	if (c == NULL || c->bev == NULL) {
		free(c);
		refuse_client(fd);
		return;
	}
	c->admin = admin;
	c->next = admin->clients;
	admin->clients = c;
	admin->n_clients++;
	bufferevent_setcb(c->bev, on_read, on_written, on_event, c);
	bufferevent_setwatermark(c->bev, EV_READ, 0, ADMIN_REQUEST_MAX);
	bufferevent_set_timeouts(c->bev, &idle, &idle);
	bufferevent_enable(c->bev, EV_READ | EV_WRITE);
}

// ---- listening
// ------------------------------------------------------------------------------------

// Out of descriptors: the connection stays in the kernel's queue and would wake us for ever.
static void on_accept_error(struct evconnlistener *listener, void *ctx)
{
	static const struct timeval pause = {.tv_sec = 1};
	struct admin *admin = ctx;

	evconnlistener_disable(listener);
	evtimer_add(admin->resume, &pause);
}

static void on_resume(evutil_socket_t fd, short what, void *ctx)
{
	struct admin *admin = ctx;

	evconnlistener_enable(admin->listener);
}

// Makes way for our socket: one that nobody listens on is what a crash left behind.
static int path_clear(const struct sockaddr_un *sun)
{
	struct stat st;
	int fd, err = 0;

	if (lstat(sun->sun_path, &st) != 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)sun, sizeof(*sun)) == 0 || errno == EAGAIN)
		err = -EADDRINUSE; // it answers, or is too busy to
	else if (errno != ECONNREFUSED)
		err = -errno;
	close(fd);
	if (err == 0 && unlink(sun->sun_path) != 0)
		err = -errno;
	return err;
}

// The mode is set before listen(): until then a connection is refused, so at no time may anybody
// else come in.
static int path_bind(struct admin *admin, int fd, const struct sockaddr_un *sun)
{
	struct stat st;

	if (bind(fd, (const struct sockaddr *)sun, sizeof(*sun)) != 0)
		return -errno;
	if (chmod(sun->sun_path, 0600) != 0 || lstat(sun->sun_path, &st) != 0 ||
	    listen(fd, BACKLOG) != 0) {
		int err = -errno;

		unlink(sun->sun_path);
		return err;
	}
	admin->dev = st.st_dev;
	admin->ino = st.st_ino;
	return 0;
}

static int listen_at(struct admin *admin, const char *path)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int fd, err;

	if (strlen(path) >= sizeof(sun.sun_path))
		return -ENAMETOOLONG;
	strcpy(sun.sun_path, path);
	err = path_clear(&sun);
	if (err != 0)
		return err;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	err = path_bind(admin, fd, &sun);
	if (err != 0) {
		close(fd);
		return err;
	}
	admin->listener = evconnlistener_new(admin->base, on_accept, admin,
					     LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd);
	if (admin->listener == NULL) {
		unlink(path);
		close(fd);
		return -ENOMEM;
	}
	evconnlistener_set_error_cb(admin->listener, on_accept_error);
	return 0;
}

// ---- the door
// -------------------------------------------------------------------------------------

static int help(void *ctx, const char *args, struct json_out *out)
{
	const struct admin *admin = ctx;

	json_array_begin(out);
	for (unsigned i = 0; i < admin->n_commands; i++) {
		json_object_begin(out);
		json_put_string(out, "command", admin->commands[i].name);
		json_put_string(out, "meaning", admin->commands[i].sentence);
		json_object_end(out);
	}
	json_array_end(out);
	return 0;
}

int admin_create(struct event_base *base, const char *path, struct admin **out)
{
	struct admin *admin = calloc(1, sizeof(*admin));
	int err = -ENOMEM;

	*out = NULL;
	if (admin == NULL)
		return err;
	admin->base = base;
	admin->path = strdup(path);
	admin->resume = evtimer_new(base, on_resume, admin);
	if (admin->path != NULL && admin->resume != NULL)
		err = listen_at(admin, path);
	if (err == 0)
		err = admin_register(admin, "help", "lists the commands", help, admin);
	if (err != 0) {
		admin_destroy(admin);
		return err;
	}
	*out = admin;
	return 0;
}

void admin_destroy(struct admin *admin)
{
	struct stat st;

	if (admin == NULL)
		return;
	while (admin->clients != NULL)
		client_destroy(admin->clients);
	if (admin->listener != NULL) {
		evconnlistener_free(admin->listener);
		if (lstat(admin->path, &st) == 0 && st.st_dev == admin->dev &&
		    st.st_ino == admin->ino)
			unlink(admin->path);
	}
	if (admin->resume != NULL)
		event_free(admin->resume);
	free(admin->path);
	free(admin);
}

int admin_register(struct admin *admin, const char *name, const char *sentence, admin_fn fn,
		   void *ctx)
{
	if (command_find(admin, name, strlen(name)) != NULL)
		return -EEXIST;
	if (admin->n_commands == ADMIN_COMMANDS_MAX)
		return -ENOSPC;
	admin->commands[admin->n_commands++] = (struct command){name, sentence, fn, ctx};
	return 0;
}

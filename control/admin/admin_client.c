#include "control/admin/admin_client.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "control/admin/admin_socket.h"

// One exchange. The deadline holds for all of it together.
struct exchange {
	int fd;
	uint64_t deadline_ms;
	char *text; // of the reply
	size_t len, size;
};

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static int wait_for(const struct exchange *x, short events)
{
	struct pollfd p = {.fd = x->fd, .events = events};
	uint64_t now = now_ms();
	int n;

	if (now >= x->deadline_ms)
		return -ETIMEDOUT;
	n = poll(&p, 1, (int)(x->deadline_ms - now));
	if (n < 0 && errno != EINTR)
		return -errno;
	return n == 0 ? -ETIMEDOUT : 0;
}

static int connect_to(struct exchange *x, const char *path)
{
	static const struct timespec pause = {.tv_nsec = 10000000};
	struct sockaddr_un sun = {.sun_family = AF_UNIX};

	if (strlen(path) >= sizeof(sun.sun_path))
		return -ENAMETOOLONG;
	strcpy(sun.sun_path, path);
	x->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (x->fd < 0)
		return -errno;
	while (connect(x->fd, (struct sockaddr *)&sun, sizeof(sun)) != 0) {
		if (errno != EAGAIN && errno != EINTR) // EAGAIN: others wait in its queue
			return -errno;
		if (now_ms() >= x->deadline_ms)
			return -ETIMEDOUT;
		nanosleep(&pause, NULL);
	}
	return 0;
}

static int send_all(struct exchange *x, const char *text, size_t len)
{
	int err = 0;

	while (len > 0 && err == 0) {
		ssize_t n = send(x->fd, text, len, MSG_NOSIGNAL);

		if (n >= 0) {
			text += n;
			len -= (size_t)n;
		} else if (errno == EAGAIN) {
			err = wait_for(x, POLLOUT);
		} else if (errno == EPIPE || errno == ECONNRESET) {
			return 0; // it may have said why before it closed
		} else if (errno != EINTR) {
			return -errno;
		}
	}
	return err;
}

static int room_for_more(struct exchange *x)
{
	size_t size = x->size > 0 ? x->size * 2 : 4096;
	char *text;

	if (x->len < x->size)
		return 0;
	if (x->size > ADMIN_REPLY_MAX)
		return -EMSGSIZE;
	text = realloc(x->text, size);
	if (text == NULL)
		return -ENOMEM;
	x->text = text;
	x->size = size;
	return 0;
}

static int read_line(struct exchange *x)
{
	int err = 0;

	while (err == 0) {
		ssize_t n;
		char *end;

		err = room_for_more(x);
		if (err != 0)
			return err;
		n = recv(x->fd, x->text + x->len, x->size - x->len, 0);
		if (n > 0) {
			end = memchr(x->text + x->len, '\n', (size_t)n);
			x->len += (size_t)n;
			if (end != NULL) {
				*end = 0;
				return 0;
			}
		} else if (n == 0 || errno == ECONNRESET) {
			return -EPROTO;
		} else if (errno == EAGAIN) {
			err = wait_for(x, POLLIN);
		} else if (errno != EINTR) {
			return -errno;
		}
	}
	return err;
}

static void explain(int err, const char *path, char *why, size_t why_size)
{
	const char *text = strerror(-err), *hint = "";

	if (err == -ENOENT || err == -ECONNREFUSED)
		hint = "; is annulusd running, and is this its admin.socket?";
	else if (err == -EACCES)
		hint = "; only the user that annulusd runs as and root may";
	else if (err == -ETIMEDOUT)
		text = "no reply in time";
	else if (err == -EPROTO)
		text = "the connection was closed before the reply was whole";
	else if (err == -EMSGSIZE)
		text = "the reply is too long";
	snprintf(why, why_size, "%s: %s%s", path, text, hint);
}

int admin_request(const char *path, const char *request, uint32_t timeout_ms, char **reply,
		  char *why, size_t why_size)
{
	struct exchange x = {.fd = -1, .deadline_ms = now_ms() + timeout_ms};
	int err = connect_to(&x, path);

	*reply = NULL;
	if (err == 0)
		err = send_all(&x, request, strlen(request));
	if (err == 0)
		err = send_all(&x, "\n", 1);
	if (err == 0)
		err = read_line(&x);
	if (x.fd >= 0)
		close(x.fd);
	if (err != 0) {
		free(x.text);
		explain(err, path, why, why_size);
		return err;
	}
	*reply = x.text;
	return 0;
}

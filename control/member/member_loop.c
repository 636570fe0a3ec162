#include "control/member/member_loop.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "control/member/clock.h"

#define EVENTS_MAX  256
#define WAIT_MAX_US 1000000

struct slot {
	struct member *member;
	bool is_due; // a socket is readable, or it asked for another turn
};

struct member_loop {
	int epoll;
	struct slot **slots;
	uint32_t n, cap;
	int watched_fd;
	bool watched_always; // a plain file: epoll refuses it, it is always readable
	void (*readable)(void *ctx);
	void *readable_ctx;
};

struct member_loop *member_loop_create(void)
{
	struct member_loop *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return NULL;
	l->watched_fd = -1;
	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (l->epoll < 0) {
		free(l);
		return NULL;
	}
	return l;
}

void member_loop_destroy(struct member_loop *l)
{
	if (l == NULL)
		return;
	for (uint32_t i = 0; i < l->n; i++)
		free(l->slots[i]);
	free(l->slots);
	close(l->epoll);
	free(l);
}

static int watch_fd(struct member_loop *l, int fd, void *ptr)
{
	struct epoll_event ev = {.events = EPOLLIN, .data.ptr = ptr};

	if (fd < 0)
		return 0;
	return epoll_ctl(l->epoll, EPOLL_CTL_ADD, fd, &ev) == 0 ? 0 : -errno;
}

int member_loop_add(struct member_loop *l, struct member *m)
{
	struct slot *s;
	int err;

	if (l->n == l->cap) {
		uint32_t cap = l->cap ? 2 * l->cap : 16;
		struct slot **grown = realloc(l->slots, cap * sizeof(struct slot *));

		if (grown == NULL)
			return -ENOMEM;
		l->slots = grown;
		l->cap = cap;
	}
	s = calloc(1, sizeof(*s));
	if (s == NULL)
		return -ENOMEM;
	*s = (struct slot){.member = m, .is_due = true};
	l->slots[l->n++] = s;
	err = watch_fd(l, member_wake_fd(m), s);
	for (uint8_t i = 0; err == 0 && i < UDP_SOCKETS_MAX; i++)
		err = watch_fd(l, member_fd(m, i), s);
	return err;
}

static void unwatch_fd(struct member_loop *l, int fd)
{
	if (fd >= 0)
		epoll_ctl(l->epoll, EPOLL_CTL_DEL, fd, NULL);
}

void member_loop_remove(struct member_loop *l, struct member *m)
{
	for (uint32_t i = 0; i < l->n; i++) {
		if (l->slots[i]->member != m)
			continue;
		unwatch_fd(l, member_wake_fd(m));
		for (uint8_t j = 0; j < UDP_SOCKETS_MAX; j++)
			unwatch_fd(l, member_fd(m, j));
		free(l->slots[i]);
		l->slots[i] = l->slots[--l->n];
		return;
	}
}

int member_loop_watch(struct member_loop *l, int fd, void (*readable)(void *ctx), void *ctx)
{
	int err = watch_fd(l, fd, NULL);

	l->watched_always = err == -EPERM;
	if (err < 0 && err != -EPERM)
		return err;
	l->watched_fd = fd;
	l->readable = readable;
	l->readable_ctx = ctx;
	return 0;
}

void member_loop_unwatch(struct member_loop *l)
{
	if (l->watched_fd >= 0 && !l->watched_always)
		unwatch_fd(l, l->watched_fd);
	l->watched_fd = -1;
}

static uint64_t next_deadline(const struct member_loop *l, uint64_t until_us)
{
	if (l->watched_fd >= 0 && l->watched_always)
		return 0;
	for (uint32_t i = 0; i < l->n; i++) {
		uint64_t at = l->slots[i]->is_due ? 0 : member_deadline_us(l->slots[i]->member);

		if (at < until_us)
			until_us = at;
	}
	return until_us;
}

static void wait_for_work(struct member_loop *l, uint64_t until_us)
{
	struct epoll_event events[EVENTS_MAX];
	uint64_t deadline = next_deadline(l, until_us), now = clock_us();
	uint64_t wait_us = deadline > now ? deadline - now : 0;
	bool is_readable = l->watched_fd >= 0 && l->watched_always;
	struct timespec t;
	int n;

	if (wait_us > WAIT_MAX_US)
		wait_us = WAIT_MAX_US;
	t = (struct timespec){.tv_sec = (time_t)(wait_us / 1000000),
			      .tv_nsec = (long)(wait_us % 1000000) * 1000};
	n = epoll_pwait2(l->epoll, events, EVENTS_MAX, &t, NULL);
	for (int i = 0; i < n; i++) {
		struct slot *s = events[i].data.ptr;

		if (s == NULL)
			is_readable = true;
		else
			s->is_due = true;
	}
	if (is_readable)
		l->readable(l->readable_ctx);
}

void member_loop_once(struct member_loop *l, uint64_t until_us,
		      void (*after)(void *ctx, struct member *), void *ctx)
{
	wait_for_work(l, until_us);
	for (uint32_t i = 0; i < l->n; i++) {
		struct slot *s = l->slots[i];
		uint64_t now = clock_us();

		if (!s->is_due && member_deadline_us(s->member) > now)
			continue;
		s->is_due = member_turn(s->member, now);
		if (after != NULL)
			after(ctx, s->member);
	}
}

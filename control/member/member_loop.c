#include "control/member/member_loop.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "control/member/clock.h"

#define EVENTS_MAX  256
#define WAIT_MAX_US 1000000

struct slot {
	struct member *member;
	uint32_t at; // its place in the loop
};

struct member_loop {
	int epoll;
	struct slot **slots;
	// When each wants its turn, as it said after the last one; 0: a socket is readable, or it
	// asked for another one at once. Beside each other, so that a thousand who have nothing to
	// do are looked at without touching any.
	uint64_t *due_us;
	uint32_t n, cap;
	bool is_told; // when the program has asked something of members
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
	free(l->due_us);
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

static bool make_room(struct member_loop *l)
{
	uint32_t cap = l->cap ? 2 * l->cap : 16;
	struct slot **slots;
	uint64_t *due_us;

	if (l->n < l->cap)
		return true;
	slots = realloc(l->slots, cap * sizeof(struct slot *));
	if (slots == NULL)
		return false;
	l->slots = slots;
	due_us = realloc(l->due_us, cap * sizeof(*due_us));
	if (due_us == NULL)
		return false;
	l->due_us = due_us;
	l->cap = cap;
	return true;
}

int member_loop_add(struct member_loop *l, struct member *m)
{
	struct slot *s;
	int err;

	if (!make_room(l))
		return -ENOMEM;
	s = calloc(1, sizeof(*s));
	if (s == NULL)
		return -ENOMEM;
	*s = (struct slot){.member = m, .at = l->n};
	l->due_us[l->n] = 0;
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

static struct slot *slot_of(const struct member_loop *l, const struct member *m)
{
	for (uint32_t i = 0; i < l->n; i++)
		if (l->slots[i]->member == m)
			return l->slots[i];
	return NULL;
}

void member_loop_remove(struct member_loop *l, struct member *m)
{
	struct slot *s = slot_of(l, m), *last;

	if (s == NULL)
		return;
	unwatch_fd(l, member_wake_fd(m));
	for (uint8_t i = 0; i < UDP_SOCKETS_MAX; i++)
		unwatch_fd(l, member_fd(m, i));
	last = l->slots[--l->n];
	l->slots[s->at] = last;
	l->due_us[s->at] = l->due_us[l->n];
	last->at = s->at;
	free(s);
}

void member_loop_wake_all(struct member_loop *l)
{
	l->is_told = true;
	memset(l->due_us, 0, l->n * sizeof(*l->due_us));
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
	for (uint32_t i = 0; i < l->n; i++)
		if (l->due_us[i] < until_us)
			until_us = l->due_us[i];
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
			l->due_us[s->at] = 0;
	}
	if (is_readable)
		l->readable(l->readable_ctx);
}

// Whatever a program asks of a member moves its deadline. Unless it tells, all are asked: before
// the wait, and behind it, where its own descriptor was read.
static void ask_all(struct member_loop *l)
{
	for (uint32_t i = 0; !l->is_told && i < l->n; i++)
		if (l->due_us[i] != 0)
			l->due_us[i] = member_deadline_us(l->slots[i]->member);
}

void member_loop_once(struct member_loop *l, uint64_t until_us,
		      void (*after)(void *ctx, struct member *), void *ctx)
{
	uint64_t now;

	ask_all(l);
	wait_for_work(l, until_us);
	ask_all(l);
	now = clock_us();
	for (uint32_t i = 0; i < l->n; i++) {
		struct member *m = l->slots[i]->member;
		bool wants_more;

		if (l->due_us[i] > now)
			continue;
		now = clock_us();
		wants_more = member_turn(m, now);
		if (after != NULL)
			after(ctx, m);
		l->due_us[i] = wants_more ? 0 : member_deadline_us(m);
	}
}

// Waits for the sockets and deadlines of many members in one thread (epoll), and for what the
// program adds.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "control/member/member.h"

struct member_loop;

struct member_loop *member_loop_create(void); // NULL: errno
void member_loop_destroy(struct member_loop *);
int member_loop_add(struct member_loop *, struct member *); // borrowed. 0 or -errno
void member_loop_remove(struct member_loop *, struct member *);
// The program's own descriptor (standard input): `readable` is called when it is. One at most.
int member_loop_watch(struct member_loop *, int fd, void (*readable)(void *ctx), void *ctx);
void member_loop_unwatch(struct member_loop *);

// All have a turn. From the first call on the loop goes by what each said after its last turn, and
// does not ask all of them each time, which is most of what a thousand cost that have nothing to
// do. So the program calls it again whenever it has asked something of them at another time than in
// `after`.
void member_loop_wake_all(struct member_loop *);

// Waits until something is due, `until_us` at the latest, then gives a turn to every member that
// has something to do. `after` (may be NULL) is called for each of those, to take its node's
// events.
void member_loop_once(struct member_loop *, uint64_t until_us,
		      void (*after)(void *ctx, struct member *), void *ctx);

// The control socket: a unix stream socket, mode 0600, on the control thread's libevent loop.
//
// A request is one line, a command's name and, after a space, its arguments. The reply is one line
// of JSON: {"ok":true,"result":VALUE} or {"ok":false,"error":"TEXT"}. A client may send several
// requests, one after the other.
//
// Bounded: ADMIN_CLIENTS_MAX connections (a further one is told so and closed), lines of
// ADMIN_REQUEST_MAX octets, replies of ADMIN_REPLY_MAX, one request at a time per client (the next
// is read when the reply has left), ADMIN_IDLE_S without a request.
//
// The process must ignore SIGPIPE: a client may leave in the middle of its reply.
#ifndef ANNULUS_CONTROL_ADMIN_ADMIN_SOCKET_H
#define ANNULUS_CONTROL_ADMIN_ADMIN_SOCKET_H

#include <stddef.h>

#include "control/admin/json_out.h"

#define ADMIN_CLIENTS_MAX  16
#define ADMIN_COMMANDS_MAX 32
#define ADMIN_REQUEST_MAX  1024u
#define ADMIN_REPLY_MAX    (16u << 20)
#define ADMIN_IDLE_S       60

struct event_base;
struct admin;

// Runs on the control thread and must not destroy `admin`. Writes exactly one JSON value to `out`.
// `args` is the rest of the line, "" if there is none. Returns 0, or -errno: then whatever was
// written is forgotten and the reply is the error's text.
typedef int (*admin_fn)(void *ctx, const char *args, struct json_out *out);

// Listens on `path`. A socket that nobody listens on any more is replaced; one that answers is
// somebody else's: -EADDRINUSE. Anything there that is no socket: -EEXIST.
// Returns 0 and *out (owned by the caller, who keeps `base` alive longer), or -errno.
int admin_create(struct event_base *base, const char *path, struct admin **out);

// Closes every connection and removes the socket, unless another has taken its place. NULL is fine.
void admin_destroy(struct admin *admin);

// Both strings must outlive `admin`. The command `help`, which lists name and sentence of all, is
// there from the start. Returns 0, -EEXIST for a name twice, -ENOSPC after ADMIN_COMMANDS_MAX.
int admin_register(struct admin *admin, const char *name, const char *sentence, admin_fn fn,
		   void *ctx);

#endif

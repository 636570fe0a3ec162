// The other end of the control socket: one request, one reply, with a deadline.
#ifndef ANNULUS_CONTROL_ADMIN_ADMIN_CLIENT_H
#define ANNULUS_CONTROL_ADMIN_ADMIN_CLIENT_H

#include <stddef.h>
#include <stdint.h>

// Sends `request` (without a newline) to the socket at `path` and waits at most `timeout_ms` for
// the reply. Returns 0 and the reply's line in *reply, zero-terminated, without the newline, owned
// by the caller (free); or -errno and in `why` a sentence for people, *reply NULL:
//   -ENOENT no socket there, -ECONNREFUSED nobody listens, -EACCES not allowed,
//   -ETIMEDOUT, -EPROTO the reply ended before its newline, -EMSGSIZE the reply is too long.
int admin_request(const char *path, const char *request, uint32_t timeout_ms, char **reply,
		  char *why, size_t why_size);

#endif

// Several engines behind one UDP port: which socket of a group that shares it (SO_REUSEPORT) gets a
// datagram.
#pragma once

#include <stdint.h>

// Among the sockets bound after this one, in the order of their binding, this one the first: that
// of the worker whom the session id names, by a filter that the kernel runs on every datagram.
// Startup packets (id 0), and ids that name no worker, go where the kernel's hash over addresses
// and ports puts them, always to the same. 0 or -errno: a kernel without such filters (before 4.5).
int steer_by_session(int fd, uint32_t n_workers);

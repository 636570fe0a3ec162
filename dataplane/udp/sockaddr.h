// Between the kernel's socket addresses and ours.
#pragma once

#include <stdbool.h>
#include <sys/socket.h>

#include "dataplane/wire/address.h"

// as_v6: the socket is AF_INET6, IPv4 travels mapped. Returns the length.
socklen_t sockaddr_put(struct sockaddr_storage *, const uint8_t ip[16], uint8_t family,
		       uint16_t port, bool as_v6);
// Mapped IPv4 comes out as family 4. family 0: neither IPv4 nor IPv6.
void sockaddr_get(const struct sockaddr_storage *, struct wire_addr *);

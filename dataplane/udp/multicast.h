// IP multicast through the kernel: listening to a group on every link that knows multicast, and
// saying something on each of them.
#pragma once

#include <stdint.h>

#include "dataplane/wire/address.h"

#define MULTICAST_LINKS_MAX 16

struct multicast_links {
	unsigned index[MULTICAST_LINKS_MAX];
	uint8_t n;
};

// The links that are up and know multicast; the loopback one only if there is no other.
void multicast_links_find(struct multicast_links *);

// This host's addresses on links that know multicast, but those of one link alone; port 0.
uint8_t multicast_own_addrs(struct wire_addr *, uint8_t max);

// A socket that hears group:port on those links, of source alone if it has a family. -errno: also
// when no link would take it.
int multicast_listen(const struct multicast_links *, const struct wire_addr *group,
		     const struct wire_addr *source);

// Sends from a bound socket (is_v6: of IPv6, which speaks IPv4, too) over each link. 0, or -errno
// if it left over none.
int multicast_send(int fd, bool is_v6, const struct multicast_links *, const struct wire_addr *to,
		   uint8_t ttl, const void *octets, uint16_t len);

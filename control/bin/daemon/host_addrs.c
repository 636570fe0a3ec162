#include "control/bin/daemon/host_addrs.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "dataplane/udp/sockaddr.h"

#define CANDIDATES_MAX 64

static unsigned distance(const struct wire_addr *a)
{
	if (wire_addr_is_loopback(a))
		return 2;
	return wire_addr_is_private(a) ? 1 : 0;
}

static bool is_link_local(const struct wire_addr *a)
{
	if (a->family == 4)
		return a->ip[0] == 169 && a->ip[1] == 254;
	return a->ip[0] == 0xfe && (a->ip[1] & 0xc0) == 0x80;
}

static bool take(const struct ifaddrs *i, uint8_t family, struct wire_addr *a)
{
	struct sockaddr_storage ss = {0};

	if (i->ifa_addr == NULL || !(i->ifa_flags & IFF_UP))
		return false;
	if (i->ifa_addr->sa_family == AF_INET)
		memcpy(&ss, i->ifa_addr, sizeof(struct sockaddr_in));
	else if (i->ifa_addr->sa_family == AF_INET6)
		memcpy(&ss, i->ifa_addr, sizeof(struct sockaddr_in6));
	else
		return false;
	sockaddr_get(&ss, a);
	a->port = 1; // wire_addr_is_usable asks for one
	return (family == 0 || a->family == family) && wire_addr_is_usable(a) && !is_link_local(a);
}

uint8_t host_addrs(uint8_t family, uint16_t port, struct wire_addr *out, uint8_t max)
{
	struct wire_addr found[CANDIDATES_MAX];
	struct ifaddrs *list;
	unsigned n = 0;
	uint8_t n_out = 0;

	if (getifaddrs(&list) < 0)
		return 0;
	for (const struct ifaddrs *i = list; i != NULL && n < CANDIDATES_MAX; i = i->ifa_next)
		if (take(i, family, &found[n]))
			n++;
	freeifaddrs(list);
	for (unsigned d = 0; d <= 2; d++)
		for (unsigned i = 0; i < n && n_out < max; i++)
			if (distance(&found[i]) == d) {
				out[n_out] = found[i];
				out[n_out].port = port;
				out[n_out++].origin = ADDR_LOCAL;
			}
	return n_out;
}

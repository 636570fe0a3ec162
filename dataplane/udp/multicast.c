#include "dataplane/udp/multicast.h"

#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dataplane/udp/sockaddr.h"

#define RECEIVE_BYTES (4 << 20)

static bool is_listed(const struct multicast_links *l, unsigned index)
{
	for (uint8_t i = 0; i < l->n; i++)
		if (l->index[i] == index)
			return true;
	return false;
}

static void find_like(struct multicast_links *l, const struct ifaddrs *all, unsigned wanted,
		      unsigned mask)
{
	for (const struct ifaddrs *a = all; a != NULL; a = a->ifa_next) {
		unsigned index = if_nametoindex(a->ifa_name);

		if ((a->ifa_flags & mask) == wanted && index != 0 && !is_listed(l, index) &&
		    l->n < MULTICAST_LINKS_MAX)
			l->index[l->n++] = index;
	}
}

void multicast_links_find(struct multicast_links *l)
{
	struct ifaddrs *all;

	l->n = 0;
	if (getifaddrs(&all) != 0)
		return;
	find_like(l, all, IFF_UP | IFF_MULTICAST, IFF_UP | IFF_MULTICAST | IFF_LOOPBACK);
	if (l->n == 0)
		find_like(l, all, IFF_UP | IFF_LOOPBACK, IFF_UP | IFF_LOOPBACK);
	freeifaddrs(all);
}

uint8_t multicast_own_addrs(struct wire_addr *out, uint8_t max)
{
	struct ifaddrs *all;
	uint8_t n = 0;

	if (getifaddrs(&all) != 0)
		return 0;
	for (const struct ifaddrs *a = all; a != NULL && n < max; a = a->ifa_next) {
		unsigned up = IFF_UP | IFF_MULTICAST;
		struct sockaddr_storage ss = {0};

		if (a->ifa_addr == NULL || (a->ifa_flags & (up | IFF_LOOPBACK)) != up)
			continue;
		if (a->ifa_addr->sa_family == AF_INET)
			memcpy(&ss, a->ifa_addr, sizeof(struct sockaddr_in));
		else if (a->ifa_addr->sa_family == AF_INET6)
			memcpy(&ss, a->ifa_addr, sizeof(struct sockaddr_in6));
		sockaddr_get(&ss, &out[n]);
		if (out[n].family == 4 || (out[n].family == 6 && !(out[n].ip[0] == 0xfe &&
								   (out[n].ip[1] & 0xc0) == 0x80)))
			n++;
	}
	freeifaddrs(all);
	return n;
}

// RFC 3678 §5: one call for both families.
static int join(int fd, unsigned index, const struct wire_addr *group,
		const struct wire_addr *source)
{
	int level = group->family == 6 ? IPPROTO_IPV6 : IPPROTO_IP;
	struct group_source_req s = {.gsr_interface = index};
	struct group_req g = {.gr_interface = index};

	if (source->family == 0) {
		sockaddr_put(&g.gr_group, group->ip, group->family, 0, false);
		return setsockopt(fd, level, MCAST_JOIN_GROUP, &g, sizeof(g));
	}
	sockaddr_put(&s.gsr_group, group->ip, group->family, 0, false);
	sockaddr_put(&s.gsr_source, source->ip, source->family, 0, false);
	return setsockopt(fd, level, MCAST_JOIN_SOURCE_GROUP, &s, sizeof(s));
}

// ff02::/16, ff12::/16 and so on: the kernel binds such an address on one link alone (RFC 4007 §6).
static bool is_of_one_link(const struct wire_addr *group)
{
	return group->family == 6 && (group->ip[1] & 0x0f) == 2;
}

// Where it listens, and to which of what the host joined: what this socket did itself.
static int place(int fd, const struct wire_addr *group)
{
	struct sockaddr_storage ss;
	struct wire_addr at = *group;
	int one = 1, zero = 0;
	socklen_t len;

	if (is_of_one_link(group))
		memset(at.ip, 0, sizeof(at.ip)); // on each
	len = sockaddr_put(&ss, at.ip, at.family, at.port, false);
	if (group->family == 6) {
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
		setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_ALL, &zero, sizeof(zero));
	} else {
		setsockopt(fd, IPPROTO_IP, IP_MULTICAST_ALL, &zero, sizeof(zero));
	}
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) != 0 ||
	    bind(fd, (struct sockaddr *)&ss, len) != 0)
		return -errno;
	return 0;
}

// Bound to the group's address where that can be, so that it hears that group and nothing else that
// the host joined; and shared with others on this machine, as every one of them gets its copy.
int multicast_listen(const struct multicast_links *l, const struct wire_addr *group,
		     const struct wire_addr *source)
{
	int fd = socket(group->family == 6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int n_joined = 0, err, size = RECEIVE_BYTES;

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)); // as far as the kernel goes
	err = place(fd, group);
	if (err != 0) {
		close(fd);
		return err;
	}
	err = -ENODEV;
	for (uint8_t i = 0; i < l->n; i++) {
		if (join(fd, l->index[i], group, source) == 0)
			n_joined++;
		else
			err = -errno;
	}
	if (n_joined > 0)
		return fd;
	close(fd);
	return err;
}

// For the next datagram of a socket. That of IPv6 carries the options of IPv4 for mapped addresses.
static void choose_way(int fd, uint8_t family, unsigned index, uint8_t ttl)
{
	struct ip_mreqn via = {.imr_ifindex = (int)index};
	int hops = ttl, link = (int)index;

	if (family == 4) {
		setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &via, sizeof(via));
		setsockopt(fd, IPPROTO_IP, IP_MULTICAST_TTL, &hops, sizeof(hops));
		return;
	}
	setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, &link, sizeof(link));
	setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, &hops, sizeof(hops));
}

int multicast_send(int fd, bool is_v6, const struct multicast_links *l, const struct wire_addr *to,
		   uint8_t ttl, const void *octets, uint16_t len)
{
	struct sockaddr_storage ss;
	socklen_t ss_len = sockaddr_put(&ss, to->ip, to->family, to->port, is_v6);
	int err = -ENODEV, n_sent = 0;

	for (uint8_t i = 0; i < l->n; i++) {
		choose_way(fd, to->family, l->index[i], ttl);
		if (sendto(fd, octets, len, 0, (struct sockaddr *)&ss, ss_len) == len)
			n_sent++;
		else
			err = -errno;
	}
	return n_sent > 0 ? 0 : err;
}

#include "dataplane/udp/sockaddr.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

static const uint8_t mapped_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

socklen_t sockaddr_put(struct sockaddr_storage *ss, const uint8_t ip[16], uint8_t family,
		       uint16_t port, bool as_v6)
{
	struct sockaddr_in *in = (struct sockaddr_in *)ss;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ss;

	memset(ss, 0, sizeof(*in6));
	if (family == 4 && !as_v6) {
		in->sin_family = AF_INET;
		in->sin_port = htons(port);
		memcpy(&in->sin_addr, ip, 4);
		return sizeof(*in);
	}
	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons(port);
	if (family == 4) {
		memcpy(in6->sin6_addr.s6_addr, mapped_prefix, sizeof(mapped_prefix));
		memcpy(in6->sin6_addr.s6_addr + 12, ip, 4);
	} else {
		memcpy(in6->sin6_addr.s6_addr, ip, 16);
	}
	return sizeof(*in6);
}

void sockaddr_get(const struct sockaddr_storage *ss, struct wire_addr *a)
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)ss;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)ss;

	memset(a, 0, sizeof(*a));
	if (ss->ss_family == AF_INET) {
		a->family = 4;
		a->port = ntohs(in->sin_port);
		memcpy(a->ip, &in->sin_addr, 4);
	} else if (ss->ss_family == AF_INET6) {
		a->port = ntohs(in6->sin6_port);
		if (memcmp(in6->sin6_addr.s6_addr, mapped_prefix, sizeof(mapped_prefix)) == 0) {
			a->family = 4;
			memcpy(a->ip, in6->sin6_addr.s6_addr + 12, 4);
		} else {
			a->family = 6;
			memcpy(a->ip, in6->sin6_addr.s6_addr, 16);
		}
	}
}

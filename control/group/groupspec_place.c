// IP multicast addresses of groupspecs (GS-12, IP-6, IP-7).
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "control/group/groupspec.h"

// 232/8 (RFC 4607) and ff3x::/32: for those who name a source alone.
static bool is_source_specific(const struct wire_addr *a)
{
	return a->family == 6 ? a->ip[1] >> 4 == 3 && a->ip[2] == 0 && a->ip[3] == 0
			      : a->ip[0] == 232;
}

// Where routers and hosts speak to each other. Adobe's own examples use 224.0.0.254 and .255.
static bool is_control(const struct wire_addr *a)
{
	if (a->family == 6)
		return (a->ip[1] & 0x0f) <= 1 || // of one interface
		       ((a->ip[1] & 0x0f) == 2 &&
			(a->ip[2] | a->ip[3] | a->ip[4] | a->ip[5] | a->ip[6] | a->ip[7] |
			 a->ip[8] | a->ip[9] | a->ip[10] | a->ip[11] | a->ip[12] | a->ip[13]) == 0);
	return a->ip[0] == 224 && a->ip[1] == 0 && a->ip[2] == 0 && a->ip[3] < 250;
}

const char *groupspec_place_refused(const struct groupspec_place *p)
{
	const struct wire_addr *a = &p->addr;

	if (a->family == 6 ? a->ip[0] != 0xff : a->ip[0] >> 4 != 14)
		return "not an IP multicast address (224.0.0.0 to 239.255.255.255, or ff00::/8)";
	if (a->port == 0)
		return "an IP multicast address needs a port";
	if (is_control(a))
		return "that IP multicast address is for routers and hosts among themselves";
	if (p->source.family == 0 && is_source_specific(a))
		return "that IP multicast address needs a source";
	if (p->source.family != 0 && p->source.family != a->family)
		return "the source is of another family than the IP multicast address";
	if (p->source.family != 0) {
		struct wire_addr source = p->source;

		source.port = 1;
		if (!wire_addr_is_usable(&source))
			return "the source is nobody's address";
	}
	return NULL;
}

// An address without a port, which is not for us to choose.
static int source_parse(struct wire_addr *a, const char *text)
{
	char with_port[WIRE_ADDR_TEXT_MAX + 8];
	int err;

	snprintf(with_port, sizeof(with_port), strchr(text, ':') != NULL ? "[%s]:1" : "%s:1", text);
	err = wire_addr_parse(a, with_port);
	a->port = 0;
	return err;
}

int groupspec_place_parse(struct groupspec_place *p, const char *text, const char **why)
{
	char address[WIRE_ADDR_TEXT_MAX];
	const char *comma = strchr(text, ',');
	size_t len = comma != NULL ? (size_t)(comma - text) : strlen(text);

	*p = (struct groupspec_place){0};
	*why = "not ADDRESS:PORT or ADDRESS:PORT,SOURCE";
	if (len >= sizeof(address))
		return -EINVAL;
	memcpy(address, text, len);
	address[len] = '\0';
	if (wire_addr_parse(&p->addr, address) != 0 ||
	    (comma != NULL && source_parse(&p->source, comma + 1) != 0))
		return -EINVAL;
	*why = groupspec_place_refused(p);
	return *why != NULL ? -EINVAL : 0;
}

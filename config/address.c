#include "config/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "config/units.h"

static int number_parse(uint64_t *n, const char *text, size_t len, uint64_t max)
{
	if (len > 1 && text[0] == '0') // 010 reads as eight elsewhere
		return -EINVAL;
	if (units_parse_count(n, text, len) != 0 || *n > max)
		return -EINVAL;
	return 0;
}

int address_parse(struct config_addr *a, const char *text, size_t len)
{
	char copy[INET6_ADDRSTRLEN];

	*a = (struct config_addr){0};
	if (len >= sizeof(copy) || memchr(text, 0, len) != NULL)
		return -EINVAL;
	memcpy(copy, text, len);
	copy[len] = 0;
	if (inet_pton(AF_INET, copy, a->ip) == 1)
		a->family = CONFIG_ADDR_IPV4;
	else if (inet_pton(AF_INET6, copy, a->ip) == 1)
		a->family = CONFIG_ADDR_IPV6;
	return a->family == CONFIG_ADDR_NONE ? -EINVAL : 0;
}

// Where the address ends and the port, if there is one, begins.
struct port_split {
	const char *ip;
	size_t ip_len;
	const char *port; // NULL: none
};

static int port_split(struct port_split *s, const char *text, size_t len)
{
	const char *end = text + len, *colon = memchr(text, ':', len);
	const char *bracket = memchr(text, ']', len);

	if (len > 0 && text[0] == '[') {
		if (bracket == NULL || (bracket + 1 < end && bracket[1] != ':'))
			return -EINVAL;
		*s = (struct port_split){text + 1, (size_t)(bracket - text - 1),
					 bracket + 1 < end ? bracket + 2 : NULL};
	} else if (colon != NULL && memchr(colon + 1, ':', (size_t)(end - colon - 1)) == NULL) {
		*s = (struct port_split){text, (size_t)(colon - text), colon + 1};
	} else { // none, or a bare IPv6 address
		*s = (struct port_split){text, len, NULL};
	}
	return 0;
}

int address_parse_port(struct config_addr *a, const char *text, size_t len)
{
	struct port_split s;
	uint64_t port = 0;

	if (port_split(&s, text, len) != 0 || address_parse(a, s.ip, s.ip_len) != 0)
		return -EINVAL;
	if (text[0] == '[' && a->family != CONFIG_ADDR_IPV6)
		return -EINVAL;
	if (s.port != NULL) {
		if (number_parse(&port, s.port, (size_t)(text + len - s.port), 65535) != 0 ||
		    port == 0)
			return -EINVAL;
		a->port = (uint16_t)port;
	}
	return 0;
}

int address_parse_prefix(struct config_addr *a, const char *text, size_t len)
{
	const char *slash = memchr(text, '/', len);
	uint64_t prefix_len;

	if (slash == NULL || address_parse(a, text, (size_t)(slash - text)) != 0)
		return -EINVAL;
	if (number_parse(&prefix_len, slash + 1, (size_t)(text + len - slash - 1),
			 a->family == CONFIG_ADDR_IPV4 ? 32 : 128) != 0)
		return -EINVAL;
	a->prefix_len = (uint8_t)prefix_len;
	return 0;
}

void address_print(const struct config_addr *a, char out[ADDRESS_TEXT_SIZE])
{
	char ip[INET6_ADDRSTRLEN] = "none";

	if (a->family != CONFIG_ADDR_NONE)
		inet_ntop(a->family == CONFIG_ADDR_IPV4 ? AF_INET : AF_INET6, a->ip, ip,
			  sizeof(ip));
	if (a->prefix_len != 0)
		snprintf(out, ADDRESS_TEXT_SIZE, "%s/%u", ip, a->prefix_len);
	else if (a->port == 0)
		snprintf(out, ADDRESS_TEXT_SIZE, "%s", ip);
	else
		snprintf(out, ADDRESS_TEXT_SIZE,
			 a->family == CONFIG_ADDR_IPV6 ? "[%s]:%u" : "%s:%u", ip, a->port);
}

static size_t ip_len(const struct config_addr *a)
{
	return a->family == CONFIG_ADDR_IPV4 ? 4 : a->family == CONFIG_ADDR_IPV6 ? 16 : 0;
}

bool address_is_any(const struct config_addr *a)
{
	static const uint8_t zero[16];

	return a->family != CONFIG_ADDR_NONE && memcmp(a->ip, zero, ip_len(a)) == 0;
}

bool address_same_ip(const struct config_addr *a, const struct config_addr *b)
{
	return a->family == b->family && memcmp(a->ip, b->ip, ip_len(a)) == 0;
}

bool address_in_prefix(const struct config_addr *ip, const struct config_addr *net)
{
	size_t whole = net->prefix_len / 8;
	unsigned rest = net->prefix_len % 8;

	if (ip->family != net->family || memcmp(ip->ip, net->ip, whole) != 0)
		return false;
	return rest == 0 || ((ip->ip[whole] ^ net->ip[whole]) >> (8 - rest)) == 0;
}

#include <arpa/inet.h>
#include <stdio.h>

#include "dataplane/wire/address.h"

#define ADDR_ORIGIN_MASK 0x03

static size_t ip_len(const struct wire_addr *a)
{
	return a->family == 6 ? 16 : 4;
}

void rd_addr(struct rd *r, struct wire_addr *a)
{
	uint8_t first = rd_u8(r);

	memset(a, 0, sizeof(*a));
	a->family = first & WIRE_ADDR_IS_V6 ? 6 : 4;
	a->origin = first & ADDR_ORIGIN_MASK;
	rd_copy(r, a->ip, ip_len(a));
	a->port = rd_u16(r);
	if (r->err != 0)
		memset(a, 0, sizeof(*a));
}

void wr_addr(struct wr *w, const struct wire_addr *a)
{
	wr_u8(w,
	      (uint8_t)((a->family == 6 ? WIRE_ADDR_IS_V6 : 0) | (a->origin & ADDR_ORIGIN_MASK)));
	wr_bytes(w, a->ip, ip_len(a));
	wr_u16(w, a->port);
}

// One to five decimal digits and nothing else.
static int parse_port(uint16_t *port, const char *text)
{
	uint32_t value = 0;
	size_t n = 0;

	for (; text[n] >= '0' && text[n] <= '9' && n < 5; n++)
		value = value * 10 + (uint32_t)(text[n] - '0');
	if (n == 0 || text[n] != '\0' || value > UINT16_MAX)
		return -EINVAL;
	*port = (uint16_t)value;
	return 0;
}

int wire_addr_parse(struct wire_addr *a, const char *text)
{
	const bool is_v6 = text[0] == '[';
	const char *ip = text + is_v6;
	const char *colon = strrchr(text, ':');
	const char *end = is_v6 ? strchr(ip, ']') : colon;
	struct wire_addr parsed = {.family = is_v6 ? 6 : 4};
	char copy[INET6_ADDRSTRLEN];

	if (end == NULL || end + is_v6 != colon || (size_t)(end - ip) >= sizeof(copy))
		return -EINVAL;
	memcpy(copy, ip, (size_t)(end - ip));
	copy[end - ip] = '\0';
	if (inet_pton(is_v6 ? AF_INET6 : AF_INET, copy, parsed.ip) != 1)
		return -EINVAL;
	if (parse_port(&parsed.port, colon + 1) != 0)
		return -EINVAL;
	*a = parsed;
	return 0;
}

const char *wire_addr_format(const struct wire_addr *a, char *buf)
{
	char ip[INET6_ADDRSTRLEN];

	if (a->family == 0) {
		snprintf(buf, WIRE_ADDR_TEXT_MAX, "-");
		return buf;
	}
	inet_ntop(a->family == 6 ? AF_INET6 : AF_INET, a->ip, ip, sizeof(ip));
	snprintf(buf, WIRE_ADDR_TEXT_MAX, a->family == 6 ? "[%s]:%u" : "%s:%u", ip, a->port);
	return buf;
}

bool wire_addr_equal(const struct wire_addr *a, const struct wire_addr *b)
{
	return a->family == b->family && a->port == b->port &&
	       memcmp(a->ip, b->ip, sizeof(a->ip)) == 0;
}

// Both halves of the 128 bit product: no input bit is lost, and without the seed nobody can
// predict where they go.
static uint64_t mix(uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

uint64_t wire_addr_hash(const struct wire_addr *a, uint64_t seed)
{
	// Odd numbers without pattern: fractions of sqrt(2), sqrt(3) and sqrt(5).
	const uint64_t k1 = 0x6a09e667f3bcc909, k2 = 0xbb67ae8584caa73b, k3 = 0x3c6ef372fe94f82b;
	uint64_t low, high, rest = (uint64_t)a->family << 16 | a->port;

	memcpy(&low, a->ip, sizeof(low));
	memcpy(&high, a->ip + 8, sizeof(high));
	low = mix(low ^ seed ^ k1, high ^ seed ^ k2);
	return mix(low ^ k3, rest ^ seed ^ k1);
}

static bool has_prefix(const struct wire_addr *a, const char *prefix, size_t n)
{
	return memcmp(a->ip, prefix, n) == 0;
}

static bool v4_is_usable(const struct wire_addr *a)
{
	return a->ip[0] != 0 && a->ip[0] < 224; // 224/4 multicast; 240/4 reserved, with broadcast
}

static bool v6_is_usable(const struct wire_addr *a)
{
	static const uint8_t unspecified[16];

	if (a->ip[0] == 0xff || memcmp(a->ip, unspecified, 16) == 0)
		return false;
	// ::ffff:0:0/96 mapped, ::/96 compatible (of which ::1 is loopback)
	if (has_prefix(a, "\0\0\0\0\0\0\0\0\0\0\xff\xff", 12))
		return false;
	return !has_prefix(a, "\0\0\0\0\0\0\0\0\0\0\0\0", 12) || wire_addr_is_loopback(a);
}

bool wire_addr_is_usable(const struct wire_addr *a)
{
	if (a->port == 0)
		return false;
	if (a->family == 4)
		return v4_is_usable(a);
	return a->family == 6 && v6_is_usable(a);
}

bool wire_addr_is_loopback(const struct wire_addr *a)
{
	if (a->family == 4)
		return a->ip[0] == 127;
	return a->family == 6 && has_prefix(a, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1", 16);
}

bool wire_addr_is_private(const struct wire_addr *a)
{
	const uint8_t *ip = a->ip;

	if (a->family == 6)
		return (ip[0] & 0xfe) == 0xfc ||                  // fc00::/7
		       (ip[0] == 0xfe && (ip[1] & 0xc0) == 0x80); // fe80::/10
	if (a->family != 4)
		return false;
	return ip[0] == 10 || (ip[0] == 172 && (ip[1] & 0xf0) == 16) ||
	       (ip[0] == 192 && ip[1] == 168) || (ip[0] == 169 && ip[1] == 254) ||
	       (ip[0] == 100 && (ip[1] & 0xc0) == 64);
}

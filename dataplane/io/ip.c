#include "dataplane/io/ip.h"

#include <arpa/inet.h>

#include "dataplane/io/ipv4.h"

const struct ip_addr ip_all_nodes = {{0xff, 0x02, [15] = 0x01}};
const struct ip_addr ip_all_routers = {{0xff, 0x02, [15] = 0x02}};
const struct ip_addr ip_all_mld_routers = {{0xff, 0x02, [15] = 0x16}};

static const uint8_t zero[IP_LEN];
static const uint8_t v4_mapped[IP_V4_AT] = {[10] = 0xff, [11] = 0xff};

bool ip_is_v4(const struct ip_addr *a)
{
	return memcmp(a->octets, v4_mapped, sizeof(v4_mapped)) == 0;
}

bool ip_is_link_local(const struct ip_addr *a)
{
	return a->octets[0] == 0xfe && (a->octets[1] & 0xc0) == 0x80;
}

bool ip_is_multicast(const struct ip_addr *a)
{
	return a->octets[0] == 0xff;
}

// ::/96 has the unspecified address, loopback and the deprecated ones that contain an IPv4 address.
bool ipv6_is_host(const uint8_t octets[IP_LEN])
{
	return octets[0] != 0xff && memcmp(octets, zero, IP_V4_AT) != 0 &&
	       memcmp(octets, v4_mapped, IP_V4_AT) != 0;
}

bool ip_is_host(const struct ip_addr *a)
{
	return ip_is_v4(a) ? ipv4_is_host(ip_v4(a)) : ipv6_is_host(a->octets);
}

uint8_t ip_common(const struct ip_addr *a, const struct ip_addr *b)
{
	for (uint8_t i = 0; i < IP_LEN; i++) {
		uint8_t differs = a->octets[i] ^ b->octets[i];

		if (differs != 0) // __builtin_clz counts from 32 bits
			return (uint8_t)(8 * i + (unsigned)__builtin_clz(differs) - 24);
	}
	return 8 * IP_LEN;
}

uint32_t ip_hash(const struct ip_addr *a, uint32_t seed)
{
	uint32_t hash = seed;

	for (unsigned i = 0; i < IP_LEN; i += 4) {
		hash = (hash ^ be32_get(a->octets + i)) * 0x9e3779b1u; // 2^32 / golden ratio
		hash = (hash ^ hash >> 15) * 0x85ebca77u;
	}
	return hash ^ hash >> 13;
}

struct ip_addr ip_link_local(const struct mac *m)
{
	struct ip_addr a = {{0xfe, 0x80, [11] = 0xff, [12] = 0xfe}};

	memcpy(a.octets + 8, m->octets, 3);
	memcpy(a.octets + 13, m->octets + 3, 3);
	a.octets[8] ^= 0x02;
	return a;
}

struct ip_addr ip_solicited_node(const struct ip_addr *of)
{
	struct ip_addr a = {{0xff, 0x02, [11] = 0x01, [12] = 0xff}};

	memcpy(a.octets + 13, of->octets + 13, 3);
	return a;
}

struct mac mac_of_multicast_v4(uint32_t group)
{
	struct mac m = {
		{0x01, 0x00, 0x5e, group >> 16 & 0x7f, (uint8_t)(group >> 8), (uint8_t)group}};

	return m;
}

struct mac mac_of_multicast(const struct ip_addr *a)
{
	struct mac m = {{0x33, 0x33}};

	memcpy(m.octets + 2, a->octets + 12, 4);
	return m;
}

const char *ip_print(const struct ip_addr *a, char text[IP_TEXT_SIZE])
{
	if (ip_is_v4(a))
		return inet_ntop(AF_INET, a->octets + IP_V4_AT, text, IP_TEXT_SIZE);
	return inet_ntop(AF_INET6, a->octets, text, IP_TEXT_SIZE);
}

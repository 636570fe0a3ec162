// IP addresses of both families in one type, and what follows from an address: its scope, its
// prefix, its multicast group and card. IPv4 has the form ::ffff:192.0.2.1 (RFC 4291 §2.5.5.2),
// which no packet carries, so a family needs no field of its own.
//
// The receive and send paths of IPv4 do without: they compare the 32 bits of ipv4.h.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "dataplane/io/l2.h"

#define IP_LEN       16
#define IP_V4_AT     12 // where the four octets of an IPv4 address stand
#define IP_TEXT_SIZE 46 // INET6_ADDRSTRLEN
#define IP_V4_PREFIX 96 // what a prefix length of IPv4 has on top

struct ip_addr {
	uint8_t octets[IP_LEN]; // network order
};

static inline struct ip_addr ip_of_v6(const uint8_t octets[IP_LEN])
{
	struct ip_addr a;

	memcpy(a.octets, octets, IP_LEN);
	return a;
}

static inline struct ip_addr ip_of_v4(uint32_t v4) // host order
{
	struct ip_addr a = {{[10] = 0xff, [11] = 0xff}};

	be32_put(a.octets + IP_V4_AT, v4);
	return a;
}

// family 4 or 6, IPv4 in the first four octets: as in struct pkt.
static inline struct ip_addr ip_of(uint8_t family, const uint8_t *octets)
{
	return family == 6 ? ip_of_v6(octets) : ip_of_v4(be32_get(octets));
}

bool ip_is_v4(const struct ip_addr *);

static inline uint32_t ip_v4(const struct ip_addr *a) // host order
{
	return be32_get(a->octets + IP_V4_AT);
}

static inline uint8_t ip_family(const struct ip_addr *a)
{
	return ip_is_v4(a) ? 4 : 6;
}

static inline bool ip_equal(const struct ip_addr *a, const struct ip_addr *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

// All zero: none, or the unspecified address of IPv6.
static inline bool ip_is_zero(const struct ip_addr *a)
{
	uint64_t half[2];

	memcpy(half, a, sizeof(half));
	return (half[0] | half[1]) == 0;
}
bool ip_is_link_local(
	const struct ip_addr *); // fe80::/10; IPv4's (RFC 3927) are addresses like others
bool ip_is_multicast(const struct ip_addr *); // of IPv6
// An address that one host may have, of either family: as ipv4_is_host; not unspecified, loopback,
// multicast, or IPv4 dressed up as IPv6 (that is what ip_of_v4 makes, and a packet's must not be).
bool ip_is_host(const struct ip_addr *);
bool ipv6_is_host(const uint8_t octets[IP_LEN]); // the same of an address in a packet

// Leading bits that two addresses share, 0 to 128.
uint8_t ip_common(const struct ip_addr *a, const struct ip_addr *b);
uint32_t ip_hash(const struct ip_addr *, uint32_t seed);

// fe80:: with the card's address behind it (RFC 4291 appendix A).
struct ip_addr ip_link_local(const struct mac *);
// ff02::1:ffXX:XXXX, where questions for an address go (RFC 4291 §2.7.1).
struct ip_addr ip_solicited_node(const struct ip_addr *);
extern const struct ip_addr ip_all_nodes, ip_all_routers, ip_all_mld_routers; // ff02::1, ::2, ::16
struct mac mac_of_multicast_v4(uint32_t group);                               // RFC 1112 §6.4
struct mac mac_of_multicast(const struct ip_addr *);                          // RFC 2464 §7

// A group that is listened to: all that is sent there, or what one source sends.
struct ip_group {
	struct ip_addr ip, source; // source all zero: any
};
// How IGMP and MLD number what is said of a group (RFC 3376 §4.2.12, RFC 3810 §5.2.12): in an
// answer its mode, INCLUDE the source or EXCLUDE nobody; by itself, that it became so.
static inline uint8_t ip_group_record(const struct ip_group *g, bool is_answer)
{
	if (ip_is_zero(&g->source))
		return is_answer ? 2 : 4;
	return is_answer ? 1 : 5;
}

// Returns text, so it can stand in a printf.
const char *ip_print(const struct ip_addr *, char text[IP_TEXT_SIZE]);

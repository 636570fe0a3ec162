// Internet socket addresses (rtmfp.md §1.3, RFC 7016 §2.1.5): on the wire and as text.
#ifndef ANNULUS_WIRE_ADDRESS_H
#define ANNULUS_WIRE_ADDRESS_H

#include "dataplane/wire/cursor.h"

// Who says so. Advisory.
enum addr_origin {
	ADDR_UNKNOWN = 0,
	ADDR_LOCAL = 1,    // its owner reports it as an interface address
	ADDR_OBSERVED = 2, // seen as a packet's source (reflexive)
	ADDR_RELAY = 3,    // a relay, proxy or introducer: in group messages, a member's server
};

struct wire_addr {
	uint8_t ip[16]; // network order; IPv4 in the first four octets, the rest zero
	uint16_t port;  // host order
	uint8_t family; // 4 or 6; 0: no address
	uint8_t origin; // enum addr_origin
	// Which of our own addresses it talks to, where there are several (struct pkt); 0: any.
	// Ours alone: it never travels, and two addresses that differ in it are equal.
	uint8_t local;
};

#define WIRE_ADDR_TEXT_MAX 56 // "[" + 45 of the longest IPv6 text + "]:65535" + NUL, rounded up

// Octets of the address on the wire: 7 or 19. The same by its first octet there.
#define WIRE_ADDR_MAX   19
#define WIRE_ADDR_IS_V6 0x80
static inline size_t wire_addr_len(const struct wire_addr *a)
{
	return a->family == 6 ? WIRE_ADDR_MAX : 7;
}
static inline size_t wire_addr_octets(uint8_t first)
{
	return first & WIRE_ADDR_IS_V6 ? WIRE_ADDR_MAX : 7;
}

// Reserved bits of the first octet are ignored (requirement 6). On the sticky error *a has
// family 0.
void rd_addr(struct rd *r, struct wire_addr *a);
void wr_addr(struct wr *w, const struct wire_addr *a);

// "192.0.2.1:1935", "[2001:db8::1]:1935"; origin becomes ADDR_UNKNOWN. -EINVAL otherwise.
int wire_addr_parse(struct wire_addr *a, const char *text);

// The same text; buf has WIRE_ADDR_TEXT_MAX octets. Returns buf, so it can stand in a printf.
const char *wire_addr_format(const struct wire_addr *a, char *buf);

// Same family, ip and port; the origin does not count.
bool wire_addr_equal(const struct wire_addr *a, const struct wire_addr *b);

// For tables. Strangers choose addresses, so the seed is random per table.
uint64_t wire_addr_hash(const struct wire_addr *a, uint64_t seed);

// May we ever send there? Not with port 0, nor to an unspecified, multicast, broadcast or
// reserved address, nor to an IPv4 address dressed up as IPv6 (it would slip past tests for its
// family).
bool wire_addr_is_usable(const struct wire_addr *a);

bool wire_addr_is_loopback(const struct wire_addr *a);

// Private or link-local: of no use outside its own site (RFC 1918, 3927, 4193, 6598, 4291).
bool wire_addr_is_private(const struct wire_addr *a);

#endif

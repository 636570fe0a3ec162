// Neighbour discovery's packets (RFC 4861 §4, §6.1, §7.1): who has this address, I have it, and
// routers' advertisements as far as a default route needs them. Who is where is neighbours.h, what
// we say of ourselves presence.h.
#pragma once

#include "dataplane/io/icmp6.h"

#define ND_FRAME_MAX (L2_LEN + IPV6_LEN + 24 + 8) // of those that we write

enum nd_kind {
	ND_SOLICITATION,
	ND_ADVERTISEMENT,
	ND_ROUTER,
	ND_OTHER, // routers' solicitations: none of a host's business
};

struct nd {
	enum nd_kind kind;
	struct ip_addr src;    // all zero: it looks whether the target is free (RFC 4862 §5.4.2)
	struct ip_addr target; // of solicitations and advertisements
	bool is_solicited, is_override; // flags of an advertisement
	bool has_mac;
	struct mac mac;      // where the source (solicitation, router) or the target is
	uint16_t lifetime_s; // as a default router; 0: it is none
};

// A message that icmp6_check found good. DROP_NONE or DROP_ND_BAD: it is cut, or came through a
// router (hop limit below 255), or breaks one of the rules that make it believable.
enum drop_reason nd_read(struct nd *, const struct ipv6_header *h, const uint8_t *icmp,
			 uint16_t len);

// Whole frames, from one of our addresses. They return the length.

// to: the MAC where it was last, or NULL: its group is asked. src all zero: is the target free?
uint16_t nd_write_solicitation(uint8_t frame[ND_FRAME_MAX], const struct mac *our_mac,
			       const struct ip_addr *src, const struct ip_addr *target,
			       const struct mac *to);
// To `to` at its MAC, or by itself to all nodes with to NULL. Always overrides: the address is
// ours.
uint16_t nd_write_advertisement(uint8_t frame[ND_FRAME_MAX], const struct mac *our_mac,
				const struct ip_addr *target, const struct ip_addr *to,
				const struct mac *to_mac);
uint16_t nd_write_router_solicitation(uint8_t frame[ND_FRAME_MAX], const struct mac *our_mac,
				      const struct ip_addr *src);

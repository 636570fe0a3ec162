// IGMP (RFC 3376): which groups of IPv4 this host listens to, said to routers and to switches that
// look into it. What mld.h is for IPv6.
#pragma once

#include "dataplane/io/ip.h"
#include "dataplane/io/ipv4.h"
#include "dataplane/io/l2.h"

#define IPV4_PROTO_IGMP 2
#define IGMP_GROUPS_MAX 16
#define IGMP_FRAME_MAX  (L2_LEN + IPV4_LEN + 4 + 8 + 12 * IGMP_GROUPS_MAX)

// A query of any version for any group: how long an answer may wait. §4.1.1, §7.1: of version 1 the
// time is 10 s; from a router that is no neighbour's it is none. payload: of a packet that
// ipv4_read took.
enum drop_reason igmp_read_query(uint32_t *delay_ms, const struct ipv4_header *h,
				 const uint8_t *payload, uint16_t len);

// A report of version 3 to all routers that know it (224.0.0.22): at most IGMP_GROUPS_MAX groups,
// each of any sender or of one source. is_answer: to a query; else they were joined just now.
// Returns the frame's length.
uint16_t igmp_write_report(uint8_t frame[IGMP_FRAME_MAX], const struct mac *our_mac, uint32_t src,
			   const struct ip_group *groups, uint8_t n_groups, bool is_answer);

// Multicast listener discovery, version 2 (RFC 3810): switches that snoop pass a group's frames on
// only to who says that it listens, so questions for our IPv6 addresses would not reach us.
#pragma once

#include "dataplane/io/icmp6.h"

#define MLD_GROUPS_MAX 16
#define MLD_FRAME_MAX  (L2_LEN + IPV6_LEN + 8 + 8 + 36 * MLD_GROUPS_MAX)

// A query that icmp6_check found good: milliseconds within which it wants its answer.
// DROP_NONE or DROP_ND_BAD: not from a router on this link (§5.1.14, hop limit 1, link-local
// source and Router Alert).
enum drop_reason mld_read_query(uint32_t *delay_ms, const struct ipv6_header *h,
				const uint8_t *icmp, uint16_t len);

// "We listen to these groups, whoever sends" (§5.2: records CHANGE_TO_EXCLUDE, or MODE_IS_EXCLUDE
// in an answer), with Router Alert, to all that listen. src: link-local, or all zero as long as
// there is none (RFC 3590). Returns the frame's length.
uint16_t mld_write_report(uint8_t frame[MLD_FRAME_MAX], const struct mac *our_mac,
			  const struct ip_addr *src, const struct ip_group *groups,
			  uint8_t n_groups, bool is_answer);

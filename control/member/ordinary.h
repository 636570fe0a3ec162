// An ordinary member of groups, as annulus-peer is one: what a program says about itself, and the
// sizes and policies that suit one person's machine. A program that wants others fills in
// member_opts itself.
#pragma once

#include <stdint.h>

#include "control/member/member.h"
#include "control/member/server_name.h"

struct identity;
struct keying_policy;

struct ordinary_opts {
	const struct identity *identity;    // borrowed, until the member is destroyed
	const struct keying_policy *policy; // borrowed; NULL: keying_policy_default
	struct wire_addr bind;              // family 0: any address, any port
	const struct server_name *servers;  // that it will connect to; for this call alone
	uint32_t n_servers;
	const struct groupspec *spec;  // its IP multicast addresses are listened to; NULL: none
	uint32_t peer_connections_max; // node.h; 0: no direct streams
};

// NULL: why (at least 160 octets) says what failed and where.
struct member *ordinary_member_create(struct member_shared *, const struct ordinary_opts *,
				      char *why, uint32_t why_max);
// Begins a NetConnection to each of them: NODE_CONNECTED or NODE_CONNECT_FAILED follow. 0, or
// -ENOBUFS with the place of the one there is no room for.
int ordinary_member_connect(struct member *, const struct server_name *, uint32_t n, uint32_t *at,
			    uint64_t now_us);

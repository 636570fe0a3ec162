// A translator's table (RFC 4787): which inner socket speaks through which outer port, and to whom.
#pragma once

#include "tests/sim/net.h"

struct nat_permit {
	struct net_addr far; // may answer
	uint64_t used_us;
};

struct nat_port {
	struct net_addr inner;
	struct net_addr far; // symmetric: the only destination
	uint16_t outer;
	uint64_t used_us;
	struct nat_permit *permits;
	uint32_t n_permits, permits_cap;
};

struct nat {
	struct net_nat_opts opts;
	uint32_t ip;
	struct nat_port *ports;
	uint32_t n, cap;
	uint16_t next_outer;
};

// The outer address that a datagram from inner to far leaves by; opens a port if need be.
struct net_addr nat_out(struct nat *, struct net_addr inner, struct net_addr far, uint64_t now_us);
// Whom a datagram from far to an outer port is for. False: nobody.
bool nat_in(struct nat *, struct net_addr far, uint16_t outer, struct net_addr *inner,
	    uint64_t now_us);
void nat_forget(struct nat *);

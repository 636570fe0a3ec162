// A packet network in virtual time, made from a seed: hosts on lines that delay, reorder, lose,
// repeat and damage, behind address translators or not. The same seed and the same calls give the
// same network.
//
// Every host hangs on a line of its own, `up` toward the network and `down` from it; what lies
// between the lines costs no time. A datagram crosses its sender's up and its receiver's down.
// Who is asked for 30 % loss "both ways" of one host sets both of that host's.
//
// Nothing here returns an error: what cannot go on is a broken test and asserts.
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct net;

struct net_addr {
	uint32_t ip;
	uint16_t port;
};

// One direction of a line. Zero: instant and faithful. May be changed while it runs.
struct net_link {
	// When a datagram arrives: delay, plus up to jitter evenly, plus a tail that is
	// exponential with this mean. Later ones may overtake unless keeps_order.
	uint32_t delay_us, jitter_us, tail_us;
	bool keeps_order;
	uint32_t reorder_permille, reorder_us; // so many are held back by so much more
	uint32_t loss_permille, burst;         // of all; lost `burst` at a time (0: 1)
	uint32_t duplicate_permille;           // arrive twice, each after a delay of its own
	uint32_t corrupt_permille;             // arrive with one bit changed
	uint32_t rate_bps, queue_bytes;        // 0: no limit; both count IP and UDP headers
	uint32_t mtu;                          // larger IP packets vanish silently; 0: no limit
	uint32_t dark_every_us, dark_us;       // of every so much, the first so much is silence
};

enum nat_kind {
	NAT_NONE,
	NAT_FULL_CONE,          // one port per socket, open to all
	NAT_ADDRESS_RESTRICTED, // ... to addresses that were sent to
	NAT_PORT_RESTRICTED,    // ... to addresses and ports that were sent to
	NAT_SYMMETRIC,          // one port per socket and destination, open to that one
};

struct net_nat_opts {
	enum nat_kind kind;
	uint64_t timeout_us; // of a port not sent from (RFC 4787 REQ-5: at least 2 min). 0: none
	bool does_hairpin;   // its hosts reach each other by its own address
	bool keeps_apart;    // ... and not by their inner ones
};

// A datagram arrives; data is the receiver's to change, until it returns.
typedef void net_deliver(void *ctx, uint32_t host, struct net_addr src, struct net_addr dst,
			 uint8_t *data, uint16_t len);
// Sees each as it leaves its host, before any line; false: it is lost.
typedef bool net_tap(void *ctx, uint32_t host, struct net_addr src, struct net_addr dst,
		     const uint8_t *data, uint16_t len);

// Each once more, when it is on its receiver's line: it will arrive unless that loses it.
typedef void net_herald(void *ctx, uint32_t host, const uint8_t *data, uint16_t len);

struct net_counters {
	uint64_t sent, delivered, duplicated, corrupted;
	uint64_t lost, overflown, dark; // by chance; beyond the queue; in silence or partition
	uint64_t too_big;               // for a line's MTU
	uint64_t unroutable, filtered;  // to nobody's address; by a translator
};

struct net *net_create(uint64_t seed, net_deliver *, void *ctx);
void net_destroy(struct net *);
void net_set_tap(struct net *, net_tap *, void *ctx);       // NULL: none
void net_set_herald(struct net *, net_herald *, void *ctx); // NULL: none

// A translator with a public address; its index for net_host.
uint32_t net_nat(struct net *, const struct net_nat_opts *);
#define NET_PUBLIC UINT32_MAX // in place of a translator: a public address of its own
uint32_t net_host(struct net *, uint32_t nat, const struct net_link *up,
		  const struct net_link *down);
uint32_t net_ip(const struct net *, uint32_t host); // as the host sees itself
uint32_t net_nat_ip(const struct net *, uint32_t nat);
struct net_link *net_up(struct net *, uint32_t host);
struct net_link *net_down(struct net *, uint32_t host);

// A public host has a new address; nobody answers at the old one.
void net_move(struct net *, uint32_t host);
// The same, to an address that nobody has (any more).
void net_move_to(struct net *, uint32_t host, uint32_t ip);
// A translator forgets its ports; new ones follow.
void net_nat_forget(struct net *, uint32_t nat);
// Hosts on different islands do not reach each other. All begin on island 0.
void net_island(struct net *, uint32_t host, uint32_t island);

void net_send(struct net *, uint32_t host, uint16_t src_port, struct net_addr dst,
	      const uint8_t *data, uint16_t len, uint64_t now_us);
// Delivers the next datagram that is due. False: none is.
bool net_step(struct net *, uint64_t now_us);
const void *net_frames(const struct net *); // the memory of short ones in the air; NULL: none
uint64_t net_deadline_us(const struct net *); // UINT64_MAX: nothing is in the air
const struct net_counters *net_counters(const struct net *);

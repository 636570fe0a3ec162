// Frames as the tests send them: well-formed, to be broken by whoever needs it.
#pragma once

#include <stdlib.h>

#include "dataplane/io/arp.h"
#include "dataplane/io/ipv4.h"

#define OUR_IP     0x0a630001u // 10.99.0.1
#define PEER_IP    0x0a630002u
#define GATEWAY_IP 0x0a6300feu
#define FAR_IP     0xc6336407u // 198.51.100.7, somewhere else
#define OUR_PORT   1935
#define PEER_PORT  50000

extern const struct mac our_mac, peer_mac, everybody;

struct built {
	uint8_t *data; // exactly len octets from malloc, so that a look behind them is seen
	uint16_t len;
};

// Peer to us, with a right checksum.
struct built frame_udp(const void *payload, uint16_t len);
struct built frame_arp(uint16_t op, uint32_t sender, uint32_t target);
struct built frame_ping(uint16_t payload_len);
// The first len octets alone.
struct built frame_cut(const struct built *, uint16_t len);
// Makes the header checksum right again.
void frame_resum_ipv4(struct built *);
void frame_resum_udp(struct built *);
void frame_free(struct built *);

// What a received frame is: a datagram for one of our endpoints, ARP, a ping, or nothing for us.
// Looks only; the octets stay as they are.
#pragma once

#include <stdint.h>

#include "dataplane/io/arp.h"
#include "dataplane/io/host.h"

enum frame_kind {
	FRAME_DROP,     // .drop says why
	FRAME_DATAGRAM, // the rest of the struct
	FRAME_ARP,      // .arp
	FRAME_ICMP,     // .ip: for us, not yet looked into
};

// What the port said of the UDP checksum.
enum frame_sum {
	FRAME_SUM_UNKNOWN,
	FRAME_SUM_GOOD,
	FRAME_SUM_BAD,
};

struct frame {
	enum frame_kind kind;
	enum drop_reason drop;
	bool is_over_mtu;   // claims to be longer than the link carries: an uncut burst of a local
			    // peer
	bool is_unverified; // its UDP checksum is wrong or was not looked at, and it was accepted
	uint8_t endpoint;
	uint16_t src_port;
	uint8_t *payload;
	uint16_t payload_len;
	struct ipv4_header ip;
	struct arp arp;
};

void frame_read(struct frame *, const struct host *, uint8_t link, uint8_t *data, uint16_t len,
		enum frame_sum);

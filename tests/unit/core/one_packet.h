// A publisher and a player that has got the first fragments and acknowledged all of them, joined by
// packets of each form; and a burst of one buffer, for who compares the ways a packet is written.
#pragma once

#include "tests/unit/core/relay_mesh.h"

#define ONE_PACKET_ROOM 1500

struct one_packet {
	struct pkt pkt;
	uint8_t buffer[ONE_PACKET_ROOM];
};

// What came of it.
struct one_packet_written {
	struct pkt pkt;
	struct crypto_op op;
	uint8_t octets[ONE_PACKET_ROOM];
};

#define ONE_PACKET_FORMS 4
extern const struct loop_form one_packet_forms[ONE_PACKET_FORMS];

// Node 0 publishes, node 1 plays; *pair is their session.
struct mesh *one_packet_mesh(const struct loop_form *, struct loop_pair *pair);
// The engine may fill it; n 0: it has none.
void one_packet_lend(struct one_packet *, struct engine *, uint16_t n);
void one_packet_look(const struct one_packet *, const struct engine *, struct one_packet_written *);

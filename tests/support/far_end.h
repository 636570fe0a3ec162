// A far end made by hand: it seals whatever plain packet a test writes and opens what the engine
// answers. It keeps no protocol state but its session sequence number.
#ifndef ANNULUS_TESTS_FAR_END_H
#define ANNULUS_TESTS_FAR_END_H

#include "dataplane/wire/chunk.h"
#include "tests/support/loop.h"

struct far_end {
	struct loop *loop;
	uint32_t node;     // whose session it has
	uint32_t slot, id; // that session
	struct msg_addr addr;
	struct session_seed seed; // the far end's own view
	uint64_t sseq;
	bool is_responder; // its packets carry mode 2
};

// Adds a session to the node whose far end is this; is_initiator: the far end opened it.
struct far_end far_connect(struct loop *, uint32_t node, const struct loop_form *,
			   bool is_initiator);
// The same without SESSION_ADD.
struct far_end far_prepare(struct loop *, uint32_t node, const struct loop_form *,
			   bool is_initiator, struct session_seed *near);

// Seals a plain packet: flags, announced fields, chunks. Returns the datagram's length.
size_t far_seal(struct far_end *, struct span plain, uint8_t out[LOOP_DATAGRAM_MAX]);
// To the node, arriving now. Returns the drop reason the engine gave it.
uint8_t far_send(struct far_end *, struct span plain);
uint8_t far_send_datagram(struct far_end *, struct span datagram);
// Chunks under a header with the right mode and no timestamp.
uint8_t far_send_chunks(struct far_end *, struct span chunks);

// Runs the node's engine at the present time and opens the next packet to this far end. False:
// none.
bool far_receive(struct far_end *, uint8_t buf[LOOP_DATAGRAM_MAX], struct span *plain);
// The next chunk of that type in what the engine sends now; packets before it are thrown away. The
// payload lies in buf.
bool far_receive_chunk(struct far_end *, uint8_t type, uint8_t buf[LOOP_DATAGRAM_MAX],
		       struct chunk *c);

// A startup datagram: mode 3 with timestamp, default key, to that session id.
size_t startup_seal(struct loop *, uint32_t id, struct span chunks, uint8_t out[LOOP_DATAGRAM_MAX]);
int startup_unseal(struct loop *, struct span datagram, uint32_t *id,
		   uint8_t buf[LOOP_DATAGRAM_MAX], struct span *plain);

// Opens a datagram with a seed's receiving keys: 0, or -1 if it does not verify.
int seed_open(struct crypto *, const struct session_seed *, struct span datagram,
	      uint8_t buf[LOOP_DATAGRAM_MAX], struct span *plain);

#endif

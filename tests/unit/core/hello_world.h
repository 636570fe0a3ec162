// A stranger before an engine with two endpoints (0: a server's certificate, 1: one with static
// keys), and what passes between them.
#pragma once

#include "crypto/certificate.h"
#include "dataplane/core/hello.h"
#include "tests/support/far_end.h"

struct world {
	struct loop *l;
	struct msg_addr stranger;
	uint8_t cert[2][512];
	size_t cert_len[2];
	uint8_t fingerprint[2][FINGERPRINT_LEN];
	uint8_t buf[LOOP_DATAGRAM_MAX];
	size_t sent_len; // of the latest datagram
};

void world_create(struct world *, bool answers);
void world_destroy(struct world *);
struct worker_stats *stats(struct world *);

// To one of the endpoints, from the stranger: chunks and so much padding, in a startup packet.
void send_to(struct world *, uint8_t endpoint, uint32_t id, const struct wr *chunks,
	     size_t padding);
extern const uint8_t tag[16]; // of our hellos
void write_hello(struct wr *, const uint8_t *fingerprint);
void write_keying(struct wr *, struct span cookie, uint32_t isid);
void send_hello(struct world *, uint8_t endpoint, const uint8_t *fingerprint, size_t padding);
void send_keying(struct world *, struct span cookie, uint32_t isid);
// The chunk that came back, if any; its payload lies in w->buf.
bool comes_back(struct world *, uint32_t *id, struct chunk *);

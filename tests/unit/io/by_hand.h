// RTMFP in frames, made and read by hand, between a peer and worker 0's engine.
#pragma once

#include "crypto/certificate.h"
#include "tests/unit/io/worker_world.h"

struct identity {
	uint8_t cert[512];
	size_t len;
	uint8_t fingerprint[FINGERPRINT_LEN];
};

// Gives the engine an endpoint that answers hellos; takes a turn.
struct identity add_endpoint(struct worker_world *);
// An IHello for that fingerprint.
struct built hello_frame(struct worker_world *, const uint8_t *fingerprint);
struct built hello_frame6(struct worker_world *, const uint8_t *fingerprint); // over IPv6
// Asserts headers and content of its answer. Frees it.
void assert_is_rhello(struct worker_world *, struct built);
void assert_is_rhello6(struct worker_world *, struct built);

// A ping chunk to a session, whose far end is behind the gateway, and its answer.
struct built ping_frame(struct far_end *);
void assert_is_ping_reply(struct far_end *, struct built);

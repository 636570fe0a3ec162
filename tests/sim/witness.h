// Reads the startup packets on the network, as anybody can, and keeps who earned a session: whose
// IIKeying echoed a cookie that had been sent to its address.
#pragma once

#include "crypto/crypto.h"
#include "dataplane/wire/span.h"
#include "tests/sim/net.h"

struct witness;

struct witness *witness_create(struct crypto *); // borrowed
void witness_destroy(struct witness *);
void witness_sent(struct witness *, uint32_t host, struct net_addr dst, const uint8_t *data,
		  uint16_t len);
void witness_delivered(struct witness *, uint32_t host, struct net_addr src, const uint8_t *data,
		       uint16_t len);
// Is it an IHello?
bool witness_is_hello(struct witness *, const uint8_t *data, uint16_t len);
// Did the certificate with that fingerprint earn a session of host's?
bool witness_earned(const struct witness *, uint32_t host, const uint8_t fingerprint[32]);

/*
 * Peers that come to an appliance's server endpoint, played by hand and cheaply: each has an
 * address and a certificate of its own; the keying component is the same for all, since an answer
 * has to be calculated anew all the same. What they write is not timed.
 */
#ifndef ANNULUS_PERF_STRANGERS_H
#define ANNULUS_PERF_STRANGERS_H

#include "crypto/certificate.h"
#include "crypto/keying.h"
#include "perf/host.h"

#define STRANGER_IP   0x0b000000u // 11.0.0.0 and up, one each
#define STRANGER_PORT 1024
#define STRANGER_LEN  1280 // octets of the longest datagram

enum stranger_state {
	STRANGER_NEW,
	STRANGER_HELLOED,  // an RHello has come
	STRANGER_ANSWERED, // an RIKeying has come
};

struct stranger {
	uint8_t cookie[64];
	uint32_t far_id; // the appliance's id of the session
	uint32_t sseq;
	uint8_t state;
};

struct strangers {
	struct crypto *crypto; // borrowed
	struct seal_keys seal; // the default key
	struct open_keys open;
	uint8_t group;
	uint8_t fingerprint[FINGERPRINT_LEN]; // whom they want
	struct keying keying;                 // their half
	uint32_t n;
	struct stranger *list;
	uint64_t rhellos, rikeyings, redirects, others; // datagrams that came
};

// False: no memory or no keys. near: the appliance's endpoint that they come to.
bool strangers_init(struct strangers *, struct crypto *, const struct random *, uint32_t n,
		    uint8_t group, const struct identity_endpoint *near);
void strangers_fini(struct strangers *);

struct wire_addr stranger_addr(uint32_t i);

// Datagrams of stranger i; each returns its length. out has STRANGER_LEN octets.
uint16_t stranger_hello(struct strangers *, uint32_t i, uint8_t *out);
// For somebody else.
uint16_t stranger_asks_for(struct strangers *, uint32_t i, const uint8_t fingerprint[32],
			   uint8_t *out);
uint16_t stranger_keying(struct strangers *, uint32_t i, uint8_t *out);
// Its first packet under the session's keys, if they come from made_secrets().
uint16_t stranger_alive(struct strangers *, uint32_t i, uint8_t *out);
void stranger_fingerprint(const struct strangers *, uint32_t i, uint8_t out[FINGERPRINT_LEN]);

// What the appliance sent to a stranger's address; decrypted in place.
void strangers_take(struct strangers *, const struct wire_addr *dst, uint8_t *data, uint16_t len);

#endif

/*
 * Endpoint discriminators: whom an IHello is for (RFC 7425 4.4, §13.6).
 */
#ifndef ANNULUS_CRYPTO_EPD_H
#define ANNULUS_CRYPTO_EPD_H

#include "crypto/certificate.h"

#define EPD_CANONICAL_LEN 34 // 21 0f <fingerprint>

enum epd_option {
	EPD_HOSTNAME = 0x00,
	EPD_ANCILLARY = 0x0a,
	EPD_FINGERPRINT = 0x0f,
};

// Spans lie in the octets the EPD was read from; data NULL: the option is missing.
struct epd {
	struct span hostname;
	struct span ancillary;   // the server's URI, UTF-8
	struct span fingerprint; // 32 octets
};

// 0, or -EBADMSG: does not parse, a known option comes twice, a fingerprint of another length.
int epd_read(struct epd *epd, struct span octets);

// The REQUIRED selection method: does it mean the endpoint with this certificate?
bool epd_selects(const struct epd *epd, const struct certificate *c);

// What one end calls the other by: lookups compare fingerprints, never encoded EPDs, since a peer
// may write its VLUs longer.
void epd_canonical(uint8_t out[EPD_CANONICAL_LEN], const uint8_t fingerprint[FINGERPRINT_LEN]);

// An EPD with the single option old servers accept. The length written, or -ENOBUFS.
int epd_build_ancillary(uint8_t *out, size_t cap, struct span uri);

#endif

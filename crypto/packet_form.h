/*
 * What surrounds a plain packet in one direction (RFC 7425 4.7):
 *
 *	[sseq: VLU] [checksum: 2, only without HMAC] plain packet, ff to a multiple of 16
 *
 * and, after encryption, tag_len octets of HMAC. The front is what stands before the plain packet.
 * Default startup packets have the form {0}: a checksum, no sequence number.
 */
#ifndef ANNULUS_CRYPTO_PACKET_FORM_H
#define ANNULUS_CRYPTO_PACKET_FORM_H

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crypto/crypto.h"
#include "dataplane/wire/cursor.h"

#define PACKET_SSID_LEN      4 // the scrambled session id before every encrypted packet
#define PACKET_CHECKSUM_LEN  2
#define PACKET_SSEQ_LEN_MAX  10 // VLU of 64 bits
#define PACKET_FRONT_LEN_MAX (PACKET_SSEQ_LEN_MAX + PACKET_CHECKSUM_LEN)

// 1280 (the least IPv6 MTU) less 40 of IPv6 and 8 of UDP; spec'd default of a path.
#define PACKET_UDP_PAYLOAD_DEFAULT 1232

struct packet_form {
	uint8_t tag_len; // 0: checksum; else 4..32 octets of HMAC
	bool has_sseq;
};

// A number of octets, up to whole blocks.
static inline size_t packet_form_blocks(size_t len)
{
	return (len + CRYPTO_BLOCK_LEN - 1) & ~(size_t)(CRYPTO_BLOCK_LEN - 1);
}

// Octets before the plain packet; sseq is the number the packet will carry.
static inline size_t packet_form_front_len(struct packet_form form, uint64_t sseq)
{
	size_t len = form.tag_len == 0 ? PACKET_CHECKSUM_LEN : 0;

	return form.has_sseq ? len + vlu_len(sseq) : len;
}

// What is encrypted for a plain packet of plain_len octets: front, packet and padding.
size_t packet_form_sealed_len(struct packet_form form, uint64_t sseq, size_t plain_len);

// The longest plain packet behind a front of that length, in a UDP payload of at most budget
// octets; 0 if none fits.
static inline size_t packet_form_room(struct packet_form form, size_t front_len, size_t budget)
{
	size_t around = (size_t)PACKET_SSID_LEN + form.tag_len, blocks_len;

	if (budget < around)
		return 0;
	blocks_len = (budget - around) & ~(size_t)(CRYPTO_BLOCK_LEN - 1);
	return blocks_len > front_len ? blocks_len - front_len : 0;
}

// The same for who does not know the front.
static inline size_t packet_form_plain_max(struct packet_form form, uint64_t sseq, size_t budget)
{
	return packet_form_room(form, packet_form_front_len(form, sseq), budget);
}

// Writes the sequence number and leaves room for the checksum. Returns the front's length: the
// plain packet follows there. buf has room for PACKET_FRONT_LEN_MAX octets.
static inline size_t packet_form_front_write(struct packet_form form, uint8_t *buf, uint64_t sseq)
{
	size_t len = form.has_sseq ? vlu_put(buf, sseq) : 0;

	return form.tag_len == 0 ? len + PACKET_CHECKSUM_LEN : len;
}

// For packets that are whole in buf: pads behind len octets (front and plain packet) and writes the
// checksum. buf has room for 15 more. Returns the octets to encrypt.
size_t packet_form_finish(struct packet_form form, uint8_t *buf, size_t front_len, size_t len);

// Puts a checksum into a front of front_len octets; for builders that joined it themselves.
static inline void packet_form_checksum_put(uint8_t *buf, size_t front_len, uint16_t checksum)
{
	assert(front_len >= PACKET_CHECKSUM_LEN);
	be16_put(buf + front_len - PACKET_CHECKSUM_LEN, checksum);
}

// A received encrypted packet (UDP payload without session id) of len octets: the length of its
// ciphertext, or -EBADMSG when no packet of this form has that length.
static inline int packet_form_open_check(struct packet_form form, size_t len)
{
	if (len < (size_t)CRYPTO_BLOCK_LEN + form.tag_len || len > UINT16_MAX)
		return -EBADMSG;
	len -= form.tag_len;
	return len % CRYPTO_BLOCK_LEN == 0 ? (int)len : -EBADMSG;
}

// What was decrypted: reads the sequence number (0 if the form has none), verifies the checksum.
// Returns the front's length, behind which the plain packet and its padding lie, or -EBADMSG. The
// sequence number still has to pass the window (sseq_window.h).
int packet_form_strip(struct packet_form form, const uint8_t *buf, size_t len, uint64_t *sseq);

// The same of what crypto_open has decrypted and summed: it does not read the packet again.
int packet_form_strip_opened(struct packet_form form, const struct crypto_op *op, uint64_t *sseq);

#endif

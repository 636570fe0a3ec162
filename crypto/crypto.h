/*
 * Sealing and opening packets in bursts: AES-128-CBC with a zero IV, and a truncated HMAC-SHA256
 * over the ciphertext where one was negotiated (RFC 7425 4.7).
 *
 * CBC encryption is serial inside a packet and fast only across packets, so the unit here is the
 * burst: hand over everything a turn sends. A back end may do with a burst what it likes, but all
 * of them give the same octets for the same ops, and they understand each other's schedules.
 *
 * Threads: a struct crypto belongs to one thread. Many engines on that thread may share it, since
 * nothing is kept from one burst to the next. Only the two expand functions may be called from any
 * thread.
 */
#ifndef ANNULUS_CRYPTO_CRYPTO_H
#define ANNULUS_CRYPTO_CRYPTO_H

#include <assert.h>
#include <stdalign.h>
#include <stdint.h>

#include "crypto/sha.h"

#define CRYPTO_BLOCK_LEN    16
#define CRYPTO_KEY_LEN      16 // AES-128: the first 16 octets of the derived 32 (RFC 7425 4.6)
#define CRYPTO_HMAC_KEY_LEN 32
#define CRYPTO_SCHED_LEN    176 // eleven round keys
#define CRYPTO_HEAD_BLOCKS  3   // longest head of an op in two parts
#define CRYPTO_TAG_MIN      4   // RFC 7425 4.5: hmacLength is 4..32
#define CRYPTO_TAG_MAX      32
#define CRYPTO_BURST_MAX    128 // longer bursts are split; full lanes from 16 on, best at 32..128

// RFC 7425 4.1: startup packets are sealed under this key. It is no secret.
#define CRYPTO_DEFAULT_KEY "Adobe Systems 02"

// The expanded AES key of one direction. Opaque: only back ends look inside.
struct seal_keys {
	alignas(16) uint8_t sched[CRYPTO_SCHED_LEN];
};

struct open_keys {
	alignas(16) uint8_t sched[CRYPTO_SCHED_LEN];
};

enum crypto_result {
	CRYPTO_OK = 0,
	CRYPTO_BAD_LEN, // open: the ciphertext is empty or no multiple of the block
	CRYPTO_BAD_TAG, // open: the HMAC does not match; dst still holds the ciphertext
};

/*
 * One packet. The op, keys, dst and tail belong to the caller and must last until the call returns.
 *
 * dst needs len + tag_len writable octets. When sealing, the plaintext lies at dst, or in two
 * parts: its first head_len octets at dst and the octets [head_len, len) at tail, which is only
 * read and may have any alignment. So a body that goes to a thousand neighbours is never copied.
 */
struct crypto_op {
	const void *sched;            // of a struct seal_keys or open_keys
	const struct hmac_keys *hmac; // NULL when tag_len is 0
	uint8_t *dst;                 // ciphertext; opening happens in place
	const uint8_t *tail;          // seal only; NULL: the whole plaintext is at dst
	uint16_t head_len;            // with a tail: 16, 32 or 48, at most len
	uint16_t len;                 // ciphertext without its tag, a positive multiple of 16
	uint8_t tag_len;              // 0, or 4..32 octets of HMAC at dst + len
	uint8_t result;               // enum crypto_result, set by every call
	// open, without a tag: csum_partial of the plaintext behind its first block (checksum.h),
	// in which the octets stand that a checksum does not cover.
	uint16_t sum;
};

static_assert(sizeof(struct crypto_op) == 40, "bursts of them are written and read by every turn");

enum crypto_backend {
	CRYPTO_AUTO, // ipsec-mb where it was built in and the CPU has AES instructions, else
		     // OpenSSL
	CRYPTO_IMB,
	CRYPTO_IMB_PLAIN, // without vaes.h, where that is quicker: for tests
	CRYPTO_SOFT,
};

struct crypto;

// NULL with errno set: ENOTSUP when this build or CPU lacks the back end, ENOMEM.
struct crypto *crypto_create(enum crypto_backend backend);
void crypto_destroy(struct crypto *c);

// "ipsec-mb 1.3.0 avx512" or "openssl 3.0.17", for status output. Lives as long as c.
const char *crypto_name(const struct crypto *c);

// Encrypts every op and appends its tag. Lengths may be mixed, ops are taken in any order. An op
// that breaks the rules above is our own fault and asserts.
void crypto_seal(struct crypto *c, struct crypto_op *ops, uint16_t n);

// Verifies every op that has a tag, in constant time, and decrypts in place what is good. Returns
// how many are; ops keep their places and carry their results. A strange len is a result, a strange
// tag_len asserts: it comes from the negotiation and not from the packet.
uint16_t crypto_open(struct crypto *c, struct crypto_op *ops, uint16_t n);

// key -> CRYPTO_SCHED_LEN octets each for sealing and for opening; either may be NULL, both are
// 16-aligned.
void crypto_expand(const struct crypto *c, const uint8_t key[CRYPTO_KEY_LEN], void *enc_sched,
		   void *dec_sched);
void crypto_hmac_expand(const struct crypto *c, const uint8_t key[CRYPTO_HMAC_KEY_LEN],
			struct hmac_keys *keys);

#endif

/*
 * Who we are, kept over restarts: the certificates of a process's endpoints and their private keys,
 * in one file of mode 0600.
 *
 *	annulus-identity 1
 *	kind appliance
 *	server-random <64 octets in hex>
 *	member-key 2 <exponent in hex>
 *	member-key 14 <exponent in hex>
 *	member-certificate <hex>
 *	sha256 <of everything above>
 */
#ifndef ANNULUS_CRYPTO_IDENTITY_H
#define ANNULUS_CRYPTO_IDENTITY_H

#include "crypto/certificate.h"

#define IDENTITY_KEYS_MAX 2

enum identity_kind {
	IDENTITY_APPLIANCE, // server: the 77-octet ephemeral form; member: static keys of groups 2,
			    // 14
	IDENTITY_PEER,      // member only, with a single static group 2 key: it may call old peers
	IDENTITY_PEER_14,   // the same with a key of group 14: it has nothing to say to old peers
};

// One endpoint: its certificate as on the wire and the static keys in it.
struct identity_endpoint {
	uint16_t certificate_len; // 0: no such endpoint
	uint8_t n_keys;
	uint8_t fingerprint[FINGERPRINT_LEN]; // the peer ID
	uint8_t certificate[CERTIFICATE_LEN_MAX];
	struct dh_key keys[IDENTITY_KEYS_MAX];
};

struct identity {
	enum identity_kind kind;
	uint8_t server_random[CERTIFICATE_RANDOM_LEN]; // appliance only
	struct identity_endpoint server;               // appliance only
	struct identity_endpoint member;
};

// One line for a person: what failed and where, or a warning when all went well. Empty: nothing.
#define IDENTITY_NOTE_MAX 256
struct identity_note {
	char text[IDENTITY_NOTE_MAX];
};

// The certificate read; its spans lie in e.
struct certificate identity_certificate(const struct identity_endpoint *e);

// Fresh keys. Some ms. 0, -ENOMEM.
int identity_generate(struct identity *id, enum identity_kind kind, const struct random *rng);

// What is left of an identity under a policy: only these groups, so that nobody tries another. The
// server's certificate lists them in this order, unless they are 2, 5 and 14, when it is the 77
// octets of old (§16.3); with any others its peer ID is another. The member keeps its order, and
// with a key its peer ID changes too. Not for saving. 0, or -ENOTSUP: no key of the member's is
// left.
int identity_use_groups(struct identity *id, const uint8_t *groups, unsigned n_groups);

// From and to a file (identity_file.c).
//
// 0, with a warning in note if others may read the file; -errno of the system, or -EBADMSG (not one
// of ours, truncated, altered), with the place.
int identity_load(struct identity *id, const char *path, struct identity_note *note);

// A new file that is whole or not there: written aside, synced, renamed; -EEXIST rather than
// replace one.
int identity_save(const struct identity *id, const char *path, struct identity_note *note);

#define IDENTITY_TEXT_MAX 4096

// Text <-> identity, without a file. format returns the length, or -ENOBUFS.
int identity_format(const struct identity *id, char *out, size_t cap);
int identity_parse(struct identity *id, struct span text, struct identity_note *note);

void identity_wipe(struct identity *id);

#endif

/*
 * Certificates: what names an endpoint (RFC 7425 4.3, §13.3). A sequence of options; what precedes
 * the first Marker is the canonical section, and its SHA-256 is the fingerprint, which is the peer
 * ID. Nobody signs certificates: a well-formed one is authentic, and a static key proves itself in
 * keying.
 */
#ifndef ANNULUS_CRYPTO_CERTIFICATE_H
#define ANNULUS_CRYPTO_CERTIFICATE_H

#include "crypto/dh.h"
#include "crypto/sha.h"
#include "dataplane/wire/span.h"

#define FINGERPRINT_LEN        SHA256_LEN
#define CERTIFICATE_LEN_MAX    1024 // a startup packet has no room for more
#define CERTIFICATE_KEYS_MAX   4    // one static key per group we know
#define CERTIFICATE_SERVER_LEN 77
#define CERTIFICATE_RANDOM_LEN 64

enum certificate_option {
	CERTIFICATE_HOSTNAME = 0x00,
	CERTIFICATE_ACCEPTS_ANCILLARY = 0x0a,
	CERTIFICATE_EXTRA_RANDOMNESS = 0x0e,
	CERTIFICATE_EPHEMERAL_GROUP = 0x15,
	CERTIFICATE_STATIC_KEY = 0x1d,
};

// A certificate that was read. Its spans lie in the octets it was read from.
struct certificate {
	struct span whole;
	struct span canonical;
	struct span hostname; // data NULL: none
	uint8_t fingerprint[FINGERPRINT_LEN];
	bool accepts_ancillary;
	// Exactly one of these: which kind of key it uses. True also for groups unknown to us
	// alone.
	bool has_static, has_ephemeral;
	uint8_t n_keys;      // static keys of groups we know, in their order
	uint8_t n_ephemeral; // ephemeral groups that we know, in their order
	uint8_t ephemeral[CERTIFICATE_KEYS_MAX];
	struct certificate_key {
		uint8_t group;
		struct span public_key;
	} keys[CERTIFICATE_KEYS_MAX];
};

// 0, or -EBADMSG: an option does not parse, a hostname or a group's key comes twice, static and
// ephemeral keys are mixed or both missing, too long. Unknown options and groups are ignored. Keys
// are checked when they are used.
int certificate_read(struct certificate *c, struct span octets);

// The static public key for that group; data NULL: none.
struct span certificate_key_of(const struct certificate *c, uint64_t group);
bool certificate_has_ephemeral(const struct certificate *c, uint64_t group);

// Is this the form that old implementations demand of a peer they answer or call (§16.3)? Servers:
// the 77 octets below. Peers: a single option, the static group 2 key.
bool certificate_is_legacy_form(const struct certificate *c);

// Are these groups, in whatever order, the ones in the servers' old form?
bool certificate_is_legacy_set(const uint8_t *groups, unsigned n_groups);

/*
 * Ours. Each returns the length written, or -ENOBUFS.
 *
 * Server: exactly the 77 octets that old peers compare with: accepts ancillary data, 64 octets of
 * randomness, ephemeral groups 2, 5 and 14 (§16.3). The same randomness gives the same peer ID.
 *
 * Static: one option per key in the given order. A member gives its group 2 key first, then that of
 * group 14; an endpoint that calls old peers gives its group 2 key alone, since they read only the
 * first option and take its hash for the peer ID.
 */
int certificate_build_server(uint8_t *out, size_t cap,
			     const uint8_t random[CERTIFICATE_RANDOM_LEN]);
int certificate_build_static(uint8_t *out, size_t cap, const struct dh_key *keys, unsigned n_keys);

// Any other form: tests, servers with a hostname.
struct certificate_form {
	struct span hostname;         // data NULL: none
	struct span extra_randomness; // data NULL: none
	bool accepts_ancillary;
	const uint8_t *ephemeral; // groups
	unsigned n_ephemeral;
	const struct dh_key *keys;
	unsigned n_keys;
};
int certificate_build(uint8_t *out, size_t cap, const struct certificate_form *form);

/*
 * Glare (RFC 7425 4.3, §13.5): both ends opened to each other. Bytewise unsigned lexicographic
 * order of the whole encoded certificates, a proper prefix first; the near end stays initiator if
 * its certificate is the lower one or both are identical.
 */
bool certificate_near_prevails(struct span near, struct span far);

// May a new session under `newcomer` replace one held under `held`? Only if they are identical.
bool certificate_overrides(struct span newcomer, struct span held);

#endif

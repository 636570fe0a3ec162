/*
 * Session keying (RFC 7425 4.5, 4.6; §13.7 to 13.9): from two certificates and two keying
 * components to the keys and forms of both directions. Public-key work: keyer threads only.
 *
 *	initiator: keying_initiate  ... SKIC out, SKRC in ...  keying_complete
 *	responder: SKIC in, keying_respond (SKRC out), keying_complete
 *
 * A certificate with static keys keys with one of them and proves so that it is the owner's; one
 * without uses a fresh pair. There is no third way: a static certificate with an ephemeral key
 * could be claimed by anybody who has seen it.
 */
#ifndef ANNULUS_CRYPTO_KEYING_H
#define ANNULUS_CRYPTO_KEYING_H

#include "crypto/certificate.h"
#include "crypto/crypto.h"
#include "crypto/packet_form.h"

#define KEYING_COMPONENT_MAX 640 // ephemeral group 16 key, randomness and negotiation
#define KEYING_RANDOM_LEN    64  // Extra Randomness we send; old peers want exactly that

enum keying_option {
	KEYING_EPHEMERAL_KEY = 0x0d,
	KEYING_EXTRA_RANDOMNESS = 0x0e,
	KEYING_HMAC = 0x1a,
	KEYING_GROUP_SELECT = 0x1d,
	KEYING_SSEQ = 0x1e,
};

// Flags of the two negotiations.
enum keying_flags {
	KEYING_REQ = 0x01, // send it, please
	KEYING_SOR = 0x02, // we send it on request
	KEYING_SND = 0x04, // we send it in any case
};

/*
 * How much a near end wants a feature, and the flags that it says so with:
 *
 *	             as initiator    as responder
 *	OFF          -               -
 *	PREFER       SOR | REQ       SND | REQ if the initiator offered it, else -
 *	REQUIRE      SND | REQ       SND | REQ
 *
 * An initiator has offered a feature if it set any of the flags, with one exception. The literal
 * SKIC of old clients (§16.3) has SOR for both features, and old clients compare the answer with
 *one that has neither: the 76 octets with that very end offer nothing. Ours, to the same servers,
 *have REQ in the same place, so they are told apart, and the same length, which is all that old
 *peers look at in an SKIC.
 */
enum keying_want { KEYING_OFF, KEYING_PREFER, KEYING_REQUIRE };

#define KEYING_GROUPS_MAX 4 // as many as we know

struct keying_policy {
	enum keying_want hmac, sseq;
	uint8_t hmac_len; // 4..32 octets that *we* send; the far end says its own length
	// Accepted ones, the most preferred first; any other is refused. Who initiates chooses. 2
	// is what every old peer speaks, and weak.
	uint8_t n_groups, groups[KEYING_GROUPS_MAX];
};

// Both features preferred, 16 octets of HMAC (RFC 2104 5: not less than half of the hash), groups
// 14, 5, 2.
extern const struct keying_policy keying_policy_default;

// Which demand of a policy a far end does not meet.
enum keying_lack { KEYING_LACKS_NOTHING, KEYING_LACKS_GROUP, KEYING_LACKS_HMAC, KEYING_LACKS_SSEQ };

// What a component says of the two features.
struct keying_terms {
	uint8_t hmac_flags, sseq_flags; // enum keying_flags; a missing option is no flags
	uint8_t hmac_len;               // that its sender sends; 0 iff neither SND nor SOR
};

// A keying component that was read; spans lie in its octets.
struct keying_component {
	struct span whole;
	struct span ephemeral; // public key; data NULL: none
	uint64_t ephemeral_group, select_group;
	bool has_select;
	struct keying_terms terms;
};

// 0, or -EBADMSG: does not parse, a known option comes twice, an HMAC of a strange length.
int keying_component_read(struct keying_component *k, struct span octets);

// The near end: its certificate and the static keys in it.
struct keying_near {
	const struct certificate *certificate;
	const struct dh_key *keys;
	unsigned n_keys;
	const struct keying_policy *policy;
};

// Our half of one handshake. A plain value: copy it, keep it, wipe it.
struct keying {
	bool is_initiator;
	struct keying_policy policy;
	struct keying_terms terms; // as the component says
	struct dh_key pair;        // the one that is used, static or ephemeral
	uint16_t component_len;
	uint8_t component[KEYING_COMPONENT_MAX]; // SKIC or SKRC, the same in every retransmission
};

// Everything a session needs. Wipe it once the keys are where they belong.
struct session_secrets {
	struct packet_form tx, rx;
	uint8_t encrypt_key[SHA256_LEN], decrypt_key[SHA256_LEN]; // AES keys: the first 16
	uint8_t hmac_send_key[SHA256_LEN], hmac_recv_key[SHA256_LEN];
	uint8_t near_nonce[SHA256_LEN], far_nonce[SHA256_LEN];
};

// Which fresh pair will be needed, so that a pool can have one ready? The group, or DH_GROUP_NONE
// if none; -ENOTSUP when the ends have no group in common.
int keying_initiator_needs(const struct keying_near *near, const struct certificate *far);
int keying_responder_needs(const struct keying_near *near, const struct certificate *far,
			   const struct keying_component *skic);

// Chooses group and shape, fills k. ready: a fresh pair of the needed group, or NULL to make one.
// With a static group 2 key the SKIC has the 76 octets that old peers demand. 0, -ENOTSUP (no
// common group), -ENOMEM.
int keying_initiate(struct keying *k, const struct keying_near *near, const struct certificate *far,
		    const struct dh_key *ready, const struct random *rng);

// Checks the SKIC and fills k with the SKRC. An SKIC that offers nothing gets the literal old SKRC,
// unless a feature is required. 0, -EBADMSG, -EPROTO (wrong kind of key), -ENOTSUP (no common
// group), -EACCES (keying_lacks says what), -ENOMEM.
int keying_respond(struct keying *k, const struct keying_near *near, const struct certificate *far,
		   const struct keying_component *skic, const struct dh_key *ready,
		   const struct random *rng);

// With the far component: checks its key, computes the secret and all that follows from it.
// 0, -EBADMSG (far key not acceptable), -EPROTO, -EACCES (as above), -ENOMEM.
int keying_complete(const struct keying *k, const struct certificate *far,
		    const struct keying_component *far_component, struct session_secrets *out);

// Only the derivation of §13.8; tx and rx are left alone.
void keying_derive(struct session_secrets *out, const struct dh_secret *secret,
		   struct span near_component, struct span far_component);

// Only the outcome of §13.9, from what the ends said: our form of sending and receiving.
void keying_negotiate(const struct keying_terms *near, const struct keying_terms *far,
		      struct packet_form *tx, struct packet_form *rx);

// The first feature that the policy requires and the far end offers neither to send nor to send on
// request (§13.9).
enum keying_lack keying_lacks(const struct keying_policy *policy, const struct keying_terms *far);

// "02 1d 02 41 0e <64> 03 1a 02 0a 02 1e 02", 76 octets (§16.3): an old client's, and nobody
// else's.
bool keying_is_legacy_skic(struct span skic);

void keying_wipe(struct keying *k);
void session_secrets_wipe(struct session_secrets *s);

#endif

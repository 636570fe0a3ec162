// Ends of every form of certificate, and whole handshakes between two of them.
#ifndef ANNULUS_TEST_KEYING_ENDS_H
#define ANNULUS_TEST_KEYING_ENDS_H

#include "crypto/keying.h"

// An end with its keys, as identity files and certificates give them.
struct end {
	uint8_t octets[CERTIFICATE_LEN_MAX];
	struct certificate certificate;
	struct dh_key keys[2];
	unsigned n_keys;
	struct keying_policy policy;
};

enum form {
	SERVER, // ephemeral groups 2, 5, 14, the old form
	MEMBER, // static groups 2 and 14
	PEER,   // static group 2 alone, the old form
	NAMED,  // ephemeral group 14 with a hostname: surely no old peer
	N_FORMS
};

struct fixture {
	struct random_state rs;
	struct random rng;
	struct end ends[2][N_FORMS]; // initiators and responders with keys of their own
};

// What both ends made of one handshake.
struct handshake {
	struct keying initiator, responder;
	struct keying_component skic, skrc;
	struct session_secrets at_initiator, at_responder;
};

int ends_setup(void **state); // a struct fixture
int ends_teardown(void **state);

struct keying_near near_of(const struct end *e, const struct keying_policy *policy);
struct span component_of(const struct keying *k);

// The error of the first step that fails.
int shake(struct handshake *h, const struct end *i, const struct keying_policy *i_policy,
	  const struct end *r, const struct keying_policy *r_policy, const struct random *rng);

void assert_same_form(struct packet_form a, struct packet_form b);
// Same keys, and each sends as the other expects.
void assert_agreement(const struct handshake *h);

#endif

#include "control/group/member_proof.h"

#include "crypto/sha.h"

void member_proof(const struct groupspec *g, const uint8_t receiver_nonce[32], uint8_t proof[32])
{
	hmac_sha256(g->text, g->canonical_len, receiver_nonce, 32, proof);
}

bool member_proof_is_right(const struct groupspec *g, const uint8_t near_nonce[32],
			   const uint8_t proof[32])
{
	uint8_t want[32];

	member_proof(g, near_nonce, want);
	return octets_equal(want, proof, sizeof(want));
}

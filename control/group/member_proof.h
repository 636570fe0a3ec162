// The proof that a peer knows the groupspec, bound to the session (groups.md 4.2).
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "control/group/groupspec.h"

// What whoever holds `receiver_nonce` as its near nonce will accept: the sender gives its far
// nonce.
void member_proof(const struct groupspec *, const uint8_t receiver_nonce[32], uint8_t proof[32]);
// In constant time.
bool member_proof_is_right(const struct groupspec *, const uint8_t near_nonce[32],
			   const uint8_t proof[32]);

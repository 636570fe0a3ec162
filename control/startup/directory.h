// Who sits where: the slots of every worker's session table, the ids we give out for them, and
// finding a session by its far address or identity, per endpoint.
//
// All memory is address space taken at create; a slot costs pages when it is first used.
#pragma once

#include "control/startup/ctl_session.h"
#include "control/startup/token_bucket.h"
#include "crypto/keying.h"
#include "crypto/sha.h"

struct directory;
struct opening;
struct random;

#define NO_SEAT    UINT32_MAX
#define ANSWER_MAX (KEYING_COMPONENT_MAX + 16) // chunk header, id, lengths, signature "X"

// A slot: control's session and what only startup has to know of it.
struct seat {
	struct ctl_session ctl; // first: a pointer to one is a pointer to the other
	uint32_t at;            // where it is in the directory
	uint32_t next_by_addr, next_by_print;
	uint32_t next_unproven, prev_unproven; // of startup's lists
	uint16_t generation;                   // in the current or last id
	bool is_listed;                        // can be found by address and identity
	bool is_known;           // the worker has heard of it: it is free only after SESSION_CLOSED
	bool was_opened;         // an opened event was given, and no closed event yet
	bool is_unproven;        // in one of startup's lists
	bool near_prevails;      // our certificate would win glare against its
	uint8_t unproven_step;   // in which
	struct opening *opening; // ours that it belongs to, or NULL
	uint64_t challenge_end_us;
	struct token_bucket introductions;
	uint8_t cert_hash[SHA256_LEN];   // of the whole far certificate
	uint8_t keying_hash[SHA256_LEN]; // responder: of the certificate and the SKIC it answers
	uint16_t answer_len; // responder, until the far end proved itself: RIKeying chunk
	uint8_t answer[ANSWER_MAX];
};

static inline struct seat *seat_of(struct ctl_session *s)
{
	return (struct seat *)s;
}

// sessions_max: per worker. NULL: no memory.
struct directory *directory_create(uint32_t n_workers, uint32_t sessions_max,
				   const struct random *rng);
void directory_destroy(struct directory *);

// A free slot, CTL_OPENING, with a new id that differs from the slot's former one and is never 0.
// NULL: the worker has none.
struct seat *directory_take(struct directory *, uint32_t worker);
void directory_give(struct directory *, struct seat *);
// The worker with the fewest sessions; `preferred` if that is one of them.
uint32_t directory_emptiest(const struct directory *, uint32_t preferred);

// By endpoint, far address and fingerprint as they stand in ctl; they must not change while listed.
void directory_list(struct directory *, struct seat *);
void directory_unlist(struct directory *, struct seat *);

// NULL unless that slot is in use under that id.
struct seat *directory_find(struct directory *, uint32_t worker, uint32_t idx, uint32_t id);
struct seat *directory_find_id(struct directory *, uint32_t id);

// The first match (after == NULL), or the next one after it; newest first. Any state.
struct seat *directory_by_addr(struct directory *, uint8_t endpoint, const struct wire_addr *,
			       const struct seat *after);
struct seat *directory_by_print(struct directory *, uint8_t endpoint, const uint8_t fingerprint[32],
				const struct seat *after);

// How many are listed from that host (IPv6: /64), at all endpoints. Never too low; too high when
// hosts share a place in a table as large as the directory.
uint32_t directory_n_of_host(struct directory *, const struct wire_addr *);

// By its place, used or not, if it ever was.
struct seat *directory_at(struct directory *, uint32_t at);
struct ctl_flows *directory_flows_at(struct directory *, uint32_t at);
// The slots in use, in order; *at starts at 0. NULL: end.
struct seat *directory_next(struct directory *, uint32_t *at);

// Packets under session keys that overtook the keying packet which would have opened their session
// (§7.1 9): kept in a small pool until SESSION_ADD, then received as if they came now.
#pragma once

#include "dataplane/core/internal.h"

#define EARLY_NONE        UINT32_MAX
#define EARLY_PER_SESSION 18 // what another implementation keeps; some RTTs' worth of a new session
#define EARLY_LEN_MAX     1536 // octets of datagram

struct early *early_create(const struct engine_opts *);
void early_destroy(struct early *);

// Copies the datagram, as it came, into a cell that is nobody's yet. EARLY_NONE: no room for it.
uint32_t early_copy(struct engine *, uint32_t session_idx, const struct pkt *);
// It turned out to be the session's; or not to be needed.
void early_keep(struct engine *, uint32_t session_idx, uint32_t cell);
void early_forget(struct engine *, uint32_t cell);

// The session is open: in they go. Not from inside engine_rx.
void early_replay(struct engine *, uint32_t session_idx);
void early_drop(struct engine *, uint32_t session_idx);

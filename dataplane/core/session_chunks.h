// What a session itself has to say: pings and replies, closes, chunks that control hands over.
#pragma once

#include "dataplane/core/internal.h"

#define SESSION_CHUNKS_MAX 8 // that wait at a time; more are dropped

// A copy of this whole chunk shall travel in the next packet. False: no room.
bool session_chunk_queue(struct engine *, uint32_t idx, struct span chunk);
// A Ping came: its message goes back as it is (§3.5.4).
void session_ping_received(struct engine *, uint32_t idx, struct span message);
void session_chunks_drop(struct engine *, uint32_t idx);
// Writes what is due and fits, and clears DUE_CHUNK once nothing is left.
void session_chunks_write(struct engine *, uint32_t idx, struct txp *);

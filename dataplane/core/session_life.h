// From reserving an id to the slot's next use. For the engine's own files.
#pragma once

#include "dataplane/core/internal.h"

// -- commands (session.c) --
// Each is about the slot and id in the command; false: it does not fit the slot's state.
bool session_reserve(struct engine *, const struct command *);
bool session_add(struct engine *, const struct command *);
bool session_close(struct engine *, const struct command *);

// -- events --
void session_on_close(struct engine *, uint32_t idx);       // Close received
void session_on_close_ack(struct engine *, uint32_t idx);   // Close Ack received
void session_said_last_word(struct engine *, uint32_t idx); // its Close Ack left
// Nothing of ours was acknowledged for too long, or it is silent: orderly, since it may yet hear
// us.
void session_give_up(struct engine *, uint32_t idx);
void session_on_abuse(struct engine *, uint32_t idx); // what session_blame counted is too much

// Where its packets go from now on.
void session_path_set(struct engine *, uint32_t idx, const struct msg_addr *to);

// -- reports that must not be lost --
void session_tell(struct engine *, uint32_t idx, uint8_t tells); // TELL_*
void sessions_tell_again(struct engine *);                       // those that found the ring full

// -- session_alarm.c --
void session_on_alarm(struct engine *, uint32_t idx);
// suspect_us: see messages.h.
void session_keepalive_set(struct engine *, uint32_t idx, uint32_t interval_us, uint32_t limit_us,
			   uint32_t suspect_us);
// A ping or an answer to one came: the far end lives.
void session_keepalive_heard(struct engine *, uint32_t idx);
void session_challenge(struct engine *, uint32_t idx, uint32_t limit_us);
// Of one that is_challenged: a packet came with that echo; a Ping Reply came.
void session_challenge_heard(struct engine *, uint32_t idx, uint16_t echo);
void session_challenge_replied(struct engine *, uint32_t idx);

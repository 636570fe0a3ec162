// Gossip: what neighbours tell each other about members (groups.md 4.2, message 0A).
#pragma once

#include "control/group/internal.h"

// is_reply: to one just taken; only what is no reply is answered.
void report_send(struct neighbour *, bool is_reply);
void report_take(struct neighbour *, struct span message);
// One to a random neighbour.
void report_send_random(struct group *);

// Datagrams that belong to no session and are nothing of RTMFP's: members of a link speak by IP
// multicast (docs/spx.md). The engine carries them between control and the world as they are, so
// many a second; what they say is control's to judge.
#pragma once

#include <stdint.h>

#include "dataplane/messages.h"

struct datagrams; // engine->datagrams
struct engine;
struct pkt;

struct datagrams *datagrams_create(void);
void datagrams_destroy(struct datagrams *);

void datagrams_send(struct engine *, const struct command *); // CMD_DATAGRAM
uint32_t datagrams_n_due(const struct engine *);
// Fills what of room[0..n) it needs; says how many.
uint16_t datagrams_tx(struct engine *, struct pkt *room, uint16_t n);

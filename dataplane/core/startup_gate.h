// How many startup packets are opened at all. A stranger's packet costs its decryption, and perhaps
// an answer, before anything is known about him but his address, so that is what budgets are for: a
// worker's, a source prefix's, a source address's, and one of each turn. What goes beyond any of
// them is dropped unopened, for the price of a table lookup, and named.
//
// A prefix is a /24 (IPv4) or a /48 (IPv6): what one site has, and one flood may speak for. An
// address is a /32 or a /64. So a host that floods takes nothing from its prefix, and a prefix that
// floods nothing from others; honest ones behind a flooding prefix share its budget by chance, as
// their packets come.
//
// Addresses may be forged, so nothing grows with them: the budgets are places of hashed tables. An
// address has two places, by secret hashes, and the emptier one counts (a count-min sketch with
// conservative update); somebody else's flood hits both only if it fills most of the table.
//
// The worker's budget may be used up by a flood from hundreds of prefixes. Beside it is a reserve,
// an eighth of it, for prefixes that are quiet: of which so few packets have come within eight
// seconds as one newcomer sends. Each has as much of it, so it is worth nothing to flood from; a
// newcomer is shut out by those alone who forge tens of thousands of prefixes, and then by chance,
// thrown anew every eight seconds.
#pragma once

#include <stdint.h>

#include "dataplane/drops.h"

struct engine_opts;
struct startup_gate;

#define STARTUP_TURN_MAX 64 // opened in a turn, less what the turn has of sessions
#define STARTUP_TURN_MIN 16 // but so many in any case
// From so many packets of sessions in a burst on, the worker is busy with them for a while, and
// what a prefix and all together may have is a part of what it is else. A hello answered takes as
// long as three packets of a stream: 51 200 a second, which is what an appliance takes of eight
// prefixes that flood, were 5 % of a core.
#define STARTUP_BUSY_BURST 16
#define STARTUP_BUSY_US    1000
#define STARTUP_BUSY_PART  4
#define STARTUP_BUSY_STEP_US 4000 // and it lets in what is left over so often, together

// What a prefix may have, in addresses, and what a worker may have at least, in prefixes.
#define STARTUP_ADDRESSES_PER_PREFIX 4
#define STARTUP_PREFIXES_AT_LEAST    8

#define STARTUP_QUIET_PACKETS 6 // of a prefix within STARTUP_QUIET_S: a hello, a keying, and again
#define STARTUP_QUIET_S       8
#define STARTUP_RESERVE       8 // the reserve is so much smaller than the worker's budget

struct startup_gate *startup_gate_create(const struct engine_opts *);
void startup_gate_destroy(struct startup_gate *);

// A burst with so many packets of sessions begins.
void startup_gate_turn(struct startup_gate *, uint32_t n_of_sessions, uint64_t now_us);
// One that is not known yet: it will be like the one before.
void startup_gate_turn_early(struct startup_gate *, uint64_t now_us);
// DROP_NONE: it may be opened, and is charged. addr, family: as in struct pkt.
enum drop_reason startup_gate_admit(struct startup_gate *, const uint8_t addr[16], uint8_t family,
				    uint64_t now_us);

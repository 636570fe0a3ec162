// An engine and its far ends in one thread, for rows of the suite. Every turn is followed by the
// same turn's limit (crossing.h), so both see the same weather. What would make the ratio worthless
// voids it.
#pragma once

#include "perf/bench.h"
#include "perf/crossing.h"
#include "perf/fars.h"
#include "perf/flood.h"

#define RACE_BATCH 2000 // packets out

struct race_opts {
	struct fars_opts fars;
	uint8_t lane;        // world.h
	bool is_bare;        // the engine alone, without mbufs and port
	bool on_small_pages; // packet buffers on ordinary pages, as with --no-huge
	uint16_t turn_max, tx_ring;
	uint32_t want;     // packets that shall be due before each turn
	bool is_disturbed; // losses and slow members are meant: what they bring about is no fault
	bool counts_in;    // the unit is a datagram in, not a packet out
	bool shows_stages;
	uint16_t visit; // packets per neighbour and visit; 0: as DPDK's
	// NULL: is_bare says which.
	struct world *(*world)(struct engine *, struct mailbox *reports, const struct race_opts *,
			       struct ratio *);
	struct mailbox *handoff[2]; // of a convoy: to the other worker, from it
	// Hellos of strangers per second of the engine's time (flood.h).
	uint32_t flood_per_s;
	bool flood_is_spread;
};

enum race_stage {
	STAGE_OPEN,   // ipsec-mb: decryption and tags
	STAGE_RX,     // find the session, verify, chunks, acks, window
	STAGE_TIMERS, // timers and commands
	STAGE_BUILD,  // whom, header, checksum, in flight
	STAGE_SEAL,   // ipsec-mb and heads
	STAGE_IO,     // frames, mbufs, port
	STAGES_N
};

// Sums since race_forget, in nanoseconds.
struct race_sums {
	uint64_t packets; // out, or in
	double ours, seal, open, copy;
};

struct race;

// NULL: the row is void or skipped, and says why.
struct race *race_open(const struct race_opts *, struct ratio *);
void race_run(struct race *, uint64_t packets);
struct race_sums race_sums(const struct race *);
void race_forget(struct race *);
// Assertions, and the row's figures. False: void.
bool race_judge(struct race *, struct ratio *);
void race_close(struct race *);

// For rows that keep their own clock: what is due of acks goes in with what the row published, one
// turn runs, and what it sent is looked at. How long the turn took, in nanoseconds; of one in which
// others had the core, what the one before took.
struct fars *race_fars(struct race *);
uint64_t race_now_us(const struct race *);
double race_paced_turn(struct race *);

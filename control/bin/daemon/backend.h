// What moves packets: worker threads with an engine each, on DPDK ports or on kernel sockets.
// Control sees rings, a bell and counters; which of the two it is does not matter to it.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "control/startup/ctl_session.h" // REPORTED_ADDRS_MAX
#include "control/group/groupspec.h"
#include "dataplane/bell.h"
#include "dataplane/core/budget.h"
#include "dataplane/core/engine.h"
#include "dataplane/wire/address.h"

struct config;
struct json_out;
struct rings;

// One line for people: what failed and where.
#define WHY_MAX 512

enum daemon_endpoint { ENDPOINT_SERVER, ENDPOINT_MEMBER, ENDPOINTS_N };

#define PLACES_MAX 8 // of all groups together: what either kind can listen at

struct backend_opts {
	const struct config *config; // borrowed, as everything here is
	struct engine_opts engine;   // sizes; each worker's engine borrows the rest from rings
	const struct rings *rings;
	const struct groupspec_place *places; // IP multicast addresses to listen at
	uint8_t n_places;
};

struct backend_worker {
	uint64_t cpu_us; // used by its thread, the kernel's work for it included
	uint64_t busy_us, turns, turns_idle;
	uint64_t sessions, frames_handed, fragments_lent;
	uint64_t tc_rx_us, tc_tx_us; // worker_stats.h
};

struct backend;

// A kind's own struct begins with a struct backend.
struct backend_kind {
	const char *name;
	// Takes sockets or ports; no thread runs yet. 0 and *out, or -errno and why.
	int (*create)(const struct backend_opts *, struct backend **out, char why[WHY_MAX]);
	void (*destroy)(struct backend *); // stops, too; NULL is fine
	// The workers' threads. 0 or -errno and why.
	int (*start)(struct backend *, char why[WHY_MAX]);
	// Sends what is due and ends the threads. Does nothing if they do not run.
	void (*stop)(struct backend *);

	// Rung when a worker has put reports into its ring; control sleeps on it.
	struct bell *(*bell)(struct backend *);
	void (*wake)(struct backend *, uint32_t worker); // commands wait in this worker's ring

	// Where an endpoint listens; the port is the real one.
	struct wire_addr (*local)(const struct backend *, enum daemon_endpoint);
	// The addresses by which others reach an endpoint as far as this machine can know, best
	// first; how many.
	uint8_t (*reach)(const struct backend *, enum daemon_endpoint,
			 struct wire_addr out[REPORTED_ADDRS_MAX]);

	// New sessions are given to the worker that has the fewest: what brings them in does not spread
	// them, or it costs nothing to spread them better. NULL: no.
	bool (*spreads_sessions)(const struct backend *);

	// Counters, at most a burst old.
	void (*stats)(struct backend *, struct worker_stats *sum); // all workers together
	void (*worker)(struct backend *, uint32_t worker, struct backend_worker *);
	// What a worker used of a group's budget, or of its own (group 0). Untouched before it runs.
	void (*gauge)(struct backend *, uint32_t worker, uint16_t group, struct budget_gauge *);
	// What a worker keeps of a group's objects. Untouched before it runs.
	void (*objects)(struct backend *, uint32_t worker, uint16_t group, struct object_gauge *);
	// Rows of ports, one JSON object each. NULL: there are none.
	void (*show_ports)(struct backend *, struct json_out *);
	// An object's members about addresses and neighbours on each port. NULL: the kernel's.
	void (*show_links)(struct backend *, struct json_out *);
	// Something an operator should change, said once each. False: nothing new. NULL: never.
	bool (*advice)(struct backend *, char *text, size_t size);
};

struct backend {
	const struct backend_kind *kind;
};

extern const struct backend_kind backend_udp, backend_dpdk;

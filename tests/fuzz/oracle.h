// What holds on every input beside "no crash": the work is that of a usual input of the same size,
// times five at most, and memory stays below what was configured.
//
// Work is counted, not timed: every edge of the control flow in our own code is one unit (clang's
// trace-pc-guard), so the same input always costs the same and a busy machine changes nothing.
// Where nobody counts, as in gcc's builds, work is 0 and every input is within its bounds. Memory
// is what malloc has given and not got back; it is seen where a sanitizer shows it.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ORACLE_WORK_TIMES 5 // no input costs more than so many usual ones of its size
// What a packet costs before anything in it is read: rings, keys, session, dispatch (packet.c: an
// engine's turn with one ping). Parsers are measured without.
#define ORACLE_WORK_BASE 200

// What usual inputs of two sizes cost; in between and beyond it is a straight line.
struct oracle_line {
	size_t small_len, large_len;
	uint64_t small, large;
	bool is_set;
};

// Work since the process began. Never 0 where it is counted.
uint64_t oracle_work(void);
// Forgets what came in between: the harness's own work, for a harness that does much itself.
void oracle_work_set(uint64_t work);
// Ends the process, and so the run, if the work is more than ORACLE_WORK_TIMES the line's at len
// with ORACLE_WORK_BASE.
void oracle_work_check(const struct oracle_line *, size_t len, uint64_t work);

// Octets that malloc has given and not got back; 0 where it is not seen.
size_t oracle_memory(void);
// The most there have been since the last call.
size_t oracle_memory_peak(void);

// One parser as a target: `run` is measured, its results are the harness's to check.
struct oracle {
	int (*run)(const uint8_t *data, size_t size);
	// A usual input of at most len octets, as a well-behaved sender writes it; its length.
	size_t (*usual)(uint8_t *to, size_t len);
	size_t small_len, large_len;         // that it is measured with; 0: 64, 2048
	size_t memory_max, memory_per_octet; // beyond what was there before; both 0: none at all
	struct oracle_line line;
};

// Returns what `run` did.
int oracle_run(struct oracle *, const uint8_t *data, size_t size);

// ---- who may be sent how much ----

#define ORACLE_PATHS 32

// Octets per far address, with IP and UDP headers, until it has proven that it is there.
struct oracle_path {
	uint8_t ip[16];
	uint16_t port;
	bool is_proven;
	uint64_t in, out;
};

// What a stranger may be sent: three times what came from its address. An engine gives 50 longer
// answers a second (the RHello of a certificate with two keys to an old peer's short hello), 50 at
// once; each of those is counted here, and nothing but those is forgiven.
struct oracle_ledger {
	struct oracle_path paths[ORACLE_PATHS];
	unsigned n;
	uint64_t start_us, n_long;
};

void oracle_ledger_init(struct oracle_ledger *, uint64_t now_us);
// len: of the UDP payload.
void oracle_in(struct oracle_ledger *, const uint8_t ip[16], uint16_t port, size_t len);
void oracle_out(struct oracle_ledger *, const uint8_t ip[16], uint16_t port, size_t len,
		uint64_t now_us);
void oracle_proven(struct oracle_ledger *, const uint8_t ip[16], uint16_t port);

// Fills with repeated copies of a unit, as many as fit after `head`; for `usual`.
size_t oracle_repeat(uint8_t *to, size_t len, const void *head, size_t head_len, const void *unit,
		     size_t unit_len);

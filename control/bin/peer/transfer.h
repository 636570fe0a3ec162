// A file through a group: annulus-peer share and fetch (docs/spx.md, "A file").
#pragma once

#include "control/bin/peer/join.h"
#include "control/bin/peer/peer.h"
#include "control/service/shared_file.h"

#define SOURCES_MAX 64 // that are told apart

struct source {
	uint8_t peer_id[PEER_ID_LEN];
	uint64_t last_us; // gave something
};

struct transfer {
	struct peer *peer;
	struct identity id;
	struct member *member;
	struct node_group *group;
	struct join join;
	struct shared_file *file; // fetch: NULL until its root came
	uint64_t base;            // its index 0 in the group (--number)
	bool is_json, is_quiet;
	int failure;     // exit code, once something is hopeless
	bool has_untold; // something is there that did not fit into our have set
	bool has_said_copy, has_said_stale;
	uint64_t n_given, given_bytes;
	struct source sources[SOURCES_MAX];
	uint32_t n_sources;
	uint64_t progress_us; // when something came last
	// transfer_out.c
	bool is_tty, has_line, wants_lines;
	uint64_t start_us, say_us, rate_us, rate_bytes;
	uint64_t begun_us, begun_bytes; // of a fetch: when it knew the file, and what was there
	double rate; // octets a second, lately
};

// -- transfer.c --
// 0 or an exit code. on_event is told of everything that transfer_event has no answer to.
int transfer_begin(struct transfer *, struct peer *, uint32_t wait_s, uint64_t now_us);
void transfer_end(struct transfer *);
// Says that we have what there is of the file.
void transfer_tell_have(struct transfer *, uint64_t now_us);
// Answers a request.
void transfer_give(struct transfer *, const struct node_event *, uint64_t now_us);
void transfer_note_source(struct transfer *, const uint8_t peer_id[PEER_ID_LEN], uint64_t now_us);
uint32_t transfer_n_sources(const struct transfer *, uint64_t now_us); // of the last 10 s

// -- transfer_out.c --
void transfer_say_event(const struct transfer *, const struct node_event *);
// The bar, or a line; only when it is time, unless `now`.
void transfer_progress(struct transfer *, const char *state, uint64_t now_us, bool now);
void transfer_say(struct transfer *, const char *format, ...) __attribute__((format(printf, 2, 3)));
// What was asked for, on standard output.
void transfer_say_result(struct transfer *, const char *command, const char *result);

// Startup with state (RFC 7016 §3.5.1, rtmfp.md 7, 15): opening sessions to others, answering IIKeying,
// glare, override, introductions. Sans-I/O: fed reports, time and keyer results; yields commands.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "control/startup/ctl_session.h"
#include "control/startup/keyer.h"
#include "dataplane/messages.h"
#include "dataplane/wire/address.h"
#include "dataplane/wire/cursor.h"

struct startup;
struct random;
struct identity_endpoint; // crypto/identity.h

enum open_failure {
	OPEN_TIMEOUT,   // 95 s (§3.5.1) or the caller's limit without an answer
	OPEN_DUPLICATE, // a session to that identity exists already; `existing` tells which
	OPEN_REFUSED,   // the far end's keying was unacceptable
	OPEN_CANCELLED,
	OPEN_NO_ROOM,
};

struct startup_events {
	void *ctx;
	// A session is open; user: of startup_open, or NULL when the far end opened it.
	void (*opened)(void *ctx, struct ctl_session *, void *user);
	void (*open_failed)(void *ctx, void *user, enum open_failure, struct ctl_session *existing);
	// The last event of a session; the pointer is void afterwards.
	void (*closed)(void *ctx, struct ctl_session *, enum session_close_reason);
	void (*moved)(void *ctx, struct ctl_session *);
};

struct startup_endpoint {
	const struct identity_endpoint *identity; // borrowed
	bool answers_hello;   // be a responder (the worker answers hellos that select the certificate)
	bool answers_fihello; // RHello to peers introduced to us
	bool introduces;      // redirect + forward for registered sessions of this endpoint
	bool may_initiate;
	// Hellos at an introducing endpoint for this endpoint's fingerprint are redirected here.
	struct wire_addr public_addrs[REPORTED_ADDRS_MAX];
	uint8_t n_public;
};

struct startup_opts {
	struct outbox *outbox;
	struct keyer *keyer;
	const struct random *random;
	struct startup_events events;
	const struct startup_endpoint *endpoints; // copied
	uint8_t n_endpoints;
	uint32_t sessions_max; // per worker
	uint32_t keyings_max;  // waiting for the keyer; beyond: named drop
	uint32_t keyings_per_ip_s, keyings_per_ip_burst; // 1 000 members behind one NAT join within 10 s
	uint32_t introductions_per_ip_s, introductions_per_ip_burst;
	uint32_t keepalive_us; // given to new sessions, 0: none
	uint8_t dh_min_group;  // weakest acceptable: 2
};

// Sends COOKIE_SECRET and ENDPOINT to every worker. NULL: no memory.
struct startup *startup_create(const struct startup_opts *, uint64_t now_us);
void startup_destroy(struct startup *);

// Reports of REP_HELLO, KEYING, STARTUP, SESSION_* and FLOW_FREED; true if it was one of these (its body
// has gone home).
bool startup_report(struct startup *, uint32_t worker, const struct report *, uint64_t now_us);
void startup_timers(struct startup *, uint64_t now_us); // polls the keyer, too
uint64_t startup_deadline_us(const struct startup *);

struct opening;
struct open_opts {
	uint8_t endpoint;
	struct span epd; // whom we want
	const struct wire_addr *candidates;
	uint8_t n_candidates; // at least 1
	uint64_t limit_us;    // 0: 95 s
	void *user;
};
// NULL: no room, or *existing is an open session to that fingerprint on this endpoint.
struct opening *startup_open(struct startup *, const struct open_opts *, struct ctl_session **existing,
			     uint64_t now_us);
void startup_open_add(struct opening *, const struct wire_addr *candidates, uint8_t n, uint64_t now_us);
void startup_open_cancel(struct opening *); // no event follows

struct ctl_session *startup_find(struct startup *, uint8_t endpoint, const uint8_t fingerprint[32]);
struct ctl_session *startup_session(struct startup *, uint32_t worker, uint32_t idx, uint32_t id);
// Iterates open sessions; *at starts at 0. NULL: end.
struct ctl_session *startup_next(struct startup *, uint32_t *at);

struct startup_counters {
	uint64_t opened_in, opened_out, failed, glare_won, glare_lost, overrides, challenges;
	uint64_t keyings_replayed, keyings_rejected, keyings_dropped; // dropped: queue or rate
	uint64_t hellos_redirected, hellos_unknown, hellos_rate_limited, fihellos_in;
};
const struct startup_counters *startup_counters(const struct startup *);

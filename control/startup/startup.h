// Startup with state (RFC 7016 §3.5.1, rtmfp.md 7, 15): opening sessions to others, answering
// IIKeying, glare, override, introductions. Sans-I/O: fed reports, time and keyer results; yields
// commands.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "control/lines.h"
#include "control/startup/ctl_session.h"
#include "control/startup/keyer.h"
#include "dataplane/messages.h"
#include "dataplane/wire/address.h"
#include "dataplane/wire/cursor.h"

struct startup;
struct random;
struct identity_endpoint; // crypto/identity.h
struct keying_policy;     // crypto/keying.h

enum open_failure {
	OPEN_TIMEOUT,    // 95 s (§3.5.1) or the caller's limit without an answer
	OPEN_UNANSWERED, // the same, but there was an RHello: whoever it is, it keeps silent to our
			 // IIKeying, as one must whose policy that does not meet
	OPEN_DUPLICATE,  // a session to that identity exists already; `existing` tells which
	OPEN_REFUSED,    // the far end's keying was unacceptable
	// It has no group that our policy accepts and our certificate has, or offers none of what
	// our policy requires.
	OPEN_REFUSED_GROUP,
	OPEN_REFUSED_HMAC,
	OPEN_REFUSED_SSEQ,
	OPEN_CANCELLED,
	OPEN_NO_ROOM,
};

// Events may call anything in here and in ctl_session.h.
struct startup_events {
	void *ctx;
	// A session is open; user: of startup_open, or NULL when the far end opened it.
	void (*opened)(void *ctx, struct ctl_session *, void *user);
	// The last event of an opening. existing: for OPEN_DUPLICATE, else NULL. It is open, or
	// CTL_OPENING by another opening of ours whose own event will follow.
	void (*open_failed)(void *ctx, void *user, enum open_failure, struct ctl_session *existing);
	// The last event of a session that was open; the pointer is void afterwards.
	void (*closed)(void *ctx, struct ctl_session *, enum session_close_reason);
	void (*moved)(void *ctx, struct ctl_session *);
};

struct startup_endpoint {
	const struct identity_endpoint *identity; // borrowed
	const struct keying_policy *policy;       // borrowed; NULL: keying_policy_default
	bool answers_hello; // be a responder (the worker answers hellos that select the
			    // certificate)
	bool answers_fihello; // RHello to peers introduced to us
	bool introduces;      // redirect + forward for registered sessions of this endpoint
	bool may_initiate;
	// Hellos at an introducing endpoint for this endpoint's fingerprint are redirected here.
	struct wire_addr public_addrs[REPORTED_ADDRS_MAX];
	uint8_t n_public;
};

// A limit by token bucket: per_s on average, burst at once.
struct startup_rate {
	uint32_t per_s, burst;
};

struct startup_opts {
	struct outbox *outbox;       // borrowed
	struct keyer *keyer;         // borrowed; its jobs are ours alone
	const struct random *random; // borrowed
	struct startup_events events;
	const struct startup_endpoint *endpoints; // copied
	uint8_t n_endpoints;                      // at most ENDPOINTS_MAX
	uint32_t sessions_max;                    // per worker
	// A new session goes to the worker that has the fewest, not to the one where it came in:
	// for ports with fewer receive queues than there are workers (dataplane/io/README.md).
	bool spreads_sessions;
	uint32_t openings_max; // at a time; 0: 64
	uint32_t keyings_max;  // waiting for the keyer; beyond: named drop. 0: 256
	// Per IP address (IPv6: per /64). 1 000 members behind one NAT join within 10 s: at least
	// 100 / s. A zero per_s or burst means those defaults: 200 / s, 400.
	struct startup_rate keyings_per_ip, introductions_per_ip;
	// How often one registered session is asked to answer somebody. Default 100 / s, 200.
	struct startup_rate introductions_per_target;
	uint32_t sessions_per_ip; // that one host may have opened, counted as above; 0: any number
	uint32_t keepalive_us;    // given to new sessions, 0: none
};

// Sends COOKIE_SECRET and ENDPOINT to every worker. NULL: no memory, or the outbox has no bodies.
struct startup *startup_create(const struct startup_opts *, uint64_t now_us);
void startup_destroy(struct startup *); // without events; sessions stay with their workers

// Reports of HELLO, KEYING, STARTUP, SESSION_* and FLOW_FREED; true if it was one of these (its
// body has gone home).
bool startup_report(struct startup *, uint32_t worker, const struct report *, uint64_t now_us);
// What REP_SESSION_HEALTH says of an open session. Whether a silent one's far end has forgotten it
// is found out in here.
void startup_health(struct startup *, struct ctl_session *, enum session_health, uint64_t now_us);
void startup_timers(struct startup *, uint64_t now_us); // polls the keyer, too
// UINT64_MAX never happens. While the keyer works, its wake_fd says when to call startup_timers;
// without one (-1) the deadline does.
void startup_lines_of(const struct startup *, struct lines *);
uint64_t startup_deadline_us(const struct startup *);

struct opening;
struct open_opts {
	uint8_t endpoint;
	struct span epd; // whom we want; copied, at most OPEN_EPD_MAX octets
	const struct wire_addr *candidates;
	uint8_t n_candidates; // may be 0: startup_open_add will bring some. Beyond 24 they are
			      // ignored
	// IHellos to each candidate, 0: until the limit. Introducers (origin ADDR_RELAY) have no
	// such limit. Addresses learned from gossip are nobody's proven wish: 3 at most
	// (groups.md 10.5).
	uint8_t hellos_max;
	// Without an RHello, and once more from there without an RIKeying: as far as round trips
	// may be. 0: 95 s, which both together never exceed (§3.5.1).
	uint64_t limit_us;
	void *user;
};
#define OPEN_EPD_MAX 512

// NULL: no room, the EPD does not parse, the endpoint may not initiate, or *existing is set to the
// open session to that fingerprint on this endpoint.
struct opening *startup_open(struct startup *, const struct open_opts *,
			     struct ctl_session **existing, uint64_t now_us);
// More candidates, each on its own schedule from now; known ones keep theirs.
void startup_open_add(struct opening *, const struct wire_addr *candidates, uint8_t n,
		      uint64_t now_us);
void startup_open_cancel(struct opening *); // no event follows
// There was an RHello, and an RIKeying would have come by now: perhaps OPEN_UNANSWERED follows.
bool startup_open_is_unanswered(const struct opening *, uint64_t now_us);

// The open session to that identity, one that is alive if there is any; NULL.
struct ctl_session *startup_find(struct startup *, uint8_t endpoint, const uint8_t fingerprint[32]);
// What a report is about, by its slot and id; NULL: it is about a session that has been closed.
struct ctl_session *startup_session(struct startup *, uint32_t worker, uint32_t idx, uint32_t id);
// Iterates open sessions; *at starts at 0. NULL: end. Sessions may close meanwhile.
struct ctl_session *startup_next(struct startup *, uint32_t *at);

struct startup_counters {
	uint64_t opened_in, opened_out, failed, glare_won, glare_lost, overrides, challenges;
	uint64_t unproven;         // answered, but the far end never showed that it has the keys
	uint64_t answers_repeated; // RIKeyings sent again before anybody asked
	uint64_t keyings_replayed, keyings_rejected, keyings_dropped; // dropped: queue or rate
	uint64_t questions, forgotten; // silent sessions asked after; whose far end said hello anew
	uint64_t hellos_redirected, hellos_unknown, hellos_rate_limited, fihellos_in;
	uint64_t unexpected; // RHello, Redirect, RIKeying or Cookie Change that nobody waits for,
			     // or malformed
	// Far ends that do not meet our policy, whoever opened: no group in common, no HMAC or no
	// sequence numbers although we require them.
	uint64_t refused_group, refused_hmac, refused_sseq;
	uint64_t hosts_full; // IIKeyings of a host that has sessions_per_ip
	uint64_t no_room;    // no slot, body or ring for a session
};
const struct startup_counters *startup_counters(const struct startup *);
const struct keying_policy *startup_policy(const struct startup *, uint8_t endpoint);

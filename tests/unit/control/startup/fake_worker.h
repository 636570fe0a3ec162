// What startup sees of a worker, in a few lines: hellos and cookies as the real one answers them,
// reports, and sessions whose only traffic is "we have the same keys". No cipher, no flows.
#pragma once

#include "crypto/certificate.h"
#include "crypto/cookie.h"
#include "dataplane/mailbox.h"
#include "dataplane/messages.h"
#include "dataplane/wire/address.h"

#define FAKE_SESSIONS_MAX  64
#define FAKE_ENDPOINTS_MAX 4
#define DATAGRAM_MAX       2048
#define FAKE_TALK_US       500000  // an open session says something so often
#define FAKE_PING_US       1000000 // the default of SESSION_PING: ERTO is small here

struct datagram {
	uint64_t at_us; // the net's
	struct wire_addr from, to;
	uint32_t session_id;
	bool is_startup; // octets: a startup chunk; else a session packet, see fake_worker.c
	uint16_t len;
	uint8_t octets[DATAGRAM_MAX];
};

struct fake_session {
	uint32_t id; // 0: free
	bool is_open, is_alive, has_early;
	struct session_seed seed;
	struct datagram early;
	uint64_t talk_at_us;
	uint64_t ping_end_us;  // 0: no challenge
	uint64_t silent_at_us; // what the last keepalive command asked for; 0: for ever
};

struct fake_worker {
	uint32_t worker;
	struct mailbox *commands, *reports;
	struct body_pool *bodies; // the worker's own
	// Out to the net; from is the net's to fill in.
	void (*send)(void *ctx, uint8_t endpoint, const struct datagram *);
	void *ctx;

	struct fake_endpoint {
		bool is_known, answers_hello;
		uint16_t cert_len;
		uint8_t cert[512];
	} endpoints[FAKE_ENDPOINTS_MAX];
	struct cookie_secrets cookies;
	bool has_secret;
	struct fake_session sessions[FAKE_SESSIONS_MAX];

	bool is_mute;            // sessions say nothing any more: the process has died
	uint32_t n_strange_keys; // session packets sealed with other keys than ours
	uint32_t allowance; // of the latest packet that had one
	uint32_t n_secrets, n_cookie_changes, n_hello_replies, n_reserved, n_added, n_pings;
	uint32_t n_packets[256]; // startup chunks sent, by type
};

void fake_worker_init(struct fake_worker *, uint32_t worker);
void fake_worker_fini(struct fake_worker *);
void fake_worker_receive(struct fake_worker *, uint8_t endpoint, const struct datagram *,
			 uint64_t now_us);
// True: there were commands.
bool fake_worker_commands(struct fake_worker *, uint64_t now_us);
void fake_worker_timers(struct fake_worker *, uint64_t now_us);
uint64_t fake_worker_deadline_us(const struct fake_worker *);

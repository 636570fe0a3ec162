/*
 * A whole member in a benchmark: node and engine, joined by the rings of messages.h in one thread,
 * as control/member/member.h joins them over kernel sockets. Datagrams go in and out by calls, time
 * is the row's. A super-peer answers at two endpoints as annulusd does; what it may do is not
 * limited by rates, since rates are what is measured.
 */
#ifndef ANNULUS_PERF_HOST_H
#define ANNULUS_PERF_HOST_H

#include "control/node.h"
#include "crypto/crypto.h"
#include "crypto/identity.h"
#include "crypto/keying.h"
#include "crypto/random.h"
#include "dataplane/core/engine.h"

#define HOST_SERVER   0 // endpoints of a super-peer
#define HOST_MEMBER   1
#define HOST_ROOM     2048
#define HOST_START_US UINT64_C(10000000) // no clock starts at 0

struct perf_host;

// What it sends. dst: where; src_endpoint: by which of its endpoints.
typedef void host_out(void *ctx, struct perf_host *, const struct wire_addr *dst,
		      uint8_t src_endpoint, uint8_t *data, uint16_t len);

struct perf_host_opts {
	bool is_super;
	const struct identity *identity; // borrowed
	struct wire_addr addr;           // of a member; of a super-peer at port 1935, and 1936
	uint32_t sessions_max;
	struct crypto *crypto;       // borrowed
	const struct random *random; // borrowed
	struct keyer *keyer;         // borrowed
	struct keying_policy policy;
	uint32_t hellos_per_s; // 0: no limit
	host_out *out;
	void *ctx;
};

struct perf_host {
	struct perf_host_opts opts;
	struct startup_endpoint endpoints[2];
	struct mailbox *commands, *reports;
	struct body_pool *bodies;
	struct outbox *outbox;
	struct engine *engine;
	struct node *node;
	uint8_t (*buffers)[HOST_ROOM]; // ENGINE_BURST_MAX
};

struct perf_host *perf_host_create(const struct perf_host_opts *, uint64_t now_us); // NULL
void perf_host_destroy(struct perf_host *);                                         // NULL is fine

// A datagram's frame for engine_rx.
struct pkt perf_host_pkt(uint8_t *data, uint16_t len, const struct wire_addr *src,
			 uint8_t endpoint);
// A turn without what arrives: timers, commands, what is due out. The engine's half, and control's
// (true: the engine has commands to take); then both, until nothing is left to do.
void perf_host_engine(struct perf_host *, uint64_t now_us);
bool perf_host_control(struct perf_host *, uint64_t now_us);
void perf_host_turn(struct perf_host *, uint64_t now_us);
uint64_t perf_host_deadline_us(const struct perf_host *);

// An endpoint whose certificate lists that group alone: a fresh pair for every handshake.
bool perf_endpoint_of_group(struct identity_endpoint *, uint8_t group, const struct random *);

struct wire_addr perf_addr(uint32_t ip, uint16_t port);

// A keyer that answers at once with keys that follow from the session's id (made_secrets): for rows
// that ask what all the rest of a session costs.
struct keyer *made_keyer_create(void);
void made_secrets(struct session_secrets *, uint32_t session_id); // as our end sees them

#endif

// A few hosts with real `startup`s over fake workers, joined by a network in virtual time that
// loses by seed. A host may sit behind a NAT that lets in only whom it has sent to.
#pragma once

#include "control/outbox.h"
#include "control/startup/startup.h"
#include "crypto/identity.h"
#include "crypto/keying.h"
#include "crypto/random.h"
#include "tests/unit/control/startup/fake_worker.h"
#include "tests/unit/control/startup/slow_keyer.h"

#define NET_HOSTS_MAX   6
#define NET_AIR_MAX     256
#define NET_SEEN_MAX    64
#define NET_PERMITS_MAX 32
#define NET_START_US    UINT64_C(1000000000)

enum seen_kind { SEEN_OPENED, SEEN_FAILED, SEEN_CLOSED, SEEN_MOVED };

struct seen { // an event, in order
	enum seen_kind kind;
	uint64_t at_us;
	struct ctl_session *session; // of FAILED: existing
	uint32_t id;                 // its id then
	void *user;
	enum open_failure why;
	enum session_close_reason reason;
};

struct net;

struct host_opts {
	const char *addrs[FAKE_ENDPOINTS_MAX]; // one per endpoint: external address and port
	uint8_t n_endpoints;
	struct startup_endpoint ends[FAKE_ENDPOINTS_MAX]; // identity: NULL, see below
	enum identity_kind kind; // endpoint 0 is `member`; with IDENTITY_APPLIANCE, 1 is `server`
	const struct identity *identity; // NULL: a new one
	struct startup_opts startup;     // limits only
	bool is_natted;
	uint64_t keying_us; // what a key job takes; 0: none
};

struct host {
	struct net *net;
	struct identity identity;
	struct wire_addr addrs[FAKE_ENDPOINTS_MAX];
	uint8_t n_endpoints;
	bool is_natted;
	struct wire_addr permits[NET_PERMITS_MAX]; // whom the NAT lets in
	unsigned n_permits;

	struct fake_worker worker;
	struct body_pool *bodies;
	struct outbox *outbox;
	struct slow_keyer *keyer;
	struct startup *startup;
	struct seen seen[NET_SEEN_MAX];
	unsigned n_seen;
};

struct net {
	struct random_state random_state;
	struct random random;
	uint64_t now_us;
	uint32_t loss_permille;
	uint64_t delay_us, jitter_us; // jitter: up to so much more, so packets overtake each other
	// NULL: everything passes. False: this one is lost. May change it.
	bool (*filter)(void *ctx, struct datagram *);
	void *filter_ctx;
	struct datagram *air;
	unsigned n_air;
	struct host hosts[NET_HOSTS_MAX];
	unsigned n_hosts;
	uint32_t n_sent, n_lost;
};

struct net *net_create(uint64_t seed);
void net_destroy(struct net *); // asserts that every body is home and that no keys differed

struct host *net_host(struct net *, const struct host_opts *);
void net_run_us(struct net *, uint64_t us);
// Runs until the host has seen so many events, or gives up after that time.
bool net_run_until(struct net *, const struct host *, unsigned n_seen, uint64_t limit_us);

struct wire_addr addr(const char *text);
// Opens from endpoint 0 of one host to a fingerprint, at one address.
struct opening *host_open(struct host *, const uint8_t fingerprint[32], const char *at, void *user);
// The one of a kind, or fails the test.
const struct seen *host_seen(const struct host *, enum seen_kind);
unsigned host_n_seen(const struct host *, enum seen_kind);

// Two ends of one session: both alive, with the same nonces and forms. (That the keys are the same
// too is what makes them alive; see net_destroy.)
void assert_same_keys(const struct ctl_session *, const struct ctl_session *);

// Common hosts: a member that calls and answers; one that only calls.
struct host *net_peer(struct net *, const char *at);
// An introducer: endpoint 0 `member`, endpoint 1 `server`, both answer; the server introduces and
// knows the member's address as public.
struct host *net_appliance(struct net *, const char *member, const char *server);

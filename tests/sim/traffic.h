// Engines without nodes on the seeded network, and what they are sent to carry: for scenarios of
// transport alone. Sessions are there at once, keys and all; flows fill themselves, and what comes
// out at the far end is counted, timed and checked. TCP connections (tcp.h) may cross the same
// lines.
//
//	struct traffic *t = traffic_create(run);
//	uint32_t a = traffic_end(t, &up, &down), b = traffic_end(t, &up, &down);
//	uint32_t s = traffic_connect(t, a, b);
//	struct traffic_flow *f = traffic_flow(t, &(struct traffic_flow_opts){.session = s, ...});
//	traffic_run_us(t, 10000000);
//
// Nothing here returns an error: what cannot go on is a broken test and asserts; what arrives
// damaged, twice or out of order ends the run with its seed.
#pragma once

#include "dataplane/core/engine.h"
#include "tests/sim/net.h"
#include "tests/sim/seeds.h"
#include "tests/sim/tcp.h"

#define TRAFFIC_ENDS_MAX     4
#define TRAFFIC_SESSIONS_MAX 4
#define TRAFFIC_FLOWS_MAX    8
#define TRAFFIC_TCPS_MAX     2
#define TRAFFIC_MESSAGE_MAX  65536

struct traffic;

// From the session's initiator to its responder.
struct traffic_flow_opts {
	uint32_t session;
	uint32_t message_bytes;
	uint32_t every_us;   // 0: there is always more than the session can send
	uint64_t n_messages; // then it ends; 0: never
	bool is_bulk, is_time_critical;
};

struct traffic_flow {
	struct traffic_flow_opts opts;
	uint16_t slot;
	uint64_t n_written, write_us; // so far; when the next is due
	uint64_t n_delivered;
	uint32_t *late_us; // from writing to delivery, each message
	uint32_t late_cap;
	bool is_finished; // all of it acknowledged
};

struct traffic_end {
	struct engine *engine;
	struct mailbox *commands, *reports;
	struct body_pool *bodies;
	uint32_t host, n_closed;
	uint64_t n_answers;            // acks and timeouts so far
	uint32_t n_burst, n_burst_max; // long packets between two of those
	bool is_touched;               // wants a turn
	uint64_t turn_us;
};

struct traffic_session {
	uint32_t end[2], slot[2], id[2];
};

struct traffic {
	const struct sim_run *run;
	struct net *net;
	struct crypto *crypto;
	struct random_state random_state;
	struct random random;
	bool loses_probes; // of path MTU: as good as far ends that do not answer them (16.3)
	uint64_t now_us, digest;
	uint32_t startup_rtt_us; // of sessions made from now on, as startup measures it; 0: unknown
	uint32_t n_ends, n_sessions, n_flows, n_tcps;
	struct traffic_end ends[TRAFFIC_ENDS_MAX];
	struct traffic_session sessions[TRAFFIC_SESSIONS_MAX];
	struct traffic_flow flows[TRAFFIC_FLOWS_MAX];
	struct tcp tcps[TRAFFIC_TCPS_MAX];
};

struct traffic *traffic_create(const struct sim_run *);
void traffic_destroy(struct traffic *);
// A host with an engine.
uint32_t traffic_end(struct traffic *, const struct net_link *up, const struct net_link *down);
// A session that both have; its number. A sequence number travels in every packet, as
// between members.
uint32_t traffic_connect(struct traffic *, uint32_t initiator, uint32_t responder);
struct traffic_flow *traffic_flow(struct traffic *, const struct traffic_flow_opts *);
// A TCP connection that sends from one end's host to another's as fast as it goes.
struct tcp *traffic_tcp(struct traffic *, uint32_t from, uint32_t to);
void traffic_run_us(struct traffic *, uint64_t us);
// The same until the flow's messages are all acknowledged, at most so long. When it ended.
uint64_t traffic_run_flow(struct traffic *, const struct traffic_flow *, uint64_t us_max);

struct session;
// The initiator's half.
struct session *traffic_session(struct traffic *, uint32_t session);
// Of the messages delivered so far, in order of size; 0: none were.
uint32_t traffic_late_us(const struct traffic_flow *, double quantile);
// No session has ended, and no message is missing that the flow was given.
void traffic_promise_whole(struct traffic *, const struct traffic_flow *);

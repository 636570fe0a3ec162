// What the commands of annulus-peer share: servers, identities, members, stopping.
#pragma once

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "control/member/member_loop.h"
#include "control/member/ordinary.h"
#include "control/bin/peer/args.h"
#include "crypto/identity.h"

struct peer {
	const struct peer_args *args;
	struct member_shared shared;
	struct member_loop *loop;
	struct server_name servers[PEER_SERVERS_MAX];
	uint32_t n_servers;
	struct groupspec spec; // of --group, if the command has one
};

// 0 or an exit code after one line on stderr.
int peer_start(struct peer *, const struct peer_args *);
void peer_stop(struct peer *);

// "HOST[:PORT][/APP]", resolved. 0 or an exit code.
int peer_server_resolve(struct server_name *, const char *text);

// identity must outlive the member. engine and node sizes for one ordinary member.
struct member *peer_member_create(struct peer *, const struct identity *);
// --identity, made on first use; or a fresh one. 0 or an exit code.
int peer_identity(struct peer *, struct identity *);
// Connects to every server. 0 or an exit code.
int peer_connect_all(struct peer *, struct member *, uint64_t now_us);
// Says why node_join refused (-errno); returns the exit code.
int peer_join_error(int err);
// Sends goodbyes, at most 3 s.
void peer_leave(struct peer *, struct member *);

// SIGINT and SIGTERM set it; the commands look at it.
extern volatile sig_atomic_t peer_interrupted;
void peer_catch_signals(void);

// One line on stderr: "annulus-peer: ...".
void peer_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

// The commands.
int peer_publish(const struct peer_args *);
int peer_play(const struct peer_args *);
int peer_swarm(const struct peer_args *);
int peer_groupspec(const struct peer_args *);
int peer_info(const struct peer_args *);
int peer_compare(const struct peer_args *);
int peer_share(const struct peer_args *);
int peer_fetch(const struct peer_args *);
int peer_talk(const struct peer_args *); // post, listen, route, members, coverage

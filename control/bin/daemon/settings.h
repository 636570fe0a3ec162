// The operator's words as the rooms below understand them: one function per room.
#pragma once

#include "config/config.h"
#include "control/bin/daemon/backend.h"
#include "control/node.h"
#include "crypto/identity.h"
#include "crypto/keying.h"
#include "dataplane/core/engine.h"

// What a node is given that is not a number: kept beside it for as long as it lives.
struct settings {
	struct keying_policy policy;
	struct identity identity; // as the policy leaves it
	struct startup_endpoint endpoints[ENDPOINTS_N];
	struct wire_addr reach[ENDPOINTS_N][REPORTED_ADDRS_MAX]; // what others are told
	uint8_t n_reach[ENDPOINTS_N];
	struct rpc_app *apps; // of app_rules.h
};

uint32_t settings_n_workers(const struct config *);
// Sizes of one worker's engine; what it borrows stays empty.
struct engine_opts settings_engine(const struct config *);
// The identity is copied: wiped by settings_wipe. The backend says where we can be reached if the
// configuration does not.
void settings_endpoints(struct settings *, const struct config *, const struct identity *,
			struct backend *);
void settings_wipe(struct settings *);
// Would old peers refuse the server's certificate (§16.3)?
bool settings_shuts_out_old_peers(const struct settings *);
// Without outbox, keyer and random.
struct node_opts settings_node(const struct settings *, const struct config *,
			       const struct engine_opts *);
struct group_limits settings_group(const struct config_group *);
// Where members of its groups are met by IP multicast, each address once; how many.
uint8_t settings_places(const struct config *, struct groupspec_place[PLACES_MAX]);

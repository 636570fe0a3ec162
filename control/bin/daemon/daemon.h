// The appliance put together: what main() makes, the loop runs and the admin commands look into.
// Control thread only.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"
#include "control/admin/admin_socket.h"
#include "control/admin/log.h"
#include "control/bin/daemon/alarms.h"
#include "control/bin/daemon/backend.h"
#include "control/bin/daemon/limits.h"
#include "control/bin/daemon/mirror.h"
#include "control/bin/daemon/readings.h"
#include "control/bin/daemon/rings.h"
#include "control/bin/daemon/settings.h"
#include "control/bin/daemon/tc_news.h"
#include "control/node.h"
#include "control/startup/keyer.h"
#include "crypto/identity.h"
#include "crypto/random.h"

struct event;
struct event_base;

struct daemon_events {
	struct event_base *base;
	struct event *bell, *keyer, *store, *timer, *sigint, *sigterm, *sighup;
};

struct daemon {
	const struct config *config;
	const char *config_path;
	struct log *log;
	struct random random;
	struct identity identity;
	bool is_identity_new;
	struct engine_opts engine;
	struct rings rings;
	struct keyer *keyer;
	struct backend *backend;
	struct settings settings;
	struct node *node;
	struct node_group **groups; // as in the configuration
	struct mirrors mirrors;
	struct readings readings;
	struct limits limits;
	struct alarms alarms;
	struct tc_news tc_news;
	struct log_limit news_limit;
	struct daemon_events events;
	struct admin *admin;
	uint64_t start_us;
	bool is_stopping;
};

// The steps of a start, in this order; each 0, or -errno and why. After a failure as at the end,
// daemon_close gives everything back, whatever there is.
int daemon_log(struct daemon *, char why[WHY_MAX]);
int daemon_identity(struct daemon *, char why[WHY_MAX]);
int daemon_backend(struct daemon *, char why[WHY_MAX]); // rings, memory of the workers, ports
int daemon_node(struct daemon *, char why[WHY_MAX]);
int daemon_groups(struct daemon *, char why[WHY_MAX]);
int daemon_mirrors(struct daemon *, char why[WHY_MAX]);
int daemon_admin(struct daemon *, char why[WHY_MAX]);
int daemon_start(struct daemon *, char why[WHY_MAX]); // writes a new identity, starts the workers
void daemon_close(struct daemon *);

// loop.c: the event loop, from before daemon_admin until a signal and the farewell are over.
int daemon_events_init(struct daemon *, char why[WHY_MAX]);
void daemon_events_fini(struct daemon *);
void daemon_run(struct daemon *);

// What the operator calls a group: its name in the configuration, else the groupspec's own, else
// NULL.
const char *daemon_group_name(const struct daemon *, const struct group_info *);

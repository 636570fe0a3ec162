#include "control/bin/daemon/daemon.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/member/clock.h"
#include "control/bin/daemon/app_rules.h"
#include "control/bin/daemon/show.h"
#include "control/bin/daemon/whoami.h"
#include "control/group/groupspec.h"
#include "control/peer_id.h"
#include "dataplane/body.h"

#define KEYER_STOCK    256 // ready key pairs of a group: what a burst of joins takes at once
#define NEWS_BURST     20  // lines of what members cause
#define NEWS_PERIOD_US 1000000

static int fail(char why[WHY_MAX], const char *what, int err)
{
	snprintf(why, WHY_MAX, "%s: %s", what, strerror(-err));
	return err;
}

int daemon_log(struct daemon *d, char why[WHY_MAX])
{
	const struct config_log *l = &d->config->log;
	int err = log_create(l->target, (enum log_level)l->level, &d->log);

	if (err < 0)
		snprintf(why, WHY_MAX, "log.target %.*s: %s", WHY_MAX - 64, l->target,
			 strerror(-err));
	return err;
}

int daemon_identity(struct daemon *d, char why[WHY_MAX])
{
	d->news_limit = (struct log_limit){.burst = NEWS_BURST, .period_us = NEWS_PERIOD_US};
	d->random = random_system();
	return whoami_load(&d->identity, d->config->identity_file, &d->random, &d->is_identity_new,
			   d->log, why);
}

static const struct backend_kind *kind_of(const struct config *cfg)
{
#ifdef WITH_DPDK
	if (cfg->backend == CONFIG_BACKEND_DPDK)
		return &backend_dpdk;
#endif
	return cfg->backend == CONFIG_BACKEND_UDP ? &backend_udp : NULL;
}

int daemon_backend(struct daemon *d, char why[WHY_MAX])
{
	struct groupspec_place places[PLACES_MAX];
	struct backend_opts o = {.config = d->config, .rings = &d->rings, .places = places};
	int err;

	if (kind_of(d->config) == NULL) {
		snprintf(why, WHY_MAX, "backend: this build has no DPDK; use `backend: udp`");
		return -ENOTSUP;
	}
	d->engine = settings_engine(d->config);
	err = rings_init(&d->rings, d->engine.n_workers, d->engine.object_bytes);
	if (err < 0)
		return fail(why, "no memory for the rings to the workers", err);
	o.engine = d->engine;
	o.n_places = settings_places(d->config, places);
	why[0] = '\0';
	err = kind_of(d->config)->create(&o, &d->backend, why);
	if (err < 0 && why[0] == '\0')
		return fail(why, "no memory for a worker (limits)", err);
	return err;
}

int daemon_node(struct daemon *d, char why[WHY_MAX])
{
	uint64_t now_us = clock_us();
	struct node_opts o;

	settings_endpoints(&d->settings, d->config, &d->identity, d->backend);
	d->keyer = keyer_thread_create(1, (uint32_t)d->config->limits.handshakes_pending,
				       KEYER_STOCK, &d->random);
	if (d->keyer == NULL)
		return fail(why, "cannot start the keyer's thread", -errno);
	d->settings.apps = app_rules_create(d->config);
	if (d->settings.apps == NULL)
		return fail(why, "no memory for the applications' lists", -ENOMEM);
	o = settings_node(&d->settings, d->config, &d->engine);
	o.outbox = d->rings.outbox;
	o.object_bodies = d->rings.object_bodies;
	o.keyer = d->keyer;
	o.random = &d->random;
	o.spreads_sessions = d->backend->kind->spreads_sessions != NULL &&
			     d->backend->kind->spreads_sessions(d->backend);
	d->node = node_create(&o, now_us);
	if (d->node == NULL || readings_init(&d->readings, d->backend, &d->engine, now_us) < 0)
		return fail(why, "no memory for sessions and groups (limits)", -ENOMEM);
	if (limits_init(d) < 0)
		return fail(why, "no memory for the limits", -ENOMEM);
	tc_news_init(&d->tc_news, d->rings.n_workers);
	d->start_us = now_us;
	return 0;
}

// ---- groups ----

// The schema has seen to it that they are peer IDs.
static int read_publishers(const struct config_group *cg, uint8_t (**out)[PEER_ID_LEN])
{
	*out = calloc(cg->n_publishers + 1, sizeof(**out));
	if (*out == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < cg->n_publishers; i++)
		peer_id_parse((*out)[i], cg->publishers[i]);
	return 0;
}

static int join(struct daemon *d, const struct config_group *cg, struct node_group **out,
		char why[WHY_MAX])
{
	struct group_limits limits = settings_group(cg);
	struct groupspec *spec = malloc(sizeof(*spec));
	uint8_t(*publishers)[PEER_ID_LEN];
	const char *reason;
	uint32_t at;
	int err = read_publishers(cg, &publishers);

	limits.publishers = publishers;
	limits.n_publishers = cg->n_publishers;
	limits.budget = (uint16_t)(cg - d->config->groups + 1);
	if (err == 0)
		err = -ENOMEM;
	if (spec != NULL && publishers != NULL &&
	    groupspec_parse(spec, cg->spec, &reason, &at) == 0)
		*out = node_join(d->node, spec, &limits, &err, clock_us());
	if (err == 0)
		node_set_receive_mode(*out, cg->is_nearest, clock_us());
	free(spec);
	free(publishers);
	if (err < 0)
		snprintf(why, WHY_MAX, "cannot join group %s: %s", cg->name, strerror(-err));
	return err;
}

int daemon_groups(struct daemon *d, char why[WHY_MAX])
{
	d->groups = calloc(d->config->n_groups + 1, sizeof(struct node_group *));
	if (d->groups == NULL)
		return fail(why, "no memory for groups", -ENOMEM);
	for (uint32_t i = 0; i < d->config->n_groups; i++) {
		int err = join(d, &d->config->groups[i], &d->groups[i], why);

		if (err < 0)
			return err;
	}
	return 0;
}

int daemon_mirrors(struct daemon *d, char why[WHY_MAX])
{
	return mirrors_init(&d->mirrors, d->config, d->groups, d->log, why, WHY_MAX, clock_us());
}

const char *daemon_group_name(const struct daemon *d, const struct group_info *g)
{
	for (uint32_t i = 0; i < d->config->n_groups; i++)
		if (memcmp(d->config->groups[i].id, g->id, sizeof(g->id)) == 0)
			return d->config->groups[i].name;
	return g->name != NULL && g->name[0] != '\0' ? g->name : NULL;
}

// ---- the rest ----

int daemon_admin(struct daemon *d, char why[WHY_MAX])
{
	const char *path = d->config->admin_socket;
	int err = admin_create(d->events.base, path, &d->admin);

	if (err == 0)
		err = show_register(d);
	if (err == -EADDRINUSE)
		snprintf(why, WHY_MAX, "admin.socket %.*s: another annulusd answers there",
			 WHY_MAX - 64, path);
	else if (err < 0)
		snprintf(why, WHY_MAX, "admin.socket %.*s: %s", WHY_MAX - 64, path, strerror(-err));
	return err;
}

int daemon_start(struct daemon *d, char why[WHY_MAX])
{
	if (d->is_identity_new) {
		int err = whoami_save(&d->identity, d->config->identity_file, why);

		if (err < 0)
			return err;
	}
	return d->backend->kind->start(d->backend, why);
}

// In reverse. Workers first: from then on nobody but us looks at anything.
void daemon_close(struct daemon *d)
{
	if (d->backend != NULL)
		d->backend->kind->stop(d->backend);
	admin_destroy(d->admin);
	daemon_events_fini(d);
	if (d->node != NULL)
		node_destroy(d->node);
	mirrors_fini(&d->mirrors);
	app_rules_destroy(d->settings.apps, d->config != NULL ? d->config->n_apps : 0);
	free(d->groups);
	limits_fini(d);
	readings_fini(&d->readings);
	if (d->keyer != NULL)
		d->keyer->destroy(d->keyer);
	if (d->backend != NULL)
		d->backend->kind->destroy(d->backend);
	rings_fini(&d->rings);
	settings_wipe(&d->settings);
	identity_wipe(&d->identity);
	log_destroy(d->log);
}

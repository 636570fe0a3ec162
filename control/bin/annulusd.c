// annulusd: the appliance. The order of the calls in run() is the order of its boot.
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "control/bin/daemon/args.h"
#include "control/bin/daemon/daemon.h"
#include "control/bin/daemon/groupspec_hook.h"
#include "control/bin/daemon/whoami.h"

static int boot(struct daemon *d, char why[WHY_MAX])
{
	int err = daemon_log(d, why);

	if (err == 0)
		err = daemon_identity(d, why);
	if (err == 0)
		err = daemon_backend(d, why);
	if (err == 0)
		err = daemon_node(d, why);
	if (err == 0)
		err = daemon_groups(d, why);
	if (err == 0)
		err = daemon_mirrors(d, why);
	if (err == 0)
		err = daemon_events_init(d, why);
	if (err == 0)
		err = daemon_admin(d, why);
	if (err == 0)
		err = daemon_start(d, why);
	return err;
}

static void say_endpoint(const struct daemon *d, enum daemon_endpoint e, const char *name,
			 const uint8_t *fingerprint)
{
	struct wire_addr local = d->backend->kind->local(d->backend, e);
	char addr[WIRE_ADDR_TEXT_MAX], peer_id[2 * FINGERPRINT_LEN + 1];

	peer_id_format(fingerprint, peer_id);
	log_notice(d->log, "%s on UDP %s, peer ID %s", name, wire_addr_format(&local, addr),
		   peer_id);
}

static void say_hello(const struct daemon *d)
{
	log_notice(d->log, "annulusd %s, backend %s, %" PRIu32 " worker%s, %" PRIu32 " group%s",
		   ANNULUS_VERSION, d->backend->kind->name, d->rings.n_workers,
		   d->rings.n_workers == 1 ? "" : "s", d->config->n_groups,
		   d->config->n_groups == 1 ? "" : "s");
	if (d->rings.n_workers < d->config->workers.count)
		log_notice(d->log, "workers.count is %" PRIu64 "; kernel sockets have one worker",
			   d->config->workers.count);
	if (settings_shuts_out_old_peers(&d->settings))
		log_warning(d->log, "security.dh_groups: old peers (Flash Player and others) connect "
				    "to servers of groups 2, 5 and 14 only; they will refuse this one");
	if (d->is_identity_new)
		log_notice(d->log, "new identity in %s", d->config->identity_file);
	say_endpoint(d, ENDPOINT_SERVER, "server", d->settings.identity.server.fingerprint);
	say_endpoint(d, ENDPOINT_MEMBER, "member", d->settings.identity.member.fingerprint);
}

static int run(const struct config *cfg, const char *path)
{
	struct daemon d = {.config = cfg, .config_path = path};
	char why[WHY_MAX] = "";
	int err = boot(&d, why);

	if (err == 0) {
		say_hello(&d);
		daemon_run(&d);
		log_notice(d.log, "stopped");
	} else {
		fprintf(stderr, "annulusd: %s\n", why);
		if (strcmp(cfg->log.target, "stderr") != 0)
			log_err(d.log, "%s", why);
	}
	daemon_close(&d);
	return err == 0 ? DAEMON_OK : DAEMON_START;
}

int main(int argc, char **argv)
{
	const struct config *cfg;
	struct daemon_args args;
	int code = daemon_args_parse(&args, argc, argv);

	if (code != 0)
		return code;
	if (args.wants_help) {
		daemon_usage();
		return DAEMON_OK;
	}
	if (args.wants_version) {
		printf("annulusd %s\n", ANNULUS_VERSION);
		return DAEMON_OK;
	}
	if (args.wants_defaults)
		return config_defaults_print(stdout) == 0 ? DAEMON_OK : DAEMON_START;
	if (config_load(args.config, &groupspec_hooks, stderr, &cfg) != 0)
		return DAEMON_USAGE;
	if (args.wants_check)
		printf("%s: good\n", args.config);
	else
		code = run(cfg, args.config);
	config_destroy(cfg);
	return code;
}

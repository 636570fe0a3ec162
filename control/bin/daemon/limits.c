#include "control/bin/daemon/limits.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/units.h"
#include "control/member/clock.h"
#include "control/bin/daemon/daemon.h"
#include "control/bin/daemon/groupspec_hook.h"
#include "control/bin/daemon/show.h"

static uint64_t bytes_of(uint64_t bits)
{
	return bits == CONFIG_UNLIMITED ? 0 : bits / 8;
}

// ---- to the workers ----

static void tell(struct daemon *d, uint32_t worker, enum limit_level level, uint32_t group,
		 uint64_t per_s)
{
	struct command c = {.op = CMD_BUDGET};

	c.budget.level = (uint8_t)level;
	c.budget.group = (uint16_t)group;
	c.budget.bytes_per_s = per_s;
	outbox_push(d->rings.outbox, worker, &c);
}

static void tell_shares(struct daemon *d, struct limit_row *r, uint32_t group,
			const uint64_t *share)
{
	for (uint32_t w = 0; w < d->rings.n_workers; w++) {
		if (r->share[w] == share[w])
			continue;
		r->share[w] = share[w];
		tell(d, w, group > 0 ? LIMIT_GROUP : LIMIT_TOTAL, group, share[w]);
	}
}

// In equal parts to begin with; quota moves from then on.
static void set(struct daemon *d, struct limit_row *r, uint32_t group, uint64_t per_s)
{
	uint64_t share[OUTBOX_WORKERS_MAX];
	uint32_t n = d->rings.n_workers;

	r->per_s = per_s;
	r->owed_bytes = 0;
	for (uint32_t w = 0; w < n; w++)
		share[w] = per_s / n + (w < per_s % n);
	tell_shares(d, r, group, share);
	d->limits.next_us = 0;
}

static void set_neighbour(struct daemon *d, uint64_t per_s)
{
	if (d->limits.neighbour_per_s == per_s)
		return;
	d->limits.neighbour_per_s = per_s;
	for (uint32_t w = 0; w < d->rings.n_workers; w++)
		tell(d, w, LIMIT_NEIGHBOUR, 0, per_s);
}

// ---- between the workers ----

static void gauge(const struct daemon *d, uint32_t worker, uint32_t group, struct budget_gauge *g)
{
	*g = (struct budget_gauge){0};
	d->backend->kind->gauge(d->backend, worker, (uint16_t)group, g);
}

// What each worker used since this was asked last.
static void read_use(struct daemon *d, struct limit_row *r, uint32_t group, struct quota_use *use)
{
	for (uint32_t w = 0; w < d->rings.n_workers; w++) {
		struct budget_gauge g;

		gauge(d, w, group, &g);
		use[w].used_bytes = g.used_bytes - r->used_bytes[w];
		use[w].was_short = g.n_held != r->n_held[w];
		r->used_bytes[w] = g.used_bytes;
		r->n_held[w] = g.n_held;
	}
}

static void move(struct daemon *d, struct limit_row *r, uint32_t group, uint64_t period_us)
{
	struct quota_use use[OUTBOX_WORKERS_MAX];
	uint64_t share[OUTBOX_WORKERS_MAX], per_s;

	if (r->per_s == 0)
		return;
	read_use(d, r, group, use);
	if (period_us == 0)
		return;
	per_s = quota_rate(&r->owed_bytes, r->per_s, period_us, use, d->rings.n_workers);
	quota_share(per_s, period_us, use, d->rings.n_workers, share);
	tell_shares(d, r, group, share);
}

static bool any(const struct daemon *d)
{
	bool is_any = d->limits.total.per_s != 0;

	for (uint32_t i = 1; i <= d->config->n_groups; i++)
		is_any |= d->limits.groups[i].per_s != 0;
	return is_any;
}

void limits_timers(struct daemon *d, uint64_t now_us)
{
	struct limits *l = &d->limits;
	uint64_t period_us = l->next_us > 0 ? now_us - l->last_us : 0; // a limit is new

	if (now_us < l->next_us)
		return;
	if (d->rings.n_workers == 1 || !any(d)) { // there is nobody to share with
		l->next_us = UINT64_MAX;
		return;
	}
	move(d, &l->total, 0, period_us);
	for (uint32_t i = 1; i <= d->config->n_groups; i++)
		move(d, &l->groups[i], i, period_us);
	l->last_us = now_us;
	l->next_us = now_us + QUOTA_PERIOD_US;
}

// ---- where they come from ----

static const struct config_group *group_of(const struct config *cfg, const char *name)
{
	for (uint32_t i = 0; i < cfg->n_groups; i++)
		if (strcmp(cfg->groups[i].name, name) == 0)
			return &cfg->groups[i];
	return NULL;
}

// The groups are those we run with; the file may list others by now.
static void take(struct daemon *d, const struct config *from)
{
	set(d, &d->limits.total, 0, bytes_of(from->limits.bandwidth_bits));
	set_neighbour(d, bytes_of(from->limits.neighbour_bandwidth_bits));
	for (uint32_t i = 0; i < d->config->n_groups; i++) {
		const struct config_group *g = group_of(from, d->config->groups[i].name);

		if (g != NULL)
			set(d, &d->limits.groups[i + 1], i + 1, bytes_of(g->bandwidth_bits));
	}
}

int limits_init(struct daemon *d)
{
	d->limits.groups = calloc(d->config->n_groups + 1, sizeof(*d->limits.groups));
	if (d->limits.groups == NULL)
		return -ENOMEM;
	take(d, d->config);
	return 0;
}

void limits_fini(struct daemon *d)
{
	free(d->limits.groups);
}

void limits_reload(struct daemon *d)
{
	const struct config *cfg;
	char *errors = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&errors, &len);

	if (f == NULL)
		return;
	if (config_load(d->config_path, &groupspec_hooks, f, &cfg) == 0) {
		take(d, cfg);
		config_destroy(cfg);
		log_notice(d->log, "limits of bandwidth taken from %s", d->config_path);
	}
	fclose(f);
	if (len > 0)
		log_err(d->log, "%s is not taken up: %.*s", d->config_path,
			(int)strcspn(errors, "\n"), errors);
	free(errors);
}

// ---- annulusctl limit ----

static int parse_rate(const char *text, uint64_t *per_s)
{
	uint64_t bits;

	if (strcmp(text, "unlimited") == 0) {
		*per_s = 0;
		return 0;
	}
	if (units_parse_rate(&bits, text, strlen(text)) != 0 || bits < LIMIT_BITS_MIN)
		return -EINVAL;
	*per_s = bits / 8;
	return 0;
}

void limits_put(struct json_out *j, const char *name, uint64_t per_s)
{
	if (per_s != 0) {
		json_put_u64(j, name, per_s * 8);
		return;
	}
	json_key(j, name);
	json_null(j);
}

static void show(const struct daemon *d, struct json_out *j)
{
	json_object_begin(j);
	limits_put(j, "total_bits", d->limits.total.per_s);
	limits_put(j, "neighbour_bits", d->limits.neighbour_per_s);
	json_key(j, "groups");
	json_array_begin(j);
	for (uint32_t i = 0; i < d->config->n_groups; i++) {
		json_object_begin(j);
		json_put_string(j, "name", d->config->groups[i].name);
		limits_put(j, "limit_bits", d->limits.groups[i + 1].per_s);
		json_object_end(j);
	}
	json_array_end(j);
	json_object_end(j);
}

// total RATE | neighbour RATE | group NAME RATE. The rate is the last word; a group's name may have
// spaces.
static int change(struct daemon *d, const char *args)
{
	const char *last = strrchr(args, ' ');
	uint64_t per_s;

	if (last == NULL || parse_rate(last + 1, &per_s) != 0)
		return -EINVAL;
	if (strncmp(args, "total ", 6) == 0 && last == args + 5) {
		set(d, &d->limits.total, 0, per_s);
		return 0;
	}
	if (strncmp(args, "neighbour ", 10) == 0 && last == args + 9) {
		set_neighbour(d, per_s);
		return 0;
	}
	if (strncmp(args, "group ", 6) != 0 || last <= args + 6)
		return -EINVAL;
	for (uint32_t i = 0; i < d->config->n_groups; i++) {
		const char *name = d->config->groups[i].name;

		if (strlen(name) != (size_t)(last - args - 6) ||
		    strncmp(args + 6, name, strlen(name)) != 0)
			continue;
		set(d, &d->limits.groups[i + 1], i + 1, per_s);
		return 0;
	}
	return -ENOENT;
}

int show_limit(void *ctx, const char *args, struct json_out *j)
{
	struct daemon *d = ctx;
	int err = args[0] != '\0' ? change(d, args) : 0;

	if (err < 0)
		return err;
	if (args[0] != '\0')
		log_notice(d->log, "limit %s", args);
	show(d, j);
	return 0;
}

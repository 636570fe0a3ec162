// The listed groups: their groupspecs are fetched, looked into and compared.

#include "config/load.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "config/file.h"

enum { GROUP_FILE_BYTES = CONFIG_GROUPSPEC_MAX + 64 }; // and some white space around it

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

// A groupspec in a file of its own: white space before and behind is not part of it.
static int read_group_file(struct loader *l, struct config_group *g)
{
	char *text, *start, *end;
	size_t len;
	int err = file_read(g->file, GROUP_FILE_BYTES, &text, &len);

	if (err == -ENOMEM)
		return err;
	if (err != 0) {
		rule_broken(l, &g->file, NULL, "cannot read %.200s: %s", g->file, file_error(err));
		return 0;
	}
	start = text;
	end = text + len;
	while (start < end && is_space(*start))
		start++;
	while (end > start && is_space(end[-1]))
		end--;
	if (start == end)
		rule_broken(l, &g->file, NULL, "%.200s is empty", g->file);
	g->spec = arena_copy(l->keep, start, (size_t)(end - start));
	free(text);
	return g->spec == NULL ? -ENOMEM : 0;
}

static void check_spec(struct loader *l, struct config_group *g)
{
	const void *field = g->file != NULL ? (const void *)&g->file : (const void *)&g->spec;
	char why[128] = "";

	if (g->spec[0] == 0 || l->hooks == NULL || l->hooks->groupspec_check == NULL)
		return;
	if (l->hooks->groupspec_check(l->hooks->ctx, g->spec, strlen(g->spec), g->id, why,
				      sizeof(why)) != 0)
		rule_broken(l, field, NULL, "%s%.200s%snot a groupspec: %s",
			    g->file != NULL ? "in " : "", g->file != NULL ? g->file : "",
			    g->file != NULL ? ": " : "", why);
}

static void check_lan(struct loader *l, struct config_group *g)
{
	const char *why = NULL;

	if (g->is_lan && g->spec != NULL && l->hooks != NULL && l->hooks->groupspec_lan != NULL)
		why = l->hooks->groupspec_lan(l->hooks->ctx, g->spec);
	if (why != NULL)
		rule_broken(l, &g->is_lan, NULL, "%s", why);
	if (g->multicast_ttl > 0 && !g->is_lan)
		rule_broken(l, &g->multicast_ttl, &g->is_lan, "this needs `lan: true`");
}

static int group_spec(struct loader *l, struct config_group *g)
{
	bool has_spec = g->spec[0] != 0, has_file = g->file[0] != 0;
	int err = 0;

	rule_peer_ids(l, &g->publishers, g->publishers, g->n_publishers);
	rule_hash(l, &g->mirror.root, g->mirror.root);
	if (g->mirror.root[0] != 0 && g->mirror.files > 1)
		rule_broken(l, &g->mirror.root, &g->mirror.files, "this is for one file");
	if (has_spec && has_file)
		rule_broken(l, &g->spec, &g->file, "give `spec` or `file`, not both");
	if (!has_spec && !has_file && rule_sees(l, &g->spec) && rule_sees(l, &g->file))
		rule_broken(l, g, NULL, "the group needs `spec` or `file`");
	if (!has_file)
		g->file = NULL;
	else if (!has_spec)
		err = read_group_file(l, g);
	if (err == 0)
		check_spec(l, g);
	if (err == 0)
		check_lan(l, g);
	return err;
}

// 0 stands for the limit that holds for all groups; more than that would be a promise nobody keeps.
static void limit_settle(struct loader *l, uint64_t *own, const uint64_t *all, const char *all_name)
{
	if (*own == 0)
		*own = *all;
	else if (*own > *all)
		rule_broken(l, own, all, "%" PRIu64 " is more than %s, %" PRIu64, *own, all_name,
			    *all);
}

// MC-33. A super-peer is where members repair from, so its fetch period is a tenth of theirs
// (MC-34).
static void preset_settle(const struct loader *l, struct config_multicast *m)
{
	static const struct {
		uint64_t window_us, fetch_us, availability_us;
	} ladder[] = {[CONFIG_PRESET_LOW] = {3000000, 80000, 50000},
		      [CONFIG_PRESET_ULTRA_LOW] = {1000000, 25000, 20000}};

	if (m->preset == CONFIG_PRESET_DEFAULT)
		return;
	if (!rule_is_given(l, &m->window_us))
		m->window_us = ladder[m->preset].window_us;
	if (!rule_is_given(l, &m->fetch_period_us))
		m->fetch_period_us = ladder[m->preset].fetch_us;
	if (!rule_is_given(l, &m->availability_period_us))
		m->availability_period_us = ladder[m->preset].availability_us;
}

static void group_limits(struct loader *l, struct config_group *g)
{
	struct config_limits *limits = &l->cfg->limits;
	struct config_multicast *m = &g->multicast;

	preset_settle(l, m);
	limit_settle(l, &g->members, &limits->members_per_group, "limits.members_per_group");
	limit_settle(l, &g->neighbours, &limits->neighbours_per_group,
		     "limits.neighbours_per_group");
	limit_settle(l, &g->streams, &limits->streams_per_group, "limits.streams_per_group");
	// A fragment must be announced before it can be asked for, and asked for while it is
	// wanted.
	if (m->availability_period_us >= m->fetch_period_us)
		rule_broken(l, &m->availability_period_us, &m->fetch_period_us,
			    "availability_period must be shorter than fetch_period");
	if (m->fetch_period_us >= m->window_us)
		rule_broken(l, &m->fetch_period_us, &m->window_us,
			    "fetch_period must be shorter than window");
}

static void group_pair(struct loader *l, const struct config_group *g, const struct config_group *h,
		       uint32_t h_idx)
{
	static const uint8_t none[sizeof(g->id)];
	const void *field = g->file != NULL ? (const void *)&g->file : (const void *)&g->spec;

	if (g->name != NULL && h->name != NULL && strcmp(g->name, h->name) == 0)
		rule_broken(l, &g->name, &h->name, "groups[%u] has this name already", h_idx);
	if (memcmp(g->id, none, sizeof(none)) != 0 && memcmp(g->id, h->id, sizeof(g->id)) == 0)
		rule_broken(l, field, NULL, "groups[%u] is this group already", h_idx);
}

int rules_groups(struct loader *l)
{
	struct config *cfg = l->cfg;

	if (cfg->n_groups > cfg->limits.groups)
		rule_broken(l, &cfg->groups, &cfg->limits.groups,
			    "%u groups are listed, limits.groups is %" PRIu64, cfg->n_groups,
			    cfg->limits.groups);
	for (uint32_t i = 0; i < cfg->n_groups; i++) {
		int err = group_spec(l, &cfg->groups[i]);

		if (err != 0)
			return err;
		group_limits(l, &cfg->groups[i]);
		for (uint32_t j = 0; j < i && l->diag->n < DIAG_MAX; j++)
			group_pair(l, &cfg->groups[i], &cfg->groups[j], j);
	}
	return 0;
}

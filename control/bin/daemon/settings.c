#include "control/service/file_layout.h"
#include "control/bin/daemon/settings.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "control/bin/daemon/config_addr.h"

#define EXTENT_BYTES       (64u << 10)
#define STREAM_SHARE       4 // a single stream may take this part of a worker's window memory
#define OBJECTS_OUT_MAX    (128ull << 20) // half of the bodies that there are for messages (rings.c)
#define LINKS_PER_SESSION  4
#define BODIES_BYTES_BASE  (64u << 20)
#define CELLS_PER_KIB      5     // of a message, whatever its fragments: 3.5 in such of 1180 octets
#define LONGEST_AT_LEAST   4     // messages of limits.message that may come in at a time
#define BODIES_PER_SESSION 8192u // bytes of messages on their way to control

static uint32_t min_u32(uint64_t a, uint32_t b)
{
	return a < b ? (uint32_t)a : b;
}

uint32_t settings_n_workers(const struct config *cfg)
{
	return (uint32_t)cfg->workers.count;
}

// A rate for all is shared out to the workers that it arrives at.
static uint32_t share(const struct config *cfg, uint64_t per_s)
{
	uint64_t each = per_s / settings_n_workers(cfg);

	return each > 0 ? min_u32(each, UINT32_MAX) : 1;
}

static bool any_mirror(const struct config *cfg)
{
	for (uint32_t i = 0; i < cfg->n_groups; i++)
		if (cfg->groups[i].mirror.is_enabled)
			return true;
	return false;
}

struct engine_opts settings_engine(const struct config *cfg)
{
	const struct config_limits *l = &cfg->limits;
	uint32_t extents = min_u32(l->window_memory_bytes / EXTENT_BYTES, UINT32_MAX);
	uint32_t cells = (uint32_t)(l->message_bytes >> 10) * CELLS_PER_KIB * LONGEST_AT_LEAST;
	struct engine_opts o;

	engine_opts_appliance(&o, (uint32_t)l->sessions, extents);
	o.n_workers = settings_n_workers(cfg);
	o.body_bytes = BODIES_BYTES_BASE + l->sessions * BODIES_PER_SESSION;
	o.links_max = (uint32_t)l->sessions * LINKS_PER_SESSION;
	o.flows_per_session = (uint32_t)l->flows_per_session;
	o.mtu_max = (uint16_t)l->packet;
	o.object_bytes = any_mirror(cfg) ? cfg->objects_memory_bytes / o.n_workers : 0;
	o.message_bytes_max = (uint32_t)l->message_bytes;
	o.reassembly_bytes_max = (uint32_t)l->reassembly_bytes;
	if (o.rx_cells_max < cells)
		o.rx_cells_max = cells;
	o.hellos_per_s = share(cfg, l->introductions_per_s);
	o.keyings_per_s = share(cfg, l->handshakes_per_s);
	engine_opts_startup(&o, (uint32_t)l->handshakes_per_address_per_s);
	return o;
}

// ---- endpoints ----

static enum keying_want want_of(enum config_feature f)
{
	static const enum keying_want wants[] = {
		[CONFIG_FEATURE_OFF] = KEYING_OFF,
		[CONFIG_FEATURE_PREFER] = KEYING_PREFER,
		[CONFIG_FEATURE_REQUIRE] = KEYING_REQUIRE,
	};

	return wants[f];
}

static_assert(CONFIG_ORDER_MAX <= KEYING_GROUPS_MAX, "any list is a policy");

static struct keying_policy policy_of(const struct config_security *s)
{
	static const enum dh_group groups[] = {
		[CONFIG_DH_2] = DH_GROUP_2,
		[CONFIG_DH_5] = DH_GROUP_5,
		[CONFIG_DH_14] = DH_GROUP_14,
		[CONFIG_DH_16] = DH_GROUP_16,
	};
	struct keying_policy p = {
		.hmac = want_of(s->hmac),
		.sseq = want_of(s->sequence_numbers),
		.hmac_len = (uint8_t)s->hmac_length,
	};

	for (unsigned i = 0; i < s->dh_groups.n; i++)
		if (s->dh_groups.words[i] >= s->dh_group_min)
			p.groups[p.n_groups++] = (uint8_t)groups[s->dh_groups.words[i]];
	return p;
}

static void find_reach(struct settings *s, enum daemon_endpoint e, const struct config_endpoint *ce,
		       struct backend *b)
{
	for (uint32_t i = 0; i < ce->n_public_addresses && i < REPORTED_ADDRS_MAX; i++)
		s->reach[e][s->n_reach[e]++] =
			wire_addr_of_config(&ce->public_addresses[i], (uint16_t)ce->port);
	if (s->n_reach[e] == 0)
		s->n_reach[e] = b->kind->reach(b, e, s->reach[e]);
}

// Design 3: the server introduces and never calls; the member is found through it, answers whoever
// calls, and calls nobody it does not know to be annulus.
void settings_endpoints(struct settings *s, const struct config *cfg, const struct identity *id,
			struct backend *b)
{
	int err;

	*s = (struct settings){.policy = policy_of(&cfg->security), .identity = *id};
	err = identity_use_groups(&s->identity, s->policy.groups, s->policy.n_groups);
	assert(err == 0); // config/rules.c has seen to it that the member keeps a key
	find_reach(s, ENDPOINT_SERVER, &cfg->server, b);
	find_reach(s, ENDPOINT_MEMBER, &cfg->member, b);
	s->endpoints[ENDPOINT_SERVER] = (struct startup_endpoint){
		.identity = &s->identity.server,
		.policy = &s->policy,
		.answers_hello = true,
		.introduces = true,
	};
	s->endpoints[ENDPOINT_MEMBER] = (struct startup_endpoint){
		.identity = &s->identity.member,
		.policy = &s->policy,
		.answers_hello = true,
		.answers_fihello = true,
		.n_public = s->n_reach[ENDPOINT_MEMBER],
	};
	memcpy(s->endpoints[ENDPOINT_MEMBER].public_addrs, s->reach[ENDPOINT_MEMBER],
	       sizeof(s->reach[ENDPOINT_MEMBER]));
}

void settings_wipe(struct settings *s)
{
	identity_wipe(&s->identity);
}

bool settings_shuts_out_old_peers(const struct settings *s)
{
	return !certificate_is_legacy_set(s->policy.groups, s->policy.n_groups);
}

// ---- the node ----

static struct startup_rate keyings_of(const struct config_limits *l)
{
	return (struct startup_rate){
		.per_s = (uint32_t)l->handshakes_per_address_per_s,
		.burst = (uint32_t)l->handshake_burst_per_address,
	};
}

struct node_opts settings_node(const struct settings *s, const struct config *cfg,
			       const struct engine_opts *eo)
{
	const struct config_limits *l = &cfg->limits;
	uint32_t extents = eo->extents_max / STREAM_SHARE;
	struct node_opts o = {
		.endpoints = s->endpoints,
		.n_endpoints = ENDPOINTS_N,
		.server_endpoint = ENDPOINT_SERVER,
		.member_endpoint = ENDPOINT_MEMBER,
		.is_super = true,
		.introduce_unlisted = cfg->introduce_unlisted,
		.is_spx_off = !cfg->extension,
		.sessions_max = eo->sessions_max,
		.keepalive_nat_us = min_u32(cfg->keepalive.behind_nat_us, UINT32_MAX),
		.keepalive_public_us = min_u32(cfg->keepalive.public_us, UINT32_MAX),
		.groups_max = cfg->n_groups > 0 ? cfg->n_groups : 1,
		.introduced_groups_max = (uint32_t)l->groups,
		.members_max = (uint32_t)l->members_per_group,
		.neighbours_max = (uint32_t)l->neighbours_per_group,
		.streams_max = (uint32_t)l->streams_per_group,
		.streams_total_max = eo->streams_max,
		.stream_queue_bytes = (uint32_t)l->live_queue_bytes,
		.live = {.streams_max = (uint32_t)l->live_streams,
			 .streams_per_app_max = (uint32_t)l->live_streams_per_app,
			 .players_max = (uint32_t)l->live_players,
			 .log_bytes_max = (uint32_t)l->live_backlog_bytes},
		.extents_per_stream = extents > 0 ? extents : 1,
		.objects_out_max = OBJECTS_OUT_MAX,
		.keyings_per_ip = keyings_of(l),
		.keyings_max = (uint32_t)l->handshakes_pending,
		.sessions_per_ip = (uint32_t)l->sessions_per_address,
		.apps = cfg->n_apps > 0 ? s->apps : NULL,
		.n_apps = cfg->n_apps,
	};

	if (s->n_reach[ENDPOINT_SERVER] > 0)
		o.server_addr = s->reach[ENDPOINT_SERVER][0];
	o.n_local_addrs = s->n_reach[ENDPOINT_MEMBER];
	memcpy(o.local_addrs, s->reach[ENDPOINT_MEMBER], sizeof(s->reach[ENDPOINT_MEMBER]));
	return o;
}

// 0 would mean the default; a millisecond is as good as nothing.
static uint32_t ms_of(uint64_t us)
{
	return us < 1000 ? 1 : min_u32(us / 1000, UINT32_MAX);
}

struct group_limits settings_group(const struct config_group *g)
{
	const struct config_multicast *m = &g->multicast;

	return (struct group_limits){
		.members_max = (uint32_t)g->members,
		.neighbours_max = (uint32_t)g->neighbours,
		.streams_max = (uint32_t)g->streams,
		.relay = {.window_max_ms = ms_of(m->window_us),
			  .margin_ms = ms_of(m->relay_margin_us),
			  .fetch_max_ms = ms_of(m->fetch_period_us),
			  .update_ms = ms_of(m->availability_period_us),
			  .push_neighbours_max = min_u32(m->push_neighbours, UINT32_MAX)},
		.is_lan_off = !g->is_lan,
		.multicast_ttl = (uint8_t)g->multicast_ttl,
		.posting = {.keep_us = g->posting.keep_us, .bytes_max = g->posting.memory_bytes},
		.replication = {.is_seed = g->mirror.is_enabled,
				.is_lent = g->mirror.is_enabled,
				.unlent_each = g->mirror.files > 1 ? FILE_STRIDE : 0},
	};
}

static bool is_place_known(const struct groupspec_place *list, uint8_t n,
			   const struct groupspec_place *p)
{
	for (uint8_t i = 0; i < n; i++)
		if (wire_addr_equal(&list[i].addr, &p->addr) &&
		    wire_addr_equal(&list[i].source, &p->source))
			return true;
	return false;
}

uint8_t settings_places(const struct config *cfg, struct groupspec_place out[PLACES_MAX])
{
	struct groupspec *g = malloc(sizeof(*g));
	uint8_t n = 0;

	for (uint32_t i = 0; g != NULL && i < cfg->n_groups; i++) {
		const char *reason;
		uint32_t at;

		if (!cfg->groups[i].is_lan ||
		    groupspec_parse(g, cfg->groups[i].spec, &reason, &at) != 0)
			continue;
		for (uint8_t k = 0; k < g->n_ip_multicast && n < PLACES_MAX; k++)
			if (!is_place_known(out, n, &g->ip_multicast[k]))
				out[n++] = g->ip_multicast[k];
	}
	free(g);
	return n;
}

// annulusctl group and ring: one group by its name or ID.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/bin/daemon/daemon.h"
#include "control/bin/daemon/show.h"
#include "control/member/clock.h"
#include "control/peer_id.h"

// A group of the file; NULL: none of that name or ID.
static const struct node_group *member_of(const struct daemon *d, const char *which)
{
	uint8_t id[GROUP_ID_LEN];
	bool is_id = peer_id_parse(id, which) == 0; // as many digits

	for (uint32_t i = 0; i < d->config->n_groups; i++) {
		const struct config_group *g = &d->config->groups[i];

		if ((g->name != NULL && strcmp(g->name, which) == 0) ||
		    (is_id && memcmp(g->id, id, sizeof(id)) == 0))
			return d->groups[i];
	}
	return NULL;
}

static uint64_t estimate_of(const struct group_info *g)
{
	double n = g->estimated_members > 0 ? g->estimated_members : 0;

	return n < 1e9 ? (uint64_t)(n + 0.5) : 0;
}

static void head_put(const struct daemon *d, const struct group_info *g, struct json_out *j)
{
	json_put_string(j, "name", daemon_group_name(d, g));
	json_put_hex(j, "id", g->id, sizeof(g->id));
	json_put_hex(j, "peer_id", d->identity.member.fingerprint,
		     sizeof(d->identity.member.fingerprint));
	json_put_hex(j, "address", g->address, sizeof(g->address));
	json_put_u64(j, "neighbours", g->n_neighbours);
	json_put_u64(j, "members_known", g->n_members_known);
	json_put_u64(j, "members_estimated", estimate_of(g));
	json_put_u64(j, "clients", g->n_clients);
}

// NetGroupInfo's eight (netgroup-semantics 4.3).
static void rates_put(const struct node_group *group, struct json_out *j)
{
	struct group_rates r;

	node_group_rates(group, &r, clock_us());
	json_key(j, "bytes_per_s");
	json_object_begin(j);
	json_put_u64(j, "posting_send_data", r.posting_send_data);
	json_put_u64(j, "posting_send_control", r.posting_send_control);
	json_put_u64(j, "posting_receive_data", r.posting_receive_data);
	json_put_u64(j, "posting_receive_control", r.posting_receive_control);
	json_put_u64(j, "routing_send", r.routing_send);
	json_put_u64(j, "routing_receive", r.routing_receive);
	json_put_u64(j, "object_replication_send", r.object_replication_send);
	json_put_u64(j, "object_replication_receive", r.object_replication_receive);
	json_object_end(j);
}

int show_group(void *ctx, const char *args, struct json_out *j)
{
	const struct daemon *d = ctx;
	const struct node_group *group = member_of(d, args);
	struct group_info g;

	if (group == NULL)
		return -ENOENT;
	node_group_info(group, &g);
	json_object_begin(j);
	head_put(d, &g, j);
	json_put_u64(j, "streams", g.n_streams);
	json_put_u64(j, "posts_held", g.n_posts_held);
	json_put_u64(j, "posts_held_bytes", g.posts_held_bytes);
	json_put_u64(j, "objects_held", g.n_objects_have);
	json_put_u64(j, "objects_wanted", g.n_objects_wanted);
	rates_put(group, j);
	json_object_end(j);
	return 0;
}

static void coverage_put(const struct node_group *group, struct json_out *j)
{
	struct group_coverage c;

	json_key(j, "coverage");
	if (!node_coverage(group, &c)) {
		json_null(j);
		return;
	}
	json_object_begin(j);
	json_put_string(j, "mode", c.is_nearest ? "nearest" : c.is_settling ? "settling" : "exact");
	json_put_hex(j, "from", c.from, sizeof(c.from));
	json_put_hex(j, "to", c.to, sizeof(c.to));
	json_put_bool(j, "is_whole", c.is_whole);
	json_object_end(j);
}

static void member_put(const struct group_member_info *m, struct json_out *j)
{
	json_object_begin(j);
	json_put_hex(j, "address", m->address, sizeof(m->address));
	json_put_hex(j, "peer_id", m->peer_id, sizeof(m->peer_id));
	json_put_bool(j, "is_neighbour", m->is_neighbour);
	json_put_bool(j, "is_suspect", m->is_suspect);
	json_put_bool(j, "is_super", m->is_super);
	json_put_bool(j, "is_nearest", m->is_nearest);
	json_put_u64(j, "rtt_us", m->rtt_us);
	json_put_u64(j, "heard_us", (uint64_t)m->heard_s * 1000000);
	json_object_end(j);
}

int show_ring(void *ctx, const char *args, struct json_out *j)
{
	const struct daemon *d = ctx;
	const struct node_group *group = member_of(d, args);
	struct group_member_info *members;
	struct group_info g;
	uint32_t n;

	if (group == NULL)
		return -ENOENT;
	node_group_info(group, &g);
	members = calloc(g.n_members_known + 1, sizeof(*members));
	if (members == NULL)
		return -ENOMEM;
	n = node_members(group, members, g.n_members_known);
	json_object_begin(j);
	head_put(d, &g, j);
	coverage_put(group, j);
	json_key(j, "members");
	json_array_begin(j);
	for (uint32_t i = 0; i < n && i < g.n_members_known; i++)
		member_put(&members[i], j);
	json_array_end(j);
	json_object_end(j);
	free(members);
	return 0;
}

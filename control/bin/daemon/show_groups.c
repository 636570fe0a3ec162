// annulusctl groups and streams: what we are members of, what we introduce to, what flows there.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/member/clock.h"
#include "control/bin/daemon/daemon.h"
#include "control/bin/daemon/show.h"

// Every group known, in memory of the caller's; NULL: -ENOMEM in *n.
static struct group_info *groups_take(const struct daemon *d, uint32_t *n)
{
	uint32_t max = (uint32_t)d->config->limits.groups + d->config->n_groups + 1;
	struct group_info *groups = calloc(max, sizeof(*groups));

	*n = groups != NULL ? node_groups(d->node, groups, max) : 0;
	return groups;
}

// Groups of the file have a number at the workers, and with it an account.
static void limit_part(const struct daemon *d, const struct group_info *g, struct json_out *j)
{
	uint64_t per_s = 0, used = 0;

	for (uint32_t i = 0; i < d->config->n_groups; i++) {
		if (memcmp(d->config->groups[i].id, g->id, sizeof(g->id)) != 0)
			continue;
		per_s = d->limits.groups[i + 1].per_s;
		for (uint32_t w = 0; w < d->rings.n_workers; w++) {
			struct budget_gauge gauge = {0};

			d->backend->kind->gauge(d->backend, w, (uint16_t)(i + 1), &gauge);
			used += gauge.used_bytes;
		}
	}
	limits_put(j, "limit_bits", per_s);
	json_put_u64(j, "limited_tx_bytes", used);
}

static void group_row(const struct daemon *d, const struct group_info *g, struct json_out *j)
{
	double estimate = g->estimated_members > 0 ? g->estimated_members : 0;

	json_object_begin(j);
	json_put_string(j, "name", daemon_group_name(d, g));
	json_put_hex(j, "id", g->id, sizeof(g->id));
	json_put_bool(j, "is_member", g->is_member);
	json_put_u64(j, "clients", g->n_clients);
	json_put_u64(j, "neighbours", g->n_neighbours);
	json_put_u64(j, "members_known", g->n_members_known);
	json_put_u64(j, "members_estimated", estimate < 1e9 ? (uint64_t)(estimate + 0.5) : 0);
	json_put_u64(j, "streams", g->n_streams);
	json_put_u64(j, "posts", g->n_posts);
	json_put_u64(j, "posts_held", g->n_posts_held);
	json_put_u64(j, "posts_held_bytes", g->posts_held_bytes);
	json_put_u64(j, "post_rx_bytes", g->post_control_rx_bytes + g->post_data_rx_bytes);
	json_put_u64(j, "post_tx_bytes", g->post_control_tx_bytes + g->post_data_tx_bytes);
	json_put_u64(j, "route_rx_bytes", g->route_rx_bytes);
	json_put_u64(j, "route_tx_bytes", g->route_tx_bytes);
	json_put_u64(j, "objects", g->n_objects_have);
	json_put_u64(j, "objects_wanted", g->n_objects_wanted);
	json_put_u64(j, "object_rx_bytes", g->object_rx_bytes);
	json_put_u64(j, "object_tx_bytes", g->object_tx_bytes);
	limit_part(d, g, j);
	json_object_end(j);
}

int show_groups(void *ctx, const char *args, struct json_out *j)
{
	const struct daemon *d = ctx;
	uint32_t n;
	struct group_info *groups = groups_take(d, &n);

	if (groups == NULL)
		return -ENOMEM;
	json_array_begin(j);
	for (uint32_t i = 0; i < n; i++)
		group_row(d, &groups[i], j);
	json_array_end(j);
	free(groups);
	return 0;
}

static const char *state_of(const struct group_stream_info *s)
{
	if (s->has_ended)
		return "ended";
	return s->is_silent ? "silent" : "flowing";
}

static void worker_figures(const struct stream_stats *s, struct json_out *j)
{
	json_put_u64(j, "links", s->n_links);
	json_put_u64(j, "newest", s->newest);
	json_put_u64(j, "held", s->fragments_held);
	json_put_u64(j, "held_bytes", s->bytes_held);
	json_put_u64(j, "received", s->fragments_received);
	json_put_u64(j, "pushed_from", s->fragments_pushed_from);
	json_put_u64(j, "pulled_from", s->fragments_pulled_from);
	json_put_u64(j, "pushed_to", s->fragments_pushed_to);
	json_put_u64(j, "pulled_by", s->fragments_pulled_by);
	json_put_u64(j, "rx_bytes", s->bytes_pushed_from + s->bytes_pulled_from);
	json_put_u64(j, "tx_bytes", s->bytes_pushed_to + s->bytes_pulled_by);
	json_put_u64(j, "duplicates", s->duplicates);
	json_put_u64(j, "late", s->late);
	json_put_u64(j, "missing", s->missing);
	json_put_u64(j, "skipped", s->skipped);
	json_put_u64(j, "resent", s->resent);
	json_put_u64(j, "control_rx_bytes", s->control_bytes_received);
	json_put_u64(j, "control_tx_bytes", s->control_bytes_sent);
}

// How much of what the others consumed was ours: what we sent beside it, in thousandths.
static void share_figures(const struct group_stream_info *s, const struct stream_stats *sum,
			  struct json_out *j)
{
	uint64_t sent = sum->bytes_pushed_to + sum->bytes_pulled_by, consumed = s->consumed_bytes;

	json_put_u64(j, "consumed_bytes", consumed);
	json_put_u64(j, "share_permille", consumed > 0 ? sent * 1000 / consumed : 0);
	json_put_u64(j, "tx_data_bytes_per_s", s->rates.send_data);
	json_put_u64(j, "tx_control_bytes_per_s", s->rates.send_control);
	json_put_u64(j, "rx_data_bytes_per_s", s->rates.receive_data);
	json_put_u64(j, "rx_control_bytes_per_s", s->rates.receive_control);
	json_put_u64(j, "pushed_to_bytes", sum->bytes_pushed_to);
	json_put_u64(j, "pulled_by_bytes", sum->bytes_pulled_by);
	json_put_u64(j, "pushed_from_bytes", sum->bytes_pushed_from);
	json_put_u64(j, "pulled_from_bytes", sum->bytes_pulled_from);
	json_put_u64(j, "from_super", sum->fragments_from_super);
	json_put_u64(j, "from_super_bytes", sum->bytes_from_super);
	json_put_u64(j, "from_multicast", sum->fragments_from_multicast);
	json_put_u64(j, "from_multicast_bytes", sum->bytes_from_multicast);
	json_put_u64(j, "to_multicast", s->fragments_to_multicast);
	json_put_u64(j, "to_multicast_bytes", s->bytes_to_multicast);
}

static void stream_row(const struct daemon *d, const struct group_info *g,
		       const struct group_stream_info *s, struct json_out *j)
{
	struct stream_stats sum;

	readings_stream(&d->readings, s->stream, clock_us(), &sum);
	json_object_begin(j);
	json_put_string(j, "group", daemon_group_name(d, g));
	json_put_string(j, "name", s->name);
	json_put_hex(j, "key", s->key, sizeof(s->key));
	json_put_string(j, "state", state_of(s));
	worker_figures(&sum, j);
	share_figures(s, &sum, j);
	json_object_end(j);
}

int show_streams(void *ctx, const char *args, struct json_out *j)
{
	const struct daemon *d = ctx;
	uint32_t n, max = (uint32_t)d->config->limits.streams_per_group;
	struct group_info *groups = groups_take(d, &n);
	struct group_stream_info *streams = calloc(max, sizeof(*streams));

	if (groups == NULL || streams == NULL) {
		free(groups);
		free(streams);
		return -ENOMEM;
	}
	json_array_begin(j);
	for (uint32_t i = 0; i < n; i++) {
		uint32_t n_streams = node_group_streams(d->node, groups[i].id, streams, max);

		for (uint32_t k = 0; k < n_streams; k++)
			stream_row(d, &groups[i], &streams[k], j);
	}
	json_array_end(j);
	free(groups);
	free(streams);
	return 0;
}

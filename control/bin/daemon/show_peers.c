// annulusctl peers: a row per open session.
#include <string.h>

#include "control/member/clock.h"
#include "control/bin/daemon/daemon.h"
#include "control/bin/daemon/show.h"
#include "control/rpc/rpc.h"

#define GROUPS_PER_PEER 16

// The name of a group we are a member of; NULL: none of ours.
static const char *name_of(const struct daemon *d, const uint8_t *group_id)
{
	for (uint32_t i = 0; i < d->config->n_groups; i++)
		if (memcmp(d->config->groups[i].id, group_id, GROUP_ID_LEN) == 0)
			return d->config->groups[i].name;
	return NULL;
}

// What the far end is to us. A session of the member's endpoint that is in no group yet has to show
// that it belongs to one.
static const char *role_of(const struct ctl_session *s, uint32_t n_groups)
{
	if (s->endpoint == ENDPOINT_SERVER)
		return rpc_client_info(s) != NULL ? "client" : "connecting";
	return n_groups > 0 ? "neighbour" : "stranger";
}

static void groups_of(const struct daemon *d, const struct group_neighbour_info *groups, uint32_t n,
		      struct json_out *j)
{
	json_key(j, "groups");
	json_array_begin(j);
	for (uint32_t i = 0; i < n; i++) {
		const char *name = name_of(d, groups[i].group_id);

		if (name != NULL)
			json_string(j, name);
		else
			json_hex(j, groups[i].group_id, GROUP_ID_LEN);
	}
	json_array_end(j);
}

static void figures_of(const struct session_stats *f, struct json_out *j)
{
	static const struct session_stats none;
	const struct session_stats *s = f != NULL ? f : &none;

	json_put_u64(j, "rtt_us", s->srtt_us);
	json_put_u64(j, "rx_bytes", s->rx_bytes);
	json_put_u64(j, "tx_bytes", s->tx_bytes);
	json_put_u64(j, "rx_packets", s->rx_packets);
	json_put_u64(j, "tx_packets", s->tx_packets);
	json_put_u64(j, "cwnd_bytes", s->cwnd_bytes);
	json_put_u64(j, "in_flight_bytes", s->in_flight_bytes);
	json_put_u64(j, "path_mtu", s->path_mtu);
	json_put_u64(j, "lost", s->lost_fragments);
	json_put_u64(j, "resent", s->resent_fragments);
	json_put_u64(j, "silent_us", (uint64_t)s->silent_ms * 1000);
}

static void peer_row(const struct daemon *d, const struct ctl_session *s, uint64_t now_us,
		     struct json_out *j)
{
	struct group_neighbour_info groups[GROUPS_PER_PEER];
	uint32_t n = group_session_info(s, groups, GROUPS_PER_PEER);
	char text[WIRE_ADDR_TEXT_MAX];

	json_object_begin(j);
	json_put_hex(j, "peer_id", s->fingerprint, sizeof(s->fingerprint));
	json_put_string(j, "address", wire_addr_format(&s->far, text));
	json_put_string(j, "role", role_of(s, n));
	json_put_u64(j, "age_us", now_us - s->opened_us);
	json_put_u64(j, "worker", s->worker);
	json_put_u64(j, "dh_group", s->dh_group);
	json_put_u64(j, "tx_hmac", s->tx_tag_len);
	json_put_u64(j, "rx_hmac", s->rx_tag_len);
	json_put_bool(j, "tx_sseq", s->tx_sseq);
	json_put_bool(j, "rx_sseq", s->rx_sseq);
	json_put_bool(j, "is_super", n > 0 && groups[0].is_super);
	figures_of(readings_session(&d->readings, s->worker, s->idx, s->id), j);
	groups_of(d, groups, n, j);
	json_object_end(j);
}

int show_peers(void *ctx, const char *args, struct json_out *j)
{
	const struct daemon *d = ctx;
	uint64_t now_us = clock_us();
	const struct ctl_session *s;
	uint32_t at = 0;

	json_array_begin(j);
	while ((s = startup_next(node_startup(d->node), &at)) != NULL)
		peer_row(d, s, now_us, j);
	json_array_end(j);
	return 0;
}

// annulusctl live: streams that clients publish to the server and play from it, without a group.
#include <errno.h>
#include <stdlib.h>

#include "control/member/clock.h"
#include "control/bin/daemon/daemon.h"
#include "control/bin/daemon/show.h"
#include "control/rpc/live_hub.h"

static void live_row(const struct live_info *s, struct json_out *j)
{
	json_object_begin(j);
	json_put_string(j, "app", s->app);
	json_put_string(j, "name", s->name);
	json_put_string(j, "state", s->is_published ? "published" : "waited for");
	json_put_u64(j, "players", s->n_players);
	json_put_u64(j, "rx_bits", s->bits_in_per_s);
	json_put_u64(j, "messages", s->messages_in);
	json_put_u64(j, "rx_bytes", s->bytes_in);
	json_put_u64(j, "tx_bytes", s->bytes_out);
	json_put_u64(j, "skipped", s->skipped);
	json_put_u64(j, "backlog_bytes", s->backlog_bytes);
	json_object_end(j);
}

int show_live(void *ctx, const char *args, struct json_out *j)
{
	const struct daemon *d = ctx;
	const struct live_hub *hub = node_live(d->node);
	uint32_t n = live_hub_n(hub);
	struct live_info *all = calloc(n > 0 ? n : 1, sizeof(*all));

	if (all == NULL)
		return -ENOMEM;
	n = live_hub_info(hub, all, n, clock_us());
	json_array_begin(j);
	for (uint32_t i = 0; i < n; i++)
		live_row(&all[i], j);
	json_array_end(j);
	free(all);
	return 0;
}

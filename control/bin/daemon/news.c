#include "control/bin/daemon/news.h"

#include "control/bin/daemon/daemon.h"
#include "control/bin/daemon/whoami.h"

// n_groups: none of them.
static uint32_t number_of(const struct daemon *d, const struct node_event *e)
{
	uint32_t i = 0;

	while (i < d->config->n_groups && e->group != d->groups[i])
		i++;
	return i;
}

static const char *name_of(const struct daemon *d, const struct node_event *e)
{
	uint32_t i = number_of(d, e);

	return i < d->config->n_groups ? d->config->groups[i].name : "?";
}

// Members cause all of these, so what is written of them is limited.
static void tell(struct daemon *d, const struct node_event *e, uint64_t now_us)
{
	struct log_limit *limit = &d->news_limit;
	char peer[2 * FINGERPRINT_LEN + 1];

	peer_id_format(e->peer, peer);
	switch (e->kind) {
	case NODE_NEIGHBOUR_CONNECT:
		log_limited(d->log, limit, now_us, LOG_LEVEL_INFO, "group %s: neighbour %s",
			    name_of(d, e), peer);
		break;
	case NODE_NEIGHBOUR_DISCONNECT:
		log_limited(d->log, limit, now_us, LOG_LEVEL_INFO, "group %s: neighbour %s is gone",
			    name_of(d, e), peer);
		break;
	case NODE_STREAM_PUBLISHED:
		log_limited(d->log, limit, now_us, LOG_LEVEL_INFO, "group %s: stream %s begins",
			    name_of(d, e), e->text);
		break;
	case NODE_STREAM_UNPUBLISHED:
		log_limited(d->log, limit, now_us, LOG_LEVEL_INFO, "group %s: stream %s ends",
			    name_of(d, e), e->text);
		break;
	default: // we neither connect nor publish nor play
		break;
	}
}

void news_take(struct daemon *d, uint64_t now_us)
{
	struct node_event e;

	while (node_event(d->node, &e, now_us)) {
		if (e.kind == NODE_FETCH_RESULT || e.kind == NODE_OBJECT_REQUEST)
			mirrors_event(&d->mirrors, number_of(d, &e), &e, now_us);
		if (log_wants(d->log, LOG_LEVEL_INFO))
			tell(d, &e, now_us);
	}
}

#include "dataplane/core/rx_linger.h"

#include "dataplane/wire/limits.h"

int rx_linger_init(struct rx_linger *l, uint32_t n_sessions, uint32_t max)
{
	*l = (struct rx_linger){.n_sessions = n_sessions, .oldest = IDX_NONE, .youngest = IDX_NONE};
	for (l->n_buckets = 1; l->n_buckets < max; l->n_buckets *= 2)
		;
	l->entries = pages_take((size_t)max * sizeof(*l->entries));
	l->lists = pages_take((size_t)n_sessions * sizeof(*l->lists));
	l->buckets = pages_take((size_t)l->n_buckets * sizeof(*l->buckets));
	if (l->entries == NULL || l->lists == NULL || l->buckets == NULL)
		return -ENOMEM;
	return idx_pool_init(&l->pool, max);
}

void rx_linger_fini(struct rx_linger *l)
{
	pages_give(l->entries, (size_t)l->pool.max * sizeof(*l->entries));
	pages_give(l->lists, (size_t)l->n_sessions * sizeof(*l->lists));
	pages_give(l->buckets, (size_t)l->n_buckets * sizeof(*l->buckets));
	idx_pool_fini(&l->pool);
}

// A far end chooses its flow ids, and could choose them all for one bucket: no more than
// LINGER_PER_SESSION of them per session, though, and of its own flows only.
static uint32_t *bucket_of(const struct rx_linger *l, uint32_t session_idx, uint64_t flow_id)
{
	uint64_t h = (flow_id ^ (uint64_t)session_idx << 40) * 0x9e3779b97f4a7c15ull;

	return &l->buckets[(h >> 32) & (l->n_buckets - 1)];
}

static void unchain(struct rx_linger *l, uint32_t idx)
{
	const struct linger_entry *x = &l->entries[idx];
	uint32_t *link = bucket_of(l, x->session_idx, x->flow_id);

	while (*link != idx + 1)
		link = &l->entries[*link - 1].chain;
	*link = x->chain;
}

// The oldest of its session goes.
static void remove_oldest_of(struct rx_linger *l, uint32_t session_idx)
{
	struct linger_list *list = &l->lists[session_idx];
	uint32_t idx = list->oldest;
	struct linger_entry *x = &l->entries[idx];

	unchain(l, idx);
	list->oldest = x->session_younger;
	list->n--;
	if (x->older != IDX_NONE)
		l->entries[x->older].younger = x->younger;
	else
		l->oldest = x->younger;
	if (x->younger != IDX_NONE)
		l->entries[x->younger].older = x->older;
	else
		l->youngest = x->older;
	idx_put(&l->pool, idx);
}

static uint32_t make_room(struct rx_linger *l, uint32_t session_idx)
{
	uint32_t idx;

	if (l->lists[session_idx].n >= LINGER_PER_SESSION)
		remove_oldest_of(l, session_idx);
	idx = idx_get(&l->pool);
	if (idx == IDX_NONE) {
		bool is_own = l->lists[session_idx].n > 0;

		remove_oldest_of(l, is_own ? session_idx : l->entries[l->oldest].session_idx);
		idx = idx_get(&l->pool);
	}
	return idx;
}

void rx_linger_add(struct rx_linger *l, uint32_t session_idx, uint64_t flow_id, uint64_t cum,
		   uint32_t now_ms)
{
	uint32_t *bucket = bucket_of(l, session_idx, flow_id);
	struct linger_list *list = &l->lists[session_idx];
	uint32_t idx = make_room(l, session_idx);
	struct linger_entry *x = &l->entries[idx];

	*x = (struct linger_entry){
		.flow_id = flow_id,
		.cum = cum,
		.session_idx = session_idx,
		.since_ms = now_ms,
		.chain = *bucket,
		.older = l->youngest,
		.younger = IDX_NONE,
		.session_younger = IDX_NONE,
	};
	*bucket = idx + 1;
	if (l->youngest != IDX_NONE)
		l->entries[l->youngest].younger = idx;
	else
		l->oldest = idx;
	l->youngest = idx;
	if (list->n > 0)
		l->entries[list->youngest].session_younger = idx;
	else
		list->oldest = idx;
	list->youngest = idx;
	list->n++;
}

bool rx_linger_find(const struct rx_linger *l, uint32_t session_idx, uint64_t flow_id,
		    uint64_t *cum)
{
	uint32_t link = *bucket_of(l, session_idx, flow_id);

	while (link != 0) {
		const struct linger_entry *x = &l->entries[link - 1];

		if (x->flow_id == flow_id && x->session_idx == session_idx) {
			*cum = x->cum;
			return true;
		}
		link = x->chain;
	}
	return false;
}

void rx_linger_expire(struct rx_linger *l, uint32_t now_ms, uint32_t n_max)
{
	while (n_max-- > 0 && l->oldest != IDX_NONE &&
	       now_ms - l->entries[l->oldest].since_ms >= RF_COMPLETE_LINGER_MS)
		remove_oldest_of(l, l->entries[l->oldest].session_idx);
}

void rx_linger_session_gone(struct rx_linger *l, uint32_t session_idx)
{
	while (l->lists[session_idx].n > 0)
		remove_oldest_of(l, session_idx);
}

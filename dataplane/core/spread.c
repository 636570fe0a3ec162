// A source's fragments must be somewhere else soon (OURS). Members ask for slots, and drop them for
// somebody who is faster; nothing in groups.md 6.3 keeps all of a source's neighbours from thinking
// that a slot comes from another one. Its fragments would then wait for a map and a pull, and the
// last ones of a stream for neither. So what nobody was sent for a while goes to one neighbour
// unasked, a super-peer if there is one: a fragment too many costs nothing, duplicates are dropped.
#include "dataplane/core/stream.h"

#define SPREAD_MS 300 // pushes and their first retransmission had their time

// Whom to send it to: somebody who takes fragments from us already, super-peers first; or anybody.
static struct link *taker(struct engine *e, const struct stream *s)
{
	struct link *best = NULL;
	int best_score = -1;

	for (uint32_t idx = s->link_first; idx != LINK_NONE; idx = link_at(e, idx)->next) {
		struct link *l = link_at(e, idx);
		int score = (l->flags & LINK_IS_SUPER ? 2 : 0) + (l->slots_asked != 0);

		if (l->is_refused || score <= best_score)
			continue;
		best = l;
		best_score = score;
	}
	return best;
}

void spread_tick(struct engine *e, struct stream *s)
{
	struct link *l = NULL;

	if (!(s->flags & STREAM_PUBLISHER))
		return;
	if (s->spread_no < s->window.tail_no)
		s->spread_no = s->window.tail_no;
	for (; s->spread_no < s->window.head_no; s->spread_no++) {
		const struct record *rec = window_find(&s->window, e->relay->extents, s->spread_no);

		if (rec == NULL || rec->is_spread)
			continue;
		if (e->now_ms - rec->arrival_ms < SPREAD_MS)
			return;
		if (l == NULL)
			l = taker(e, s);
		if (l == NULL || push_pull_add(e, s, l, s->spread_no) != 0)
			return;
		behind_mark(e, l, LINK_DUE_PULLS);
	}
}

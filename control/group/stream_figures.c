#include "control/group/stream_figures.h"

enum {
	STALE_US = 10000000,   // a worker that says nothing more of it has no rate
	RATE_MIN_US = 1000000, // rows come as others ask, too: a rate over less would jump
};

void stream_stats_add(struct stream_stats *sum, const struct stream_stats *s)
{
	sum->n_links += s->n_links;
	sum->fragments_held += s->fragments_held;
	sum->bytes_held += s->bytes_held;
	sum->newest = s->newest > sum->newest ? s->newest : sum->newest;
	sum->oldest = s->oldest < sum->oldest ? s->oldest : sum->oldest;
	sum->end = s->end > sum->end ? s->end : sum->end;
	sum->fragments_pushed_to += s->fragments_pushed_to;
	sum->bytes_pushed_to += s->bytes_pushed_to;
	sum->fragments_pulled_by += s->fragments_pulled_by;
	sum->bytes_pulled_by += s->bytes_pulled_by;
	sum->fragments_pushed_from += s->fragments_pushed_from;
	sum->bytes_pushed_from += s->bytes_pushed_from;
	sum->fragments_pulled_from += s->fragments_pulled_from;
	sum->bytes_pulled_from += s->bytes_pulled_from;
	sum->fragments_from_multicast += s->fragments_from_multicast;
	sum->bytes_from_multicast += s->bytes_from_multicast;
	sum->fragments_from_super += s->fragments_from_super;
	sum->bytes_from_super += s->bytes_from_super;
	sum->fragments_received += s->fragments_received;
	sum->fragments_published += s->fragments_published;
	sum->bytes_published += s->bytes_published;
	sum->duplicates += s->duplicates;
	sum->late += s->late;
	sum->missing += s->missing;
	sum->skipped += s->skipped;
	sum->control_bytes_sent += s->control_bytes_sent;
	sum->control_bytes_received += s->control_bytes_received;
	sum->control_bytes_to_super += s->control_bytes_to_super;
	sum->resent += s->resent;
}

static uint64_t sent(const struct stream_stats *s)
{
	return s->bytes_pushed_to + s->bytes_pulled_by;
}

static uint64_t received(const struct stream_stats *s)
{
	return s->bytes_pushed_from + s->bytes_pulled_from + s->bytes_from_multicast;
}

// Half of the rate before: a weight that has fallen to an eighth after three rows, six seconds.
static void rate(uint64_t *per_s, uint64_t from, uint64_t to, uint64_t us)
{
	uint64_t now = to > from ? (to - from) * 1000000 / us : 0;

	*per_s = (*per_s + now + 1) / 2;
}

static void rates_take(struct group_stream_rates *r, const struct stream_stats *from,
		       const struct stream_stats *to, uint64_t us)
{
	rate(&r->send_data, sent(from), sent(to), us);
	rate(&r->send_control, from->control_bytes_sent, to->control_bytes_sent, us);
	rate(&r->receive_data, received(from), received(to), us);
	rate(&r->receive_control, from->control_bytes_received, to->control_bytes_received, us);
	rate(&r->send_control_to_server, from->control_bytes_to_super, to->control_bytes_to_super,
	     us);
	rate(&r->receive_data_from_multicast, from->bytes_from_multicast, to->bytes_from_multicast,
	     us);
	rate(&r->receive_data_from_server, from->bytes_from_super, to->bytes_from_super, us);
}

void stream_figures_take(struct stream_figures *f, uint32_t worker, const struct stream_stats *row,
			 uint64_t n_consumers, uint64_t now_us)
{
	struct stream_figures_row *w;
	uint64_t us;

	if (worker >= OUTBOX_WORKERS_MAX)
		return;
	w = &f->workers[worker];
	us = now_us - w->rated_us;
	f->consumed_bytes += n_consumers * (received(row) + row->bytes_published -
					    received(&w->totals) - w->totals.bytes_published);
	if (w->told_us == 0 || us >= RATE_MIN_US) {
		if (w->told_us != 0)
			rates_take(&w->rates, &w->rated, row, us);
		w->rated_us = now_us;
		w->rated = *row;
	}
	w->told_us = now_us;
	w->totals = *row;
}

static void rates_add(struct group_stream_rates *sum, const struct group_stream_rates *r)
{
	sum->send_data += r->send_data;
	sum->send_control += r->send_control;
	sum->receive_data += r->receive_data;
	sum->receive_control += r->receive_control;
	sum->send_control_to_server += r->send_control_to_server;
	sum->receive_data_from_server += r->receive_data_from_server;
	sum->receive_data_from_multicast += r->receive_data_from_multicast;
}

void stream_figures_get(const struct stream_figures *f, struct stream_stats *sum,
			struct group_stream_rates *rates, uint64_t now_us)
{
	*sum = (struct stream_stats){.oldest = UINT64_MAX};
	*rates = (struct group_stream_rates){0};
	for (uint32_t i = 0; i < OUTBOX_WORKERS_MAX; i++) {
		const struct stream_figures_row *w = &f->workers[i];

		if (w->told_us == 0)
			continue;
		stream_stats_add(sum, &w->totals);
		if (now_us - w->told_us <= STALE_US)
			rates_add(rates, &w->rates);
	}
	if (sum->oldest == UINT64_MAX)
		sum->oldest = 0;
}

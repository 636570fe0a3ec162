#include "dataplane/io/ip_frag.h"
#include "dataplane/io/worker_parts.h"

#include <errno.h>
#include <rte_cycles.h>
#include <rte_ring.h>

#define LAST_TURNS 64 // after worker_stop, while there is something to do

// -- making --

static int make_host(struct worker *w)
{
	struct host *h = &w->host;

	*h = *w->opts.host;
	for (uint8_t i = 0; i < h->n_links; i++)
		h->links[i].neighbours = NULL;
	for (uint8_t i = 0; i < h->n_links; i++) {
		h->links[i].neighbours =
			neighbours_create(w->opts.seed + i, &w->counters[i].neighbours);
		if (h->links[i].neighbours == NULL)
			return -ENOMEM;
	}
	w->pieces = ip_frag_create(worker_piece_room(w), w->stats->drops);
	return w->pieces != NULL ? 0 : -ENOMEM;
}

static void make_links(struct worker *w)
{
	for (uint8_t i = 0; i < w->opts.n_ports; i++) {
		struct worker_link *l = &w->links[i];

		l->port = &w->opts.ports[i];
		l->has_rx = w->opts.worker < l->port->n_rx;
		l->tx_credit = ENGINE_BURST_MAX;
	}
}

static void start_clock(struct worker *w)
{
	tick_clock_init(&w->clock, rte_rdtsc(), mono_ns(), rte_get_tsc_hz());
}

int worker_init(struct worker *w, const struct worker_opts *opts)
{
	int err;

	memset(w, 0, sizeof(*w));
	w->opts = *opts;
	w->engine = opts->engine;
	w->chance = opts->seed;
	w->stats = engine_stats(opts->engine);
	make_links(w);
	w->idle = (struct idle){.mode = opts->idle,
				.is_woken = worker_rest_init(w),
				.window_max_us = opts->window_max_us,
				.sleep_min_us = opts->sleep_min_us,
				.sleep_max_us = opts->sleep_max_us};
	start_clock(w);
	err = make_host(w);
	if (err == 0)
		err = path_table_init(&w->paths, &w->host, engine_n_paths(w->engine));
	if (err == 0)
		err = worker_lend_init(w);
	if (err != 0)
		worker_fini(w);
	return err;
}

static void free_neighbours(struct neighbours *n)
{
	struct rte_mbuf *m;

	if (n == NULL)
		return;
	while ((m = neighbours_lose_all(n)) != NULL)
		rte_pktmbuf_free(m);
	neighbours_destroy(n);
}

// What waits in our rings; nobody puts in more (io_stop).
static void free_handed(struct worker *w)
{
	struct rte_mbuf *m;

	for (uint32_t i = 0; w->opts.n_workers > 1 && i < w->opts.n_workers; i++) {
		rte_pktmbuf_free_bulk(w->handing[i].frames, w->handing[i].n);
		while (i != w->opts.worker &&
		       rte_ring_sc_dequeue(w->opts.handed[w->opts.worker][i], (void **)&m) == 0)
			rte_pktmbuf_free(m);
	}
}

void worker_fini(struct worker *w)
{
	worker_lend_fini(w);
	path_table_fini(&w->paths);
	ip_frag_destroy(w->pieces);
	for (uint8_t i = 0; i < w->host.n_links; i++)
		free_neighbours(w->host.links[i].neighbours);
	free_handed(w);
}

static inline bool is_plain(const struct worker *w, const struct rte_mbuf *m)
{
	return m->pool == w->opts.pool && rte_mbuf_refcnt_read(m) == 1 && m->nb_segs == 1 &&
	       RTE_MBUF_DIRECT(m);
}

void worker_give_back(struct worker *w, struct rte_mbuf **frames, uint16_t n)
{
	uint16_t n_plain = 0;

	for (uint16_t i = 0; i < n; i++) {
		struct rte_mbuf *m = frames[i];

		if (!is_plain(w, m))
			continue;
		frames[i] = frames[n_plain];
		frames[n_plain++] = m;
	}
	if (n_plain > 0)
		rte_mempool_put_bulk(w->opts.pool, (void **)frames, n_plain);
	if (n_plain < n)
		rte_pktmbuf_free_bulk(frames + n_plain, n - n_plain);
}

// -- a turn --

static void account(struct worker *w, uint64_t now_us)
{
	w->stats->turns++;
	if (w->was_busy)
		w->stats->busy_us += now_us - w->now_us; // the last turn lasted until now
	else
		w->stats->turns_idle++;
}

// Control is woken once per turn, and only if the turn brought it news.
static void ring_bell(struct worker *w)
{
	uint32_t tail;

	if (w->opts.reports == NULL)
		return;
	tail = atomic_load_explicit(&w->opts.reports->tail, memory_order_relaxed);
	if (tail == w->reported)
		return;
	w->reported = tail;
	bell_ring(w->opts.bell);
}

// Other workers are, if they sleep and we have put something into their rings.
static void ring_others(struct worker *w)
{
	if (w->opts.bells == NULL)
		return;
	for (uint32_t i = 0; i < w->opts.n_workers; i++) {
		bool has_called = engine_handed_over(w->engine, i);

		if (has_called || w->handed_to >> i & 1)
			bell_ring(w->opts.bells[i]);
	}
	w->handed_to = 0;
}

bool worker_turn(struct worker *w, uint64_t now_us)
{
	uint32_t n;

	account(w, now_us);
	w->now_us = now_us;
	w->now_ms = (uint32_t)(now_us / 1000);
	n = worker_receive(w);
	engine_timers(w->engine, now_us);
	n += engine_commands(w->engine, now_us);
	worker_presence(w);
	worker_neighbours(w);
	ip_frag_expire(w->pieces, w->now_ms);
	n += worker_transmit(w);
	ring_bell(w);
	if (n > 0)
		ring_others(w);
	w->was_busy = n > 0;
	return n > 0;
}

// Fragments that wait ask for no turn: the next one, whenever it comes, finds what is too old.
uint64_t worker_deadline_us(const struct worker *w)
{
	uint64_t at_us = engine_deadline_us(w->engine);
	uint32_t least_ms = worker_presence_wait_ms(w);

	for (uint8_t i = 0; i < w->opts.n_ports; i++) {
		uint32_t wait_ms = neighbours_wait_ms(w->host.links[i].neighbours, w->now_ms);

		least_ms = wait_ms < least_ms ? wait_ms : least_ms;
	}
	if (least_ms != UINT32_MAX && w->now_us + least_ms * 1000ull < at_us)
		at_us = w->now_us + least_ms * 1000ull;
	return at_us;
}

// -- the loop --

uint64_t worker_clock_us(struct worker *w)
{
	uint64_t ticks = rte_rdtsc();

	if (tick_clock_is_due(&w->clock, ticks)) {
		tick_clock_anchor(&w->clock, ticks, mono_ns());
		ticks = rte_rdtsc();
	}
	return tick_clock_us(&w->clock, ticks);
}

bool worker_lap(struct worker *w)
{
	uint64_t now_us = worker_clock_us(w);
	bool had_work = worker_turn(w, now_us);

	if (had_work)
		idle_after_turn(&w->idle, true, now_us, now_us);
	else
		worker_rest(w, idle_after_turn(&w->idle, false, now_us, worker_deadline_us(w)));
	return had_work;
}

void worker_run(struct worker *w)
{
	while (!atomic_load_explicit(&w->stops, memory_order_relaxed))
		worker_lap(w);
	for (unsigned i = 0; i < LAST_TURNS && worker_turn(w, worker_clock_us(w)); i++)
		;
}

void worker_stop(struct worker *w)
{
	atomic_store_explicit(&w->stops, true, memory_order_relaxed);
	if (w->opts.bells != NULL)
		bell_ring(w->opts.bells[w->opts.worker]);
}

// The control thread's life: it sleeps in libevent until workers or the keyer ring, a deadline of
// the node comes, somebody asks at the admin socket, or a signal arrives.
#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "control/member/clock.h"
#include "control/bin/daemon/daemon.h"
#include "control/bin/daemon/news.h"

#define REPORTS_PER_ROUND 4096 // per worker; then the others' turn
#define GATHER_US         500  // while reports flow we look this often instead of being rung
#define OUTBOX_RETRY_US   1000

// ---- one round ----

static uint32_t take_reports(struct daemon *d, uint32_t worker, uint64_t now_us)
{
	struct report r;
	uint32_t n = 0;

	while (n < REPORTS_PER_ROUND && mailbox_pop(d->rings.reports[worker], &r)) {
		readings_report(&d->readings, worker, &r, now_us);
		node_report(d->node, worker, &r, now_us);
		n++;
	}
	return n;
}

static void check_alarms(struct daemon *d, uint64_t now_us)
{
	struct worker_stats sum;
	char advice[LOG_LINE_MAX];

	if (now_us < d->alarms.next_us)
		return;
	d->alarms.next_us = now_us + READINGS_PERIOD_US;
	d->backend->kind->stats(d->backend, &sum);
	alarms_check(&d->alarms, &sum, d->log, now_us);
	while (d->backend->kind->advice != NULL &&
	       d->backend->kind->advice(d->backend, advice, sizeof(advice)))
		log_warning(d->log, "%s", advice);
}

static bool send_commands(struct daemon *d)
{
	bool has_rest = outbox_flush(d->rings.outbox);

	for (uint32_t w = 0; w < d->rings.n_workers; w++)
		if (mailbox_n(d->rings.commands[w]) > 0)
			d->backend->kind->wake(d->backend, w);
	return has_rest;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static bool reports_wait(const struct daemon *d)
{
	for (uint32_t w = 0; w < d->rings.n_workers; w++)
		if (mailbox_n(d->rings.reports[w]) > 0)
			return true;
	return false;
}

// While reports flow we come back by the clock, which lets the workers off ringing; when they stop,
// we have ourselves rung.
static void sleep_until_due(struct daemon *d, uint64_t now_us, bool had_reports, bool has_rest)
{
	uint64_t at = earlier(node_deadline_us(d->node), d->readings.next_us), wait_us;
	struct timeval t;

	at = earlier(at, d->limits.next_us);
	at = earlier(at, d->tc_news.next_us);
	if (had_reports)
		at = earlier(at, now_us + GATHER_US);
	else
		bell_arm(d->backend->kind->bell(d->backend));
	if (has_rest)
		at = earlier(at, now_us + OUTBOX_RETRY_US);
	if (!had_reports && reports_wait(d))
		at = 0;
	wait_us = at > now_us ? at - now_us : 0;
	t = (struct timeval){.tv_sec = (time_t)(wait_us / 1000000),
			     .tv_usec = (suseconds_t)(wait_us % 1000000)};
	event_add(d->events.timer, &t);
}

static void tell_tc(struct daemon *d, uint64_t now_us)
{
	struct tc_seen seen[OUTBOX_WORKERS_MAX];
	struct backend_worker w;

	if (now_us < d->tc_news.next_us)
		return;
	for (uint32_t i = 0; i < d->rings.n_workers; i++) {
		d->backend->kind->worker(d->backend, i, &w);
		seen[i] = (struct tc_seen){w.tc_rx_us, w.tc_tx_us};
	}
	tc_news_tell(&d->tc_news, seen, d->rings.outbox, now_us);
}

static void round_once(struct daemon *d)
{
	uint64_t now_us = clock_us();
	uint32_t n = 0;

	bell_disarm(d->backend->kind->bell(d->backend));
	for (uint32_t w = 0; w < d->rings.n_workers; w++)
		n += take_reports(d, w, now_us);
	node_timers(d->node, now_us);
	mirrors_poll(&d->mirrors, now_us);
	mirrors_look(&d->mirrors, d->backend, d->rings.n_workers, now_us);
	news_take(d, now_us);
	readings_timers(&d->readings, d->rings.outbox, now_us);
	limits_timers(d, now_us);
	tell_tc(d, now_us);
	check_alarms(d, now_us);
	sleep_until_due(d, now_us, n > 0, send_commands(d));
	if (d->is_stopping && node_is_closed(d->node))
		event_base_loopbreak(d->events.base);
}

static void on_due(evutil_socket_t fd, short what, void *ctx)
{
	round_once(ctx);
}

// ---- signals ----

static void on_stop(evutil_socket_t signal, short what, void *ctx)
{
	struct daemon *d = ctx;

	if (d->is_stopping) { // asked twice: no farewell
		event_base_loopbreak(d->events.base);
		return;
	}
	log_notice(d->log, "stopping on %s", signal == SIGINT ? "SIGINT" : "SIGTERM");
	d->is_stopping = true;
	node_close(d->node, clock_us());
	round_once(d);
}

static void on_hangup(evutil_socket_t signal, short what, void *ctx)
{
	struct daemon *d = ctx;
	int err = log_reopen(d->log);

	if (err < 0)
		log_err(d->log,
			"log.target %s cannot be opened anew: %s; the former file stays in use",
			d->config->log.target, strerror(-err));
	else
		log_notice(d->log, "log opened anew");
	limits_reload(d);
	round_once(d);
}

// ---- create, run, destroy ----

static struct event *add(struct daemon *d, int fd, short what, event_callback_fn fn)
{
	struct event *e = event_new(d->events.base, fd, what, fn, d);

	if (e != NULL && event_add(e, NULL) < 0) {
		event_free(e);
		e = NULL;
	}
	return e;
}

// Deadlines are microseconds: epoll alone would round them up to milliseconds.
static struct event_base *base_create(void)
{
	struct event_config *c = event_config_new();
	struct event_base *base = NULL;

	if (c == NULL)
		return NULL;
	if (event_config_set_flag(c, EVENT_BASE_FLAG_PRECISE_TIMER) == 0)
		base = event_base_new_with_config(c);
	event_config_free(c);
	return base;
}

int daemon_events_init(struct daemon *d, char why[WHY_MAX])
{
	struct daemon_events *e = &d->events;

	signal(SIGPIPE, SIG_IGN);
	e->base = base_create();
	if (e->base != NULL) {
		e->timer = evtimer_new(e->base, on_due, d);
		e->bell = add(d, d->backend->kind->bell(d->backend)->fd, EV_READ | EV_PERSIST,
			      on_due);
		e->keyer = add(d, d->keyer->wake_fd, EV_READ | EV_PERSIST, on_due);
		if (mirrors_fd(&d->mirrors) >= 0)
			e->store = add(d, mirrors_fd(&d->mirrors), EV_READ | EV_PERSIST, on_due);
		e->sigint = add(d, SIGINT, EV_SIGNAL | EV_PERSIST, on_stop);
		e->sigterm = add(d, SIGTERM, EV_SIGNAL | EV_PERSIST, on_stop);
		e->sighup = add(d, SIGHUP, EV_SIGNAL | EV_PERSIST, on_hangup);
	}
	if (e->timer != NULL && e->bell != NULL && e->keyer != NULL && e->sigint != NULL &&
	    e->sigterm != NULL && e->sighup != NULL)
		return 0;
	snprintf(why, WHY_MAX, "cannot make an event loop: %s", strerror(errno));
	return -ENOMEM;
}

void daemon_events_fini(struct daemon *d)
{
	struct event *all[] = {d->events.timer, d->events.bell,   d->events.keyer,
			       d->events.store, d->events.sigint, d->events.sigterm,
			       d->events.sighup};

	for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (all[i] != NULL)
			event_free(all[i]);
	if (d->events.base != NULL)
		event_base_free(d->events.base);
	d->events = (struct daemon_events){0};
}

void daemon_run(struct daemon *d)
{
	round_once(d);
	event_base_dispatch(d->events.base);
}

// A worker at rest: what it does between turns when there is nothing to do (idle.h). Outside a
// turn, so it may ask the kernel.
#define ALLOW_EXPERIMENTAL_API // rte_power_pause, in DPDK 22.11
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>

#include <rte_cpuflags.h>
#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_pause.h>
#include <rte_power_intrinsics.h>

#include "dataplane/io/worker_parts.h"

// -- pausing and napping --

static bool has_power_pause(void)
{
	struct rte_cpu_intrinsics i = {0};

	rte_cpu_get_intrinsics_support(&i);
	return i.power_pause;
}

// The CPU's own light sleep where it has one (TPAUSE): other thread of the core, and its heat.
static void pause_us(const struct worker *w, uint32_t us)
{
	uint64_t until = rte_rdtsc() + w->rest.ticks_per_us * us;

	if (w->rest.has_power_pause) {
		rte_power_pause(until);
		return;
	}
	do
		rte_pause();
	while (rte_rdtsc() < until);
}

static void nap_us(uint32_t us)
{
	struct timespec ts = {.tv_sec = us / 1000000, .tv_nsec = (long)(us % 1000000) * 1000};

	nanosleep(&ts, NULL); // a signal that ends it early does no harm
}

// -- being woken --

// Whatever brings work must be able to: control and the other workers by our bell, and each of our
// receive queues.
bool worker_rest_init(struct worker *w)
{
	struct worker_rest *r = &w->rest;

	*r = (struct worker_rest){.has_power_pause = has_power_pause(),
				  .ticks_per_us = rte_get_tsc_hz() / 1000000};
	if (w->opts.bells == NULL)
		return false;
	r->fds[r->n++] = (struct pollfd){.fd = w->opts.bells[w->opts.worker]->fd, .events = POLLIN};
	for (uint8_t i = 0; i < w->opts.n_ports; i++) {
		const struct port *p = w->links[i].port;

		if (!w->links[i].has_rx)
			continue;
		if (p->rx_fds[w->opts.worker] < 0)
			return false;
		r->fds[r->n++] = (struct pollfd){.fd = p->rx_fds[w->opts.worker], .events = POLLIN};
	}
	return true;
}

static void set_interrupts(struct worker *w, bool on)
{
	uint16_t queue = (uint16_t)w->opts.worker;

	for (uint8_t i = 0; i < w->opts.n_ports; i++) {
		const struct port *p = w->links[i].port;

		if (!w->links[i].has_rx || !p->has_rx_interrupts)
			continue;
		if (on)
			rte_eth_dev_rx_intr_enable(p->id, queue);
		else
			rte_eth_dev_rx_intr_disable(p->id, queue);
	}
}

// What rang is read empty, or it would ring for ever. Sockets and TAPs are not: their frames are
// the next turn's. False: one is broken (its interface is down), and says so at once every time.
static bool quieten(struct worker *w)
{
	struct worker_rest *r = &w->rest;
	uint8_t at = 1;
	bool is_good = true;

	for (uint8_t i = 0; i < w->opts.n_ports; i++) {
		const struct port *p = w->links[i].port;
		uint64_t n;

		if (!w->links[i].has_rx)
			continue;
		if ((r->fds[at].revents & ~POLLIN) != 0) {
			socklen_t len = sizeof(int);
			int err;

			getsockopt(r->fds[at].fd, SOL_SOCKET, SO_ERROR, &err, &len);
			is_good = false;
		} else if (r->fds[at].revents != 0 && p->has_rx_interrupts) {
			if (read(r->fds[at].fd, &n, sizeof(n)) < 0)
				is_good = errno == EAGAIN;
		}
		at++;
	}
	return is_good;
}

static void wait_us(struct worker *w, uint32_t us)
{
	struct timespec ts = {.tv_sec = us / 1000000, .tv_nsec = (long)(us % 1000000) * 1000};

	if (ppoll(w->rest.fds, w->rest.n, &ts, NULL) <= 0)
		return;
	w->rest.n_woken++;
	if (!quieten(w))
		nap_us(w->opts.sleep_max_us);
}

// Whoever brings work from here on wakes us. What was brought before that, and not seen, is found
// by one more turn.
static void doze(struct worker *w, uint32_t us)
{
	struct bell *bell = w->opts.bells[w->opts.worker];
	uint64_t now_us;

	bell_arm(bell);
	set_interrupts(w, true);
	now_us = worker_clock_us(w);
	if (worker_turn(w, now_us))
		idle_after_turn(&w->idle, true, now_us, now_us);
	else if (!atomic_load_explicit(&w->stops, memory_order_relaxed))
		wait_us(w, us);
	set_interrupts(w, false);
	bell_disarm(bell);
}

void worker_rest(struct worker *w, struct idle_step s)
{
	switch (s.how) {
	case IDLE_GO:
		break;
	case IDLE_PAUSE:
		pause_us(w, IDLE_PAUSE_US);
		break;
	case IDLE_NAP:
		nap_us(s.us);
		break;
	case IDLE_WAIT:
		doze(w, s.us);
		break;
	}
}

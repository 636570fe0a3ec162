// What control sees of the workers and ports.
#include <stdio.h>
#include <string.h>

#include "dataplane/io/io_parts.h"
#include "dataplane/io/tick_clock.h"

static void add_up(uint64_t *sum, const uint64_t *from, size_t bytes)
{
	for (size_t i = 0; i < bytes / sizeof(*sum); i++)
		sum[i] += from[i];
}
static_assert(sizeof(struct link_counters) % sizeof(uint64_t) == 0, "counters only");

void io_stats(struct io *io, struct worker_stats *sum)
{
	memset(sum, 0, sizeof(*sum));
	for (uint8_t i = 0; i < io->n_workers; i++)
		if (io->threads[i].stats != NULL)
			worker_stats_add(sum, io->threads[i].stats);
}

bool io_is_short_of_queues(const struct io *io)
{
	for (uint8_t i = 0; i < io->n_ports; i++)
		if (io->ports[i].n_rx < io->n_workers)
			return true;
	return false;
}

uint8_t io_n_ports(const struct io *io)
{
	return io->n_ports;
}

static void sum_links(const struct io *io, uint8_t port, struct link_counters *sum)
{
	memset(sum, 0, sizeof(*sum));
	for (uint8_t i = 0; i < io->n_workers; i++)
		if (io->threads[i].stats != NULL)
			add_up((uint64_t *)sum,
			       (const uint64_t *)&io->threads[i].worker->counters[port],
			       sizeof(*sum));
}

void io_port_stats(struct io *io, uint8_t port, struct io_port_stats *s)
{
	*s = (struct io_port_stats){.port = &io->ports[port],
				    .link_is_up = port_link_is_up(&io->ports[port])};
	port_device_stats(s->port, &s->device);
	sum_links(io, port, &s->links);
}

uint8_t io_n_workers(const struct io *io)
{
	return io->n_workers;
}

void io_worker_stats(struct io *io, uint8_t worker, struct io_worker_stats *s)
{
	const struct io_thread *t = &io->threads[worker];

	*s = (struct io_worker_stats){.cpu_us = io_thread_cpu_us(t)};
	if (t->stats == NULL)
		return;
	s->turns = t->stats->turns;
	s->turns_idle = t->stats->turns_idle;
	s->busy_us = t->stats->busy_us;
	s->sessions = t->stats->sessions_open;
	s->frames_handed = t->stats->frames_handed;
	s->fragments_lent = t->stats->handoffs;
	s->tc_rx_us = t->stats->tc_rx_us;
	s->tc_tx_us = t->stats->tc_tx_us;
	s->is_woken = t->worker->idle.is_woken;
}

// -- addresses and neighbours --

uint8_t io_n_addrs(const struct io *io)
{
	return io->host.n_addrs;
}

static bool runs(const struct io *io, uint8_t worker)
{
	return worker < io->n_workers && io->threads[worker].is_running &&
	       io->threads[worker].stats != NULL;
}

// State and gateway are the first worker's own and may change while they are read: a row is shown
// as it was or will be.
void io_addr_view(struct io *io, uint8_t i, struct io_addr_view *v)
{
	const struct host *h = runs(io, 0) ? &io->threads[0].worker->host : &io->host;
	const struct host_addr *a = &h->addrs[i];
	bool is_v4 = a->v4 != 0;

	*v = (struct io_addr_view){
		.port = a->link,
		.ip = a->ip,
		.gateway = h->links[a->link].gateways[is_v4 ? 0 : 1],
		.prefix_len = (uint8_t)(a->prefix_len - (is_v4 ? IP_V4_PREFIX : 0)),
		.state = (enum addr_state)a->state,
	};
}

bool io_neighbour_next(struct io *io, uint32_t *at, struct io_neighbour *n)
{
	uint32_t now_ms = (uint32_t)(mono_ns() / 1000000);

	for (; runs(io, (uint8_t)(*at / NEIGHBOURS_MAX / io->n_ports)); (*at)++) {
		uint32_t table = *at / NEIGHBOURS_MAX;
		struct worker *w;

		n->worker = (uint8_t)(table / io->n_ports);
		n->port = (uint8_t)(table % io->n_ports);
		w = io->threads[n->worker].worker;
		if (neighbours_view(w->host.links[n->port].neighbours, *at % NEIGHBOURS_MAX, now_ms,
				    &n->view)) {
			(*at)++;
			return true;
		}
	}
	return false;
}

// -- advice --

#define ETHTOOL "ethtool -K IF tx off gso off tso off gro off on every peer's interface"

static bool advise_sums(struct io *io, uint8_t port, const struct link_counters *c, char *text,
			size_t size)
{
	if (io->has_advised_sums[port] || c->checksum_unverified == 0 ||
	    io->host.links[port].udp_sums != UDP_SUMS_REMARKED)
		return false;
	io->has_advised_sums[port] = true;
	snprintf(text, size,
		 "port %s: peers send UDP checksums that no card completes; accepted, since RTMFP "
		 "checks its packets itself (to be rid of this: " ETHTOOL ")",
		 io->ports[port].name);
	return true;
}

static bool advise_bursts(struct io *io, uint8_t port, const struct link_counters *c, char *text,
			  size_t size)
{
	if (io->has_advised_bursts[port] || c->over_mtu == 0)
		return false;
	io->has_advised_bursts[port] = true;
	snprintf(text, size,
		 "port %s: peers send frames above the MTU of %u that no card cuts; they are lost "
		 "(" ETHTOOL ")",
		 io->ports[port].name, io->ports[port].mtu);
	return true;
}

static uint64_t rival_of(const struct io *io, uint8_t addr)
{
	for (uint8_t i = 0; i < io->n_workers; i++) {
		const struct io_thread *t = &io->threads[i];
		uint64_t rival = 0;

		if (t->stats != NULL)
			rival = atomic_load_explicit(&t->worker->rivals[addr],
						     memory_order_relaxed);
		if (rival != 0)
			return rival;
	}
	return 0;
}

// Once per rival: it is there until people see to it.
static bool advise_rivals(struct io *io, char *text, size_t size)
{
	for (uint8_t i = 0; i < io->host.n_addrs; i++) {
		const struct host_addr *a = &io->host.addrs[i];
		uint64_t rival = rival_of(io, i), mac = rival & ~WORKER_RIVAL;
		struct io_addr_view v;
		char ip[IP_TEXT_SIZE];

		if (rival == 0 || rival == io->rivals_said[i])
			continue;
		io->rivals_said[i] = rival;
		io_addr_view(io, i, &v);
		snprintf(text, size,
			 "port %s: our address %s is also that of "
			 "%02x:%02x:%02x:%02x:%02x:%02x; %s",
			 io->ports[a->link].name, ip_print(&a->ip, ip), (unsigned)(mac >> 40 & 255),
			 (unsigned)(mac >> 32 & 255), (unsigned)(mac >> 24 & 255),
			 (unsigned)(mac >> 16 & 255), (unsigned)(mac >> 8 & 255),
			 (unsigned)(mac & 255),
			 v.state == ADDR_DUPLICATE
				 ? "we do not use it"
				 : "packets may go to either, until one of us lets go");
		return true;
	}
	return false;
}

bool io_advice(struct io *io, char *text, size_t size)
{
	if (advise_rivals(io, text, size))
		return true;
	for (uint8_t i = 0; i < io->n_ports; i++) {
		struct link_counters c;

		sum_links(io, i, &c);
		if (advise_sums(io, i, &c, text, size) || advise_bursts(io, i, &c, text, size))
			return true;
	}
	return false;
}

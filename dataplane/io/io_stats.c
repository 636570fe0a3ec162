// What control sees of the workers and ports.
#include <stdio.h>
#include <string.h>

#include "dataplane/io/io_parts.h"

// Both structs are nothing but counters.
static void add_up(uint64_t *sum, const uint64_t *from, size_t bytes)
{
	for (size_t i = 0; i < bytes / sizeof(*sum); i++)
		sum[i] += from[i];
}
static_assert(sizeof(struct worker_stats) % sizeof(uint64_t) == 0, "counters only");
static_assert(sizeof(struct link_counters) % sizeof(uint64_t) == 0, "counters only");

void io_stats(struct io *io, struct worker_stats *sum)
{
	memset(sum, 0, sizeof(*sum));
	for (uint8_t i = 0; i < io->n_workers; i++)
		if (io->threads[i].stats != NULL)
			add_up((uint64_t *)sum, (const uint64_t *)io->threads[i].stats,
			       sizeof(*sum));
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
	s->is_woken = t->worker->idle.is_woken;
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

bool io_advice(struct io *io, char *text, size_t size)
{
	for (uint8_t i = 0; i < io->n_ports; i++) {
		struct link_counters c;

		sum_links(io, i, &c);
		if (advise_sums(io, i, &c, text, size) || advise_bursts(io, i, &c, text, size))
			return true;
	}
	return false;
}

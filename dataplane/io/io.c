#include "dataplane/io/io.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_errno.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

#include "dataplane/io/io_parts.h"

// -- what the workers share: buffers and rings --

// Every place that may hold buffers at once, or a full ring would starve another.
static unsigned pool_size(const struct io *io)
{
	unsigned caches = io->n_workers * POOL_CACHE * 3 / 2;
	unsigned handed = io->n_workers * (WORKER_HANDED + WORKER_BURST);
	unsigned per_port = PORT_RX_DESCRIPTORS + PORT_TX_DESCRIPTORS + NEIGHBOURS_KEPT_MAX;

	return io->opts.n_ports * per_port + caches + ENGINE_BURST_MAX + WORKER_OUT + handed +
	       WORKER_BURST;
}

static uint16_t pool_room(const struct io_opts *o)
{
	uint16_t room = RTE_MBUF_DEFAULT_DATAROOM;

	for (uint8_t i = 0; i < o->n_ports; i++)
		if (o->ports[i].mtu + L2_LEN + L2_TAG_LEN > room)
			room = (uint16_t)((o->ports[i].mtu + L2_LEN + L2_TAG_LEN + 63) & ~63);
	return RTE_PKTMBUF_HEADROOM + room;
}

static int make_pools(struct io *io, const struct io_opts *o, char *why, size_t why_size)
{
	for (uint8_t i = 0; i < io->n_workers; i++) {
		char name[RTE_MEMPOOL_NAMESIZE];

		snprintf(name, sizeof(name), "worker%u", i);
		io->pools[i] = rte_pktmbuf_pool_create(name, pool_size(io), POOL_CACHE, 0,
						       pool_room(o), SOCKET_ID_ANY);
		if (io->pools[i] == NULL) {
			snprintf(why, why_size,
				 "%u MiB of packet memory are not enough for %u workers and %u "
				 "ports: %s",
				 o->eal.memory_mb, io->n_workers, o->n_ports,
				 rte_strerror(rte_errno));
			return -1;
		}
	}
	return 0;
}

// One from each to each: nobody waits for another one who was interrupted while putting in.
static int make_rings(struct io *io, char *why, size_t why_size)
{
	for (uint32_t i = 0; i < io->n_workers * io->n_workers; i++) {
		uint32_t to = i / io->n_workers, from = i % io->n_workers;
		char name[RTE_RING_NAMESIZE];

		if (to == from)
			continue;
		snprintf(name, sizeof(name), "handed%u_%u", from, to);
		io->handed[to][from] = rte_ring_create(name, WORKER_HANDED, SOCKET_ID_ANY,
						       RING_F_SP_ENQ | RING_F_SC_DEQ);
		if (io->handed[to][from] == NULL) {
			snprintf(why, why_size, "no packet memory for the workers' rings: %s",
				 rte_strerror(rte_errno));
			return -1;
		}
	}
	return 0;
}

// -- ports --

static enum udp_sums udp_sums_of(const struct port *p, enum io_switch wanted)
{
	if (wanted == IO_OFF)
		return UDP_SUMS_IGNORED;
	return wanted == IO_AUTO && p->is_kernels ? UDP_SUMS_REMARKED : UDP_SUMS_REQUIRED;
}

static struct ip_addr ip_of_wire(const struct wire_addr *a)
{
	static const struct ip_addr none;

	return a->family != 0 ? ip_of(a->family, a->ip) : none;
}

static bool has_ipv6(const struct io_port_opts *o)
{
	for (uint8_t i = 0; i < o->n_addrs; i++)
		if (o->addrs[i].addr.family == 6)
			return true;
	return false;
}

// Addresses of IPv6 wait until nobody else was found to have them (presence.h).
static void add_addresses(struct io *io, const struct io_port_opts *o)
{
	struct ip_addr own = ip_link_local(&io->ports[io->n_ports].mac);
	bool wants_own = has_ipv6(o);

	for (uint8_t i = 0; i < o->n_addrs; i++) {
		const struct io_addr *a = &o->addrs[i];
		struct ip_addr ip = ip_of_wire(&a->addr);

		wants_own = wants_own && !ip_is_link_local(&ip);
		host_add(&io->host, &ip, a->prefix_len,
			 a->addr.family == 6 ? ADDR_TENTATIVE : ADDR_READY);
	}
	if (wants_own)
		host_add(&io->host, &own, 64, ADDR_TENTATIVE);
}

static void make_host_link(struct io *io, const struct io_port_opts *o)
{
	const struct port *p = &io->ports[io->n_ports];

	io->host.links[io->n_ports] = (struct host_link){
		.mac = p->mac,
		.gateways = {ip_of_wire(&o->gateway4), ip_of_wire(&o->gateway6)},
		.vlan = o->vlan,
		.mtu = p->mtu,
		.udp_sums = (uint8_t)udp_sums_of(p, o->udp_checksum),
		.fills_udp_sums = p->fills_udp,
		.puts_tags = p->puts_tags,
		.takes_router = o->takes_router && o->gateway6.family == 0,
		.says_closed = o->says_closed,
	};
	io->host.n_links = (uint8_t)(io->n_ports + 1);
	add_addresses(io, o);
}

static int open_ports(struct io *io, const struct io_opts *o, char *why, size_t why_size)
{
	for (uint8_t i = 0; i < o->n_ports; i++) {
		struct port_opts p = {
			.name = o->ports[i].name,
			.device = o->ports[i].device,
			.mtu = o->ports[i].mtu,
			.vlan = o->ports[i].vlan,
			.hears_groups = has_ipv6(&o->ports[i]) || o->n_groups > 0,
			.n_rx = o->ports[i].queues,
			.n_tx = io->n_workers,
			.wakes = o->idle != IDLE_SPIN,
			.pools = io->pools,
			.has_one_pool = io->n_workers == 1,
		};

		if (port_open(&io->ports[i], io->eal, &p, why, why_size) != 0)
			return -1;
		make_host_link(io, &o->ports[i]);
		io->n_ports++;
	}
	return 0;
}

// 0.0.0.0 and :: are every address of both families.
static struct ip_addr endpoint_ip(const struct wire_addr *a)
{
	static const uint8_t any[sizeof(a->ip)];
	static const struct ip_addr none;

	return memcmp(a->ip, any, sizeof(any)) == 0 ? none : ip_of_wire(a);
}

static void make_endpoints(struct io *io, const struct io_opts *o)
{
	for (uint8_t i = 0; i < o->n_endpoints; i++)
		io->host.endpoints[i] = (struct host_endpoint){
			.address = endpoint_ip(&o->endpoints[i]), .port = o->endpoints[i].port};
	io->host.n_endpoints = o->n_endpoints;
	for (uint8_t i = 0; i < o->n_groups; i++) {
		struct host_group *g = &io->host.groups[i];

		*g = (struct host_group){.port = o->groups[i].addr.port};
		g->group.ip = ip_of_wire(&o->groups[i].addr);
		if (o->groups[i].source.family != 0)
			g->group.source = ip_of_wire(&o->groups[i].source);
	}
	io->host.n_groups = o->n_groups;
}

// -- creation --

static int check_opts(const struct io_opts *o, char *why, size_t why_size)
{
	if (o->n_workers == 0 || o->n_workers > WORKERS_MAX || o->n_ports == 0 ||
	    o->n_ports > IO_PORTS_MAX || o->n_endpoints > HOST_ENDPOINTS_MAX ||
	    o->n_groups > HOST_GROUPS_MAX) {
		snprintf(why, why_size, "%u workers (1 to %u), %u ports (1 to %u)", o->n_workers,
			 WORKERS_MAX, o->n_ports, IO_PORTS_MAX);
		return -1;
	}
	for (uint8_t i = 0; i < o->n_ports; i++) {
		const struct io_port_opts *p = &o->ports[i];

		if (p->n_addrs == 0 || p->n_addrs > IO_PORT_ADDRS_MAX) {
			snprintf(why, why_size, "port %s (%s): it needs 1 to %u addresses", p->name,
				 p->device, IO_PORT_ADDRS_MAX);
			return -1;
		}
	}
	return 0;
}

static struct eal *start_eal(const struct io_opts *o, char *why, size_t why_size)
{
	struct device_text texts[IO_PORTS_MAX];
	const char *pci[IO_PORTS_MAX];
	struct eal_opts eal = o->eal;

	eal.pci = pci;
	eal.n_pci = 0;
	for (uint8_t i = 0; i < o->n_ports; i++) {
		if (device_text_read(&texts[i], o->ports[i].device) != 0 || !texts[i].is_pci)
			continue;
		pci[eal.n_pci++] = o->ports[i].device;
	}
	return eal_start(&eal, why, why_size);
}

static int make_bells(struct io *io)
{
	int err = bell_init(&io->bell);

	for (uint8_t i = 0; err == 0 && i < io->n_workers; i++)
		err = bell_init(&io->bells[i]);
	return err;
}

struct io *io_create(const struct io_opts *o, char *why, size_t why_size)
{
	struct io *io;

	if (check_opts(o, why, why_size) != 0)
		return NULL;
	io = calloc(1, sizeof(*io));
	if (io == NULL) {
		snprintf(why, why_size, "no memory");
		return NULL;
	}
	io->opts = *o;
	io->n_workers = o->n_workers;
	io->bell.fd = -1;
	for (uint8_t i = 0; i < WORKERS_MAX; i++) {
		io->bells[i].fd = -1;
		io->bells_of[i] = &io->bells[i];
	}
	for (uint8_t i = 0; i < o->n_workers; i++) {
		io->cores[i] = o->cores != NULL ? o->cores[i] : IO_CORE_ANY;
		io->reports[i] = o->reports[i];
	}
	if (make_bells(io) != 0) {
		snprintf(why, why_size, "eventfd: %s", strerror(errno));
		goto fail;
	}
	io->eal = start_eal(o, why, why_size);
	if (io->eal == NULL)
		goto fail;
	make_endpoints(io, o);
	if (make_pools(io, o, why, why_size) == 0 && make_rings(io, why, why_size) == 0 &&
	    open_ports(io, o, why, why_size) == 0)
		return io;
fail:
	io_destroy(io);
	return NULL;
}

void io_wake(struct io *io, uint8_t worker)
{
	bell_ring(&io->bells[worker]);
}

struct bell *io_bell(struct io *io)
{
	return &io->bell;
}

// Ports and workers have given back theirs.
static uint32_t buffers_missing(const struct io *io)
{
	uint32_t n = 0;

	for (uint8_t i = 0; i < io->n_workers; i++)
		if (io->pools[i] != NULL)
			n += rte_mempool_in_use_count(io->pools[i]);
	return n;
}

uint32_t io_destroy(struct io *io)
{
	uint32_t missing;

	if (io == NULL)
		return 0;
	for (uint8_t i = 0; i < io->n_ports; i++)
		port_close(&io->ports[i]);
	missing = buffers_missing(io);
	for (uint8_t i = 0; i < io->n_workers; i++) {
		for (uint8_t k = 0; k < io->n_workers; k++)
			rte_ring_free(io->handed[i][k]);
		rte_mempool_free(io->pools[i]);
		free(io->threads[i].worker);
	}
	eal_stop(io->eal);
	bell_fini(&io->bell);
	for (uint8_t i = 0; i < WORKERS_MAX; i++)
		bell_fini(&io->bells[i]);
	free(io);
	return missing;
}

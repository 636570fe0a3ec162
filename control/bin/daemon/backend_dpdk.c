// `backend: dpdk`: dataplane/io, told what the configuration says.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "config/cpus.h"
#include "control/admin/json_out.h"
#include "control/bin/daemon/backend.h"
#include "control/bin/daemon/config_addr.h"
#include "control/bin/daemon/rings.h"
#include "crypto/crypto.h"
#include "crypto/random.h"
#include "dataplane/io/io.h"

struct dpdk_backend {
	struct backend base; // first: what callers hold
	const struct config *config;
	struct engine_opts engine;
	const struct rings *rings;
	struct random random;
	struct crypto *crypto[OUTBOX_WORKERS_MAX]; // each its worker's
	_Atomic(struct engine *) engines[OUTBOX_WORKERS_MAX]; // while they run
	uint16_t cores[OUTBOX_WORKERS_MAX];
	struct wire_addr endpoints[ENDPOINTS_N];
	struct io *io;
	bool is_running;
};

static struct dpdk_backend *dpdk_of(struct backend *b)
{
	return (struct dpdk_backend *)b;
}

// ---- engines, on their workers' threads ----

// What the widest port carries, since the engine does not know which one a path leads through.
static uint16_t mtu_max(const struct config *cfg, uint16_t wanted)
{
	uint64_t most = 0;

	for (uint32_t i = 0; i < cfg->n_ports; i++)
		most = cfg->ports[i].mtu > most ? cfg->ports[i].mtu : most;
	return most < wanted ? (uint16_t)most : wanted;
}

static struct engine *make_engine(void *ctx, uint32_t worker)
{
	struct dpdk_backend *b = ctx;
	struct engine_opts eo = b->engine;
	struct engine *e;

	b->crypto[worker] = crypto_create(CRYPTO_AUTO);
	if (b->crypto[worker] == NULL)
		return NULL;
	rings_lend(b->rings, worker, &eo);
	eo.mtu_max = mtu_max(b->config, eo.mtu_max);
	eo.crypto = b->crypto[worker];
	eo.random = &b->random;
	e = engine_create(&eo);
	if (e == NULL)
		crypto_destroy(b->crypto[worker]);
	b->engines[worker] = e;
	return e;
}

static void destroy_engine(void *ctx, uint32_t worker, struct engine *e)
{
	struct dpdk_backend *b = ctx;

	b->engines[worker] = NULL;
	engine_destroy(e);
	crypto_destroy(b->crypto[worker]);
}

// ---- options ----

// Both count auto, on, off.
static_assert((int)IO_AUTO == (int)CONFIG_AUTO && (int)IO_ON == (int)CONFIG_ON &&
		      (int)IO_OFF == (int)CONFIG_OFF,
	      "switches are handed on as they are");
static_assert((int)EAL_HUGE_AUTO == (int)CONFIG_AUTO && (int)EAL_HUGE_ON == (int)CONFIG_ON &&
		      (int)EAL_HUGE_OFF == (int)CONFIG_OFF,
	      "and so is this one");
static_assert((int)IDLE_SLEEP == (int)CONFIG_IDLE_SLEEP &&
		      (int)IDLE_ADAPTIVE == (int)CONFIG_IDLE_ADAPTIVE &&
		      (int)IDLE_SPIN == (int)CONFIG_IDLE_SPIN,
	      "and this");

static_assert(IO_PORT_ADDRS_MAX == 8, "as many as the configuration lets a port have");

// A port's addresses go into `addrs`, which has room for all of them.
static void port_of(struct io_port_opts *out, const struct config_port *p, struct io_addr *addrs)
{
	for (uint32_t i = 0; i < p->n_addresses; i++)
		addrs[i] = (struct io_addr){.addr = wire_addr_of_config(&p->addresses[i], 0),
					    .prefix_len = p->addresses[i].prefix_len};
	*out = (struct io_port_opts){
		.name = p->name,
		.device = p->device,
		.addrs = addrs,
		.n_addrs = (uint8_t)p->n_addresses,
		.takes_router = p->router_advertisements,
		.says_closed = p->port_unreachable,
		.vlan = (uint16_t)p->vlan,
		.mtu = (uint16_t)p->mtu,
		.queues = (uint16_t)p->queues,
		.udp_checksum = (enum io_switch)p->udp_checksum,
	};
	for (uint32_t i = 0; i < p->n_gateways; i++)
		*(p->gateways[i].family == CONFIG_ADDR_IPV4 ? &out->gateway4 : &out->gateway6) =
			wire_addr_of_config(&p->gateways[i], 0);
}

static struct io_opts io_opts_of(struct dpdk_backend *b, const struct io_port_opts *ports)
{
	const struct config *cfg = b->config;
	unsigned n_cores = 0;

	cpus_parse(b->cores, OUTBOX_WORKERS_MAX, &n_cores, cfg->workers.cores,
		   strlen(cfg->workers.cores));
	return (struct io_opts){
		.eal = {.program = "annulusd",
			.memory_mb = (uint32_t)(cfg->eal.memory_bytes >> 20),
			.huge = (enum eal_huge)cfg->eal.hugepages,
			.args = cfg->eal.args,
			.n_args = cfg->eal.n_args},
		.ports = ports,
		.n_ports = (uint8_t)cfg->n_ports,
		.endpoints = b->endpoints,
		.n_endpoints = ENDPOINTS_N,
		.n_workers = (uint8_t)b->rings->n_workers,
		.cores = n_cores > 0 ? b->cores : NULL,
		.idle = (enum idle_mode)cfg->workers.idle,
		.window_max_us = (uint32_t)cfg->workers.spin_max_us,
		.sleep_min_us = (uint32_t)cfg->workers.sleep_min_us,
		.sleep_max_us = (uint32_t)cfg->workers.sleep_max_us,
		.seed = random_u32(&b->random),
		.engine_create = make_engine,
		.engine_destroy = destroy_engine,
		.ctx = b,
		.reports = b->rings->reports,
	};
}

// ---- create, destroy ----

static void dpdk_destroy(struct backend *);

static int dpdk_create(const struct backend_opts *o, struct backend **out, char why[WHY_MAX])
{
	struct io_addr addrs[IO_PORTS_MAX][IO_PORT_ADDRS_MAX];
	struct io_port_opts ports[IO_PORTS_MAX];
	struct dpdk_backend *b;
	struct io_group groups[PLACES_MAX];
	struct io_opts io;

	b = calloc(1, sizeof(*b));
	if (b == NULL)
		return -ENOMEM;
	*b = (struct dpdk_backend){.base.kind = &backend_dpdk,
				   .config = o->config,
				   .engine = o->engine,
				   .rings = o->rings,
				   .random = random_system()};
	b->endpoints[ENDPOINT_SERVER] =
		wire_addr_of_config(&o->config->server.address, (uint16_t)o->config->server.port);
	b->endpoints[ENDPOINT_MEMBER] =
		wire_addr_of_config(&o->config->member.address, (uint16_t)o->config->member.port);
	for (uint32_t i = 0; i < o->config->n_ports; i++)
		port_of(&ports[i], &o->config->ports[i], addrs[i]);
	io = io_opts_of(b, ports);
	for (uint8_t i = 0; i < o->n_places; i++)
		groups[i] = (struct io_group){o->places[i].addr, o->places[i].source};
	io.groups = groups;
	io.n_groups = o->n_places;
	b->io = io_create(&io, why, WHY_MAX);
	if (b->io == NULL) {
		dpdk_destroy(&b->base);
		return -EIO;
	}
	*out = &b->base;
	return 0;
}

static int dpdk_start(struct backend *base, char why[WHY_MAX])
{
	struct dpdk_backend *b = dpdk_of(base);

	b->is_running = io_start(b->io, why, WHY_MAX) == 0;
	return b->is_running ? 0 : -EIO;
}

static void dpdk_stop(struct backend *base)
{
	struct dpdk_backend *b = dpdk_of(base);

	if (b->is_running)
		io_stop(b->io);
	b->is_running = false;
}

static void dpdk_destroy(struct backend *base)
{
	struct dpdk_backend *b = dpdk_of(base);

	if (base == NULL)
		return;
	dpdk_stop(base);
	io_destroy(b->io);
	free(b);
}

// ---- what control looks at ----

static struct bell *dpdk_bell(struct backend *base)
{
	return io_bell(dpdk_of(base)->io);
}

static void dpdk_wake(struct backend *base, uint32_t worker)
{
	io_wake(dpdk_of(base)->io, (uint8_t)worker);
}

static struct wire_addr dpdk_local(const struct backend *base, enum daemon_endpoint endpoint)
{
	return ((const struct dpdk_backend *)base)->endpoints[endpoint];
}

// Link-local addresses are of no use to who is told of them elsewhere.
static uint8_t add_reach(const struct config_port *p, uint16_t port,
			 struct wire_addr out[REPORTED_ADDRS_MAX], uint8_t n)
{
	for (uint32_t i = 0; i < p->n_addresses && n < REPORTED_ADDRS_MAX; i++) {
		const struct config_addr *a = &p->addresses[i];

		if (a->family == CONFIG_ADDR_IPV6 && a->ip[0] == 0xfe && (a->ip[1] & 0xc0) == 0x80)
			continue;
		out[n++] = wire_addr_of_config(a, port);
	}
	return n;
}

static uint8_t dpdk_reach(const struct backend *base, enum daemon_endpoint endpoint,
			  struct wire_addr out[REPORTED_ADDRS_MAX])
{
	const struct dpdk_backend *b = (const struct dpdk_backend *)base;
	struct wire_addr local = b->endpoints[endpoint];
	uint8_t n = 0;

	if (wire_addr_is_usable(&local)) {
		out[n++] = local;
		return n;
	}
	for (uint32_t i = 0; i < b->config->n_ports; i++)
		n = add_reach(&b->config->ports[i], local.port, out, n);
	return n;
}

static void dpdk_stats(struct backend *base, struct worker_stats *sum)
{
	io_stats(dpdk_of(base)->io, sum);
}

static void dpdk_gauge(struct backend *base, uint32_t worker, uint16_t group,
		       struct budget_gauge *g)
{
	const struct engine *e = dpdk_of(base)->engines[worker];

	if (e != NULL)
		*g = engine_budget_gauge(e, group);
}

static void dpdk_objects(struct backend *base, uint32_t worker, uint16_t group,
			 struct object_gauge *g)
{
	const struct engine *e = dpdk_of(base)->engines[worker];

	if (e != NULL)
		*g = engine_object_gauge(e, group);
}

static void dpdk_worker(struct backend *base, uint32_t worker, struct backend_worker *out)
{
	struct io_worker_stats s;

	io_worker_stats(dpdk_of(base)->io, (uint8_t)worker, &s);
	*out = (struct backend_worker){
		.cpu_us = s.cpu_us,
		.busy_us = s.busy_us,
		.turns = s.turns,
		.turns_idle = s.turns_idle,
		.sessions = s.sessions,
		.frames_handed = s.frames_handed,
		.fragments_lent = s.fragments_lent,
		.tc_rx_us = s.tc_rx_us,
		.tc_tx_us = s.tc_tx_us,
	};
}

static uint64_t unreachable(const struct link_counters *c)
{
	uint64_t sum = 0;

	for (int i = 0; i < ICMP_CODES; i++)
		sum += c->unreachable4[i] + c->unreachable6[i];
	return sum;
}

static void show_port(const struct io_port_stats *s, struct json_out *j)
{
	char mac[18];

	snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", s->port->mac.octets[0],
		 s->port->mac.octets[1], s->port->mac.octets[2], s->port->mac.octets[3],
		 s->port->mac.octets[4], s->port->mac.octets[5]);
	json_object_begin(j);
	json_put_string(j, "port", s->port->name);
	json_put_string(j, "device", s->port->device);
	json_put_string(j, "driver", s->port->driver);
	json_put_string(j, "mac", mac);
	json_put_bool(j, "link", s->link_is_up);
	json_put_u64(j, "rx_frames", s->links.rx_frames);
	json_put_u64(j, "tx_frames", s->links.tx_frames);
	json_put_u64(j, "rx_missed", s->device.rx_missed);
	json_put_u64(j, "tx_refused", s->links.tx_refused);
	json_put_u64(j, "arp_answered", s->links.arp_answered);
	json_put_u64(j, "nd_answered", s->links.nd_answered);
	json_put_u64(j, "conflicts", s->links.conflicts);
	json_put_u64(j, "reassembled", s->links.reassembled);
	json_put_u64(j, "unreachable", unreachable(&s->links));
	json_put_u64(j, "echoes_answered", s->links.echoes_answered);
	json_put_u64(j, "over_mtu", s->links.over_mtu);
	json_put_u64(j, "checksum_unverified", s->links.checksum_unverified);
	json_object_end(j);
}

static void dpdk_show_ports(struct backend *base, struct json_out *j)
{
	struct io *io = dpdk_of(base)->io;

	for (uint8_t i = 0; i < io_n_ports(io); i++) {
		struct io_port_stats s;

		io_port_stats(io, i, &s);
		show_port(&s, j);
	}
}

// ---- addresses and neighbours ----

static void put_mac(struct json_out *j, const char *name, const struct mac *m)
{
	char text[18];

	snprintf(text, sizeof(text), "%02x:%02x:%02x:%02x:%02x:%02x", m->octets[0], m->octets[1],
		 m->octets[2], m->octets[3], m->octets[4], m->octets[5]);
	json_put_string(j, name, text);
}

static void show_address(struct io *io, uint8_t i, struct json_out *j)
{
	static const char *const states[] = {[ADDR_READY] = "ready",
					     [ADDR_TENTATIVE] = "asked for",
					     [ADDR_DUPLICATE] = "duplicate"};
	char ip[IP_TEXT_SIZE], text[IP_TEXT_SIZE + 4];
	struct io_port_stats port;
	struct io_addr_view v;

	io_addr_view(io, i, &v);
	io_port_stats(io, v.port, &port);
	snprintf(text, sizeof(text), "%s/%u", ip_print(&v.ip, ip), v.prefix_len);
	json_object_begin(j);
	json_put_string(j, "port", port.port->name);
	json_put_string(j, "address", text);
	json_put_string(j, "state", states[v.state]);
	json_put_string(j, "gateway", ip_is_zero(&v.gateway) ? NULL : ip_print(&v.gateway, ip));
	json_object_end(j);
}

static void show_neighbour(struct io *io, const struct io_neighbour *n, struct json_out *j)
{
	static const char *const states[] = {[NEIGHBOUR_ASKING] = "asked for",
					     [NEIGHBOUR_REACHABLE] = "reachable",
					     [NEIGHBOUR_STALE] = "stale",
					     [NEIGHBOUR_PROBED] = "probed"};
	struct io_port_stats port;
	char ip[IP_TEXT_SIZE];

	io_port_stats(io, n->port, &port);
	json_object_begin(j);
	json_put_string(j, "port", port.port->name);
	json_put_u64(j, "worker", n->worker);
	json_put_string(j, "address", ip_print(&n->view.ip, ip));
	if (n->view.state == NEIGHBOUR_ASKING)
		json_put_string(j, "mac", NULL);
	else
		put_mac(j, "mac", &n->view.mac);
	json_put_string(j, "state", states[n->view.state]);
	json_put_u64(j, "confirmed_us", n->view.confirmed_ms * 1000ull);
	json_put_u64(j, "used_us", n->view.used_ms * 1000ull);
	json_object_end(j);
}

// ICMP's "unreachable", a row per code that was heard.
static void show_unreachable(const struct io_port_stats *p, struct json_out *j)
{
	for (unsigned i = 0; i < 2 * ICMP_CODES; i++) {
		bool is_v6 = i >= ICMP_CODES;
		unsigned code = i % ICMP_CODES;
		uint64_t n = is_v6 ? p->links.unreachable6[code] : p->links.unreachable4[code];

		if (n == 0)
			continue;
		json_object_begin(j);
		json_put_string(j, "port", p->port->name);
		json_put_u64(j, "family", is_v6 ? 6 : 4);
		json_put_u64(j, "code", code);
		json_put_u64(j, "heard", n);
		json_object_end(j);
	}
}

static void show_link(const struct io_port_stats *p, struct json_out *j)
{
	const struct link_counters *c = &p->links;

	json_object_begin(j);
	json_put_string(j, "port", p->port->name);
	json_put_u64(j, "asked", c->arp_asked + c->nd_asked);
	json_put_u64(j, "answered", c->arp_answered + c->nd_answered);
	json_put_u64(j, "announced", c->announced);
	json_put_u64(j, "conflicts", c->conflicts);
	json_put_u64(j, "silent", c->neighbours.silent);
	json_put_u64(j, "evicted", c->neighbours.evicted);
	json_put_u64(j, "refused", c->neighbours.refused);
	json_put_u64(j, "locked", c->neighbours.locked);
	json_put_u64(j, "routers", c->routers_heard);
	json_put_u64(j, "pieces", c->pieces);
	json_put_u64(j, "reassembled", c->reassembled);
	json_put_u64(j, "closed_answered", c->closed_answered);
	json_object_end(j);
}

static void show_each_port(struct io *io, struct json_out *j, const char *name,
			   void (*show)(const struct io_port_stats *, struct json_out *))
{
	json_key(j, name);
	json_array_begin(j);
	for (uint8_t i = 0; i < io_n_ports(io); i++) {
		struct io_port_stats s;

		io_port_stats(io, i, &s);
		show(&s, j);
	}
	json_array_end(j);
}

static void dpdk_show_links(struct backend *base, struct json_out *j)
{
	struct io *io = dpdk_of(base)->io;
	struct io_neighbour n;
	uint32_t at = 0;

	json_key(j, "addresses");
	json_array_begin(j);
	for (uint8_t i = 0; i < io_n_addrs(io); i++)
		show_address(io, i, j);
	json_array_end(j);
	json_key(j, "neighbours");
	json_array_begin(j);
	while (io_neighbour_next(io, &at, &n))
		show_neighbour(io, &n, j);
	json_array_end(j);
	show_each_port(io, j, "discovery", show_link);
	show_each_port(io, j, "unreachable", show_unreachable);
}

// Some port has fewer receive queues than there are workers.
static bool dpdk_spreads_sessions(const struct backend *base)
{
	return io_is_short_of_queues(((const struct dpdk_backend *)base)->io);
}

static bool dpdk_advice(struct backend *base, char *text, size_t size)
{
	return io_advice(dpdk_of(base)->io, text, size);
}

const struct backend_kind backend_dpdk = {
	.name = "dpdk",
	.create = dpdk_create,
	.destroy = dpdk_destroy,
	.start = dpdk_start,
	.stop = dpdk_stop,
	.bell = dpdk_bell,
	.wake = dpdk_wake,
	.local = dpdk_local,
	.reach = dpdk_reach,
	.stats = dpdk_stats,
	.worker = dpdk_worker,
	.gauge = dpdk_gauge,
	.objects = dpdk_objects,
	.show_ports = dpdk_show_ports,
	.show_links = dpdk_show_links,
	.advice = dpdk_advice,
	.spreads_sessions = dpdk_spreads_sessions,
};

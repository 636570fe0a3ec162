// What no single key can judge.

#include "config/load.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "config/cpus.h"

static const struct origin *origin_of(const struct loader *l, const void *field)
{
	const struct origin *o = l->origins;

	while (o != NULL && o->field != field)
		o = o->next;
	return field != NULL ? o : NULL;
}

bool rule_is_given(const struct loader *l, const void *field)
{
	return origin_of(l, field) != NULL;
}

bool rule_sees(const struct loader *l, const void *field)
{
	const struct origin *o = origin_of(l, field);

	return o == NULL || !o->is_bad;
}

void rule_broken(struct loader *l, const void *a, const void *b, const char *fmt, ...)
{
	struct yaml_place place = {1, 1, 1};
	char text[DIAG_TEXT];
	const struct origin *oa, *ob;
	va_list args;

	if (l->diag->n >= DIAG_MAX) { // will only be counted
		diag_add(l->diag, place, "more");
		return;
	}
	if (!rule_sees(l, a) || !rule_sees(l, b))
		return;
	oa = origin_of(l, a);
	ob = origin_of(l, b);
	if (oa != NULL)
		place = oa->place;
	else if (ob != NULL)
		place = ob->place;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	diag_add(l->diag, place, "%s", text);
}

enum { PEER_ID_DIGITS = 64 };

void rule_peer_ids(struct loader *l, const void *field, const char *const *ids, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (strlen(ids[i]) != PEER_ID_DIGITS ||
		    strspn(ids[i], "0123456789abcdefABCDEF") != PEER_ID_DIGITS)
			rule_broken(l, field, NULL, "%.80s is no peer ID (%d hex digits)", ids[i],
				    PEER_ID_DIGITS);
}

void rule_hash(struct loader *l, const void *field, const char *hash)
{
	if (hash[0] != '\0' && (strlen(hash) != PEER_ID_DIGITS ||
				strspn(hash, "0123456789abcdefABCDEF") != PEER_ID_DIGITS))
		rule_broken(l, field, NULL, "%.80s is no hash (%d hex digits)", hash,
			    PEER_ID_DIGITS);
}

// ---- ports ------------------------------------------------------------------------------------

// Host part all zeros or all ones names no host (RFC 1122 §3.2.1.3); /31 and /32 have none.
static bool is_host_v4(const struct config_addr *a)
{
	uint32_t ip = (uint32_t)a->ip[0] << 24 | (uint32_t)a->ip[1] << 16 |
		      (uint32_t)a->ip[2] << 8 | a->ip[3];
	uint32_t host_mask;

	if (ip >> 24 == 0 || ip >> 24 == 127 || ip >> 24 >= 224)
		return false;
	if (a->prefix_len >= 31)
		return true;
	host_mask = UINT32_MAX >> a->prefix_len;
	return (ip & host_mask) != 0 && (ip & host_mask) != host_mask;
}

// Not multicast, nor of ::/96 (unspecified, loopback), nor IPv4 in IPv6's dress.
static bool is_host_v6(const struct config_addr *a)
{
	static const uint8_t none[12], mapped[12] = {[10] = 0xff, [11] = 0xff};

	return a->ip[0] != 0xff && memcmp(a->ip, none, sizeof(none)) != 0 &&
	       memcmp(a->ip, mapped, sizeof(mapped)) != 0;
}

static bool is_host(const struct config_addr *a)
{
	if (a->prefix_len == 0)
		return false;
	return a->family == CONFIG_ADDR_IPV4 ? is_host_v4(a) : is_host_v6(a);
}

// A PCI address, another bus's ("vmbus:...", a UUID) or a virtual network device.
static bool is_device(const char *device)
{
	return strncmp(device, "net_", 4) == 0 || strncmp(device, "eth_", 4) == 0 ||
	       strchr(device, ':') != NULL || strchr(device, '-') != NULL;
}

// Length of "net_tap0" in "net_tap0,iface=x": two ports cannot be one device.
static size_t device_len(const char *device)
{
	return strcspn(device, ",");
}

static bool is_link_local(const struct config_addr *a)
{
	return a->family == CONFIG_ADDR_IPV6 && a->ip[0] == 0xfe && (a->ip[1] & 0xc0) == 0x80;
}

static void port_addresses(struct loader *l, const struct config_port *p)
{
	char text[ADDRESS_TEXT_SIZE];

	for (uint32_t i = 0; i < p->n_addresses; i++) {
		address_print(&p->addresses[i], text);
		if (!is_host(&p->addresses[i]))
			rule_broken(l, &p->addresses, NULL,
				    "%s is no host's address in its own network", text);
		for (uint32_t j = 0; j < i; j++)
			if (address_same_ip(&p->addresses[i], &p->addresses[j]))
				rule_broken(l, &p->addresses, NULL, "%s stands here twice", text);
	}
}

// A router of IPv6 is usually known by its link-local address, which every port with IPv6 reaches.
static bool is_neighbour(const struct config_port *p, const struct config_addr *gateway)
{
	bool has_ipv6 = false;

	for (uint32_t i = 0; i < p->n_addresses; i++) {
		if (address_in_prefix(gateway, &p->addresses[i]))
			return true;
		has_ipv6 |= p->addresses[i].family == CONFIG_ADDR_IPV6;
	}
	return has_ipv6 && is_link_local(gateway);
}

static void port_gateways(struct loader *l, const struct config_port *p)
{
	char text[ADDRESS_TEXT_SIZE];

	for (uint32_t i = 0; i < p->n_gateways; i++) {
		const struct config_addr *g = &p->gateways[i];

		address_print(g, text);
		if (!is_neighbour(p, g))
			rule_broken(l, &p->gateways, &p->addresses,
				    "the gateway %s is in none of the port's networks", text);
		for (uint32_t j = 0; j < p->n_addresses; j++)
			if (address_same_ip(g, &p->addresses[j]))
				rule_broken(l, &p->gateways, &p->addresses,
					    "the gateway %s is the port itself", text);
		if (i > 0 && g->family == p->gateways[0].family)
			rule_broken(l, &p->gateways, NULL,
				    "one gateway for IPv4 and one for IPv6 is all there can be");
	}
}

static void port_alone(struct loader *l, const struct config_port *p)
{
	const struct config *cfg = l->cfg;

	port_addresses(l, p);
	port_gateways(l, p);
	if (p->device != NULL && !is_device(p->device))
		rule_broken(l, &p->device, NULL,
			    "no PCI address and no virtual device; for a kernel interface write "
			    "`net_af_packet0,iface=%.32s`",
			    p->device);
	if (p->queues > cfg->workers.count)
		rule_broken(l, &p->queues, &cfg->workers.count,
			    "%" PRIu64 " queues need as many workers, workers.count is %" PRIu64,
			    p->queues, cfg->workers.count);
}

// Link-local ones are a matter of each network.
static void port_pair_addresses(struct loader *l, const struct config_port *p,
				const struct config_port *q, uint32_t q_idx)
{
	char text[ADDRESS_TEXT_SIZE];

	for (uint32_t i = 0; i < p->n_addresses; i++)
		for (uint32_t j = 0; j < q->n_addresses; j++) {
			if (!address_same_ip(&p->addresses[i], &q->addresses[j]) ||
			    is_link_local(&p->addresses[i]))
				continue;
			address_print(&p->addresses[i], text);
			rule_broken(l, &p->addresses, &q->addresses,
				    "ports[%u] has the address %s already", q_idx, text);
		}
}

static void port_pair(struct loader *l, const struct config_port *p, const struct config_port *q,
		      uint32_t q_idx)
{
	if (p->name != NULL && q->name != NULL && strcmp(p->name, q->name) == 0)
		rule_broken(l, &p->name, &q->name, "ports[%u] has this name already", q_idx);
	if (p->device != NULL && q->device != NULL &&
	    device_len(p->device) == device_len(q->device) &&
	    memcmp(p->device, q->device, device_len(p->device)) == 0)
		rule_broken(l, &p->device, &q->device, "ports[%u] is this device already", q_idx);
	port_pair_addresses(l, p, q, q_idx);
}

static void rules_ports(struct loader *l)
{
	const struct config *cfg = l->cfg;

	if (cfg->backend == CONFIG_BACKEND_DPDK && cfg->n_ports == 0)
		rule_broken(l, &cfg->ports, &cfg->backend,
			    "DPDK needs a port: list one under `ports`, or say `backend: udp`");
	for (uint32_t i = 0; i < cfg->n_ports; i++) {
		port_alone(l, &cfg->ports[i]);
		for (uint32_t j = 0; j < i; j++)
			port_pair(l, &cfg->ports[i], &cfg->ports[j], j);
	}
}

// ---- endpoints --------------------------------------------------------------------------------

static bool port_has(const struct config_port *p, const struct config_addr *a)
{
	for (uint32_t i = 0; i < p->n_addresses; i++)
		if (address_same_ip(&p->addresses[i], a))
			return true;
	return false;
}

static void endpoint_alone(struct loader *l, const struct config_endpoint *e)
{
	const struct config *cfg = l->cfg;

	if (cfg->backend != CONFIG_BACKEND_DPDK || address_is_any(&e->address) || cfg->n_ports == 0)
		return;
	for (uint32_t i = 0; i < cfg->n_ports; i++)
		if (cfg->ports[i].n_addresses == 0 || port_has(&cfg->ports[i], &e->address))
			return; // found, or not to be judged
	rule_broken(l, &e->address, &cfg->backend, "none of the ports has this address");
}

static void rules_endpoints(struct loader *l)
{
	const struct config_endpoint *s = &l->cfg->server, *m = &l->cfg->member;
	bool is_shared = address_is_any(&s->address) || address_is_any(&m->address) ||
			 address_same_ip(&s->address, &m->address);

	if (is_shared && s->port == m->port)
		rule_broken(l, &m->port, &s->port,
			    "the two endpoints need a port each, both have %" PRIu64, m->port);
	endpoint_alone(l, s);
	endpoint_alone(l, m);
}

// ---- applications -----------------------------------------------------------------------------

static void rules_apps(struct loader *l)
{
	const struct config *cfg = l->cfg;

	for (uint32_t i = 0; i < cfg->n_apps; i++) {
		const struct config_app *a = &cfg->apps[i];

		rule_peer_ids(l, &a->allow_peers, a->allow_peers, a->n_allow_peers);
		rule_peer_ids(l, &a->deny_peers, a->deny_peers, a->n_deny_peers);
		if (a->name != NULL && strchr(a->name, '/') != NULL)
			rule_broken(l, &a->name, NULL,
				    "a name ends before the first /, an instance follows there");
		for (uint32_t j = 0; j < i && l->diag->n < DIAG_MAX; j++)
			if (a->name != NULL && cfg->apps[j].name != NULL &&
			    strcmp(a->name, cfg->apps[j].name) == 0)
				rule_broken(l, &a->name, NULL, "apps[%u] has this name already", j);
	}
}

// ---- the rest ---------------------------------------------------------------------------------

static void rules_workers(struct loader *l)
{
	const struct config_workers *w = &l->cfg->workers;
	uint16_t cores[CPUS_MAX];
	unsigned n = 0;

	if (w->sleep_min_us > w->sleep_max_us)
		rule_broken(l, &w->sleep_min_us, &w->sleep_max_us,
			    "workers.sleep_min is above workers.sleep_max");
	if (cpus_parse(cores, CPUS_MAX, &n, w->cores, strlen(w->cores)) == 0 && n != 0 &&
	    n != w->count)
		rule_broken(l, &w->cores, &w->count, "%u cores for %" PRIu64 " workers", n,
			    w->count);
}

static void rules_limits(struct loader *l)
{
	const struct config *cfg = l->cfg;

	if (cfg->limits.reassembly_bytes < cfg->limits.message_bytes)
		rule_broken(l, &cfg->limits.reassembly_bytes, &cfg->limits.message_bytes,
			    "limits.reassembly cannot hold one message of limits.message");
}

// The member's certificate has keys of groups 2 and 14 (crypto/identity.h).
static void rules_security(struct loader *l)
{
	const struct config_security *s = &l->cfg->security;
	bool has_any = false, has_member = false;

	for (unsigned i = 0; i < s->dh_groups.n; i++) {
		unsigned group = s->dh_groups.words[i];

		if (group < s->dh_group_min)
			continue;
		has_any = true;
		has_member |= group == CONFIG_DH_2 || group == CONFIG_DH_14;
	}
	if (!has_any)
		rule_broken(l, &s->dh_group_min, &s->dh_groups,
			    "none of security.dh_groups is as strong as that");
	else if (!has_member)
		rule_broken(
			l, &s->dh_groups, &s->dh_group_min,
			"2 or 14 must be left of them: the member certificate has keys of these");
}

static void settle_endpoint(struct config_endpoint *e)
{
	for (uint32_t i = 0; i < e->n_public_addresses; i++)
		if (e->public_addresses[i].port == 0)
			e->public_addresses[i].port = (uint16_t)e->port;
}

int rules_apply(struct loader *l)
{
	rules_ports(l);
	rules_endpoints(l);
	rules_workers(l);
	rules_limits(l);
	rules_apps(l);
	rules_security(l);
	settle_endpoint(&l->cfg->server);
	settle_endpoint(&l->cfg->member);
	return rules_groups(l);
}

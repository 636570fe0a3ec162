#include "tests/sim/nat.h"

#include <assert.h>
#include <stdlib.h>

static bool is_same(struct net_addr a, struct net_addr b)
{
	return a.ip == b.ip && a.port == b.port;
}

static void drop_port(struct nat *t, uint32_t i)
{
	free(t->ports[i].permits);
	t->ports[i] = t->ports[--t->n];
}

static void expire(struct nat *t, uint64_t now_us)
{
	for (uint32_t i = t->n; t->opts.timeout_us > 0 && i-- > 0;)
		if (now_us - t->ports[i].used_us > t->opts.timeout_us)
			drop_port(t, i);
}

static struct nat_port *add_port(struct nat *t, struct net_addr inner, struct net_addr far)
{
	if (t->n == t->cap) {
		t->cap = t->cap != 0 ? 2 * t->cap : 8;
		t->ports = realloc(t->ports, t->cap * sizeof(*t->ports));
		assert(t->ports != NULL);
	}
	assert(t->next_outer < UINT16_MAX);
	t->ports[t->n] = (struct nat_port){.inner = inner, .far = far, .outer = t->next_outer++};
	return &t->ports[t->n++];
}

static struct nat_port *port_for(struct nat *t, struct net_addr inner, struct net_addr far)
{
	for (uint32_t i = 0; i < t->n; i++)
		if (is_same(t->ports[i].inner, inner) &&
		    (t->opts.kind != NAT_SYMMETRIC || is_same(t->ports[i].far, far)))
			return &t->ports[i];
	return add_port(t, inner, far);
}

// A permit to answer lasts as long as a port does, counted from what was sent to that address last
// (RFC 4787, 5: what connection tracking does).
static bool lets_in(const struct nat *t, const struct nat_port *p, struct net_addr far,
		    uint64_t now_us)
{
	if (t->opts.kind == NAT_FULL_CONE)
		return true;
	for (uint32_t i = 0; i < p->n_permits; i++) {
		const struct nat_permit *permit = &p->permits[i];

		if (t->opts.timeout_us > 0 && now_us - permit->used_us > t->opts.timeout_us)
			continue;
		if (permit->far.ip == far.ip &&
		    (permit->far.port == far.port || t->opts.kind == NAT_ADDRESS_RESTRICTED))
			return true;
	}
	return false;
}

static void remember(struct nat_port *p, struct net_addr far, uint64_t now_us)
{
	for (uint32_t i = 0; i < p->n_permits; i++) {
		if (is_same(p->permits[i].far, far)) {
			p->permits[i].used_us = now_us;
			return;
		}
	}
	if (p->n_permits == p->permits_cap) {
		p->permits_cap = p->permits_cap != 0 ? 2 * p->permits_cap : 8;
		p->permits = realloc(p->permits, p->permits_cap * sizeof(*p->permits));
		assert(p->permits != NULL);
	}
	p->permits[p->n_permits++] = (struct nat_permit){far, now_us};
}

struct net_addr nat_out(struct nat *t, struct net_addr inner, struct net_addr far, uint64_t now_us)
{
	struct nat_port *p;

	expire(t, now_us);
	p = port_for(t, inner, far);
	p->used_us = now_us; // by what goes out alone: what strangers send keeps no port open
	remember(p, far, now_us);
	return (struct net_addr){t->ip, p->outer};
}

bool nat_in(struct nat *t, struct net_addr far, uint16_t outer, struct net_addr *inner,
	    uint64_t now_us)
{
	expire(t, now_us);
	for (uint32_t i = 0; i < t->n; i++) {
		const struct nat_port *p = &t->ports[i];

		if (p->outer != outer)
			continue;
		*inner = p->inner;
		return lets_in(t, p, far, now_us);
	}
	return false;
}

void nat_forget(struct nat *t)
{
	while (t->n > 0)
		drop_port(t, t->n - 1);
}

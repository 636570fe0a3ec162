#include "dataplane/io/presence.h"

static bool reached(uint32_t at_ms, uint32_t now_ms)
{
	return (int32_t)(now_ms - at_ms) >= 0;
}

static bool is_v6(const struct host *h, uint8_t addr)
{
	return h->addrs[addr].v4 == 0;
}

static void report_groups(struct presence *p, uint32_t now_ms)
{
	p->reports = PRESENCE_REPORTS;
	p->report_at_ms = now_ms;
	p->report_is_answer = false;
}

static void announce(struct presence_addr *a, uint32_t now_ms)
{
	a->announces = PRESENCE_ANNOUNCES;
	a->at_ms = now_ms;
}

void presence_init(struct presence *p, const struct host *h, const struct host_link *l,
		   bool takes_router, uint32_t now_ms)
{
	memset(p, 0, sizeof(*p));
	p->takes_router = takes_router;
	presence_link_up(p, h, l, now_ms);
}

void presence_link_up(struct presence *p, const struct host *h, const struct host_link *l,
		      uint32_t now_ms)
{
	for (uint8_t i = 0; i < l->n_addrs; i++)
		if (h->addrs[l->first + i].state == ADDR_READY)
			announce(&p->addrs[i], now_ms);
		else if (h->addrs[l->first + i].state == ADDR_TENTATIVE)
			p->addrs[i].is_probed = false;
	if (host_has_ipv6(h, l) || h->n_groups > 0)
		report_groups(p, now_ms);
	if (!host_has_ipv6(h, l))
		return;
	if (p->takes_router && !p->has_router) {
		p->router_asks = PRESENCE_ROUTER_ASKS;
		p->router_ask_at_ms = now_ms + PRESENCE_PROBE_MS; // when there is an address
	}
}

// -- what is to be done --

// One address's next step, if its time has come.
static bool step_addr(struct presence *p, struct host *h, const struct host_link *l, uint8_t i,
		      uint32_t now_ms, struct presence_step *s)
{
	struct host_addr *addr = &h->addrs[l->first + i];
	struct presence_addr *a = &p->addrs[i];

	s->addr = (uint8_t)(l->first + i);
	if (addr->state == ADDR_TENTATIVE && !a->is_probed) {
		a->is_probed = true;
		a->at_ms = now_ms + PRESENCE_PROBE_MS;
		s->what = PRESENCE_PROBE;
		return true;
	}
	if (addr->state == ADDR_TENTATIVE && reached(a->at_ms, now_ms)) {
		addr->state = ADDR_READY;
		announce(a, now_ms);
		s->what = PRESENCE_READY;
		return true;
	}
	if (addr->state != ADDR_READY || a->announces == 0 || !reached(a->at_ms, now_ms))
		return false;
	a->announces--;
	a->at_ms = now_ms + PRESENCE_ANNOUNCE_MS;
	s->what = PRESENCE_ANNOUNCE;
	return true;
}

static bool step_link(struct presence *p, struct host_link *l, uint32_t now_ms,
		      struct presence_step *s)
{
	if (p->reports > 0 && reached(p->report_at_ms, now_ms)) {
		p->reports--;
		p->report_at_ms = now_ms + PRESENCE_REPORT_MS;
		s->what = PRESENCE_REPORT;
		s->is_answer = p->report_is_answer;
		return true;
	}
	if (p->router_asks > 0 && reached(p->router_ask_at_ms, now_ms)) {
		p->router_asks--;
		p->router_ask_at_ms = now_ms + PRESENCE_ROUTER_ASK_MS;
		s->what = PRESENCE_ASK_ROUTER;
		return true;
	}
	if (p->has_router && reached(p->router_until_ms, now_ms)) {
		p->has_router = false;
		l->gateways[1] = (struct ip_addr){0};
		s->what = PRESENCE_NO_ROUTER;
		return true;
	}
	return false;
}

// Groups first: where a switch snoops, the answers to a probe reach only who has said so.
bool presence_next(struct presence *p, struct host *h, struct host_link *l, uint32_t now_ms,
		   struct presence_step *s)
{
	*s = (struct presence_step){0};
	if (step_link(p, l, now_ms, s))
		return true;
	for (uint8_t i = 0; i < l->n_addrs; i++)
		if (step_addr(p, h, l, i, now_ms, s))
			return true;
	return false;
}

static uint32_t sooner(uint32_t wait_ms, uint32_t at_ms, uint32_t now_ms)
{
	uint32_t left = reached(at_ms, now_ms) ? 0 : at_ms - now_ms;

	return left < wait_ms ? left : wait_ms;
}

uint32_t presence_wait_ms(const struct presence *p, const struct host *h, const struct host_link *l,
			  uint32_t now_ms)
{
	uint32_t wait_ms = UINT32_MAX;

	for (uint8_t i = 0; i < l->n_addrs; i++) {
		const struct presence_addr *a = &p->addrs[i];
		uint8_t state = h->addrs[l->first + i].state;

		if (state == ADDR_TENTATIVE && !a->is_probed)
			return 0;
		if (state == ADDR_TENTATIVE || (state == ADDR_READY && a->announces > 0))
			wait_ms = sooner(wait_ms, a->at_ms, now_ms);
	}
	if (p->reports > 0)
		wait_ms = sooner(wait_ms, p->report_at_ms, now_ms);
	if (p->router_asks > 0)
		wait_ms = sooner(wait_ms, p->router_ask_at_ms, now_ms);
	if (p->has_router)
		wait_ms = sooner(wait_ms, p->router_until_ms, now_ms);
	return wait_ms;
}

// -- what others say --

// One that is being asked for belongs to who has it. One that is in use stays: whoever just took it
// hears that once, and people hear of it (RFC 5227 §2.4 b; RFC 4862 leaves it open).
bool presence_conflict(struct presence *p, struct host *h, uint8_t addr, uint32_t now_ms)
{
	struct host_addr *mine = &h->addrs[addr];
	struct presence_addr *a = &p->addrs[addr - h->links[mine->link].first];

	p->conflicts++;
	if (mine->state == ADDR_TENTATIVE) {
		mine->state = ADDR_DUPLICATE;
		return true;
	}
	if (mine->state != ADDR_READY ||
	    (a->has_defended && now_ms - a->defended_ms < PRESENCE_DEFEND_MS))
		return false;
	a->has_defended = true;
	a->defended_ms = now_ms;
	if (a->announces == 0) {
		a->announces = 1;
		a->at_ms = now_ms;
	}
	return false;
}

void presence_on_query(struct presence *p, uint32_t delay_ms, uint16_t part, uint32_t now_ms)
{
	if (p->reports > 0) // something is about to be said anyway
		return;
	if (delay_ms > 60000) // §5.1.3 allows hours: nobody's router has forgotten us then
		delay_ms = 60000;
	p->reports = 1;
	p->report_is_answer = true;
	p->report_at_ms = now_ms + (uint32_t)((uint64_t)delay_ms * part >> 16);
}

bool presence_on_router(struct presence *p, struct host_link *l, const struct ip_addr *router,
			uint16_t lifetime_s, uint32_t now_ms)
{
	bool is_ours = p->has_router && ip_equal(&l->gateways[1], router);

	if (!p->takes_router || (p->has_router && !is_ours) || (lifetime_s == 0 && !is_ours))
		return false;
	p->router_asks = 0;
	p->router_until_ms = now_ms + lifetime_s * 1000u;
	if (lifetime_s == 0) // presence_next takes it away
		return false;
	p->has_router = true;
	l->gateways[1] = *router;
	return !is_ours;
}

static uint8_t add_configured(const struct host *h, bool is_v4, struct ip_group *groups, uint8_t n,
			      uint8_t max)
{
	for (uint8_t i = 0; i < h->n_groups && n < max; i++)
		if (ip_is_v4(&h->groups[i].group.ip) == is_v4)
			groups[n++] = h->groups[i].group;
	return n;
}

uint8_t presence_groups(const struct host *h, const struct host_link *l,
			struct ip_group groups[MLD_GROUPS_MAX])
{
	uint8_t n = 0;

	for (uint8_t i = l->first; i < l->first + l->n_addrs && n < MLD_GROUPS_MAX; i++) {
		uint8_t j = 0;

		if (!is_v6(h, i))
			continue;
		groups[n] = (struct ip_group){.ip = ip_solicited_node(&h->addrs[i].ip)};
		while (!ip_equal(&groups[j].ip, &groups[n].ip))
			j++;
		n += j == n;
	}
	return n > 0 ? add_configured(h, false, groups, n, MLD_GROUPS_MAX) : 0;
}

uint8_t presence_groups_v4(const struct host *h, const struct host_link *l,
			   struct ip_group groups[IGMP_GROUPS_MAX])
{
	for (uint8_t i = l->first; i < l->first + l->n_addrs; i++)
		if (h->addrs[i].v4 != 0)
			return add_configured(h, true, groups, 0, IGMP_GROUPS_MAX);
	return 0;
}

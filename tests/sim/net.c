#include "tests/sim/net.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/random.h"
#include "tests/sim/frame_heap.h"
#include "tests/sim/nat.h"

#define IP_UDP_BYTES  28
#define PUBLIC_BASE   0x05000000u // 5.0.0.0: every address there is a host, a translator or free
#define PRIVATE_BASE  0x0a000000u // 10.0.0.0 + host
#define NAT_PORT_BASE 20000
#define NOBODY        UINT32_MAX
#define OWNER_NAT     0x80000000u // in owners: a translator, not a host

struct line {
	struct net_link link;
	uint64_t busy_us;    // until when the queue drains
	uint64_t last_us;    // latest arrival, for keeps_order
	uint32_t burst_left; // to be lost next
};

struct host {
	uint32_t ip, nat, island;
	struct line up, down;
};

struct net {
	struct random_state random_state;
	struct random random;
	net_deliver *deliver;
	void *deliver_ctx;
	net_tap *tap;
	void *tap_ctx;
	net_herald *herald;
	void *herald_ctx;
	struct host *hosts;
	struct nat *nats;
	uint32_t *owners; // of the public address with that index
	uint32_t n_hosts, hosts_cap, n_nats, nats_cap, n_owners, owners_cap;
	struct frame_heap air;
	struct net_counters counters;
};

// ---- making ----

static void *grow(void *array, uint32_t n, uint32_t *cap, size_t size)
{
	if (n < *cap)
		return array;
	*cap = *cap != 0 ? 2 * *cap : 16;
	array = realloc(array, *cap * size);
	assert(array != NULL);
	return array;
}

struct net *net_create(uint64_t seed, net_deliver *deliver, void *ctx)
{
	struct net *n = calloc(1, sizeof(*n));

	assert(n != NULL);
	n->random = random_seeded(&n->random_state, seed);
	n->deliver = deliver;
	n->deliver_ctx = ctx;
	return n;
}

void net_destroy(struct net *n)
{
	for (uint32_t i = 0; i < n->n_nats; i++) {
		nat_forget(&n->nats[i]);
		free(n->nats[i].ports);
	}
	frame_heap_clear(&n->air);
	free(n->hosts);
	free(n->nats);
	free(n->owners);
	free(n);
}

void net_set_tap(struct net *n, net_tap *tap, void *ctx)
{
	n->tap = tap;
	n->tap_ctx = ctx;
}

void net_set_herald(struct net *n, net_herald *herald, void *ctx)
{
	n->herald = herald;
	n->herald_ctx = ctx;
}

static uint32_t public_ip(struct net *n, uint32_t owner)
{
	n->owners = grow(n->owners, n->n_owners, &n->owners_cap, sizeof(*n->owners));
	n->owners[n->n_owners++] = owner;
	return PUBLIC_BASE + n->n_owners; // the first is 5.0.0.1
}

uint32_t net_nat(struct net *n, const struct net_nat_opts *o)
{
	n->nats = grow(n->nats, n->n_nats, &n->nats_cap, sizeof(*n->nats));
	n->nats[n->n_nats] = (struct nat){
		.opts = *o, .ip = public_ip(n, n->n_nats | OWNER_NAT), .next_outer = NAT_PORT_BASE};
	return n->n_nats++;
}

uint32_t net_host(struct net *n, uint32_t nat, const struct net_link *up,
		  const struct net_link *down)
{
	uint32_t i = n->n_hosts;

	assert(nat == NET_PUBLIC || nat < n->n_nats);
	n->hosts = grow(n->hosts, i, &n->hosts_cap, sizeof(*n->hosts));
	n->hosts[i] = (struct host){.nat = nat, .up.link = *up, .down.link = *down};
	n->hosts[i].ip = nat == NET_PUBLIC ? public_ip(n, i) : PRIVATE_BASE + i + 1;
	n->n_hosts++;
	return i;
}

uint32_t net_ip(const struct net *n, uint32_t host)
{
	return n->hosts[host].ip;
}

uint32_t net_nat_ip(const struct net *n, uint32_t nat)
{
	return n->nats[nat].ip;
}

struct net_link *net_up(struct net *n, uint32_t host)
{
	return &n->hosts[host].up.link;
}

struct net_link *net_down(struct net *n, uint32_t host)
{
	return &n->hosts[host].down.link;
}

void net_move(struct net *n, uint32_t host)
{
	struct host *h = &n->hosts[host];

	assert(h->nat == NET_PUBLIC);
	n->owners[h->ip - PUBLIC_BASE - 1] = NOBODY;
	h->ip = public_ip(n, host);
}

void net_move_to(struct net *n, uint32_t host, uint32_t ip)
{
	uint32_t i = ip - PUBLIC_BASE - 1;
	struct host *h = &n->hosts[host];

	assert(h->nat == NET_PUBLIC && i < n->n_owners && n->owners[i] == NOBODY);
	n->owners[h->ip - PUBLIC_BASE - 1] = NOBODY;
	n->owners[i] = host;
	h->ip = ip;
}

void net_nat_forget(struct net *n, uint32_t nat)
{
	nat_forget(&n->nats[nat]);
}

void net_island(struct net *n, uint32_t host, uint32_t island)
{
	n->hosts[host].island = island;
}

const struct net_counters *net_counters(const struct net *n)
{
	return &n->counters;
}

// ---- lines ----

static bool happens(struct net *n, uint32_t permille)
{
	return permille > 0 && random_below(&n->random, 1000) < permille;
}

// Bursts begin so often that the part lost of all is loss_permille.
static bool is_lost(struct net *n, struct line *l)
{
	uint64_t burst = l->link.burst > 1 ? l->link.burst : 1;
	uint64_t loss = l->link.loss_permille, whole = loss + burst * (1000 - loss);

	if (l->burst_left == 0) {
		if (loss == 0 || random_below(&n->random, whole) >= loss)
			return false;
		l->burst_left = (uint32_t)burst;
	}
	l->burst_left--;
	return true;
}

static bool is_dark(const struct net_link *l, uint64_t now_us)
{
	return l->dark_us > 0 && now_us % l->dark_every_us < l->dark_us;
}

// When the last bit has left; false: the queue is full.
static bool depart(struct line *l, uint32_t bytes, uint64_t now_us, uint64_t *at_us)
{
	uint64_t wait_us = l->busy_us > now_us ? l->busy_us - now_us : 0;

	*at_us = now_us;
	if (l->link.rate_bps == 0)
		return true;
	if (wait_us * l->link.rate_bps / 8000000 + bytes > l->link.queue_bytes)
		return false;
	l->busy_us = now_us + wait_us + (uint64_t)bytes * 8000000 / l->link.rate_bps;
	*at_us = l->busy_us;
	return true;
}

static uint64_t flight_us(struct net *n, const struct net_link *l)
{
	uint64_t us = l->delay_us;

	if (l->jitter_us > 0)
		us += random_below(&n->random, l->jitter_us + 1);
	if (l->tail_us > 0) {
		double u = (double)(1 + random_below(&n->random, 1u << 30)) / (1u << 30);

		us += (uint64_t)(-log(u) * l->tail_us);
	}
	return happens(n, l->reorder_permille) ? us + l->reorder_us : us;
}

// Into the air: it comes out of the line when the frame's time has come.
static void fly(struct net *n, struct line *l, struct frame *f, uint64_t from_us)
{
	f->at_us = from_us + flight_us(n, &l->link);
	if (l->link.keeps_order && f->at_us < l->last_us)
		f->at_us = l->last_us;
	l->last_us = f->at_us;
	frame_heap_push(&n->air, f);
}

static void cross(struct net *n, struct line *l, struct frame *f, uint64_t now_us)
{
	uint64_t from_us;

	if (is_dark(&l->link, now_us)) {
		n->counters.dark++;
	} else if (l->link.mtu > 0 && f->len + (uint32_t)IP_UDP_BYTES > l->link.mtu) {
		n->counters.too_big++;
	} else if (is_lost(n, l)) {
		n->counters.lost++;
	} else if (!depart(l, f->len + IP_UDP_BYTES, now_us, &from_us)) {
		n->counters.overflown++;
	} else {
		if (happens(n, l->link.corrupt_permille)) {
			f->data[random_below(&n->random, f->len)] ^= 1u
								     << random_below(&n->random, 8);
			n->counters.corrupted++;
		}
		if (happens(n, l->link.duplicate_permille)) {
			fly(n, l, frame_copy(&n->air, f), from_us);
			n->counters.duplicated++;
		}
		fly(n, l, f, from_us);
		return;
	}
	frame_heap_give(&n->air, f);
}

// ---- between the lines ----

static bool is_private(uint32_t ip)
{
	return ip >= PRIVATE_BASE;
}

static uint32_t host_behind(const struct net *n, uint32_t nat, uint32_t ip)
{
	uint32_t host = ip - PRIVATE_BASE - 1;

	return host < n->n_hosts && n->hosts[host].nat == nat ? host : NOBODY;
}

// The host that a frame with a public destination is for; its destination becomes the inner one.
static uint32_t route_public(struct net *n, struct frame *f, uint64_t now_us)
{
	uint32_t owner, i = f->dst.ip - PUBLIC_BASE - 1;
	struct nat *t;

	if (i >= n->n_owners || n->owners[i] == NOBODY) {
		n->counters.unroutable++;
		return NOBODY;
	}
	owner = n->owners[i];
	if ((owner & OWNER_NAT) == 0)
		return owner;
	t = &n->nats[owner & ~OWNER_NAT];
	if ((f->src.ip == t->ip && !t->opts.does_hairpin) ||
	    !nat_in(t, f->src, f->dst.port, &f->dst, now_us)) {
		n->counters.filtered++;
		return NOBODY;
	}
	return host_behind(n, owner & ~OWNER_NAT, f->dst.ip);
}

static uint32_t route(struct net *n, struct frame *f, uint64_t now_us)
{
	const struct host *from = &n->hosts[f->from];
	uint32_t to;

	if (is_private(f->dst.ip)) {
		to = from->nat != NET_PUBLIC && !n->nats[from->nat].opts.keeps_apart
			     ? host_behind(n, from->nat, f->dst.ip)
			     : NOBODY;
		n->counters.unroutable += to == NOBODY;
	} else {
		to = route_public(n, f, now_us);
	}
	if (to != NOBODY && n->hosts[to].island != from->island) {
		n->counters.dark++;
		return NOBODY;
	}
	return to;
}

void net_send(struct net *n, uint32_t host, uint16_t src_port, struct net_addr dst,
	      const uint8_t *data, uint16_t len, uint64_t now_us)
{
	struct net_addr src = {n->hosts[host].ip, src_port};
	struct frame *f;

	n->counters.sent++;
	if (n->tap != NULL && !n->tap(n->tap_ctx, host, src, dst, data, len)) {
		n->counters.lost++;
		return;
	}
	// The translator is the host's neighbour: what the line then loses has opened a port.
	if (n->hosts[host].nat != NET_PUBLIC && !is_private(dst.ip))
		src = nat_out(&n->nats[n->hosts[host].nat], src, dst, now_us);
	f = frame_create(&n->air, data, len);
	f->from = host;
	f->src = src;
	f->dst = dst;
	cross(n, &n->hosts[host].up, f, now_us);
}

bool net_step(struct net *n, uint64_t now_us)
{
	struct frame *f = frame_heap_pop(&n->air, now_us);

	if (f == NULL)
		return false;
	if (f->is_down) {
		n->counters.delivered++;
		n->deliver(n->deliver_ctx, f->to, f->src, f->dst, f->data, f->len);
		frame_heap_give(&n->air, f);
		return true;
	}
	f->to = route(n, f, f->at_us);
	f->is_down = true;
	if (f->to == NOBODY) {
		frame_heap_give(&n->air, f);
		return true;
	}
	if (n->herald != NULL)
		n->herald(n->herald_ctx, f->to, f->data, f->len);
	cross(n, &n->hosts[f->to].down, f, f->at_us);
	return true;
}

const void *net_frames(const struct net *n)
{
	return n->air.cells;
}

uint64_t net_deadline_us(const struct net *n)
{
	return frame_heap_next_us(&n->air);
}

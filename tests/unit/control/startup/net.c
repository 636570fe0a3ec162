#include "tests/unit/control/startup/net.h"

#include "tests/support/test.h"

#define HOST_SESSIONS 32

struct wire_addr addr(const char *text)
{
	struct wire_addr a;

	assert_int_equal(wire_addr_parse(&a, text), 0);
	return a;
}

struct net *net_create(uint64_t seed)
{
	struct net *n = calloc(1, sizeof(*n));

	assert_non_null(n);
	n->random = random_seeded(&n->random_state, seed);
	n->now_us = NET_START_US;
	n->delay_us = 20000;
	n->air = calloc(NET_AIR_MAX, sizeof(*n->air));
	assert_non_null(n->air);
	return n;
}

static void host_pump(struct host *h);

static void host_fini(struct host *h)
{
	host_pump(h);
	assert_int_equal(h->worker.n_strange_keys, 0);
	assert_int_equal(body_pool_lent(h->bodies), 0);
	assert_int_equal(body_pool_lent(h->worker.bodies), 0);
	startup_destroy(h->startup);
	outbox_destroy(h->outbox);
	h->keyer->keyer.destroy(&h->keyer->keyer);
	body_pool_destroy(h->bodies);
	fake_worker_fini(&h->worker);
}

void net_destroy(struct net *n)
{
	for (unsigned i = 0; i < n->n_hosts; i++)
		host_fini(&n->hosts[i]);
	free(n->air);
	free(n);
}

// -- events --

static struct seen *seen_add(struct host *h, enum seen_kind kind, struct ctl_session *s)
{
	struct seen *seen = &h->seen[h->n_seen];

	assert_true(h->n_seen < NET_SEEN_MAX);
	h->n_seen++;
	*seen = (struct seen){.kind = kind, .at_us = h->net->now_us, .session = s};
	seen->id = s != NULL ? s->id : 0;
	return seen;
}

static void on_opened(void *ctx, struct ctl_session *s, void *user)
{
	assert_int_equal(s->state, CTL_OPEN);
	seen_add(ctx, SEEN_OPENED, s)->user = user;
}

static void on_failed(void *ctx, void *user, enum open_failure why, struct ctl_session *existing)
{
	struct seen *seen = seen_add(ctx, SEEN_FAILED, existing);

	assert_int_equal(existing != NULL, why == OPEN_DUPLICATE);
	seen->user = user;
	seen->why = why;
}

static void on_closed(void *ctx, struct ctl_session *s, enum session_close_reason reason)
{
	seen_add(ctx, SEEN_CLOSED, s)->reason = reason;
}

static void on_moved(void *ctx, struct ctl_session *s)
{
	seen_add(ctx, SEEN_MOVED, s);
}

const struct seen *host_seen(const struct host *h, enum seen_kind kind)
{
	const struct seen *found = NULL;

	assert_int_equal(host_n_seen(h, kind), 1);
	for (unsigned i = 0; i < h->n_seen; i++)
		if (h->seen[i].kind == kind)
			found = &h->seen[i];
	return found;
}

unsigned host_n_seen(const struct host *h, enum seen_kind kind)
{
	unsigned n = 0;

	for (unsigned i = 0; i < h->n_seen; i++)
		n += h->seen[i].kind == kind;
	return n;
}

// -- the network --

static bool is_permitted(const struct host *h, const struct wire_addr *from)
{
	if (!h->is_natted)
		return true;
	for (unsigned i = 0; i < h->n_permits; i++)
		if (wire_addr_equal(&h->permits[i], from))
			return true;
	return false;
}

static void permit(struct host *h, const struct wire_addr *to)
{
	if (!h->is_natted || is_permitted(h, to))
		return;
	assert_true(h->n_permits < NET_PERMITS_MAX);
	h->permits[h->n_permits++] = *to;
}

static void net_send(void *ctx, uint8_t endpoint, const struct datagram *octets)
{
	struct host *h = ctx;
	struct net *n = h->net;
	struct datagram d = *octets;

	d.from = h->addrs[endpoint];
	d.at_us = n->now_us + n->delay_us;
	if (n->jitter_us > 0)
		d.at_us += random_below(&n->random, n->jitter_us + 1);
	permit(h, &d.to);
	n->n_sent++;
	if (random_below(&n->random, 1000) < n->loss_permille ||
	    (n->filter != NULL && !n->filter(n->filter_ctx, &d))) {
		n->n_lost++;
		return;
	}
	assert_true(n->n_air < NET_AIR_MAX);
	n->air[n->n_air++] = d;
}

static void net_deliver(struct net *n, const struct datagram *d)
{
	for (unsigned i = 0; i < n->n_hosts; i++) {
		struct host *h = &n->hosts[i];

		for (uint8_t e = 0; e < h->n_endpoints; e++) {
			if (!wire_addr_equal(&h->addrs[e], &d->to) || !is_permitted(h, &d->from))
				continue;
			fake_worker_receive(&h->worker, e, d, n->now_us);
			host_pump(h);
		}
	}
}

// The earliest, of those the first sent.
static struct datagram *air_first(struct net *n)
{
	struct datagram *first = NULL;

	for (unsigned i = 0; i < n->n_air; i++)
		if (first == NULL || n->air[i].at_us < first->at_us)
			first = &n->air[i];
	return first;
}

static void host_reports(struct host *h)
{
	struct report r;

	while (mailbox_pop(h->worker.reports, &r)) {
		if (r.op == REP_BODIES_PUT)
			outbox_bodies_put(h->outbox, &r);
		else
			assert_true(
				startup_report(h->startup, h->worker.worker, &r, h->net->now_us));
	}
}

static void host_pump(struct host *h)
{
	do {
		host_reports(h);
		outbox_flush(h->outbox);
	} while (fake_worker_commands(&h->worker, h->net->now_us));
	host_reports(h);
}

static uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static void hosts_due(struct net *n)
{
	for (unsigned i = 0; i < n->n_hosts; i++) {
		struct host *h = &n->hosts[i];

		if (min_u64(startup_deadline_us(h->startup), slow_keyer_deadline_us(h->keyer)) <=
		    n->now_us)
			startup_timers(h->startup, n->now_us);
		if (fake_worker_deadline_us(&h->worker) <= n->now_us)
			fake_worker_timers(&h->worker, n->now_us);
		host_pump(h);
	}
}

static uint64_t net_deadline_us(struct net *n)
{
	const struct datagram *d = air_first(n);
	uint64_t at_us = d != NULL ? d->at_us : UINT64_MAX;

	for (unsigned i = 0; i < n->n_hosts; i++) {
		at_us = min_u64(at_us, startup_deadline_us(n->hosts[i].startup));
		at_us = min_u64(at_us, slow_keyer_deadline_us(n->hosts[i].keyer));
		at_us = min_u64(at_us, fake_worker_deadline_us(&n->hosts[i].worker));
	}
	return at_us > n->now_us ? at_us : n->now_us;
}

static void net_step(struct net *n)
{
	struct datagram *d;

	while ((d = air_first(n)) != NULL && d->at_us <= n->now_us) {
		struct datagram one = *d;

		// In order, so that equal times stay in the order of sending.
		n->n_air--;
		memmove(d, d + 1, (size_t)(&n->air[n->n_air] - d) * sizeof(*d));
		net_deliver(n, &one);
	}
	hosts_due(n);
}

static bool net_run(struct net *n, uint64_t end_us, const struct host *h, unsigned n_seen)
{
	for (unsigned i = 0; i < n->n_hosts; i++)
		host_pump(&n->hosts[i]);
	for (;;) {
		uint64_t at_us = net_deadline_us(n);

		if (h != NULL && h->n_seen >= n_seen)
			return true;
		if (at_us > end_us)
			break;
		n->now_us = at_us;
		net_step(n);
	}
	n->now_us = end_us;
	return false;
}

void net_run_us(struct net *n, uint64_t us)
{
	net_run(n, n->now_us + us, NULL, 0);
}

bool net_run_until(struct net *n, const struct host *h, unsigned n_seen, uint64_t limit_us)
{
	return net_run(n, n->now_us + limit_us, h, n_seen);
}

void assert_same_keys(const struct ctl_session *a, const struct ctl_session *b)
{
	assert_int_equal(a->far_id, b->id);
	assert_int_equal(b->far_id, a->id);
	assert_memory_equal(a->near_nonce, b->far_nonce, 32);
	assert_memory_equal(a->far_nonce, b->near_nonce, 32);
	assert_int_equal(a->tx_tag_len, b->rx_tag_len);
	assert_int_equal(a->rx_tag_len, b->tx_tag_len);
	assert_int_equal(a->tx_sseq, b->rx_sseq);
	assert_int_equal(a->rx_sseq, b->tx_sseq);
	assert_int_equal(a->dh_group, b->dh_group);
	assert_true(a->is_alive && b->is_alive);
	assert_true(a->is_initiator != b->is_initiator);
}

// -- hosts --

static void identity_take(struct host *h, const struct host_opts *opts)
{
	if (opts->identity != NULL)
		h->identity = *opts->identity;
	else
		assert_int_equal(identity_generate(&h->identity, opts->kind, &h->net->random), 0);
}

static void host_start(struct host *h, const struct host_opts *opts)
{
	struct startup_endpoint ends[FAKE_ENDPOINTS_MAX];
	struct startup_opts so = opts->startup;

	memcpy(ends, opts->ends, sizeof(ends));
	for (uint8_t e = 0; e < opts->n_endpoints; e++) {
		h->addrs[e] = addr(opts->addrs[e]);
		ends[e].identity = e == 0 ? &h->identity.member : &h->identity.server;
	}
	so.outbox = h->outbox;
	so.keyer = &h->keyer->keyer;
	so.random = &h->net->random;
	so.endpoints = ends;
	so.n_endpoints = opts->n_endpoints;
	so.sessions_max = so.sessions_max > 0 ? so.sessions_max : HOST_SESSIONS;
	so.events = (struct startup_events){h, on_opened, on_failed, on_closed, on_moved};
	h->startup = startup_create(&so, h->net->now_us);
	assert_non_null(h->startup);
	host_pump(h);
}

struct host *net_host(struct net *n, const struct host_opts *opts)
{
	struct host *h = &n->hosts[n->n_hosts];

	assert_true(n->n_hosts < NET_HOSTS_MAX);
	n->n_hosts++;
	h->net = n;
	h->n_endpoints = opts->n_endpoints;
	h->is_natted = opts->is_natted;
	identity_take(h, opts);
	fake_worker_init(&h->worker, 0);
	h->worker.send = net_send;
	h->worker.ctx = h;
	h->bodies = body_pool_create(4u << 20);
	h->outbox = outbox_create(&h->worker.commands, 1, h->bodies);
	h->keyer = slow_keyer_create(&n->random, &n->now_us, opts->keying_us);
	assert_true(h->bodies != NULL && h->outbox != NULL && h->keyer != NULL);
	host_start(h, opts);
	return h;
}

struct host *net_peer(struct net *n, const char *at)
{
	return net_host(n, &(struct host_opts){
				   .addrs = {at},
				   .n_endpoints = 1,
				   .ends = {{.answers_hello = true,
					     .answers_fihello = true,
					     .may_initiate = true}},
				   .kind = IDENTITY_PEER,
			   });
}

struct host *net_appliance(struct net *n, const char *member, const char *server)
{
	return net_host(n, &(struct host_opts){
				   .addrs = {member, server},
				   .n_endpoints = 2,
				   .ends = {{.answers_hello = true,
					     .public_addrs = {addr(member)},
					     .n_public = 1},
					    {.answers_hello = true, .introduces = true}},
				   .kind = IDENTITY_APPLIANCE,
			   });
}

struct opening *host_open(struct host *h, const uint8_t fingerprint[32], const char *at, void *user)
{
	struct wire_addr candidate = addr(at);
	uint8_t epd[34] = {0x21, 0x0f};
	struct ctl_session *existing;
	struct open_opts opts = {
		.epd = span_of(epd, sizeof(epd)),
		.candidates = &candidate,
		.n_candidates = 1,
		.user = user,
	};
	struct opening *o;

	memcpy(epd + 2, fingerprint, 32);
	o = startup_open(h->startup, &opts, &existing, h->net->now_us);
	assert_non_null(o);
	return o;
}

// Redirector and forwarder at once (RFC 7016 §3.5.1.4 to 3.5.1.6, rtmfp.md 15): whoever asks for a
// registered peer is told where that is, and the peer who asks, so that both open their NATs.
// Nothing is remembered of it: every IHello is answered anew.
#include <assert.h>

#include "control/startup/internal.h"
#include "crypto/epd.h"

// An answer to an unproven address is at most three times its question. The shortest that names a
// fingerprint, without a tag, fills a datagram of 52 octets; with so many octets of addresses a
// Redirect fills one of 132.
#define REDIRECT_ADDRS_BYTES 112
#define REDIRECT_CHUNK_MAX   1280

struct question {
	uint32_t worker;
	uint8_t endpoint;
	struct wire_addr from;
	uint32_t allowance;
	struct ihello hello;
	struct epd epd;
};

static bool is_ours(const struct startup *st, const struct wire_addr *a)
{
	for (unsigned e = 0; e < st->n_ends; e++)
		for (unsigned i = 0; i < st->ends[e].opts.n_public; i++)
			if (wire_addr_equal(&st->ends[e].opts.public_addrs[i], a))
				return true;
	return false;
}

// A list that grows up to what an unproven address may be sent.
static void addr_add(struct redirect *d, size_t *bytes, const struct wire_addr *a,
		     enum addr_origin origin, const struct wire_addr *asker)
{
	if (d->n_addrs == REDIRECT_ADDRS_MAX || !may_point_to(a, asker) ||
	    *bytes + wire_addr_len(a) > REDIRECT_ADDRS_BYTES)
		return;
	for (unsigned i = 0; i < d->n_addrs; i++)
		if (wire_addr_equal(&d->addrs[i], a))
			return;
	*bytes += wire_addr_len(a);
	d->addrs[d->n_addrs] = *a;
	d->addrs[d->n_addrs++].origin = (uint8_t)origin;
}

// It may be lost like its question, and is repeated as an RHello is: as often as three times a padded
// question covers. What it makes open at the other end is open for a while.
// False: there is nothing to say, and an empty Redirect would mean ourselves.
static bool redirect_send(struct startup *st, const struct question *q, struct redirect *d)
{
	uint8_t chunk[REDIRECT_CHUNK_MAX];
	struct wr w = wr_over(chunk, sizeof(chunk));

	d->tag_echo = q->hello.tag;
	if (d->n_addrs == 0 || redirect_write(&w, d) != 0)
		return false;
	packet_answer(st, q->worker, q->endpoint, &q->from, wr_span(&w), q->allowance);
	st->counters.hellos_redirected++;
	return true;
}

static struct seat *registered_find(struct startup *st, const struct question *q)
{
	struct seat *s = NULL;

	while ((s = directory_by_print(st->directory, q->endpoint, q->epd.fingerprint.data, s)) !=
	       NULL)
		if (s->ctl.state == CTL_OPEN && s->ctl.is_alive && s->ctl.is_registered)
			return s;
	return NULL;
}

// The observed address first (requirement 125), then what the peer says of itself.
static bool point_to_session(struct startup *st, const struct question *q,
			     const struct ctl_session *target)
{
	struct redirect d = {.n_addrs = 0};
	size_t bytes = 0;

	addr_add(&d, &bytes, &target->far, ADDR_OBSERVED, &q->from);
	for (unsigned i = 0; i < target->n_reported; i++)
		if (!is_ours(st, &target->reported[i]))
			addr_add(&d, &bytes, &target->reported[i], ADDR_LOCAL, &q->from);
	return redirect_send(st, q, &d);
}

static void forward(const struct question *q, struct ctl_session *target)
{
	uint8_t chunk[REDIRECT_CHUNK_MAX];
	struct wr w = wr_over(chunk, sizeof(chunk));
	struct fihello f = {.epd = q->hello.epd, .reply_addr = q->from, .tag = q->hello.tag};

	f.reply_addr.origin = ADDR_OBSERVED;
	// Not forwarded for want of room: the initiator's next IHello tries again.
	if (fihello_write(&w, &f) == 0)
		(void)ctl_session_chunk(target, wr_span(&w));
}

static void introduce(struct startup *st, const struct question *q, struct seat *target,
		      uint64_t now_us)
{
	if (wire_addr_equal(&target->ctl.far, &q->from)) { // asks for itself
		st->counters.hellos_unknown++;
		return;
	}
	if (!token_take(&target->introductions, &st->introductions_per_target, now_us)) {
		st->counters.hellos_rate_limited++;
		return;
	}
	if (point_to_session(st, q, &target->ctl))
		forward(q, &target->ctl);
}

static struct near_end *endpoint_find(struct startup *st, const uint8_t fingerprint[32])
{
	for (unsigned e = 0; e < st->n_ends; e++)
		if (memcmp(st->ends[e].certificate.fingerprint, fingerprint, FINGERPRINT_LEN) == 0)
			return &st->ends[e];
	return NULL;
}

static void point_to_endpoint(struct startup *st, const struct question *q,
			      const struct near_end *end)
{
	struct redirect d = {.n_addrs = 0};
	size_t bytes = 0;

	for (unsigned i = 0; i < end->opts.n_public; i++)
		addr_add(&d, &bytes, &end->opts.public_addrs[i], ADDR_LOCAL, &q->from);
	if (!redirect_send(st, q, &d))
		st->counters.hellos_unknown++;
}

void introducer_hello(struct startup *st, uint32_t worker, const struct report *r, uint64_t now_us)
{
	struct question q = {
		.worker = worker,
		.endpoint = r->packet.from.endpoint,
		.from = wire_addr_of(&r->packet.from, ADDR_OBSERVED),
		.allowance = r->packet.allowance,
	};
	struct near_end *end;
	struct seat *target;

	if (!near_end_at(st, q.endpoint)->opts.introduces ||
	    ihello_read(&q.hello, span_of(r->body->data, r->len)) != 0 ||
	    epd_read(&q.epd, q.hello.epd) != 0 || q.epd.fingerprint.data == NULL) {
		st->counters.hellos_unknown++;
		return;
	}
	// To ourselves the way costs nobody else anything, and a thousand members behind one
	// address who look for each other must not keep each other from us.
	end = endpoint_find(st, q.epd.fingerprint.data);
	if (end != NULL) {
		point_to_endpoint(st, &q, end);
		return;
	}
	if (!token_table_take(st->introductions, &q.from, now_us)) {
		st->counters.hellos_rate_limited++;
		return;
	}
	target = registered_find(st, &q);
	if (target != NULL)
		introduce(st, &q, target, now_us);
	else
		st->counters.hellos_unknown++; // nothing is the answer (requirement 124)
}

// A Forwarded IHello (RFC 7016 §3.5.1.4): somebody whom our introducer sends wants to open to us.
// We answer to where it is, which opens our NAT for it. With an RHello: only the worker can make
// the cookie, and that saves the initiator a round trip over an Implied Redirect.
#include "control/startup/internal.h"
#include "crypto/epd.h"

#define REPLY_TAG_MAX 64 // an answer to an address that only the forwarder vouches for stays small

static bool is_for_us(struct startup *st, const struct seat *via, const struct fihello *f)
{
	const struct near_end *end = near_end_at(st, via->ctl.endpoint);
	struct epd epd;

	return end->opts.answers_fihello && f->tag.len <= REPLY_TAG_MAX &&
	       epd_read(&epd, f->epd) == 0 && epd_selects(&epd, &end->certificate) &&
	       may_point_to(&f->reply_addr, &via->ctl.far);
}

static void reply(struct startup *st, const struct seat *via, const struct fihello *f)
{
	struct command c = {.op = CMD_HELLO_REPLY, .len = (uint32_t)f->tag.len};

	if (outbox_is_crowded(st->outbox, via->ctl.worker))
		return;
	c.body = outbox_body_copy(st->outbox, f->tag.data, c.len);
	if (c.body == NULL)
		return;
	c.packet.to = msg_addr_of(&f->reply_addr, via->ctl.endpoint);
	outbox_push(st->outbox, via->ctl.worker, &c);
}

void fihello_report(struct startup *st, uint32_t worker, const struct report *r, uint64_t now_us)
{
	struct seat *via = directory_find(st->directory, worker, r->session_idx, r->session_id);
	struct fihello f;

	if (via == NULL || via->ctl.state != CTL_OPEN ||
	    fihello_read(&f, span_of(r->body->data, r->len)) != 0 || !is_for_us(st, via, &f)) {
		st->counters.unexpected++;
		return;
	}
	// Per forwarder and per address, or a bad introducer could make us knock at a third party's
	// door.
	if (!token_take(&via->introductions, &st->introductions_per_target, now_us) ||
	    !token_table_take(st->introductions, &f.reply_addr, now_us)) {
		st->counters.hellos_rate_limited++;
		return;
	}
	st->counters.fihellos_in++;
	reply(st, via, &f);
}

// A session whose pings stay unanswered: the path may be dark, and then it lives on when there is
// light again; or the far end has been started anew and no longer knows it. An endpoint answers an
// IHello without any state, so an IHello to the session's address, with its identity, tells the two
// apart. An RHello while our pings are not answered is no proof: it ends nothing, but the session
// is challenged as if somebody else had come from there (rtmfp.md 7.2, pitfall), and a new life is
// met within seconds instead of the 100 that a keepalive takes to give up.
//
// Nothing here can be used against a session: who forges an RHello must have seen our tag, and
// gains a ping.
#include <string.h>

#include "control/startup/internal.h"
#include "dataplane/wire/group_member.h"

// Who hears our hello may still not answer a ping: our address has changed, and is being verified
// (§3.5.4.2), or packets are lost. Nobody waits for the place, so there is time, and twice what the
// hello and its answer took beyond that.
#define LIMIT_US 4000000

static struct opening *question_of(struct startup *st, const struct seat *s)
{
	struct opening *o = NULL;

	while ((o = opening_next(st, o)) != NULL)
		if (o->asks_for == s->ctl.id)
			return o;
	return NULL;
}

static void ask(struct startup *st, struct seat *s, uint64_t now_us)
{
	struct opening *o = opening_take(st, s->ctl.endpoint);
	struct wr w;

	if (o == NULL)
		return; // all openings are in use: the keepalive's limit will do
	w = wr_over(o->epd, sizeof(o->epd));
	wr_peer_epd(&w, s->ctl.fingerprint);
	o->epd_len = (uint16_t)w.len;
	o->asks_for = s->ctl.id;
	o->worker = s->ctl.worker;
	o->last_us = now_us + OPEN_TIMEOUT_MS * UINT64_C(1000);
	o->limit_us = OPEN_TIMEOUT_MS * UINT64_C(1000);
	opening_limit_anew(o, now_us);
	st->counters.questions++;
	startup_open_add(o, &s->ctl.far, 1, now_us);
}

void startup_health(struct startup *st, struct ctl_session *cs, enum session_health health,
		    uint64_t now_us)
{
	struct seat *s = seat_of(cs);

	if (health == HEALTH_GOOD)
		silence_ends(st, s);
	else if (now_us >= s->challenge_end_us &&
		 near_end_at(st, cs->endpoint)->opts.may_initiate && question_of(st, s) == NULL)
		ask(st, s, now_us);
}

void silence_ends(struct startup *st, const struct seat *s)
{
	struct opening *o = question_of(st, s);

	if (o != NULL)
		opening_give(o);
}

static bool is_same_host(const struct wire_addr *a, const struct wire_addr *b)
{
	return a->family == b->family && memcmp(a->ip, b->ip, a->family == 6 ? 16 : 4) == 0;
}

// A server that was started anew has forgotten our session to each of its endpoints, and not all
// are due for a ping: what we have with that host is asked in the same breath. If it is one
// translator's for many, they answer.
void silence_answered(struct startup *st, struct opening *o, uint64_t now_us)
{
	struct seat *silent = directory_find_id(st->directory, o->asks_for), *s;
	uint32_t at = 0, limit_us = (uint32_t)(LIMIT_US + 2 * o->rtt_max_us);

	opening_give(o);
	if (silent == NULL || silent->ctl.state != CTL_OPEN)
		return;
	st->counters.forgotten++;
	while ((s = directory_next(st->directory, &at)) != NULL)
		if (s->ctl.state == CTL_OPEN && is_same_host(&s->ctl.far, &silent->ctl.far))
			seat_challenge(st, s, limit_us, now_us);
}

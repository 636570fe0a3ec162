// A session's alarms. One entry on the wheel stands for all of them: when it fires, what is due is
// done and the earliest of the rest goes back on the wheel.
#include "dataplane/core/session_life.h"

#include "dataplane/core/clock.h"
#include "dataplane/core/pmtu.h"
#include "dataplane/core/timer.h"

#define UNACKED_LIMIT_MS 120000 // nothing acknowledged for so long: given up (§12)
// Silence beyond the first ping, unless control says otherwise: an outage of 60 s, and the pings
// after it, which come 10 s apart by then and of which one may be lost.
#define KEEPALIVE_LIMIT_MS 85000
#define PATIENCE_MIN_MS    1000 // §7.2: max(3 ERTO, 1 s)
#define PINGED_TOGETHER    64   // sessions side by side

static uint32_t us_to_ms(uint32_t us)
{
	return us / 1000 + (us % 1000 != 0);
}

static uint32_t later_ms(uint32_t a_ms, uint32_t b_ms)
{
	return ms_reached(a_ms, b_ms) ? b_ms : a_ms;
}

// ERTO without the back-off of what a dead far end left unanswered.
static uint32_t erto_fresh_ms(const struct session *s)
{
	uint32_t us = s->heard & HEARD_RTT ? s->mrto_us : s->erto_us;

	return us_to_ms(us > ERTO_MIN_MS * 1000 ? us : ERTO_MIN_MS * 1000);
}

// How long a far end may take that is well, whatever a packet on the way suffers.
static uint32_t patience_ms(const struct session *s)
{
	uint32_t ms = 3 * erto_fresh_ms(s);

	return ms > PATIENCE_MIN_MS ? ms : PATIENCE_MIN_MS;
}

static void ping(struct engine *e, uint32_t idx)
{
	session_cold_at(e, idx)->wants |= WANT_PING;
	session_mark(e, idx, DUE_CHUNK);
}

// The earliest of what is set goes on the wheel.
static void rearm(struct engine *e, uint32_t idx)
{
	struct session *s = session_at(e, idx);
	const struct session_cold *c = session_cold_at(e, idx);

	if (s->flags & SESSION_ERTO_ARMED)
		session_alarm(e, idx, s->erto_at_ms);
	if (s->delack_at_ms != 0)
		session_alarm(e, idx, s->delack_at_ms);
	for (uint32_t i = 0; i < ALARM_N; i++) {
		if (c->alarms & 1u << i)
			session_alarm(e, idx, c->alarm_at_ms[i]);
	}
}

// -- health --

// What control wants to hear of (REP_SESSION_HEALTH). Only pings bring it up: who has traffic is
// well.
static void tell_health(struct engine *e, uint32_t idx, enum session_health health)
{
	const struct session *s = session_at(e, idx);
	struct session_cold *c = session_cold_at(e, idx);
	uint32_t rtt_us = s->heard & HEARD_RTT ? s->srtt_us : 0, told_us = c->told_rtt_us;
	uint32_t off_us = rtt_us > told_us ? rtt_us - told_us : told_us - rtt_us;

	if (health == c->health && (c->suspect_ms == 0 || off_us <= told_us / 4))
		return;
	c->health = (uint8_t)health;
	c->told_rtt_us = rtt_us;
	session_tell(e, idx, TELL_HEALTH);
}

// Of one that has been silent for long enough, control finds out what it is (HEALTH_SILENT).
static void tell_silence(struct engine *e, uint32_t idx, uint32_t since_ms)
{
	const struct session_cold *c = session_cold_at(e, idx);

	if (c->keepalive_ms != 0 && c->health == HEALTH_GOOD &&
	    e->now_ms - since_ms >= patience_ms(session_at(e, idx)))
		tell_health(e, idx, HEALTH_SILENT);
}

// -- retransmission --

static void on_erto(struct engine *e, uint32_t idx)
{
	struct session *s = session_at(e, idx);
	struct session_cold *c = session_cold_at(e, idx);

	if (s->in_flight_bytes == 0) {
		s->heard &= ~HEARD_NO_ACK & HEARD_ALL;
	} else if (!(s->heard & HEARD_NO_ACK)) {
		s->heard |= HEARD_NO_ACK;
		c->unacked_since_ms = e->now_ms;
	} else if (e->now_ms - c->unacked_since_ms >= UNACKED_LIMIT_MS) {
		session_give_up(e, idx);
		return;
	} else {
		tell_silence(e, idx, later_ms(s->last_rx_ms, c->unacked_since_ms));
	}
	flows_on_erto(e, idx);
}

// -- keepalive --

// When the far end has been silent for long enough, or up to an eighth of it sooner: so that
// sessions side by side are asked in one turn, and not each in its own. Others, and other engines,
// at other times: nobody's turn shall be full of pings.
static uint32_t ping_at_ms(const struct engine *e, uint32_t idx)
{
	uint32_t ms = e->cold[idx].keepalive_ms, at_ms = e->sessions[idx].last_rx_ms + ms;
	uint32_t step_ms = ms >= 8 ? 1u << (31 - __builtin_clz(ms / 8)) : 1;
	uint32_t phase = e->ping_phase + idx / PINGED_TOGETHER * 0x9e3779b9u;

	return at_ms - ((at_ms + phase) & (step_ms - 1));
}

void session_keepalive_set(struct engine *e, uint32_t idx, uint32_t interval_us, uint32_t limit_us,
			   uint32_t suspect_us)
{
	struct session_cold *c = session_cold_at(e, idx);
	uint32_t ms = us_to_ms(interval_us), at_ms;

	if (c->suspect_ms == 0)
		c->told_rtt_us = 0; // to somebody else, if at all
	c->suspect_ms = us_to_ms(suspect_us);
	tell_health(e, idx, c->health);
	c->keepalive_ms = ms;
	c->keepalive_limit_ms = limit_us != 0 ? us_to_ms(limit_us) : ms + KEEPALIVE_LIMIT_MS;
	c->is_pinged = false;
	c->alarms &= ~(1u << ALARM_KEEPALIVE);
	if (ms == 0)
		return;
	// Of its silence so far: who is asked for sooner may have been silent for longer.
	at_ms = ping_at_ms(e, idx);
	session_cold_alarm(e, idx, ALARM_KEEPALIVE,
			   ms_reached(at_ms, e->now_ms) ? e->now_ms : at_ms);
}

// The first of a silence, or repeated: not more often than once per ERTO (§3.5.4).
static void keepalive_ping(struct engine *e, uint32_t idx)
{
	struct session *s = session_at(e, idx);
	struct session_cold *c = session_cold_at(e, idx);

	if (c->is_pinged)
		session_erto_backoff(s); // no reply within ERTO
	else
		c->pinged_ms = e->now_ms;
	c->is_pinged = true;
	c->ping_at_ms = e->now_ms + us_to_ms(s->erto_us);
	ping(e, idx);
}

// Who is silent is suspect when a ping has been unanswered for long enough, however long he was
// silent before. When to look at him again.
static uint32_t look_at_silent(struct engine *e, uint32_t idx)
{
	struct session_cold *c = session_cold_at(e, idx);
	uint32_t suspect_at_ms = c->pinged_ms + c->suspect_ms;
	uint32_t limit_at_ms = session_at(e, idx)->last_rx_ms + c->keepalive_limit_ms;
	uint32_t at_ms = c->ping_at_ms;

	if (c->suspect_ms != 0 && ms_reached(suspect_at_ms, e->now_ms))
		tell_health(e, idx, HEALTH_SUSPECT);
	else
		tell_silence(e, idx, c->pinged_ms);
	if (c->suspect_ms != 0 && c->health != HEALTH_SUSPECT && ms_reached(suspect_at_ms, at_ms))
		at_ms = suspect_at_ms;
	return ms_reached(limit_at_ms, at_ms) ? limit_at_ms : at_ms;
}

static void on_keepalive(struct engine *e, uint32_t idx)
{
	struct session *s = session_at(e, idx);
	struct session_cold *c = session_cold_at(e, idx);
	uint32_t silent_ms = e->now_ms - s->last_rx_ms, at_ms = ping_at_ms(e, idx);

	if (!ms_reached(at_ms, e->now_ms)) {
		c->is_pinged = false;
		tell_health(e, idx, HEALTH_GOOD);
		session_cold_alarm(e, idx, ALARM_KEEPALIVE, at_ms);
		return;
	}
	if (silent_ms >= c->keepalive_limit_ms) {
		engine_stir(e);
		session_give_up(e, idx);
		return;
	}
	if (!c->is_pinged || ms_reached(c->ping_at_ms, e->now_ms))
		keepalive_ping(e, idx);
	session_cold_alarm(e, idx, ALARM_KEEPALIVE, look_at_silent(e, idx));
}

// Packets move the alarm by last_rx_ms alone: it fires, finds that out and goes on. Two that keep
// each other alive with nothing but pings would have such an idle alarm for each ping and each
// answer, so these move the wheel's entry.
void session_keepalive_heard(struct engine *e, uint32_t idx)
{
	struct session *s = session_at(e, idx);
	struct session_cold *c = session_cold_at(e, idx);

	if (!(c->alarms & 1u << ALARM_KEEPALIVE))
		return;
	c->is_pinged = false;
	tell_health(e, idx, HEALTH_GOOD);
	c->alarm_at_ms[ALARM_KEEPALIVE] = ping_at_ms(e, idx);
	timer_cancel(e->wheel, idx);
	s->alarm_ms = 0;
	rearm(e, idx);
}

// -- challenge: another identity wants this far end's address (§7.2 3b) --

static void challenge_wait(struct engine *e, uint32_t idx)
{
	struct session_cold *c = session_cold_at(e, idx);
	uint32_t at_ms = e->now_ms + erto_fresh_ms(session_at(e, idx));

	if (ms_reached(c->challenge_end_ms, at_ms))
		at_ms = c->challenge_end_ms;
	ping(e, idx);
	session_cold_alarm(e, idx, ALARM_CHALLENGE, at_ms);
}

void session_challenge(struct engine *e, uint32_t idx, uint32_t limit_us)
{
	struct session *s = session_at(e, idx);
	struct session_cold *c = session_cold_at(e, idx);
	uint32_t limit_ms = us_to_ms(limit_us);

	if (s->is_challenged)
		return; // asked again while we wait
	if (limit_us == 0)
		limit_ms = patience_ms(s);
	s->is_challenged = true;
	c->challenge_us = e->now_us;
	c->challenge_end_ms = e->now_ms + limit_ms;
	challenge_wait(e, idx);
}

// A far end may have forgotten us while what it said before is still on its way. An echo is our own
// clock as the far end knows it when it sends (§3.5.2.2), so it is never ahead of that moment.
void session_challenge_heard(struct engine *e, uint32_t idx, uint16_t echo)
{
	uint16_t asked = clock_ticks(session_cold_at(e, idx)->challenge_us);

	if ((int16_t)(echo - asked) >= 0)
		session_at(e, idx)->is_challenged = false;
}

// Who echoes would have echoed with the answer to a ping: this one never does.
void session_challenge_replied(struct engine *e, uint32_t idx)
{
	struct session *s = session_at(e, idx);

	if (!(s->flags & SESSION_HAS_ECHO_RX))
		s->is_challenged = false;
}

static void on_challenge(struct engine *e, uint32_t idx)
{
	const struct session_cold *c = session_cold_at(e, idx);

	if (!session_at(e, idx)->is_challenged)
		return; // it spoke
	if (ms_reached(c->challenge_end_ms, e->now_ms))
		session_destroy(e, idx,
				CLOSED_TIMEOUT); // whoever is there now would not understand
	else
		challenge_wait(e, idx);
}

// -- closing --

static void on_close(struct engine *e, uint32_t idx)
{
	session_cold_at(e, idx)->wants |= WANT_CLOSE;
	session_mark(e, idx, DUE_CHUNK);
	session_cold_alarm(e, idx, ALARM_CLOSE, e->now_ms + CLOSE_INTERVAL_MS);
}

static void on_end(struct engine *e, uint32_t idx)
{
	session_destroy(e, idx, CLOSED_BY_US); // the true reason was noted on leaving S_OPEN
}

// -- its budget --

static void on_budget(struct engine *e, uint32_t idx)
{
	if (session_at(e, idx)->state == S_OPEN)
		flows_open_again(e, idx);
}

static void (*const on_cold_alarm[ALARM_N])(struct engine *, uint32_t) = {
	[ALARM_KEEPALIVE] = on_keepalive, [ALARM_CHALLENGE] = on_challenge,
	[ALARM_CLOSE] = on_close,         [ALARM_END] = on_end,
	[ALARM_PROBE] = flows_on_probe,   [ALARM_PMTU] = pmtu_on_alarm,
	[ALARM_ABUSE] = session_on_abuse, [ALARM_BUDGET] = on_budget,
};

// -- the wheel's entry --

static void fire(struct engine *e, uint32_t idx)
{
	struct session *s = session_at(e, idx);
	struct session_cold *c = session_cold_at(e, idx);

	if (s->flags & SESSION_ERTO_ARMED && ms_reached(s->erto_at_ms, e->now_ms)) {
		engine_stir(e);
		s->flags &= (uint8_t)~SESSION_ERTO_ARMED;
		on_erto(e, idx);
	}
	if (s->delack_at_ms != 0 && ms_reached(s->delack_at_ms, e->now_ms)) {
		s->delack_at_ms = 0;
		engine_stir(e);
		flows_on_delack(e, idx);
	}
	for (uint32_t i = 0; i < ALARM_N; i++) {
		if (!(c->alarms & 1u << i) || !ms_reached(c->alarm_at_ms[i], e->now_ms))
			continue;
		c->alarms &= ~(1u << i);
		if (i != ALARM_KEEPALIVE)
			engine_stir(e);
		on_cold_alarm[i](e, idx);
	}
}

void session_on_alarm(struct engine *e, uint32_t idx)
{
	session_at(e, idx)->alarm_ms = 0;
	fire(e, idx);
	if (session_at(e, idx)->state != S_CLOSED)
		rearm(e, idx);
}

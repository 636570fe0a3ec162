// A session's life: reserved, open, closing, gone (RFC 7016 §3.5). What it says and hears meanwhile
// is in session_chunks.c and rx_packet.c, its alarms in session_alarm.c.
#include "dataplane/core/session_life.h"

#include <assert.h>
#include <string.h>

#include "dataplane/core/clock.h"
#include "dataplane/core/early.h"
#include "dataplane/core/pmtu.h"
#include "dataplane/core/rx.h"
#include "dataplane/core/session_chunks.h"
#include "dataplane/core/timer.h"

static_assert(SEED_INITIATOR == SESSION_IS_INITIATOR && SEED_TX_SSEQ == SESSION_TX_SSEQ &&
		      SEED_RX_SSEQ == SESSION_RX_SSEQ,
	      "seeds say it in the session's own flags");
#define SEED_FLAGS (SEED_INITIATOR | SEED_TX_SSEQ | SEED_RX_SSEQ)

#define LAST_WORD_MS 1000 // a Close Ack that cannot leave for so long was not worth waiting for

// -- lists --

static void data_list_push(struct data_list *l, uint32_t idx)
{
	if (l->next[idx] != 0)
		return;
	l->next[idx] = 1;
	if (l->head == SESSION_NONE)
		l->head = idx;
	else
		l->next[l->tail] = idx + 2;
	l->tail = idx;
}

void session_mark(struct engine *e, uint32_t idx, uint8_t due)
{
	struct session *s = session_at(e, idx);

	s->due |= due;
	if (due & (DUE_ACK | DUE_CHUNK | DUE_DATA) && !(s->due & DUE_LISTED)) {
		s->due |= DUE_LISTED;
		s->next_ready = SESSION_NONE;
		if (e->ready_head == SESSION_NONE)
			e->ready_head = idx;
		else
			session_at(e, e->ready_tail)->next_ready = idx;
		e->ready_tail = idx;
	}
	for (int i = 0; i < DATA_LISTS_N && due & (DUE_MEDIA | DUE_BULK | DUE_POST); i++) {
		if (due & due_of_list(i))
			data_list_push(&e->data[i], idx);
	}
}

void session_alarm(struct engine *e, uint32_t idx, uint32_t at_ms)
{
	struct session *s = session_at(e, idx);

	at_ms += at_ms == 0; // 0 says: not on the wheel
	if (s->alarm_ms != 0 && ms_reached(s->alarm_ms, at_ms))
		return; // it looks earlier, and will find this one
	s->alarm_ms = at_ms;
	timer_set(e->wheel, idx, at_ms);
}

void session_cold_alarm(struct engine *e, uint32_t idx, enum session_alarm which, uint32_t at_ms)
{
	struct session_cold *c = session_cold_at(e, idx);

	c->alarms |= 1u << which;
	c->alarm_at_ms[which] = at_ms;
	session_alarm(e, idx, at_ms);
}

// -- telling control --

static void slot_free(struct engine *e, uint32_t idx)
{
	session_at(e, idx)->id_rx = 0;
}

static bool tell_one(struct engine *e, uint32_t idx, uint8_t tell)
{
	struct session_cold *c = session_cold_at(e, idx);
	struct report r = {.session_idx = idx, .session_id = session_at(e, idx)->id_rx};
	const struct path *p = &e->paths[idx];

	switch (tell) {
	case TELL_ALIVE:
		r.op = REP_SESSION_ALIVE;
		break;
	case TELL_MOVED:
		r.op = REP_SESSION_MOVED;
		memcpy(r.addr.ip, p->addr, sizeof(r.addr.ip));
		r.addr.port = p->port;
		r.addr.family = p->family;
		r.addr.endpoint = p->endpoint;
		r.addr.local = p->local;
		break;
	case TELL_HEALTH:
		r.op = REP_SESSION_HEALTH;
		r.health.rtt_us = c->told_rtt_us;
		r.health.level = c->health;
		break;
	case TELL_CLOSING:
		r.op = REP_SESSION_CLOSING;
		r.closed.reason = c->close_reason;
		break;
	default:
		r.op = REP_SESSION_CLOSED;
		r.closed.reason = c->close_reason;
	}
	return engine_report(e, &r);
}

static bool tell_all(struct engine *e, uint32_t idx)
{
	struct session_cold *c = session_cold_at(e, idx);

	while (c->tells != 0) {
		uint8_t first = c->tells & -c->tells;

		if (!tell_one(e, idx, first))
			return false;
		c->tells &= (uint8_t)~first;
		if (first == TELL_CLOSED)
			slot_free(e, idx);
	}
	return true;
}

void session_tell(struct engine *e, uint32_t idx, uint8_t tells)
{
	struct session_cold *c = session_cold_at(e, idx);

	c->tells |= tells;
	if (tells & TELL_CLOSED)
		c->tells = TELL_CLOSED; // says all
	if (c->is_untold_listed || tell_all(e, idx))
		return;
	c->is_untold_listed = true;
	c->next_untold = SESSION_NONE;
	if (e->untold_head == SESSION_NONE)
		e->untold_head = idx;
	else
		session_cold_at(e, e->untold_tail)->next_untold = idx;
	e->untold_tail = idx;
}

void sessions_tell_again(struct engine *e)
{
	while (e->untold_head != SESSION_NONE && tell_all(e, e->untold_head)) {
		struct session_cold *c = session_cold_at(e, e->untold_head);

		c->is_untold_listed = false;
		e->untold_head = c->next_untold;
	}
}

// -- opening --

// A slot's new user; the lists it may still stand on go on.
static void slot_reset(struct engine *e, uint32_t idx, uint32_t id)
{
	struct session *s = session_at(e, idx);
	struct session_cold *c = session_cold_at(e, idx);
	struct session fresh = {
		.due = s->due & DUE_LISTED,
		.next_ready = s->next_ready,
	};

	assert(session_id_slot(id) == idx && session_id_worker(id) == e->opts.worker);
	timer_cancel(e->wheel, idx);
	*s = fresh;
	*c = (struct session_cold){
		.is_untold_listed = c->is_untold_listed,
		.next_untold = c->next_untold,
		.early_head = EARLY_NONE,
		.early_tail = EARLY_NONE,
	};
}

bool session_reserve(struct engine *e, const struct command *cmd)
{
	struct session *s = session_at(e, cmd->session_idx);

	if (s->id_rx != 0)
		return false;
	slot_reset(e, cmd->session_idx, cmd->session_id);
	s->id_rx = cmd->session_id;
	s->state = S_RESERVED;
	return true;
}

void session_path_set(struct engine *e, uint32_t idx, const struct msg_addr *to)
{
	struct path *p = &e->paths[idx];

	memcpy(p->addr, to->ip, sizeof(p->addr));
	p->port = to->port;
	p->family = to->family;
	p->endpoint = to->endpoint;
	p->local = to->local;
	p->gen++;
	session_at(e, idx)->path_gen = p->gen;
	session_at(e, idx)->ip_udp_len = to->family == 6 ? IPV6_UDP_BYTES : IPV4_UDP_BYTES;
	pmtu_path_changed(e, idx);
}

static void keys_set(struct engine *e, uint32_t idx, const struct session_seed *seed)
{
	struct session *s = session_at(e, idx);

	memcpy(s->seal_sched, seed->tx_sched, sizeof(s->seal_sched));
	memcpy(s->open_sched, seed->rx_sched, sizeof(s->open_sched));
	memcpy(e->hmac[2 * idx].state, seed->tx_hmac, sizeof(seed->tx_hmac));
	memcpy(e->hmac[2 * idx + 1].state, seed->rx_hmac, sizeof(seed->rx_hmac));
	s->tx_tag_len = seed->tx_tag_len;
	s->rx_tag_len = seed->rx_tag_len;
}

static void clocks_set(struct engine *e, struct session *s, const struct session_seed *seed)
{
	s->mrto_us = MRTO_INITIAL_MS * 1000;
	s->erto_us = ERTO_INITIAL_MS * 1000;
	s->last_rx_ms = e->now_ms;
	if (seed->rtt_us != 0)
		clock_on_rtt(s, seed->rtt_us);
	else if (seed->rtt_max_us != 0)
		clock_on_rtt_max(s, seed->rtt_max_us);
}

bool session_add(struct engine *e, const struct command *cmd)
{
	const struct session_seed *seed = (const struct session_seed *)cmd->body->data;
	struct session *s = session_at(e, cmd->session_idx);

	assert(cmd->len >= sizeof(*seed));
	if (s->id_rx == 0)
		slot_reset(e, cmd->session_idx, cmd->session_id);
	else if (s->state != S_RESERVED || s->id_rx != cmd->session_id)
		return false;
	s->id_rx = cmd->session_id;
	s->id_tx = seed->far_id;
	s->state = S_OPEN;
	s->flags = seed->flags & SEED_FLAGS;
	s->cwnd_bytes = CWND_INIT_BYTES;
	s->ssthresh_bytes = SSTHRESH_NONE;
	s->tsn_next = 1;
	keys_set(e, cmd->session_idx, seed);
	clocks_set(e, s, seed);
	session_path_set(e, cmd->session_idx, &seed->far);
	e->stats.sessions_open++;
	session_keepalive_set(e, cmd->session_idx, seed->keepalive_us, 0, 0);
	early_replay(e, cmd->session_idx);
	return true;
}

// -- closing --

// Flows and links live only in S_OPEN (§3.5): leaving it ends them all at once. Control is told
// before the bodies come home that nobody acknowledged: till then they are those that are out.
static void leave_open(struct engine *e, uint32_t idx, enum session_close_reason reason,
		       uint8_t tells)
{
	struct session *s = session_at(e, idx);
	struct session_cold *c = session_cold_at(e, idx);

	c->close_reason = (uint8_t)reason;
	if (tells != 0) {
		engine_bodies_flush(e);
		session_tell(e, idx, tells);
	}
	relay_session_gone(e, idx);
	flows_session_gone(e, idx);
	session_chunks_drop(e, idx);
	c->alarms = 0;
	s->flags &= (uint8_t)~SESSION_ERTO_ARMED;
	s->delack_at_ms = 0;
	s->due &= DUE_LISTED;
	e->stats.sessions_open--;
}

static void keys_wipe(struct engine *e, uint32_t idx)
{
	struct session *s = session_at(e, idx);

	octets_wipe(s->seal_sched, sizeof(s->seal_sched));
	octets_wipe(s->open_sched, sizeof(s->open_sched));
	octets_wipe(&e->hmac[2 * idx], 2 * sizeof(*e->hmac));
}

void session_destroy(struct engine *e, uint32_t idx, enum session_close_reason reason)
{
	struct session *s = session_at(e, idx);

	if (s->state == S_CLOSED)
		return;
	if (s->state == S_OPEN)
		leave_open(e, idx, reason, 0); // TELL_CLOSED says all
	else if (s->state == S_RESERVED)
		session_cold_at(e, idx)->close_reason = (uint8_t)reason;
	session_chunks_drop(e, idx);
	early_drop(e, idx);
	timer_cancel(e->wheel, idx);
	keys_wipe(e, idx);
	s->alarm_ms = 0;
	s->state = S_CLOSED;
	session_tell(e, idx, TELL_CLOSED);
}

static void want(struct engine *e, uint32_t idx, uint8_t wants)
{
	session_cold_at(e, idx)->wants |= wants;
	session_mark(e, idx, DUE_CHUNK);
}

static void close_orderly(struct engine *e, uint32_t idx, enum session_close_reason reason)
{
	leave_open(e, idx, reason, TELL_CLOSING);
	session_at(e, idx)->state = S_NEARCLOSE;
	want(e, idx, WANT_CLOSE);
	session_cold_alarm(e, idx, ALARM_CLOSE, e->now_ms + CLOSE_INTERVAL_MS);
	session_cold_alarm(e, idx, ALARM_END, e->now_ms + NEARCLOSE_MS);
}

static void close_abrupt(struct engine *e, uint32_t idx, enum session_close_reason reason)
{
	leave_open(e, idx, reason, TELL_CLOSING);
	session_at(e, idx)->state = S_LAST_WORD;
	want(e, idx, WANT_CLOSE_ACK);
	session_cold_alarm(e, idx, ALARM_END, e->now_ms + LAST_WORD_MS);
}

bool session_close(struct engine *e, const struct command *cmd)
{
	uint32_t idx = cmd->session_idx;
	struct session *s = session_at(e, idx);

	if (s->id_rx != cmd->session_id || s->state == S_CLOSED)
		return false;
	if (cmd->close.how == CLOSE_SILENT)
		session_destroy(e, idx, CLOSED_OVERRIDE);
	else if (s->state != S_OPEN && (s->state == S_RESERVED || cmd->close.how == CLOSE_ABRUPT))
		session_destroy(e, idx, CLOSED_BY_US);
	else if (s->state == S_OPEN && cmd->close.how == CLOSE_ABRUPT)
		close_abrupt(e, idx, CLOSED_BY_US);
	else if (s->state == S_OPEN)
		close_orderly(e, idx, CLOSED_BY_US);
	return true;
}

void session_give_up(struct engine *e, uint32_t idx)
{
	close_orderly(e, idx, CLOSED_TIMEOUT);
}

void session_blame(struct engine *e, uint32_t idx, enum drop_reason why)
{
	struct session_cold *c = session_cold_at(e, idx);

	engine_drop(e, why);
	if (c->n_faults == 0 || ms_reached(c->faults_since_ms + FAULTS_MS, e->now_ms)) {
		c->n_faults = 0;
		c->faults_since_ms = e->now_ms;
	}
	// Not here: whoever blames it is still at work on its packet.
	if (++c->n_faults == FAULTS_MAX)
		session_cold_alarm(e, idx, ALARM_ABUSE, e->now_ms);
}

void session_on_abuse(struct engine *e, uint32_t idx)
{
	e->stats.sessions_abusive++;
	close_abrupt(e, idx, CLOSED_ABUSE);
}

void session_on_close(struct engine *e, uint32_t idx)
{
	struct session *s = session_at(e, idx);

	if (s->state == S_OPEN) {
		leave_open(e, idx, CLOSED_BY_FAR, TELL_CLOSING);
		s->state = S_FARCLOSE_LINGER;
		session_cold_alarm(e, idx, ALARM_END, e->now_ms + FARCLOSE_LINGER_MS);
	}
	want(e, idx, WANT_CLOSE_ACK);
}

void session_on_close_ack(struct engine *e, uint32_t idx)
{
	session_destroy(e, idx, CLOSED_BY_FAR);
}

void session_said_last_word(struct engine *e, uint32_t idx)
{
	// Not at once: the packet has yet to be sealed with the session's keys.
	session_cold_alarm(e, idx, ALARM_END, e->now_ms);
}

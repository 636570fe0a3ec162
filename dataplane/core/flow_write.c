// Writing send flows into packets (RFC 7016 §3.6.2.3): which number next, with which forward
// sequence number, in which chunk.
#include "dataplane/core/flow_pools.h"
#include "dataplane/core/pmtu.h"
#include "dataplane/core/sent_ring.h"

// Left free beside a full fragment, so an ack can ride in the same packet.
#define FRAGMENT_SPARE 16
// What a large packet has left for a last fragment is not worth one below so many octets.
#define FRAGMENT_LEAST 32
#define NEXT_HEAD      (CHUNK_HEADER_LEN + 1) // of Next User Data

static struct flow_options options_of(const struct flow_tx_cold *c)
{
	return (struct flow_options){
		.metadata = span_of(c->meta, c->meta_len),
		.return_flow_id = c->assoc_id,
		.has_metadata = true,
		.has_return_flow = c->has_assoc,
	};
}

// ---- for the relay: one chunk, its body elsewhere ----

bool flow_tx_has_room(const struct engine *e, const struct flow_tx *f)
{
	return f->state == F_OPEN && f->rwnd_bytes > f->in_flight_bytes && sent_ring_has_room(f);
}

uint32_t flow_tx_header_max(const struct engine *e, const struct flow_tx *f)
{
	// One octet more than sn_next takes now, so a whole message's numbers fit; FSN offsets stay
	// within the ring.
	uint32_t len = CHUNK_HEADER_LEN + 1u + f->id_vlu_len + vlu_len(f->sn_next) + 1u +
		       vlu_len(SENT_RING_MAX);
	struct flow_options options;

	if (f->flags & FLOW_TX_UNACKED) {
		options = options_of(&e->flows->tx_cold[f - e->flows->pub.tx]);
		len += (uint32_t)flow_options_len(&options);
	}
	return len;
}

int flow_tx_write_header(struct engine *e, uint32_t flow_idx, struct wr *w, uint64_t sn,
			 uint8_t frag_flags, uint16_t body_len)
{
	struct flow_tx *f = flow_tx_at(e->flows, flow_idx);
	// What is acknowledged has left the ring, so without gaps its base is still wanted.
	uint64_t fsn = f->flags & FLOW_TX_GAPS ? sent_ring_fsn(f) : f->sn_base - 1;
	struct wr_point start = wr_mark(w);
	struct user_data d;
	uint8_t *at;

	if (sn == f->sn_next && sent_ring_reserve(f, e->flows->tx_slabs) != 0)
		return -ENOBUFS;
	if (!(f->flags & FLOW_TX_UNACKED)) {
		at = wr_take(w, user_data_head_len(f->id_vlu_len, sn, sn - fsn));
		if (at == NULL)
			return wr_finish(w, start);
		user_data_head_put(at, frag_flags, f->id_vlu, f->id_vlu_len, sn, sn - fsn,
				   body_len);
		return 0;
	}
	d = (struct user_data){
		.flow_id = flow_tx_cold_at(e->flows, flow_idx)->flow_id,
		.seq = sn,
		.fsn = fsn,
		.flags = frag_flags | USER_DATA_OPTIONS,
		.options = options_of(flow_tx_cold_at(e->flows, flow_idx)),
	};
	if (user_data_write(w, &d) != 0)
		return -ENOBUFS;
	at = w->base + start.len; // the body's length joins that of the chunk
	be16_put(at + 1, (uint16_t)(be16_get(at + 1) + body_len));
	return 0;
}

// ---- one flow into one packet ----

// What this packet already holds of the flow.
struct run {
	bool is_begun;
	uint64_t sn, fsn; // of its last chunk
};

// 0, or -ENOBUFS if the chunk does not fit.
static int write_chunk(struct engine *e, uint32_t flow_idx, struct txp *t, struct run *run,
		       uint64_t sn, uint32_t ref, uint8_t flags, struct span body)
{
	struct flow_tx *f = flow_tx_at(e->flows, flow_idx);
	const struct flow_tx_cold *c = flow_tx_cold_at(e->flows, flow_idx);
	struct user_data d = {
		.flow_id = c->flow_id,
		.seq = sn,
		.fsn = flags & USER_DATA_ABANDON ? sn : sent_ring_fsn(f),
		.flags = flags,
		.body = body,
	};
	size_t before = t->w.len;
	bool was_big = txp_is_big(t);
	int err;

	if (run->is_begun && sn == run->sn + 1 && d.fsn == run->fsn) {
		err = next_user_data_write(&t->w, &d);
	} else {
		if (f->flags & FLOW_TX_UNACKED && !run->is_begun) {
			d.flags |= USER_DATA_OPTIONS;
			d.options = options_of(c);
		}
		err = user_data_write(&t->w, &d);
	}
	if (err != 0)
		return err;
	flow_tx_sent(e, flow_idx, sn, ref, (uint16_t)(t->w.len - before));
	if (!was_big && txp_is_big(t))
		sent_at(f, sn)->flags |= SENT_BIG;
	*run = (struct run){true, sn, d.fsn};
	t->has_data = true;
	t->is_tc |= f->flags & FLOW_TX_TC;
	return 0;
}

// A run of given up numbers at the base is told by one chunk for its last: "nothing up to here is
// coming". Receivers that know FSN need no chunk where data follows, but some know only this
// (§16.3).
static int write_abandoned(struct engine *e, uint32_t flow_idx, struct txp *t, struct run *run)
{
	struct flow_tx *f = flow_tx_at(e->flows, flow_idx);
	const struct sent *x = sent_at(f, f->sn_base);
	uint8_t fin = x->flags & SENT_FIN ? USER_DATA_FINAL : 0;

	return write_chunk(e, flow_idx, t, run, f->sn_base, x->ref, USER_DATA_ABANDON | fin,
			   span_of(NULL, 0));
}

bool flow_tx_write_fsn_update(struct engine *e, uint32_t flow_idx, struct txp *t)
{
	struct flow_tx *f = flow_tx_at(e->flows, flow_idx);
	struct run run = {0};

	sent_ring_trim(f);
	return sent_ring_wants_abn(f) && f->rwnd_bytes > f->in_flight_bytes &&
	       write_abandoned(e, flow_idx, t, &run) == 0;
}

static int write_lost(struct engine *e, uint32_t flow_idx, struct txp *t, struct run *run)
{
	const struct tx_msg *m;
	struct sent *x;
	uint64_t sn;
	uint32_t k, ref;

	if (!flow_tx_next_lost(e, flow_idx, &sn, &ref))
		return 0;
	if (message_expire(e, flow_idx, ref)) {
		sent_ring_trim(flow_tx_at(e->flows, flow_idx));
		return 0;
	}
	m = msg_at(&e->flows->messages, ref);
	x = sent_at(flow_tx_at(e->flows, flow_idx), sn);
	k = (uint32_t)(sn - m->first_sn);
	return write_chunk(e, flow_idx, t, run, sn, ref,
			   msg_fragment_flags(m, k) | (x->flags & SENT_FIN ? USER_DATA_FINAL : 0),
			   msg_fragment(m, k));
}

// Messages whose deadline passed before all of them was sent take one number for the rest, so the
// far end learns of the gap (§3.6.2.2). All of them at once: one chunk may tell them.
static void number_expired(struct engine *e, uint32_t flow_idx)
{
	struct flow_tx *f = flow_tx_at(e->flows, flow_idx);
	struct flow_tx_cold *c = flow_tx_cold_at(e->flows, flow_idx);

	while (c->queue.head != IDX_NONE && message_expire(e, flow_idx, c->queue.head) &&
	       sent_ring_reserve(f, e->flows->tx_slabs) == 0) {
		struct sent *x = sent_ring_append(f, SENT_ABANDONED, 0);

		f->flags |= FLOW_TX_GAPS;
		msgq_pop(e, &c->queue, &e->flows->messages);
		if (f->state == F_CLOSING && c->queue.head == IDX_NONE) {
			x->flags |= SENT_FIN;
			c->final_sn = f->sn_next - 1;
		}
	}
	sent_ring_trim(f);
}

// So that each fragment fits into an empty packet of base size, with all the options, and each run
// of `n` into one of the path's.
static struct msg_cut cut_for(const struct engine *e, const struct flow_tx *f, const struct txp *t)
{
	size_t front = flow_tx_header_max(e, f) + FRAGMENT_SPARE;
	size_t bytes = t->base_cap - front, more = t->path_cap - t->base_cap;
	struct msg_cut cut = {.n = 1};

	assert(t->base_cap > front);
	if (bytes > FRAGMENT_BYTES_MAX)
		bytes = FRAGMENT_BYTES_MAX;
	cut.bytes = cut.last = (uint16_t)bytes;
	while (more >= NEXT_HEAD + bytes && cut.n < UINT8_MAX) {
		more -= NEXT_HEAD + bytes;
		cut.n++;
	}
	if (more >= NEXT_HEAD + FRAGMENT_LEAST) {
		cut.n++;
		cut.last = (uint16_t)(more - NEXT_HEAD);
	}
	return cut;
}

// The next fragment of the queue's first message.
static int write_new(struct engine *e, uint32_t flow_idx, struct txp *t, struct run *run)
{
	struct flow_tx *f = flow_tx_at(e->flows, flow_idx);
	struct flow_tx_cold *c = flow_tx_cold_at(e->flows, flow_idx);
	uint32_t msg_idx = c->queue.head;
	struct tx_msg *m = msg_at(&e->flows->messages, msg_idx);
	uint64_t sn = f->sn_next;
	struct span body;
	bool is_last, is_final;
	int err;

	if (sent_ring_reserve(f, e->flows->tx_slabs) != 0)
		return -ENOBUFS;
	if (m->at == 0) {
		m->cut = cut_for(e, f, t);
		m->first_sn = sn;
		if (m->len > m->cut.bytes)
			pmtu_wanted(e, f->session_idx);
	}
	body = msg_fragment(m, m->n_numbers);
	is_last = m->at + body.len == m->len;
	is_final = is_last && f->state == F_CLOSING && c->queue.n == 1;
	err = write_chunk(e, flow_idx, t, run, sn, msg_idx,
			  msg_fragment_flags(m, m->n_numbers) | (is_final ? USER_DATA_FINAL : 0),
			  body);
	if (err != 0)
		return err;
	m->at += (uint32_t)body.len;
	m->n_numbers++;
	m->n_unsettled++;
	if (is_final) {
		sent_at(f, sn)->flags |= SENT_FIN;
		c->final_sn = sn;
	}
	if (is_last)
		msgq_pop(e, &c->queue, &e->flows->messages);
	return 0;
}

static bool window_is_open(const struct flow_tx *f)
{
	return f->rwnd_bytes > f->in_flight_bytes || f->flags & FLOW_TX_REJECTED;
}

bool flow_tx_has_something(const struct flow_tx *f, const struct flow_tx_cold *c)
{
	return sent_ring_wants_abn(f) || c->n_lost > 0 ||
	       (c->queue.head != IDX_NONE && sent_ring_has_room(f));
}

bool flow_tx_is_ready(const struct flow_tx *f, const struct flow_tx_cold *c)
{
	return c->is_probe_due || (window_is_open(f) && flow_tx_has_something(f, c));
}

static bool write_probe(struct flow_tx_cold *c, struct txp *t)
{
	if (buffer_probe_write(&t->w, c->flow_id) != 0)
		return false;
	c->is_probe_due = false;
	return true;
}

// As many chunks of the flow as fit, lowest numbers first.
static bool write_flow(struct engine *e, uint32_t flow_idx, struct txp *t)
{
	struct flow_tx *f = flow_tx_at(e->flows, flow_idx);
	struct flow_tx_cold *c = flow_tx_cold_at(e->flows, flow_idx);
	const struct session *s = session_at(e, f->session_idx);
	bool has_written = false;
	struct run run = {0};
	int err = 0;

	if (e->budgets.is_limited && !budgets_group_may(e, f->session_idx, c->group, t->class))
		return false;
	if (c->is_probe_due)
		has_written = write_probe(c, t);
	txp_widen(t);
	// Once there is data in it, the packet is filled: half a packet is no smaller burst.
	while (err == 0 && (t->has_data || session_may_send(s)) && window_is_open(f) &&
	       flow_tx_has_something(f, c)) {
		number_expired(e, flow_idx);
		if (sent_ring_wants_abn(f))
			err = write_abandoned(e, flow_idx, t, &run);
		else if (c->n_lost > 0)
			err = write_lost(e, flow_idx, t, &run);
		else if (c->queue.head != IDX_NONE)
			err = write_new(e, flow_idx, t, &run);
	}
	txp_narrow(t);
	has_written |= run.is_begun;
	if (has_written && c->group != BUDGET_GROUP_NONE)
		t->group = c->group; // one packet is one group's, also if a session is in two
	return has_written;
}

bool flows_write_data(struct engine *e, uint32_t session_idx, struct txp *t, uint8_t prio)
{
	struct flow_table *table = flow_table_at(e->flows, session_idx);
	struct session *s = session_at(e, session_idx);
	bool has_written = false;
	uint64_t class = table->tx_prio[prio], left = s->tx_ready & class;
	uint8_t *turn = &table->tx_turn[prio];

	while (left != 0) {
		// The first one at or after the turn, around the end: each packet begins with
		// another flow. But for those that go before all others.
		uint64_t first = left & table->tx_first,
			 after = first != 0 ? first : left >> *turn << *turn;
		uint8_t slot = (uint8_t)__builtin_ctzll(after != 0 ? after : left);
		uint32_t idx = table->tx[slot];

		left &= ~slot_bit(slot);
		if (write_flow(e, idx, t) && !has_written) {
			has_written = true;
			if (first == 0)
				*turn = (slot + 1) % FLOWS_PER_SESSION;
		}
		if (!flow_tx_is_ready(flow_tx_at(e->flows, idx), flow_tx_cold_at(e->flows, idx)))
			s->tx_ready &= ~slot_bit(slot);
		flow_tx_wait(e, idx);
	}
	// Who is blocked by the congestion window is marked again by the acks.
	if ((s->tx_ready & class) == 0 || !session_may_send(s))
		s->due &= (uint8_t)~due_of_prio(prio);
	return has_written;
}

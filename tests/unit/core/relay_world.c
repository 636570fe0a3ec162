#include "tests/unit/core/relay_world.h"

#include <errno.h>

#include "crypto/checksum.h"
#include "dataplane/wire/rtmp_msg.h"

#define FLOWS_MAX     (2 * WORLD_SESSIONS)
#define CONTROL_FLOWS 100000 // flow index of a session's control flow, plus the session
#define HEAD_LEN      16     // of our chunks: marker, number, fragment number, length
#define MARK_DATA     0xda
#define MARK_FSN      0xf5

struct flows {
	struct flows_pub pub;
	struct flow_tx tx[FLOWS_MAX];
	struct sent ring[FLOWS_MAX][WORLD_RING];
};

struct local_body {
	uint32_t refs, len;
	uint8_t data[];
};

static struct world *world_of(const struct engine *e)
{
	return (struct world *)(uintptr_t)e;
}

// ---- what other files of the room do ----

bool engine_report(struct engine *e, const struct report *r)
{
	return mailbox_push(e->opts.reports, r);
}

void session_cold_alarm(struct engine *e, uint32_t idx, enum session_alarm which, uint32_t at_ms)
{
	assert_int_equal(which, ALARM_BUDGET);
	world_of(e)->budget_alarm_ms[idx] = at_ms;
}

bool txp_begin(struct engine *e, struct txp *t, uint32_t session_idx)
{
	static uint8_t buffer[2048];

	if (world_of(e)->n_room == 0)
		return false;
	memset(t, 0, sizeof(*t));
	t->session_idx = session_idx;
	t->w = wr_over(buffer, WORLD_PACKET_ROOM);
	t->base_cap = t->path_cap = WORLD_PACKET_ROOM;
	return true;
}

void txp_abort(struct engine *e, struct txp *t)
{
	t->w = wr_over(NULL, 0);
}

// Room for one more in a log of n.
static void *grown(void *log, uint32_t n, size_t size)
{
	if (n != 0 && (n < 16 || (n & (n - 1)) != 0))
		return log;
	log = realloc(log, (n < 16 ? 16 : 2 * n) * size);
	assert_non_null(log);
	return log;
}

static void read_data(struct world *w, struct rd *r, uint32_t session_idx)
{
	struct stream_fragment f;
	uint64_t sn = rd_u64(r);
	uint32_t ref = rd_u32(r);
	uint16_t len = rd_u16(r);
	bool is_again = rd_u8(r);

	assert_int_equal(stream_fragment_read(&f, rd_bytes(r, len)), 0);
	assert_int_equal((uint32_t)f.number, ref);
	for (size_t i = 0; !w->has_any_payload && i < f.payload.len; i++)
		assert_int_equal(f.payload.data[i], (uint8_t)(f.number * 7 + i));
	w->chunks = grown(w->chunks, w->n_chunks, sizeof(*w->chunks));
	w->chunks[w->n_chunks++] =
		(struct world_chunk){session_idx, w->n_packets, sn, f.number, is_again};
}

void txp_end(struct engine *e, struct txp *t)
{
	struct world *w = world_of(e);
	struct rd r = rd_over_span(wr_span(&t->w));

	assert_int_equal(t->w.err, 0);
	assert_true(t->w.len > 0 && t->has_data);
	while (rd_left(&r) > 0) {
		uint8_t mark = rd_u8(&r);

		if (mark == MARK_FSN)
			continue;
		assert_int_equal(mark, MARK_DATA);
		assert_true(t->is_tc);
		read_data(w, &r, t->session_idx);
	}
	assert_int_equal(r.err, 0);
	w->class_bytes[t->class] += t->w.len + WORLD_HEADERS;
	w->bytes_to[t->session_idx] += t->w.len + WORLD_HEADERS;
	if (e->budgets.is_limited)
		budgets_charge(&e->budgets, t->session_idx, t->group, t->w.len + WORLD_HEADERS);
	w->n_room--;
	w->n_packets++;
	w->sessions[t->session_idx].n_burst++;
}

void txp_end_body(struct engine *e, struct txp *t, const uint8_t *body, uint16_t len, uint16_t sum)
{
	assert_int_equal(sum, csum_partial(body, len));
	for (int i = 0; i < 16; i++)
		assert_int_equal(body[len + i], 0xff);
	assert_true(len <= txp_left(t));
	wr_bytes(&t->w, body, len);
	txp_end(e, t);
}

// ---- flows ----

uint32_t flow_tx_open_stream(struct engine *e, uint32_t session_idx, uint16_t slot,
			     uint64_t flow_id, uint64_t assoc_id, uint32_t link)
{
	for (uint32_t i = 0; i < FLOWS_MAX && !world_of(e)->has_no_flow; i++) {
		struct flow_tx *f = flow_tx_at(e->flows, i);

		if (f->state != F_FREE)
			continue;
		*f = (struct flow_tx){
			.sn_next = 1,
			.sn_base = 1,
			.ring = e->flows->ring[i],
			.ring_mask = WORLD_RING - 1,
			.rwnd_bytes = RWND_INITIAL_BYTES,
			.session_idx = session_idx,
			.source_idx = link,
			.flags = FLOW_TX_STREAM,
			.state = F_OPEN,
		};
		return i;
	}
	return FLOW_IDX_NONE;
}

void flow_tx_close(struct engine *e, uint32_t flow_idx)
{
	struct flow_tx *f = flow_tx_at(e->flows, flow_idx);

	world_of(e)->n_closed++;
	session_at(e, f->session_idx)->in_flight_bytes -= f->in_flight_bytes;
	f->state = F_FREE;
}

static uint32_t n_used(const struct flow_tx *f)
{
	return (uint32_t)(f->sn_next - f->sn_base);
}

bool flow_tx_has_room(const struct engine *e, const struct flow_tx *f)
{
	return f->state == F_OPEN && f->rwnd_bytes > f->in_flight_bytes && n_used(f) < WORLD_RING;
}

uint32_t flow_tx_header_max(const struct engine *e, const struct flow_tx *f)
{
	return HEAD_LEN + 4;
}

int flow_tx_write_header(struct engine *e, uint32_t flow_idx, struct wr *w, uint64_t sn,
			 uint8_t frag_flags, uint16_t body_len)
{
	const struct flow_tx *f = flow_tx_at(e->flows, flow_idx);
	struct wr_point start = wr_mark(w);

	assert_int_equal(frag_flags, USER_DATA_FRA_WHOLE);
	assert_true(sn == f->sn_next || (sn >= f->sn_base && sn < f->sn_next));
	wr_u8(w, MARK_DATA);
	wr_u64(w, sn);
	wr_u32(w, 0); // the fragment's number: flow_tx_sent fills it in
	wr_u16(w, body_len);
	wr_u8(w, sn != f->sn_next);
	if (wr_err(w) == 0)
		world_of(e)->ref_place = w->base + start.len + 9;
	return wr_finish(w, start);
}

void flow_tx_sent(struct engine *e, uint32_t flow_idx, uint64_t sn, uint32_t ref, uint16_t bytes)
{
	struct flow_tx *f = flow_tx_at(e->flows, flow_idx);
	struct sent *x = &f->ring[sn & f->ring_mask];

	if (sn == f->sn_next)
		f->sn_next++;
	else
		assert_true(x->flags & SENT_LOST);
	assert_in_range(n_used(f), 1, WORLD_RING);
	*x = (struct sent){
		.ref = ref, .bytes = bytes, .flags = SENT_IN_FLIGHT, .sent_ms = e->now_ms};
	f->in_flight_bytes += bytes;
	session_at(e, f->session_idx)->in_flight_bytes += bytes;
	be32_put(world_of(e)->ref_place, ref);
}

// The relay goes the other way then, which is watched here. flow_whole_test.c compares them.
bool flow_tx_send_whole(struct engine *e, uint32_t flow_idx, uint32_t ref, const uint8_t *body,
			uint16_t len, uint16_t sum, uint16_t group)
{
	return false;
}

bool flow_tx_next_lost(struct engine *e, uint32_t flow_idx, uint64_t *sn, uint32_t *ref)
{
	struct flow_tx *f = flow_tx_at(e->flows, flow_idx);

	for (*sn = f->sn_base; *sn < f->sn_next; (*sn)++) {
		*ref = f->ring[*sn & f->ring_mask].ref;
		if (f->ring[*sn & f->ring_mask].flags & SENT_LOST)
			return true;
	}
	return false;
}

void flow_tx_abandon(struct engine *e, uint32_t flow_idx, uint64_t sn)
{
	struct flow_tx *f = flow_tx_at(e->flows, flow_idx);

	f->ring[sn & f->ring_mask].flags = SENT_ABANDONED;
	world_of(e)->n_abandoned++;
}

bool flow_tx_write_fsn_update(struct engine *e, uint32_t flow_idx, struct txp *t)
{
	struct flow_tx *f = flow_tx_at(e->flows, flow_idx);

	if (n_used(f) == 0 || f->ring[f->sn_base & f->ring_mask].flags != SENT_ABANDONED)
		return false;
	wr_u8(&t->w, MARK_FSN);
	f->sn_base++;
	world_of(e)->n_fsn_updates++;
	return true;
}

uint32_t flow_tx_of_slot(const struct engine *e, uint32_t session_idx, uint16_t slot)
{
	return CONTROL_FLOWS + session_idx;
}

static int keep_message(struct engine *e, uint32_t flow_idx, const uint8_t *data, uint32_t len)
{
	struct world *w = world_of(e);
	struct world_message *m;

	if (w->is_control_full)
		return -ENOBUFS;
	w->messages = grown(w->messages, w->n_messages, sizeof(*m));
	m = &w->messages[w->n_messages++];
	assert_true(len <= sizeof(m->octets));
	m->session_idx = flow_idx - CONTROL_FLOWS;
	m->at_ms = e->now_us / 1000;
	m->len = len;
	memcpy(m->octets, data, len);
	return 0;
}

int flow_tx_send_inline(struct engine *e, uint32_t flow_idx, const uint8_t *data, uint8_t len,
			uint64_t deadline_us)
{
	return keep_message(e, flow_idx, data, len);
}

int flow_tx_send_local(struct engine *e, uint32_t flow_idx, struct local_body *b, uint32_t len,
		       uint64_t deadline_us)
{
	assert_true(len <= b->len);
	return keep_message(e, flow_idx, b->data, len);
}

struct local_body *local_body_get(struct engine *e, uint32_t len)
{
	struct local_body *b = world_of(e)->has_no_local ? NULL : malloc(sizeof(*b) + len);

	if (b == NULL)
		return NULL;
	b->refs = 1;
	b->len = len;
	world_of(e)->n_local++;
	return b;
}

uint8_t *local_body_data(struct local_body *b)
{
	return b->data;
}

void local_body_unref(struct engine *e, struct local_body *b)
{
	if (--b->refs > 0)
		return;
	world_of(e)->n_local--;
	free(b);
}

// ---- the world ----

struct world *world_create(const struct world_opts *given)
{
	const struct world_opts o = given != NULL ? *given : (struct world_opts){0};
	struct world *w = aligned_alloc(64, (sizeof(*w) + 63) & ~(size_t)63);
	struct engine *e = &w->e;

	memset(w, 0, sizeof(*w));
	w->random = random_seeded(&w->random_state, 1);
	w->flows = aligned_alloc(64, (sizeof(*w->flows) + 63) & ~(size_t)63);
	memset(w->flows, 0, sizeof(*w->flows));
	w->flows->pub.tx = w->flows->tx;
	e->tx = &w->tx;
	e->opts.random = &w->random;
	e->dice = w->random;
	e->opts.n_workers = o.workers > 0 ? o.workers : 1;
	e->opts.sessions_max = WORLD_SESSIONS;
	e->opts.streams_max = o.streams_max > 0 ? o.streams_max : 4;
	e->opts.links_max = o.links_max > 0 ? o.links_max : 2 * WORLD_SESSIONS;
	e->opts.extents_max = o.extents_max > 0 ? o.extents_max : 64;
	e->opts.payload_base = 1200;
	e->opts.visit = o.visit > 0 ? o.visit : 1;
	e->opts.reports = mailbox_create(o.ring_slots > 0 ? o.ring_slots : 4096);
	e->bodies = body_pool_create(o.body_bytes > 0 ? o.body_bytes : 16u << 20);
	e->sessions = w->sessions;
	e->flows = w->flows;
	e->now_us = 5000000;
	e->now_ms = 5000;
	for (uint32_t i = 0; i < WORLD_SESSIONS; i++) {
		w->sessions[i].id_rx = 1000 + i;
		w->sessions[i].state = S_OPEN;
		w->sessions[i].cwnd_bytes = 1 << 20;
	}
	e->opts.groups_max = 1200;
	e->relay = relay_create(&e->opts);
	assert_non_null(e->relay);
	assert_int_equal(budgets_init(&e->budgets, &e->opts), 0);
	return w;
}

static void nothing_is_parked(const struct engine *e)
{
	for (uint32_t i = 0; i < e->budgets.n_groups; i++) {
		const struct group_budget *g = &e->budgets.groups[i];

		if (!g->is_used)
			continue;
		assert_int_equal(g->streams_head, STREAM_NONE);
		assert_int_equal(g->links[LIST_MEDIA].head, LINK_NONE);
		assert_int_equal(g->links[LIST_REPAIRS].head, LINK_NONE);
	}
}

void world_destroy(struct world *w)
{
	struct engine *e = &w->e;
	struct report r;

	while (e->relay->n_active > 0)
		stream_remove(e, stream_at(e, e->relay->active[0]));
	while (mailbox_pop(e->opts.reports, &r))
		if (r.body != NULL)
			body_put(r.body);
	assert_int_equal(body_pool_lent(e->bodies), 0);
	assert_int_equal(w->n_local, 0);
	assert_int_equal(e->relay->extents->n_extents_free, e->relay->extents->n_extents);
	assert_int_equal(e->relay->extents->n_blocks_free, e->relay->extents->n_blocks);
	assert_int_equal(e->relay->link_pool.n, 0);
	assert_int_equal(e->relay->holder_pool.n, 0);
	assert_int_equal(e->relay->pulls.idx.n, 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(e->relay->ready[i].head, LINK_NONE);
	nothing_is_parked(e);
	assert_int_equal(e->relay->fresh_head, STREAM_NONE);
	assert_int_equal(e->relay->n_tap_full, 0);
	relay_destroy(e, e->relay);
	budgets_fini(&e->budgets);
	body_pool_destroy(e->bodies);
	mailbox_destroy(e->opts.reports);
	free(w->flows);
	free(w->messages);
	free(w->chunks);
	free(w);
}

struct stream *world_stream_seed(struct world *w, uint16_t idx, const struct stream_seed *seed)
{
	struct command c = {.op = CMD_STREAM_ADD, .len = sizeof(*seed)};

	c.stream.stream = idx;
	c.body = body_get(w->e.bodies, sizeof(*seed));
	memcpy(c.body->data, seed, sizeof(*seed));
	relay_command(&w->e, &c);
	body_put(c.body);
	return stream_find(&w->e, idx);
}

struct stream *world_stream(struct world *w, uint16_t idx, uint8_t flags)
{
	return world_stream_seed(w, idx,
				 &(struct stream_seed){.window_ms = 8000,
						       .margin_ms = 2000,
						       .update_ms = 100,
						       .fetch_ms = 2500,
						       .extents_max = 50,
						       .push_limit = 4,
						       .flags = flags});
}

struct link *world_link(struct world *w, uint32_t session_idx, uint16_t stream, uint8_t flags)
{
	struct command c = {.op = CMD_STREAM_LINK,
			    .session_idx = session_idx,
			    .session_id = 1000 + session_idx};

	c.link.stream = stream;
	c.link.control_flow = 2;
	c.link.data_flow = 3;
	c.link.data_flow_id = 3;
	c.link.assoc_id = 2;
	c.link.flags = flags;
	c.link.ring_order = session_idx;
	relay_command(&w->e, &c);
	return link_find(&w->e, session_idx, stream);
}

void world_unlink(struct world *w, uint32_t session_idx, uint16_t stream)
{
	struct command c = {.op = CMD_STREAM_UNLINK,
			    .session_idx = session_idx,
			    .session_id = 1000 + session_idx};

	c.link.stream = stream;
	relay_command(&w->e, &c);
}

// ---- traffic ----

size_t world_fragment(uint8_t out[1300], uint64_t no, size_t len)
{
	uint8_t payload[1300];
	struct stream_fragment f = {.flags = STREAM_FRAGMENT_FIRST,
				    .type = RTMP_VIDEO,
				    .number = no,
				    .payload = span_of(payload, len)};
	struct wr w = wr_over(out, 1300);

	for (size_t i = 0; i < len; i++)
		payload[i] = (uint8_t)(no * 7 + i);
	assert_int_equal(stream_fragment_write(&w, &f), 0);
	return w.len;
}

static void command_fragment(struct world *w, enum command_op op, uint16_t stream, uint64_t no,
			     size_t len)
{
	struct command c = {.op = op};
	uint8_t message[1300];

	c.len = (uint32_t)world_fragment(message, no, len);
	c.body = body_get(w->e.bodies, c.len);
	memcpy(c.body->data, message, c.len);
	c.stream.stream = stream;
	c.stream.number = no;
	relay_command(&w->e, &c);
	body_put(c.body);
}

void world_publish(struct world *w, uint16_t stream, uint64_t no, size_t len)
{
	command_fragment(w, CMD_STREAM_PUBLISH, stream, no, len);
}

void world_multicast(struct world *w, uint16_t stream, uint64_t no, size_t len)
{
	command_fragment(w, CMD_STREAM_MULTICAST, stream, no, len);
}

void world_receive(struct world *w, uint32_t session_idx, uint16_t stream, uint64_t no, size_t len)
{
	uint8_t message[1300];
	size_t n = world_fragment(message, no, len);

	relay_on_fragment(&w->e, session_idx, stream, span_of(message, n));
}

static void control(struct world *w, uint32_t session_idx, const struct wr *message)
{
	assert_true(relay_on_control(&w->e, session_idx, WORLD_STREAM, wr_span(message)));
}

void world_mask(struct world *w, uint32_t session_idx, uint8_t mask)
{
	uint8_t octets[2];
	struct wr m = wr_over(octets, sizeof(octets));

	push_mask_write(&m, mask);
	control(w, session_idx, &m);
}

void world_pull(struct world *w, uint32_t session_idx, uint64_t no)
{
	uint8_t octets[1 + VLU_LEN_MAX];
	struct wr m = wr_over(octets, sizeof(octets));

	pull_write(&m, no);
	control(w, session_idx, &m);
}

void world_map(struct world *w, uint32_t session_idx, uint64_t first, uint64_t last)
{
	static uint8_t octets[1 + VLU_LEN_MAX + FRAGMENTS_MAP_MAX];
	uint8_t bits[FRAGMENTS_MAP_MAX] = {0};
	struct fragments_map map = {last, span_of(bits, fragments_map_len(first, last))};
	struct wr m = wr_over(octets, sizeof(octets));

	for (uint64_t no = first; no < last; no++)
		fragments_map_set(bits, map.bits.len, last, no);
	assert_int_equal(fragments_map_write(&m, &map), 0);
	control(w, session_idx, &m);
}

void world_limit(struct world *w, enum limit_level level, uint16_t group, uint64_t bytes_per_s)
{
	struct command c = {.op = CMD_BUDGET};

	c.budget.level = (uint8_t)level;
	c.budget.group = group;
	c.budget.bytes_per_s = bytes_per_s;
	budgets_command(&w->e, &c);
}

uint32_t world_tx(struct world *w, uint32_t n_room)
{
	bool has_more;

	budgets_clock(&w->e.budgets, w->e.now_us);
	w->n_room = n_room;
	has_more = relay_tx_fresh(&w->e);
	if (w->n_room > 0)
		has_more |= relay_tx_behind(&w->e);
	if (w->n_room > 0)
		assert_false(has_more);
	return n_room - w->n_room;
}

void world_run_ms(struct world *w, uint32_t ms)
{
	while (ms > 0) {
		uint32_t step = ms < 10 ? ms : 10;

		w->e.now_us += step * 1000;
		w->e.now_ms += step;
		relay_timers(&w->e, w->e.now_us);
		ms -= step;
	}
}

static void settle(struct engine *e, struct flow_tx *f)
{
	for (uint64_t sn = f->sn_base; sn < f->sn_next; sn++) {
		struct sent *x = &f->ring[sn & f->ring_mask];

		if (x->flags & SENT_IN_FLIGHT)
			x->flags = SENT_ACKED;
	}
	while (f->sn_base < f->sn_next && f->ring[f->sn_base & f->ring_mask].flags == SENT_ACKED)
		f->sn_base++;
	session_at(e, f->session_idx)->in_flight_bytes -= f->in_flight_bytes;
	f->in_flight_bytes = 0;
}

void world_ack(struct world *w, uint32_t session_idx)
{
	for (uint32_t i = 0; i < FLOWS_MAX; i++)
		if (w->flows->tx[i].state == F_OPEN && w->flows->tx[i].session_idx == session_idx)
			settle(&w->e, &w->flows->tx[i]);
	w->sessions[session_idx].n_burst = 0;
	relay_flow_open_again(&w->e, session_idx);
}

void world_ack_all(struct world *w)
{
	for (uint32_t i = 0; i < WORLD_SESSIONS; i++)
		world_ack(w, i);
}

void world_lose(struct world *w, uint32_t session_idx, uint64_t no)
{
	for (uint32_t i = 0; i < FLOWS_MAX; i++) {
		struct flow_tx *f = &w->flows->tx[i];

		if (f->state != F_OPEN || f->session_idx != session_idx)
			continue;
		for (uint64_t sn = f->sn_base; sn < f->sn_next; sn++) {
			struct sent *x = &f->ring[sn & f->ring_mask];

			if (x->ref != no || !(x->flags & SENT_IN_FLIGHT))
				continue;
			x->flags = SENT_LOST;
			f->in_flight_bytes -= x->bytes;
			w->sessions[session_idx].in_flight_bytes -= x->bytes;
			relay_flow_lost(&w->e, i);
			return;
		}
	}
	fail_msg("fragment %lu is not in flight to %u", (unsigned long)no, session_idx);
}

// ---- looking ----

uint32_t world_n_sent(const struct world *w, uint32_t session_idx, uint64_t no)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < w->n_chunks; i++)
		n += w->chunks[i].session_idx == session_idx && w->chunks[i].no == no;
	return n;
}

uint32_t world_n_sent_to(const struct world *w, uint32_t session_idx)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < w->n_chunks; i++)
		n += w->chunks[i].session_idx == session_idx;
	return n;
}

const struct world_message *world_message_to(const struct world *w, uint32_t session_idx,
					     uint8_t type)
{
	for (uint32_t i = w->n_messages; i > 0; i--) {
		const struct world_message *m = &w->messages[i - 1];

		if (m->session_idx == session_idx && m->octets[0] == type)
			return m;
	}
	return NULL;
}

uint32_t world_n_messages_to(const struct world *w, uint32_t session_idx, uint8_t type)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < w->n_messages; i++)
		n += w->messages[i].session_idx == session_idx && w->messages[i].octets[0] == type;
	return n;
}

uint8_t world_mask_to(const struct world *w, uint32_t session_idx)
{
	const struct world_message *m = world_message_to(w, session_idx, STREAM_PUSH_MASK);
	uint8_t mask = 0;

	if (m != NULL)
		assert_int_equal(push_mask_read(&mask, span_of(m->octets, m->len)), 0);
	return mask;
}

bool world_report(struct world *w, enum report_op op, struct report *r)
{
	while (mailbox_pop(w->e.opts.reports, r)) {
		if (r->body != NULL)
			body_put(r->body); // its octets stay good until the next body is taken
		if (r->op == op)
			return true;
	}
	return false;
}

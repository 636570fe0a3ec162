#include "tests/unit/core/relay_mesh.h"

#include "dataplane/wire/flow_kind.h"
#include "dataplane/wire/group_stream.h"
#include "dataplane/wire/stream_fragment.h"

#define CONTROL_FLOW 2 // our send slots, and flow ids
#define DATA_FLOW    3

struct mesh *mesh_create(const struct loop_opts *opts)
{
	struct mesh *m = calloc(1, sizeof(*m));

	assert_non_null(m);
	m->l = loop_create(opts);
	m->body_len = 900;
	return m;
}

void mesh_destroy(struct mesh *m)
{
	loop_destroy(m->l);
	free(m);
}

void mesh_stream(struct mesh *m, uint32_t node, uint8_t flags, uint32_t fetch_ms)
{
	const struct stream_seed seed = {
		.window_ms = 8000,
		.margin_ms = 2000,
		.update_ms = 100,
		.fetch_ms = fetch_ms,
		.extents_max = 100,
		.push_limit = 4,
		.flags = flags,
	};
	struct command c = {.op = CMD_STREAM_ADD, .len = sizeof(seed)};

	c.stream.stream = MESH_STREAM;
	c.body = loop_body(m->l, node, &seed, sizeof(seed));
	loop_command(m->l, node, &c);
	loop_turn(m->l);
}

// -- links --

static void end_link(struct mesh *m, const struct loop_pair *p, int which, uint8_t flags)
{
	const struct span meta = flow_kind_metadata(FLOW_GROUP_STREAM);
	struct command c = {.op = CMD_FLOW_OPEN,
			    .flow = CONTROL_FLOW,
			    .session_idx = p->slot[which],
			    .session_id = p->id[which]};
	uint8_t info[80];
	struct wr w = wr_over(info, sizeof(info));
	struct stream_info s = {.name = span_of("n", 1)};

	c.open.flow_id = CONTROL_FLOW;
	c.open.rule_stream = MESH_STREAM;
	c.open.meta_len = (uint8_t)meta.len;
	memcpy(c.open.meta, meta.data, meta.len);
	loop_command(m->l, p->node[which], &c);

	memset(c.raw, 0, sizeof(c.raw));
	c.op = CMD_STREAM_LINK;
	c.link.stream = MESH_STREAM;
	c.link.control_flow = CONTROL_FLOW;
	c.link.data_flow = DATA_FLOW;
	c.link.data_flow_id = DATA_FLOW;
	c.link.assoc_id = CONTROL_FLOW;
	c.link.flags = flags;
	c.link.ring_order = p->node[!which];
	loop_command(m->l, p->node[which], &c);

	memset(c.raw, 0, sizeof(c.raw));
	c.op = CMD_FLOW_SEND;
	assert_int_equal(stream_info_write(&w, &s), 0);
	c.len = (uint32_t)w.len;
	c.body = loop_body(m->l, p->node[which], info, w.len);
	loop_command(m->l, p->node[which], &c);
}

struct loop_pair mesh_link_as(struct mesh *m, uint32_t a, uint32_t b, uint8_t flags_a,
			      uint8_t flags_b, const struct loop_form *form)
{
	struct loop_pair p = loop_connect(m->l, a, b, form);

	end_link(m, &p, 0, flags_a);
	end_link(m, &p, 1, flags_b);
	loop_turn(m->l);
	return p;
}

struct loop_pair mesh_link(struct mesh *m, uint32_t a, uint32_t b, uint8_t flags_a, uint8_t flags_b)
{
	return mesh_link_as(m, a, b, flags_a, flags_b, &(struct loop_form){.rtt_us = 20000});
}

void mesh_unlink(struct mesh *m, const struct loop_pair *p)
{
	for (int i = 0; i < 2; i++) {
		struct command c = {
			.op = CMD_STREAM_UNLINK, .session_idx = p->slot[i], .session_id = p->id[i]};

		c.link.stream = MESH_STREAM;
		loop_command(m->l, p->node[i], &c);
	}
	loop_turn(m->l);
}

// -- reports --

// GR-11 becomes STREAM_CONTROL of our stream; GR-12 needs no answer, the rule has classed it.
static void on_opened(struct mesh *m, uint32_t node, const struct report *r)
{
	struct command c = {.op = CMD_FLOW_CLASS,
			    .flow = r->flow,
			    .session_idx = r->session_idx,
			    .session_id = r->session_id};

	if (flow_kind_of(span_of(r->opened.meta, r->opened.meta_len), NULL) != FLOW_GROUP_STREAM)
		return;
	c.class.flow_id = r->opened.flow_id;
	c.class.class = FLOW_STREAM_CONTROL;
	c.class.stream = MESH_STREAM;
	loop_command(m->l, node, &c);
}

static void on_fragment(struct mesh *m, uint32_t node, const struct report *r)
{
	struct mesh_node *n = &m->node[node];
	struct stream_fragment f;

	assert_int_equal(r->stream.stream, MESH_STREAM);
	assert_int_equal(stream_fragment_read(&f, span_of(r->body->data, r->len)), 0);
	assert_int_equal(f.number, r->stream.number);
	assert_in_range(f.number, 1, m->n_published);
	assert_int_equal(f.payload.len, m->body_len);
	for (size_t i = 0; i < f.payload.len; i++)
		assert_int_equal(f.payload.data[i], (uint8_t)(f.number * 31 + i));
	n->got_us[f.number] = m->l->now_us;
	n->n_got++;
	assert_int_equal(n->got[f.number]++, 0); // the tap: each once
}

static void on_report(struct mesh *m, uint32_t node, const struct report *r)
{
	switch (r->op) {
	case REP_FLOW_OPENED:
		on_opened(m, node, r);
		break;
	case REP_STREAM_FRAGMENT:
		on_fragment(m, node, r);
		break;
	case REP_STREAM_GONE:
		assert_true(r->stream.number > m->node[node].gone);
		m->node[node].gone = r->stream.number;
		break;
	}
	loop_put(m->l, node, r->body);
}

static void reports(struct mesh *m)
{
	for (uint32_t i = 0; i < m->l->opts.n_nodes; i++) {
		struct loop_node *n = &m->l->nodes[i];

		for (uint32_t k = 0; k < n->n_inbox; k++)
			on_report(m, i, &n->inbox[k]);
		n->n_inbox = 0;
	}
}

void mesh_run_us(struct mesh *m, uint64_t us)
{
	uint64_t end_us = m->l->now_us + us;

	while (m->l->now_us < end_us) {
		uint64_t left = end_us - m->l->now_us;

		loop_run_us(m->l, left < 5000 ? left : 5000);
		reports(m);
	}
}

// -- publishing --

static void publish_one(struct mesh *m)
{
	uint8_t payload[1000], message[1100];
	struct stream_fragment f = {.flags = STREAM_FRAGMENT_FIRST,
				    .type = 9,
				    .number = ++m->n_published,
				    .payload = span_of(payload, m->body_len)};
	struct wr w = wr_over(message, sizeof(message));
	struct command c = {.op = CMD_STREAM_PUBLISH};

	assert_true(m->n_published < MESH_FRAGMENTS_MAX);
	for (size_t i = 0; i < m->body_len; i++)
		payload[i] = (uint8_t)(f.number * 31 + i);
	assert_int_equal(stream_fragment_write(&w, &f), 0);
	m->published_us[f.number] = m->l->now_us;
	c.stream.stream = MESH_STREAM;
	c.stream.number = f.number;
	c.len = (uint32_t)w.len;
	c.body = loop_body(m->l, 0, message, w.len);
	loop_command(m->l, 0, &c);
}

void mesh_publish(struct mesh *m, uint32_t n, uint64_t interval_us)
{
	for (uint32_t i = 0; i < n; i++) {
		publish_one(m);
		mesh_run_us(m, interval_us);
	}
}

// -- figures --

static void stats(struct mesh *m, uint32_t node, enum stats_table table, struct report *r)
{
	struct command c = {.op = CMD_STATS};

	reports(m);
	c.stats.table = table;
	loop_command(m->l, node, &c);
	loop_turn(m->l);
	assert_true(loop_take(m->l, node, REP_STATS, r));
	assert_int_equal(r->stats.table, table);
}

struct stream_stats mesh_stream_stats(struct mesh *m, uint32_t node)
{
	struct stream_stats row;
	struct report r;

	stats(m, node, STATS_STREAMS, &r);
	assert_int_equal(r.stats.n, 1);
	memcpy(&row, r.body->data, sizeof(row));
	assert_int_equal(row.stream, MESH_STREAM);
	loop_put(m->l, node, r.body);
	return row;
}

struct link_stats mesh_link_stats(struct mesh *m, const struct loop_pair *p, int which)
{
	struct link_stats row = {0};
	struct report r;

	stats(m, p->node[which], STATS_LINKS, &r);
	for (uint32_t i = 0; i < r.stats.n; i++) {
		memcpy(&row, r.body->data + i * sizeof(row), sizeof(row));
		if (row.session_id == p->id[which])
			break;
	}
	assert_int_equal(row.session_id, p->id[which]);
	loop_put(m->l, p->node[which], r.body);
	return row;
}

uint64_t mesh_drops(struct mesh *m, uint32_t node, enum drop_reason why)
{
	return engine_stats(m->l->nodes[node].engine)->drops[why];
}

void mesh_assert_whole(struct mesh *m, uint32_t node, uint64_t from, uint64_t to)
{
	for (uint64_t no = from; no <= to; no++)
		if (m->node[node].got[no] != 1)
			fail_msg("node %u has fragment %lu %u times", node, (unsigned long)no,
				 m->node[node].got[no]);
}

#include "tests/unit/core/relay_machine.h"

void machine_open(struct machine *m, uint32_t n, uint32_t ring_slots, uint32_t extents)
{
	memset(m, 0, sizeof(*m));
	m->n = n;
	for (uint32_t i = 0; i < n; i++)
		for (uint32_t k = 0; k < n; k++)
			m->ring[i][k] = i != k ? mailbox_create(ring_slots) : NULL;
	for (uint32_t i = 0; i < n; i++) {
		struct engine_opts *o;

		m->w[i] = world_create(&(struct world_opts){
			.workers = n, .extents_max = extents, .streams_max = 16});
		o = &m->w[i]->e.opts;
		for (uint32_t k = 0; k < n; k++) {
			m->to[i][k] = m->ring[i][k];
			m->from[i][k] = m->ring[k][i];
		}
		o->worker = i;
		o->handoff_to = m->to[i];
		o->handoff_from = m->from[i];
	}
}

struct stream *stream_of(const struct machine *m, uint32_t i)
{
	return stream_find(engine_of(m, i), WORLD_STREAM);
}

void stream_everywhere(struct machine *m)
{
	for (uint32_t i = 0; i < m->n; i++)
		world_stream(m->w[i], WORLD_STREAM,
			     i == 0 ? STREAM_PUSH_ALL | STREAM_HOME : STREAM_PUSH_ALL);
}

void remove_stream(struct machine *m, uint32_t i)
{
	struct command c = {.op = CMD_STREAM_REMOVE};

	c.stream.stream = WORLD_STREAM;
	relay_command(engine_of(m, i), &c);
}

void take(struct machine *m, uint32_t i)
{
	relay_handoffs(engine_of(m, i));
}

void take_all(struct machine *m)
{
	for (int round = 0; round < 4; round++)
		for (uint32_t i = 0; i < m->n; i++)
			take(m, i);
}

void machine_run_ms(struct machine *m, uint32_t ms)
{
	for (uint32_t at = 0; at < ms; at += 10) {
		for (uint32_t i = 0; i < m->n; i++)
			world_run_ms(m->w[i], 10);
		take_all(m);
	}
}

uint32_t n_lent(const struct machine *m, uint32_t i)
{
	uint32_t n = 0;

	for (uint32_t k = 0; k < m->n; k++)
		n += engine_of(m, i)->relay->lent[k];
	assert_int_equal(n, engine_of(m, i)->relay->extents->n_lent);
	return n;
}

void machine_close(struct machine *m)
{
	for (int i = 0; i < 40; i++)
		take_all(m);
	for (uint32_t i = 0; i < m->n; i++) {
		assert_int_equal(n_lent(m, i), 0);
		assert_false(handoff_waits(engine_of(m, i)));
	}
	for (uint32_t i = 0; i < m->n; i++) {
		for (uint32_t k = 0; k < m->n; k++)
			if (m->ring[i][k] != NULL)
				assert_int_equal(mailbox_n(m->ring[i][k]), 0);
		world_destroy(m->w[i]);
	}
	for (uint32_t i = 0; i < m->n; i++)
		for (uint32_t k = 0; k < m->n; k++)
			mailbox_destroy(m->ring[i][k]);
}

const struct record *record_of(const struct machine *m, uint32_t i, uint64_t no)
{
	return window_find(&stream_of(m, i)->window, engine_of(m, i)->relay->extents, no);
}

bool holds(const struct machine *m, uint32_t i, uint64_t no)
{
	return record_of(m, i, no) != NULL;
}

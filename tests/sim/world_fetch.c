#include "tests/sim/world_fetch.h"
#include "dataplane/fetch.h"

#include "dataplane/wire/packet.h"

// Looks at so many who have their turns next: some milliseconds.
#define AHEAD_LINES 7
#define AHEAD_WHO   15 // before that, whose alarm it is

// A packet of this length is more than a ping, its answer or an ack: control will hear of it.
#define FOR_CONTROL_LEN 48

void world_lines_set(struct world *w, uint32_t i)
{
	struct world_lines *l = &w->lines[i];

	*l = (struct world_lines){.sim = w->members[i].sim};
	engine_lines_of(l->sim->engine, &l->engine);
	node_lines_of(l->sim->node, &l->node);
	lines_add(&l->node, l->sim->reports[0], sizeof(struct mailbox) + MAILBOX_SLOT);
}

static void fetch(struct world *w, uint32_t i, uint32_t slot)
{
	const struct world_lines *l = &w->lines[i];

	fetch_line_to_write(&w->members[i]);
	fetch_line_to_write(l->sim);
	fetch_line_to_write((const uint8_t *)l->sim + 64);
	engine_lines_fetch(&l->engine, slot);
}

void world_herald(void *ctx, uint32_t host, const uint8_t *data, uint16_t len)
{
	struct world *w = ctx;
	uint32_t id = 0;

	if (ssid_unscramble(data, len, &id) != 0)
		return;
	fetch(w, host, id != 0 ? session_id_slot(id) : SESSION_NONE);
	if (len > FOR_CONTROL_LEN)
		lines_fetch(&w->lines[host].node);
}

// Those whose alarms are next: the first of a heap are nearly the earliest.
void world_fetch_ahead(struct world *w, uint32_t member)
{
	struct world_lines *l = &w->lines[member];

	l->alarm = engine_next_alarm(l->sim->engine);
	l->node_due_us = l->sim->node_due_us;
	l->n_fetched = 0;
	for (uint32_t k = 0; k < AHEAD_WHO && k < w->n; k++) {
		const struct world_due *due = &w->due->due[k];
		uint32_t n = k < AHEAD_LINES ? 2 : 1;

		l = &w->lines[due->member];
		if (l->n_fetched >= n)
			continue;
		if (n == 2 && l->node_due_us <= due->at_us)
			lines_fetch(&l->node);
		if (n == 2)
			fetch(w, due->member, l->alarm != NULL ? *l->alarm : SESSION_NONE);
		else if (l->alarm != NULL)
			fetch_line_to_write(l->alarm);
		l->n_fetched = (uint8_t)n;
	}
}

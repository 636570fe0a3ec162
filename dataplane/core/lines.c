#include "dataplane/core/lines.h"

#include "dataplane/core/flow_pools.h"
#include "dataplane/core/internal.h"
#include "dataplane/core/timer.h"
#include "dataplane/fetch.h"

#define LINE 64

// Offsets in a struct, a line each.
static void fetch(const uint8_t *at, const uint16_t *offsets, size_t n)
{
	for (size_t i = 0; i < n; i++)
		fetch_line_to_write(at + offsets[i]);
}

#define E(field) offsetof(struct engine, field)
#define S(field) offsetof(struct session, field)
#define C(field) offsetof(struct session_cold, field)
static const uint16_t of_engine[] = {
	E(now_us), E(sessions), E(has_tc_tx),         E(budgets.now_us),
	E(data),   E(opts),     E(opts.sessions_max), E(relay),
	E(gate),   E(stats),    E(stats.tx_ip_bytes),
};
// Of the keys' schedules, the first and the last lines.
static const uint16_t of_session[] = {
	S(id_rx), S(seal_sched), S(sseq_tx), S(open_sched), S(rx_bytes), S(tx_in_flight),
};
static const uint16_t of_cold[] = {C(wants), C(wants) + LINE, C(rx_window), C(rx_window) + LINE};
#undef E
#undef S
#undef C
#define FETCH(at, offsets) fetch(at, offsets, sizeof(offsets) / sizeof((offsets)[0]))

void engine_lines_of(const struct engine *e, struct engine_lines *l)
{
	*l = (struct engine_lines){
		.engine = (const uint8_t *)e,
		.sessions = (const uint8_t *)e->sessions,
		.cold = (const uint8_t *)e->cold,
		.paths = (const uint8_t *)e->paths,
		.hmac = (const uint8_t *)e->hmac,
		.flows = (const uint8_t *)e->flows->tables,
		.wheel = (const uint8_t *)e->wheel,
		.alarms = timer_entries(e->wheel),
		.sessions_max = e->opts.sessions_max,
	};
}

void engine_lines_fetch(const struct engine_lines *l, uint32_t slot)
{
	FETCH(l->engine, of_engine);
	fetch_line_to_write(l->wheel);
	if (slot >= l->sessions_max)
		return;
	FETCH(l->sessions + slot * sizeof(struct session), of_session);
	FETCH(l->cold + slot * sizeof(struct session_cold), of_cold);
	fetch_line(l->paths + slot * sizeof(struct path));
	fetch_line(l->paths + (slot + 1) * sizeof(struct path) - 1);
	fetch_line(l->hmac + 2 * slot * sizeof(struct hmac_keys));
	fetch_line(l->hmac + (2 * slot + 1) * sizeof(struct hmac_keys));
	fetch_line_to_write(l->flows + slot * sizeof(struct flow_table));
	fetch_line_to_write(l->alarms + slot * TIMER_ENTRY_BYTES);
}

const uint32_t *engine_next_alarm(const struct engine *e)
{
	return timer_next(e->wheel);
}

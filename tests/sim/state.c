#include "tests/sim/state.h"

#include "control/node_internal.h"
#include "control/startup/internal.h"
#include "dataplane/core/flow_pools.h"
#include "dataplane/core/stream.h"

#define N(array) (sizeof(array) / sizeof((array)[0]))

#define F(field) WATCH_FIELD(engine, field)
static const struct watch_field engine_fields[] = {
	F(now_us),
	F(now_ms),
	F(ready_head),
	F(ready_tail),
	F(untold_head),
	F(untold_tail),
	F(home_head),
	F(home_tail),
	F(sessions),
	F(n_home),
	F(relay_has_more),
	F(stats_asked),
	F(stats_table),
	F(has_tc_tx),
	F(tc_rx_session),
	F(tc_rx_ms),
	F(tc_tx_ms),
	F(tc_elsewhere_rx_ms),
	F(tc_elsewhere_tx_ms),
	F(has_tc_elsewhere_rx),
	F(has_tc_elsewhere_tx),
	F(stats_at),
	F(data),
	F(opts),
	F(mobility_keys),
};
#undef F

#define F(field) WATCH_FIELD(session, field)
static const struct watch_field session_fields[] = {
	F(id_rx),
	F(id_tx),
	F(cwnd_bytes),
	F(in_flight_bytes),
	F(ssthresh_bytes),
	F(growth_bytes),
	F(tsn_next),
	F(tsn_acked),
	F(alarm_ms),
	F(last_rx_ms),
	F(ts_rx_us),
	F(ts_rx),
	F(ts_tx),
	F(echo_tx),
	F(echo_rx),
	F(flags),
	F(due),
	{"state_heard", offsetof(struct session, due) + 1, 1},
	F(n_burst),
	F(tx_tag_len),
	{"n_rx_data", offsetof(struct session, tx_tag_len) + 1, 1},
	F(payload_max),
	F(seal_sched),
	F(tx_bytes),
	F(sseq_tx),
	F(open_sched),
	F(rx_bytes),
	F(srtt_us),
	F(rttvar_us),
	F(tx_in_flight),
	F(tx_ready),
	F(rx_to_ack),
	F(erto_us),
	F(mrto_us),
	F(rx_packets),
	F(tx_packets),
	F(erto_at_ms),
	F(delack_at_ms),
	F(next_ready),
	F(is_challenged),
	F(tc_tx_ms),
	F(tcr_rx_ms),
};
#undef F

#define F(field) WATCH_FIELD(session_cold, field)
static const struct watch_field cold_fields[] = {
	F(wants),
	F(tells),
	F(is_untold_listed),
	F(close_reason),
	F(n_pongs),
	F(next_untold),
	F(chunks_head),
	F(chunks_tail),
	F(n_chunks),
	F(alarms),
	F(alarm_at_ms),
	F(keepalive_ms),
	F(keepalive_limit_ms),
	F(is_pinged),
	F(pinged_ms),
	F(ping_at_ms),
	F(health),
	F(suspect_ms),
	F(told_rtt_us),
	F(challenge_us),
	F(challenge_end_ms),
	F(close_end_ms),
	F(unacked_since_ms),
	F(moved_to),
	F(mobility_tx_us),
	F(mobility_rx_us),
	F(pmtu),
	F(early_head),
	F(early_tail),
	F(n_early),
	F(n_lost),
	F(n_resent),
	F(n_duplicates),
	F(rx_window),
};
#undef F

#define F(field) WATCH_FIELD(flow_tx, field)
static const struct watch_field flow_tx_fields[] = {
	F(sn_next),         F(sn_base),    F(ring),        F(cursor),     F(ring_mask),
	F(in_flight_bytes), F(rwnd_bytes), F(session_idx), F(source_idx), F(late),
	F(slots),           F(flags),      F(state),       F(id_vlu_len), F(id_vlu),
};
#undef F

#define F(field) WATCH_FIELD(flow_rx, field)
static const struct watch_field flow_rx_fields[] = {
	F(flow_id),        F(session_idx),    F(stream),        F(slot),        F(state),
	F(class),          F(flags),          F(kind),          F(is_crowded),  F(prev_rwnd),
	F(capacity_bytes), F(seen),           F(held),          F(next_untold), F(final_sn),
	F(exception),      F(answer_flow_id), F(held_since_ms), F(held_prev),   F(held_next),
	F(assoc_slot),     F(meta_len),       F(meta),
};
#undef F

#define F(field) WATCH_FIELD(seat, field)
static const struct watch_field seat_fields[] = {
	F(ctl),           F(at),
	F(next_by_addr),  F(next_by_print),
	F(next_unproven), F(prev_unproven),
	F(generation),    F(is_listed),
	F(is_known),      F(was_opened),
	F(is_unproven),   F(unproven_step),
	F(opening),       F(challenge_end_us),
	F(introductions), F(cert_hash),
	F(keying_hash),   F(answer_len),
	F(answer),
};
#undef F

#define F(field) WATCH_FIELD(startup, field)
static const struct watch_field startup_fields[] = {
	F(outbox),    F(openings),     F(openings_max), F(n_openings), F(openings_end),
	F(jobs_free), F(cookie_at_us), F(unproven),     F(ends),       F(jobs),
	F(keyings),   F(newcomers),    F(counters),
};
#undef F

#define F(field) WATCH_FIELD(world_member, field)
static const struct watch_field member_fields[] = {
	F(sim),          F(conn),       F(opened_us),     F(connected_us),
	F(write_us),     F(world),      F(host),          F(group),
	F(stream),       F(publish),    F(n_written),     F(play),
	F(n_neighbours), F(n_failures), F(n_disconnects), F(n_neighbour_losses),
	F(is_done),
};
#undef F

static void engine_name(struct engine *e, uint32_t i)
{
	const struct engine_opts *o = &e->opts;
	struct flows *f = e->flows;
	struct relay *r = e->relay;

	watch_ignore(&e->stats, sizeof(e->stats));
	watch_ignore(&e->scratch, sizeof(e->scratch));
	watch_ignore(&e->rooms_us, sizeof(e->rooms_us)); // a look more that finds nothing
	watch_ignore(&e->n_reported, sizeof(e->n_reported));
	watch_ignore_block(e->gate);
	watch_name(e, sizeof(*e), sizeof(*e), engine_fields, N(engine_fields), "%u engine", i);
	watch_name(e->sessions, o->sessions_max * sizeof(*e->sessions), sizeof(*e->sessions),
		   session_fields, N(session_fields), "%u session", i);
	watch_name(e->cold, o->sessions_max * sizeof(*e->cold), sizeof(*e->cold), cold_fields,
		   N(cold_fields), "%u session_cold", i);
	watch_name(e->paths, o->sessions_max * sizeof(*e->paths), sizeof(*e->paths), NULL, 0,
		   "%u path", i);
	watch_name(e->hmac, 2 * o->sessions_max * sizeof(*e->hmac), sizeof(*e->hmac), NULL, 0,
		   "%u hmac", i);
	watch_name(f->pub.tx, o->flows_tx_max * sizeof(*f->pub.tx), sizeof(*f->pub.tx),
		   flow_tx_fields, N(flow_tx_fields), "%u flow_tx", i);
	watch_name(f->tx_cold, o->flows_tx_max * sizeof(*f->tx_cold), sizeof(*f->tx_cold), NULL, 0,
		   "%u flow_tx_cold", i);
	watch_name(f->rx, o->flows_rx_max * sizeof(*f->rx), sizeof(*f->rx), flow_rx_fields,
		   N(flow_rx_fields), "%u flow_rx", i);
	watch_name(f->tables, o->sessions_max * sizeof(*f->tables), sizeof(*f->tables), NULL, 0,
		   "%u flow_table", i);
	watch_name(r->streams, r->streams_max * sizeof(*r->streams), sizeof(*r->streams), NULL, 0,
		   "%u stream", i);
	watch_name(r->links, r->links_max * sizeof(*r->links), sizeof(*r->links), NULL, 0,
		   "%u link", i);
}

static void node_name(struct node *n, const struct engine_opts *o, uint32_t i)
{
	struct startup *st = n->startup;

	watch_ignore(&st->counters, sizeof(st->counters));
	watch_name(st, sizeof(*st), sizeof(*st), startup_fields, N(startup_fields), "%u startup",
		   i);
	watch_name(directory_at(st->directory, 0), o->sessions_max * sizeof(struct seat),
		   sizeof(struct seat), seat_fields, N(seat_fields), "%u seat", i);
	watch_name(directory_flows_at(st->directory, 0), o->sessions_max * sizeof(struct ctl_flows),
		   sizeof(struct ctl_flows), NULL, 0, "%u ctl_flows", i);
	watch_name(st->openings, st->openings_max * sizeof(*st->openings), sizeof(*st->openings),
		   NULL, 0, "%u opening", i);
	watch_name(n, sizeof(*n), sizeof(*n), NULL, 0, "%u node", i);
	for (struct node_group *g = n->joined; g != NULL; g = g->next)
		state_group_name(g->group, i);
}

void state_name(struct world *w)
{
	watch_forget_names();
	watch_ignore_block(w->crypto);
	watch_name(w->members, w->n * sizeof(*w->members), sizeof(*w->members), member_fields,
		   N(member_fields), "member");
	watch_ignore_block(w->lines);
	if (net_frames(w->net) != NULL)
		watch_ignore_block(net_frames(w->net));
	for (uint32_t i = 0; i < w->n; i++) {
		struct sim_node *s = w->members[i].sim;

		watch_ignore(&s->turns, sizeof(s->turns));
		watch_ignore(&s->engine_due_us, sizeof(s->engine_due_us)); // what the engine says
		watch_ignore(&s->n_read, sizeof(s->n_read));
		watch_name(s, sizeof(*s), sizeof(*s), NULL, 0, "%u sim_node", i);
		engine_name(s->engine, i);
		node_name(s->node, &s->engine->opts, i);
		watch_name(s->commands[0], sizeof(struct mailbox), sizeof(struct mailbox), NULL, 0,
			   "%u commands", i);
		watch_name(s->reports[0], sizeof(struct mailbox), sizeof(struct mailbox), NULL, 0,
			   "%u reports", i);
	}
}

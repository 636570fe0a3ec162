// The comparison of full states sees what happens: over a short life of a world, every part that
// the list below names changes at least once, and with nothing to do nothing changes.
#include <stdio.h>

#include "crypto/keying.h"
#include "tests/sim/state.h"
#include "tests/support/test.h"

#define STEP_US   20000
#define NAMES_MAX 2048
#define LIVES_MAX 8

struct seen {
	char names[NAMES_MAX][DIFFERENCE_NAME];
	uint32_t n;
};

// Without numbers: "3 session[7].ts_rx" is "session.ts_rx".
static void see(void *ctx, const struct difference *d)
{
	struct seen *s = ctx;
	char plain[DIFFERENCE_NAME];
	bool is_inside = false;
	const char *at = d->name;
	size_t n = 0;

	at += strspn(at, "0123456789 ");
	for (; *at != '\0' && *at != '+' && *at != ':'; at++) {
		is_inside = (is_inside || *at == '[') && *at != ']';
		if (!is_inside && *at != ']')
			plain[n++] = *at;
	}
	plain[n] = '\0';
	for (uint32_t i = 0; i < s->n; i++)
		if (strcmp(s->names[i], plain) == 0)
			return;
	assert_true(s->n < NAMES_MAX);
	memcpy(s->names[s->n++], plain, sizeof(plain));
}

static void live(struct world *w, struct seen *s, uint64_t us)
{
	for (uint64_t t = 0; t < us; t += STEP_US) {
		struct snapshot *before = snapshot_take();

		watch_on();
		world_run_us(w, STEP_US);
		watch_off();
		snapshot_compare(before, see, s);
		snapshot_free(before);
	}
}

static const char *const parts[] = {
	// the engine
	"engine.has_tc_tx",
	"engine.home_tail",
	"engine.now_ms",
	"engine.now_us",
	"engine.ready_tail",
	"engine.stats_table",
	"engine.tc_rx_ms",
	"engine.tc_rx_session",
	"engine.tc_tx_ms",
	// a session
	"session.alarm_ms",
	"session.cwnd_bytes",
	"session.delack_at_ms",
	"session.echo_rx",
	"session.echo_tx",
	"session.erto_at_ms",
	"session.erto_us",
	"session.flags",
	"session.growth_bytes",
	"session.id_rx",
	"session.id_tx",
	"session.in_flight_bytes",
	"session.last_rx_ms",
	"session.mrto_us",
	"session.n_burst",
	"session.n_rx_data",
	"session.next_ready",
	"session.open_sched",
	"session.payload_max",
	"session.rttvar_us",
	"session.rx_bytes",
	"session.rx_packets",
	"session.rx_to_ack",
	"session.seal_sched",
	"session.srtt_us",
	"session.sseq_tx",
	"session.ssthresh_bytes",
	"session.state_heard",
	"session.tc_tx_ms",
	"session.tcr_rx_ms",
	"session.ts_rx",
	"session.ts_rx_us",
	"session.ts_tx",
	"session.tsn_acked",
	"session.tsn_next",
	"session.tx_bytes",
	"session.tx_in_flight",
	"session.tx_packets",
	"session.tx_ready",
	"session.tx_tag_len",
	// its rarer half
	"session_cold.alarm_at_ms",
	"session_cold.alarms",
	"session_cold.chunks_tail",
	"session_cold.close_reason",
	"session_cold.early_head",
	"session_cold.early_tail",
	"session_cold.is_pinged",
	"session_cold.keepalive_limit_ms",
	"session_cold.keepalive_ms",
	"session_cold.mobility_rx_us",
	"session_cold.mobility_tx_us",
	"session_cold.moved_to",
	"session_cold.n_duplicates",
	"session_cold.n_lost",
	"session_cold.n_resent",
	"session_cold.ping_at_ms",
	"session_cold.pinged_ms",
	"session_cold.pmtu",
	"session_cold.rx_window",
	"session_cold.unacked_since_ms",
	// a send flow
	"flow_tx.cursor",
	"flow_tx.flags",
	"flow_tx.id_vlu",
	"flow_tx.id_vlu_len",
	"flow_tx.in_flight_bytes",
	"flow_tx.ring",
	"flow_tx.ring_mask",
	"flow_tx.rwnd_bytes",
	"flow_tx.session_idx",
	"flow_tx.slots",
	"flow_tx.sn_base",
	"flow_tx.sn_next",
	"flow_tx.source_idx",
	"flow_tx.state",
	// a receive flow
	"flow_rx.assoc_slot",
	"flow_rx.capacity_bytes",
	"flow_rx.class",
	"flow_rx.flags",
	"flow_rx.flow_id",
	"flow_rx.held",
	"flow_rx.held_next",
	"flow_rx.held_prev",
	"flow_rx.held_since_ms",
	"flow_rx.kind",
	"flow_rx.meta",
	"flow_rx.meta_len",
	"flow_rx.prev_rwnd",
	"flow_rx.seen",
	"flow_rx.session_idx",
	"flow_rx.slot",
	"flow_rx.state",
	"flow_rx.stream",
	// control: a session of its own
	"seat.answer",
	"seat.answer_len",
	"seat.at",
	"seat.cert_hash",
	"seat.ctl",
	"seat.generation",
	"seat.introductions",
	"seat.is_known",
	"seat.is_listed",
	"seat.is_unproven",
	"seat.keying_hash",
	"seat.next_by_addr",
	"seat.next_by_print",
	"seat.next_unproven",
	"seat.opening",
	"seat.prev_unproven",
	"seat.was_opened",
	// startup
	"startup.n_openings",
	"startup.unproven",
	// the user
	"member.connected_us",
	"member.n_neighbour_losses",
	"member.n_neighbours",
	"member.n_written",
	"member.opened_us",
	"member.play",
	"member.write_us",
	// What has no names inside, by the function that took the memory: pools, wheel, windows,
	// rings, reassembly, rpc, groups, streams, players.
	"body_pool_create",
	"cell_pool_init",
	"directory_create",
	"early_create",
	"extents_create",
	"flow_table",
	"flow_tx_cold",
	"flows_create",
	"fragment_store_put",
	"gc_server_create",
	"groups_create",
	"hello_create",
	"hmac",
	"idx_pool_init",
	"link",
	"mailbox_create",
	"member_add",
	"msg_pool_init",
	"nc_create",
	"neighbour_make",
	"node",
	"opening",
	"outbox_create",
	"path",
	"player_create",
	"publisher_create",
	"relay_create",
	"rpc_create",
	"slabs_create",
	"startup_queue_create",
	"stream",
	"stream_make",
	"timer_wheel_create",
	"token_table_create",
	"world_heap_create",
};

static bool has_seen(const struct seen *s, const char *name)
{
	for (uint32_t i = 0; i < s->n; i++)
		if (strcmp(s->names[i], name) == 0)
			return true;
	return false;
}

static struct world *world_of(const struct sim_run *run, const struct keying_policy *policy)
{
	const struct net_link line = {.delay_us = 15000, .loss_permille = 20};
	struct world *w;

	watch_on();
	w = world_create(&(struct world_opts){.run = run,
					      .has_super = true,
					      .n_members = 3,
					      .up = line,
					      .down = line,
					      .super_up = line,
					      .super_down = line,
					      .policy = policy});
	watch_off();
	state_name(w);
	return w;
}

static void live_a_life(const struct sim_pool *pool, uint64_t seed, struct seen *s)
{
	struct sim_run run = {.test = "state", .scenario = "life", .seed = seed, .pool = pool};
	struct keying_policy policy = keying_policy_default;
	struct world *w = world_of(&run, &policy);
	uint32_t line_loss = net_up(w->net, w->members[3].host)->loss_permille;

	watch_on();
	world_join_all(w);
	watch_off();
	live(w, s, 6000000);
	watch_on();
	world_publish(w, 1, &(struct world_publish){3000, 10000, 200});
	world_play(w, 2);
	world_play(w, 3);
	watch_off();
	live(w, s, 2000000);
	net_move(w->net, w->members[2].host);
	live(w, s, 4000000);
	net_up(w->net, w->members[3].host)->loss_permille = 1000; // its answers to pings, too
	live(w, s, 4000000);
	net_up(w->net, w->members[3].host)->loss_permille = line_loss;
	ctl_session_close(world_session(w, 2, 3), CLOSE_ORDERLY);
	world_wake(w, 2);
	live(w, s, 2000000);
	world_destroy(w);
}

static uint32_t n_missing(const struct seen *s, bool is_told)
{
	uint32_t n = 0;

	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		if (has_seen(s, parts[i]))
			continue;
		if (is_told)
			print_error("never seen to change: %s\n", parts[i]);
		n++;
	}
	return n;
}

// In one life or another: what is lost where is chance.
static void every_part_is_seen_to_change(void **state)
{
	struct seen *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	for (uint64_t seed = 1; seed <= LIVES_MAX && (seed == 1 || n_missing(s, false) > 0); seed++)
		live_a_life(*state, seed, s);
	if (getenv("STATE_PARTS") != NULL)
		for (uint32_t i = 0; i < s->n; i++)
			printf("\t\"%s\",\n", s->names[i]);
	assert_int_equal(n_missing(s, true), 0);
	free(s);
}

static void nothing_happens_in_no_time(void **state)
{
	struct sim_run run = {.test = "state", .scenario = "still", .seed = 4, .pool = *state};
	struct seen *s = calloc(1, sizeof(*s));
	struct world *w = world_of(&run, NULL);
	struct snapshot *before;

	assert_non_null(s);
	watch_on();
	world_join_all(w);
	world_run_us(w, 7000000);
	for (unsigned n = 0; n < 3; n++)
		for (uint32_t i = 0; i < w->n; i++)
			sim_node_turn(w->members[i].sim, w->now_us);
	watch_off();
	before = snapshot_take();
	watch_on();
	for (uint32_t i = 0; i < w->n; i++)
		sim_node_turn(w->members[i].sim, w->now_us);
	watch_off();
	assert_int_equal(snapshot_compare(before, see, s), 0);

	// One octet anywhere, also where no name reaches, is a difference with a name.
	w->members[3].sim->bodies = (struct body_pool *)((uintptr_t)w->members[3].sim->bodies ^ 1);
	assert_int_equal(snapshot_compare(before, see, s), 1);
	assert_string_equal(s->names[0], "sim_node");
	w->members[3].sim->bodies = (struct body_pool *)((uintptr_t)w->members[3].sim->bodies ^ 1);
	assert_int_equal(snapshot_compare(before, see, s), 0);
	snapshot_free(before);
	world_destroy(w);
	free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_part_is_seen_to_change),
		cmocka_unit_test(nothing_happens_in_no_time),
	};

	return cmocka_run_group_tests(tests, sim_setup, sim_teardown);
}

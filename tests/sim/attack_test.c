// A replaying attacker (RFC 7016 5, RFC 7425 7; rtmfp.md 13.11; requirements 12, 15, 112, 129,
// 130): what he has heard of live sessions comes back, whole, altered, reflected, from elsewhere,
// and nothing changes, by a comparison of the full state of all members before and after (state.h).
//
// ATTACK_PACKETS in the environment: so many per row, of all kinds together.
#include <inttypes.h>
#include <stdio.h>

#include "crypto/keying.h"
#include "tests/sim/attacker.h"
#include "tests/sim/state.h"
#include "tests/support/test.h"

#define PACKETS      16000
#define SOAK_PACKETS 10000000
#define BATCH        1024 // packets between two turns of all members
#define COMPARISONS  250  // of a row's packets of a kind, but not oftener than each turn
#define MESSAGES     900

#define BIT(kind) (1u << (kind))
#define ALTERED                                                                                    \
	(BIT(ATTACK_BIT) | BIT(ATTACK_CUT) | BIT(ATTACK_LONGER) | BIT(ATTACK_REFLECT) |            \
	 BIT(ATTACK_OTHER) | BIT(ATTACK_SPLICE) | BIT(ATTACK_GARBAGE))
#define REPLAYED (BIT(ATTACK_REPLAY) | BIT(ATTACK_ELSEWHERE))

/*
 * What a replay may change where there are no sequence numbers. Nobody can tell it from a packet
 * that the network brought twice or late, so it does what those do. No flow opens, no sequence
 * number is new, no message reaches a user, no session moves, opens or ends.
 */
static const char *const replay_may[] = {
	"vaes_create", // what the cipher has left from the last packet that it sealed
	// It shows that the far end lives. Its timestamp is echoed, and an old echo is a
	// measurement
	// (§8.1), so the retransmission timeout may grow, to 10 s at most.
	"session.last_rx_ms",
	"session.ts_",
	"session.echo_",
	"session.srtt_us",
	"session.rttvar_us",
	"session_cold.told_rtt_us", // and what the group knows of it
	"neighbour_make",
	"group.is_choice_old", // who is near may be another one
	"session.erto_us",
	"session.mrto_us",
	"session.erto_at_ms",
	"session.alarm_ms",
	"session.tcr_rx_ms",
	"engine.tc_rx_",
	// Its data is known: counted and acknowledged again, at once or a little later.
	"session.rx_bytes",
	"session.rx_packets",
	"session.n_rx_data",
	"session.rx_to_ack",
	"session.delack_at_ms",
	"session_cold.n_duplicates",
	"flow_table",
	"flow_rx.prev_rwnd",
	// Its acknowledgement is known, but an acknowledgement ends a burst (§8.2), and the window
	// that it grants may be an older one.
	"session.n_burst",
	"flow_tx.rwnd_bytes",
	// Its pings are answered. If it came from another address, that one is asked to prove
	// itself
	// (§8.4); who does not hold the keys cannot.
	"session_cold.chunks_",
	"session_cold.n_chunks",
	"session_cold.n_pongs",
	"session_cold.wants",
	"session_cold.moved_to",
	"session_cold.mobility_tx_us",
	// A Forwarded IHello (§15) in it is answered once more, through control, with an RHello to
	// whoever asked, at a limited rate; nothing else is remembered of that.
	"seat.introductions",
	"token_table_create",
	"reports",
	"commands",
	"mailbox_create",
	"outbox_create",
	"engine.home_",
	"engine.n_home",
	"startup_queue_create",
	"hello_create",
	// The packets of all that, on their way.
	"session.tx_bytes",
	"session.tx_packets",
	"session.sseq_tx",
	"session.due",
	"session.next_ready",
	"session_cold.alarm_at_ms",
	"engine.ready_",
	"timer_wheel_create",
	"body_pool_create",
	"path",
	"net_",
	"frame_heap_push",
};

/*
 * What replayed startup packets may change: an IHello gets its RHello once more, from nothing but
 * the cookie secret; an IIKeying with a cookie that is still good goes to control, which finds the
 * session that it made and, as that is alive, says nothing (§7.2 3); an RHello and a Redirect are
 * expected by nobody. So there are queues and rates, and packets on their way, and no session, no
 * seat, no opening, no key job.
 */
static const char *const startup_may[] = {
	"vaes_create",  // as above
	"hello_create", // rates
	"startup_queue_create",
	// An IHello for a registered peer is forwarded to it on its session (§15), at a limited
	// rate.
	"seat.introductions",
	"session.tx_bytes",
	"session.tx_packets",
	"session.sseq_tx",
	"session.ts_tx",
	"session.echo_tx",
	"session.next_ready",
	"session_cold.chunks_",
	"engine.ready_",
	"token_table_create",
	"reports",
	"commands",
	"mailbox_create",
	"outbox_create",
	"engine.home_",
	"engine.n_home",
	"body_pool_create",
	"net_",
	"frame_heap_push",
};

static const struct row {
	const char *name;
	enum keying_want hmac, sseq;
	unsigned changes_nothing; // kinds
	unsigned is_tolerated;    // kinds: what replay_may says
	uint16_t spared;
} rows[] = {
	{"HMAC and sequence numbers", KEYING_PREFER, KEYING_PREFER, REPLAYED | ALTERED, 0, 0},
	{"HMAC alone", KEYING_PREFER, KEYING_OFF, ALTERED, REPLAYED, 0},
	{"sequence numbers alone", KEYING_OFF, KEYING_PREFER,
	 REPLAYED | BIT(ATTACK_BIT) | BIT(ATTACK_CUT) | BIT(ATTACK_LONGER), 0, 16},
	{"checksum alone", KEYING_OFF, KEYING_OFF, 0, REPLAYED, 0},
};

static uint64_t n_packets(void)
{
	const char *text = getenv("ATTACK_PACKETS");

	if (text != NULL)
		return strtoull(text, NULL, 10);
	return getenv("SIM_SOAK") != NULL ? SOAK_PACKETS : PACKETS;
}

// ---- judging ----

struct judgement {
	const char *row;
	enum attack kind;
	const char *const *may; // NULL: nothing
	size_t n_may;
	uint32_t n_wrong;
};

// "3 session[7].ts_rx" is "session.ts_rx" to the list.
static void name_without_numbers(const char *name, char out[DIFFERENCE_NAME])
{
	bool is_inside = false;
	size_t n = 0;

	while (*name >= '0' && *name <= '9')
		name++;
	name += *name == ' ';
	for (; *name != '\0'; name++) {
		is_inside = (is_inside || *name == '[') && *name != ']';
		if (!is_inside && *name != ']')
			out[n++] = *name;
	}
	out[n] = '\0';
}

static bool may_change(const struct judgement *j, const char *name)
{
	char plain[DIFFERENCE_NAME];

	name_without_numbers(name, plain);
	for (size_t i = 0; i < j->n_may; i++)
		if (strncmp(plain, j->may[i], strlen(j->may[i])) == 0)
			return true;
	return false;
}

static void judge(void *ctx, const struct difference *d)
{
	struct judgement *j = ctx;

	if (may_change(j, d->name) || j->n_wrong++ > 20)
		return;
	print_error("%s, %s: %s: %s -> %s\n", j->row, attack_name(j->kind), d->name, d->before,
		    d->after);
}

static void everybody_turns(struct world *w)
{
	for (uint32_t i = 0; i < w->n; i++)
		sim_node_turn(w->members[i].sim, w->now_us);
}

// A node learns of the time with whatever happens first, which may be an attack.
static void everybody_looks_at_the_clock(struct world *w)
{
	for (uint32_t i = 0; i < w->n; i++)
		node_timers(w->members[i].sim->node, w->now_us);
	everybody_turns(w);
}

static void strike(struct world *w, struct attacker *a, enum attack kind, uint64_t n)
{
	while (n > 0) {
		uint64_t batch = n < BATCH ? n : BATCH;

		for (uint64_t i = 0; i < batch; i++)
			attacker_strike(a, kind);
		everybody_turns(w);
		n -= batch;
	}
}

// What changed stays changed, so of ten million packets not every thousand needs a look: naming
// what may change takes longer than a thousand packets.
static void attack(struct world *w, struct attacker *a, struct judgement *j, uint64_t n)
{
	uint64_t step = (n / COMPARISONS / BATCH + 1) * BATCH, done = 0;
	struct snapshot *before;

	everybody_looks_at_the_clock(w);
	before = snapshot_take();
	while (done < n) {
		uint64_t some = n - done < step ? n - done : step;

		strike(w, a, j->kind, some);
		done += some;
		snapshot_compare(before, judge, j);
		if (j->n_wrong > 0)
			fail_msg("%s, %s: after %" PRIu64 " packets the state is not what it was",
				 j->row, attack_name(j->kind), done);
	}
	snapshot_free(before);
}

// ---- the world ----

static struct world *live_world(const struct sim_run *run, const struct keying_policy *policy,
				struct attacker **a)
{
	const struct net_link line = {.delay_us = 15000};
	struct world *w;

	watch_on();
	w = world_create(&(struct world_opts){.run = run,
					      .has_super = true,
					      .n_members = 3,
					      .up = line,
					      .down = line,
					      .super_up = line,
					      .super_down = line,
					      .policy = policy,
					      .opens_all = true}); // all strike at once
	watch_off();
	*a = attacker_create(w, run->seed);
	watch_on();
	world_join_all(w);
	world_run_us(w, 8000000);
	world_publish(w, 1, &(struct world_publish){1000, 10000, MESSAGES});
	world_play(w, 2);
	world_play(w, 3);
	world_run_us(w, 5000000);
	everybody_turns(w);
	everybody_turns(w);
	watch_off();
	state_name(w);
	return w;
}

// The stream that was attacked is whole.
static void stream_is_whole(struct world *w)
{
	watch_on();
	world_run_us(w, 20000000);
	watch_off();
	for (uint32_t i = 2; i < 4; i++) {
		const struct world_play *p = &w->members[i].play;

		assert_true(p->has_ended);
		assert_int_equal(p->n_gaps, 0);
		assert_int_equal(p->n_duplicates, 0);
		assert_int_equal(p->first + p->n_messages, MESSAGES);
		assert_int_equal(w->members[i].n_disconnects, 0);
		assert_int_equal(w->members[i].n_neighbour_losses, 0);
	}
}

static void count_members_own(void *ctx, const struct difference *d)
{
	if (strncmp(d->name, "net_", 4) != 0 && strncmp(d->name, "frame_heap", 10) != 0)
		++*(uint32_t *)ctx;
}

// The same comparison sees a packet that is honest, as most of the next ones are.
static void an_honest_packet_shows(struct world *w)
{
	uint32_t n = 0;

	for (unsigned i = 0; i < 20 && n == 0; i++) {
		struct snapshot *before;

		watch_on();
		while (net_deadline_us(w->net) == UINT64_MAX)
			world_run_us(w, 1000);
		watch_off();
		before = snapshot_take();
		w->now_us = net_deadline_us(w->net);
		assert_true(net_step(w->net, w->now_us));
		snapshot_compare(before, count_members_own, &n);
		snapshot_free(before);
	}
	assert_true(n > 0);
}

static unsigned n_bits(unsigned set)
{
	return (unsigned)__builtin_popcount(set);
}

static uint64_t drops_of(const struct world *w, enum drop_reason why)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < w->n; i++)
		n += engine_stats(w->members[i].sim->engine)->drops[why];
	return n;
}

static void tell_drops(const struct world *w)
{
#define X(id, name, help) {DROP_##id, name},
	static const struct {
		enum drop_reason why;
		const char *name;
	} reasons[] = {DROP_REASONS(X)};
#undef X

	for (size_t i = 0; i < ARRAY_LEN(reasons); i++)
		if (drops_of(w, reasons[i].why) > 0)
			print_message(" %s %" PRIu64, reasons[i].name, drops_of(w, reasons[i].why));
	print_message("\n");
}

// Nothing that was struck with came to an end without a name.
static void every_packet_has_a_name(const struct world *w, uint64_t n)
{
	assert_int_equal(drops_of(w, DROP_SHORT) + drops_of(w, DROP_NO_SESSION) +
				 drops_of(w, DROP_WRONG_WORKER) + drops_of(w, DROP_AUTH) +
				 drops_of(w, DROP_REPLAY),
			 n);
}

static void attack_row(const struct row *row, const struct sim_pool *pool, uint64_t seed)
{
	struct sim_run run = {.test = "attack", .scenario = row->name, .seed = seed, .pool = pool};
	struct keying_policy policy = keying_policy_default;
	unsigned kinds = row->changes_nothing | row->is_tolerated;
	uint64_t each = n_packets() / n_bits(kinds);
	uint32_t n_session, n_startup;
	struct attacker *a;
	struct world *w;

	policy.hmac = row->hmac;
	policy.sseq = row->sseq;
	w = live_world(&run, &policy, &a);
	attacker_begin(a, &n_session, &n_startup);
	attacker_spare(a, row->spared);
	for (unsigned kind = 0; kind < ATTACK_N; kind++) {
		struct judgement j = {.row = row->name, .kind = (enum attack)kind};

		if ((kinds & BIT(kind)) == 0)
			continue;
		if (row->is_tolerated & BIT(kind)) {
			j.may = replay_may;
			j.n_may = ARRAY_LEN(replay_may);
		}
		attack(w, a, &j, each);
	}
	print_message("  %s: %" PRIu64 " packets made of %" PRIu32 " in %u ways, %" PRIu64
		      " octets of state; dropped:",
		      row->name, each * n_bits(kinds), n_session, n_bits(kinds), watch_bytes());
	tell_drops(w);
	if (row->is_tolerated == 0)
		every_packet_has_a_name(w, each * n_bits(kinds));
	an_honest_packet_shows(w);
	stream_is_whole(w);
	attacker_destroy(a);
	world_destroy(w);
}

static void replays_and_forgeries_change_nothing(void **state)
{
	struct sim_seeds seeds = sim_seeds(5);

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		for (uint64_t k = 0; k < seeds.n; k++)
			attack_row(&rows[i], *state, seeds.first + k);
}

// Startup packets have no keys; what they are repeated for is to make work, sessions or noise.
static void replay_startup(const struct sim_pool *pool, uint64_t seed)
{
	struct sim_run run = {.test = "attack", .scenario = "startup", .seed = seed, .pool = pool};
	struct judgement j = {.row = "startup",
			      .kind = ATTACK_STARTUP,
			      .may = startup_may,
			      .n_may = ARRAY_LEN(startup_may)};
	uint64_t n = n_packets(), replayed = 0, changed = 0;
	uint32_t n_session, n_startup;
	struct attacker *a;
	struct world *w = live_world(&run, NULL, &a);

	attacker_begin(a, &n_session, &n_startup);
	attack(w, a, &j, n);
	for (uint32_t i = 0; i < w->n; i++) {
		struct sim_node *node = w->members[i].sim;

		replayed += startup_counters(node_startup(node->node))->keyings_replayed;
		changed += engine_stats(node->engine)->cookie_changes;
	}
	print_message("  startup: %" PRIu64 " packets made of %" PRIu32
		      "; keyings replayed %" PRIu64 ", cookies changed %" PRIu64 "\n",
		      n, n_startup, replayed, changed);
	assert_true(replayed > 0);
	assert_true(changed > 0); // from elsewhere, the cookie is another's
	an_honest_packet_shows(w);
	stream_is_whole(w);
	attacker_destroy(a);
	world_destroy(w);
}

static void startup_replays_leave_no_session_behind(void **state)
{
	struct sim_seeds seeds = sim_seeds(6);

	for (uint64_t k = 0; k < seeds.n; k++)
		replay_startup(*state, seeds.first + k);
}

static void strike_with_all(struct world *w, struct attacker *a, const struct row *row,
			    const char *when)
{
	uint64_t each = n_packets() / n_bits(row->changes_nothing);

	for (unsigned kind = 0; kind < ATTACK_N; kind++) {
		struct judgement j = {.row = when, .kind = (enum attack)kind};

		if (row->changes_nothing & BIT(kind))
			attack(w, a, &j, each);
	}
}

// RFC 7016 5: without sequence numbers, a recorded flow is a new one once its linger time is over.
// And a member that was started anew has the slots of its former life, but not the ids and keys
// (requirement 135).
static void strike_long_after(const struct sim_pool *pool, uint64_t seed)
{
	struct sim_run run = {.test = "attack", .scenario = "past", .seed = seed, .pool = pool};
	uint32_t n_session, n_startup;
	struct attacker *a;
	struct world *w = live_world(&run, NULL, &a);

	attacker_begin(a, &n_session, &n_startup);
	stream_is_whole(w);
	watch_on();
	world_run_us(w, 130000000);
	everybody_turns(w);
	watch_off();
	strike_with_all(w, a, &rows[0], "after the linger time");

	watch_on();
	world_kill(w, 3);
	world_connect(w, 3);
	world_join(w, 3);
	world_run_us(w, 20000000);
	everybody_turns(w);
	watch_off();
	state_name(w);
	assert_int_equal(w->members[3].n_neighbours, 3);
	strike_with_all(w, a, &rows[0], "in another life");
	an_honest_packet_shows(w);
	attacker_destroy(a);
	world_destroy(w);
}

static void what_is_long_past_changes_nothing(void **state)
{
	struct sim_seeds seeds = sim_seeds(7);

	for (uint64_t k = 0; k < seeds.n; k++)
		strike_long_after(*state, seeds.first + k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(replays_and_forgeries_change_nothing),
		cmocka_unit_test(startup_replays_leave_no_session_behind),
		cmocka_unit_test(what_is_long_past_changes_nothing),
	};

	return cmocka_run_group_tests(tests, sim_setup, sim_teardown);
}

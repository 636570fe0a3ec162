// Direct streams without workers (rtmfp.md 14.5, netgroup-semantics 9): the lines' server
// publishes, its clients are peers that play.
#include "control/rpc/direct.h"

#include <errno.h>

#include "control/rpc/direct_play.h"
#include "control/rpc/live_hub.h"
#include "control/rpc/net_stream.h"
#include "dataplane/wire/rtmp_msg.h"
#include "tests/support/test.h"
#include "tests/unit/control/rpc/lines.h"

#define PEERS 4

struct got { // of a player
	uint32_t n_started, n_messages, n_ended, n_over;
	char over[64];
	uint8_t last_type;
	uint32_t last_timestamp;
};

struct world {
	struct rpc_lines lines;
	struct direct *direct;
	struct got got[PEERS];
	// What went over the lines.
	uint32_t n_to_peer[PEERS]; // flows that the publisher opened
	uint64_t deadline[32];     // of the latest message of each type
	uint64_t asked_meta;       // stream id of the latest flow of a peer
	bool asked_assoc;
	// The owner's hooks.
	bool refuses;
	int n_changes, n_connects;
};

static bool on_asked(void *ctx, struct ctl_session *s, uint16_t rx_slot, uint64_t flow_id,
		     uint32_t stream_id)
{
	struct world *w = ctx;

	return direct_asked(w->direct, s, rx_slot, flow_id, stream_id, w->lines.now_us);
}

static void heard(void *ctx, bool from_client, uint32_t client, const struct command *c)
{
	struct world *w = ctx;
	struct tc_metadata tc;

	if (c->op == CMD_FLOW_OPEN && !from_client)
		w->n_to_peer[client]++;
	if (c->op == CMD_FLOW_OPEN && from_client) {
		flow_kind_of((struct span){c->open.meta, c->open.meta_len}, &tc);
		w->asked_meta = tc.stream_id;
		w->asked_assoc = c->open.flags & FLOW_OPEN_ASSOC;
	}
	if (c->op == CMD_FLOW_SEND && c->body->data[0] < ARRAY_LEN(w->deadline))
		w->deadline[c->body->data[0]] = c->send.deadline_us;
}

static const struct live_hub_opts no_hub = {.streams_max = 1};

static int begin(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	struct rpc_opts client = {.connects_max = 4,
				  .streams_max = 16,
				  .streams_per_session_max = 16,
				  .live = no_hub};
	struct rpc_opts server = client;
	struct direct_opts o = {.names_max = 3,
				.waiting_max = 3,
				.players_max = 8,
				.log_bytes_max = 1 << 20,
				.queue_bytes_max = 1 << 20,
				.peers_max = 3};

	server.events.ctx = w;
	server.events.asked = on_asked;
	lines_start(&w->lines, PEERS, &server, &client);
	w->lines.ctx = w;
	w->lines.heard = heard;
	o.streams = rpc_streams(w->lines.server.rpc);
	w->direct = direct_create(&o);
	for (int i = 0; i < PEERS; i++)
		w->lines.server.sessions[i].fingerprint[0] = (uint8_t)(i + 1);
	*state = w;
	return 0;
}

static void carry(struct world *w)
{
	for (int i = 0; i < 4; i++) {
		direct_timers(w->direct, w->lines.now_us);
		lines_carry(&w->lines);
	}
}

static int end(void **state)
{
	struct world *w = *state;

	direct_destroy(w->direct);
	lines_carry(&w->lines);
	lines_stop(&w->lines);
	free(w);
	return 0;
}

// ---- the two ends ----

static struct direct_play *play_as(struct world *w, uint32_t peer, const char *name, uint32_t id)
{
	const struct direct_play_opts o = {.streams = rpc_streams(w->lines.clients[peer].rpc),
					   .session = &w->lines.clients[peer].sessions[0],
					   .name = name,
					   .stream_id = id};
	struct direct_play *p;

	assert_int_equal(direct_play_open(&o, &p, w->lines.now_us), 0);
	carry(w);
	return p;
}

static struct direct_play *play(struct world *w, uint32_t peer, const char *name)
{
	return play_as(w, peer, name, DIRECT_STREAM_ID_FIRST);
}

static void take(struct world *w, uint32_t peer, struct direct_play *p)
{
	struct got *g = &w->got[peer];
	struct direct_play_event e;

	carry(w);
	while (direct_play_event(p, &e, w->lines.now_us + 2000000)) {
		g->n_started += e.kind == DIRECT_PLAY_STARTED;
		g->n_ended += e.kind == DIRECT_PLAY_ENDED;
		g->n_over += e.kind == DIRECT_PLAY_OVER;
		if (e.kind == DIRECT_PLAY_OVER)
			snprintf(g->over, sizeof(g->over), "%s", e.text);
		if (e.kind != DIRECT_PLAY_MESSAGE)
			continue;
		g->n_messages++;
		g->last_type = e.type;
		g->last_timestamp = e.timestamp;
	}
}

static bool may_connect(void *ctx, const uint8_t peer_id[32])
{
	struct world *w = ctx;

	w->n_connects++;
	return !w->refuses;
}

static void changed(void *ctx, const uint8_t peer_id[32], bool has_come)
{
	((struct world *)ctx)->n_changes += has_come ? 1 : -1;
}

static struct direct_name *publish_as(struct world *w, const char *name,
				      const struct direct_name_opts *opts)
{
	struct direct_name_opts o = *opts;
	struct direct_name *n;

	o.ctx = w;
	o.peer_connect = may_connect;
	o.peer_changed = changed;
	assert_int_equal(direct_publish(w->direct, name, &o, &n, w->lines.now_us), 0);
	carry(w);
	return n;
}

static struct direct_name *publish(struct world *w, const char *name)
{
	return publish_as(w, name, &(struct direct_name_opts){0});
}

static const uint8_t key_frame[] = {0x17, 1, 0, 0, 0, 9, 9}, picture[] = {0x27, 1, 0, 0, 0, 8},
		     sound[] = {0xaf, 1, 7, 7};

static void write(struct direct_name *n, struct world *w, uint8_t type, uint32_t ms,
		  const uint8_t *body, size_t len)
{
	assert_int_equal(direct_write(n, type, ms, (struct span){body, len}, w->lines.now_us), 0);
}

// A key frame, sound of the same time, sound, a picture.
static void write_some(struct direct_name *n, struct world *w)
{
	write(n, w, RTMP_VIDEO, 0, key_frame, sizeof(key_frame));
	write(n, w, RTMP_AUDIO, 0, sound, sizeof(sound));
	write(n, w, RTMP_AUDIO, 23, sound, sizeof(sound));
	write(n, w, RTMP_VIDEO, 40, picture, sizeof(picture));
	carry(w);
}

// ---- claims ----

// Requirement 123, P2-1; 14.2: ids from 2000000 on.
static void who_asks_gets_what_is_published(void **state)
{
	struct world *w = *state;
	struct direct_name *n = publish(w, "film");
	struct direct_play *p = play(w, 0, "film");

	assert_int_equal(w->asked_meta, DIRECT_STREAM_ID_FIRST);
	assert_false(w->asked_assoc);
	assert_int_equal(direct_peers(w->direct, n, NULL, 0), 1);
	assert_int_equal(w->n_changes, 1);
	write_some(n, w);
	take(w, 0, p);
	assert_int_equal(w->got[0].n_started, 1);
	assert_int_equal(w->got[0].n_messages, 4);
	assert_int_equal(w->got[0].last_timestamp, 40);
	direct_end(n, w->lines.now_us);
	carry(w);
	take(w, 0, p);
	assert_int_equal(w->got[0].n_ended, 1);
	assert_true(direct_is_settled(n));
	direct_unpublish(n, w->lines.now_us);
	direct_play_close(p);
}

// P2-5: all reliable is one flow in the order of writing; else flows apart, and late ones go.
static void kinds_may_be_given_up_when_late(void **state)
{
	struct world *w = *state;
	struct direct_name *n = publish(w, "whole"), *late;
	struct direct_play *p = play(w, 0, "whole"), *q;

	write_some(n, w);
	assert_int_equal(w->n_to_peer[0], 1);
	assert_int_equal(w->deadline[RTMP_VIDEO], 0);
	late = publish_as(w, "late", &(struct direct_name_opts){.video_is_late_ok = true});
	q = play(w, 1, "late");
	write_some(late, w);
	assert_int_equal(w->n_to_peer[1], 3); // commands, sound, pictures
	assert_int_equal(w->deadline[RTMP_AUDIO], 0);
	assert_true(w->deadline[RTMP_VIDEO] > w->lines.now_us);
	take(w, 0, p);
	take(w, 1, q);
	assert_int_equal(w->got[0].n_messages, 4);
	assert_int_equal(w->got[1].n_messages, 4);
	direct_play_close(p);
	direct_play_close(q);
}

// NC-16.
static void who_comes_early_waits_for_the_name(void **state)
{
	struct world *w = *state;
	struct direct_play *p = play(w, 0, "film");
	struct direct_peer_info info;
	struct direct_name *n;

	assert_int_equal(direct_peers(w->direct, NULL, &info, 1), 1);
	assert_string_equal(info.name, "film");
	assert_int_equal(info.peer_id[0], 1);
	n = publish(w, "other");
	assert_int_equal(direct_peers(w->direct, NULL, NULL, 0), 1);
	n = publish(w, "film");
	assert_int_equal(direct_peers(w->direct, NULL, NULL, 0), 0);
	assert_int_equal(direct_peers(w->direct, n, &info, 1), 1);
	write_some(n, w);
	take(w, 0, p);
	assert_int_equal(w->got[0].n_messages, 4);
	direct_unpublish(n, w->lines.now_us); // ... and waits again
	assert_int_equal(direct_peers(w->direct, NULL, NULL, 0), 1);
	direct_play_close(p);
	carry(w);
	assert_int_equal(direct_peers(w->direct, NULL, NULL, 0), 0);
}

// P2-2.
static void the_owner_decides_who_may_play(void **state)
{
	struct world *w = *state;
	struct direct_name *n = publish(w, "film");
	struct direct_play *p;

	w->refuses = true;
	p = play(w, 0, "film");
	take(w, 0, p);
	assert_int_equal(w->n_connects, 1);
	assert_int_equal(w->got[0].n_over, 1);
	assert_string_equal(w->got[0].over, "NetStream.Connect.Rejected");
	assert_int_equal(direct_peers(w->direct, n, NULL, 0), 0);
	assert_int_equal(direct_counters(w->direct)->rejected, 1);
	assert_null(direct_play_session(p));
	direct_play_close(p);
	w->refuses = false;
	p = play(w, 0, "film"); // asked anew, it may
	take(w, 0, p);
	assert_int_equal(w->got[0].n_started, 1);
	direct_play_close(p);
}

// P2-3.
static void one_of_several_is_closed(void **state)
{
	struct world *w = *state;
	struct direct_name *n = publish(w, "film");
	struct direct_play *p = play(w, 0, "film"), *q = play(w, 1, "film");
	struct direct_peer_info info[2];

	assert_int_equal(direct_peers(w->direct, n, info, 2), 2);
	direct_peer_close(info[info[0].peer_id[0] == 1 ? 0 : 1].peer, w->lines.now_us);
	write_some(n, w);
	take(w, 0, p);
	take(w, 1, q);
	assert_string_equal(w->got[0].over, "NetStream.Connect.Closed");
	assert_int_equal(w->got[0].n_messages, 0);
	assert_int_equal(w->got[1].n_messages, 4);
	assert_int_equal(w->got[1].n_over, 0);
	direct_play_close(p);
	direct_play_close(q);
	carry(w);
	assert_int_equal(w->n_changes, 0);
}

// NC-15: publishers and subscribers alike, in sessions; lowering ends nothing.
static void peers_are_bounded(void **state)
{
	struct world *w = *state;
	struct direct_name *n = publish(w, "film");
	struct direct_play *p[PEERS], *second;

	for (uint32_t i = 0; i < PEERS; i++) {
		p[i] = play(w, i, "film");
		take(w, i, p[i]);
		assert_int_equal(w->got[i].n_started, i < 3);
	}
	assert_string_equal(w->got[3].over, "NetStream.Connect.Rejected");
	assert_int_equal(direct_counters(w->direct)->refused_peers, 1);
	direct_set_peers_max(w->direct, 1);
	second = play_as(w, 0, "film", 2000001); // another stream of a peer that is there
	assert_int_equal(direct_peers(w->direct, n, NULL, 0), 4);
	direct_play_close(p[1]);
	direct_play_close(p[2]);
	direct_play_close(p[3]);
	carry(w);
	p[3] = play(w, 3, "film"); // still one too many
	take(w, 3, p[3]);
	assert_int_equal(w->got[3].n_over, 2);
	direct_play_close(p[0]);
	direct_play_close(second);
	direct_play_close(p[3]);
	carry(w);
	p[3] = play(w, 3, "film");
	take(w, 3, p[3]);
	assert_int_equal(w->got[3].n_started, 1);
	direct_play_close(p[3]);
}

static void several_streams_share_a_session(void **state)
{
	struct world *w = *state;
	struct direct_name *n = publish(w, "one"), *m = publish(w, "two");
	struct direct_play *p = play_as(w, 0, "one", 2000000), *q = play_as(w, 0, "two", 2000001);

	write_some(n, w);
	write(m, w, RTMP_AUDIO, 500, sound, sizeof(sound));
	take(w, 0, p);
	assert_int_equal(w->got[0].n_messages, 4);
	assert_int_equal(w->got[0].last_timestamp, 40);
	take(w, 0, q);
	assert_int_equal(w->got[0].n_messages, 5);
	assert_int_equal(w->got[0].last_timestamp, 500);
	direct_play_close(p);
	carry(w);
	write(m, w, RTMP_AUDIO, 600, sound, sizeof(sound));
	take(w, 0, q);
	assert_int_equal(w->got[0].last_timestamp, 600);
	direct_play_close(q);
}

static void a_lost_session_ends_both_ends(void **state)
{
	struct world *w = *state;
	struct direct_name *n = publish(w, "film");
	struct direct_play *p = play(w, 0, "film");

	take(w, 0, p);
	lines_cut(&w->lines, 0);
	take(w, 0, p);
	assert_string_equal(w->got[0].over, "NetStream.Connect.Closed");
	assert_int_equal(direct_peers(w->direct, n, NULL, 0), 0);
	assert_int_equal(w->n_changes, 0);
	direct_play_close(p);
}

static void names_are_bounded_and_alone(void **state)
{
	const struct direct_name_opts o = {.ctx = NULL};
	struct world *w = *state;
	char name[300];
	struct direct_name *n;

	memset(name, 'n', sizeof(name));
	name[256] = '\0';
	assert_int_equal(direct_publish(w->direct, "", &o, &n, 0), -EINVAL);
	assert_int_equal(direct_publish(w->direct, name, &o, &n, 0), -EINVAL);
	name[255] = '\0';
	assert_int_equal(direct_publish(w->direct, name, &o, &n, 0), 0);
	assert_int_equal(direct_publish(w->direct, name, &o, &n, 0), -EEXIST); // BadName
	publish(w, "two");
	publish(w, "three");
	assert_int_equal(direct_publish(w->direct, "four", &o, &n, 0), -ENOBUFS);
}

// One who opens the flow and says nothing, or waits for what never is, takes a place for a while,
// or as long as there are some.
static void waiting_is_bounded(void **state)
{
	struct world *w = *state;
	struct ctl_session *s = &w->lines.server.sessions[0];
	struct direct_play *p[3];

	assert_true(direct_asked(w->direct, s, 9, 900, 5, w->lines.now_us));
	assert_int_equal(direct_deadline_us(w->direct), w->lines.now_us + 10000000);
	for (uint32_t i = 0; i < 3; i++)
		p[i] = play_as(w, 0, "never", 2000000 + i);
	take(w, 0, p[2]);
	assert_int_equal(w->got[0].n_over, 1);
	assert_int_equal(direct_counters(w->direct)->refused, 1);
	direct_play_close(p[2]);
	direct_timers(w->direct, w->lines.now_us + 10000000);
	assert_int_equal(direct_counters(w->direct)->silent, 1);
	p[2] = play_as(w, 0, "never", 2000003);
	take(w, 0, p[2]);
	assert_int_equal(w->got[0].n_over, 1);
	for (uint32_t i = 0; i < 3; i++)
		direct_play_close(p[i]);
}

// What a stranger may say on the flow by which he asks.
static void nonsense_is_counted_or_ignored(void **state)
{
	static const uint8_t cut[] = {20, 0, 0, 0, 0, 2, 0, 9, 'p'};
	static const uint8_t nameless[] = {20,  0, 0, 0, 0, 2, 0, 4, 'p', 'l', 'a',
					   'y', 0, 0, 0, 0, 0, 0, 0, 0,   0,   5};
	static const uint8_t media[] = {9, 0, 0, 0, 0, 0x17, 1};
	struct world *w = *state;
	struct ctl_session *s = &w->lines.server.sessions[0];

	assert_true(direct_asked(w->direct, s, 9, 900, 5, w->lines.now_us));
	net_stream_on_message(s, 9, span_of(cut, sizeof(cut)), false, w->lines.now_us);
	net_stream_on_message(s, 9, span_of(media, sizeof(media)), false, w->lines.now_us);
	assert_int_equal(direct_counters(w->direct)->malformed, 1);
	net_stream_on_message(s, 9, span_of(nameless, sizeof(nameless)), false, w->lines.now_us);
	assert_int_equal(direct_counters(w->direct)->malformed, 2);
	assert_null(s->streams); // play without a name: refused
	carry(w);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		T(who_asks_gets_what_is_published),    T(kinds_may_be_given_up_when_late),
		T(who_comes_early_waits_for_the_name), T(the_owner_decides_who_may_play),
		T(one_of_several_is_closed),           T(peers_are_bounded),
		T(several_streams_share_a_session),    T(a_lost_session_ends_both_ends),
		T(names_are_bounded_and_alone),        T(waiting_is_bounded),
		T(nonsense_is_counted_or_ignored),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

// Streams published to a server and played from it, without any group.
#include "tests/support/test.h"

#include "control/rpc/internal.h"
#include "dataplane/wire/rtmp_msg.h"
#include "tests/unit/control/rpc/live_stage.h"

#define QUEUE_BYTES 30000
#define LOG_BYTES   40000

static const struct live_hub_opts limits = {
	.streams_max = 6, .streams_per_app_max = 4, .players_max = 3, .log_bytes_max = LOG_BYTES};

static int begin(void **state)
{
	struct live_stage *st = calloc(1, sizeof(*st));

	live_stage_start(st, 6, QUEUE_BYTES, &limits);
	for (uint32_t i = 0; i < 6; i++)
		live_stage_connect(st, i, i == 5 ? "other" : "live/one");
	*state = st;
	return 0;
}

static int finish(void **state)
{
	live_stage_stop(*state);
	free(*state);
	return 0;
}

static struct live_hub *hub(struct live_stage *st)
{
	return rpc_live(st->lines.server.rpc);
}

static const struct live_counters *counters(struct live_stage *st)
{
	return live_hub_counters(hub(st));
}

// The i-th message that a seat's program heard.
static const struct heard *media(const struct seat *seat, uint32_t i)
{
	for (uint32_t at = 0; at < seat->n; at++)
		if (seat->heard[at].kind == RPC_STREAM_MESSAGE && i-- == 0)
			return &seat->heard[at];
	fail_msg("fewer messages");
	return NULL;
}

static uint32_t count(const struct seat *seat, uint8_t type)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < seat->n; i++)
		n += seat->heard[i].kind == RPC_STREAM_MESSAGE && seat->heard[i].type == type;
	return n;
}

static bool is_key(const struct heard *h)
{
	return h->type == RTMP_VIDEO && h->first == 0x17 && h->len == 2000;
}

// ---- from one to others ----

static void what_is_published_is_played_by_others_of_the_app(void **state)
{
	struct live_stage *st = *state;
	struct seat *player = live_stage_play(st, 1, "film");
	struct seat *stranger = live_stage_play(st, 5, "film"); // of another app
	struct seat *deaf = live_stage_play(st, 2, "another film");
	struct seat *source = live_stage_publish(st, 0, "film");

	assert_string_equal(source->text, "NetStream.Publish.Start");
	assert_string_equal(player->text, "NetStream.Play.Start");
	live_stage_config(st, source);
	live_stage_key(st, source, 0);
	live_stage_sound(st, source, 10);
	live_stage_picture(st, source, 40);
	live_stage_sound(st, source, 33);
	live_stage_run(st);
	assert_int_equal(player->n_media, 7);
	assert_int_equal(media(player, 6)->timestamp, 40); // by time, not by flow
	assert_int_equal(media(player, 5)->timestamp, 33);
	assert_int_equal(media(player, 6)->len, 500);
	assert_int_equal(count(player, RTMP_DATA_AMF0), 1);
	assert_int_equal(stranger->n_media, 0);
	assert_int_equal(deaf->n_media, 0);
	assert_int_equal(source->n_media, 0);
}

static void who_comes_late_gets_heads_and_all_since_the_newest_key_frame(void **state)
{
	struct live_stage *st = *state;
	struct seat *source = live_stage_publish(st, 0, "film"), *late;

	live_stage_config(st, source);
	live_stage_key(st, source, 0);
	live_stage_picture(st, source, 40);
	live_stage_key(st, source, 80);
	live_stage_sound(st, source, 90);
	live_stage_picture(st, source, 120);
	late = live_stage_play(st, 1, "film");
	live_stage_picture(st, source, 160);
	live_stage_run(st);
	assert_int_equal(late->n_media, 7);
	for (uint32_t i = 0; i < 3; i++) // heads, whose time is that of the beginning
		assert_int_equal(media(late, i)->timestamp, 0);
	assert_true(is_key(media(late, 3)));
	assert_int_equal(media(late, 3)->timestamp, 80);
	assert_int_equal(media(late, 4)->timestamp, 90);
	assert_int_equal(media(late, 5)->timestamp, 120);
	assert_int_equal(media(late, 6)->timestamp, 160);
}

// Sound has a flow of its own: it may be at the server before the key frame that it belongs to.
static void sound_that_overtook_the_key_frame_is_not_missed(void **state)
{
	struct live_stage *st = *state;
	struct seat *source = live_stage_publish(st, 0, "film"), *late;

	live_stage_key(st, source, 0);
	live_stage_sound(st, source, 70);
	live_stage_sound(st, source, 85);
	live_stage_picture(st, source, 40);
	live_stage_sound(st, source, 90);
	live_stage_key(st, source, 80);
	late = live_stage_play(st, 1, "film");
	live_stage_run(st);
	assert_int_equal(late->n_media, 3);
	assert_true(is_key(media(late, 0)));
	assert_int_equal(media(late, 0)->timestamp, 80);
	assert_int_equal(media(late, 1)->timestamp, 85);
	assert_int_equal(media(late, 2)->timestamp, 90);
}

// Data, too; and sound that was held up for itself does not hide them.
static void data_that_overtook_the_key_frame_are_not_missed(void **state)
{
	struct live_stage *st = *state;
	struct seat *source = live_stage_publish(st, 0, "film"), *late;

	live_stage_key(st, source, 0);
	live_stage_data(st, source, 40);
	live_stage_picture(st, source, 40);
	live_stage_data(st, source, 85);
	live_stage_sound(st, source, 70);
	live_stage_sound(st, source, 90);
	live_stage_key(st, source, 80);
	late = live_stage_play(st, 1, "film");
	live_stage_run(st);
	assert_int_equal(late->n_media, 3);
	assert_true(is_key(media(late, 0)));
	assert_int_equal(media(late, 1)->type, RTMP_DATA_AMF0);
	assert_int_equal(media(late, 1)->timestamp, 85);
	assert_int_equal(media(late, 2)->type, RTMP_AUDIO);
	assert_int_equal(media(late, 2)->timestamp, 90);
}

// The other way round: what the key frame overtook is from before it.
static void sound_that_came_behind_a_later_key_frame_is_left_out(void **state)
{
	struct live_stage *st = *state;
	struct seat *source = live_stage_publish(st, 0, "film"), *late;

	live_stage_key(st, source, 0);
	live_stage_key(st, source, 80);
	live_stage_sound(st, source, 60);
	assert_int_equal(rpc_stream_write(source->stream, RTMP_AUDIO, 0, // that is none of it
					  span_of("\xaf\x00\x12\x10", 4), st->lines.now_us),
			 0);
	lines_carry(&st->lines);
	late = live_stage_play(st, 1, "film");
	live_stage_sound(st, source, 75);
	live_stage_sound(st, source, 85);
	live_stage_run(st);
	assert_int_equal(late->n_media, 3);
	assert_int_equal(media(late, 0)->timestamp, 0);
	assert_true(is_key(media(late, 1)));
	assert_int_equal(media(late, 2)->timestamp, 85);
	rpc_stream_close(source->stream, st->lines.now_us); // the next one's clock begins anew
	source = live_stage_publish(st, 0, "film");
	live_stage_sound(st, source, 10);
	live_stage_run(st);
	assert_int_equal(late->n_media, 4);
}

static void without_a_key_frame_in_memory_the_next_is_waited_for(void **state)
{
	struct live_stage *st = *state;
	struct seat *source = live_stage_publish(st, 0, "film"), *late;

	live_stage_config(st, source);
	live_stage_key(st, source, 0);
	for (uint32_t i = 1; i <= 100; i++) // 500 octets each: more than the log holds
		live_stage_picture(st, source, 40 * i);
	late = live_stage_play(st, 1, "film");
	live_stage_picture(st, source, 5000);
	live_stage_sound(st, source, 5010);
	live_stage_run(st);
	assert_int_equal(count(late, RTMP_VIDEO), 1); // its codec header
	assert_int_equal(count(late, RTMP_AUDIO), 2);
	live_stage_key(st, source, 6000);
	live_stage_picture(st, source, 6040);
	live_stage_run(st);
	assert_int_equal(count(late, RTMP_VIDEO), 3);
}

static void cleared_data_is_not_given_to_late_ones(void **state)
{
	static const char set[] = "\x02\x00\x0d@setDataFrame\x02\x00\x05title\x02\x00\x01x";
	static const char clear[] = "\x02\x00\x0f@clearDataFrame\x02\x00\x05title";
	struct live_stage *st = *state;
	struct seat *source = live_stage_publish(st, 0, "film"), *early, *late;

	assert_int_equal(rpc_stream_write(source->stream, RTMP_DATA_AMF0, 5,
					  span_of(set, sizeof(set) - 1), 1),
			 0);
	lines_carry(&st->lines);
	early = live_stage_play(st, 1, "film");
	live_stage_run(st);
	assert_int_equal(early->n_media, 1);
	assert_int_equal(media(early, 0)->len, sizeof(set) - 1 - 16); // without the first word
	assert_int_equal(rpc_stream_write(source->stream, RTMP_DATA_AMF0, 6,
					  span_of(clear, sizeof(clear) - 1), 1),
			 0);
	late = live_stage_play(st, 2, "film");
	live_stage_run(st);
	assert_int_equal(late->n_media, 0);
	assert_int_equal(early->n_media, 1); // that it was cleared is the server's affair
}

// ---- begin and end ----

static void a_name_that_is_taken_is_refused(void **state)
{
	struct live_stage *st = *state;
	struct seat *first = live_stage_publish(st, 0, "film");
	struct seat *second = live_stage_publish(st, 1, "film"), *elsewhere;

	assert_string_equal(second->text, "NetStream.Publish.BadName");
	assert_int_equal(counters(st)->bad_names, 1);
	elsewhere = live_stage_publish(st, 5, "film"); // another app's names are its own
	assert_string_equal(elsewhere->text, "NetStream.Publish.Start");
	live_stage_key(st, first, 0); // nobody disturbed it
	rpc_stream_end(first->stream, st->lines.now_us);
	live_stage_run(st);
	assert_string_equal(first->text, "NetStream.Unpublish.Success");
	rpc_stream_close(second->stream, st->lines.now_us);
	second = live_stage_publish(st, 1, "film");
	assert_string_equal(second->text, "NetStream.Publish.Start");
}

static void players_hear_the_end_after_the_last_message(void **state)
{
	struct live_stage *st = *state;
	struct seat *player = live_stage_play(st, 1, "film");
	struct seat *source = live_stage_publish(st, 0, "film");

	live_stage_config(st, source);
	live_stage_key(st, source, 0);
	live_stage_sound(st, source, 5);
	live_stage_picture(st, source, 40);
	rpc_stream_end(source->stream, st->lines.now_us);
	live_stage_run(st);
	assert_int_equal(player->n_ended, 1);
	assert_string_equal(player->text, "NetStream.Play.UnpublishNotify");
	assert_int_equal(player->heard[player->n - 1].kind, RPC_STREAM_ENDED);
	assert_int_equal(player->n_media, 6);
}

static void a_publisher_that_comes_back_is_played_on(void **state)
{
	struct live_stage *st = *state;
	struct seat *player = live_stage_play(st, 1, "film");
	struct seat *source = live_stage_publish(st, 0, "film");

	live_stage_config(st, source);
	live_stage_key(st, source, 0);
	lines_cut(&st->lines, 0); // without good-bye
	live_stage_run(st);
	assert_int_equal(player->n_ended, 1);
	source = live_stage_publish(st, 2, "film");
	live_stage_picture(st, source, 0); // of no use without a key frame
	live_stage_key(st, source, 40);
	live_stage_run(st);
	assert_int_equal(player->n_media, 5);
	assert_true(is_key(media(player, 4)));
	rpc_stream_close(player->stream, st->lines.now_us);
	player = live_stage_play(st, 1, "film");
	live_stage_run(st);
	assert_int_equal(player->n_media, 1); // the heads were the first publisher's
}

static void a_publisher_that_leaves_is_forgotten(void **state)
{
	struct live_stage *st = *state;
	struct seat *source = live_stage_publish(st, 0, "film");
	struct seat *player = live_stage_play(st, 1, "film");

	assert_int_equal(live_hub_n(hub(st)), 1);
	rpc_stream_close(source->stream, st->lines.now_us);
	live_stage_run(st);
	assert_int_equal(player->n_ended, 1);
	assert_int_equal(live_hub_n(hub(st)), 1); // it waits
	rpc_stream_close(player->stream, st->lines.now_us);
	live_stage_run(st);
	assert_int_equal(live_hub_n(hub(st)), 0);
	assert_int_equal(rpc_streams(st->lines.server.rpc)->n, 0);
}

// NC-12.
static void the_end_of_the_connection_is_the_end_of_the_stream(void **state)
{
	struct live_stage *st = *state;
	struct seat *player = live_stage_play(st, 1, "film");

	lines_cut(&st->lines, 1);
	live_stage_run(st);
	assert_string_equal(player->text, "NetConnection.Connect.Closed");
	assert_int_equal(live_hub_n(hub(st)), 0);
}

// ---- a slow player ----

static void a_slow_player_loses_its_own_and_nobody_elses(void **state)
{
	struct live_stage *st = *state;
	struct seat *slow = live_stage_play(st, 1, "film"), *quick = live_stage_play(st, 2, "film");
	struct seat *source = live_stage_publish(st, 0, "film");

	live_stage_config(st, source);
	lines_slow(&st->lines, 1, true);
	for (uint32_t i = 0; i < 100; i++) {
		if (i % 50 == 0)
			live_stage_key(st, source, 40 * i);
		else
			live_stage_picture(st, source, 40 * i);
	}
	live_stage_run(st);
	assert_int_equal(count(quick, RTMP_VIDEO), 101);
	assert_int_equal(count(slow, RTMP_VIDEO), 1); // the codec header of before
	assert_true(counters(st)->skipped > 40);
	assert_true(rpc_streams(st->lines.server.rpc)->over_budget > 0);
	lines_pass_us(&st->lines, 2000000); // what was out is given up (P2-5)
	assert_true(st->lines.n_given_up[1] > 30);
	lines_slow(&st->lines, 1, false);
	live_stage_picture(st, source, 4000);
	live_stage_key(st, source, 4040);
	live_stage_picture(st, source, 4080);
	live_stage_run(st);
	// Codec header and first key frame are never given up; then it goes on with another one.
	assert_int_equal(count(slow, RTMP_VIDEO), 2 + 2);
	assert_int_equal(count(quick, RTMP_VIDEO), 104);
}

// ---- what players may say ----

static void a_player_need_not_take_pictures_or_sound(void **state)
{
	struct live_stage *st = *state;
	struct seat *player = live_stage_play(st, 1, "film");
	struct seat *source = live_stage_publish(st, 0, "film");

	live_stage_key(st, source, 0);
	live_stage_command(st, 1, "receiveVideo", span_of("\x01\x00", 2));
	live_stage_picture(st, source, 40);
	live_stage_sound(st, source, 40);
	live_stage_run(st);
	assert_int_equal(count(player, RTMP_VIDEO), 1);
	assert_int_equal(count(player, RTMP_AUDIO), 1);
	live_stage_command(st, 1, "receiveVideo", span_of("\x01\x01", 2));
	live_stage_command(st, 1, "receiveAudio", span_of("\x01\x00", 2));
	live_stage_picture(st, source, 80); // builds on what it did not get
	live_stage_key(st, source, 120);
	live_stage_sound(st, source, 120);
	live_stage_run(st);
	assert_int_equal(count(player, RTMP_VIDEO), 2);
	assert_int_equal(count(player, RTMP_AUDIO), 1);
}

static void a_pause_is_followed_by_the_present(void **state)
{
	struct live_stage *st = *state;
	struct seat *player = live_stage_play(st, 1, "film");
	struct seat *source = live_stage_publish(st, 0, "film");

	live_stage_key(st, source, 0);
	live_stage_command(st, 1, "pause", span_of("\x01\x01", 2));
	live_stage_picture(st, source, 40);
	live_stage_key(st, source, 80);
	live_stage_picture(st, source, 120);
	live_stage_run(st);
	assert_int_equal(player->n_media, 1);
	live_stage_command(st, 1, "pause", span_of("\x01\x00", 2));
	live_stage_run(st);
	assert_int_equal(player->n_media, 3);
	assert_int_equal(media(player, 1)->timestamp, 80);
}

static void a_player_that_rejects_our_flows_plays_no_more(void **state)
{
	struct live_stage *st = *state;
	struct seat *player = live_stage_play(st, 1, "film");
	struct live_info info;

	(void)player;
	assert_int_equal(live_hub_info(hub(st), &info, 1, st->lines.now_us), 1);
	assert_int_equal(info.n_players, 1);
	for (uint16_t slot = 0; slot < FLOWS_PER_SESSION; slot++)
		if (st->lines.server.sessions[1].tx[slot].owner == OWNER_STREAM) {
			rpc_flow_exception(st->lines.server.rpc, &st->lines.server.sessions[1],
					   slot, 0, st->lines.now_us);
			break;
		}
	assert_int_equal(live_hub_n(hub(st)), 0);
}

static const struct {
	const char *claim, *command, *args;
	size_t len;
	const char *code;
} refusals[] = {
#define ARGS(s) s, sizeof(s) - 1
	{"a recording there is none", "play",
	 ARGS("\x02\x00\x01x\x00\x00\x00\x00\x00\x00\x00\x00\x00"),
	 "NetStream.Play.StreamNotFound"},
	{"a name is not empty", "play", ARGS("\x02\x00\x00"), "NetStream.Play.Failed"},
	{"a name is text", "publish", ARGS("\x05"), "NetStream.Publish.BadName"},
	{"nothing is recorded", "publish", ARGS("\x02\x00\x01x\x02\x00\x06record"),
	 "NetStream.Publish.BadName"},
};

static void what_cannot_be_is_refused_by_its_code(void **state)
{
	struct live_stage *st = *state;

	for (unsigned i = 0; i < ARRAY_LEN(refusals); i++) {
		struct seat *seat = live_stage_play(st, 1, "film");

		live_stage_command(st, 1, refusals[i].command,
				   span_of(refusals[i].args, refusals[i].len));
		live_stage_run(st);
		assert_row(strcmp(seat->text, refusals[i].code) == 0, refusals[i].claim);
		rpc_stream_close(seat->stream, st->lines.now_us);
		lines_carry(&st->lines);
	}
}

// ---- limits ----

static void players_of_a_stream_are_bounded(void **state)
{
	struct live_stage *st = *state;

	for (uint32_t i = 0; i < 3; i++)
		assert_string_equal(live_stage_play(st, i, "film")->text, "NetStream.Play.Start");
	assert_string_equal(live_stage_play(st, 3, "film")->text, "NetStream.Play.Failed");
	assert_int_equal(counters(st)->refused_players, 1);
}

static void names_are_bounded_by_app_and_in_all(void **state)
{
	struct live_stage *st = *state;
	char name[8];

	for (uint32_t i = 0; i < 4; i++) {
		snprintf(name, sizeof(name), "s%u", i);
		assert_string_equal(live_stage_publish(st, i, name)->text,
				    "NetStream.Publish.Start");
	}
	assert_string_equal(live_stage_publish(st, 4, "s4")->text, "NetStream.Failed");
	assert_int_equal(counters(st)->refused_streams, 1);
	for (uint32_t i = 0; i < 3; i++) {
		snprintf(name, sizeof(name), "t%u", i);
		assert_string_equal(live_stage_play(st, 5, name)->text,
				    i < 2 ? "NetStream.Play.Start" : "NetStream.Play.Failed");
	}
	assert_int_equal(counters(st)->refused_streams, 2);
}

static void a_session_has_only_so_many_streams(void **state)
{
	struct live_stage *st = *state;
	struct seat *seat = NULL;
	char name[8];

	for (uint32_t i = 0; i < 5; i++) {
		snprintf(name, sizeof(name), "s%u", i);
		seat = live_stage_play(st, 1, name);
	}
	assert_string_equal(seat->text, "NetStream.Connect.Failed");
	assert_int_equal(rpc_streams(st->lines.server.rpc)->refused, 1);
}

static void a_message_longer_than_the_memory_is_left_out(void **state)
{
	struct live_stage *st = *state;
	struct seat *player = live_stage_play(st, 1, "film");
	struct seat *source = live_stage_publish(st, 0, "film");

	live_stage_write(st, source, RTMP_VIDEO, 0, LOG_BYTES, "\x17\x01");
	live_stage_run(st);
	assert_int_equal(player->n_media, 0);
	assert_int_equal(counters(st)->too_long, 1);
	live_stage_key(st, source, 40);
	live_stage_run(st);
	assert_int_equal(player->n_media, 1);
}

// A turn sends 2048 messages at most, and the rest in the next ones.
static void a_turn_is_bounded(void **state)
{
	static const uint8_t sound[] = {RTMP_AUDIO, 0, 0, 0, 0, 0xaf, 1};
	const struct net_stream_message m = {
		.type = RTMP_AUDIO, .payload = {sound + 5, 2}, .whole = {sound, sizeof(sound)}};
	struct live_stage *st = *state;
	struct live_end *publisher;

	for (uint32_t i = 1; i < 4; i++)
		live_stage_play(st, i, "film");
	live_stage_publish(st, 0, "film");
	publisher = net_stream_ctx(
		net_stream_find(&st->lines.server.sessions[0], NET_STREAM_CONNECTED, 1));
	for (uint32_t i = 0; i < 1000; i++)
		live_message(publisher, &m, st->lines.now_us);
	live_hub_turn(hub(st), st->lines.now_us);
	assert_int_equal(counters(st)->messages_out, 2048);
	assert_true(st->lines.server.rpc->live_us <= st->lines.now_us);
	outbox_flush(st->lines.server.outbox);
	live_hub_turn(hub(st), st->lines.now_us);
	assert_true(counters(st)->messages_out > 2048);
	live_stage_run(st);
	assert_int_equal(counters(st)->messages_out, 3000);
	assert_int_equal(st->lines.server.rpc->live_us, UINT64_MAX);
}

static void what_goes_on_is_shown(void **state)
{
	struct live_stage *st = *state;
	struct seat *source = live_stage_publish(st, 0, "film");
	struct live_info info[2];

	live_stage_play(st, 1, "film");
	live_stage_play(st, 2, "film");
	for (uint32_t i = 0; i < 21; i++) {
		live_stage_picture(st, source, 100 * i);
		lines_pass_us(&st->lines, 100000);
	}
	assert_int_equal(live_hub_info(hub(st), info, 2, st->lines.now_us), 1);
	assert_string_equal(info[0].app, "live/one");
	assert_string_equal(info[0].name, "film");
	assert_true(info[0].is_published);
	assert_int_equal(info[0].n_players, 2);
	assert_int_equal(info[0].messages_in, 21);
	assert_int_equal(info[0].bytes_in, 21 * 505);
	assert_in_range(info[0].bits_in_per_s, 39000, 45000);
	live_hub_info(hub(st), info, 1, st->lines.now_us + 3000000);
	assert_int_equal(info[0].bits_in_per_s, 0);
}

// ---- the order of tc_netconnection, requirements 118 and 120 ----

struct order {
	uint16_t flow[8];
	uint8_t type[8];
	uint32_t n;
};

static void note(void *ctx, bool from_client, uint32_t client, const struct command *c)
{
	struct order *o = ctx;

	if (client != 1 || c->op != CMD_FLOW_SEND || o->n == 8)
		return;
	o->flow[o->n] = c->flow;
	o->type[o->n++] = c->body->data[0];
}

static void a_stream_is_made_asked_for_begun_and_played_in_this_order(void **state)
{
	static const uint8_t types[] = {RTMP_COMMAND_AMF0, RTMP_COMMAND_AMF0, RTMP_COMMAND_AMF0,
					RTMP_USER_CONTROL, RTMP_COMMAND_AMF0, RTMP_COMMAND_AMF0,
					RTMP_VIDEO,        RTMP_AUDIO};
	struct live_stage *st = *state;
	struct seat *source = live_stage_publish(st, 0, "film");
	struct order o = {.n = 0};

	live_stage_key(st, source, 0);
	live_stage_sound(st, source, 0);
	st->lines.heard = note;
	st->lines.ctx = &o;
	live_stage_play(st, 1, "film");
	// createStream, _result, play, StreamBegin, Play.Reset, Play.Start, media
	assert_int_equal(o.n, 8);
	assert_memory_equal(o.type, types, sizeof(types));
	assert_int_not_equal(o.flow[2], o.flow[0]); // play on a new flow
	assert_int_not_equal(o.flow[3], o.flow[1]); // answered on return flows of its own:
	assert_int_equal(o.flow[5], o.flow[3]);     // status,
	assert_int_not_equal(o.flow[6], o.flow[3]); // pictures
	assert_int_not_equal(o.flow[7], o.flow[6]); // and sound apart
	assert_int_not_equal(o.flow[7], o.flow[3]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, begin, finish)
		T(what_is_published_is_played_by_others_of_the_app),
		T(who_comes_late_gets_heads_and_all_since_the_newest_key_frame),
		T(sound_that_overtook_the_key_frame_is_not_missed),
		T(data_that_overtook_the_key_frame_are_not_missed),
		T(sound_that_came_behind_a_later_key_frame_is_left_out),
		T(without_a_key_frame_in_memory_the_next_is_waited_for),
		T(cleared_data_is_not_given_to_late_ones),
		T(a_name_that_is_taken_is_refused),
		T(players_hear_the_end_after_the_last_message),
		T(a_publisher_that_comes_back_is_played_on),
		T(a_publisher_that_leaves_is_forgotten),
		T(the_end_of_the_connection_is_the_end_of_the_stream),
		T(a_slow_player_loses_its_own_and_nobody_elses),
		T(a_player_need_not_take_pictures_or_sound),
		T(a_pause_is_followed_by_the_present),
		T(a_player_that_rejects_our_flows_plays_no_more),
		T(what_cannot_be_is_refused_by_its_code),
		T(players_of_a_stream_are_bounded),
		T(names_are_bounded_by_app_and_in_all),
		T(a_session_has_only_so_many_streams),
		T(a_message_longer_than_the_memory_is_left_out),
		T(a_turn_is_bounded),
		T(what_goes_on_is_shown),
		T(a_stream_is_made_asked_for_begun_and_played_in_this_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

// Ends of streams over flows: which flows belong to one, how their messages travel, how they end.
#include "tests/support/test.h"

#include <errno.h>

#include "control/rpc/net_stream.h"
#include "dataplane/wire/rtmp_msg.h"
#include "tests/unit/control/rpc/lines.h"

#define STREAM_ID 5
#define BUDGET    20000

static const struct rpc_opts opts = {
	.connects_max = RPC_LINES_MAX, .streams_max = 12, .streams_per_session_max = 4};

// What one end heard.
struct seen {
	uint32_t n_messages, n_rejected, n_gone;
	struct net_stream_message last;
	enum net_stream_end end;
};

struct stage {
	struct rpc_lines lines;
	struct seen near, far; // client's end, server's end
	struct command opens[8], sends[64], rejects[8];
	uint32_t n_opens, n_sends, n_rejects, n_accepts;
	struct net_stream *taken; // direct: the publisher's end
	struct net_stream_opts publisher;
};

static void on_message(void *ctx, struct net_stream *ns, const struct net_stream_message *m,
		       uint64_t now_us)
{
	struct seen *seen = ctx;

	seen->n_messages++;
	seen->last = *m;
}

static void on_rejected(void *ctx, struct net_stream *ns, uint64_t now_us)
{
	((struct seen *)ctx)->n_rejected++;
}

static void on_gone(void *ctx, struct net_stream *ns, enum net_stream_end end, uint64_t now_us)
{
	((struct seen *)ctx)->n_gone++;
	((struct seen *)ctx)->end = end;
}

static void heard(void *ctx, bool from_client, uint32_t client, const struct command *c)
{
	struct stage *st = ctx;

	if (c->op == CMD_FLOW_OPEN && st->n_opens < 8)
		st->opens[st->n_opens++] = *c;
	else if (c->op == CMD_FLOW_SEND && st->n_sends < 64)
		st->sends[st->n_sends++] = *c;
	else if (c->op == CMD_FLOW_CLASS && c->class.class == FLOW_REJECT && st->n_rejects < 8)
		st->rejects[st->n_rejects++] = *c;
	else if (c->op == CMD_FLOW_CLASS)
		st->n_accepts++;
}

static void on_connected(void *ctx, struct ctl_session *s, void *user, const char *code)
{
}

static int begin(void **state)
{
	struct stage *st = calloc(1, sizeof(*st));
	struct rpc_opts client = opts;

	client.events.connected = on_connected;
	lines_start(&st->lines, 1, &opts, &client);
	st->lines.ctx = st;
	assert_int_equal(rpc_connect(st->lines.clients[0].rpc, &st->lines.clients[0].sessions[0],
				     "rtmfp://host/live", NULL, 1000000),
			 0);
	lines_carry(&st->lines);
	st->lines.heard = heard;
	*state = st;
	return 0;
}

static int finish(void **state)
{
	struct stage *st = *state;

	lines_stop(&st->lines);
	free(st);
	return 0;
}

static struct net_stream_opts opts_for(struct stage *st, bool is_client, uint32_t id)
{
	struct line_end *e = is_client ? &st->lines.clients[0] : &st->lines.server;
	struct net_stream_opts o = {
		.streams = rpc_streams(e->rpc),
		.session = &e->sessions[0],
		.place = NET_STREAM_CONNECTED,
		.id = id,
		.queue_bytes_max = BUDGET,
		.events = {is_client ? &st->near : &st->far, on_message, on_rejected, on_gone}};

	net_stream_sending_live(o.sending);
	if (!rpc_control_flow(e->rpc, o.session, &o.far_flow))
		o.far_flow = 0;
	return o;
}

static struct net_stream *stream(struct stage *st, bool is_client, uint32_t id)
{
	struct net_stream_opts o = opts_for(st, is_client, id);
	struct net_stream *ns;

	assert_int_equal(net_stream_create(&o, &ns), 0);
	return ns;
}

static int say_bytes(struct stage *st, struct net_stream *ns, uint8_t type, uint32_t len)
{
	static const uint8_t octets[BUDGET];
	const uint8_t head[RTMP_HEAD_LEN] = {type, 0, 0, 0, 40};

	return net_stream_write(ns, net_stream_flow_of(type), (struct span){head, sizeof(head)},
				(struct span){octets, len}, false, st->lines.now_us);
}

static int say(struct stage *st, struct net_stream *ns, uint8_t type)
{
	int err = say_bytes(st, ns, type, 100);

	lines_carry(&st->lines);
	return err;
}

// Requirements 116 and 120.
static void flows_carry_the_stream_id_and_return_the_control_flow(void **state)
{
	static const uint8_t meta[] = {0x54, 0x43, 0x04, STREAM_ID};
	struct stage *st = *state;
	struct net_stream *near = stream(st, true, STREAM_ID), *far = stream(st, false, STREAM_ID);

	assert_int_equal(say(st, near, RTMP_COMMAND_AMF0), 0);
	assert_int_equal(say(st, far, RTMP_COMMAND_AMF0), 0);
	assert_int_equal(st->n_opens, 2);
	for (uint32_t i = 0; i < 2; i++) {
		assert_int_equal(st->opens[i].open.meta_len, sizeof(meta));
		assert_memory_equal(st->opens[i].open.meta, meta, sizeof(meta));
		assert_true(st->opens[i].open.flags & FLOW_OPEN_ASSOC);
	}
	assert_int_equal(st->opens[0].open.assoc_id, st->lines.server.sessions[0].tx[0].flow_id);
	assert_int_equal(st->opens[1].open.assoc_id,
			 st->lines.clients[0].sessions[0].tx[0].flow_id);
	assert_int_equal(st->near.n_messages, 1);
	assert_int_equal(st->far.n_messages, 1);
	net_stream_destroy(near);
	net_stream_destroy(far);
}

static void sound_pictures_and_data_travel_apart(void **state)
{
	static const uint8_t types[] = {RTMP_COMMAND_AMF0, RTMP_AUDIO, RTMP_VIDEO, RTMP_DATA_AMF0};
	struct stage *st = *state;
	struct net_stream *near = stream(st, true, STREAM_ID), *far = stream(st, false, STREAM_ID);

	for (unsigned twice = 0; twice < 2; twice++)
		for (unsigned i = 0; i < sizeof(types); i++) {
			assert_int_equal(say(st, near, types[i]), 0);
			assert_int_equal(st->far.last.type, types[i]);
			assert_int_equal(st->far.last.timestamp, 40);
			assert_int_equal(st->far.last.payload.len, 100);
			assert_int_equal(st->far.last.whole.len, 105);
		}
	assert_int_equal(st->n_opens, 4); // each once, when it was first needed
	assert_int_equal(st->n_sends, 8);
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(st->sends[i].flow, st->opens[i].flow);
		assert_int_equal(st->sends[i + 4].flow, st->opens[i].flow);
	}
	// Sound before pictures, and both are live media to budgets.
	assert_int_equal(st->opens[1].open.prio, PRIO_MEDIA);
	assert_int_equal(st->opens[2].open.prio, PRIO_MEDIA);
	assert_true(st->opens[1].open.flags & FLOW_OPEN_FIRST);
	assert_false(st->opens[2].open.flags & FLOW_OPEN_FIRST);
	net_stream_destroy(near);
	net_stream_destroy(far);
}

// P2-5: limited time for live media, reliable for the rest and for whatever is said to be.
static void live_media_has_a_deadline(void **state)
{
	struct stage *st = *state;
	struct net_stream *near = stream(st, true, STREAM_ID), *far = stream(st, false, STREAM_ID);
	uint64_t now = st->lines.now_us;

	say(st, near, RTMP_AUDIO);
	say(st, near, RTMP_VIDEO);
	say(st, near, RTMP_DATA_AMF0);
	say(st, near, RTMP_COMMAND_AMF0);
	net_stream_write(near, NET_STREAM_VIDEO, (struct span){(const uint8_t *)"\x09....", 5},
			 (struct span){0}, true, now);
	lines_carry(&st->lines);
	assert_int_equal(st->sends[0].send.deadline_us, now + 2200000);
	assert_int_equal(st->sends[1].send.deadline_us, now + 2000000);
	for (unsigned i = 2; i < 5; i++)
		assert_int_equal(st->sends[i].send.deadline_us, 0);
	net_stream_destroy(near);
	net_stream_destroy(far);
}

static void reliable_media_has_none_and_may_be_time_critical(void **state)
{
	struct stage *st = *state;
	struct net_stream_opts o = opts_for(st, true, STREAM_ID);
	struct net_stream *near, *far = stream(st, false, STREAM_ID);

	net_stream_sending_reliable(o.sending);
	o.sending[NET_STREAM_AUDIO].is_time_critical = true;
	assert_int_equal(net_stream_create(&o, &near), 0);
	say(st, near, RTMP_AUDIO);
	say(st, near, RTMP_VIDEO);
	assert_int_equal(st->sends[0].send.deadline_us, 0);
	assert_int_equal(st->sends[1].send.deadline_us, 0);
	assert_true(st->opens[0].open.flags & FLOW_OPEN_TC);
	assert_false(st->opens[1].open.flags & FLOW_OPEN_TC);
	net_stream_destroy(near);
	net_stream_destroy(far);
}

// Requirement 117.
static void chunk_stream_control_is_ignored(void **state)
{
	static const uint8_t types[] = {1, 2, 3, 5, 6};
	struct stage *st = *state;
	struct net_stream *near = stream(st, true, STREAM_ID), *far = stream(st, false, STREAM_ID);

	for (unsigned i = 0; i < sizeof(types); i++)
		assert_int_equal(say(st, near, types[i]), 0);
	assert_int_equal(st->far.n_messages, 0);
	net_stream_write(near, NET_STREAM_DATA, (struct span){(const uint8_t *)"\x12..", 3},
			 (struct span){0}, true, 1); // cut in its header
	lines_carry(&st->lines);
	assert_int_equal(st->far.n_messages, 0);
	net_stream_destroy(near);
	net_stream_destroy(far);
}

static void a_gap_is_told_with_the_next_message(void **state)
{
	struct stage *st = *state;
	struct net_stream *near = stream(st, true, STREAM_ID), *far = stream(st, false, STREAM_ID);

	say(st, far, RTMP_VIDEO);
	assert_false(st->near.last.has_gap);
	lines_slow(&st->lines, 0, true);
	say(st, far, RTMP_VIDEO);
	lines_pass_us(&st->lines, 2000000);
	assert_int_equal(st->lines.n_given_up[0], 1);
	lines_slow(&st->lines, 0, false);
	say(st, far, RTMP_AUDIO); // another flow
	assert_false(st->near.last.has_gap);
	say(st, far, RTMP_VIDEO);
	assert_true(st->near.last.has_gap);
	net_stream_destroy(near);
	net_stream_destroy(far);
}

// Requirement 121: the worker holds a flow behind a barrier until it is accepted again.
static void a_barrier_holds_flows_of_a_stream_until_all_are_there(void **state)
{
	static const uint8_t barrier[] = {4, 0, 0, 0, 0, 0, 34, 0, 0, 0, 7, 0, 0, 0, 2};
	const struct span sync = {barrier, sizeof(barrier)};
	struct stage *st = *state;
	struct net_stream *near = stream(st, true, STREAM_ID), *far = stream(st, false, STREAM_ID);

	say(st, near, RTMP_AUDIO);
	say(st, near, RTMP_VIDEO);
	assert_int_equal(st->n_accepts, 2);
	net_stream_write(near, NET_STREAM_AUDIO, sync, (struct span){0}, true, 1);
	lines_carry(&st->lines);
	assert_int_equal(st->n_accepts, 2);
	net_stream_write(near, NET_STREAM_VIDEO, sync, (struct span){0}, true, 1);
	lines_carry(&st->lines);
	assert_int_equal(st->n_accepts, 4);
	assert_int_equal(st->far.n_messages, 2); // a barrier is no message of the stream
	net_stream_destroy(near);
	net_stream_destroy(far);
}

// Requirement 122.
static void an_end_rejects_all_flows_of_the_stream_with_code_0(void **state)
{
	struct stage *st = *state;
	struct net_stream *near = stream(st, true, STREAM_ID), *far = stream(st, false, STREAM_ID);
	struct net_stream *other = stream(st, false, STREAM_ID + 1);

	say(st, near, RTMP_COMMAND_AMF0);
	say(st, near, RTMP_AUDIO);
	say(st, near, RTMP_VIDEO);
	net_stream_destroy(far);
	lines_carry(&st->lines);
	assert_int_equal(st->n_rejects, 3);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(st->rejects[i].class.exception, 0);
		assert_int_equal(st->rejects[i].flow, st->opens[i].flow);
	}
	net_stream_destroy(near);
	net_stream_destroy(other);
}

static void a_rejected_flow_is_not_replaced(void **state)
{
	struct stage *st = *state;
	struct net_stream *near = stream(st, true, STREAM_ID), *far = stream(st, false, STREAM_ID);

	say(st, near, RTMP_VIDEO);
	say(st, far, RTMP_COMMAND_AMF0);
	rpc_flow_exception(st->lines.clients[0].rpc, &st->lines.clients[0].sessions[0],
			   st->opens[0].flow, 0, st->lines.now_us);
	lines_carry(&st->lines);
	assert_int_equal(st->near.n_rejected, 1);
	assert_int_equal(rpc_streams(st->lines.clients[0].rpc)->rejected, 1);
	assert_false(net_stream_may_write(near));
	assert_int_equal(say(st, near, RTMP_VIDEO), -EPIPE);
	assert_int_equal(say(st, near, RTMP_AUDIO), -EPIPE);
	assert_int_equal(st->n_opens, 2); // the two of before
	st->near.n_messages = 0;
	assert_int_equal(say(st, far, RTMP_COMMAND_AMF0), 0); // theirs goes on
	assert_int_equal(st->near.n_messages, 1);
	net_stream_destroy(near);
	net_stream_destroy(far);
}

static void what_is_not_taken_is_bounded(void **state)
{
	struct stage *st = *state;
	struct net_stream *near = stream(st, true, STREAM_ID), *far = stream(st, false, STREAM_ID);

	lines_slow(&st->lines, 0, true);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(say_bytes(st, far, RTMP_VIDEO, 4995), 0);
	assert_int_equal(net_stream_queued_bytes(far), BUDGET);
	assert_int_equal(say_bytes(st, far, RTMP_AUDIO, 1), -EDQUOT);
	assert_int_equal(rpc_streams(st->lines.server.rpc)->over_budget, 1);
	lines_slow(&st->lines, 0, false);
	assert_int_equal(net_stream_queued_bytes(far), 0);
	assert_int_equal(say_bytes(st, far, RTMP_AUDIO, 1), 0);
	net_stream_destroy(near);
	net_stream_destroy(far);
}

static void streams_are_bounded(void **state)
{
	struct stage *st = *state;
	struct net_stream_opts o = opts_for(st, false, 9);
	struct net_stream *all[4], *more;

	for (unsigned i = 0; i < 4; i++)
		all[i] = stream(st, false, i + 1);
	assert_int_equal(net_stream_create(&o, &more), -ENOBUFS); // of a session
	assert_int_equal(rpc_streams(st->lines.server.rpc)->refused, 1);
	net_stream_destroy(all[3]);
	o.id = 3;
	assert_int_equal(net_stream_create(&o, &more), -EEXIST);
	rpc_streams(st->lines.server.rpc)->max = 3;
	o.id = 9;
	assert_int_equal(net_stream_create(&o, &more), -ENOBUFS); // of all
	assert_int_equal(rpc_streams(st->lines.server.rpc)->refused, 2);
	for (unsigned i = 0; i < 3; i++)
		net_stream_destroy(all[i]);
	assert_int_equal(rpc_streams(st->lines.server.rpc)->n, 0);
}

static void flows_of_a_stream_are_bounded(void **state)
{
	static const uint8_t meta[] = {0x54, 0x43, 0x04, STREAM_ID};
	struct stage *st = *state;
	struct net_stream *far = stream(st, false, STREAM_ID);

	for (uint16_t i = 0; i <= NET_STREAM_FAR_FLOWS_MAX; i++)
		rpc_flow_opened(st->lines.server.rpc, &st->lines.server.sessions[0],
				(uint16_t)(10 + i), 100 + i, 0, (struct span){meta, sizeof(meta)},
				1);
	lines_carry(&st->lines);
	assert_int_equal(st->far.n_gone, 1);
	assert_int_equal(st->far.end, NET_STREAM_EXCESSIVE);
	assert_int_equal(st->lines.server.n_rejects, NET_STREAM_FAR_FLOWS_MAX + 1); // together
	assert_int_equal(rpc_streams(st->lines.server.rpc)->excessive, 1);
	net_stream_destroy(far);
}

static void a_session_has_no_more_flows_than_it_has(void **state)
{
	struct stage *st = *state;
	struct net_stream *far = stream(st, false, STREAM_ID);
	const struct ctl_flow_opts o = {.rule_stream = NO_STREAM, .owner = OWNER_RPC};

	while (ctl_flow_open(&st->lines.server.sessions[0], &o) >= 0)
		;
	assert_int_equal(say_bytes(st, far, RTMP_VIDEO, 10), -EMFILE);
	net_stream_destroy(far);
}

static void nobodys_stream_is_rejected(void **state)
{
	struct stage *st = *state;
	struct net_stream *near = stream(st, true, STREAM_ID);

	say(st, near, RTMP_VIDEO);
	assert_int_equal(st->lines.server.n_rejects, 1);
	assert_int_equal(st->near.n_rejected, 1);
	net_stream_destroy(near);
}

// 14.4 step 6: closing a flow whose stream id is not 0 has no meaning for the stream.
static void the_end_of_a_flow_is_not_the_end_of_its_stream(void **state)
{
	struct stage *st = *state;
	struct net_stream *near = stream(st, true, STREAM_ID), *far = stream(st, false, STREAM_ID);

	say(st, near, RTMP_VIDEO);
	ctl_flow_close(&st->lines.clients[0].sessions[0], st->opens[0].flow);
	lines_carry(&st->lines);
	assert_int_equal(st->far.n_gone, 0);
	assert_int_equal(say(st, near, RTMP_AUDIO), 0);
	assert_int_equal(st->far.n_messages, 2);
	net_stream_destroy(near);
	net_stream_destroy(far);
}

static void the_end_of_the_connection_ends_its_streams(void **state)
{
	struct stage *st = *state;
	struct net_stream *near = stream(st, true, STREAM_ID), *far = stream(st, false, STREAM_ID);

	rpc_close(st->lines.clients[0].rpc, &st->lines.clients[0].sessions[0], 1);
	lines_carry(&st->lines);
	assert_int_equal(st->near.n_gone, 1);
	assert_int_equal(st->far.n_gone, 1);
	assert_int_equal(st->far.end, NET_STREAM_LOST);
	assert_int_equal(say(st, far, RTMP_VIDEO), -EPIPE);
	assert_null(net_stream_session(near));
	net_stream_destroy(near);
	net_stream_destroy(far);
}

static void the_end_of_the_session_ends_its_streams(void **state)
{
	struct stage *st = *state;
	struct net_stream *near = stream(st, true, STREAM_ID), *far = stream(st, false, STREAM_ID);

	say(st, near, RTMP_VIDEO);
	lines_cut(&st->lines, 0);
	assert_int_equal(st->near.n_gone, 1);
	assert_int_equal(st->far.n_gone, 1);
	net_stream_destroy(near);
	net_stream_destroy(far);
}

// ---- direct (14.5) ----

static void asked(void *ctx, struct ctl_session *s, uint16_t rx_slot, uint64_t flow_id)
{
	struct stage *st = ctx;

	st->publisher = opts_for(st, false, STREAM_ID);
	st->publisher.place = NET_STREAM_PUBLISHER;
	st->publisher.far_flow = flow_id;
	assert_int_equal(net_stream_create(&st->publisher, &st->taken), 0);
	net_stream_take(st->taken, rx_slot, flow_id);
}

static struct net_stream *subscribe(struct stage *st, struct seen *seen)
{
	struct net_stream_opts o = opts_for(st, true, STREAM_ID);
	struct net_stream *ns;

	st->lines.asked = asked;
	o.place = NET_STREAM_SUBSCRIBER;
	o.events.ctx = seen;
	assert_int_equal(net_stream_create(&o, &ns), 0);
	assert_int_equal(say(st, ns, RTMP_COMMAND_AMF0), 0);
	return ns;
}

// Requirement 123.
static void a_subscriber_asks_on_a_flow_of_its_own_and_gets_return_flows(void **state)
{
	struct stage *st = *state;
	struct net_stream *near = subscribe(st, &st->near);

	assert_false(st->opens[0].open.flags & FLOW_OPEN_ASSOC);
	assert_int_equal(st->opens[0].open.meta[3], STREAM_ID);
	assert_int_equal(st->far.n_messages, 1);
	assert_int_equal(say(st, st->taken, RTMP_VIDEO), 0);
	assert_int_equal(say(st, st->taken, RTMP_AUDIO), 0);
	assert_true(st->opens[1].open.flags & FLOW_OPEN_ASSOC);
	assert_int_equal(st->opens[1].open.assoc_id, st->opens[0].open.flow_id);
	assert_int_equal(st->near.n_messages, 2);
	say(st, near, RTMP_DATA_AMF0); // on its only flow
	assert_int_equal(st->n_opens, 3);
	assert_int_equal(st->far.n_messages, 2);
	net_stream_destroy(near);
	lines_carry(&st->lines);
	assert_int_equal(st->far.n_gone, 1);
	assert_int_equal(st->far.end, NET_STREAM_LEFT);
	net_stream_destroy(st->taken);
}

static void streams_of_the_same_id_are_told_apart_by_association(void **state)
{
	struct stage *st = *state;
	struct seen one = {0}, two = {0};
	struct net_stream *a = subscribe(st, &one), *first = st->taken;
	struct net_stream *b = subscribe(st, &two), *second = st->taken;

	say(st, first, RTMP_VIDEO);
	assert_int_equal(one.n_messages, 1);
	assert_int_equal(two.n_messages, 0);
	say(st, second, RTMP_VIDEO);
	assert_int_equal(one.n_messages, 1);
	assert_int_equal(two.n_messages, 1);
	net_stream_destroy(a);
	net_stream_destroy(b);
	lines_carry(&st->lines);
	net_stream_destroy(first);
	net_stream_destroy(second);
}

static void a_publisher_ends_it_by_rejecting_the_subscribers_flow(void **state)
{
	struct stage *st = *state;
	struct net_stream *near = subscribe(st, &st->near);

	net_stream_destroy(st->taken);
	lines_carry(&st->lines);
	assert_int_equal(st->near.n_gone, 1);
	assert_int_equal(st->near.end, NET_STREAM_LEFT);
	net_stream_destroy(near);
}

static void direct_streams_outlive_the_connection(void **state)
{
	struct stage *st = *state;
	struct net_stream *near = subscribe(st, &st->near);
	struct net_stream *connected = stream(st, true, STREAM_ID);

	rpc_close(st->lines.clients[0].rpc, &st->lines.clients[0].sessions[0], 1);
	assert_int_equal(st->near.n_gone, 1); // the connected one
	assert_true(net_stream_may_write(near));
	net_stream_destroy(connected);
	net_stream_destroy(near);
	lines_carry(&st->lines);
	net_stream_destroy(st->taken);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, begin, finish)
		T(flows_carry_the_stream_id_and_return_the_control_flow),
		T(sound_pictures_and_data_travel_apart),
		T(live_media_has_a_deadline),
		T(reliable_media_has_none_and_may_be_time_critical),
		T(chunk_stream_control_is_ignored),
		T(a_gap_is_told_with_the_next_message),
		T(a_barrier_holds_flows_of_a_stream_until_all_are_there),
		T(an_end_rejects_all_flows_of_the_stream_with_code_0),
		T(a_rejected_flow_is_not_replaced),
		T(what_is_not_taken_is_bounded),
		T(streams_are_bounded),
		T(flows_of_a_stream_are_bounded),
		T(a_session_has_no_more_flows_than_it_has),
		T(nobodys_stream_is_rejected),
		T(the_end_of_a_flow_is_not_the_end_of_its_stream),
		T(the_end_of_the_connection_ends_its_streams),
		T(the_end_of_the_session_ends_its_streams),
		T(a_subscriber_asks_on_a_flow_of_its_own_and_gets_return_flows),
		T(streams_of_the_same_id_are_told_apart_by_association),
		T(a_publisher_ends_it_by_rejecting_the_subscribers_flow),
		T(direct_streams_outlive_the_connection),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

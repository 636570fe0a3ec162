// Two NetConnection halves back to back: the commands of one end's flows become the other's
// reports.
#include "tests/support/test.h"

#include <errno.h>

#include "control/outbox.h"
#include "control/rpc/command.h"
#include "control/rpc/rpc.h"
#include "dataplane/mailbox.h"
#include "dataplane/wire/flow_kind.h"
#include "dataplane/wire/rtmp_msg.h"

struct end {
	struct rpc *rpc;
	struct mailbox *ring;
	struct body_pool *bodies;
	struct outbox *outbox;
	struct ctl_session session;
	struct ctl_flows flows;
	// what happened
	uint32_t n_accepted, n_registered, n_connected, n_failed, n_gone, n_rejected, n_closed;
	uint32_t keepalive_us;
	uint32_t peers_ms;
	uint32_t n_classed; // flows that it accepted or let go on
	bool is_any_order;  // the last of them
	char code[64];
	struct rpc_command last; // the last command this end sent
	uint32_t n_commands;
};

static struct end client, server;

static void on_accepted(void *ctx, struct ctl_session *s)
{
	((struct end *)ctx)->n_accepted++;
}

static void on_registered(void *ctx, struct ctl_session *s)
{
	((struct end *)ctx)->n_registered++;
}

static void on_connected(void *ctx, struct ctl_session *s, void *user, const char *code)
{
	struct end *e = ctx;

	assert_ptr_equal(user, &client);
	snprintf(e->code, sizeof(e->code), "%s", code);
	e->n_connected++;
}

static void on_failed(void *ctx, struct ctl_session *s, void *user, const char *code)
{
	struct end *e = ctx;

	snprintf(e->code, sizeof(e->code), "%s", code);
	e->n_failed++;
}

static void on_gone(void *ctx, struct ctl_session *s, void *user)
{
	((struct end *)ctx)->n_gone++;
}

static void on_peers_period(void *ctx, uint32_t ms)
{
	((struct end *)ctx)->peers_ms = ms;
}

static const uint8_t peer_b[1][32] = {{0xb}};
static const struct rpc_app apps[] = {{.name = "live"},
				      {.name = "chat"},
				      {.name = "not-b", .deny_peers = peer_b, .n_deny_peers = 1}};
static struct wire_addr local_addr;

static void start(struct end *e, uint8_t server_endpoint)
{
	struct rpc_opts o = {.events = {e, on_accepted, on_registered, on_connected, on_failed,
					on_gone, on_peers_period},
			     .server_endpoint = server_endpoint,
			     .apps = apps,
			     .n_apps = 3,
			     .keepalive_nat_ms = 15000,
			     .keepalive_public_ms = 20000,
			     .keepalive_min_ms = 5000,
			     .local_addrs = &local_addr,
			     .n_local_addrs = 1,
			     .connects_max = 4};

	memset(e, 0, sizeof(*e));
	e->ring = mailbox_create(256);
	e->bodies = body_pool_create(1 << 20);
	e->outbox = outbox_create(&e->ring, 1, e->bodies);
	e->rpc = rpc_create(&o);
	e->session = (struct ctl_session){.id = 1, .state = CTL_OPEN, .outbox = e->outbox};
	ctl_session_flows_set(&e->session, &e->flows);
	assert_int_equal(wire_addr_parse(&e->session.far, "192.0.2.7:4000"), 0);
}

static void stop(struct end *e)
{
	rpc_destroy(e->rpc);
	outbox_destroy(e->outbox);
	body_pool_destroy(e->bodies);
	mailbox_destroy(e->ring);
}

static int setup(void **state)
{
	assert_int_equal(wire_addr_parse(&local_addr, "192.0.2.7:4000"), 0);
	start(&client, 0xff);
	start(&server, 0);
	return 0;
}

static int teardown(void **state)
{
	stop(&client);
	stop(&server);
	return 0;
}

static void remember(struct end *from, struct span message)
{
	struct rd r = rd_over(message.data, message.len);
	struct rtmp_head h;

	if (rtmp_head_read(&r, &h) == 0 && rpc_command_read(&from->last, h.type, rd_rest(&r)) == 0)
		from->n_commands++;
}

static void carry_one(struct end *from, struct end *to, const struct command *c, uint64_t now_us)
{
	switch (c->op) {
	case CMD_FLOW_OPEN:
		rpc_flow_opened(to->rpc, &to->session, c->flow, c->open.flow_id,
				c->open.flags & FLOW_OPEN_ASSOC ? (uint16_t)(c->open.assoc_id % 64)
								: NO_FLOW,
				(struct span){c->open.meta, c->open.meta_len}, now_us);
		break;
	case CMD_FLOW_SEND:
		remember(from, (struct span){c->body->data, c->len});
		rpc_message(to->rpc, &to->session, c->flow, (struct span){c->body->data, c->len},
			    now_us);
		body_put(c->body);
		break;
	case CMD_FLOW_CLOSE:
		rpc_flow_finished(to->rpc, &to->session, c->flow, now_us);
		break;
	case CMD_FLOW_CLASS:
		from->n_rejected += c->class.class == FLOW_REJECT;
		from->n_classed += c->class.class == FLOW_CONTROL;
		from->is_any_order = c->class.is_network_order;
		if (c->class.class == FLOW_REJECT)
			rpc_flow_exception(to->rpc, &to->session, c->flow, c->class.exception,
					   now_us);
		break;
	case CMD_SESSION_KEEPALIVE:
		from->keepalive_us = c->keepalive.interval_us;
		break;
	case CMD_SESSION_CLOSE:
		from->n_closed++;
		break;
	default:
		break;
	}
}

// Until neither has anything to say.
static void carry(uint64_t now_us)
{
	struct command c;
	bool more = true;

	while (more) {
		more = false;
		outbox_flush(client.outbox);
		outbox_flush(server.outbox);
		while (mailbox_pop(client.ring, &c)) {
			carry_one(&client, &server, &c, now_us);
			more = true;
		}
		while (mailbox_pop(server.ring, &c)) {
			carry_one(&server, &client, &c, now_us);
			more = true;
		}
	}
}

static void connect_to(const char *uri)
{
	assert_int_equal(rpc_connect(client.rpc, &client.session, uri, &client, 1000), 0);
	carry(1000);
}

static void a_connection_is_made_and_registered(void **state)
{
	uint64_t flow;

	connect_to("rtmfp://host/live/one");
	assert_int_equal(server.n_accepted, 1);
	assert_int_equal(client.n_connected, 1);
	assert_string_equal(client.code, "NetConnection.Connect.Success");
	assert_string_equal(rpc_client_info(&server.session)->app, "live/one");
	assert_int_equal(server.n_registered, 1);
	assert_true(server.session.is_registered);
	assert_int_equal(server.session.n_reported, 1);
	assert_true(wire_addr_equal(&server.session.reported[0], &local_addr));
	assert_true(rpc_control_flow(client.rpc, &client.session, &flow));
	assert_int_equal(flow, server.session.tx[0].flow_id);
}

static void who_reports_the_address_we_see_is_not_behind_nat(void **state)
{
	connect_to("rtmfp://host/live");
	assert_false(rpc_client_info(&server.session)->is_behind_nat);
	assert_int_equal(client.keepalive_us, 20000000); // NC-18
	assert_int_equal(server.keepalive_us, 25000000); // who keeps that is never asked
}

static void who_reports_another_address_is_behind_nat(void **state)
{
	assert_int_equal(wire_addr_parse(&local_addr, "10.0.0.5:4000"), 0);
	connect_to("rtmfp://host/live");
	assert_true(rpc_client_info(&server.session)->is_behind_nat);
	assert_int_equal(client.keepalive_us, 15000000);
	assert_int_equal(server.keepalive_us, 20000000);
}

// NC-18: who moves is looked at again.
static void a_new_address_is_judged_again(void **state)
{
	struct wire_addr old;

	connect_to("rtmfp://host/live");
	old = server.session.far;
	assert_int_equal(wire_addr_parse(&server.session.far, "198.51.100.1:77"), 0);
	rpc_session_moved(server.rpc, &server.session);
	carry(2000);
	assert_true(rpc_client_info(&server.session)->is_behind_nat);
	assert_int_equal(client.keepalive_us, 15000000);
	server.session.far = old;
	rpc_session_moved(server.rpc, &server.session);
	carry(2000);
	assert_int_equal(client.keepalive_us, 20000000);
	client.keepalive_us = 0;
	rpc_session_moved(server.rpc, &server.session); // nothing new: nothing said
	carry(2000);
	assert_int_equal(client.keepalive_us, 0);
}

// setPeerInfo may come again (14.4 step 4); more addresses than we keep still show that there is no
// NAT, and loopback ones are not for others.
static void peer_info_may_come_again(void **state)
{
	uint8_t buf[1024];
	struct wr w = wr_over(buf, sizeof(buf));

	connect_to("rtmfp://host/live");
	rpc_command_begin(&w, true, "setPeerInfo", 0);
	amf0_wr_null(&w);
	amf0_wr_string(&w, "127.0.0.1:4000");
	amf0_wr_string(&w, "no address");
	amf0_wr_number(&w, 4000);
	for (int i = 0; i < REPORTED_ADDRS_MAX + 2; i++) {
		char text[32];

		snprintf(text, sizeof(text), "10.0.0.%d:4000", i + 1);
		amf0_wr_string(&w, text);
	}
	rpc_message(server.rpc, &server.session, 0, wr_span(&w), 2000);
	carry(2000);
	assert_int_equal(server.session.n_reported, REPORTED_ADDRS_MAX);
	for (int i = 0; i < REPORTED_ADDRS_MAX; i++)
		assert_int_equal(server.session.reported[i].ip[0], 10);
	assert_true(rpc_client_info(&server.session)->is_behind_nat);
	assert_int_equal(client.keepalive_us, 15000000);
	amf0_wr_string(&w, "192.0.2.7:4000");
	rpc_message(server.rpc, &server.session, 0, wr_span(&w), 2000);
	carry(2000);
	assert_false(rpc_client_info(&server.session)->is_behind_nat);
	assert_int_equal(client.keepalive_us, 20000000);
	assert_int_equal(server.n_registered, 1);
}

static void an_unknown_app_is_refused_by_name(void **state)
{
	connect_to("rtmfp://host/secret");
	assert_int_equal(client.n_failed, 1);
	assert_string_equal(client.code, "NetConnection.Connect.InvalidApp");
	assert_int_equal(server.n_accepted, 0);
	assert_null(rpc_client_info(&server.session));
}

static void who_may_not_is_rejected(void **state)
{
	memcpy(server.session.fingerprint, peer_b[0], 32);
	connect_to("rtmfp://host/not-b");
	assert_int_equal(client.n_failed, 1);
	assert_string_equal(client.code, "NetConnection.Connect.Rejected");
	assert_int_equal(server.n_accepted, 0);
	assert_int_equal(rpc_counters(server.rpc)->refused[APP_PEER], 1);
	assert_int_equal(rpc_counters(server.rpc)->accepted, 0);
}

// What the server says to a client that is not the other end of this file: looked at and thrown
// away.
static void server_says(void)
{
	struct command c;

	outbox_flush(server.outbox);
	while (mailbox_pop(server.ring, &c)) {
		if (c.op == CMD_FLOW_SEND)
			remember(&server, (struct span){c.body->data, c.len});
		if (c.body != NULL)
			body_put(c.body);
	}
}

// A connect made by hand, as the client's control flow brings it; what is in `extra` stands behind
// the command object, octet by octet.
static void connect_by_hand(uint8_t type, double encoding, struct span extra)
{
	const uint8_t meta[] = {0x54, 0x43, 0x04, 0x00};
	uint8_t buf[4096];
	struct wr w = wr_over(buf, sizeof(buf));

	rpc_flow_opened(server.rpc, &server.session, 0, 2, NO_FLOW, (struct span){meta, 4}, 1000);
	rpc_command_begin(&w, type == RTMP_COMMAND_AMF3, "connect", 1);
	amf0_wr_object(&w);
	amf0_wr_name(&w, "app");
	amf0_wr_string(&w, "live/room/7");
	amf0_wr_name(&w, "tcUrl");
	amf0_wr_string(&w, "rtmfp://host/live/room/7");
	if (encoding >= 0) {
		amf0_wr_name(&w, "objectEncoding");
		amf0_wr_number(&w, encoding);
	}
	amf0_wr_end(&w);
	wr_bytes(&w, extra.data, extra.len);
	rpc_message(server.rpc, &server.session, 0, wr_span(&w), 1000);
	server_says();
}

static const struct amf_node *code_of(const struct rpc_command *c)
{
	return amf_get(&c->doc, amf_at(&c->doc, 3), "code");
}

// rtmfp.md 14.4: AMF0 where nobody says, 0 and 3; there is nothing else.
static void object_encodings_are_0_and_3(void **state)
{
	static const struct {
		double said;
		int got; // -1: refused
	} rows[] = {{-1, 0}, {0, 0}, {3, 3}, {1, -1}, {2.5, -1}};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct rpc_client_info *info;

		connect_by_hand(rows[i].said == 3 ? RTMP_COMMAND_AMF3 : RTMP_COMMAND_AMF0,
				rows[i].said, (struct span){0});
		info = rpc_client_info(&server.session);
		if (rows[i].got < 0) {
			assert_null(info);
			assert_true(
				amf_is_text(code_of(&server.last), "NetConnection.Connect.Failed"));
			assert_int_equal(rpc_counters(server.rpc)->connect_failed, 1);
		} else {
			assert_int_equal(info->encoding, rows[i].got);
			assert_string_equal(info->instance, "room/7");
			assert_int_equal(server.last.is_amf3, rows[i].said == 3);
			assert_int_equal(amf_get(&server.last.doc, amf_at(&server.last.doc, 3),
						 "objectEncoding")
						 ->number,
					 rows[i].got);
		}
		teardown(state);
		setup(state);
	}
}

static void further_arguments_are_kept_as_far_as_they_fit(void **state)
{
	const struct rpc_client_info *info;
	struct amf_doc doc;
	uint8_t buf[1024];
	char text[200];
	struct wr w = wr_over(buf, sizeof(buf));

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	amf0_wr_string(&w, "token");
	amf0_wr_number(&w, 7);
	amf0_wr_string(&w, text);
	amf0_wr_string(&w, text); // beyond the room there is
	amf0_wr_number(&w, 8);    // would fit, but nothing shall be missing in between
	connect_by_hand(RTMP_COMMAND_AMF0, 0, wr_span(&w));
	info = rpc_client_info(&server.session);
	assert_int_equal(info->n_args, 3);
	assert_true(info->are_args_cut);
	assert_int_equal(amf0_read(&doc, info->args), 0);
	assert_true(amf_is_text(amf_at(&doc, 0), "token"));
	assert_int_equal(amf_at(&doc, 1)->number, 7);
	assert_true(amf_is_text(amf_at(&doc, 2), text));
	assert_null(amf_at(&doc, 3));
}

static void a_connect_needs_a_command_object(void **state)
{
	const uint8_t meta[] = {0x54, 0x43, 0x04, 0x00};
	uint8_t buf[64];
	struct wr w = wr_over(buf, sizeof(buf));

	rpc_flow_opened(server.rpc, &server.session, 0, 2, NO_FLOW, (struct span){meta, 4}, 1000);
	rpc_command_begin(&w, false, "connect", 1);
	amf0_wr_string(&w, "live");
	rpc_message(server.rpc, &server.session, 0, wr_span(&w), 1000);
	server_says();
	assert_true(amf_is_text(code_of(&server.last), "NetConnection.Connect.Failed"));
	assert_null(rpc_client_info(&server.session));
}

static void to_connect_twice_is_an_error_that_changes_nothing(void **state)
{
	connect_by_hand(RTMP_COMMAND_AMF0, 0, (struct span){0});
	connect_by_hand(RTMP_COMMAND_AMF0, 3, (struct span){0});
	assert_string_equal(server.last.name, "_error");
	assert_int_equal(rpc_client_info(&server.session)->encoding, 0);
	assert_int_equal(rpc_counters(server.rpc)->accepted, 1);
}

static void send_command(const char *name, double transaction)
{
	uint8_t buf[256];
	struct wr w = wr_over(buf, sizeof(buf));

	rpc_command_begin(&w, false, name, transaction);
	amf0_wr_null(&w);
	rpc_message(server.rpc, &server.session, 0, wr_span(&w), 2000);
	carry(2000);
}

static void an_unknown_method_gets_an_error(void **state)
{
	const struct amf_node *info;

	connect_to("rtmfp://host/live");
	server.n_commands = 0;
	send_command("makeCoffee", 7);
	assert_int_equal(server.n_commands, 1);
	assert_string_equal(server.last.name, "_error");
	assert_true(server.last.transaction == 7);
	info = amf_at(&server.last.doc, 3);
	assert_int_equal(info->type, AMF_OBJECT);
	assert_true(amf_is_text(code_of(&server.last), "NetConnection.Call.Failed"));
	assert_int_equal(rpc_counters(server.rpc)->strays, 1);
}

static void nobody_is_answered_who_does_not_ask(void **state)
{
	connect_to("rtmfp://host/live");
	server.n_commands = 0;
	send_command("makeCoffee", 0);
	assert_int_equal(server.n_commands, 0);
}

static void before_connect_nothing_is_answered(void **state)
{
	const uint8_t meta[] = {0x54, 0x43, 0x04, 0x00};

	rpc_flow_opened(server.rpc, &server.session, 0, 2, NO_FLOW, (struct span){meta, 4}, 1000);
	send_command("makeCoffee", 7);
	send_command("createStream", 8);
	send_command("setPeerInfo", 0); // or anybody could be introduced
	assert_int_equal(server.n_commands, 0);
	assert_int_equal(rpc_counters(server.rpc)->strays, 0);
	assert_false(server.session.is_registered);
}

static void stray_commands_are_limited(void **state)
{
	connect_to("rtmfp://host/live");
	server.n_commands = 0;
	for (int i = 0; i < 1000; i++)
		send_command("x", 1);
	assert_int_equal(server.n_commands, 63); // its setPeerInfo was one, too
	assert_int_equal(rpc_counters(server.rpc)->strays_dropped, 1000 - 63);
}

// A server that calls us is told the same, and its status messages ask for nothing.
static void a_client_has_no_methods(void **state)
{
	static const char *const names[] = {"onBWDone", "onStatus", "_result", "_error"};

	connect_to("rtmfp://host/live");
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		uint8_t buf[64];
		struct wr w = wr_over(buf, sizeof(buf));

		client.n_commands = 0;
		rpc_command_begin(&w, false, names[i], 9);
		rpc_message(client.rpc, &client.session, 0, wr_span(&w), 2000);
		carry(2000);
		assert_row(client.n_commands == (i == 0), names[i]);
	}
	assert_int_equal(client.n_failed, 0);
}

// Requirement 129: what does not parse is counted and changes nothing.
static void broken_messages_are_counted(void **state)
{
	static const struct {
		const char *what;
		uint8_t octets[16], len;
		uint8_t is_counted;
	} rows[] = {
		{"nothing", {0}, 0, 1},
		{"half a header", {20, 0, 0}, 3, 1},
		{"a command without a name", {20, 0, 0, 0, 0}, 5, 1},
		{"a name that is a number", {20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 14, 1},
		{"type 17 without its format", {17, 0, 0, 0, 0}, 5, 1},
		{"type 17 of another format", {17, 0, 0, 0, 0, 1, 2, 0, 1, 'x'}, 10, 1},
		{"a string that is cut off", {20, 0, 0, 0, 0, 2, 0, 9, 'x'}, 9, 1},
		{"audio, which is not ours", {8, 0, 0, 0, 0, 1}, 6, 0},
	};

	connect_to("rtmfp://host/live");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint64_t before = rpc_counters(server.rpc)->malformed;

		server.n_commands = 0;
		rpc_message(server.rpc, &server.session, 0,
			    (struct span){rows[i].octets, rows[i].len}, 2000);
		carry(2000);
		assert_row(rpc_counters(server.rpc)->malformed - before == rows[i].is_counted,
			   rows[i].what);
		assert_row(server.n_commands == 0, rows[i].what);
	}
	assert_non_null(rpc_client_info(&server.session));
}

static void streams_of_the_connection_are_refused_with_code_0(void **state)
{
	const uint8_t meta[] = {0x54, 0x43, 0x04, 0x05};

	connect_to("rtmfp://host/live");
	rpc_flow_opened(server.rpc, &server.session, 9, 77, 0, (struct span){meta, 4}, 1000);
	carry(1000);
	assert_int_equal(server.n_rejected, 1);
}

static void a_flow_without_stream_id_is_refused(void **state)
{
	const uint8_t meta[] = {0x54, 0x43, 0x00};

	rpc_flow_opened(server.rpc, &server.session, 9, 77, NO_FLOW, (struct span){meta, 3}, 1000);
	carry(1000);
	assert_int_equal(server.n_rejected, 1);
}

// rtmfp.md 14.4 step 7: the server ends, the client follows, the server closes the session.
static void the_servers_end_is_followed(void **state)
{
	connect_to("rtmfp://host/live");
	rpc_close(server.rpc, &server.session, 3000);
	assert_true(rpc_is_ending(&server.session));
	assert_int_equal(server.n_closed, 0);
	carry(3000);
	assert_int_equal(client.n_gone, 1);
	assert_int_equal(server.n_closed, 1);
	assert_int_equal(client.n_closed, 0);
	assert_false(server.session.is_registered);
	assert_false(rpc_is_ending(&server.session));
}

// The same from the client, whose session the server leaves alone until the client has closed it.
static void the_clients_end_is_followed(void **state)
{
	connect_to("rtmfp://host/live");
	rpc_close(client.rpc, &client.session, 3000);
	rpc_close(client.rpc, &client.session, 3000); // once is enough
	carry(3000);
	assert_int_equal(client.n_gone, 0);
	assert_int_equal(client.n_closed, 1);
	assert_int_equal(server.n_closed, 0);
	assert_null(rpc_client_info(&server.session));
	assert_false(server.session.is_registered);
	rpc_timers(server.rpc, 3000 + 1000000); // ... if it does
	carry(3000 + 1000000);
	assert_int_equal(server.n_closed, 1);
}

static void an_end_that_is_not_followed_takes_a_second(void **state)
{
	connect_to("rtmfp://host/live");
	rpc_close(client.rpc, &client.session, 3000);
	assert_int_equal(rpc_deadline_us(client.rpc), 3000 + 1000000);
	rpc_timers(client.rpc, 3000 + 999999);
	assert_true(rpc_is_ending(&client.session));
	rpc_timers(client.rpc, 3000 + 1000000);
	assert_false(rpc_is_ending(&client.session));
	assert_int_equal(rpc_deadline_us(client.rpc), UINT64_MAX);
	carry(3000 + 1000000);
	assert_int_equal(client.n_closed, 1);
}

// 14.4 step 7, abrupt: a rejected control flow is the end at once.
static void a_rejected_control_flow_ends_at_once(void **state)
{
	connect_to("rtmfp://host/live");
	rpc_flow_exception(client.rpc, &client.session, 0, 0, 3000);
	assert_int_equal(client.n_gone, 1);
	assert_int_equal(client.session.state, CTL_CLOSING);
	rpc_flow_exception(server.rpc, &server.session, 0, 0, 3000);
	assert_int_equal(server.session.state, CTL_CLOSING);
}

// Not cut to something that others may be connected to.
static void an_app_that_is_too_long_is_unknown(void **state)
{
	char uri[256] = "rtmfp://host/live/";
	size_t len = strlen(uri);

	memset(uri + len, 'x', 122); // 127 with "live/"
	connect_to(uri);
	assert_int_equal(client.n_connected, 1);
	assert_int_equal(strlen(rpc_client_info(&server.session)->app), 127);
	teardown(state);
	setup(state);
	uri[len + 122] = 'x';
	connect_to(uri);
	assert_string_equal(client.code, "NetConnection.Connect.InvalidApp");
}

static void a_connect_without_answer_fails_in_time(void **state)
{
	assert_int_equal(rpc_connect(client.rpc, &client.session, "rtmfp://h/live", &client, 1000),
			 0);
	rpc_timers(client.rpc, 15000000);
	assert_int_equal(client.n_failed, 0);
	assert_int_equal(rpc_deadline_us(client.rpc), 15001000);
	rpc_timers(client.rpc, 15001000);
	assert_int_equal(client.n_failed, 1);
	assert_int_equal(rpc_deadline_us(client.rpc), UINT64_MAX);
}

// rtmfp.md 14.3, requirement 121.
static void the_clients_own_bounds_hold(void **state)
{
	static const uint32_t rows[][2] = {
		{10, 5000000}, {0, 5000000}, {7000, 7000000}, {UINT32_MAX, 3600000000}};
	static const uint32_t peers[][2] = {
		{9000, 9000}, {10, 5000}, {UINT32_MAX, 3600000}, {0, 5000}};

	connect_to("rtmfp://host/live");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint8_t buf[32];
		struct wr w = wr_over(buf, sizeof(buf));
		struct user_control u = {.event = UC_SET_KEEPALIVE,
					 .keepalive = {rows[i][0], peers[i][0]}};

		assert_int_equal(user_control_write(&w, 0, &u), 0);
		rpc_message(client.rpc, &client.session, 0, wr_span(&w), 1000);
		carry(1000);
		assert_int_equal(client.keepalive_us, rows[i][1]);
		assert_int_equal(client.peers_ms, peers[i][1]);
	}
}

// Another flow of the client's: stream 0, the return of our control flow.
static void client_flow(uint16_t slot, uint8_t flags)
{
	const uint8_t meta[] = {0x54, 0x43, flags, 0x00};

	rpc_flow_opened(server.rpc, &server.session, slot, 100 + slot, 0, (struct span){meta, 4},
			1000);
	carry(1000);
}

static void sync_in(uint16_t slot, uint64_t now_us)
{
	const struct user_control u = {.event = UC_FLOW_SYNC, .flow_sync = {.id = 3, .count = 2}};
	uint8_t buf[32];
	struct wr w = wr_over(buf, sizeof(buf));

	assert_int_equal(user_control_write(&w, 0, &u), 0);
	rpc_message(server.rpc, &server.session, slot, wr_span(&w), now_us);
	carry(now_us);
}

// rtmfp.md 14.1, requirement 120.
static void receive_intent_is_honoured(void **state)
{
	connect_to("rtmfp://host/live");
	client_flow(9, TC_SID);
	assert_false(server.is_any_order);
	client_flow(10, TC_SID | TC_RXI);
	assert_true(server.is_any_order);
	assert_int_equal(server.n_rejected, 0);
}

// rtmfp.md 14.3, requirement 121.
static void flows_of_the_connection_wait_for_each_other(void **state)
{
	connect_to("rtmfp://host/live");
	client_flow(9, TC_SID | TC_RXI);
	server.n_classed = 0;
	sync_in(9, 2000);
	assert_int_equal(server.n_classed, 0);
	sync_in(0, 3000);
	assert_int_equal(server.n_classed, 2);
	sync_in(9, 4000);
	assert_int_equal(rpc_deadline_us(server.rpc),
			 2000 + BARRIER_US); // may be early, never late
	rpc_timers(server.rpc, 2000 + BARRIER_US);
	assert_int_equal(rpc_deadline_us(server.rpc), 4000 + BARRIER_US);
	rpc_timers(server.rpc, 4000 + BARRIER_US);
	carry(4000 + BARRIER_US);
	assert_int_equal(server.n_classed, 3);
	assert_true(server.is_any_order);
	assert_int_equal(rpc_counters(server.rpc)->syncs.abandoned, 1);
}

// Requirement 117: they have nothing to say here.
static void chunk_stream_control_is_ignored(void **state)
{
	static const uint8_t types[] = {1, 2, 3, 5, 6};

	connect_to("rtmfp://host/live");
	server.n_commands = 0;
	for (unsigned i = 0; i < sizeof(types); i++) {
		const uint8_t message[] = {types[i], 0, 0, 0, 0, 0, 0, 0x20, 0};

		rpc_message(server.rpc, &server.session, 0, (struct span){message, sizeof(message)},
			    2000);
	}
	carry(2000);
	assert_int_equal(server.n_commands, 0);
	assert_int_equal(rpc_counters(server.rpc)->malformed, 0);
	assert_non_null(rpc_client_info(&server.session));
}

static void connections_are_bounded(void **state)
{
	const uint8_t meta[] = {0x54, 0x43, 0x04, 0x00};
	struct ctl_session many[5];

	for (int i = 0; i < 5; i++) {
		many[i] = server.session;
		many[i].nc = NULL;
		rpc_flow_opened(server.rpc, &many[i], 0, 2, NO_FLOW, (struct span){meta, 4}, 1000);
	}
	assert_non_null(many[3].nc);
	assert_null(many[4].nc);
	for (int i = 0; i < 4; i++)
		rpc_session_closed(server.rpc, &many[i], 2000);
	rpc_session_closed(server.rpc, &many[0], 2000); // twice does no harm
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_connection_is_made_and_registered),
		T(who_reports_the_address_we_see_is_not_behind_nat),
		T(who_reports_another_address_is_behind_nat),
		T(a_new_address_is_judged_again),
		T(peer_info_may_come_again),
		T(an_unknown_app_is_refused_by_name),
		T(who_may_not_is_rejected),
		T(object_encodings_are_0_and_3),
		T(further_arguments_are_kept_as_far_as_they_fit),
		T(a_connect_needs_a_command_object),
		T(to_connect_twice_is_an_error_that_changes_nothing),
		T(an_unknown_method_gets_an_error),
		T(nobody_is_answered_who_does_not_ask),
		T(before_connect_nothing_is_answered),
		T(stray_commands_are_limited),
		T(a_client_has_no_methods),
		T(broken_messages_are_counted),
		T(streams_of_the_connection_are_refused_with_code_0),
		T(a_flow_without_stream_id_is_refused),
		T(the_servers_end_is_followed),
		T(the_clients_end_is_followed),
		T(an_end_that_is_not_followed_takes_a_second),
		T(a_rejected_control_flow_ends_at_once),
		T(an_app_that_is_too_long_is_unknown),
		T(a_connect_without_answer_fails_in_time),
		T(the_clients_own_bounds_hold),
		T(receive_intent_is_honoured),
		T(flows_of_the_connection_wait_for_each_other),
		T(chunk_stream_control_is_ignored),
		T(connections_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

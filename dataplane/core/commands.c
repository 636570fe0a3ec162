// Commands of control: a table says what each needs before it may run.
//
// A command's body goes home as soon as the command has run. Flows keep two kinds: FLOW_SEND's until
// the message is settled, OBJECT_KEEP's until the object is dropped.
#include <assert.h>

#include "dataplane/core/clock.h"
#include "dataplane/core/datagrams.h"
#include "dataplane/core/hello.h"
#include "dataplane/core/internal.h"
#include "dataplane/core/session_chunks.h"
#include "dataplane/core/session_life.h"
#include "dataplane/core/stats.h"

// Every command may answer with a report or two, so commands wait while the ring is short of room.
#define RING_ROOM_MIN 8

static void stale(struct engine *e)
{
	engine_drop(e, DROP_STALE_COMMAND);
}

static void bodies_put(struct engine *e, const struct command *cmd)
{
	for (int i = 0; i < BODIES_PER_PUT; i++) {
		if (cmd->bodies.more[i] != NULL)
			body_put(cmd->bodies.more[i]);
	}
}

static void tc_elsewhere(struct engine *e, const struct command *cmd)
{
	clock_tc_elsewhere(e, cmd->tc.rx_ago_ms, cmd->tc.tx_ago_ms);
}

// -- sessions --

static void reserve(struct engine *e, const struct command *cmd)
{
	if (!session_reserve(e, cmd))
		stale(e);
}

static void add(struct engine *e, const struct command *cmd)
{
	struct report r = {.op = REP_SESSION_CLOSED,
			   .session_idx = cmd->session_idx,
			   .session_id = cmd->session_id};

	if (session_add(e, cmd))
		return;
	r.closed.reason = CLOSED_NO_ROOM;
	engine_report(e, &r);
}

static void close_session(struct engine *e, const struct command *cmd)
{
	if (!session_close(e, cmd))
		stale(e);
}

static void chunk(struct engine *e, const struct command *cmd)
{
	session_chunk_queue(e, cmd->session_idx, span_of(cmd->body->data, cmd->len));
}

static void ping(struct engine *e, const struct command *cmd)
{
	session_challenge(e, cmd->session_idx, cmd->ping.limit_us);
}

static void keepalive(struct engine *e, const struct command *cmd)
{
	session_keepalive_set(e, cmd->session_idx, cmd->keepalive.interval_us,
			      cmd->keepalive.limit_us, cmd->keepalive.suspect_us);
}

static void ungroup(struct engine *e, const struct command *cmd)
{
	flows_ungroup(e, cmd->session_idx);
	relay_session_ungroup(e, cmd->session_idx);
}

// -- the table --

enum needs {
	NEEDS_NOTHING,
	NEEDS_SLOT, // a slot that exists; what is in it is the handler's to judge
	NEEDS_OPEN, // the session it names, in S_OPEN
};

static const struct {
	void (*run)(struct engine *, const struct command *);
	uint8_t needs;
} handlers[CMD_OPS_N] = {
	[CMD_COOKIE_SECRET] = {hello_cookie_secret, NEEDS_NOTHING},
	[CMD_ENDPOINT] = {hello_endpoint, NEEDS_NOTHING},
	[CMD_BODIES_PUT] = {bodies_put, NEEDS_NOTHING},
	[CMD_STATS] = {stats_ask, NEEDS_NOTHING},
	[CMD_TC_ELSEWHERE] = {tc_elsewhere, NEEDS_NOTHING},
	[CMD_PACKET] = {hello_send, NEEDS_NOTHING},
	[CMD_BUDGET] = {budgets_command, NEEDS_NOTHING},
	[CMD_DATAGRAM] = {datagrams_send, NEEDS_NOTHING},
	[CMD_HELLO_REPLY] = {hello_reply, NEEDS_NOTHING},
	[CMD_SESSION_RESERVE] = {reserve, NEEDS_SLOT},
	[CMD_SESSION_ADD] = {add, NEEDS_SLOT},
	[CMD_SESSION_CLOSE] = {close_session, NEEDS_SLOT},
	[CMD_SESSION_CHUNK] = {chunk, NEEDS_OPEN},
	[CMD_SESSION_PING] = {ping, NEEDS_OPEN},
	[CMD_SESSION_KEEPALIVE] = {keepalive, NEEDS_OPEN},
	[CMD_SESSION_UNGROUP] = {ungroup, NEEDS_OPEN},
	[CMD_FLOW_OPEN] = {flows_command, NEEDS_OPEN},
	[CMD_FLOW_SEND] = {flows_command, NEEDS_OPEN},
	[CMD_FLOW_CLOSE] = {flows_command, NEEDS_OPEN},
	[CMD_FLOW_CLASS] = {flows_command, NEEDS_OPEN},
	[CMD_OBJECT_KEEP] = {flows_command, NEEDS_NOTHING},
	[CMD_OBJECTS_DROP] = {flows_command, NEEDS_NOTHING},
	[CMD_STREAM_ADD] = {relay_command, NEEDS_NOTHING},
	[CMD_STREAM_TUNE] = {relay_command, NEEDS_NOTHING},
	[CMD_STREAM_REMOVE] = {relay_command, NEEDS_NOTHING},
	[CMD_STREAM_END] = {relay_command, NEEDS_NOTHING},
	[CMD_STREAM_PUBLISH] = {relay_command, NEEDS_NOTHING},
	[CMD_STREAM_MULTICAST] = {relay_command, NEEDS_NOTHING},
	[CMD_STREAM_LINK] = {relay_command, NEEDS_OPEN},
	[CMD_STREAM_UNLINK] = {relay_command, NEEDS_OPEN},
};

static bool is_timely(struct engine *e, const struct command *cmd)
{
	const struct session *s = session_at(e, cmd->session_idx);

	switch (handlers[cmd->op].needs) {
	case NEEDS_OPEN:
		return cmd->session_idx < e->opts.sessions_max && s->state == S_OPEN &&
		       s->id_rx == cmd->session_id;
	case NEEDS_SLOT:
		return cmd->session_idx < e->opts.sessions_max;
	default:
		return true;
	}
}

static void run(struct engine *e, const struct command *cmd)
{
	bool keeps_body = cmd->op == CMD_FLOW_SEND || cmd->op == CMD_OBJECT_KEEP;

	assert(cmd->op < CMD_OPS_N && handlers[cmd->op].run != NULL);
	engine_stir(e);
	if (is_timely(e, cmd)) {
		handlers[cmd->op].run(e, cmd);
	} else {
		keeps_body = false;
		stale(e);
	}
	if (!keeps_body)
		engine_body_home(e, cmd->body);
}

uint32_t engine_commands(struct engine *e, uint64_t now_us)
{
	struct command cmd;
	uint32_t n = 0;

	engine_clock(e, now_us);
	if (e->opts.handoff_from != NULL)
		engine_stir(e);
	relay_handoffs(e);
	while (n < ENGINE_TURN_COMMANDS && mailbox_room(e->opts.reports) >= RING_ROOM_MIN &&
	       mailbox_pop(e->opts.commands, &cmd)) {
		run(e, &cmd);
		n++;
	}
	stats_answer(e);
	engine_flush(e);
	return n;
}

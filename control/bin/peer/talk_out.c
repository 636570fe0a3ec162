// What a talking member tells: lines for people, or JSON objects, one a line, with the codes and
// names of the player's API (netgroup-semantics 12).
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/bin/peer/event_json.h"
#include "control/bin/peer/talk.h"

#define MEMBERS_MAX 4096

static void print_hex(const uint8_t *octets, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++)
		printf("%02x", octets[i]);
}

static void print_message(const struct node_event *e)
{
	struct span text;

	if (event_text(e, &text)) {
		printf(": %.*s\n", (int)text.len, (const char *)text.data);
	} else {
		printf(" (AMF): ");
		print_hex(e->data, e->len);
		putchar('\n');
	}
	fflush(stdout);
}

// ---- events ----

static void print_neighbour(const struct node_event *e)
{
	fprintf(stderr, "annulus-peer: neighbour %02x%02x%02x%02x... %s\n", e->peer[0], e->peer[1],
		e->peer[2], e->peer[3], e->kind == NODE_NEIGHBOUR_CONNECT ? "is there" : "is gone");
}

static void print_event(const struct talk *t, const struct node_event *e)
{
	switch (e->kind) {
	case NODE_NEIGHBOUR_CONNECT:
	case NODE_NEIGHBOUR_DISCONNECT:
		if (!t->is_quiet)
			print_neighbour(e);
		break;
	case NODE_POSTING:
		printf("posted");
		print_message(e);
		break;
	case NODE_SEND_TO:
		printf("from ");
		print_hex(e->from, sizeof(e->from));
		print_message(e);
		break;
	default:
		break;
	}
}

void talk_say_coverage(const struct talk *t)
{
	struct group_coverage c;

	if (t->is_json) {
		event_json_coverage(t->group);
		return;
	}
	if (!node_coverage(t->group, &c))
		return;
	printf("covers ");
	print_hex(c.from, sizeof(c.from));
	printf(" to ");
	print_hex(c.to, sizeof(c.to));
	printf("%s%s\n", c.is_settling ? " (not settled yet)" : "",
	       c.is_whole ? "" : " (the ring is not whole)");
	fflush(stdout);
}

// Only who listens is told of everything: others asked for one thing.
static bool is_told(const struct talk *t, const struct node_event *e)
{
	enum peer_command c = t->peer->args->command;

	if (c == PEER_CMD_COVERAGE)
		return e->kind == NODE_COVERAGE;
	return c == PEER_CMD_LISTEN || (!t->is_json && (e->kind == NODE_NEIGHBOUR_CONNECT ||
							e->kind == NODE_NEIGHBOUR_DISCONNECT));
}

void talk_say_event(const struct talk *t, const struct node_event *e)
{
	if (!is_told(t, e))
		return;
	if (e->kind == NODE_COVERAGE)
		talk_say_coverage(t);
	else if (t->is_json)
		event_json(e, NULL);
	else
		print_event(t, e);
}

void talk_say_joined(const struct talk *t)
{
	struct group_info info;
	struct json_out j;

	node_group_info(t->group, &info);
	if (t->is_json && t->peer->args->command != PEER_CMD_LISTEN)
		return;
	if (t->is_json) {
		j = json_event_begin("NetGroup.Connect.Success");
		json_put_hex(&j, "peerID", t->id.member.fingerprint,
			     sizeof(t->id.member.fingerprint));
		json_put_hex(&j, "address", info.address, sizeof(info.address));
		json_line_end(&j);
	} else if (!t->is_quiet) {
		fprintf(stderr, "annulus-peer: joined; our group address is ");
		for (unsigned i = 0; i < sizeof(info.address); i++)
			fprintf(stderr, "%02x", info.address[i]);
		fputc('\n', stderr);
	}
}

// ---- what was asked for ----

void talk_say_result(const struct talk *t, const char *command, enum talk_result result,
		     const uint8_t *id)
{
	static const char *const names[] = {[TALK_SENT] = "sent",
					    [TALK_NO_ROUTE] = "no route",
					    [TALK_ERROR] = "error",
					    [TALK_LATER] = "later",
					    [TALK_ACCEPTED] = "accepted"};
	struct json_out j;

	if (t->is_json) {
		j = json_line_begin();
		json_put_string(&j, "command", command);
		json_put_string(&j, "result", names[result]);
		if (id != NULL && result == TALK_SENT)
			json_put_hex(&j, "messageID", id, POST_ID_LEN);
		json_line_end(&j);
	} else if (id != NULL && result == TALK_SENT) {
		print_hex(id, POST_ID_LEN);
		putchar('\n');
	} else {
		puts(names[result]);
	}
	fflush(stdout);
}

static void say_member(const struct talk *t, const struct group_member_info *m)
{
	struct json_out j;

	if (t->is_json) {
		j = json_line_begin();
		json_put_hex(&j, "peerID", m->peer_id, sizeof(m->peer_id));
		json_put_hex(&j, "address", m->address, sizeof(m->address));
		json_put_bool(&j, "neighbor", m->is_neighbour);
		json_put_bool(&j, "suspect", m->is_suspect);
		json_put_bool(&j, "super", m->is_super);
		json_put_bool(&j, "spx", m->is_spx);
		json_put_string(&j, "receiveMode", m->is_nearest ? "nearest" : "exact");
		json_put_u64(&j, "heard_s", m->heard_s);
		json_put_u64(&j, "rtt_us", m->rtt_us);
		json_line_end(&j);
		return;
	}
	print_hex(m->address, 8);
	printf("  ");
	print_hex(m->peer_id, sizeof(m->peer_id));
	printf("  %-9s %-7s %s", m->is_neighbour ? "neighbour" : "known",
	       m->is_nearest ? "nearest" : "exact", m->is_super ? "super-peer " : "");
	if (!m->is_neighbour)
		printf("heard of %u s ago", m->heard_s);
	else if (m->rtt_us > 0)
		printf("%.1f ms", m->rtt_us / 1e3);
	putchar('\n');
}

void talk_say_members(const struct talk *t)
{
	struct group_member_info *members = calloc(MEMBERS_MAX, sizeof(*members));
	uint32_t n;

	if (members == NULL)
		return;
	n = node_members(t->group, members, MEMBERS_MAX);
	for (uint32_t i = 0; i < n && i < MEMBERS_MAX; i++)
		say_member(t, &members[i]);
	fflush(stdout);
	free(members);
}

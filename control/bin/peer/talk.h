// A member that posts, routes and listens: annulus-peer post, listen, route, members and coverage.
#pragma once

#include "control/bin/peer/join.h"
#include "control/bin/peer/peer.h"

#define TALK_LINE_MAX 65536

struct talk {
	struct peer *peer;
	struct identity id;
	struct member *member;
	struct node_group *group;
	struct join join;
	bool is_json, is_quiet;
	bool is_over; // quit was said, or standard input told everything there was
	bool has_input_ended;
	bool was_refused; // a line of standard input that was to be posted
	char line[TALK_LINE_MAX];
	uint32_t line_len;
};

enum talk_result { // as NetGroupSendResult says
	TALK_SENT,
	TALK_NO_ROUTE,
	TALK_ERROR,
	TALK_LATER,    // posted too many lately
	TALK_ACCEPTED, // a member's name
};

// -- talk_verbs.c --
// Does what the words say, and prints the result unless `is_trial` and there is no route (yet).
// words are cut in place.
enum talk_result talk_do(struct talk *, char *words, bool is_trial, uint64_t now_us);
enum talk_result talk_post(struct talk *, const char *text, uint32_t len, uint64_t now_us);

// -- talk_out.c: what standard output is told --
void talk_say_event(const struct talk *, const struct node_event *);
void talk_say_joined(const struct talk *);
// id: of a posting; NULL: none.
void talk_say_result(const struct talk *, const char *command, enum talk_result, const uint8_t *id);
void talk_say_members(const struct talk *);
void talk_say_coverage(const struct talk *);

#include "control/bin/peer/talk.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/member/clock.h"

#define RETRY_US  200000 // a neighbour may not have told yet that it speaks our extension
#define LINGER_US 500000 // for what is on its way
#define MEMBERS_S 5

// ---- start and stop ----

static int talk_start(struct talk *t, struct peer *p, uint64_t now_us)
{
	int err = peer_identity(p, &t->id);

	t->peer = p;
	t->is_json = p->args->is_json;
	t->is_quiet = p->args->is_quiet;
	if (err != 0)
		return err;
	t->member = peer_member_create(p, &t->id);
	if (t->member == NULL)
		return PEER_CONNECT;
	join_init(&t->join, p->n_servers, p->args->wait_s, now_us);
	err = peer_connect_all(p, t->member, now_us);
	if (err != 0)
		return err;
	t->group = node_join(member_node(t->member), &p->spec, NULL, &err, now_us);
	return t->group != NULL ? 0 : peer_join_error(err);
}

static void talk_stop(struct talk *t)
{
	member_loop_unwatch(t->peer->loop);
	if (t->member != NULL)
		peer_leave(t->peer, t->member);
}

// ---- turns ----

static void after_turn(void *ctx, struct member *m)
{
	struct talk *t = ctx;
	struct node_event e;

	while (node_event(member_node(m), &e, clock_us())) {
		bool had_joined = t->join.has_joined;

		join_event(&t->join, &e);
		if (t->join.has_joined && !had_joined)
			talk_say_joined(t);
		talk_say_event(t, &e);
	}
}

// Until then, or until it is over.
static void run_until(struct talk *t, uint64_t until_us)
{
	while (!peer_interrupted && !t->is_over && clock_us() < until_us)
		member_loop_once(t->peer->loop, until_us, after_turn, t);
}

static void run_for(struct talk *t, uint64_t us)
{
	run_until(t, clock_us() + us);
}

static int wait_for_join(struct talk *t)
{
	const char *why;

	while (!peer_interrupted && !t->join.has_joined) {
		if (join_has_failed(&t->join, clock_us(), &why)) {
			peer_error("%s", why);
			return PEER_CONNECT;
		}
		member_loop_once(t->peer->loop, clock_us() + RETRY_US, after_turn, t);
	}
	return 0;
}

// ---- standard input ----

static void input_readable(void *ctx);

static int input_watch(struct talk *t)
{
	return member_loop_watch(t->peer->loop, STDIN_FILENO, input_readable, t);
}

// Waits until it may be posted; nothing more is read meanwhile.
static void line_post(struct talk *t)
{
	uint32_t len = (uint32_t)strlen(t->line);
	enum talk_result r = talk_post(t, t->line, len, clock_us());

	if (r == TALK_LATER) {
		member_loop_unwatch(t->peer->loop);
		while (r == TALK_LATER && !peer_interrupted) {
			run_for(t, RETRY_US);
			r = talk_post(t, t->line, len, clock_us());
		}
		input_watch(t);
	}
	t->was_refused |= r == TALK_ERROR;
}

static void line_do(struct talk *t)
{
	t->line[t->line_len] = '\0';
	t->line_len = 0;
	if (t->peer->args->command != PEER_CMD_POST)
		talk_do(t, t->line, false, clock_us());
	else if (t->line[0] != '\0')
		line_post(t);
}

// Lines; one that is too long is cut.
static void input_take(struct talk *t, const char *octets, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (octets[i] == '\n')
			line_do(t);
		else if (t->line_len < TALK_LINE_MAX - 1)
			t->line[t->line_len++] = octets[i];
}

static void input_end(struct talk *t)
{
	if (t->line_len > 0)
		line_do(t);
	member_loop_unwatch(t->peer->loop);
	t->has_input_ended = true;
}

static void input_readable(void *ctx)
{
	struct talk *t = ctx;
	char octets[4096];
	ssize_t n = read(STDIN_FILENO, octets, sizeof(octets));

	if (n > 0)
		input_take(t, octets, (size_t)n);
	else if (n == 0 || (errno != EINTR && errno != EAGAIN))
		input_end(t);
}

// ---- the commands ----

static uint64_t wait_end_us(const struct talk *t)
{
	uint32_t wait_s = t->peer->args->wait_s;

	return wait_s > 0 ? clock_us() + wait_s * 1000000ull : UINT64_MAX;
}

// Somebody must have it before we go: each posting was sent to a neighbour at least.
static int wait_until_taken(struct talk *t)
{
	const struct groups_counters *n = node_groups_counters(member_node(t->member));
	uint64_t until_us = wait_end_us(t);

	while (!peer_interrupted && n->posts_own_taken < n->posts_own && clock_us() < until_us)
		member_loop_once(t->peer->loop, clock_us() + RETRY_US, after_turn, t);
	run_for(t, LINGER_US);
	if (n->posts_own_taken >= n->posts_own)
		return PEER_OK;
	peer_error("no neighbour has taken it");
	return PEER_NO_ROUTE;
}

static int do_post(struct talk *t)
{
	const struct peer_args *a = t->peer->args;

	if (a->n_words == 1 && strcmp(a->words[0], "-") == 0) {
		int err;

		if (input_watch(t) != 0)
			return PEER_USAGE;
		while (!peer_interrupted && !t->has_input_ended)
			member_loop_once(t->peer->loop, clock_us() + RETRY_US, after_turn, t);
		err = wait_until_taken(t);
		return err == 0 && t->was_refused ? PEER_USAGE : err;
	}
	for (uint32_t i = 0; i < a->n_words && !peer_interrupted; i++) {
		enum talk_result r = TALK_LATER;

		while (r == TALK_LATER && !peer_interrupted) {
			r = talk_post(t, a->words[i], (uint32_t)strlen(a->words[i]), clock_us());
			if (r == TALK_LATER)
				run_for(t, RETRY_US);
		}
		if (r == TALK_ERROR)
			return PEER_USAGE;
	}
	return wait_until_taken(t);
}

static int do_route(struct talk *t)
{
	const struct peer_args *a = t->peer->args;
	uint64_t until_us = wait_end_us(t);
	enum talk_result r = TALK_NO_ROUTE;

	while (r == TALK_NO_ROUTE && !peer_interrupted) {
		bool is_last = clock_us() >= until_us;
		uint32_t len = 0;

		for (uint32_t i = 0; i < a->n_words && len < TALK_LINE_MAX; i++)
			len += (uint32_t)snprintf(t->line + len, TALK_LINE_MAX - len, "%s%s",
						  i > 0 ? " " : "", a->words[i]);
		r = talk_do(t, t->line, !is_last, clock_us());
		if (is_last && r == TALK_NO_ROUTE)
			return PEER_NO_ROUTE;
		run_for(t, r == TALK_SENT ? LINGER_US : RETRY_US);
	}
	return r == TALK_SENT ? PEER_OK : PEER_USAGE;
}

static int do_listen(struct talk *t)
{
	const struct peer_args *a = t->peer->args;

	if (input_watch(t) != 0)
		return PEER_USAGE;
	node_set_receive_mode(t->group, a->is_nearest, clock_us());
	run_until(t, a->has_for ? clock_us() + a->for_s * 1000000ull : UINT64_MAX);
	return PEER_OK;
}

static int do_members(struct talk *t)
{
	const struct peer_args *a = t->peer->args;

	run_for(t, (a->has_for ? a->for_s : MEMBERS_S) * 1000000ull);
	talk_say_members(t);
	return PEER_OK;
}

static int do_coverage(struct talk *t)
{
	struct group_coverage c;

	if (!node_coverage(t->group, &c)) {
		peer_error("the groupspec has no routing");
		return PEER_USAGE;
	}
	node_set_receive_mode(t->group, true, clock_us());
	while (!peer_interrupted && node_coverage(t->group, &c) && !c.is_nearest)
		member_loop_once(t->peer->loop, clock_us() + RETRY_US, after_turn, t);
	run_for(t, t->peer->args->for_s * 1000000ull);
	return PEER_OK;
}

int peer_talk(const struct peer_args *a)
{
	static int (*const commands[PEER_CMDS])(struct talk *) = {
		[PEER_CMD_POST] = do_post,         [PEER_CMD_LISTEN] = do_listen,
		[PEER_CMD_ROUTE] = do_route,       [PEER_CMD_MEMBERS] = do_members,
		[PEER_CMD_COVERAGE] = do_coverage,
	};
	struct talk *t = calloc(1, sizeof(*t));
	struct peer p;
	int err = t == NULL ? PEER_USAGE : peer_start(&p, a);

	if (err != 0) {
		free(t);
		return err;
	}
	err = talk_start(t, &p, clock_us());
	t->peer = &p;
	if (err == 0)
		err = wait_for_join(t);
	if (err == 0)
		err = commands[a->command](t);
	talk_stop(t);
	peer_stop(&p);
	free(t);
	return err;
}

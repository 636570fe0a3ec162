// Connections to introducers: opened, watched, and opened again with back-off when they are lost.
// Neighbours do not depend on them (netgroup-semantics 15, case 20).
#include <stdio.h>
#include <string.h>

#include "control/node_internal.h"
#include "crypto/epd.h"
#include "crypto/keying.h"

#define BACKOFF_FIRST_US 500000
#define BACKOFF_MAX_US   30000000
#define LOOK_US          1000000 // so often an opening is looked at

static void say(struct node_conn *c, enum node_event_kind kind, const char *text)
{
	snprintf(c->why, sizeof(c->why), "%s", text);
	node_push_event(c->node, &(struct node_event){.kind = kind, .conn = c, .text = c->why});
}

static void wake_at(struct node_conn *c, uint64_t at_us)
{
	c->retry_us = at_us;
	if (at_us < c->node->conns_us)
		c->node->conns_us = at_us;
}

static void try_later(struct node_conn *c)
{
	c->state = CONN_WAITING;
	c->opening = NULL;
	c->session = NULL;
	wake_at(c, c->node->now_us + c->backoff_us);
	c->backoff_us = c->backoff_us * 2 > BACKOFF_MAX_US ? BACKOFF_MAX_US : c->backoff_us * 2;
}

static void begin(struct node_conn *c)
{
	uint8_t epd[OPEN_EPD_MAX];
	struct ctl_session *existing = NULL;
	struct open_opts o = {.endpoint = c->node->opts.member_endpoint,
			      .candidates = c->addrs,
			      .n_candidates = c->n_addrs,
			      .user = c};
	int len = epd_build_ancillary(epd, sizeof(epd),
				      (struct span){(const uint8_t *)c->uri, strlen(c->uri)});

	if (len < 0) {
		c->state = CONN_REFUSED;
		say(c, NODE_CONNECT_FAILED, "the URI is too long");
		return;
	}
	o.epd = (struct span){epd, (size_t)len};
	c->state = CONN_OPENING;
	c->opening = startup_open(c->node->startup, &o, &existing, c->node->now_us);
	if (c->opening == NULL)
		try_later(c);
	else
		wake_at(c, c->node->now_us + LOOK_US);
}

struct node_conn *node_connect(struct node *n, const char *uri, const struct wire_addr *addrs,
			       uint8_t n_addrs, uint64_t now_us)
{
	struct node_conn *c = NULL;

	n->now_us = now_us;
	for (unsigned i = 0; i < CONNS_MAX && c == NULL; i++)
		if (n->conns[i].state == CONN_UNUSED)
			c = &n->conns[i];
	if (c == NULL || n_addrs == 0 || strlen(uri) >= sizeof(c->uri))
		return NULL;
	if (c - n->conns >= n->conns_end)
		n->conns_end = (uint8_t)(c - n->conns + 1);
	*c = (struct node_conn){.node = n, .backoff_us = BACKOFF_FIRST_US};
	snprintf(c->uri, sizeof(c->uri), "%s", uri);
	c->n_addrs = n_addrs < sizeof(c->addrs) / sizeof(c->addrs[0])
			     ? n_addrs
			     : sizeof(c->addrs) / sizeof(c->addrs[0]);
	memcpy(c->addrs, addrs, c->n_addrs * sizeof(c->addrs[0]));
	begin(c);
	return c;
}

struct node_conn *conn_of_user(struct node *n, const void *user)
{
	for (unsigned i = 0; i < CONNS_MAX; i++)
		if (user == &n->conns[i])
			return &n->conns[i];
	return NULL;
}

struct node_conn *conn_of_session(struct node *n, const struct ctl_session *s)
{
	for (unsigned i = 0; i < n->conns_end; i++)
		if (n->conns[i].state != CONN_UNUSED && n->conns[i].session == s)
			return &n->conns[i];
	return NULL;
}

void conn_opened(struct node_conn *c, struct ctl_session *s)
{
	int err;

	c->opening = NULL;
	c->session = s;
	c->state = CONN_CONNECTING;
	err = rpc_connect(c->node->rpc, s, c->uri, c, c->node->now_us);
	if (err == 0)
		return;
	ctl_session_close(s, CLOSE_ORDERLY);
	try_later(c);
}

// Who does not meet a far end's policy hears nothing (RFC 7016 §3.5.1.2), so we can only say what
// it may be: what we were told not to offer, or else how the packet itself may be lost.
static const char *unanswered(const struct node *n)
{
	const struct keying_policy *p = startup_policy(n->startup, n->opts.member_endpoint);
	static const char *const texts[2][2] = {
		{"it answers hellos, but not our keys: perhaps none of our Diffie-Hellman groups "
		 "is enough for it, or longer packets are lost",
		 "it answers hellos, but not our keys: perhaps it requires sequence numbers, which "
		 "we do not offer"},
		{"it answers hellos, but not our keys: perhaps it requires an HMAC, which we do "
		 "not offer",
		 "it answers hellos, but not our keys: perhaps it requires an HMAC or sequence "
		 "numbers, which we do not offer"},
	};

	return texts[p->hmac == KEYING_OFF][p->sseq == KEYING_OFF];
}

void conn_open_failed(struct node_conn *c, enum open_failure why, struct ctl_session *existing)
{
	static const char *const texts[] = {
		[OPEN_TIMEOUT] = "nobody answered",
		[OPEN_DUPLICATE] = "a session to it is open already",
		[OPEN_REFUSED] = "its handshake was unacceptable",
		[OPEN_REFUSED_GROUP] = "it has no Diffie-Hellman group that we accept and have",
		[OPEN_REFUSED_HMAC] = "it refuses the HMAC that we require",
		[OPEN_REFUSED_SSEQ] = "it refuses the sequence numbers that we require",
		[OPEN_CANCELLED] = "cancelled",
		[OPEN_NO_ROOM] = "no room for another session",
	};

	say(c, NODE_CONNECT_FAILED, why == OPEN_UNANSWERED ? unanswered(c->node) : texts[why]);
	try_later(c);
}

// Long before the 95 s are over its user may want to know.
static void look(struct node_conn *c)
{
	struct node *n = c->node;

	if (!startup_open_is_unanswered(c->opening, n->now_us)) {
		wake_at(c, n->now_us + LOOK_US);
		return;
	}
	c->retry_us = UINT64_MAX;
	say(c, NODE_CONNECT_UNANSWERED, unanswered(n));
}

void conn_session_gone(struct node_conn *c)
{
	bool was_up = c->state == CONN_UP;

	if (c->state == CONN_REFUSED) { // it said why before it closed
		c->session = NULL;
		return;
	}
	if (was_up)
		groups_conn_down(c->node->groups, c->session, c->node->now_us);
	try_later(c);
	say(c, was_up ? NODE_DISCONNECTED : NODE_CONNECT_FAILED, "the session was lost");
}

void conn_rpc_connected(void *ctx, struct ctl_session *s, void *user, const char *code)
{
	struct node *n = ctx;
	struct node_conn *c = user;
	uint64_t control_flow;

	c->state = CONN_UP;
	c->backoff_us = BACKOFF_FIRST_US;
	say(c, NODE_CONNECTED, code);
	if (rpc_control_flow(n->rpc, s, &control_flow))
		groups_conn_up(n->groups, s, control_flow, n->now_us);
}

// The application's no is final; what looks like trouble on the way is tried again.
void conn_rpc_failed(void *ctx, struct ctl_session *s, void *user, const char *code)
{
	struct node_conn *c = user;
	bool is_final = strcmp(code, "NetConnection.Connect.Rejected") == 0 ||
			strcmp(code, "NetConnection.Connect.InvalidApp") == 0;

	if (is_final)
		c->state = CONN_REFUSED;
	else
		try_later(c);
	say(c, NODE_CONNECT_FAILED, code);
	ctl_session_close(s, CLOSE_ORDERLY);
}

void conn_rpc_gone(void *ctx, struct ctl_session *s, void *user)
{
	struct node_conn *c = user;

	if (c->session == s)
		conn_session_gone(c); // rpc closes the session
}

void conns_timers(struct node *n)
{
	if (n->now_us < n->conns_us)
		return;
	n->conns_us = UINT64_MAX;
	for (unsigned i = 0; i < CONNS_MAX; i++) {
		struct node_conn *c = &n->conns[i];

		if ((c->state != CONN_WAITING && c->state != CONN_OPENING) || n->is_closing)
			continue;
		if (n->now_us < c->retry_us)
			wake_at(c, c->retry_us);
		else if (c->state == CONN_WAITING)
			begin(c);
		else
			look(c);
	}
}

uint64_t conns_deadline_us(const struct node *n)
{
	return n->is_closing ? UINT64_MAX : n->conns_us;
}

void conns_close(struct node *n)
{
	for (unsigned i = 0; i < CONNS_MAX; i++) {
		struct node_conn *c = &n->conns[i];

		if (c->opening != NULL)
			startup_open_cancel(c->opening);
		if (c->state == CONN_UP)
			rpc_close(n->rpc, c->session, n->now_us);
		c->opening = NULL;
		c->session = NULL;
		if (c->state != CONN_UNUSED)
			c->state = CONN_REFUSED;
	}
}

struct ctl_session *node_conn_session(const struct node_conn *c)
{
	return c->session;
}

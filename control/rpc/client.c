// Our own connection to an introducer (rtmfp.md 14.4).
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "control/rpc/internal.h"
#include "dataplane/wire/rtmp_msg.h"

#define CONNECT_TRANSACTION 1
#define KEEPALIVE_MAX_MS    3600000 // nobody shall talk us out of noticing that he is gone

// "rtmfp://host[:port]/app/instance" -> "app/instance".
static const char *app_of(const char *uri)
{
	const char *p = strstr(uri, "://");

	p = strchr(p != NULL ? p + 3 : uri, '/');
	return p != NULL ? p + 1 : "";
}

static int send_connect(struct nc_session *nc, const char *uri)
{
	uint8_t buf[REPLY_MAX];
	struct wr w = wr_over(buf, sizeof(buf));

	rpc_command_begin(&w, false, "connect", CONNECT_TRANSACTION);
	amf0_wr_object(&w);
	amf0_wr_name(&w, "app");
	amf0_wr_string(&w, app_of(uri));
	amf0_wr_name(&w, "tcUrl");
	amf0_wr_string(&w, uri);
	amf0_wr_name(&w, "flashVer");
	amf0_wr_string(&w, "annulus");
	amf0_wr_name(&w, "fpad");
	amf0_wr_boolean(&w, false);
	amf0_wr_name(&w, "capabilities");
	amf0_wr_number(&w, 235);
	amf0_wr_name(&w, "audioCodecs");
	amf0_wr_number(&w, 3575);
	amf0_wr_name(&w, "videoCodecs");
	amf0_wr_number(&w, 252);
	amf0_wr_name(&w, "videoFunction");
	amf0_wr_number(&w, 1);
	amf0_wr_name(&w, "objectEncoding");
	amf0_wr_number(&w, 0);
	amf0_wr_end(&w);
	return nc_send(nc, &w);
}

int rpc_connect(struct rpc *r, struct ctl_session *s, const char *uri, void *user, uint64_t now_us)
{
	struct nc_session *nc = s->nc;
	int err;

	if (nc != NULL || r->n >= r->opts.connects_max)
		return nc != NULL ? -EISCONN : -ENOBUFS;
	nc = rpc_client_create(r, s, now_us);
	if (nc == NULL)
		return -ENOMEM;
	nc->user = user;
	nc->give_up_us = now_us + CONNECT_US;
	nc_wake_by(nc, nc->give_up_us);
	nc->state = NC_CONNECTING;
	nc->last_transaction = CONNECT_TRANSACTION;
	err = nc_open_control(nc);
	if (err == 0)
		err = send_connect(nc, uri);
	if (err != 0)
		rpc_session_closed(r, s, now_us);
	return err;
}

static void send_peer_info(struct nc_session *nc)
{
	const struct rpc_opts *o = &nc->rpc->opts;
	uint8_t buf[REPLY_MAX];
	struct wr w = wr_over(buf, sizeof(buf));

	rpc_command_begin(&w, nc->is_amf3, "setPeerInfo", 0);
	amf0_wr_null(&w);
	for (uint8_t i = 0; i < o->n_local_addrs; i++) {
		char text[WIRE_ADDR_TEXT_MAX];

		if (!wire_addr_is_loopback(&o->local_addrs[i]) ||
		    wire_addr_is_loopback(&nc->session->far))
			amf0_wr_string(&w, wire_addr_format(&o->local_addrs[i], text));
	}
	nc_send(nc, &w);
}

void client_failed(struct nc_session *nc, const char *code)
{
	struct rpc *r = nc->rpc;

	nc->state = NC_GONE;
	if (r->opts.events.failed != NULL)
		r->opts.events.failed(r->opts.events.ctx, nc->session, nc->user, code);
}

static void connect_answered(struct nc_session *nc, const struct rpc_command *c, bool is_good)
{
	const struct amf_node *info = amf_at(&c->doc, 3);
	const struct amf_node *encoding = amf_get(&c->doc, info, "objectEncoding");
	struct rpc *r = nc->rpc;
	char code[128];

	amf_text(amf_get(&c->doc, info, "code"), code, sizeof(code));
	if (!is_good) {
		client_failed(nc, code[0] != '\0' ? code : "NetConnection.Connect.Failed");
		return;
	}
	nc->is_amf3 = encoding != NULL && encoding->number == 3;
	nc->state = NC_CONNECTED;
	send_peer_info(nc);
	if (r->opts.events.connected != NULL)
		r->opts.events.connected(r->opts.events.ctx, nc->session, nc->user,
					 code[0] != '\0' ? code : "NetConnection.Connect.Success");
}

void client_command(struct nc_session *nc, const struct rpc_command *c, uint64_t now_us)
{
	bool is_good = strcmp(c->name, "_result") == 0;
	bool is_answer = is_good || strcmp(c->name, "_error") == 0;

	if (is_answer && nc->state == NC_CONNECTING && c->transaction == CONNECT_TRANSACTION)
		connect_answered(nc, c, is_good);
	else if (is_answer && nc->state == NC_CONNECTED)
		stream_client_answered(nc, c, now_us);
	else if (nc->state == NC_CONNECTED && !is_answer && strcmp(c->name, "onStatus") != 0)
		nc_stray(nc, c, now_us);
}

// The server may not make us ping more often than our own minimum (14.3).
static uint32_t period_ms(const struct nc_session *nc, uint32_t ms)
{
	uint32_t min = nc->rpc->opts.keepalive_min_ms;

	ms = ms < min ? min : ms;
	return ms < KEEPALIVE_MAX_MS ? ms : KEEPALIVE_MAX_MS;
}

// Set Keepalive Timers.
void client_user_control(struct nc_session *nc, struct span payload)
{
	const struct rpc_events *ev = &nc->rpc->opts.events;
	struct user_control u;

	if (user_control_read(&u, payload) != 0 || u.event != UC_SET_KEEPALIVE)
		return;
	ctl_session_keepalive(nc->session, period_ms(nc, u.keepalive.server_ms) * 1000, 0);
	if (ev->peers_period != NULL)
		ev->peers_period(ev->ctx, period_ms(nc, u.keepalive.peer_ms));
}

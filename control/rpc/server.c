// What clients ask of us (rtmfp.md 14.4).
#include <stdio.h>
#include <string.h>

#include "control/rpc/internal.h"
#include "dataplane/wire/rtmp_msg.h"

static void answer(struct nc_session *nc, const struct rpc_command *c, bool is_good,
		   const char *code, const char *description)
{
	uint8_t buf[REPLY_MAX];
	struct wr w = wr_over(buf, sizeof(buf));

	if (c->transaction == 0) // nobody waits for an answer
		return;
	rpc_command_begin(&w, c->is_amf3, is_good ? "_result" : "_error", c->transaction);
	amf0_wr_null(&w);
	rpc_command_info(&w, is_good ? "status" : "error", code, description);
	nc_send(nc, &w);
}

// The part of "app/instance" before the slash is what the operator allows.
static bool is_app_allowed(const struct rpc *r, const char *app)
{
	size_t len = strcspn(app, "/");

	if (r->opts.apps == NULL)
		return true;
	for (uint32_t i = 0; i < r->opts.n_apps; i++)
		if (strlen(r->opts.apps[i]) == len && strncmp(r->opts.apps[i], app, len) == 0)
			return true;
	return false;
}

static void command_keepalive(struct nc_session *nc)
{
	const struct rpc_opts *o = &nc->rpc->opts;
	uint32_t ms = nc->info.is_behind_nat ? o->keepalive_nat_ms : o->keepalive_public_ms;
	const struct user_control u = {.event = UC_SET_KEEPALIVE,
				       .keepalive = {.server_ms = ms, .peer_ms = ms}};
	uint8_t buf[64];
	struct wr w = wr_over(buf, sizeof(buf));

	if (ms == 0 || user_control_write(&w, 0, &u) != 0)
		return;
	nc_send(nc, &w);
}

// The result of connect carries an information object of its own shape.
static void accept(struct nc_session *nc, const struct rpc_command *c, double encoding)
{
	uint8_t buf[REPLY_MAX];
	struct wr w = wr_over(buf, sizeof(buf));

	rpc_command_begin(&w, c->is_amf3, "_result", c->transaction);
	amf0_wr_null(&w);
	amf0_wr_object(&w);
	amf0_wr_name(&w, "level");
	amf0_wr_string(&w, "status");
	amf0_wr_name(&w, "code");
	amf0_wr_string(&w, "NetConnection.Connect.Success");
	amf0_wr_name(&w, "description");
	amf0_wr_string(&w, "connection succeeded");
	amf0_wr_name(&w, "objectEncoding");
	amf0_wr_number(&w, encoding);
	amf0_wr_end(&w);
	nc_send(nc, &w);
	nc->is_amf3 = encoding == 3;
	nc->state = NC_CONNECTED;
	nc->info = (struct rpc_client_info){nc->app, nc->tc_url, true}; // until it says where it is
	command_keepalive(nc);
	if (nc->rpc->opts.events.accepted != NULL)
		nc->rpc->opts.events.accepted(nc->rpc->opts.events.ctx, nc->session);
}

static void refuse(struct nc_session *nc, const struct rpc_command *c, const char *code,
		   const char *why)
{
	answer(nc, c, false, code, why);
	if (nc->near_control >= 0)
		ctl_flow_close(nc->session, (uint16_t)nc->near_control); // after the answer
	nc->near_control = -1;
	nc->state = NC_GONE;
}

static void connect(struct nc_session *nc, const struct rpc_command *c)
{
	const struct amf_node *object = amf_at(&c->doc, 2);
	const struct amf_node *encoding = amf_get(&c->doc, object, "objectEncoding");

	if (nc->state != NC_IDLE) {
		answer(nc, c, false, "NetConnection.Connect.Failed", "connected already");
		return;
	}
	if (nc_open_control(nc) < 0)
		return;
	if (object == NULL || object->type != AMF_OBJECT) {
		refuse(nc, c, "NetConnection.Connect.Failed", "connect needs a command object");
		return;
	}
	amf_text(amf_get(&c->doc, object, "app"), nc->app, sizeof(nc->app));
	amf_text(amf_get(&c->doc, object, "tcUrl"), nc->tc_url, sizeof(nc->tc_url));
	if (!is_app_allowed(nc->rpc, nc->app)) {
		refuse(nc, c, "NetConnection.Connect.InvalidApp", "no such application");
		return;
	}
	accept(nc, c, encoding != NULL && encoding->type == AMF_NUMBER ? encoding->number : 0);
}

// name, 0, null, addresses: what the client is reached at without us (14.4 step 4).
static void set_peer_info(struct nc_session *nc, const struct rpc_command *c)
{
	struct ctl_session *s = nc->session;
	bool was_behind_nat = nc->info.is_behind_nat, is_first = !s->is_registered;

	s->n_reported = 0;
	nc->info.is_behind_nat = true;
	for (uint32_t i = 3; amf_at(&c->doc, i) != NULL && s->n_reported < REPORTED_ADDRS_MAX;
	     i++) {
		char text[WIRE_ADDR_TEXT_MAX];
		struct wire_addr a;

		if (wire_addr_parse(&a, amf_text(amf_at(&c->doc, i), text, sizeof(text))) != 0)
			continue;
		if (wire_addr_equal(&a, &s->far))
			nc->info.is_behind_nat = false;
		if (!wire_addr_is_usable(&a) || wire_addr_is_loopback(&a))
			continue;
		a.origin = ADDR_LOCAL;
		s->reported[s->n_reported++] = a;
	}
	s->is_registered = true;
	if (nc->info.is_behind_nat != was_behind_nat)
		command_keepalive(nc);
	if (is_first && nc->rpc->opts.events.registered != NULL)
		nc->rpc->opts.events.registered(nc->rpc->opts.events.ctx, s);
}

// One who floods us with nonsense is not answered for ever.
static bool is_stray_allowed(struct nc_session *nc, uint64_t now_us)
{
	if (now_us - nc->stray_since_us >= 1000000) {
		nc->stray_since_us = now_us;
		nc->n_stray = 0;
	}
	return nc->n_stray++ < STRAY_MAX;
}

void server_command(struct nc_session *nc, const struct rpc_command *c, uint64_t now_us)
{
	char why[COMMAND_NAME_MAX + 32];

	if (strcmp(c->name, "connect") == 0) {
		connect(nc, c);
		return;
	}
	if (nc->state != NC_CONNECTED)
		return; // nothing is promised before connect
	if (strcmp(c->name, "setPeerInfo") == 0) {
		set_peer_info(nc, c);
		return;
	}
	if (!is_stray_allowed(nc, now_us))
		return;
	snprintf(why, sizeof(why), "there is no method %s", c->name);
	answer(nc, c, false, "NetConnection.Call.Failed", why);
}

// What clients ask of us (rtmfp.md 14.4).
#include <string.h>

#include "control/rpc/internal.h"
#include "control/rpc/server_stream.h"
#include "dataplane/wire/rtmp_msg.h"

#define SILENCE_SLACK_MS 5000 // a client that keeps its periods is not asked

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
	ctl_session_keepalive(nc->session, (ms + SILENCE_SLACK_MS) * 1000, 0);
}

// The result of connect carries an information object of its own shape.
static void accept(struct nc_session *nc, const struct rpc_command *c, uint8_t encoding)
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
	nc->info.encoding = encoding;
	nc->state = NC_CONNECTED;
	nc->rpc->counters.accepted++;
	nc->info.is_behind_nat = true; // until it says where it is
	command_keepalive(nc);
	if (nc->rpc->opts.events.accepted != NULL)
		nc->rpc->opts.events.accepted(nc->rpc->opts.events.ctx, nc->session);
}

static void refuse(struct nc_session *nc, const struct rpc_command *c, const char *code,
		   const char *why)
{
	nc_answer(nc, c, false, code, why);
	if (nc->near_control >= 0)
		ctl_flow_close(nc->session, (uint16_t)nc->near_control); // after the answer
	nc->near_control = -1;
	nc->state = NC_GONE;
}

static void refuse_app(struct nc_session *nc, const struct rpc_command *c, enum app_verdict why)
{
	static const char *const texts[] = {
		[APP_UNKNOWN] = "no such application", [APP_ADDRESS] = "not from this address",
		[APP_PEER] = "not with this peer ID",  [APP_PAGE] = "not from this page",
		[APP_PLAYER] = "not with this player", [APP_KEY] = "not without a key",
	};

	nc->rpc->counters.refused[why]++;
	refuse(nc, c,
	       why == APP_UNKNOWN ? "NetConnection.Connect.InvalidApp"
				  : "NetConnection.Connect.Rejected",
	       texts[why]);
}

static enum app_verdict judge(struct nc_session *nc, const struct rpc_command *c,
			      const struct amf_node *object)
{
	const struct amf_node *app = amf_get(&c->doc, object, "app");
	char page_url[TC_URL_MAX], swf_url[TC_URL_MAX], argument[TC_URL_MAX];
	const struct app_applicant a = {
		.app = nc->app,
		.page_url = amf_text(amf_get(&c->doc, object, "pageUrl"), page_url, TC_URL_MAX),
		.swf_url = amf_text(amf_get(&c->doc, object, "swfUrl"), swf_url, TC_URL_MAX),
		.argument = amf_text(amf_at(&c->doc, 3), argument, TC_URL_MAX),
		.far = &nc->session->far,
		.peer_id = nc->session->fingerprint,
	};

	if (app != NULL && app->text.len >= APP_MAX)
		return APP_UNKNOWN;
	return app_judge(nc->rpc->opts.apps, nc->rpc->opts.n_apps, &a);
}

// What the client tells of itself, as far as it is kept.
static void keep_info(struct nc_session *nc, const struct rpc_command *c,
		      const struct amf_node *object)
{
	struct wr w = wr_over(nc->args, sizeof(nc->args));
	const struct amf_node *arg;
	uint32_t n = 0;

	amf_text(amf_get(&c->doc, object, "app"), nc->app, sizeof(nc->app));
	amf_text(amf_get(&c->doc, object, "tcUrl"), nc->tc_url, sizeof(nc->tc_url));
	nc->info = (struct rpc_client_info){.app = nc->app, .tc_url = nc->tc_url};
	nc->info.instance = strchr(nc->app, '/');
	nc->info.instance = nc->info.instance != NULL ? nc->info.instance + 1 : "";
	while ((arg = amf_at(&c->doc, 3 + n)) != NULL && !nc->info.are_args_cut) {
		struct wr_point before = wr_mark(&w);

		amf0_wr_node(&w, &c->doc, arg);
		if (wr_finish(&w, before) != 0)
			nc->info.are_args_cut = true;
		else
			n++;
	}
	nc->info.args = wr_span(&w);
	nc->info.n_args = n;
}

// AMF0 is what everybody speaks who does not say.
static bool read_encoding(const struct rpc_command *c, const struct amf_node *object,
			  uint8_t *encoding)
{
	const struct amf_node *e = amf_get(&c->doc, object, "objectEncoding");

	*encoding = e != NULL && e->number == 3 ? 3 : 0;
	return e == NULL || (e->type == AMF_NUMBER && (e->number == 0 || e->number == 3));
}

static void connect(struct nc_session *nc, const struct rpc_command *c)
{
	const struct amf_node *object = amf_at(&c->doc, 2);
	enum app_verdict verdict;
	uint8_t encoding;

	if (nc->state != NC_IDLE) {
		nc_answer(nc, c, false, "NetConnection.Connect.Failed", "connected already");
		return;
	}
	if (nc_open_control(nc) < 0)
		return;
	if (object == NULL || object->type != AMF_OBJECT || !read_encoding(c, object, &encoding)) {
		nc->rpc->counters.connect_failed++;
		refuse(nc, c, "NetConnection.Connect.Failed",
		       "connect needs a command object, and object encoding 0 or 3");
		return;
	}
	keep_info(nc, c, object);
	verdict = judge(nc, c, object);
	if (verdict != APP_ALLOWED)
		refuse_app(nc, c, verdict);
	else
		accept(nc, c, encoding);
}

static void set_nat(struct nc_session *nc, bool is_behind_nat)
{
	if (nc->info.is_behind_nat == is_behind_nat)
		return;
	nc->info.is_behind_nat = is_behind_nat;
	command_keepalive(nc);
}

// name, 0, null, addresses: what the client is reached at without us (14.4 step 4).
static void set_peer_info(struct nc_session *nc, const struct rpc_command *c)
{
	struct ctl_session *s = nc->session;
	bool is_first = !s->is_registered, is_behind_nat = true;
	const struct amf_node *arg;

	s->n_reported = 0;
	for (uint32_t i = 3; (arg = amf_at(&c->doc, i)) != NULL; i++) {
		char text[WIRE_ADDR_TEXT_MAX];
		struct wire_addr a;

		if (wire_addr_parse(&a, amf_text(arg, text, sizeof(text))) != 0)
			continue;
		if (wire_addr_equal(&a, &s->far))
			is_behind_nat = false;
		if (!wire_addr_is_usable(&a) || wire_addr_is_loopback(&a) ||
		    s->n_reported == REPORTED_ADDRS_MAX)
			continue;
		a.origin = ADDR_LOCAL;
		s->reported[s->n_reported++] = a;
	}
	s->is_registered = true;
	set_nat(nc, is_behind_nat);
	if (is_first && nc->rpc->opts.events.registered != NULL)
		nc->rpc->opts.events.registered(nc->rpc->opts.events.ctx, s);
}

// What it reported before is held against the new address; it may report again (14.4 step 4).
void server_moved(struct nc_session *nc)
{
	const struct ctl_session *s = nc->session;
	bool is_behind_nat = true;

	if (nc->state != NC_CONNECTED || !s->is_registered)
		return;
	for (uint8_t i = 0; i < s->n_reported; i++)
		if (wire_addr_equal(&s->reported[i], &s->far))
			is_behind_nat = false;
	set_nat(nc, is_behind_nat);
}

void server_command(struct nc_session *nc, const struct rpc_command *c, uint64_t now_us)
{
	if (strcmp(c->name, "connect") == 0)
		connect(nc, c);
	else if (nc->state != NC_CONNECTED)
		return; // nothing is promised before connect
	else if (server_stream_command(nc, c, now_us))
		return;
	else if (strcmp(c->name, "setPeerInfo") != 0)
		nc_stray(nc, c, now_us);
	else if (nc_may_answer(nc, now_us)) // it may cost a keepalive command
		set_peer_info(nc, c);
}

#include "control/bin/peer/peer.h"

#include <errno.h>
#include <netdb.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "control/bin/clock.h"
#include "dataplane/udp/sockaddr.h"

#define DEFAULT_PORT "1935"
#define LEAVE_US     3000000

volatile sig_atomic_t peer_interrupted;

static void on_signal(int signal)
{
	peer_interrupted = 1;
}

void peer_catch_signals(void)
{
	struct sigaction sa = {.sa_handler = on_signal};

	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	signal(SIGPIPE, SIG_IGN);
}

void peer_error(const char *format, ...)
{
	va_list ap;

	fputs("annulus-peer: ", stderr);
	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	fputc('\n', stderr);
}

// ---- servers ----

// Cuts "HOST[:PORT][/APP]" or "rtmfp://..." into its parts. "[v6]:port" is understood.
static int split_server(const char *text, char host[256], char port[8], const char **app)
{
	const char *p = text, *end, *colon;
	size_t len;

	if (strncmp(p, "rtmfp://", 8) == 0)
		p += 8;
	end = p + strcspn(p, "/");
	*app = *end == '/' ? end + 1 : "";
	snprintf(port, 8, "%s", DEFAULT_PORT);
	if (*p == '[') {
		const char *close = memchr(p, ']', (size_t)(end - p));

		if (close == NULL)
			return -EINVAL;
		len = (size_t)(close - p - 1);
		p++;
		colon = close + 1 < end && close[1] == ':' ? close + 1 : NULL;
		if (colon == NULL && close + 1 != end)
			return -EINVAL;
	} else {
		colon = memchr(p, ':', (size_t)(end - p));
		len = (size_t)((colon != NULL ? colon : end) - p);
	}
	if (len == 0 || len >= 256)
		return -EINVAL;
	memcpy(host, p, len);
	host[len] = '\0';
	if (colon == NULL)
		return 0;
	len = (size_t)(end - colon - 1);
	if (len == 0 || len > 5 || strspn(colon + 1, "0123456789") < len)
		return -EINVAL;
	snprintf(port, 8, "%.*s", (int)len, colon + 1);
	return atoi(port) >= 1 && atoi(port) <= 65535 ? 0 : -EINVAL;
}

int peer_server_resolve(struct peer_server *s, const char *text)
{
	struct addrinfo hints = {.ai_socktype = SOCK_DGRAM}, *list, *a;
	char host[256], port[8];
	const char *app;
	int err;

	*s = (struct peer_server){0};
	if (split_server(text, host, port, &app) < 0 ||
	    snprintf(s->uri, sizeof(s->uri),
		     strchr(host, ':') ? "rtmfp://[%s]:%s/%s" : "rtmfp://%s:%s/%s", host, port,
		     app) >= (int)sizeof(s->uri)) {
		peer_error("'%s' is not HOST[:PORT][/APP]", text);
		return PEER_USAGE;
	}
	err = getaddrinfo(host, port, &hints, &list);
	if (err != 0) {
		peer_error("cannot resolve %s: %s", host, gai_strerror(err));
		return PEER_CONNECT;
	}
	for (a = list; a != NULL && s->n_addrs < SERVER_ADDRS_MAX; a = a->ai_next) {
		struct sockaddr_storage ss = {0};

		memcpy(&ss, a->ai_addr, a->ai_addrlen);
		sockaddr_get(&ss, &s->addrs[s->n_addrs]);
		if (s->addrs[s->n_addrs].family != 0)
			s->n_addrs++;
	}
	freeaddrinfo(list);
	return 0;
}

// ---- the group ----

static int read_groupspec(struct peer *p, const char *text)
{
	char from_file[GROUPSPEC_TEXT_MAX + 2];
	const char *why;
	uint32_t at;

	if (strncmp(text, "file:", 5) == 0) {
		FILE *f = fopen(text + 5, "r");
		size_t n;

		if (f == NULL) {
			peer_error("cannot read groupspec file %s: %s", text + 5, strerror(errno));
			return PEER_USAGE;
		}
		n = fread(from_file, 1, sizeof(from_file) - 1, f);
		fclose(f);
		from_file[n] = '\0';
		from_file[strcspn(from_file, " \t\r\n")] = '\0';
		text = from_file;
	}
	if (groupspec_parse(&p->spec, text, &why, &at) == 0)
		return 0;
	peer_error("groupspec is not valid at character %u: %s", at + 1, why);
	return PEER_USAGE;
}

// ---- start and stop ----

int peer_start(struct peer *p, const struct peer_args *a)
{
	int err;

	*p = (struct peer){.args = a};
	if (a->group != NULL) {
		err = read_groupspec(p, a->group);
		if (err != 0)
			return err;
	}
	for (uint32_t i = 0; i < a->n_servers; i++) {
		err = peer_server_resolve(&p->servers[p->n_servers++], a->servers[i]);
		if (err != 0)
			return err;
	}
	err = member_shared_init(&p->shared);
	if (err < 0) {
		peer_error("cannot start: %s", strerror(-err));
		return PEER_USAGE;
	}
	p->loop = member_loop_create();
	if (p->loop == NULL) {
		peer_error("cannot start: %s", strerror(errno));
		member_shared_fini(&p->shared);
		return PEER_USAGE;
	}
	peer_catch_signals();
	return 0;
}

void peer_stop(struct peer *p)
{
	member_loop_destroy(p->loop);
	member_shared_fini(&p->shared);
}

int peer_identity(struct peer *p, struct identity *id)
{
	struct identity_note note = {.text = ""};
	const char *path = p->args->identity;
	enum identity_kind kind =
		p->args->dh_group == DH_GROUP_14 ? IDENTITY_PEER_14 : IDENTITY_PEER;
	int err = -ENOENT;

	if (path != NULL) {
		err = identity_load(id, path, &note);
		if (err == 0 && note.text[0] != '\0')
			peer_error("warning: %s", note.text);
		if (err == 0 && id->kind == IDENTITY_APPLIANCE) {
			peer_error("%s is an appliance's identity, not a peer's", path);
			return PEER_USAGE;
		}
		if (err == 0 && id->kind != kind) {
			peer_error("%s has a key of group %u; use --dh %u or another file", path,
				   id->member.keys[0].group, id->member.keys[0].group);
			return PEER_USAGE;
		}
		if (err == 0)
			return 0;
	}
	if (err == -ENOENT) {
		err = identity_generate(id, kind, &p->shared.random);
		if (err == 0 && path != NULL)
			err = identity_save(id, path, &note);
		if (err == 0)
			return 0;
	}
	peer_error("identity%s%s: %s", path != NULL ? " " : "", path != NULL ? path : "",
		   note.text[0] != '\0' ? note.text : strerror(-err));
	return PEER_USAGE;
}

// A socket of IPv6 speaks IPv4, too; it is taken where a server needs it, since some machines have
// none.
static struct wire_addr bind_of(const struct peer *p)
{
	struct wire_addr bind = p->args->bind;

	if (bind.family != 0)
		return bind;
	bind.family = 4;
	for (uint32_t i = 0; i < p->n_servers; i++)
		for (uint32_t k = 0; k < p->servers[i].n_addrs; k++)
			if (p->servers[i].addrs[k].family == 6)
				bind.family = 6;
	return bind;
}

struct member *peer_member_create(struct peer *p, const struct identity *id)
{
	struct startup_endpoint endpoint = {.identity = &id->member,
					    .policy = &p->args->policy,
					    .answers_hello = true,
					    .answers_fihello = true,
					    .may_initiate = true};
	struct wire_addr bind = bind_of(p);
	struct member_opts o = {.shared = &p->shared,
				.binds = &bind,
				.endpoints = &endpoint,
				.n_endpoints = 1,
				.node = {.server_endpoint = NODE_NO_ENDPOINT,
					 .member_endpoint = 0,
					 .groups_max = 16,
					 .members_max = 4096,
					 .neighbours_max = 256,
					 .streams_max = 64,
					 .extents_per_stream = 512,
					 .openings_max = 64,
					 .peer_connections_max = p->args->peers_max}};
	char why[200];
	struct member *m;

	engine_opts_member(&o.engine);
	if (p->n_servers > 0 && p->servers[0].n_addrs > 0) {
		struct wire_addr *local = &o.node.local_addrs[0];

		if (udp_local_toward(&p->servers[0].addrs[0], local) == 0) {
			local->port = bind.port;
			local->origin = ADDR_LOCAL;
			o.node.n_local_addrs = 1;
		}
	}
	m = member_create(&o, why, sizeof(why));
	if (m == NULL) {
		peer_error("%s", why);
		return NULL;
	}
	if (member_loop_add(p->loop, m) < 0) {
		peer_error("cannot watch a socket: %s", strerror(errno));
		member_loop_remove(p->loop, m);
		member_destroy(m);
		return NULL;
	}
	return m;
}

int peer_connect_all(struct peer *p, struct member *m, uint64_t now_us)
{
	for (uint32_t i = 0; i < p->n_servers; i++) {
		const struct peer_server *s = &p->servers[i];

		if (node_connect(member_node(m), s->uri, s->addrs, s->n_addrs, now_us) != NULL)
			continue;
		peer_error("cannot connect to %s: no room for another connection", s->uri);
		return PEER_CONNECT;
	}
	return 0;
}

int peer_join_error(int err)
{
	if (err == -EOPNOTSUPP)
		peer_error(
			"cannot join: groupspec version unknown, or peer to peer disabled in it");
	else
		peer_error("cannot join: %s", strerror(-err));
	return PEER_USAGE;
}

void peer_leave(struct peer *p, struct member *m)
{
	uint64_t start = clock_us();

	node_close(member_node(m), start);
	while (!node_is_closed(member_node(m)) && clock_us() < start + LEAVE_US)
		member_loop_once(p->loop, clock_us() + 10000, NULL, NULL);
	member_loop_remove(p->loop, m);
	member_destroy(m);
}

#include "control/bin/peer/peer.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/member/clock.h"

#define LEAVE_US 3000000

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

int peer_server_resolve(struct server_name *s, const char *text)
{
	char why[400];
	int err = server_name_resolve(s, text, why, sizeof(why));

	if (err == 0)
		return 0;
	peer_error("%s", why);
	return err == -EINVAL ? PEER_USAGE : PEER_CONNECT;
}

// Without an introducer members have to meet by IP multicast.
static int check_lan(struct peer *p)
{
	if ((p->spec.ip_multicast_updates || p->spec.peer_to_peer_disabled) &&
	    p->spec.n_ip_multicast > 0) {
		snprintf(p->servers[0].uri, sizeof(p->servers[0].uri), "by IP multicast");
		return 0;
	}
	peer_error("--server is missing, and the groupspec names no IP multicast address where "
		   "members "
		   "meet (see annulus-peer groupspec --help, --lan)");
	return PEER_USAGE;
}

int peer_start(struct peer *p, const struct peer_args *a)
{
	int err;

	*p = (struct peer){.args = a};
	if (a->group != NULL) {
		err = read_groupspec(p, a->group);
		if (err != 0)
			return err;
	}
	if (a->group != NULL && a->n_servers == 0) {
		err = check_lan(p);
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

struct member *peer_member_create(struct peer *p, const struct identity *id)
{
	struct ordinary_opts o = {.identity = id,
				  .policy = &p->args->policy,
				  .bind = p->args->bind,
				  .servers = p->servers,
				  .n_servers = p->n_servers,
				  .spec = p->args->group != NULL ? &p->spec : NULL,
				  .peer_connections_max = p->args->peers_max};
	char why[200];
	struct member *m = ordinary_member_create(&p->shared, &o, why, sizeof(why));

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
	if (p->args->uplink_bits > 0)
		node_set_uplink(member_node(m), p->args->uplink_bits / 8);
	return m;
}

int peer_connect_all(struct peer *p, struct member *m, uint64_t now_us)
{
	uint32_t at;

	if (ordinary_member_connect(m, p->servers, p->n_servers, &at, now_us) == 0)
		return 0;
	peer_error("cannot connect to %s: no room for another connection", p->servers[at].uri);
	return PEER_CONNECT;
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

#include "control/member/ordinary.h"

#include <errno.h>

#include "crypto/identity.h"
#include "dataplane/udp/multicast.h"

// A socket of IPv6 speaks IPv4, too; it is taken where a server needs it, since some machines have
// none.
static struct wire_addr bind_of(const struct ordinary_opts *o)
{
	struct wire_addr bind = o->bind;

	if (bind.family != 0)
		return bind;
	bind.family = 4;
	for (uint32_t i = 0; i < o->n_servers; i++)
		for (uint32_t k = 0; k < o->servers[i].n_addrs; k++)
			if (o->servers[i].addrs[k].family == 6)
				bind.family = 6;
	for (uint8_t i = 0; o->spec != NULL && i < o->spec->n_ip_multicast; i++)
		if (o->spec->ip_multicast[i].addr.family == 6)
			bind.family = 6;
	return bind;
}

// Without a server: where it can be reached on its links.
static void tell_links(const struct ordinary_opts *o, uint16_t port, struct node_opts *no)
{
	if (o->spec == NULL || o->spec->n_ip_multicast == 0)
		return;
	no->n_local_addrs = multicast_own_addrs(no->local_addrs, REPORTED_ADDRS_MAX);
	for (uint8_t i = 0; i < no->n_local_addrs; i++) {
		no->local_addrs[i].port = port;
		no->local_addrs[i].origin = ADDR_LOCAL;
	}
}

// The address of ours that its first server sees, unless there is a translator between.
static void tell_local(const struct ordinary_opts *o, uint16_t port, struct node_opts *no)
{
	struct wire_addr *local = &no->local_addrs[0];

	if (o->n_servers == 0 || o->servers[0].n_addrs == 0 ||
	    udp_local_toward(&o->servers[0].addrs[0], local) != 0)
		return;
	local->port = port;
	local->origin = ADDR_LOCAL;
	no->n_local_addrs = 1;
}

struct member *ordinary_member_create(struct member_shared *shared, const struct ordinary_opts *o,
				      char *why, uint32_t why_max)
{
	struct startup_endpoint endpoint = {.identity = &o->identity->member,
					    .policy = o->policy,
					    .answers_hello = true,
					    .answers_fihello = true,
					    .may_initiate = true};
	struct wire_addr bind = bind_of(o);
	struct member_opts mo = {.shared = shared,
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
					  .peer_connections_max = o->peer_connections_max}};

	if (o->spec != NULL && (o->spec->ip_multicast_updates || o->spec->multicast)) {
		mo.places = o->spec->ip_multicast;
		mo.n_places = o->spec->n_ip_multicast;
	}
	engine_opts_member(&mo.engine);
	tell_local(o, bind.port, &mo.node);
	if (o->n_servers == 0)
		tell_links(o, bind.port, &mo.node);
	return member_create(&mo, why, why_max);
}

int ordinary_member_connect(struct member *m, const struct server_name *servers, uint32_t n,
			    uint32_t *at, uint64_t now_us)
{
	for (*at = 0; *at < n; ++*at) {
		const struct server_name *s = &servers[*at];

		if (node_connect(member_node(m), s->uri, s->addrs, s->n_addrs, now_us) == NULL)
			return -ENOBUFS;
	}
	return 0;
}

// annulusctl drops: everything that is refused or dropped, by its name; those that never happened,
// too.
#include <stddef.h>

#include "control/bin/daemon/daemon.h"
#include "control/bin/daemon/show.h"
#include "control/rpc/rpc.h"

struct drop_row {
	const char *name, *help;
	size_t at; // of the counter in its struct
};

#define STARTUP(field, help_)                                                                      \
	{                                                                                          \
#field, help_, offsetof(struct startup_counters, field)                            \
	}
static const struct drop_row startup_rows[] = {
	STARTUP(failed, "opening a session failed"),
	STARTUP(unproven, "answered, but the far end never showed that it has the keys"),
	STARTUP(keyings_rejected, "IIKeying that was not acceptable"),
	STARTUP(keyings_dropped, "IIKeying beyond the rate of its address, or the keyer's queue"),
	STARTUP(hellos_unknown, "hello for a peer that is not registered"),
	STARTUP(hellos_rate_limited, "introduction beyond the rate of its address or target"),
	STARTUP(unexpected, "startup answer that nobody waits for"),
	STARTUP(refused_group, "far end without a Diffie-Hellman group of security.dh_groups"),
	STARTUP(refused_hmac, "far end that refuses what security.hmac requires"),
	STARTUP(refused_sseq, "far end that refuses what security.sequence_numbers requires"),
	STARTUP(hosts_full, "IIKeying of an address that has limits.sessions_per_address"),
	STARTUP(no_room, "no slot, body or ring for another session"),
};

#define RPC(name_, field, help_)                                                                   \
	{                                                                                          \
		name_, help_, offsetof(struct rpc_counters, field)                                 \
	}
static const struct drop_row rpc_rows[] = {
	RPC("malformed", malformed, "command or message that did not parse"),
	RPC("connect_failed", connect_failed,
	    "connect without a command object, or of an unknown object encoding"),
	RPC("app_unknown", refused[APP_UNKNOWN], "connect to an application that is not listed"),
	RPC("app_address", refused[APP_ADDRESS], "connect from an address that may not"),
	RPC("app_peer", refused[APP_PEER], "connect with a peer ID that may not"),
	RPC("app_page", refused[APP_PAGE], "connect from a page that may not"),
	RPC("app_player", refused[APP_PLAYER], "connect with a player that may not"),
	RPC("app_key", refused[APP_KEY], "connect without a key"),
	RPC("strays", strays, "call of a method that there is not"),
	RPC("strays_dropped", strays_dropped, "command beyond its sender's rate"),
	RPC("syncs_refused", syncs.refused, "flow synchronization beyond the limits"),
	RPC("syncs_abandoned", syncs.abandoned, "flow synchronization that was never complete"),
};

#define LIVE(name_, field, help_)                                                                  \
	{                                                                                          \
		name_, help_, offsetof(struct live_counters, field)                                \
	}
static const struct drop_row live_rows[] = {
	LIVE("bad_names", bad_names, "publish of a name that is taken"),
	LIVE("streams_refused", refused_streams,
	     "stream beyond limits.live_streams or limits.live_streams_per_app"),
	LIVE("players_refused", refused_players, "player beyond limits.live_players"),
	LIVE("skipped", skipped, "message left out for a player that is too slow"),
	LIVE("too_long", too_long, "message that limits.live_backlog cannot hold"),
	LIVE("ignored", ignored, "message of a client that is not passed on"),
};

#define ENDS(name_, field, help_)                                                                  \
	{                                                                                          \
		name_, help_, offsetof(struct net_streams, field)                                  \
	}
static const struct drop_row end_rows[] = {
	ENDS("ends_refused", refused, "createStream beyond the limit of its session or of all"),
	ENDS("ends_excessive", excessive, "stream that opened too many flows"),
	ENDS("over_budget", over_budget, "message that found limits.live_queue reached"),
	ENDS("flows_rejected", rejected, "flow of a stream of ours that the far end rejected"),
};

#define GROUPS(field, help_)                                                                       \
	{                                                                                          \
#field, help_, offsetof(struct groups_counters, field)                             \
	}
static const struct drop_row groups_rows[] = {
	GROUPS(joins_refused, "join of a group that we do not introduce to"),
	GROUPS(joins_limited, "join beyond a client's rate or limit"),
	GROUPS(proofs_wrong, "neighbour whose proof of membership is wrong"),
	GROUPS(connects_malformed, "peer connect that did not parse"),
	GROUPS(connects_unknown_group, "peer connect to a group that we are no member of"),
	GROUPS(neighbours_refused, "neighbour beyond the limit of its group"),
	GROUPS(early_messages, "group message before the proof"),
	GROUPS(reports_malformed, "member report that did not parse"),
	GROUPS(reports_limited, "member report beyond its sender's rate"),
	GROUPS(records_ignored, "member of a report that was not taken up"),
	GROUPS(dials_failed, "call to a member failed"),
	GROUPS(dials_limited, "call to a member not made: too many at a time"),
	GROUPS(sessions_double, "second session with the same neighbour"),
	GROUPS(streams_refused, "stream beyond the limits"),
	GROUPS(streams_foreign, "stream of a peer that may not publish"),
	GROUPS(unknown_messages, "group message of an unknown type"),
	GROUPS(malformed, "group message that did not parse"),
	GROUPS(flows_rejected, "group flow that we have no use for"),
	GROUPS(events_lost, "event that nobody took in time"),
	GROUPS(spx_limited, "message of our extension beyond its sender's rate"),
	GROUPS(spx_malformed, "message of our extension that did not parse, or that lied"),
	GROUPS(spx_unknown, "message of our extension of an unknown type or version"),
	GROUPS(spx_refused, "flow of our extension that a neighbour rejected"),
	GROUPS(spx_banned, "neighbour sent away for what it said in our extension"),
	GROUPS(posts_repeated, "posting that was there already"),
	GROUPS(posts_stale, "posting that is too old or came too far"),
	GROUPS(posts_limited, "posting beyond the rate of a neighbour or of the group"),
	GROUPS(posts_blocked,
	       "postings not offered to a neighbour that takes nothing, once a second"),
	GROUPS(posts_lost, "posting that was offered and that nobody gave"),
	GROUPS(lan_malformed, "IP multicast that did not parse"),
	GROUPS(lan_limited, "IP multicast beyond its rate"),
	GROUPS(lan_forged, "IP multicast with a wrong HMAC"),
	GROUPS(lan_doubted, "IP multicast of a sender that has not answered yet"),
	GROUPS(lan_senders_lost, "IP multicast sender forgotten for another one"),
	GROUPS(lan_fragments_lost, "fragment for IP multicast that was not sent"),
	GROUPS(posts_false, "posting that is not what its ID says"),
	GROUPS(posts_unauthorized, "posting without the group's posting password"),
	GROUPS(posts_evicted, "posting held no longer for lack of groups[].posting.memory"),
	GROUPS(post_ids_evicted, "posting's ID forgotten early: too many of them"),
	GROUPS(objects_late, "object asked for that did not come in time"),
	GROUPS(objects_unasked, "object that we did not ask for, or not any more"),
	GROUPS(objects_false, "object that our program found wrong"),
	GROUPS(objects_ranges_ignored,
	       "range of objects that a neighbour has, beyond what is remembered"),
	{"objects_not_held", "object asked for that we do not have",
	 offsetof(struct groups_counters, objects_denied[OBJECT_DENY_NOT_HELD])},
	{"objects_busy", "object asked for that we had no room to give",
	 offsetof(struct groups_counters, objects_denied[OBJECT_DENY_BUSY])},
	GROUPS(objects_unlent, "object that no worker could keep for want of memory"),
	GROUPS(routes_blocked, "routed message for a neighbour that takes nothing"),
	GROUPS(routes_ignored, "routed message that was not for us"),
	GROUPS(routes_far_lost, "message for the nearest member that ran out of hops"),
	GROUPS(routes_far_blocked, "message for the nearest member, its next hop takes nothing"),
	GROUPS(routes_requests_evicted, "request for the nearest member forgotten early"),
	GROUPS(routes_far_repeated, "message for the nearest member that came by before"),
};

#define N_ROWS(rows) (sizeof(rows) / sizeof((rows)[0]))

static void row(struct json_out *j, const char *where, const char *name, uint64_t count,
		const char *help)
{
	json_object_begin(j);
	json_put_string(j, "where", where);
	json_put_string(j, "name", name);
	json_put_u64(j, "count", count);
	json_put_string(j, "help", help);
	json_object_end(j);
}

static void rows_of(struct json_out *j, const char *where, const struct drop_row *rows, size_t n,
		    const void *counters)
{
	for (size_t i = 0; i < n; i++)
		row(j, where, rows[i].name,
		    *(const uint64_t *)((const char *)counters + rows[i].at), rows[i].help);
}

int show_drops(void *ctx, const char *args, struct json_out *j)
{
#define X(id, name, help) {name, help, DROP_##id},
	static const struct drop_row packets[] = {DROP_REASONS(X)};
#undef X
#define X(id, name, help) {name, help, HELD_##id},
	static const struct drop_row held[] = {HELD_REASONS(X)};
#undef X
	const struct daemon *d = ctx;
	struct worker_stats sum;

	d->backend->kind->stats(d->backend, &sum);
	json_array_begin(j);
	for (unsigned i = DROP_NONE + 1; i < N_ROWS(packets); i++)
		row(j, "packets", packets[i].name, sum.drops[packets[i].at], packets[i].help);
	for (unsigned i = 0; i < N_ROWS(held); i++) // nothing is lost by these
		row(j, "held back", held[i].name, sum.held[held[i].at], held[i].help);
	rows_of(j, "startup", startup_rows, N_ROWS(startup_rows),
		startup_counters(node_startup(d->node)));
	rows_of(j, "rpc", rpc_rows, N_ROWS(rpc_rows), node_rpc_counters(d->node));
	rows_of(j, "live", live_rows, N_ROWS(live_rows), live_hub_counters(node_live(d->node)));
	rows_of(j, "live", end_rows, N_ROWS(end_rows), node_stream_ends(d->node));
	rows_of(j, "groups", groups_rows, N_ROWS(groups_rows), node_groups_counters(d->node));
	json_array_end(j);
	return 0;
}

// annulusctl status: who we are, how we are.
#include "control/admin/admin_socket.h"
#include "control/member/clock.h"
#include "control/bin/daemon/daemon.h"
#include "control/bin/daemon/show.h"
#include "control/rpc/rpc.h"

int show_register(struct daemon *d)
{
	static const struct {
		const char *name, *sentence;
		admin_fn fn;
	} commands[] = {
		{"status", "peer IDs, addresses, uptime, memory, load", show_status},
		{"peers", "open sessions: who, where, how fast", show_peers},
		{"groups", "groups that are joined or introduced", show_groups},
		{"group", "one of them, by name or ID: members, rates over five seconds",
		 show_group},
		{"ring", "its ring, by name or ID: members by address, our links, coverage",
		 show_ring},
		{"streams", "streams that flow: fragments, late, missing", show_streams},
		{"live", "streams of clients without a group: publisher, players, rate", show_live},
		{"store", "groups that are mirrored: objects, octets, given", show_store},
		{"metrics", "figures of groups and streams, as Prometheus reads them",
		 show_metrics},
		{"links", "our addresses, neighbours, what ICMP says", show_links},
		{"drops", "packets dropped, by reason", show_drops},
		{"limit", "byte limits; limit total|neighbour|group NAME RATE changes one",
		 show_limit},
	};
	int err = 0;

	for (unsigned i = 0; err == 0 && i < sizeof(commands) / sizeof(commands[0]); i++)
		err = admin_register(d->admin, commands[i].name, commands[i].sentence,
				     commands[i].fn, d);
	return err;
}

static void endpoint_row(const struct daemon *d, enum daemon_endpoint e, const char *name,
			 const struct identity_endpoint *id, struct json_out *j)
{
	struct wire_addr local = d->backend->kind->local(d->backend, e);
	char text[WIRE_ADDR_TEXT_MAX];

	json_object_begin(j);
	json_put_string(j, "endpoint", name);
	json_put_string(j, "address", wire_addr_format(&local, text));
	json_put_hex(j, "peer_id", id->fingerprint, sizeof(id->fingerprint));
	json_put_string(j, "public",
			d->settings.n_reach[e] > 0
				? wire_addr_format(&d->settings.reach[e][0], text)
				: NULL);
	json_object_end(j);
}

static void worker_row(const struct daemon *d, uint32_t worker, struct json_out *j)
{
	struct backend_worker w;

	d->backend->kind->worker(d->backend, worker, &w);
	json_object_begin(j);
	json_put_u64(j, "worker", worker);
	json_put_u64(j, "cpu_permille", d->readings.worker_cpu_permille[worker]);
	json_put_u64(j, "busy_permille", d->readings.worker_busy_permille[worker]);
	json_put_bool(j, "sleeps",
		      d->config->backend == CONFIG_BACKEND_UDP ||
			      d->config->workers.idle != CONFIG_IDLE_SPIN);
	json_put_u64(j, "cpu_time_us", w.cpu_us);
	json_put_u64(j, "turns", w.turns);
	json_put_u64(j, "idle_turns", w.turns_idle);
	json_put_u64(j, "sessions", w.sessions);
	json_put_u64(j, "frames_handed", w.frames_handed);
	json_put_u64(j, "fragments_lent", w.fragments_lent);
	json_object_end(j);
}

static void process_part(const struct daemon *d, struct json_out *j)
{
	struct process_figures p;

	process_figures(&p);
	json_key(j, "process");
	json_object_begin(j);
	json_put_u64(j, "memory_bytes", p.rss_bytes);
	json_put_u64(j, "cpu_permille", d->readings.cpu_permille);
	json_put_u64(j, "cpu_time_us", p.cpu_us);
	json_put_u64(j, "threads", p.threads);
	json_put_u64(j, "open_files", p.open_files);
	json_object_end(j);
}

static void traffic_part(const struct worker_stats *s, struct json_out *j)
{
	json_key(j, "traffic");
	json_object_begin(j);
	json_put_u64(j, "rx_packets", s->rx_packets);
	json_put_u64(j, "rx_bytes", s->rx_bytes);
	json_put_u64(j, "tx_packets", s->tx_packets);
	json_put_u64(j, "tx_bytes", s->tx_bytes);
	json_put_u64(j, "acks_sent", s->acks_sent);
	json_put_u64(j, "acks_received", s->acks_received);
	json_put_u64(j, "fragments_lost", s->fragments_lost);
	json_put_u64(j, "fragments_resent", s->fragments_resent);
	json_put_u64(j, "timeouts", s->timeouts);
	json_put_u64(j, "pmtu_probes", s->pmtu_probes);
	json_put_u64(j, "pmtu_fallbacks", s->pmtu_fallbacks);
	json_put_u64(j, "pmtu_told", s->pmtu_told);
	json_put_u64(j, "checksum_unverified", s->checksum_unverified);
	json_put_u64(j, "sessions_abusive", s->sessions_abusive);
	json_object_end(j);
}

static void budget_part(const struct daemon *d, const struct worker_stats *s, struct json_out *j)
{
#define X(id, name, help) {name "_bytes", BUDGET_##id},
	static const struct {
		const char *name;
		unsigned at;
	} classes[] = {BUDGET_CLASSES(X)};
#undef X

	json_key(j, "budget");
	json_object_begin(j);
	limits_put(j, "total_bits", d->limits.total.per_s);
	limits_put(j, "neighbour_bits", d->limits.neighbour_per_s);
	for (unsigned i = 0; i < sizeof(classes) / sizeof(classes[0]); i++)
		json_put_u64(j, classes[i].name, s->tx_ip_bytes[classes[i].at]);
	json_object_end(j);
}

static void startup_part(const struct daemon *d, const struct worker_stats *s, struct json_out *j)
{
	const struct startup_counters *c = startup_counters(node_startup(d->node));

	json_key(j, "startup");
	json_object_begin(j);
	json_put_u64(j, "hellos_answered", s->hellos_answered);
	json_put_u64(j, "keyings_reported", s->keyings_reported);
	json_put_u64(j, "cookie_changes", s->cookie_changes);
	json_put_u64(j, "opened_in", c->opened_in);
	json_put_u64(j, "opened_out", c->opened_out);
	json_put_u64(j, "failed", c->failed);
	json_put_u64(j, "redirected", c->hellos_redirected);
	json_put_u64(j, "fihellos_in", c->fihellos_in);
	json_put_u64(j, "keyings_replayed", c->keyings_replayed);
	json_put_u64(j, "glare_won", c->glare_won);
	json_put_u64(j, "glare_lost", c->glare_lost);
	json_put_u64(j, "overrides", c->overrides);
	json_put_u64(j, "challenges", c->challenges);
	json_object_end(j);
}

// Clients are sessions whose NetConnection stands.
static uint32_t count_clients(const struct daemon *d)
{
	const struct ctl_session *s;
	uint32_t at = 0, n = 0;

	while ((s = startup_next(node_startup(d->node), &at)) != NULL)
		n += rpc_client_info(s) != NULL;
	return n;
}

int show_links(void *ctx, const char *args, struct json_out *j)
{
	const struct daemon *d = ctx;

	json_object_begin(j);
	if (d->backend->kind->show_links != NULL)
		d->backend->kind->show_links(d->backend, j);
	json_object_end(j);
	return 0;
}

int show_status(void *ctx, const char *args, struct json_out *j)
{
	const struct daemon *d = ctx;
	struct worker_stats sum;
	struct node_info info;

	node_info(d->node, &info);
	d->backend->kind->stats(d->backend, &sum);
	json_object_begin(j);
	json_put_string(j, "version", ANNULUS_VERSION);
	json_put_u64(j, "uptime_us", clock_us() - d->start_us);
	json_put_string(j, "backend", d->backend->kind->name);
	json_put_hex(j, "server_peer_id", d->settings.identity.server.fingerprint, FINGERPRINT_LEN);
	json_put_hex(j, "member_peer_id", d->settings.identity.member.fingerprint, FINGERPRINT_LEN);
	json_put_u64(j, "sessions", info.n_sessions);
	json_put_u64(j, "clients", count_clients(d));
	json_put_u64(j, "neighbours", info.n_neighbours);
	json_put_bool(j, "is_stopping", d->is_stopping);
	process_part(d, j);
	traffic_part(&sum, j);
	budget_part(d, &sum, j);
	startup_part(d, &sum, j);
	json_key(j, "endpoints");
	json_array_begin(j);
	endpoint_row(d, ENDPOINT_SERVER, "server", &d->settings.identity.server, j);
	endpoint_row(d, ENDPOINT_MEMBER, "member", &d->settings.identity.member, j);
	json_array_end(j);
	json_key(j, "workers");
	json_array_begin(j);
	for (uint32_t w = 0; w < d->rings.n_workers; w++)
		worker_row(d, w, j);
	json_array_end(j);
	json_key(j, "ports");
	json_array_begin(j);
	if (d->backend->kind->show_ports != NULL)
		d->backend->kind->show_ports(d->backend, j);
	json_array_end(j);
	json_object_end(j);
	return 0;
}

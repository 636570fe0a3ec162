// annulusctl metrics: the figures of each stream (netgroup-semantics 8.4) and the rates of each
// group (4.3), named as Prometheus wants: counters end in _total, and a unit is part of the name.
#include <errno.h>
#include <stdlib.h>

#include "control/bin/daemon/daemon.h"
#include "control/bin/daemon/show.h"
#include "control/member/clock.h"

enum { KEY_LABEL_LEN = 8 }; // octets of a stream's key: two of the same name are two

struct family {
	const char *name, *type, *help;
	size_t at; // in struct group_stream_info, or in struct group_figures
};

#define TOTAL(name_, field, help_)                                                                 \
	{                                                                                          \
		"annulus_stream_" name_ "_total", "counter", help_,                                \
			offsetof(struct group_stream_info, field)                                  \
	}
#define RATE(name_, field, help_)                                                                  \
	{                                                                                          \
		"annulus_stream_" name_ "_bytes_per_second", "gauge", help_,                       \
			offsetof(struct group_stream_info, rates.field)                            \
	}
static const struct family streams[] = {
	RATE("send_data", send_data, "Fragments sent to neighbours, over some seconds."),
	RATE("send_control", send_control, "Maps, masks and pulls sent, over some seconds."),
	RATE("receive_data", receive_data, "Fragments received from neighbours."),
	RATE("receive_control", receive_control, "Maps, masks and pulls received."),
	RATE("send_control_to_server", send_control_to_server, "Of it to super-peers."),
	RATE("receive_data_from_server", receive_data_from_server, "Of it from super-peers."),
	RATE("receive_data_from_ip_multicast", receive_data_from_multicast,
	     "Fragments received by IP multicast."),
	TOTAL("pushed_to_peers_bytes", totals.bytes_pushed_to, "Sent at once to who had asked."),
	TOTAL("pushed_to_peers_fragments", totals.fragments_pushed_to, "The same."),
	TOTAL("requested_by_peers_bytes", totals.bytes_pulled_by, "Sent for a pull."),
	TOTAL("requested_by_peers_fragments", totals.fragments_pulled_by, "The same."),
	TOTAL("pushed_from_peers_bytes", totals.bytes_pushed_from, "Received unasked."),
	TOTAL("pushed_from_peers_fragments", totals.fragments_pushed_from, "The same."),
	TOTAL("requested_from_peers_bytes", totals.bytes_pulled_from, "Received for a pull."),
	TOTAL("requested_from_peers_fragments", totals.fragments_pulled_from, "The same."),
	TOTAL("received_from_server_bytes", totals.bytes_from_super, "Received of super-peers."),
	TOTAL("received_from_server_fragments", totals.fragments_from_super, "The same."),
	TOTAL("received_from_ip_multicast_bytes", totals.bytes_from_multicast,
	      "Received by IP multicast."),
	TOTAL("received_from_ip_multicast_fragments", totals.fragments_from_multicast, "The same."),
	TOTAL("pushed_to_ip_multicast_bytes", bytes_to_multicast, "Sent by IP multicast."),
	TOTAL("pushed_to_ip_multicast_fragments", fragments_to_multicast, "The same."),
	TOTAL("duplicate_fragments", totals.duplicates, "Received once more."),
	TOTAL("late_fragments", totals.late, "Received when they had left the window."),
	TOTAL("missing_fragments", totals.missing, "Left the window without having come."),
	TOTAL("consumed_bytes", consumed_bytes,
	      "What all members but the source and ourselves got of it, estimated."),
};
#undef TOTAL
#undef RATE

struct group_figures {
	const char *name;
	struct group_rates rates;
	uint64_t neighbours, members_known, members_estimated, clients;
};

#define RATE(name_, field, help_)                                                                  \
	{                                                                                          \
		"annulus_group_" name_ "_bytes_per_second", "gauge", help_,                        \
			offsetof(struct group_figures, rates.field)                                \
	}
#define COUNT(name_, help_)                                                                        \
	{                                                                                          \
		"annulus_group_" #name_, "gauge", help_, offsetof(struct group_figures, name_)     \
	}
static const struct family groups[] = {
	RATE("posting_send_data", posting_send_data, "Postings sent, over five seconds."),
	RATE("posting_send_control", posting_send_control, "Offers and asks sent."),
	RATE("posting_receive_data", posting_receive_data, "Postings received."),
	RATE("posting_receive_control", posting_receive_control, "Offers and asks received."),
	RATE("routing_send", routing_send, "Directed routing, sent."),
	RATE("routing_receive", routing_receive, "Directed routing, received."),
	RATE("object_replication_send", object_replication_send, "Objects sent."),
	RATE("object_replication_receive", object_replication_receive, "Objects received."),
	COUNT(neighbours, "Members that we are linked to."),
	COUNT(members_known, "Members that we know of."),
	COUNT(members_estimated, "Members there are, told from the density of the ring."),
	COUNT(clients, "Members that joined at our introducer."),
};
#undef RATE
#undef COUNT

#define N(list) (sizeof(list) / sizeof((list)[0]))

static void family_begin(struct json_out *j, const struct family *f)
{
	json_object_begin(j);
	json_put_string(j, "name", f->name);
	json_put_string(j, "type", f->type);
	json_put_string(j, "help", f->help);
}

static void samples_begin(struct json_out *j)
{
	json_array_end(j);
	json_key(j, "samples");
	json_array_begin(j);
}

static void labels_begin(struct json_out *j)
{
	json_key(j, "label_names");
	json_array_begin(j);
}

static void family_end(struct json_out *j)
{
	json_array_end(j);
	json_object_end(j);
}

static void sample_begin(struct json_out *j)
{
	json_object_begin(j);
	json_key(j, "labels");
	json_array_begin(j);
}

static void sample_end(struct json_out *j, const void *figures, size_t at)
{
	json_array_end(j);
	json_put_u64(j, "value", *(const uint64_t *)((const uint8_t *)figures + at));
	json_object_end(j);
}

// ---- all of them, once ----

struct all {
	struct group_figures *groups;
	uint32_t n_groups;
	struct all_stream {
		const char *group;
		struct group_stream_info info;
	} * streams;
	uint32_t n_streams;
};

static void group_take(const struct daemon *d, uint32_t i, struct group_figures *f)
{
	struct group_info info;

	node_group_info(d->groups[i], &info);
	*f = (struct group_figures){.name = daemon_group_name(d, &info),
				    .neighbours = info.n_neighbours,
				    .members_known = info.n_members_known,
				    .clients = info.n_clients};
	if (info.estimated_members > 0 && info.estimated_members < 1e9)
		f->members_estimated = (uint64_t)(info.estimated_members + 0.5);
	node_group_rates(d->groups[i], &f->rates, clock_us());
}

static int streams_take(const struct daemon *d, struct all *a)
{
	uint32_t max = (uint32_t)d->config->limits.streams_per_group;
	struct group_stream_info *some = calloc(max, sizeof(*some));
	int err = some != NULL ? 0 : -ENOMEM;

	for (uint32_t i = 0; err == 0 && i < a->n_groups; i++) {
		uint32_t n = node_group_streams(d->node, d->config->groups[i].id, some, max);
		struct all_stream *grown =
			realloc(a->streams, (a->n_streams + n + 1) * sizeof(*grown));

		if (grown == NULL) {
			err = -ENOMEM;
			break;
		}
		a->streams = grown;
		for (uint32_t k = 0; k < n; k++)
			a->streams[a->n_streams++] =
				(struct all_stream){a->groups[i].name, some[k]};
	}
	free(some);
	return err;
}

static int all_take(const struct daemon *d, struct all *a)
{
	*a = (struct all){.n_groups = d->config->n_groups};
	a->groups = calloc(a->n_groups + 1, sizeof(*a->groups));
	if (a->groups == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < a->n_groups; i++)
		group_take(d, i, &a->groups[i]);
	return streams_take(d, a);
}

static void group_family(const struct all *a, const struct family *f, struct json_out *j)
{
	family_begin(j, f);
	labels_begin(j);
	json_string(j, "group");
	samples_begin(j);
	for (uint32_t i = 0; i < a->n_groups; i++) {
		sample_begin(j);
		json_string(j, a->groups[i].name);
		sample_end(j, &a->groups[i], f->at);
	}
	family_end(j);
}

static void stream_family(const struct all *a, const struct family *f, struct json_out *j)
{
	family_begin(j, f);
	labels_begin(j);
	json_string(j, "group");
	json_string(j, "stream");
	json_string(j, "key");
	samples_begin(j);
	for (uint32_t i = 0; i < a->n_streams; i++) {
		sample_begin(j);
		json_string(j, a->streams[i].group);
		json_string(j, a->streams[i].info.name);
		json_hex(j, a->streams[i].info.key, KEY_LABEL_LEN);
		sample_end(j, &a->streams[i].info, f->at);
	}
	family_end(j);
}

int show_metrics(void *ctx, const char *args, struct json_out *j)
{
	struct all a;
	int err = all_take(ctx, &a);

	if (err == 0) {
		json_array_begin(j);
		for (size_t i = 0; i < N(groups); i++)
			group_family(&a, &groups[i], j);
		for (size_t i = 0; i < N(streams); i++)
			stream_family(&a, &streams[i], j);
		json_array_end(j);
	}
	free(a.groups);
	free(a.streams);
	return err;
}

// The node's groups and streams as programs see them: thin names over control/group, and one stream
// of events.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/node_internal.h"

struct node_group *node_join(struct node *n, const struct groupspec *spec,
			     const struct group_limits *limits, int *err, uint64_t now_us)
{
	struct node_group *g = calloc(1, sizeof(*g));

	n->now_us = now_us;
	*err = -ENOMEM;
	if (g == NULL)
		return NULL;
	*g = (struct node_group){.node = n, .next = n->joined};
	g->group = group_join(n->groups, spec, limits, g, err, now_us);
	if (g->group == NULL) {
		free(g);
		return NULL;
	}
	*err = 0;
	n->joined = g;
	return g;
}

void node_leave(struct node_group *g, uint64_t now_us)
{
	struct node_group **at = &g->node->joined;

	g->node->now_us = now_us;
	while (*at != g)
		at = &(*at)->next;
	*at = g->next;
	group_leave(g->group, now_us);
	free(g);
}

// ---- posting and routing ----

int node_post(struct node_group *g, const uint8_t *data, uint32_t len, uint8_t id[POST_ID_LEN],
	      uint64_t now_us)
{
	g->node->now_us = now_us;
	return group_post(g->group, (struct span){data, len}, id, now_us);
}

enum group_send_result node_send_to_nearest(struct node_group *g, const char *address,
					    const uint8_t *data, uint32_t len, uint64_t now_us)
{
	g->node->now_us = now_us;
	return group_send_to_nearest(g->group, address, (struct span){data, len}, now_us);
}

enum group_send_result node_send_to_neighbour(struct node_group *g, bool is_increasing,
					      const uint8_t *data, uint32_t len, uint64_t now_us)
{
	g->node->now_us = now_us;
	return group_send_to_neighbour(g->group, is_increasing, (struct span){data, len}, now_us);
}

enum group_send_result node_send_to_all_neighbours(struct node_group *g, const uint8_t *data,
						   uint32_t len, uint64_t now_us)
{
	g->node->now_us = now_us;
	return group_send_to_all_neighbours(g->group, (struct span){data, len}, now_us);
}

enum group_send_result node_send_far(struct node_group *g, const char *address, const uint8_t *data,
				     uint32_t len, uint64_t now_us)
{
	g->node->now_us = now_us;
	return group_send_far(g->group, address, (struct span){data, len}, now_us);
}

bool node_add_member_hint(struct node_group *g, const char *peer_id, uint64_t now_us)
{
	g->node->now_us = now_us;
	return group_add_member_hint(g->group, peer_id, now_us);
}

bool node_add_neighbour(struct node_group *g, const char *peer_id, uint64_t now_us)
{
	g->node->now_us = now_us;
	return group_add_neighbour(g->group, peer_id, now_us);
}

void node_set_receive_mode(struct node_group *g, bool is_nearest, uint64_t now_us)
{
	g->node->now_us = now_us;
	group_set_receive_mode(g->group, is_nearest, now_us);
}

bool node_coverage(const struct node_group *g, struct group_coverage *c)
{
	return group_coverage_get(g->group, c);
}

// ---- objects ----

int node_have_add(struct node_group *g, uint64_t first, uint64_t last, uint64_t now_us)
{
	g->node->now_us = now_us;
	return group_have_add(g->group, first, last, now_us);
}

int node_have_remove(struct node_group *g, uint64_t first, uint64_t last, uint64_t now_us)
{
	g->node->now_us = now_us;
	return group_have_remove(g->group, first, last, now_us);
}

int node_want_add(struct node_group *g, uint64_t first, uint64_t last, uint64_t now_us)
{
	g->node->now_us = now_us;
	return group_want_add(g->group, first, last, now_us);
}

int node_want_remove(struct node_group *g, uint64_t first, uint64_t last, uint64_t now_us)
{
	g->node->now_us = now_us;
	return group_want_remove(g->group, first, last, now_us);
}

int node_set_replication(struct node_group *g, const struct group_replication *o, uint64_t now_us)
{
	g->node->now_us = now_us;
	return group_set_replication(g->group, o, now_us);
}

int node_object_write(struct node_group *g, uint64_t request, enum object_encoding encoding,
		      const uint8_t *data, uint32_t len, uint64_t now_us)
{
	g->node->now_us = now_us;
	return group_object_write(g->group, request, encoding, (struct span){data, len}, now_us);
}

int node_object_deny(struct node_group *g, uint64_t request, uint64_t now_us)
{
	g->node->now_us = now_us;
	return group_object_deny(g->group, request, now_us);
}

void node_objects_given(struct node_group *g, uint64_t n, uint64_t octets, uint64_t now_us)
{
	g->node->now_us = now_us;
	group_objects_given(g->group, n, octets, now_us);
}

void node_object_refuse(struct node_group *g, uint64_t index, const uint8_t peer_id[32],
			uint64_t now_us)
{
	g->node->now_us = now_us;
	group_object_refuse(g->group, index, peer_id, now_us);
}

// ---- streams ----

struct node_stream *stream_create(struct node *n, struct node_group *g)
{
	struct node_stream *s = calloc(1, sizeof(*s));

	if (s != NULL)
		*s = (struct node_stream){.node = n, .group = g};
	return s;
}

void stream_list(struct node_stream *s)
{
	s->next = s->node->streams;
	s->node->streams = s;
}

int node_publish(struct node_group *g, const char *name, const struct group_stream_params *params,
		 struct node_stream **out, uint64_t now_us)
{
	struct node_stream *s = stream_create(g->node, g);
	int err;

	if (s == NULL)
		return -ENOMEM;
	err = group_publish(g->group, name, params, s, &s->publication, now_us);
	if (err != 0) {
		free(s);
		return err;
	}
	stream_list(s);
	*out = s;
	return 0;
}

int node_play(struct node_group *g, const char *name, struct node_stream **out, uint64_t now_us)
{
	struct node_stream *s = stream_create(g->node, g);
	int err;

	if (s == NULL)
		return -ENOMEM;
	err = group_play(g->group, name, s, &s->play, now_us);
	if (err != 0) {
		free(s);
		return err;
	}
	stream_list(s);
	*out = s;
	return 0;
}

int node_play_override(struct node_stream *s, const struct group_stream_params *own,
		       uint64_t now_us)
{
	s->node->now_us = now_us;
	return s->play != NULL ? group_play_override(s->play, own, now_us) : -EINVAL;
}

int node_play_pause(struct node_stream *s, bool is_paused, uint64_t now_us)
{
	s->node->now_us = now_us;
	if (s->play == NULL)
		return -EINVAL;
	group_play_pause(s->play, is_paused, now_us);
	return 0;
}

int node_stream_write(struct node_stream *s, uint8_t type, uint32_t timestamp_ms,
		      const uint8_t *data, uint32_t len, bool is_key, uint64_t now_us)
{
	struct stream_message m = {type, timestamp_ms, {data, len}};

	if (s->live != NULL) {
		s->node->now_us = now_us;
		return live_write(s, type, timestamp_ms, (struct span){data, len});
	}
	if (s->direct_name != NULL)
		return direct_write(s->direct_name, type, timestamp_ms, m.body, now_us);
	if (s->publication == NULL)
		return -EPIPE;
	return group_publication_write(s->publication, &m, is_key, now_us);
}

void node_stream_end(struct node_stream *s, uint64_t now_us)
{
	s->node->now_us = now_us;
	if (s->publication != NULL)
		group_publication_end(s->publication, now_us);
	if (s->live != NULL)
		rpc_stream_end(s->live, now_us);
	if (s->direct_name != NULL)
		direct_name_end(s);
}

// What was to be told of it is nobody's any more.
static void forget_events(const struct node_stream *s)
{
	struct node *n = s->node;

	for (uint32_t i = 0; i < n->n_events; i++) {
		struct node_event *e = &n->events[(n->first_event + i) % EVENTS_MAX];

		if (e->stream == s)
			*e = (struct node_event){.kind = NODE_NONE};
	}
}

void node_stream_close(struct node_stream *s, uint64_t now_us)
{
	struct node_stream **at = &s->node->streams;

	if (s->publication != NULL)
		group_publication_close(s->publication, now_us);
	if (s->play != NULL)
		group_play_close(s->play, now_us);
	if (s->live != NULL)
		rpc_stream_close(s->live, now_us);
	if (s->direct_name != NULL)
		direct_unpublish(s->direct_name, now_us);
	if (s->call != NULL)
		direct_call_close(s->call);
	forget_events(s);
	while (*at != s)
		at = &(*at)->next;
	*at = s->next;
	free(s);
}

// ---- events ----

static enum node_event_kind kind_of(enum group_event_kind k)
{
	static const enum node_event_kind kinds[] = {
		[GROUP_REJECTED] = NODE_GROUP_REJECTED,
		[GROUP_NEIGHBOUR_CONNECT] = NODE_NEIGHBOUR_CONNECT,
		[GROUP_NEIGHBOUR_DISCONNECT] = NODE_NEIGHBOUR_DISCONNECT,
		[GROUP_STREAM_PUBLISHED] = NODE_STREAM_PUBLISHED,
		[GROUP_STREAM_UNPUBLISHED] = NODE_STREAM_UNPUBLISHED,
		[GROUP_PUBLISH_DONE] = NODE_PUBLISH_DONE,
		[GROUP_PLAY_START] = NODE_PLAY_START,
		[GROUP_PLAY_MESSAGE] = NODE_PLAY_MESSAGE,
		[GROUP_PLAY_GAP] = NODE_PLAY_GAP,
		[GROUP_PLAY_END] = NODE_PLAY_END,
		[GROUP_PLAY_LOST] = NODE_PLAY_LOST,
		[GROUP_PLAY_RESET] = NODE_PLAY_RESET,
		[GROUP_POSTING] = NODE_POSTING,
		[GROUP_SEND_TO] = NODE_SEND_TO,
		[GROUP_COVERAGE] = NODE_COVERAGE,
		[GROUP_FETCH_SEND] = NODE_FETCH_SEND,
		[GROUP_FETCH_FAILED] = NODE_FETCH_FAILED,
		[GROUP_FETCH_RESULT] = NODE_FETCH_RESULT,
		[GROUP_OBJECT_REQUEST] = NODE_OBJECT_REQUEST,
	};

	return kinds[k];
}

static void translate(struct node *n, struct node_event *out)
{
	const struct group_event *e = &n->group_event;

	*out = (struct node_event){.kind = kind_of(e->kind),
				   .text = e->name,
				   .type = e->message.type,
				   .timestamp_ms = e->message.timestamp,
				   .data = e->message.body.data,
				   .len = (uint32_t)e->message.body.len,
				   .number = e->number,
				   .number_to = e->number_to,
				   .is_from_local = e->is_from_local,
				   .is_far = e->is_far,
				   .request = e->request,
				   .encoding = e->encoding};
	if (e->publication != NULL || e->play != NULL) {
		out->stream = e->user;
		out->group = out->stream->group;
	} else {
		out->group = e->group != NULL ? group_user(e->group) : NULL;
	}
	if (e->kind == GROUP_REJECTED)
		out->text = "the introducer refuses this group (NetGroup.Connect.Rejected)";
	memcpy(out->peer, e->peer, sizeof(out->peer));
	memcpy(out->id, e->id, sizeof(out->id));
	memcpy(out->from, e->from, sizeof(out->from));
	memcpy(out->to, e->to, sizeof(out->to));
}

bool node_event(struct node *n, struct node_event *out, uint64_t now_us)
{
	n->now_us = now_us;
	while (n->n_events > 0) {
		*out = n->events[n->first_event];
		n->first_event = (n->first_event + 1) % EVENTS_MAX;
		n->n_events--;
		if (out->kind != NODE_NONE)
			return true;
	}
	if (live_event(n, out) || direct_event(n, out))
		return true;
	if (!groups_event(n->groups, &n->group_event, now_us))
		return false;
	translate(n, out);
	return true;
}

void node_push_event(struct node *n, const struct node_event *e)
{
	if (n->n_events == EVENTS_MAX) {
		n->first_event = (n->first_event + 1) % EVENTS_MAX;
		n->n_events--;
	}
	n->events[(n->first_event + n->n_events++) % EVENTS_MAX] = *e;
}

// ---- looking in ----

uint32_t node_groups(struct node *n, struct group_info *out, uint32_t max)
{
	return groups_info(n->groups, out, max);
}

uint32_t node_members(const struct node_group *g, struct group_member_info *out, uint32_t max)
{
	return group_members_info(g->group, out, max);
}

void node_group_rates(const struct node_group *g, struct group_rates *r, uint64_t now_us)
{
	group_rates_get(g->group, r, now_us);
}

void node_group_info(const struct node_group *g, struct group_info *out)
{
	group_info_get(g->group, out);
}

uint32_t node_group_streams(struct node *n, const uint8_t group_id[32],
			    struct group_stream_info *out, uint32_t max)
{
	return group_streams_info(n->groups, group_id, out, max);
}

struct group_stream_info node_stream_info(struct node_stream *s)
{
	struct group_stream_info info = {.name = ""};

	if (s->live != NULL)
		return live_info_of(s);
	if (s->publication != NULL)
		group_publication_info(s->publication, &info);
	else if (s->play != NULL)
		group_play_info(s->play, &info);
	return info;
}

const struct groups_counters *node_groups_counters(const struct node *n)
{
	return groups_counters(n->groups);
}

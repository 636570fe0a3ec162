#include "control/bin/peer/viewer.h"

#include <stdio.h>
#include <string.h>

#include "control/bin/peer/stream_args.h"
#include "control/member/clock.h"

static int play_error(const struct peer *p, int err)
{
	peer_error("cannot play '%s': %s", p->args->name, strerror(-err));
	return PEER_USAGE;
}

int viewer_start(struct viewer *v, struct peer *p, FILE *out, uint64_t now_us)
{
	int err;

	*v = (struct viewer){.peer = p};
	v->out = flv_out_create(out);
	if (v->out == NULL) {
		fclose(out);
		peer_error("out of memory");
		return PEER_USAGE;
	}
	err = peer_identity(p, &v->id);
	if (err != 0)
		return err;
	v->member = peer_member_create(p, &v->id);
	if (v->member == NULL)
		return PEER_CONNECT;
	member_set_user(v->member, v);
	join_init(&v->join, p->n_servers, p->args->wait_s, now_us);
	err = peer_connect_all(p, v->member, now_us);
	if (err != 0)
		return err;
	if (p->args->peer_text != NULL) {
		v->join.nobody = "nobody publishes that there, or the peer cannot be reached";
		err = node_direct_play(member_node(v->member), p->args->peer, p->args->name,
				       &v->stream, now_us);
		return err != 0 ? play_error(p, err) : 0;
	}
	if (p->args->group == NULL) { // it asks the server when that is there
		v->join.is_alone = true;
		return 0;
	}
	v->group = node_join(member_node(v->member), &p->spec, NULL, &err, now_us);
	if (v->group == NULL)
		return peer_join_error(err);
	v->join.has_joined |= p->spec.peer_to_peer_disabled; // nobody will come
	err = node_play(v->group, p->args->name, &v->stream, now_us);
	if (err == 0 && stream_args_given(p->args))
		err = node_play_override(v->stream, &p->args->params, now_us);
	return err != 0 ? play_error(p, err) : 0;
}

static void add_hole(struct viewer *v, const struct node_event *e)
{
	if (v->n_holes < VIEWER_HOLES_MAX)
		v->holes[v->n_holes] = (struct viewer_hole){e->number, e->number_to, v->last_ms};
	v->n_holes++;
}

static void take_message(struct viewer *v, const struct node_event *e)
{
	int err = flv_out_message(v->out, e->type, e->timestamp_ms, (struct span){e->data, e->len});

	v->has_begun = true;
	v->last_ms = e->timestamp_ms;
	if (err == 0)
		return;
	snprintf(v->why, sizeof(v->why), "cannot write: %s", strerror(-err));
	v->end = VIEWER_NO_OUT;
}

static void take_event(struct viewer *v, const struct node_event *e, uint64_t now_us)
{
	bool had_joined = v->join.has_joined;

	join_event(&v->join, e);
	stream_json_event(&v->json, e);
	if (v->join.has_joined && !had_joined)
		v->joined_us = now_us;
	switch (e->kind) {
	case NODE_PLAY_MESSAGE:
		take_message(v, e);
		break;
	case NODE_PLAY_GAP:
		if (flv_out_totals(v->out).has_started)
			add_hole(v, e);
		break;
	case NODE_PLAY_RESET:
		v->n_resets++; // our own values for it are lost with the one before (MC-6)
		break;
	case NODE_PLAY_END:
		v->end = VIEWER_ENDED;
		break;
	case NODE_STREAM_FAILED:
		snprintf(v->why, sizeof(v->why), "cannot play '%s': %s", v->peer->args->name,
			 e->text);
		v->end = v->has_begun ? VIEWER_VANISHED : VIEWER_NO_JOIN;
		break;
	case NODE_PLAY_LOST:
		snprintf(v->why, sizeof(v->why),
			 "the source vanished: nothing for twice the window");
		v->end = VIEWER_VANISHED;
		break;
	default:
		break;
	}
}

// Without a group: once the connection is up.
static void ask_server(struct viewer *v, uint64_t now_us)
{
	int err = node_conn_play(v->join.conn, v->peer->args->name, &v->stream, now_us);

	if (err == 0)
		return;
	snprintf(v->why, sizeof(v->why), "cannot play '%s': %s", v->peer->args->name,
		 strerror(-err));
	v->end = VIEWER_NO_JOIN;
}

void viewer_turn(struct viewer *v, uint64_t now_us)
{
	struct node_event e;
	const char *why;

	while (node_event(member_node(v->member), &e, now_us))
		if (v->end == VIEWER_RUNNING)
			take_event(v, &e, now_us);
	if (v->end == VIEWER_RUNNING && v->stream == NULL && v->join.has_joined)
		ask_server(v, now_us);
	if (v->end == VIEWER_RUNNING && join_has_failed(&v->join, now_us, &why)) {
		snprintf(v->why, sizeof(v->why), "%s (%s)", why, v->peer->servers[0].uri);
		v->end = VIEWER_NO_JOIN;
	}
}

void viewer_stop(struct viewer *v)
{
	if (v->member != NULL)
		peer_leave(v->peer, v->member);
	v->member = NULL;
	if (v->out != NULL) {
		int err = flv_out_close(v->out);

		if (err != 0 && v->end != VIEWER_NO_OUT) {
			snprintf(v->why, sizeof(v->why), "cannot write: %s", strerror(-err));
			v->end = VIEWER_NO_OUT;
		}
	}
	v->out = NULL;
}

int viewer_exit_code(const struct viewer *v)
{
	switch (v->end) {
	case VIEWER_NO_JOIN:
		return PEER_CONNECT;
	case VIEWER_NO_OUT:
		return PEER_USAGE;
	case VIEWER_VANISHED:
		return PEER_VANISHED;
	default:
		return v->n_holes > 0 ? PEER_HOLES : PEER_OK;
	}
}

const char *viewer_state(const struct viewer *v)
{
	switch (v->end) {
	case VIEWER_ENDED:
		return "ended";
	case VIEWER_VANISHED:
		return "vanished";
	case VIEWER_NO_JOIN:
	case VIEWER_NO_OUT:
		return "failed";
	default:
		break;
	}
	if (!v->join.has_joined)
		return join_state(&v->join);
	return v->has_begun ? "playing" : "waiting";
}

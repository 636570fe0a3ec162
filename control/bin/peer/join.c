#include "control/bin/peer/join.h"

#include <stdio.h>

void join_init(struct join *j, uint32_t n_conns, uint32_t wait_s, uint64_t now_us)
{
	*j = (struct join){.n_conns = n_conns,
			   .nobody = "could not join: no member of this group answered",
			   .give_up_us = wait_s > 0 ? now_us + wait_s * 1000000ull : UINT64_MAX};
}

void join_event(struct join *j, const struct node_event *e)
{
	switch (e->kind) {
	case NODE_CONNECTED:
		j->n_connected++;
		j->conn = e->conn;
		j->has_joined |= j->is_alone;
		break;
	case NODE_CONNECT_FAILED:
		j->n_failed++;
		snprintf(j->failure, sizeof(j->failure), "could not connect: %s", e->text);
		break;
	case NODE_CONNECT_UNANSWERED:
		snprintf(j->so_far, sizeof(j->so_far), "could not connect: %s", e->text);
		break;
	case NODE_DISCONNECTED:
		if (j->n_connected > 0)
			j->n_connected--;
		break;
	case NODE_PLAY_START: // of a peer, who is no neighbour
		j->has_joined = true;
		break;
	case NODE_GROUP_REJECTED:
		snprintf(j->failure, sizeof(j->failure), "could not join: %s", e->text);
		j->n_failed++;
		break;
	case NODE_NEIGHBOUR_CONNECT:
	case NODE_PEER_CONNECT:
		j->n_neighbours++;
		j->has_joined = true;
		break;
	case NODE_NEIGHBOUR_DISCONNECT:
	case NODE_PEER_DISCONNECT:
		if (j->n_neighbours > 0)
			j->n_neighbours--;
		break;
	default:
		break;
	}
}

bool join_has_failed(const struct join *j, uint64_t now_us, const char **text)
{
	if (j->has_joined)
		return false;
	if (j->n_failed >= j->n_conns && j->n_conns > 0) {
		*text = j->failure;
		return true;
	}
	if (now_us < j->give_up_us)
		return false;
	if (j->failure[0] != '\0')
		*text = j->failure;
	else if (j->n_connected == 0 && j->n_conns > 0)
		*text = j->so_far[0] != '\0' ? j->so_far
					     : "could not connect: no introducer answered";
	else
		*text = j->nobody;
	return true;
}

const char *join_state(const struct join *j)
{
	if (j->has_joined)
		return "joined";
	return j->n_connected > 0 ? "joining" : "connecting";
}

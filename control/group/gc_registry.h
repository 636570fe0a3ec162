// The introducer's groups and who is in them: for gc_server.c, whose other half this is.
#pragma once

#include "control/group/gc_server.h"
#include "control/group/group_session.h"
#include "control/group/id_table.h"
#include "control/group/ring_set.h"

struct gc_group {
	struct id_node key;   // group ID
	struct ring_set ring; // of gc_flow.at
	uint32_t index;       // in gc_server.groups
};

// A client's GC flow; with a group once it has joined one.
struct gc_flow {
	struct ring_node at;
	struct ctl_session *cs;
	struct gc_group *group; // NULL: not joined
	uint64_t flow_id;
	uint16_t rx_slot;
	int reply;            // our send slot, -1: none yet
	bool is_over;         // the far end rejected that one
	bool is_silent;       // its session is: nobody is told of it meanwhile
	struct gc_flow *next; // of the session
	struct gc_list *list; // NULL: in none
	struct gc_flow *list_prev, *list_next;
	uint64_t list_us; // its turn
};

// Flows that have their turn one after the other: all wait as long in a list, so it is in order.
struct gc_list {
	struct gc_flow *first, *last;
	uint64_t wait_us;
};

struct gc_server {
	struct gc_server_opts o;
	struct id_table table;
	struct gc_group **groups; // dense
	uint32_t n_groups;
	struct gc_list newcomers; // that the others will be told of
	struct gc_list settled;   // that will be told again who is next
	struct token_rate join_rate;
};

void gc_registry_init(struct gc_server *);
// Takes part in the group with this ID from now on, and is told whom to try. False: refused.
bool gc_join(struct gc_server *, struct gc_flow *, const uint8_t id[GROUP_ID_LEN], uint64_t now_us);
void gc_leave(struct gc_server *, struct gc_flow *); // if it takes part in one
void gc_group_free(struct gc_server *, struct gc_group *);

static inline struct gc_flow *gc_flow_of(struct ring_node *n)
{
	return (struct gc_flow *)(void *)n; // at is first
}

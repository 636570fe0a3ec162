// Joining groups at introducers (groups.md 3): one flow GC per group and NetConnection.
#pragma once

#include "control/group/internal.h"

void gc_conn_up(struct groups *, struct ctl_session *, uint64_t far_control_flow_id);
void gc_conn_down(struct groups *, struct ctl_session *);
void gc_group_joined(struct group *); // at all introducers we are connected to
void gc_group_left(struct group *);
// A return flow of one of ours.
void gc_client_flow_opened(struct groups *, struct ctl_session *, const struct report *);
void gc_client_message(struct groups *, struct gc_join *, struct span message);
void gc_client_finished(struct gc_join *);
void gc_client_exception(struct gc_join *); // the group was refused there
// Is this the member of an introducer of ours: the first it named, at its own address
// (groups.md 6.3)?
bool gc_client_names_super(const struct group *, const struct ctl_session *);

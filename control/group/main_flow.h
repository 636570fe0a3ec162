// Neighbours' main flows, GR-1C (groups.md 4.2). The first message must prove membership; before
// that nothing of the far end but main flows gets a class: here is the gate of design 6.
#pragma once

#include "control/group/internal.h"

void main_flow_opened(struct groups *, struct ctl_session *, const struct report *);
void main_message(struct groups *, struct main_rx *, struct span message);
void main_flow_finished(struct groups *, struct main_rx *);
// Flows that said nothing for long. When the next must go; NEVER: there is none.
uint64_t main_flows_sweep(struct groups *);
void main_flows_forget(struct groups *, struct ctl_session *); // the session is gone

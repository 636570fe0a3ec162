#include "control/group/group_session.h"

#include <stdlib.h>

struct group_session *group_session_get(struct group_session **list, struct ctl_session *cs)
{
	struct group_session *s = cs->groups;

	if (s != NULL)
		return s;
	s = calloc(1, sizeof(*s));
	if (s == NULL)
		return NULL;
	s->cs = cs;
	s->at = list;
	s->next = *list;
	if (s->next != NULL)
		s->next->at = &s->next;
	*list = s;
	cs->groups = s;
	return s;
}

void group_session_put(struct ctl_session *cs)
{
	struct group_session *s = cs->groups;

	if (s == NULL || s->gc_flows != NULL || s->neighbours != NULL || s->main_rx != NULL)
		return;
	*s->at = s->next;
	if (s->next != NULL)
		s->next->at = s->at;
	cs->groups = NULL;
	free(s);
}

void group_session_reject(struct ctl_session *cs, uint16_t rx_slot, uint64_t flow_id, uint32_t code)
{
	if (cs->rx[rx_slot].owner != OWNER_NONE && cs->rx[rx_slot].flow_id == flow_id)
		ctl_flow_reject(cs, rx_slot, flow_id, code);
}

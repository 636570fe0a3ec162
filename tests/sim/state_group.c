// A group's part of a member's state: control's rooms do not see into each other.
#include "control/group/internal.h"
#include "tests/sim/state.h"

#define F(field) WATCH_FIELD(group, field)
static const struct watch_field fields[] = {
	F(choose_us), F(answer_us), F(chosen_us), F(report_us),     F(purge_us),  F(random_us),
	F(n_wanted),  F(near_us),   F(n_chosen),  F(is_choice_old), F(random_id),
};
#undef F

void state_group_name(struct group *g, uint32_t member)
{
	watch_name(g, sizeof(*g), sizeof(*g), fields, sizeof(fields) / sizeof(fields[0]),
		   "%u group", member);
}

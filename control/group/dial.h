// Attempts to open sessions to members: at their own addresses first, then through their introducer
// (groups.md 5).
#pragma once

#include "control/group/internal.h"

// Or, on a session that is open, a call at once. What is not possible now (limits, no address) is
// for the caller to try again.
void dial_start(struct group *, struct member *);
void dial_cancel(struct dial *);
void dial_timers(struct groups *);
uint64_t dial_deadline_us(const struct groups *);
static inline bool dial_is_ours(const struct groups *gs, const void *user)
{
	return user != NULL && (const struct dial *)user >= gs->dials &&
	       (const struct dial *)user < gs->dials + DIALS_MAX;
}
void dial_opened(struct groups *, struct dial *, struct ctl_session *);
void dial_failed(struct groups *, struct dial *, enum open_failure, struct ctl_session *existing);

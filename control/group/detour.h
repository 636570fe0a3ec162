// A message on its way to the nearest member has come to one who has no link to it: the two stand
// beside each other, and their translators do not let them meet (DR-6). Another neighbour has one.
// Who is sent a message aside passes it to a neighbour that is nearer than its sender, or sends it
// back. So each member that keeps it is nearer than the one before, and a way ends.
#pragma once

#include "control/group/routes.h"

// Whom to send it aside to, who counts as asked from here on; NULL: nobody nearer is known to be
// out of our reach, or it has been aside often enough.
struct spx_peer *detour_begin(struct group *, const struct route_far *);
// Did we send it aside to this one, and is this the first time that it comes back? What did not go
// out from here, or came to us before, is not taken: else it would arrive twice.
bool detour_is_over(struct group *, const struct spx_peer *, const struct route_far *);

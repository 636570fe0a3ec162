// A neighbour's part in a stream: our GR-11 to it, and what the worker knows.
#pragma once

#include "control/group/streams.h"

// Our flow to this neighbour, opened if that was not done. NULL: no memory.
struct stream_link *link_announce_to(struct gstream *, struct neighbour *);
// Is it still to be had anywhere? What left every window is of no use to a newcomer.
bool link_is_worthwhile(const struct gstream *);
// Once both sides have announced it, the worker deals with this neighbour.
void link_up(struct stream_link *);
void link_down(struct stream_link *);
void link_end(struct stream_link *); // with its flows; frees

void links_announce(struct gstream *); // to every neighbour
void links_retry(struct gstream *);    // where that failed for lack of room
void links_pass_end(struct gstream *);
void links_end(struct gstream *); // the stream goes

// Neighbours' parts in streams: the flows GR-11 both ways, and the worker's knowledge of them.
#pragma once

#include "control/group/streams.h"

void links_announce(struct gstream *); // to every neighbour
void links_retry(struct gstream *);    // where that failed for lack of room
void links_pass_end(struct gstream *);
void links_end(struct gstream *); // the stream goes: all flows of it, too

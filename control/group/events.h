// Events on their way to the program. Bounded: nobody may be asking.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "control/group/group.h"
#include "control/group/octets.h"

#define EVENTS_MAX       4096
#define EVENTS_BYTES_MAX (16u << 20) // of octets that they carry

struct event_node;

struct event_queue {
	struct event_node *first, *last;
	uint32_t n;
	uint64_t n_lost;
	uint64_t n_bytes;
	struct octets *lent; // of the event last popped
};

// Zeroed is empty. Copies; without room or memory the event is counted as lost.
void event_push(struct event_queue *, const struct group_event *);
// With octets, which become its message. They are held until the next event is popped. False: lost.
bool event_push_octets(struct event_queue *, const struct group_event *, struct octets *);
bool event_pop(struct event_queue *, struct group_event *);
// Forgets what is about this group, publication or play, which are about to be freed.
void event_forget(struct event_queue *, const void *thing);
void event_queue_clear(struct event_queue *);

#include "control/group/events.h"

#include <stdlib.h>
#include <string.h>

struct event_node {
	struct event_node *next;
	struct group_event event;
	struct octets *octets; // NULL: none
};

static uint32_t bytes_of(const struct octets *octets)
{
	return octets != NULL ? octets->len : 0;
}

bool event_push_octets(struct event_queue *q, const struct group_event *e, struct octets *octets)
{
	bool has_room = q->n < EVENTS_MAX && q->n_bytes + bytes_of(octets) <= EVENTS_BYTES_MAX;
	struct event_node *node = has_room ? malloc(sizeof(*node)) : NULL;

	if (node == NULL) {
		q->n_lost++;
		return false;
	}
	node->next = NULL;
	node->event = *e;
	node->octets = octets_hold(octets);
	if (octets != NULL)
		node->event.message.body = octets_span(octets);
	q->n_bytes += bytes_of(octets);
	if (q->last != NULL)
		q->last->next = node;
	else
		q->first = node;
	q->last = node;
	q->n++;
	return true;
}

void event_push(struct event_queue *q, const struct group_event *e)
{
	event_push_octets(q, e, NULL);
}

// Its octets stay behind, lent.
static void unlink_first(struct event_queue *q)
{
	struct event_node *node = q->first;

	octets_drop(q->lent);
	q->lent = node->octets;
	q->n_bytes -= bytes_of(node->octets);

	q->first = node->next;
	if (q->first == NULL)
		q->last = NULL;
	q->n--;
	free(node);
}

bool event_pop(struct event_queue *q, struct group_event *e)
{
	if (q->first == NULL) {
		octets_drop(q->lent);
		q->lent = NULL;
		return false;
	}
	*e = q->first->event;
	unlink_first(q);
	return true;
}

void event_forget(struct event_queue *q, const void *thing)
{
	struct event_queue kept = {.n_lost = q->n_lost};
	struct group_event e;

	while (event_pop(q, &e))
		if (e.group != thing && e.publication != thing && e.play != thing)
			event_push_octets(&kept, &e, q->lent);
	*q = kept;
}

void event_queue_clear(struct event_queue *q)
{
	while (q->first != NULL)
		unlink_first(q);
	octets_drop(q->lent);
	q->lent = NULL;
}

#include "control/group/events.h"

#include <stdlib.h>
#include <string.h>

struct event_node {
	struct event_node *next;
	struct group_event event;
};

void event_push(struct event_queue *q, const struct group_event *e)
{
	struct event_node *node = q->n < EVENTS_MAX ? malloc(sizeof(*node)) : NULL;

	if (node == NULL) {
		q->n_lost++;
		return;
	}
	node->next = NULL;
	node->event = *e;
	if (q->last != NULL)
		q->last->next = node;
	else
		q->first = node;
	q->last = node;
	q->n++;
}

static void unlink_first(struct event_queue *q)
{
	struct event_node *node = q->first;

	q->first = node->next;
	if (q->first == NULL)
		q->last = NULL;
	q->n--;
	free(node);
}

bool event_pop(struct event_queue *q, struct group_event *e)
{
	if (q->first == NULL)
		return false;
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
			event_push(&kept, &e);
	*q = kept;
}

void event_queue_clear(struct event_queue *q)
{
	while (q->first != NULL)
		unlink_first(q);
}

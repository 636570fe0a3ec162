// Being asked (OR-3 to OR-6): requests wait until there is room on the way to who asked, then the
// program is told, or the store answers.
#include <errno.h>

#include "control/group/neighbour.h"
#include "control/group/object_lend.h"
#include "control/group/objects.h"

enum {
	ANSWER_US = 20000000, // docs/spx.md
	LOOK_US = 10000,      // whether what is on its way has arrived: nobody tells
	GUESS = 64 << 10,     // octets of an object that is not there yet
	TURN_BYTES = 4 << 20, // out of the store at once: others are to have their turn, too
};

static struct groups *groups_of(const struct objects *os)
{
	return os->group->groups;
}

int object_request_send(struct object_peer *op, enum spx_type type, const struct object_request *q)
{
	uint8_t octets[40];
	struct wr w = wr_over(octets, sizeof(octets));

	object_request_write(&w, type, q);
	return spx_send(op->peer, LANE_OBJECT_CONTROL, wr_span(&w), span_of(NULL, 0));
}

// ---- who waits ----

static void asked_free(struct objects *os, struct object_asked *a)
{
	*(a->prev != NULL ? &a->prev->next : &os->first_asked) = a->next;
	*(a->next != NULL ? &a->next->prev : &os->last_asked) = a->prev;
	os->n_asked--;
	os->n_told -= a->is_told;
	a->by->n_asked--;
	a->by = NULL;
}

static struct object_asked *asked_make(struct objects *os, struct object_peer *op,
				       const struct object_request *q)
{
	struct object_asked *a;

	if (os->n_asked == OBJECT_ASKED_MAX || op->n_asked == OBJECT_PEER_ASKED_MAX)
		return NULL;
	do
		a = &os->asked[++os->asked_ever % OBJECT_ASKED_MAX];
	while (a->by != NULL);
	*a = (struct object_asked){.by = op,
				   .request = q->request,
				   .index = q->index,
				   .id = os->asked_ever,
				   .until_us = groups_of(os)->now_us + ANSWER_US,
				   .prev = os->last_asked};
	*(a->prev != NULL ? &a->prev->next : &os->first_asked) = a;
	os->last_asked = a;
	os->n_asked++;
	op->n_asked++;
	return a;
}

static void deny(struct objects *os, struct object_peer *op, uint64_t request,
		 enum object_deny_reason why)
{
	struct object_request q = {.request = request, .reason = (uint8_t)why};

	groups_of(os)->n.objects_denied[why]++;
	object_request_send(op, SPX_DENY, &q);
}

static void asked_deny(struct objects *os, struct object_asked *a, enum object_deny_reason why)
{
	deny(os, a->by, a->request, why);
	object_slice_ungiven(os, a);
	asked_free(os, a);
}

void object_request_take(struct spx_lane *l, struct span message)
{
	struct object_peer *op = l->peer->objects;
	struct objects *os = l->peer->nb->group->objects;
	struct object_asked *a;
	struct object_request q;

	if (object_request_read(&q, SPX_REQUEST, message) != 0) {
		spx_malformed(l);
	} else if (!ranges_has(&os->have, q.index)) {
		deny(os, op, q.request, OBJECT_DENY_NOT_HELD);
	} else if ((a = asked_make(os, op, &q)) == NULL) {
		deny(os, op, q.request, OBJECT_DENY_BUSY);
	} else {
		os->serve_us = groups_of(os)->now_us;
		object_slice_asked(os, a);
	}
}

void object_cancel_take(struct spx_lane *l, struct span message)
{
	struct objects *os = l->peer->nb->group->objects;
	struct object_asked *a = os->first_asked;
	struct object_request q;

	if (object_request_read(&q, SPX_CANCEL, message) != 0) {
		spx_malformed(l);
		return;
	}
	while (a != NULL && (a->by != l->peer->objects || a->request != q.request))
		a = a->next;
	if (a == NULL)
		return;
	object_slice_ungiven(os, a);
	asked_free(os, a);
}

void object_serve_peer_gone(struct objects *os, struct object_peer *op)
{
	for (struct object_asked *a = os->first_asked, *next; a != NULL; a = next) {
		next = a->next;
		if (a->by != op)
			continue;
		object_slice_ungiven(os, a);
		asked_free(os, a);
	}
}

// ---- answers ----

static int send_object(struct objects *os, struct object_asked *a, enum object_encoding encoding,
		       struct span object)
{
	struct object_data d = {
		.request = a->request, .index = a->index, .encoding = (uint8_t)encoding};
	uint8_t head[OBJECT_DATA_HEAD_MAX];
	struct wr w = wr_over(head, sizeof(head));
	int err;

	object_data_write_head(&w, &d);
	err = spx_send(a->by->peer, LANE_OBJECTS, wr_span(&w), object);
	if (err != 0) {
		asked_deny(os, a, OBJECT_DENY_BUSY);
		return -ENOBUFS;
	}
	groups_of(os)->n.objects_sent++;
	object_lend(os, a->by, a->index, encoding, object);
	asked_free(os, a);
	return 0;
}

// OR-6: NULL for one that is answered, too old, or never was.
static struct object_asked *asked_find(struct objects *os, uint64_t id)
{
	struct object_asked *a = os != NULL ? &os->asked[id % OBJECT_ASKED_MAX] : NULL;

	return a != NULL && a->by != NULL && a->id == id && a->is_told ? a : NULL;
}

int group_object_write(struct group *g, uint64_t request, enum object_encoding encoding,
		       struct span object, uint64_t now_us)
{
	struct object_asked *a = asked_find(g->objects, request);

	g->groups->now_us = now_us;
	if (a == NULL)
		return -ENOENT;
	if (object.len == 0 || object.len > OBJECT_LEN_MAX || encoding >= OBJECT_ENCODINGS)
		return -EMSGSIZE;
	return send_object(g->objects, a, encoding, object);
}

int group_object_deny(struct group *g, uint64_t request, uint64_t now_us)
{
	struct object_asked *a = asked_find(g->objects, request);

	g->groups->now_us = now_us;
	if (a == NULL)
		return -ENOENT;
	asked_deny(g->objects, a, OBJECT_DENY_DENIED);
	return 0;
}

// ---- whose turn it is ----

static bool has_room(const struct objects *os)
{
	const struct groups *gs = groups_of(os);

	return outbox_account_bytes(gs->objects_out) + (os->n_told + UINT64_C(1)) * GUESS <=
	       gs->o.objects_out_max;
}

static void ask_program(struct objects *os, struct object_asked *a)
{
	struct group *g = os->group;
	struct group_event e = {.kind = GROUP_OBJECT_REQUEST,
				.group = g,
				.user = g->user,
				.number = a->index,
				.request = a->id};

	memcpy(e.peer, a->by->peer->nb->cs->fingerprint, PEER_ID_LEN);
	if (!event_push_octets(&g->groups->events, &e, NULL)) {
		asked_deny(os, a, OBJECT_DENY_BUSY);
		return;
	}
	a->is_told = true;
	os->n_told++;
}

void object_serve(struct objects *os)
{
	uint64_t now_us = groups_of(os)->now_us;
	struct object_asked *a = os->first_asked, *next;

	os->serve_us = NEVER;
	for (; a != NULL; a = next) {
		next = a->next;
		if (a->until_us <= now_us)
			asked_deny(os, a, OBJECT_DENY_BUSY);
		else if (a->is_told)
			continue;
		else if (!ranges_has(&os->have, a->index))
			asked_deny(os, a, OBJECT_DENY_NOT_HELD);
		else if (has_room(os) && spx_has_room(a->by->peer, LANE_OBJECTS, GUESS))
			ask_program(os, a);
		else
			os->serve_us = now_us + LOOK_US;
	}
}

uint64_t object_serve_deadline_us(const struct objects *os)
{
	return os->first_asked != NULL ? earlier(os->serve_us, os->first_asked->until_us) : NEVER;
}

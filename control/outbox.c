#include "control/outbox.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/sha.h"

#define WAITING_FIRST 64u // commands: what a list has room for at first; a power of two

// Commands that a full ring refused, oldest at head. Grows by doubling and stays so.
struct waiting {
	struct command *at; // mask + 1 of them
	uint32_t head, tail, mask;
};

// Bodies of the worker on their way home.
struct homeward {
	struct body *bodies[BODIES_PER_PUT];
	uint32_t n;
};

struct outbox_account {
	struct outbox *outbox;
	struct outbox_account *next, *prev; // all of an outbox
	struct outbox_account *under;       // NULL: none
	struct body *oldest, *youngest;     // that are out, on this one itself
	uint32_t bytes, n_bodies;
	bool is_closed;
};

struct outbox {
	struct body_pool *bodies;
	struct outbox_account *accounts;
	uint32_t n_workers;
	struct {
		struct mailbox *ring;
		struct waiting waiting;
		struct homeward home;
	} to[OUTBOX_WORKERS_MAX];
};

static uint32_t waiting_n(const struct waiting *w)
{
	return w->tail - w->head;
}

static bool waiting_init(struct waiting *w)
{
	w->at = calloc(WAITING_FIRST, sizeof(*w->at));
	w->mask = WAITING_FIRST - 1;
	return w->at != NULL;
}

static void waiting_grow(struct waiting *w)
{
	uint32_t n = waiting_n(w), size = w->mask + 1;
	struct command *more = calloc(size * 2u, sizeof(*more));

	// A lost command would leave a worker's session and ours different for ever; whoever could
	// do without has asked outbox_is_crowded. So this is the end of the process's memory.
	if (more == NULL)
		abort();
	for (uint32_t i = 0; i < n; i++)
		more[i] = w->at[(w->head + i) & w->mask];
	free(w->at);
	*w = (struct waiting){.at = more, .head = 0, .tail = n, .mask = size * 2u - 1};
}

static void waiting_put(struct waiting *w, const struct command *c)
{
	if (waiting_n(w) > w->mask)
		waiting_grow(w);
	w->at[w->tail++ & w->mask] = *c;
}

struct outbox *outbox_create(struct mailbox *const *rings, uint32_t n_workers,
			     struct body_pool *bodies)
{
	struct outbox *o = calloc(1, sizeof(*o));

	if (o == NULL)
		return NULL;
	assert(n_workers > 0 && n_workers <= OUTBOX_WORKERS_MAX);
	o->bodies = bodies;
	o->n_workers = n_workers;
	for (uint32_t i = 0; i < n_workers; i++) {
		o->to[i].ring = rings[i];
		if (!waiting_init(&o->to[i].waiting)) {
			outbox_destroy(o);
			return NULL;
		}
	}
	return o;
}

// ---- accounts ----

struct outbox_account *outbox_account_open(struct outbox *o)
{
	return outbox_account_open_under(o, NULL);
}

struct outbox_account *outbox_account_open_under(struct outbox *o, struct outbox_account *under)
{
	struct outbox_account *a = calloc(1, sizeof(*a));

	if (a == NULL)
		return NULL;
	*a = (struct outbox_account){.outbox = o, .next = o->accounts, .under = under};
	if (a->next != NULL)
		a->next->prev = a;
	o->accounts = a;
	return a;
}

static void account_free_if_done(struct outbox_account *a)
{
	if (!a->is_closed || a->n_bodies > 0)
		return;
	if (a->prev != NULL)
		a->prev->next = a->next;
	else
		a->outbox->accounts = a->next;
	if (a->next != NULL)
		a->next->prev = a->prev;
	free(a);
}

void outbox_account_close(struct outbox_account *a)
{
	a->is_closed = true;
	account_free_if_done(a);
}

uint32_t outbox_account_bytes(const struct outbox_account *a)
{
	return a->bytes;
}

uint32_t outbox_account_bodies(const struct outbox_account *a)
{
	return a->n_bodies;
}

struct body *outbox_account_body(struct outbox_account *a, uint32_t len)
{
	struct body *body = body_get(a->outbox->bodies, len);

	if (body == NULL)
		return NULL;
	body->account = a;
	body->older = a->youngest;
	body->younger = NULL;
	*(a->youngest != NULL ? &a->youngest->younger : &a->oldest) = body;
	a->youngest = body;
	for (; a != NULL; a = a->under) {
		a->bytes += len;
		a->n_bodies++;
	}
	return body;
}

const struct body *outbox_account_oldest(const struct outbox_account *a)
{
	return a->oldest;
}

const struct body *outbox_account_younger(const struct body *body)
{
	return body->younger;
}

// True: an account has more room.
static bool body_is_home(struct body *body)
{
	struct outbox_account *own = body->account;
	bool is_counted = own != NULL;

	if (own != NULL) {
		*(body->older != NULL ? &body->older->younger : &own->oldest) = body->younger;
		*(body->younger != NULL ? &body->younger->older : &own->youngest) = body->older;
	}
	for (struct outbox_account *a = own, *under; a != NULL; a = under) {
		under = a->under;
		a->bytes -= body->len;
		a->n_bodies--;
		account_free_if_done(a);
	}
	body_put(body);
	return is_counted;
}

// ---- the end ----

// Bodies named by BODIES_PUT are the worker's and are not in the body field.
static void waiting_drop(struct waiting *w)
{
	for (; w->head != w->tail; w->head++) {
		struct body *body = w->at[w->head & w->mask].body;

		if (body != NULL)
			body_is_home(body);
	}
	free(w->at);
}

void outbox_destroy(struct outbox *o)
{
	if (o == NULL)
		return;
	for (uint32_t i = 0; i < o->n_workers; i++)
		waiting_drop(&o->to[i].waiting);
	while (o->accounts != NULL) { // of bodies that a worker keeps to its end
		struct outbox_account *a = o->accounts;

		o->accounts = a->next;
		free(a);
	}
	free(o);
}

uint32_t outbox_n_workers(const struct outbox *o)
{
	return o->n_workers;
}

struct body *outbox_body(struct outbox *o, uint32_t len)
{
	return body_get(o->bodies, len);
}

struct body *outbox_body_copy(struct outbox *o, const void *octets, uint32_t len)
{
	struct body *body = body_get(o->bodies, len);

	if (body != NULL && len > 0)
		memcpy(body->data, octets, len);
	return body;
}

void outbox_push(struct outbox *o, uint32_t worker, const struct command *c)
{
	assert(worker < o->n_workers);
	// Only behind those that wait already: order is part of the promise.
	if (waiting_n(&o->to[worker].waiting) > 0 || !mailbox_push(o->to[worker].ring, c))
		waiting_put(&o->to[worker].waiting, c);
}

static void home_send(struct outbox *o, uint32_t worker)
{
	struct homeward *home = &o->to[worker].home;
	struct command c = {.op = CMD_BODIES_PUT};

	memcpy(c.bodies.more, home->bodies, home->n * sizeof(home->bodies[0]));
	home->n = 0;
	outbox_push(o, worker, &c);
}

void outbox_body_home(struct outbox *o, uint32_t worker, struct body *body)
{
	struct homeward *home;

	assert(worker < o->n_workers);
	home = &o->to[worker].home;
	home->bodies[home->n++] = body;
	if (home->n == BODIES_PER_PUT)
		home_send(o, worker);
}

bool outbox_bodies_put(struct outbox *o, const struct report *r)
{
	bool has_room = false;

	(void)o;
	for (unsigned i = 0; i < BODIES_PER_PUT; i++) {
		struct body *body = r->bodies.more[i];

		if (body == NULL)
			continue;
		// The next user of this body shall not find a session's keys in it.
		if (body->len == sizeof(struct session_seed))
			octets_wipe(body->data, body->len);
		has_room |= body_is_home(body);
	}
	return has_room;
}

void outbox_lines_of(const struct outbox *o, struct lines *l)
{
	lines_add(l, o, offsetof(struct outbox, to[1]));
	lines_add(l, o->to[0].ring, offsetof(struct mailbox, mask));
}

bool outbox_flush(struct outbox *o)
{
	bool some_wait = false;

	for (uint32_t i = 0; i < o->n_workers; i++) {
		struct waiting *w = &o->to[i].waiting;

		if (o->to[i].home.n > 0)
			home_send(o, i);
		while (waiting_n(w) > 0 && mailbox_push(o->to[i].ring, &w->at[w->head & w->mask]))
			w->head++;
		some_wait |= waiting_n(w) > 0;
	}
	return some_wait;
}

uint32_t outbox_waiting(const struct outbox *o, uint32_t worker)
{
	assert(worker < o->n_workers);
	return waiting_n(&o->to[worker].waiting);
}

bool outbox_is_crowded(const struct outbox *o, uint32_t worker)
{
	return outbox_waiting(o, worker) >= OUTBOX_CROWDED;
}

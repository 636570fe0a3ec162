// Members that replicate: driven by hand, and whole ones that keep what they are told and serve
// what they have.
#pragma once

#include "control/group/objects.h"
#include "tests/unit/control/group/party.h"
#include "tests/unit/control/group/spx_kit.h"

// Routing, multicast, replication and posting.
#define OBJECT_SPEC "G:0100010101020103010c050e7465737400"

#define RAW_OBJECT_CONTROL "GR\x62"
#define RAW_OBJECTS        "GR\x63"

// ---- by hand ----

struct object_raw {
	struct spx_raw spx;
	int control, data; // our flows
	uint64_t seq;
};

static inline void object_raw_open(struct object_raw *s)
{
	s->control = raw_open(s->spx.e, RAW_OBJECT_CONTROL, 3, true, s->spx.t->their_main_id);
	s->data = raw_open(s->spx.e, RAW_OBJECTS, 3, true, s->spx.t->their_main_id);
	world_run(s->spx.t->w, 500 * MS);
}

static inline struct object_raw object_raw_of(struct raw_peer *t)
{
	struct object_raw s = {.spx = spx_raw_of(t)};

	object_raw_open(&s);
	return s;
}

static inline struct object_raw object_raw_add(struct raw_peer *t)
{
	struct object_raw s = {.spx = spx_raw_add(t)};

	object_raw_open(&s);
	return s;
}

static inline void object_say(struct object_raw *s, const struct wr *w)
{
	raw_send(s->spx.e, s->control, w->base, w->len);
}

static inline void object_say_have_flags(struct object_raw *s, uint8_t flags,
					 const struct index_range *ranges, uint32_t n)
{
	uint8_t octets[OBJECT_HAVE_LEN_MAX];
	struct wr w = wr_over(octets, sizeof(octets));

	object_have_write(&w, flags, ++s->seq, ranges, n);
	object_say(s, &w);
}

static inline void object_say_have(struct object_raw *s, uint64_t first, uint64_t last)
{
	struct index_range r = {first, last};

	object_say_have_flags(s, OBJECT_HAVE_SNAPSHOT, &r, 1);
}

static inline void object_say_delta(struct object_raw *s, enum object_delta_op op, uint64_t first,
				    uint64_t last)
{
	struct index_range r = {first, last};
	uint8_t octets[OBJECT_HAVE_LEN_MAX];
	struct wr w = wr_over(octets, sizeof(octets));

	object_delta_write(&w, op, ++s->seq, &r, 1);
	object_say(s, &w);
}

static inline void object_say_want(struct object_raw *s, bool is_interested)
{
	uint8_t octets[16];
	struct wr w = wr_over(octets, sizeof(octets));

	object_want_write(&w, is_interested, NULL, 0);
	object_say(s, &w);
}

static inline void object_say_request(struct object_raw *s, enum spx_type type, uint64_t request,
				      uint64_t index, uint8_t reason)
{
	struct object_request q = {request, index, reason};
	uint8_t octets[40];
	struct wr w = wr_over(octets, sizeof(octets));

	object_request_write(&w, type, &q);
	object_say(s, &w);
}

static inline void object_give(struct object_raw *s, uint64_t request, uint64_t index,
			       const char *text)
{
	struct object_data d = {.request = request,
				.index = index,
				.encoding = OBJECT_OPAQUE,
				.object = span_of(text, strlen(text))};
	uint8_t octets[256];
	struct wr w = wr_over(octets, sizeof(octets));

	object_data_write(&w, &d);
	raw_send(s->spx.e, s->data, octets, w.len);
}

#define OBJECT_HEARD_MAX 8192

// What came since the last time.
struct object_heard {
	uint32_t n_haves, n_snapshots, n_deltas, n_wants, n_interested;
	uint32_t n_requests, n_denies, n_cancels, n_objects;
	struct object_request requests[OBJECT_HEARD_MAX]; // the first of them
	struct object_request deny;                       // the last
	uint64_t object_index;                            // the last object's
	uint32_t n_ranges;                                // of haves and deltas
	struct index_range first_range, last_range;
	uint8_t flags, op;
};

static inline void object_hear_sets(struct object_heard *h, struct span m)
{
	struct object_have have = {0};
	struct index_range r;

	if (spx_msg_type(m) == SPX_HAVE) {
		party_check(object_have_read(&have, m) == 0);
		h->n_haves++;
		h->n_snapshots += have.flags & OBJECT_HAVE_SNAPSHOT;
		h->flags = have.flags;
	} else {
		party_check(object_delta_read(&have, m) == 0);
		h->n_deltas++;
		h->op = have.op;
	}
	while (object_range_next(&have.ranges, &r)) {
		if (h->n_ranges++ == 0)
			h->first_range = r;
		h->last_range = r;
	}
}

static inline void object_hear_message(struct object_heard *h, struct span m)
{
	struct object_request q;
	struct object_want want;
	struct object_data d;

	switch (spx_msg_type(m)) {
	case SPX_HAVE:
	case SPX_HAVE_DELTA:
		object_hear_sets(h, m);
		break;
	case SPX_WANT:
		party_check(object_want_read(&want, m) == 0);
		h->n_wants++;
		h->n_interested += want.is_interested;
		break;
	case SPX_REQUEST:
		party_check(object_request_read(&q, SPX_REQUEST, m) == 0);
		if (h->n_requests < OBJECT_HEARD_MAX)
			h->requests[h->n_requests] = q;
		h->n_requests++;
		break;
	case SPX_DENY:
		party_check(object_request_read(&h->deny, SPX_DENY, m) == 0);
		h->n_denies++;
		break;
	case SPX_CANCEL:
		h->n_cancels++;
		break;
	case SPX_OBJECT:
		party_check(object_data_read(&d, m) == 0);
		h->object_index = d.index;
		h->n_objects++;
		break;
	default:
		break;
	}
}

static inline struct object_heard *object_hear(struct object_raw *s)
{
	static struct object_heard h;
	struct got *g;

	memset(&h, 0, sizeof(h));
	while ((g = world_got(s->spx.raw)) != NULL) {
		if (memcmp(g->meta, RAW_OBJECT_CONTROL, 3) == 0 ||
		    memcmp(g->meta, RAW_OBJECTS, 3) == 0)
			object_hear_message(&h, span_of(g->octets, g->len));
		free(g);
	}
	return &h;
}

// ---- members that keep what they are told ----

#define OBJECT_TOLD_MAX 4096 // indices of which it is remembered

struct object_told {
	uint32_t n_sent, n_failed, n_results, n_requests;
	uint64_t sent[OBJECT_TOLD_MAX]; // indices, in order
	uint32_t n_got[OBJECT_TOLD_MAX];
	char text[64]; // the last object
	uint64_t request, index;
	uint8_t peer[PEER_ID_LEN];
	// What it does.
	bool serves;  // answers every request with "object INDEX"
	bool spreads; // has what it gets (OR-9)
	bool lies;    // answers with something else
};

static inline void object_serve_one(struct world_node *n, const struct object_told *t,
				    const struct group_event *e)
{
	char text[64];
	int len = snprintf(text, sizeof(text), "%s %llu", t->lies ? "no" : "object",
			   (unsigned long long)e->number);

	group_object_write(n->group, e->request, OBJECT_OPAQUE, span_of(text, (size_t)len),
			   world_now_us(n->world));
}

static inline void object_result(struct world_node *n, struct object_told *t,
				 const struct group_event *e)
{
	t->n_results++;
	t->index = e->number;
	memcpy(t->peer, e->peer, PEER_ID_LEN);
	snprintf(t->text, sizeof(t->text), "%.*s", (int)e->message.body.len,
		 (const char *)e->message.body.data);
	if (t->spreads && strncmp(t->text, "object", 6) != 0) {
		group_object_refuse(n->group, e->number, e->peer, world_now_us(n->world));
		return;
	}
	if (e->number < OBJECT_TOLD_MAX)
		t->n_got[e->number]++;
	if (t->spreads)
		group_have_add(n->group, e->number, e->number, world_now_us(n->world));
}

static inline void object_tell_event(struct world_node *n, const struct group_event *e)
{
	struct object_told *t = n->ctx;

	switch (e->kind) {
	case GROUP_FETCH_SEND:
		if (t->n_sent < OBJECT_TOLD_MAX)
			t->sent[t->n_sent] = e->number;
		t->n_sent++;
		break;
	case GROUP_FETCH_FAILED:
		t->n_failed++;
		break;
	case GROUP_FETCH_RESULT:
		object_result(n, t, e);
		break;
	case GROUP_OBJECT_REQUEST:
		t->n_requests++;
		t->request = e->request;
		t->index = e->number;
		if (t->serves || t->lies)
			object_serve_one(n, t, e);
		break;
	default:
		break;
	}
}

static inline void object_listen(struct world_node *n, struct object_told *t)
{
	n->on_event = object_tell_event;
	n->ctx = t;
}

// A member and what is driven by hand.
struct object_duo {
	struct raw_peer *t;
	struct object_raw raw;
	struct object_told told;
};

static inline struct object_duo *object_duo_create(void)
{
	static const struct world_role role = {.is_super = false};
	struct object_duo *d = calloc(1, sizeof(*d));

	d->t = raw_peer_create_in(&role, OBJECT_SPEC);
	raw_befriend(d->t);
	object_listen(d->t->node, &d->told);
	d->raw = object_raw_of(d->t);
	return d;
}

static inline void object_duo_destroy(struct object_duo *d)
{
	raw_peer_destroy(d->t);
	free(d);
}

static inline void object_run(struct object_duo *d, uint64_t us)
{
	world_run(d->t->w, us);
}

static inline struct objects *objects_of(const struct object_duo *d)
{
	return d->t->node->group->objects;
}

static inline const struct groups_counters *object_counters(const struct object_duo *d)
{
	return groups_counters(d->t->node->groups);
}

static inline int object_want(struct object_duo *d, uint64_t first, uint64_t last)
{
	return group_want_add(d->t->node->group, first, last, world_now_us(d->t->w));
}

static inline int object_have(struct object_duo *d, uint64_t first, uint64_t last)
{
	return group_have_add(d->t->node->group, first, last, world_now_us(d->t->w));
}

// Members that replicate among themselves. 0 is the super-peer that introduces them.
struct object_party {
	struct spx_party *p;
	struct object_told told[SPX_PARTY_MAX];
};

static inline struct object_party *object_party_create(uint32_t n_members)
{
	struct object_party *t = calloc(1, sizeof(*t));

	t->p = spx_party_create(n_members, true, OBJECT_SPEC);
	for (uint32_t i = 0; i < t->p->n; i++) {
		object_listen(t->p->nodes[i], &t->told[i]);
		t->told[i].serves = t->told[i].spreads = true;
	}
	return t;
}

static inline void object_party_destroy(struct object_party *t)
{
	spx_party_destroy(t->p);
	free(t);
}

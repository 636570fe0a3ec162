#include "dataplane/core/object_cache.h"

#include <stdlib.h>

#include "crypto/random.h"
#include "dataplane/core/flow_pools.h"
#include "dataplane/wire/spx_object.h"

// One place for so many octets there may be: pieces of files are 64 KiB, and whoever keeps only
// tiny ones keeps fewer octets.
#define BYTES_PER_PLACE 4096u
#define PLACES_MIN      16u

struct kept_object {
	struct body *body;
	uint64_t index;
	uint32_t refs;         // messages that send it
	uint32_t next;         // of its bucket
	uint32_t older, newer; // of those without refs, by when they were asked for
	uint16_t group;
	uint8_t encoding;
	bool is_dropped; // not to be found any more
};

struct object_cache {
	struct kept_object *places;
	uint32_t *buckets; // place + 1; 0: none
	uint32_t n_buckets;
	uint64_t factor; // odd and secret, so nobody can choose indices that share a bucket
	struct idx_pool free;
	uint32_t oldest, newest;
	uint64_t bytes, bytes_max;   // of bodies with all that belongs to them
	struct object_gauge *gauges; // by group
	uint32_t n_gauges;
};

struct object_cache *object_cache_create(const struct engine_opts *o)
{
	struct object_cache *c = calloc(1, sizeof(*c));
	uint32_t n = (uint32_t)(o->object_bytes / BYTES_PER_PLACE);

	if (c == NULL)
		return NULL;
	n = o->object_bytes == 0 || n > PLACES_MIN ? n : PLACES_MIN;
	*c = (struct object_cache){.oldest = IDX_NONE,
				   .newest = IDX_NONE,
				   .bytes_max = o->object_bytes,
				   .n_buckets = n > 0 ? n : 1,
				   .factor = o->object_bytes > 0 ? random_u64(o->random) | 1 : 1,
				   .n_gauges = o->groups_max + 1};
	c->places = pages_take((size_t)n * sizeof(*c->places));
	c->buckets = pages_take((size_t)c->n_buckets * sizeof(*c->buckets));
	c->gauges = pages_take((size_t)c->n_gauges * sizeof(*c->gauges));
	if (c->places == NULL || c->buckets == NULL || c->gauges == NULL ||
	    idx_pool_init(&c->free, n) != 0) {
		object_cache_destroy(c);
		return NULL;
	}
	return c;
}

void object_cache_destroy(struct object_cache *c)
{
	if (c == NULL)
		return;
	pages_give(c->places, (size_t)c->free.max * sizeof(*c->places));
	pages_give(c->buckets, (size_t)c->n_buckets * sizeof(*c->buckets));
	pages_give(c->gauges, (size_t)c->n_gauges * sizeof(*c->gauges));
	idx_pool_fini(&c->free);
	free(c);
}

const struct object_gauge *object_cache_gauge(const struct object_cache *c, uint16_t group)
{
	return &c->gauges[group];
}

static uint64_t bytes_of(const struct body *b)
{
	return sizeof(*b) + (uint64_t)b->cap;
}

// ---- finding ----

// Where the number of the first of its bucket stands. Of a product with a random factor the highest
// bits say least about who else is there.
static uint32_t *bucket(struct object_cache *c, uint16_t group, uint64_t index)
{
	uint64_t h = (index ^ (uint64_t)group << 48) * c->factor;

	return &c->buckets[((h >> 32) * c->n_buckets) >> 32];
}

static struct kept_object *find(struct object_cache *c, uint16_t group, uint64_t index)
{
	uint32_t at = *bucket(c, group, index);

	while (at != 0 && (c->places[at - 1].index != index || c->places[at - 1].group != group))
		at = c->places[at - 1].next;
	return at != 0 ? &c->places[at - 1] : NULL;
}

static void hide(struct object_cache *c, struct kept_object *o)
{
	uint32_t *at = bucket(c, o->group, o->index);

	while (&c->places[*at - 1] != o)
		at = &c->places[*at - 1].next;
	*at = o->next;
	o->is_dropped = true;
}

// ---- by age ----

static uint32_t place_of(const struct object_cache *c, const struct kept_object *o)
{
	return (uint32_t)(o - c->places);
}

static void age_remove(struct object_cache *c, struct kept_object *o)
{
	*(o->older != IDX_NONE ? &c->places[o->older].newer : &c->oldest) = o->newer;
	*(o->newer != IDX_NONE ? &c->places[o->newer].older : &c->newest) = o->older;
}

static void age_add(struct object_cache *c, struct kept_object *o)
{
	o->older = c->newest;
	o->newer = IDX_NONE;
	*(c->newest != IDX_NONE ? &c->places[c->newest].newer : &c->oldest) = place_of(c, o);
	c->newest = place_of(c, o);
}

// ---- coming and going ----

static void go(struct engine *e, struct object_cache *c, struct kept_object *o)
{
	struct object_gauge *g = &c->gauges[o->group];

	c->bytes -= bytes_of(o->body);
	g->n_kept--;
	g->kept_bytes -= bytes_of(o->body);
	engine_body_home(e, o->body);
	o->body = NULL;
	idx_put(&c->free, place_of(c, o));
}

static void drop(struct engine *e, struct object_cache *c, struct kept_object *o)
{
	hide(c, o);
	if (o->refs > 0) // the last of those who get it lets it go
		return;
	age_remove(c, o);
	go(e, c, o);
}

static bool make_room(struct engine *e, struct object_cache *c, uint64_t bytes)
{
	while (c->bytes + bytes > c->bytes_max || c->free.n == c->free.max) {
		struct kept_object *o;

		if (c->oldest == IDX_NONE)
			return false;
		o = &c->places[c->oldest];
		c->gauges[o->group].n_evicted++;
		drop(e, c, o);
	}
	return true;
}

void object_cache_keep(struct engine *e, const struct command *cmd)
{
	struct object_cache *c = e->flows->objects;
	uint16_t group = cmd->object.group;
	struct kept_object *o;
	uint32_t *at;

	assert(group < c->n_gauges && cmd->len == cmd->body->len);
	if (find(c, group, cmd->object.first) != NULL) { // whoever changes it drops it before
		engine_body_home(e, cmd->body);
		return;
	}
	if (bytes_of(cmd->body) > c->bytes_max || !make_room(e, c, bytes_of(cmd->body))) {
		c->gauges[group].n_refused++;
		engine_body_home(e, cmd->body);
		return;
	}
	o = &c->places[idx_get(&c->free)];
	at = bucket(c, group, cmd->object.first);
	*o = (struct kept_object){.body = cmd->body,
				  .index = cmd->object.first,
				  .next = *at,
				  .group = group,
				  .encoding = cmd->object.encoding};
	*at = place_of(c, o) + 1;
	age_add(c, o);
	c->bytes += bytes_of(o->body);
	c->gauges[group].n_kept++;
	c->gauges[group].kept_bytes += bytes_of(o->body);
}

void object_cache_drop(struct engine *e, const struct command *cmd)
{
	struct object_cache *c = e->flows->objects;
	uint64_t first = cmd->object.first, last = cmd->object.last;
	struct kept_object *o;

	if (last - first < c->free.n) {
		for (uint64_t i = first; i <= last; i++) {
			o = find(c, cmd->object.group, i);
			if (o != NULL)
				drop(e, c, o);
		}
		return;
	}
	for (uint32_t i = 0; i < c->free.fresh; i++) {
		o = &c->places[i];
		if (o->body != NULL && !o->is_dropped && o->group == cmd->object.group &&
		    o->index >= first && o->index <= last)
			drop(e, c, o);
	}
}

// ---- giving ----

const uint8_t *kept_object_data(const struct kept_object *o)
{
	return o->body->data;
}

void kept_object_unref(struct engine *e, struct kept_object *o)
{
	struct object_cache *c = e->flows->objects;

	assert(o->refs > 0);
	if (--o->refs > 0)
		return;
	if (o->is_dropped)
		go(e, c, o);
	else
		age_add(c, o);
}

static bool has_room(const struct flow_tx_cold *flow, uint32_t len)
{
	return flow->queue.n < OBJECT_ANSWERS_MAX &&
	       flow->queue.bytes + len <= OBJECT_ANSWER_BYTES_MAX;
}

// False: nothing was sent.
static bool give(struct engine *e, uint32_t flow_idx, struct kept_object *o, uint64_t request)
{
	struct object_data d = {.request = request, .index = o->index, .encoding = o->encoding};
	struct tx_msg m = {.kind = MSG_OBJECT, .object = {.kept = o}};
	struct wr w = wr_over(m.object.head, sizeof(m.object.head));

	object_data_write_head(&w, &d);
	m.head_len = (uint8_t)w.len;
	m.len = (uint32_t)w.len + o->body->len;
	if (o->refs == 0)
		age_remove(e->flows->objects, o);
	o->refs++;
	if (flow_tx_push(e, flow_idx, &m) == 0)
		return true;
	kept_object_unref(e, o);
	return false;
}

bool object_cache_answer(struct engine *e, uint32_t session_idx, uint64_t answer_flow_id,
			 struct span message)
{
	struct object_cache *c = e->flows->objects;
	uint32_t flow_idx = flow_tx_find(e->flows, session_idx, answer_flow_id);
	const struct flow_tx_cold *flow;
	struct object_request q;
	struct object_gauge *g;
	struct kept_object *o;

	if (flow_idx == FLOW_IDX_NONE || spx_msg_type(message) != SPX_REQUEST ||
	    object_request_read(&q, SPX_REQUEST, message) != 0)
		return false; // control says what is wrong with it
	flow = flow_tx_cold_at(e->flows, flow_idx);
	g = &c->gauges[flow->group];
	o = find(c, flow->group, q.index);
	if (o == NULL) {
		g->n_missed++;
		return false;
	}
	if (!has_room(flow, o->body->len) || !give(e, flow_idx, o, q.request)) {
		g->n_crowded++;
		return false;
	}
	g->n_given++;
	g->given_bytes += o->body->len;
	return true;
}

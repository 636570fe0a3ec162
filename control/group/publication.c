#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/group/lan.h"
#include "control/group/play.h"
#include "control/group/stream_params.h"

enum {
	LOOK_US = 200000,
	LINGER_MIN_US = 500000, // a last look at what the workers say
};

// Bodies of one message, in order.
struct batch {
	struct outbox *outbox;
	struct body *first, *last;
	uint32_t n;
	uint8_t is_key[STREAM_FRAGMENTS_MAX + 256]; // a message and the repetitions before it
	uint64_t number;                            // of the first
};

static int batch_add(void *ctx, const struct publisher_fragment *f)
{
	struct batch *b = ctx;
	size_t len = f->head.len + f->payload.len;
	struct body *body;

	if (b->n == sizeof(b->is_key))
		return -EMSGSIZE;
	body = outbox_body(b->outbox, (uint32_t)len);
	if (body == NULL)
		return -EAGAIN;
	memcpy(body->data, f->head.data, f->head.len);
	if (f->payload.len > 0)
		memcpy(body->data + f->head.len, f->payload.data, f->payload.len);
	body->next = NULL;
	if (b->n == 0)
		b->number = f->number;
	b->is_key[b->n++] = f->is_key;
	if (b->last != NULL)
		b->last->next = body;
	else
		b->first = body;
	b->last = body;
	return 0;
}

static void batch_forget(struct batch *b)
{
	while (b->first != NULL) {
		struct body *body = b->first;

		b->first = body->next;
		body_put(body);
	}
}

static void batch_push(struct batch *b, struct gstream *s)
{
	for (uint32_t i = 0; i < b->n; i++) {
		struct body *body = b->first;
		struct command c = {.op = CMD_STREAM_PUBLISH,
				    .len = body->len,
				    .body = body,
				    .stream = {.number = b->number + i,
					       .stream = s->index,
					       .is_key = b->is_key[i]}};

		b->first = body->next;
		lan_fragment_out(s, span_of(body->data, body->len));
		outbox_push(b->outbox, s->home, &c);
	}
}

// ---- for programs ----

static int may_publish(const struct group *g, const char *name)
{
	size_t len = strlen(name);

	if (len == 0 || len > STREAM_NAME_MAX)
		return -EINVAL;
	if (!g->spec.multicast)
		return -EOPNOTSUPP;
	return groupspec_may_publish(&g->spec) ? 0 : -EACCES;
}

static struct stream_info info_of(const char *name, const struct group_stream_params *params)
{
	return (struct stream_info){.name = span_of(name, strlen(name)),
				    .window_ms = params->window_ms,
				    .expiry_ms = STREAM_EXPIRY_MS,
				    .update_ms = params->update_ms,
				    .fetch_ms = params->fetch_ms,
				    .has_flag_02 = true,
				    .is_sent_to_all = params->send_to_all};
}

static struct group_publication *publication_make(struct group *g, void *user)
{
	struct group_publication *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return NULL;
	p->group = g;
	p->user = user;
	p->publisher = publisher_create();
	if (p->publisher == NULL) {
		free(p);
		return NULL;
	}
	return p;
}

int group_publish(struct group *g, const char *name, const struct group_stream_params *params,
		  void *user, struct group_publication **out, uint64_t now_us)
{
	struct groups *gs = g->groups;
	struct group_stream_params own = {0};
	struct group_publication *p;
	struct stream_info info;
	uint8_t home;
	int err;

	gs->now_us = now_us;
	err = stream_params_settle(params != NULL ? params : &own, &own);
	if (err == 0)
		err = may_publish(g, name);
	if (err != 0)
		return err;
	p = publication_make(g, user);
	if (p == NULL)
		return -ENOBUFS;
	info = info_of(name, &own);
	random_fill(gs->o.random, info.key, sizeof(info.key));
	home = info.key[0] % outbox_n_workers(gs->o.outbox);
	p->margin_ms = own.margin_ms;
	err = stream_make(g, &info, p->margin_ms, home, own.push_neighbours, &p->stream);
	if (err != 0) {
		publisher_destroy(p->publisher);
		free(p);
		return -ENOBUFS;
	}
	p->stream->publication = p;
	p->next = g->publications;
	g->publications = p;
	*out = p;
	return 0;
}

static bool is_ready(const struct group_publication *p)
{
	return !outbox_is_crowded(p->group->groups->o.outbox, p->stream->home);
}

int group_publication_write(struct group_publication *p, const struct stream_message *m,
			    bool is_key, uint64_t now_us)
{
	struct batch b = {.outbox = p->group->groups->o.outbox};
	int err;

	p->group->groups->now_us = now_us;
	if (p->is_ending || p->stream == NULL)
		return -EPIPE;
	if (!is_ready(p))
		return -EAGAIN;
	err = publisher_write(p->publisher, m, is_key, batch_add, &b);
	if (err != 0) {
		batch_forget(&b);
		return err;
	}
	batch_push(&b, p->stream);
	stream_progress(p->stream, publisher_next_number(p->publisher) - 1);
	return 0;
}

// The last words and StreamEnd, once there is room for them.
static void try_end(struct group_publication *p)
{
	struct groups *gs = p->group->groups;
	struct batch b = {.outbox = gs->o.outbox};
	uint64_t end;

	p->look_us = gs->now_us + LOOK_US;
	if (!is_ready(p))
		return;
	if (publisher_end(p->publisher, p->stream->name, batch_add, &b, &end) != 0) {
		batch_forget(&b);
		return;
	}
	batch_push(&b, p->stream);
	stream_progress(p->stream, end - 1);
	stream_end(p->stream, end);
	p->has_ended = true;
	p->ended_us = gs->now_us;
}

void group_publication_end(struct group_publication *p, uint64_t now_us)
{
	p->group->groups->now_us = now_us;
	if (p->is_ending || p->stream == NULL)
		return;
	p->is_ending = true;
	try_end(p);
}

// ---- delivered? ----

static void ask_for_stats(const struct groups *gs)
{
	struct command links = {.op = CMD_STATS, .stats.table = STATS_LINKS};
	struct command sessions = {.op = CMD_STATS, .stats.table = STATS_SESSIONS};

	for (uint32_t w = 0; w < outbox_n_workers(gs->o.outbox); w++) {
		outbox_push(gs->o.outbox, w, &links);
		outbox_push(gs->o.outbox, w, &sessions);
	}
}

// Does every neighbour that takes part have everything, acknowledged? Only what the workers said
// after the end counts.
static bool is_delivered(const struct group_publication *p)
{
	for (const struct stream_link *l = p->stream->links; l != NULL; l = l->next_of_stream) {
		const struct neighbour *nb = l->neighbour;

		if (!l->is_linked)
			continue;
		if (l->lag_us <= p->ended_us || l->lag > 0 || nb->in_flight_us <= p->ended_us ||
		    nb->in_flight_bytes > 0)
			return false;
	}
	return true;
}

static void finish(struct group_publication *p)
{
	struct group_event e = {
		.kind = GROUP_PUBLISH_DONE, .group = p->group, .publication = p, .user = p->user};

	p->is_done = true;
	event_push(&p->group->groups->events, &e);
}

static void look(struct group_publication *p)
{
	uint64_t now_us = p->group->groups->now_us;
	uint64_t limit_us, since_us;

	if (p->stream == NULL) {
		finish(p);
		return;
	}
	if (!p->has_ended) {
		try_end(p);
		return;
	}
	since_us = now_us - p->ended_us;
	limit_us = ((uint64_t)p->stream->window_ms + p->margin_ms) * 1000;
	p->look_us = now_us + LOOK_US;
	if (since_us >= limit_us || (since_us >= LINGER_MIN_US && is_delivered(p)))
		finish(p);
	else
		ask_for_stats(p->group->groups);
}

void publications_timers(struct group *g)
{
	for (struct group_publication *p = g->publications; p != NULL; p = p->next)
		if (p->is_ending && !p->is_done && p->look_us <= g->groups->now_us)
			look(p);
}

uint64_t publications_deadline_us(const struct group *g)
{
	uint64_t at_us = NEVER;

	for (const struct group_publication *p = g->publications; p != NULL; p = p->next)
		if (p->is_ending && !p->is_done)
			at_us = earlier(at_us, p->look_us);
	return at_us;
}

// ---- the end ----

void publication_stream_gone(struct group_publication *p)
{
	if (p == NULL)
		return;
	group_publication_info(p, &p->last);
	p->last.name = "";
	p->stream = NULL;
}

static void publication_free(struct group_publication *p)
{
	if (p->stream != NULL)
		p->stream->publication = NULL;
	event_forget(&p->group->groups->events, p);
	publisher_destroy(p->publisher);
	free(p);
}

void group_publication_close(struct group_publication *p, uint64_t now_us)
{
	struct group_publication **at = &p->group->publications;

	group_publication_end(p, now_us);
	while (*at != p)
		at = &(*at)->next;
	*at = p->next;
	publication_free(p);
}

void publications_free(struct group *g)
{
	while (g->publications != NULL) {
		struct group_publication *p = g->publications;

		g->publications = p->next;
		publication_free(p);
	}
}

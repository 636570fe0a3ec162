#include "perf/probes/heard.h"

#include <stdlib.h>

#include "dataplane/core/stream.h"
#include "perf/probes/load_message.h"

// One number of the stream, the same for all.
struct told {
	uint64_t message;  // the first fragment's: its number by the generator's own count
	uint8_t n_more;    // fragments that follow it
	bool is_beginning; // of such a message
	bool is_known;
};

struct heard {
	uint32_t members;
	uint64_t numbers_max, words; // per member
	uint64_t *bits;
	uint64_t *pos; // per member: where its window is read on
	struct told *told;
	uint64_t newest;
};

struct heard *heard_create(uint32_t members, uint64_t numbers_max)
{
	struct heard *h = calloc(1, sizeof(*h));

	if (h == NULL)
		return NULL;
	h->members = members;
	h->numbers_max = numbers_max;
	h->words = numbers_max / 64 + 1;
	h->bits = calloc(members * h->words, sizeof(*h->bits));
	h->pos = calloc(members, sizeof(*h->pos));
	h->told = calloc(numbers_max + 1, sizeof(*h->told));
	if (h->bits == NULL || h->pos == NULL || h->told == NULL) {
		heard_destroy(h);
		return NULL;
	}
	return h;
}

void heard_destroy(struct heard *h)
{
	if (h == NULL)
		return;
	free(h->bits);
	free(h->pos);
	free(h->told);
	free(h);
}

static void tell(struct told *t, struct span body)
{
	struct stream_fragment f;

	t->is_known = true;
	if (stream_fragment_read(&f, body) != 0 || !(f.flags & STREAM_FRAGMENT_FIRST))
		return;
	t->is_beginning = load_message_read(f.payload, &t->message);
	t->n_more = f.n_more;
}

static void hear(struct heard *h, uint32_t member, const struct record *rec)
{
	if (rec->no > h->numbers_max)
		return;
	h->bits[member * h->words + rec->no / 64] |= 1ull << rec->no % 64;
	if (!h->told[rec->no].is_known)
		tell(&h->told[rec->no], span_of(rec->body, rec->len));
	if (rec->no > h->newest)
		h->newest = rec->no;
}

void heard_read(struct heard *h, uint32_t member, const struct engine *e)
{
	const struct stream *s;
	const struct record *rec;

	if (e->relay->n_active != 1)
		return;
	s = stream_at(e, e->relay->active[0]);
	while ((rec = window_at(&s->window, e->relay->extents, &h->pos[member])) != NULL) {
		hear(h, member, rec);
		h->pos[member] = window_after(h->pos[member], rec);
	}
}

static bool has(const struct heard *h, uint32_t member, uint64_t no)
{
	return no <= h->numbers_max && h->bits[member * h->words + no / 64] >> no % 64 & 1;
}

static bool has_all(const struct heard *h, uint32_t member, uint64_t from, uint64_t to)
{
	while (from <= to && has(h, member, from))
		from++;
	return from > to;
}

struct heard_count heard_count(const struct heard *h, uint32_t member)
{
	struct heard_count c = {0, 0};
	uint64_t next = 0;

	for (uint64_t no = 1; no <= h->newest; no++) {
		const struct told *t = &h->told[no];

		if (!t->is_beginning || !has_all(h, member, no, no + t->n_more))
			continue;
		c.messages++;
		c.gaps += t->message != next;
		next = t->message + 1;
	}
	return c;
}

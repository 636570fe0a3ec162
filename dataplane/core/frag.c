#include "dataplane/core/frag.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/pages.h"

// One packet that is being put together. Pieces lie in order of arrival.
struct reassembly {
	uint64_t progress_us;
	uint64_t packet_id;
	struct msg_addr from;
	uint32_t near_id;
	bool is_used, has_final;
	uint8_t final; // index of the last piece
	uint16_t n_pieces, len;
	struct {
		uint16_t at, len; // len 0: not here yet
	} pieces[FRAG_PIECES_MAX];
	uint8_t data[FRAG_PACKET_MAX];
};

struct frag_table {
	struct reassembly *slots; // FRAGMENT_REASSEMBLIES_MAX
	uint8_t whole[FRAG_PACKET_MAX];
};

struct frag_table *frag_table_create(void)
{
	struct frag_table *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	t->slots = pages_take(FRAGMENT_REASSEMBLIES_MAX * sizeof(*t->slots));
	if (t->slots == NULL) {
		free(t);
		return NULL;
	}
	return t;
}

void frag_table_destroy(struct frag_table *t)
{
	if (t == NULL)
		return;
	pages_give(t->slots, FRAGMENT_REASSEMBLIES_MAX * sizeof(*t->slots));
	free(t);
}

// §5 has a packet take a minute at most; it has too few pieces for that.
static_assert(FRAG_PIECES_MAX * FRAGMENT_PROGRESS_MS <= FRAGMENT_LIFE_MS, "each makes progress");

static bool is_over(const struct reassembly *r, uint64_t now_us)
{
	return now_us - r->progress_us > FRAGMENT_PROGRESS_MS * 1000ull;
}

// The packet's slot, or one for it; NULL: all are taken by others.
static struct reassembly *find(struct frag_table *t, const struct msg_addr *from, uint32_t near_id,
			       uint64_t packet_id, uint64_t now_us)
{
	struct reassembly *unused = NULL;

	for (uint32_t i = 0; i < FRAGMENT_REASSEMBLIES_MAX; i++) {
		struct reassembly *r = &t->slots[i];

		if (!r->is_used || is_over(r, now_us))
			unused = unused != NULL ? unused : r;
		else if (r->packet_id == packet_id && r->near_id == near_id &&
			 memcmp(&r->from, from, sizeof(*from)) == 0)
			return r;
	}
	if (unused != NULL) {
		memset(unused, 0, offsetof(struct reassembly, data));
		unused->is_used = true;
		unused->progress_us = now_us;
		unused->packet_id = packet_id;
		unused->from = *from;
		unused->near_id = near_id;
	}
	return unused;
}

static bool contradicts(const struct reassembly *r, const struct packet_fragment *f)
{
	if (f->index >= FRAG_PIECES_MAX || f->body.len > (size_t)(FRAG_PACKET_MAX - r->len))
		return true;
	if (r->has_final)
		return f->index > r->final || (!f->has_more && f->index != r->final);
	for (uint64_t i = f->index + 1; !f->has_more && i < FRAG_PIECES_MAX; i++) {
		if (r->pieces[i].len > 0)
			return true; // something lies behind what says it is the end
	}
	return false;
}

static void join(struct frag_table *t, struct reassembly *r, struct span *packet)
{
	size_t len = 0;

	for (uint32_t i = 0; i <= r->final; i++) {
		memcpy(t->whole + len, r->data + r->pieces[i].at, r->pieces[i].len);
		len += r->pieces[i].len;
	}
	r->is_used = false;
	*packet = span_of(t->whole, len);
}

enum frag_result frag_add(struct frag_table *t, const struct msg_addr *from, uint32_t near_id,
			  const struct packet_fragment *f, uint64_t now_us, struct span *packet)
{
	struct reassembly *r = find(t, from, near_id, f->packet_id, now_us);

	if (r == NULL)
		return FRAG_FULL;
	if (f->index < FRAG_PIECES_MAX && r->pieces[f->index].len > 0)
		return FRAG_WAITS; // a duplicate; whatever it holds, the first one counts
	if (contradicts(r, f))
		return FRAG_BAD;
	r->pieces[f->index].at = r->len;
	r->pieces[f->index].len = (uint16_t)f->body.len;
	memcpy(r->data + r->len, f->body.data, f->body.len);
	r->len += (uint16_t)f->body.len;
	r->n_pieces++;
	r->progress_us = now_us;
	if (!f->has_more) {
		r->has_final = true;
		r->final = (uint8_t)f->index;
	}
	if (!r->has_final || r->n_pieces <= r->final)
		return FRAG_WAITS;
	join(t, r, packet);
	return FRAG_WHOLE;
}

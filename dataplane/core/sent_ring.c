#include "dataplane/core/sent_ring.h"

#include <string.h>

static enum slab_size slab_of(uint32_t ring_mask)
{
	switch (ring_mask) {
	case SENT_RING_LEAST - 1:
		return SLAB_128;
	case 63:
		return SLAB_1K;
	case 255:
		return SLAB_4K;
	default:
		return SLAB_16K;
	}
}
static_assert(SENT_RING_LEAST * sizeof(struct sent) == 128,
	      "entries of the smallest ring fill their slab");
static_assert(64 * sizeof(struct sent) == 1024, "and those of the next");
static_assert(SENT_RING_MAX * sizeof(struct sent) == 16384, "and those of the largest");

int sent_ring_grow(struct flow_tx *f, struct slabs *slabs)
{
	uint32_t n = f->ring == NULL ? 0 : f->ring_mask + 1, grown = 4 * n;
	struct sent *ring;

	if (n <= SENT_RING_LEAST)
		grown = n == 0 ? SENT_RING_LEAST : 64;
	if (grown > SENT_RING_MAX)
		return -ENOBUFS;
	ring = slab_get(slabs, slab_of(grown - 1));
	if (ring == NULL)
		return -ENOBUFS;
	for (uint64_t sn = f->sn_base; sn < f->sn_next; sn++)
		ring[sn & (grown - 1)] = *sent_at(f, sn);
	if (f->ring != NULL)
		slab_put(slabs, slab_of(f->ring_mask), f->ring);
	f->ring = ring;
	f->ring_mask = grown - 1;
	return 0;
}

void sent_ring_release(struct flow_tx *f, struct slabs *slabs)
{
	assert(sent_ring_is_empty(f));
	if (f->ring == NULL)
		return;
	slab_put(slabs, slab_of(f->ring_mask), f->ring);
	f->ring = NULL;
	f->ring_mask = 0;
	f->flags &= (uint8_t)~FLOW_TX_GAPS;
}

static bool is_given_up(const struct sent *x)
{
	return (x->flags & (SENT_ABANDONED | SENT_IN_FLIGHT)) == SENT_ABANDONED;
}

void sent_ring_trim(struct flow_tx *f)
{
	while (f->sn_base < f->sn_next && sent_at(f, f->sn_base)->flags & SENT_ACKED)
		f->sn_base++;
	// An ABN in flight stays for its ack: dropped, its octets would be lost from the account of
	// what is in flight.
	if (sent_ring_is_empty(f) || !is_given_up(sent_at(f, f->sn_base)))
		return;
	for (uint64_t sn = f->sn_base + 1; sn < f->sn_next; sn++) {
		const struct sent *x = sent_at(f, sn);

		if (is_given_up(x))
			f->sn_base = sn;
		else if (!(x->flags & SENT_ACKED))
			return;
	}
}

bool sent_ring_wants_abn(const struct flow_tx *f)
{
	if (sent_ring_is_empty(f))
		return false;
	return is_given_up(sent_at(f, f->sn_base));
}

uint64_t sent_ring_fsn(const struct flow_tx *f)
{
	uint64_t sn = f->sn_base;

	while (sn < f->sn_next && sent_is_forgotten(sent_at(f, sn)))
		sn++;
	return sn - 1;
}

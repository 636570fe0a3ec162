#include "control/startup/directory.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/random.h"
#include "dataplane/pages.h"

#define GENERATIONS (1u << SESSION_GEN_BITS)

struct worker_slots {
	uint32_t n_fresh;   // slots from here on were never used
	uint32_t free_head; // given back, by place; linked through next_by_addr
	uint32_t n_used;
};

struct directory {
	const struct random *rng;
	uint32_t n_workers, sessions_max;
	uint64_t seed;
	uint32_t hash_mask;
	uint32_t *by_addr, *by_print; // place + 1 of the newest seat in a chain; 0: empty
	uint32_t *of_host;            // seats listed, by hash of their hosts
	struct seat *seats;           // worker * sessions_max + slot
	struct ctl_flows *flows;      // the same
	struct worker_slots workers[];
};

static size_t seats_bytes(const struct directory *d)
{
	return (size_t)d->n_workers * d->sessions_max * sizeof(d->seats[0]);
}

static size_t flows_bytes(const struct directory *d)
{
	return (size_t)d->n_workers * d->sessions_max * sizeof(d->flows[0]);
}

static size_t hash_bytes(const struct directory *d)
{
	return ((size_t)d->hash_mask + 1) * sizeof(d->by_addr[0]);
}

struct directory *directory_create(uint32_t n_workers, uint32_t sessions_max,
				   const struct random *rng)
{
	struct directory *d = calloc(1, sizeof(*d) + n_workers * sizeof(d->workers[0]));

	if (d == NULL)
		return NULL;
	assert(n_workers <= 1u << SESSION_WORKER_BITS && sessions_max <= 1u << SESSION_SLOT_BITS);
	d->rng = rng;
	d->n_workers = n_workers;
	d->sessions_max = sessions_max;
	d->seed = random_u64(rng);
	d->hash_mask = 1;
	while (d->hash_mask < n_workers * sessions_max)
		d->hash_mask = d->hash_mask << 1 | 1;
	for (uint32_t i = 0; i < n_workers; i++)
		d->workers[i].free_head = NO_SEAT;
	d->seats = pages_take(seats_bytes(d));
	d->flows = pages_take(flows_bytes(d));
	d->by_addr = pages_take(hash_bytes(d));
	d->by_print = pages_take(hash_bytes(d));
	d->of_host = pages_take(hash_bytes(d));
	if (d->seats == NULL || d->flows == NULL || d->by_addr == NULL || d->by_print == NULL ||
	    d->of_host == NULL) {
		directory_destroy(d);
		return NULL;
	}
	return d;
}

void directory_destroy(struct directory *d)
{
	if (d == NULL)
		return;
	pages_give(d->seats, seats_bytes(d));
	pages_give(d->flows, flows_bytes(d));
	pages_give(d->by_addr, hash_bytes(d));
	pages_give(d->by_print, hash_bytes(d));
	pages_give(d->of_host, hash_bytes(d));
	free(d);
}

// Given back last, taken first: what is in use stays dense.
static struct seat *slot_take(struct directory *d, uint32_t worker)
{
	struct worker_slots *w = &d->workers[worker];
	struct seat *s;

	if (w->free_head != NO_SEAT) {
		s = &d->seats[w->free_head];
		w->free_head = s->next_by_addr;
		return s;
	}
	if (w->n_fresh == d->sessions_max)
		return NULL;
	s = &d->seats[(size_t)worker * d->sessions_max + w->n_fresh];
	s->at = worker * d->sessions_max + w->n_fresh++;
	return s;
}

// Never 0, so that no id is 0; never the former one, so that what outlived a session misses the
// next.
static uint16_t generation_after(const struct directory *d, uint16_t former)
{
	uint16_t generation;

	do
		generation = (uint16_t)(1 + random_below(d->rng, GENERATIONS - 1));
	while (generation == former);
	return generation;
}

struct seat *directory_take(struct directory *d, uint32_t worker)
{
	struct seat *s;
	uint32_t at;
	uint16_t generation;

	assert(worker < d->n_workers);
	s = slot_take(d, worker);
	if (s == NULL)
		return NULL;
	at = s->at;
	generation = generation_after(d, s->generation);
	memset(s, 0, offsetof(struct seat, answer)); // of which answer_len says what there is
	s->at = at;
	s->generation = generation;
	ctl_session_flows_set(&s->ctl, &d->flows[at]);
	s->ctl.worker = worker;
	s->ctl.idx = at - worker * d->sessions_max;
	s->ctl.id = session_id_make(worker, s->ctl.idx, generation);
	s->ctl.state = CTL_OPENING;
	d->workers[worker].n_used++;
	return s;
}

uint32_t directory_emptiest(const struct directory *d, uint32_t preferred)
{
	uint32_t best = preferred;

	for (uint32_t i = 0; i < d->n_workers; i++)
		if (d->workers[i].n_used < d->workers[best].n_used)
			best = i;
	return best;
}

// What is written anywhere else is found out by every test of a sanitizer build.
static void flows_are_zero(const struct ctl_flows *f)
{
#ifdef ANNULUS_SANITIZED
	const uint8_t *octets = (const uint8_t *)f;

	assert(octets[0] == 0 && memcmp(octets, octets + 1, sizeof(*f) - 1) == 0);
#else
	(void)f;
#endif
}

// As far as they were written: most sessions have a few of their 64 each way.
static void flows_clear(struct ctl_flows *f, unsigned end)
{
	memset(f->tx_uses, 0, end * sizeof(f->tx_uses[0]));
	memset(f->tx, 0, end * sizeof(f->tx[0]));
	memset(f->rx, 0, end * sizeof(f->rx[0]));
	flows_are_zero(f);
}

void directory_give(struct directory *d, struct seat *s)
{
	struct worker_slots *w = &d->workers[s->ctl.worker];

	assert(s->ctl.state != CTL_FREE);
	if (s->is_listed)
		directory_unlist(d, s);
	flows_clear(&d->flows[s->at], s->ctl.flows_end);
	s->ctl.state = CTL_FREE;
	s->next_by_addr = w->free_head;
	w->free_head = s->at;
	w->n_used--;
}

// -- finding --

static uint32_t *addr_chain(struct directory *d, uint8_t endpoint, const struct wire_addr *a)
{
	return &d->by_addr[(wire_addr_hash(a, d->seed) + endpoint) & d->hash_mask];
}

// A fingerprint is a SHA-256, but its maker can try many: mixed with the seed he does not know.
static uint32_t *print_chain(struct directory *d, uint8_t endpoint, const uint8_t fingerprint[32])
{
	uint64_t word[4], h = d->seed + endpoint;

	memcpy(word, fingerprint, sizeof(word));
	for (unsigned i = 0; i < 4; i++) {
		h = (h ^ word[i]) * UINT64_C(0x9e3779b97f4a7c15);
		h ^= h >> 32;
	}
	return &d->by_print[h & d->hash_mask];
}

static uint32_t *host_count(struct directory *d, const struct wire_addr *a)
{
	struct wire_addr host = token_source_of(a);

	return &d->of_host[wire_addr_hash(&host, d->seed) & d->hash_mask];
}

uint32_t directory_n_of_host(struct directory *d, const struct wire_addr *a)
{
	return *host_count(d, a);
}

void directory_list(struct directory *d, struct seat *s)
{
	uint32_t *addr = addr_chain(d, s->ctl.endpoint, &s->ctl.far);
	uint32_t *print = print_chain(d, s->ctl.endpoint, s->ctl.fingerprint);

	assert(!s->is_listed);
	s->next_by_addr = *addr;
	*addr = s->at + 1;
	s->next_by_print = *print;
	*print = s->at + 1;
	++*host_count(d, &s->ctl.far);
	s->is_listed = true;
}

void directory_unlist(struct directory *d, struct seat *s)
{
	uint32_t *link;

	assert(s->is_listed);
	for (link = addr_chain(d, s->ctl.endpoint, &s->ctl.far); *link != s->at + 1;)
		link = &d->seats[*link - 1].next_by_addr;
	*link = s->next_by_addr;
	for (link = print_chain(d, s->ctl.endpoint, s->ctl.fingerprint); *link != s->at + 1;)
		link = &d->seats[*link - 1].next_by_print;
	*link = s->next_by_print;
	--*host_count(d, &s->ctl.far);
	s->is_listed = false;
}

struct seat *directory_by_addr(struct directory *d, uint8_t endpoint, const struct wire_addr *a,
			       const struct seat *after)
{
	uint32_t at = after != NULL ? after->next_by_addr : *addr_chain(d, endpoint, a);

	for (; at != 0; at = d->seats[at - 1].next_by_addr) {
		struct seat *s = &d->seats[at - 1];

		if (s->ctl.endpoint == endpoint && wire_addr_equal(&s->ctl.far, a))
			return s;
	}
	return NULL;
}

struct seat *directory_by_print(struct directory *d, uint8_t endpoint,
				const uint8_t fingerprint[32], const struct seat *after)
{
	uint32_t at = after != NULL ? after->next_by_print : *print_chain(d, endpoint, fingerprint);

	for (; at != 0; at = d->seats[at - 1].next_by_print) {
		struct seat *s = &d->seats[at - 1];

		if (s->ctl.endpoint == endpoint && memcmp(s->ctl.fingerprint, fingerprint, 32) == 0)
			return s;
	}
	return NULL;
}

struct seat *directory_find(struct directory *d, uint32_t worker, uint32_t idx, uint32_t id)
{
	struct seat *s;

	if (worker >= d->n_workers || idx >= d->sessions_max)
		return NULL;
	s = &d->seats[(size_t)worker * d->sessions_max + idx];
	return s->ctl.state != CTL_FREE && s->ctl.id == id ? s : NULL;
}

struct seat *directory_find_id(struct directory *d, uint32_t id)
{
	return directory_find(d, session_id_worker(id), session_id_slot(id), id);
}

struct seat *directory_at(struct directory *d, uint32_t at)
{
	return &d->seats[at];
}

struct ctl_flows *directory_flows_at(struct directory *d, uint32_t at)
{
	return &d->flows[at];
}

struct seat *directory_next(struct directory *d, uint32_t *at)
{
	while (*at < d->n_workers * d->sessions_max) {
		uint32_t worker = *at / d->sessions_max;
		struct seat *s;

		// What was never used is not looked at: its pages do not exist.
		if (*at - worker * d->sessions_max >= d->workers[worker].n_fresh) {
			*at = (worker + 1) * d->sessions_max;
			continue;
		}
		s = &d->seats[(*at)++];
		if (s->ctl.state != CTL_FREE)
			return s;
	}
	return NULL;
}

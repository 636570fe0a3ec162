#include "tests/sim/path_witness.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/packet_form.h"
#include "dataplane/core/internal.h"
#include "dataplane/wire/chunk.h"
#include "tests/sim/world.h"

#define PACKET_MAX  2048
#define MESSAGE_MAX 64
#define N_ASKED     8 // pings of one end whose replies may still come

struct asked {
	struct net_addr to;
	uint64_t at_us;
	uint16_t len; // 0: unused
	uint8_t message[MESSAGE_MAX];
};

// One end of a session.
struct watched {
	uint32_t member, id; // near id
	struct net_addr verified;
	uint64_t verified_us; // when the ping left whose reply verified it
	struct asked asked[N_ASKED];
	uint32_t n_asked;
};

struct heard {
	uint32_t member;
	struct net_addr from;
};

struct path_witness {
	struct world *world;
	struct watched *ends;
	struct heard *heard;
	uint32_t n_ends, ends_cap, n_heard, heard_cap;
	struct path_figures figures;
};

struct path_witness *path_witness_create(struct world *w)
{
	struct path_witness *p = calloc(1, sizeof(*p));

	assert(p != NULL);
	p->world = w;
	return p;
}

void path_witness_destroy(struct path_witness *p)
{
	if (p == NULL)
		return;
	free(p->ends);
	free(p->heard);
	free(p);
}

static void *push(void **array, uint32_t *n, uint32_t *cap, size_t size)
{
	if (*n == *cap) {
		*cap = *cap != 0 ? 2 * *cap : 64;
		*array = realloc(*array, *cap * size);
		assert(*array != NULL);
	}
	return (uint8_t *)*array + (*n)++ * size;
}

static bool is_same(struct net_addr a, struct net_addr b)
{
	return a.ip == b.ip && a.port == b.port;
}

// ---- whose packet it is ----

static struct engine *engine_of(struct path_witness *p, uint32_t member)
{
	return p->world->members[member].sim->engine;
}

// The open session of that near id; NULL.
static struct session *session_by_id(struct engine *e, uint32_t id)
{
	for (uint32_t i = 0; i < e->opts.sessions_max; i++)
		if (e->sessions[i].id_rx == id && e->sessions[i].state >= S_OPEN)
			return &e->sessions[i];
	return NULL;
}

// Both ends of the session under whose keys member sends to that far id. False: the other end is
// not there.
static bool ends_find(struct path_witness *p, uint32_t member, uint32_t far_id,
		      struct session **near, uint32_t *receiver, struct session **far)
{
	struct engine *e = engine_of(p, member);

	for (uint32_t i = 0; i < e->opts.sessions_max; i++) {
		*near = &e->sessions[i];
		if ((*near)->id_rx == 0 || (*near)->id_tx != far_id || (*near)->state < S_OPEN)
			continue;
		for (*receiver = 0; *receiver < p->world->n; (*receiver)++) {
			*far = session_by_id(engine_of(p, *receiver), far_id);
			if (*receiver != member && *far != NULL && (*far)->id_tx == (*near)->id_rx)
				return true;
		}
	}
	return false;
}

// What the receiver will read; false: it will not.
static bool open_as(struct engine *e, const struct session *s, const uint8_t *data, uint16_t len,
		    uint8_t buf[PACKET_MAX], struct rd *r)
{
	struct packet_form form = {s->rx_tag_len, (s->flags & SESSION_RX_SSEQ) != 0};
	uint32_t idx = (uint32_t)(s - e->sessions);
	struct crypto_op op = {.sched = s->open_sched, .dst = buf, .tag_len = form.tag_len};
	struct packet_header h;
	uint64_t sseq;
	int n = packet_form_open_check(form, len - SSID_LEN), front;

	if (n < 0 || len > PACKET_MAX)
		return false;
	op.len = (uint16_t)n;
	op.hmac = form.tag_len > 0 ? &e->hmac[2 * idx + 1] : NULL;
	memcpy(buf, data + SSID_LEN, len - SSID_LEN);
	crypto_open(e->opts.crypto, &op, 1);
	if (op.result != CRYPTO_OK)
		return false;
	front = packet_form_strip(form, buf, op.len, &sseq);
	if (front < 0)
		return false;
	*r = rd_over(buf + front, op.len - (size_t)front);
	return packet_header_read(r, &h) == 0;
}

// ---- what has been verified ----

static bool was_heard(const struct path_witness *p, uint32_t member, struct net_addr from)
{
	for (uint32_t i = p->n_heard; i-- > 0;)
		if (p->heard[i].member == member && is_same(p->heard[i].from, from))
			return true;
	return false;
}

static struct watched *watched_find(struct path_witness *p, uint32_t member, uint32_t id)
{
	for (uint32_t i = p->n_ends; i-- > 0;)
		if (p->ends[i].member == member && p->ends[i].id == id)
			return &p->ends[i];
	return NULL;
}

static struct watched *watched_begin(struct path_witness *p, uint32_t member, uint32_t id,
				     struct net_addr dst)
{
	struct watched *w =
		push((void **)&p->ends, &p->n_ends, &p->ends_cap, sizeof(struct watched));

	if (!was_heard(p, member, dst))
		sim_fail(p->world->opts.run, "member %u's session %08x opened to where nobody was",
			 member, id);
	*w = (struct watched){.member = member, .id = id, .verified = dst};
	return w;
}

static void ask(struct path_witness *p, struct watched *w, struct net_addr to, struct span message)
{
	struct asked *a = &w->asked[w->n_asked++ % N_ASKED];

	assert(message.len <= MESSAGE_MAX);
	*a = (struct asked){.to = to, .at_us = p->world->now_us, .len = (uint16_t)message.len};
	memcpy(a->message, message.data, message.len);
	p->figures.n_asked++;
}

static void verify(struct path_witness *p, struct watched *w, struct net_addr from,
		   struct span message)
{
	for (uint32_t i = 0; i < N_ASKED; i++) {
		const struct asked *a = &w->asked[i];

		if (a->len == 0 || !is_same(a->to, from) || a->at_us <= w->verified_us ||
		    !span_equal(message, (struct span){a->message, a->len}))
			continue;
		w->verified = from;
		w->verified_us = a->at_us;
		p->figures.n_moves++;
		return;
	}
}

// ---- looking ----

static void look(struct path_witness *p, struct watched *w, struct net_addr dst, struct rd r)
{
	bool is_there = is_same(dst, w->verified), has_data = false;
	struct chunk c;

	while (chunk_next(&r, &c)) {
		has_data |= c.type == CHUNK_USER_DATA || c.type == CHUNK_NEXT_USER_DATA;
		if (is_there || c.type == CHUNK_PADDING_00 || c.type == CHUNK_PADDING_FF)
			continue;
		if (c.type != CHUNK_PING || c.payload.len == 0)
			sim_fail(p->world->opts.run,
				 "member %u says %s to %08x:%u, which it has not verified",
				 w->member, chunk_name(c.type), dst.ip, dst.port);
		ask(p, w, dst, c.payload);
	}
	p->figures.n_data += has_data;
}

void path_witness_sent(struct path_witness *p, uint32_t member, struct net_addr dst,
		       const uint8_t *data, uint16_t len)
{
	struct session *near, *far;
	uint8_t buf[PACKET_MAX];
	uint32_t id, receiver;
	struct watched *w;
	struct rd r;

	if (ssid_unscramble(data, len, &id) != 0 || id == 0)
		return;
	if (!ends_find(p, member, id, &near, &receiver, &far)) {
		p->figures.n_unread++;
		return;
	}
	if (!open_as(engine_of(p, receiver), far, data, len, buf, &r))
		return; // a keying packet, under the default key
	w = watched_find(p, member, near->id_rx);
	look(p, w != NULL ? w : watched_begin(p, member, near->id_rx, dst), dst, r);
}

void path_witness_delivered(struct path_witness *p, uint32_t member, struct net_addr src,
			    const uint8_t *data, uint16_t len)
{
	struct engine *e = engine_of(p, member);
	uint8_t buf[PACKET_MAX];
	struct watched *w;
	struct session *s;
	struct chunk c;
	uint32_t id;
	struct rd r;

	if (!was_heard(p, member, src)) {
		struct heard *h =
			push((void **)&p->heard, &p->n_heard, &p->heard_cap, sizeof(struct heard));

		*h = (struct heard){member, src};
	}
	if (ssid_unscramble(data, len, &id) != 0 || id == 0 || (s = session_by_id(e, id)) == NULL ||
	    s->state != S_OPEN || (w = watched_find(p, member, id)) == NULL ||
	    !open_as(e, s, data, len, buf, &r))
		return;
	while (chunk_next(&r, &c))
		if (c.type == CHUNK_PING_REPLY)
			verify(p, w, src, c.payload);
}

const struct path_figures *path_witness_figures(const struct path_witness *p)
{
	return &p->figures;
}

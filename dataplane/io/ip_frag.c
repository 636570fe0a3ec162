#include "dataplane/io/ip_frag.h"

#include <stdlib.h>

#include "crypto/checksum.h"
#include "dataplane/io/ipv6.h"
#include "dataplane/pages.h"

#define UNIT  8 // octets: pieces begin at multiples, and all but the last are multiples long
#define UNITS (IP_FRAG_BYTES_MAX / UNIT)
#define WORDS ((UNITS + 63) / 64)

// Not ours: what passes here cannot be neighbour discovery, which wants 255 (RFC 6980).
#define HOP_LIMIT 1

enum state {
	FREE,
	FILLING,
	SPOILT, // pieces overlapped: the rest dies, too, until its time is over
};

struct packet {
	uint8_t state, proto, link;
	struct ip_addr src, dst;
	uint32_t id, began_ms;
	uint32_t n_pieces, n_octets;
	uint32_t len;           // of the whole; 0: the last piece is still missing
	uint32_t top;           // end of the farthest piece
	uint64_t have[WORDS];   // units
	uint64_t begins[WORDS]; // units that a piece began with
	uint8_t data[IP_FRAG_BYTES_MAX];
};

struct ip_frag_table {
	struct packet packets[IP_FRAG_PACKETS];
	uint64_t *drops;
	uint32_t n_waiting;
	uint16_t room;
};

struct ip_frag_table *ip_frag_create(uint16_t room, uint64_t *drops)
{
	struct ip_frag_table *t = pages_take(sizeof(*t)); // untouched pages cost nothing

	if (t == NULL)
		return NULL;
	t->drops = drops;
	t->room = room < IP_FRAG_BYTES_MAX ? room : IP_FRAG_BYTES_MAX;
	return t;
}

void ip_frag_destroy(struct ip_frag_table *t)
{
	pages_give(t, sizeof(*t));
}

uint32_t ip_frag_waiting(const struct ip_frag_table *t)
{
	return t->n_waiting;
}

// -- packets --

static void end(struct ip_frag_table *t, struct packet *p)
{
	p->state = FREE;
	t->n_waiting--;
}

// A spoilt packet's pieces were counted when they came.
static void lose(struct ip_frag_table *t, struct packet *p, enum drop_reason why)
{
	if (p->state == FILLING)
		t->drops[why] += p->n_pieces;
	end(t, p);
}

void ip_frag_expire(struct ip_frag_table *t, uint32_t now_ms)
{
	for (unsigned i = 0; i < IP_FRAG_PACKETS && t->n_waiting > 0; i++) {
		struct packet *p = &t->packets[i];

		if (p->state != FREE && now_ms - p->began_ms >= IP_FRAG_TIME_MS)
			lose(t, p, DROP_IP_FRAG_TIME);
	}
}

static bool is_of(const struct packet *p, const struct ip_frag_piece *f)
{
	return p->state != FREE && p->id == f->id && p->proto == f->proto && p->link == f->link &&
	       ip_equal(&p->src, &f->src) && ip_equal(&p->dst, &f->dst);
}

static struct packet *find(struct ip_frag_table *t, const struct ip_frag_piece *f)
{
	for (unsigned i = 0; i < IP_FRAG_PACKETS; i++)
		if (is_of(&t->packets[i], f))
			return &t->packets[i];
	return NULL;
}

// The oldest there is gives way, unless it is young: else a flood of first pieces would end every
// packet, and so it ends only the late ones.
static struct packet *room_for(struct ip_frag_table *t, const struct ip_frag_piece *f,
			       uint32_t now_ms)
{
	struct packet *unused = NULL, *oldest = NULL;
	unsigned n_same = 0;

	for (unsigned i = 0; i < IP_FRAG_PACKETS; i++) {
		struct packet *p = &t->packets[i];

		if (p->state == FREE) {
			unused = p;
			continue;
		}
		n_same += ip_equal(&p->src, &f->src);
		if (oldest == NULL || now_ms - p->began_ms > now_ms - oldest->began_ms)
			oldest = p;
	}
	if (n_same >= IP_FRAG_PER_SOURCE)
		return NULL;
	if (unused != NULL)
		return unused;
	if (now_ms - oldest->began_ms < IP_FRAG_YOUNG_MS)
		return NULL;
	lose(t, oldest, DROP_IP_FRAG_FULL);
	return oldest;
}

static struct packet *begin(struct ip_frag_table *t, const struct ip_frag_piece *f, uint32_t now_ms)
{
	struct packet *p = room_for(t, f, now_ms);

	if (p == NULL)
		return NULL;
	p->state = FILLING;
	p->proto = f->proto;
	p->link = f->link;
	p->src = f->src;
	p->dst = f->dst;
	p->id = f->id;
	p->began_ms = now_ms;
	p->n_pieces = 0;
	p->n_octets = 0;
	p->len = 0;
	p->top = 0;
	memset(p->have, 0, sizeof(p->have));
	memset(p->begins, 0, sizeof(p->begins));
	t->n_waiting++;
	return p;
}

// -- pieces --

static bool has_bit(const uint64_t *bits, uint32_t unit)
{
	return unit < UNITS && (bits[unit / 64] >> unit % 64 & 1) != 0;
}

// How many of the piece's units have their bit.
static uint32_t n_bits(const uint64_t *bits, uint32_t first, uint32_t n)
{
	uint32_t sum = 0;

	for (uint32_t i = first; i < first + n; i++)
		sum += has_bit(bits, i);
	return sum;
}

// One that came before, from its first octet to its last.
static bool is_copy(const struct packet *p, const struct ip_frag_piece *f, uint32_t first,
		    uint32_t n)
{
	if (n_bits(p->have, first, n) != n || !has_bit(p->begins, first) ||
	    n_bits(p->begins, first, n) != 1)
		return false;
	if (has_bit(p->have, first + n) && !has_bit(p->begins, first + n))
		return false;
	return f->has_more == (p->len != f->offset + f->data.len) &&
	       memcmp(p->data + f->offset, f->data.data, f->data.len) == 0;
}

// Does the piece's end fit what is known of the packet's?
static bool end_fits(const struct packet *p, const struct ip_frag_piece *f)
{
	uint32_t end = f->offset + (uint32_t)f->data.len;

	if (f->has_more)
		return p->len == 0 || end < p->len;
	if (p->len != 0)
		return end == p->len;
	return end >= p->top; // nothing lies behind the end
}

static void spoil(struct ip_frag_table *t, struct packet *p)
{
	t->drops[DROP_L3_FRAGMENT] += p->n_pieces + 1;
	p->state = SPOILT;
}

static void put(struct packet *p, const struct ip_frag_piece *f, uint32_t first, uint32_t n)
{
	memcpy(p->data + f->offset, f->data.data, f->data.len);
	for (uint32_t i = first; i < first + n; i++)
		p->have[i / 64] |= 1ull << i % 64;
	p->begins[first / 64] |= 1ull << first % 64;
	p->n_pieces++;
	p->n_octets += (uint32_t)f->data.len;
	if (f->offset + (uint32_t)f->data.len > p->top)
		p->top = f->offset + (uint32_t)f->data.len;
	if (!f->has_more)
		p->len = f->offset + (uint32_t)f->data.len;
}

// True: nothing is missing any more.
static bool add(struct ip_frag_table *t, struct packet *p, const struct ip_frag_piece *f)
{
	uint32_t first = f->offset / UNIT, n = (uint32_t)(f->data.len + UNIT - 1) / UNIT;

	if (p->state == SPOILT || is_copy(p, f, first, n)) {
		t->drops[DROP_L3_FRAGMENT]++;
		return false;
	}
	if (n_bits(p->have, first, n) > 0 || !end_fits(p, f)) {
		spoil(t, p);
		return false;
	}
	put(p, f, first, n);
	return p->len != 0 && p->n_octets == p->len;
}

static bool is_possible(const struct ip_frag_table *t, const struct ip_frag_piece *f)
{
	if (f->data.len == 0 || f->offset + f->data.len > t->room)
		return false;
	return !f->has_more || f->data.len % UNIT == 0;
}

bool ip_frag_add(struct ip_frag_table *t, const struct ip_frag_piece *f, uint32_t now_ms,
		 struct span *whole)
{
	struct packet *p;

	ip_frag_expire(t, now_ms);
	if (!is_possible(t, f)) {
		t->drops[DROP_L3_FRAGMENT]++;
		return false;
	}
	p = find(t, f);
	if (p == NULL)
		p = begin(t, f, now_ms);
	if (p == NULL) {
		t->drops[DROP_IP_FRAG_FULL]++;
		return false;
	}
	if (!add(t, p, f))
		return false;
	end(t, p);
	*whole = span_of(p->data, p->len);
	return true;
}

uint16_t ip_frag_write(uint8_t *to, const struct ip_frag_piece *last, struct span whole)
{
	if (!ip_is_v4(&last->src)) {
		ipv6_write(to, &last->src, &last->dst, (uint16_t)whole.len, last->proto, HOP_LIMIT);
		memcpy(to + IPV6_LEN, whole.data, whole.len);
		return (uint16_t)(IPV6_LEN + whole.len);
	}
	memset(to, 0, IPV4_LEN);
	to[0] = 0x45;
	be16_put(to + 2, (uint16_t)(IPV4_LEN + whole.len));
	to[8] = HOP_LIMIT;
	to[9] = last->proto;
	be32_put(to + 12, ip_v4(&last->src));
	be32_put(to + 16, ip_v4(&last->dst));
	be16_put(to + 10, csum_finish(csum_partial(to, IPV4_LEN)));
	memcpy(to + IPV4_LEN, whole.data, whole.len);
	return (uint16_t)(IPV4_LEN + whole.len);
}

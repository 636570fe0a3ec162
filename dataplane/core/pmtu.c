#include "dataplane/core/pmtu.h"

#include "crypto/random.h"
#include "dataplane/core/txp.h"

// marker:1 number:4 size:2
#define MARKER      'P'
#define MESSAGE_LEN 7

#define PRECISION 32 // octets between what passed and what did not: near enough
#define TRIES     3  // of one size, each waiting twice as long as the one before
#define MUTE_TRIES                                                                                 \
	3 // rounds without any answer; then the far end is taken for an older one (§16.3)
// RFC 4821 §7.7: a path is tried again after so long, evenly spread by an eighth.
#define RETRY_MS 600000

static struct pmtu *pmtu_at(struct engine *e, uint32_t idx)
{
	return &session_cold_at(e, idx)->pmtu;
}

static bool tsn_is_after(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) > 0;
}

// ---- sizes ----

// The largest datagram of at most `payload` octets that this session can make: whole blocks.
static uint16_t fit(const struct session *s, uint32_t payload)
{
	uint32_t around = SSID_LEN + s->tx_tag_len;

	return (uint16_t)(around + (payload - around) / CRYPTO_BLOCK_LEN * CRYPTO_BLOCK_LEN);
}

static uint16_t size_base(struct engine *e, uint32_t idx)
{
	return fit(session_at(e, idx), e->opts.payload_base);
}

// Where the search ends: what our own links carry.
static uint16_t size_limit(struct engine *e, uint32_t idx)
{
	uint32_t headers = e->paths[idx].family == 6 ? IPV6_UDP_BYTES : IPV4_UDP_BYTES;

	if (e->opts.mtu_max < e->opts.payload_base + headers)
		return size_base(e, idx);
	return fit(session_at(e, idx), e->opts.mtu_max - headers);
}

// Is there anything beyond what was proven that is worth asking for?
static bool has_more(struct engine *e, uint32_t idx)
{
	return size_limit(e, idx) > pmtu_at(e, idx)->proven + PRECISION;
}

// The largest first, since most paths carry it; then halves. 0: nothing is left to find out.
static uint16_t size_next(struct engine *e, uint32_t idx)
{
	const struct pmtu *p = pmtu_at(e, idx);

	if (!has_more(e, idx))
		return 0;
	if (p->hint > p->proven + PRECISION && (p->failed == 0 || p->hint < p->failed))
		return p->hint;
	if (p->failed == 0)
		return size_limit(e, idx);
	if (p->failed - p->proven <= PRECISION)
		return 0;
	return fit(session_at(e, idx), (uint32_t)(p->proven + p->failed) / 2);
}

// ---- probing ----

static void wait_for(struct engine *e, uint32_t idx, uint32_t ms)
{
	session_cold_alarm(e, idx, ALARM_PMTU, e->now_ms + ms);
}

static void look_again_later(struct engine *e, uint32_t idx)
{
	wait_for(e, idx,
		 RETRY_MS - RETRY_MS / 16 + (uint32_t)random_below(&e->dice, RETRY_MS / 8 + 1));
}

// One more probe of the size in question.
static void probe(struct engine *e, uint32_t idx)
{
	struct session *s = session_at(e, idx);
	struct pmtu *p = pmtu_at(e, idx);

	session_cold_at(e, idx)->wants |= WANT_PMTU;
	session_mark(e, idx, DUE_CHUNK);
	wait_for(e, idx, s->erto_us / 500 << p->n_sent); // 2 ERTO: pings may wait for their turn
}

static void probe_size(struct engine *e, uint32_t idx, enum pmtu_state state, uint16_t size)
{
	struct pmtu *p = pmtu_at(e, idx);

	p->state = (uint8_t)state;
	p->probe = size;
	p->n_sent = 0;
	probe(e, idx);
}

static void settle(struct engine *e, uint32_t idx)
{
	struct pmtu *p = pmtu_at(e, idx);

	p->state = PMTU_SETTLED;
	p->n_sent = 0;
	if (has_more(e, idx))
		look_again_later(e, idx);
}

static void search(struct engine *e, uint32_t idx)
{
	uint16_t size = size_next(e, idx);

	if (size != 0)
		probe_size(e, idx, PMTU_SEARCH, size);
	else
		settle(e, idx);
}

static void use(struct engine *e, uint32_t idx, uint16_t size)
{
	struct session *s = session_at(e, idx);
	struct pmtu *p = pmtu_at(e, idx);

	p->proven = size;
	p->n_big_lost = 0;
	p->is_doubted = false;
	p->big_acked_tsn = s->tsn_next - 1; // what left before says nothing about this size
	s->heard &= ~HEARD_NO_BIG & HEARD_ALL;
	s->payload_max = size;
}

static void answered(struct engine *e, uint32_t idx)
{
	struct pmtu *p = pmtu_at(e, idx);

	session_cold_at(e, idx)->alarms &= ~(1u << ALARM_PMTU);
	session_cold_at(e, idx)->wants &= (uint8_t)~WANT_PMTU;
	p->n_mute = 0;
	if (p->state == PMTU_SEARCH) {
		use(e, idx, p->probe);
		if (p->probe == p->hint)
			p->failed = p->hint + 1u; // no link is asked again for what it has refused
	}
	search(e, idx);
}

static void unanswered(struct engine *e, uint32_t idx)
{
	struct pmtu *p = pmtu_at(e, idx);

	if (p->state == PMTU_SEARCH) {
		p->failed = p->probe;
		p->hint = 0;
		search(e, idx);
	} else if (++p->n_mute < MUTE_TRIES) {
		settle(e, idx);
	} else {
		p->state = PMTU_MUTE;
		p->n_sent = 0;
	}
}

void pmtu_on_alarm(struct engine *e, uint32_t idx)
{
	struct pmtu *p = pmtu_at(e, idx);

	if (p->state == PMTU_SETTLED) {
		p->failed = p->hint = 0; // the path may have become better
		probe_size(e, idx, PMTU_BASE, size_base(e, idx));
	} else if (p->n_sent < TRIES) { // or it has not even left
		probe(e, idx);
	} else {
		unanswered(e, idx);
	}
}

bool pmtu_send(struct engine *e, uint32_t idx)
{
	struct pmtu *p = pmtu_at(e, idx);
	uint8_t message[MESSAGE_LEN] = {MARKER};
	struct txp t;

	if (!txp_begin_probe(e, &t, idx, p->probe))
		return false;
	session_cold_at(e, idx)->wants &= (uint8_t)~WANT_PMTU;
	p->no++;
	p->n_sent++;
	be32_put(message + 1, p->no);
	be16_put(message + 5, p->probe);
	padding_write(&t.w, txp_left(&t) - CHUNK_HEADER_LEN - MESSAGE_LEN);
	ping_write(&t.w, span_of(message, MESSAGE_LEN));
	txp_end(e, &t);
	e->stats.pmtu_probes++;
	return true;
}

void pmtu_on_reply(struct engine *e, uint32_t idx, struct span message)
{
	struct pmtu *p = pmtu_at(e, idx);

	if (message.len != MESSAGE_LEN || message.data[0] != MARKER)
		return;
	// Any of those of this size, so a path that is slower than we think is answered, too. None
	// is outstanding in a state that waits for none: n_sent is 0.
	if (p->no - be32_get(message.data + 1) < p->n_sent &&
	    be16_get(message.data + 5) == p->probe)
		answered(e, idx);
}

// ---- beginning ----

// From the base size: first whether the far end answers at all.
static void begin(struct engine *e, uint32_t idx)
{
	struct pmtu *p = pmtu_at(e, idx);

	p->failed = 0;
	if (has_more(e, idx))
		probe_size(e, idx, PMTU_BASE, size_base(e, idx));
}

static void back_to_base(struct engine *e, uint32_t idx)
{
	struct pmtu *p = pmtu_at(e, idx);

	use(e, idx, size_base(e, idx));
	session_at(e, idx)->payload_max = e->opts.payload_base;
	session_cold_at(e, idx)->alarms &= ~(1u << ALARM_PMTU);
	session_cold_at(e, idx)->wants &= (uint8_t)~WANT_PMTU;
	p->state = PMTU_IDLE;
	p->n_sent = 0;
}

void pmtu_path_changed(struct engine *e, uint32_t idx)
{
	struct pmtu *p = pmtu_at(e, idx);

	back_to_base(e, idx);
	p->hint = 0;
	p->n_mute = 0;
	p->has_fallen = false;
	if (p->is_wanted)
		begin(e, idx);
}

void pmtu_wanted(struct engine *e, uint32_t idx)
{
	struct pmtu *p = pmtu_at(e, idx);

	if (p->is_wanted)
		return;
	p->is_wanted = true;
	begin(e, idx);
}

// ---- what became of user data ----

// The first time it may have been an outage, and is looked into at once; a path that does it again
// so soon waits.
static void fall_back(struct engine *e, uint32_t idx)
{
	struct pmtu *p = pmtu_at(e, idx);
	bool is_again = p->has_fallen && e->now_ms - p->fell_ms < RETRY_MS;

	e->stats.pmtu_fallbacks++;
	p->has_fallen = true;
	p->fell_ms = e->now_ms;
	back_to_base(e, idx);
	if (!is_again) {
		begin(e, idx);
	} else {
		p->state = PMTU_SETTLED;
		look_again_later(e, idx);
	}
}

// Big packets may leave again.
static void trust(struct engine *e, uint32_t idx)
{
	struct pmtu *p = pmtu_at(e, idx);

	if (p->is_doubted)
		session_at(e, idx)->payload_max = p->proven;
	p->is_doubted = false;
}

void pmtu_big_acked(struct engine *e, uint32_t idx, uint32_t tsn)
{
	struct pmtu *p = pmtu_at(e, idx);

	if (!tsn_is_after(tsn, p->big_acked_tsn))
		return;
	p->big_acked_tsn = tsn;
	p->n_big_lost = 0;
	session_at(e, idx)->heard &= ~HEARD_NO_BIG & HEARD_ALL;
	trust(e, idx);
}

void pmtu_big_lost(struct engine *e, uint32_t idx, uint32_t tsn)
{
	struct session *s = session_at(e, idx);
	struct pmtu *p = pmtu_at(e, idx);

	if (!tsn_is_after(tsn, p->big_acked_tsn))
		return; // a later one arrived
	if (p->n_big_lost == 0 || tsn_is_after(tsn, p->big_lost_tsn))
		p->big_lost_tsn = tsn;
	if (p->n_big_lost < PMTU_BLACK_HOLE)
		p->n_big_lost++;
	s->heard |= HEARD_NO_BIG;
	if (p->n_big_lost == PMTU_BLACK_HOLE && tsn_is_after(s->tsn_acked, tsn))
		fall_back(e, idx); // what arrived later was small
}

void pmtu_small_acked(struct engine *e, uint32_t idx, uint32_t tsn)
{
	const struct pmtu *p = pmtu_at(e, idx);

	if (!tsn_is_after(tsn, p->big_lost_tsn))
		return; // it says nothing about what left after it
	if (p->n_big_lost >= PMTU_BLACK_HOLE)
		fall_back(e, idx);
	else
		trust(e, idx);
}

void pmtu_doubt(struct engine *e, uint32_t idx)
{
	if (!(session_at(e, idx)->heard & HEARD_NO_BIG))
		return; // a later one arrived
	pmtu_at(e, idx)->is_doubted = true;
	session_at(e, idx)->payload_max = e->opts.payload_base;
}

// ---- what routers say ----

#define QUOTE_LEAST 12 // of the UDP payload: the id and what it is scrambled with
#define MTU_LEAST4  576
#define MTU_LEAST6  1280

static uint32_t sender_of(struct engine *e, const struct too_big *t)
{
	size_t addr_len = t->family == 6 ? 16 : 4;
	uint32_t id;

	if (t->quote_len < QUOTE_LEAST || ssid_unscramble(t->quote, t->quote_len, &id) != 0)
		return SESSION_NONE;
	for (uint32_t i = 0; i < e->opts.sessions_max; i++) {
		const struct path *p = &e->paths[i];

		if (p->port == t->port && p->family == t->family &&
		    memcmp(p->addr, t->addr, addr_len) == 0 && session_at(e, i)->id_tx == id &&
		    session_at(e, i)->state == S_OPEN)
			return i;
	}
	return SESSION_NONE;
}

// The size that it leaves, at least the base; 0: it makes no sense. A router that does not say what
// its link carries only tells what it does not.
static uint16_t size_told(struct engine *e, uint32_t idx, const struct too_big *t)
{
	uint32_t headers = t->family == 6 ? IPV6_UDP_BYTES : IPV4_UDP_BYTES;
	const struct pmtu *p = pmtu_at(e, idx);
	uint16_t base = size_base(e, idx),
		 most = p->state == PMTU_SEARCH && p->probe > p->proven ? p->probe : p->proven;

	if (t->payload_len <= base || t->payload_len > most)
		return 0; // none of ours is as large, or it would not help
	if (t->mtu == 0)
		return base;
	if (t->mtu < (t->family == 6 ? MTU_LEAST6 : MTU_LEAST4) ||
	    t->mtu >= t->payload_len + headers)
		return 0;
	return t->mtu - headers > base ? fit(session_at(e, idx), t->mtu - headers) : base;
}

bool pmtu_too_big(struct engine *e, const struct too_big *t)
{
	uint32_t idx = sender_of(e, t);
	uint16_t size = idx != SESSION_NONE ? size_told(e, idx, t) : 0;
	struct pmtu *p = idx != SESSION_NONE ? pmtu_at(e, idx) : NULL;
	bool is_probe;

	if (size == 0)
		return false;
	e->stats.pmtu_told++;
	is_probe = t->payload_len > p->proven;
	if (!is_probe)
		fall_back(e, idx); // what has passed until now
	p->hint = size;
	// Little above the base is not worth a probe; larger than that there is nothing.
	p->failed =
		t->mtu != 0 && size <= size_base(e, idx) + PRECISION ? size + 1u : t->payload_len;
	if (is_probe) {
		session_cold_at(e, idx)->alarms &= ~(1u << ALARM_PMTU);
		session_cold_at(e, idx)->wants &= (uint8_t)~WANT_PMTU;
		search(e, idx);
	}
	return true;
}

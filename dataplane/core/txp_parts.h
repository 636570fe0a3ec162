// What every packet of a session does when it leaves: shared by txp.c, which writes any packet, and
// flow_whole.c and ack_whole.c, which write the two kinds that leave by the million.
#pragma once

#include <string.h>

#include "crypto/checksum.h"
#include "dataplane/core/clock.h"

// Octet 0 of the packet header.
static inline uint8_t txp_session_flags(const struct engine *e, uint32_t session_idx, bool has_echo,
					bool is_tc)
{
	const struct session *s = &e->sessions[session_idx];
	uint8_t flags = PACKET_TS | (has_echo ? PACKET_TSE : 0);

	flags |= s->flags & SESSION_IS_INITIATOR ? MODE_INITIATOR : MODE_RESPONDER;
	if (is_tc)
		flags |= PACKET_TC;
	if (clock_tcr_due(e, session_idx))
		flags |= PACKET_TCR;
	return flags;
}

static inline void txp_header_put(uint8_t *at, uint8_t flags, uint16_t ticks, uint16_t echo)
{
	at[0] = flags;
	be16_put(at + 1, ticks);
	if (flags & PACKET_TSE)
		be16_put(at + 3, echo);
}

// The packet leaves, whatever comes: numbers are used up, clocks and counters move.
static inline void txp_account(struct engine *e, uint32_t session_idx, bool has_data, bool is_tc,
			       uint16_t len)
{
	struct session *s = session_at(e, session_idx);

	s->ts_tx = clock_ticks(e->now_us);
	if (is_tc)
		clock_tc_sent(e, session_idx);
	if (has_data && s->n_burst < UINT8_MAX)
		s->n_burst++;
	s->sseq_tx++;
	s->tx_packets++;
	s->tx_bytes += len;
}

// To its session's far end.
static inline void txp_address(struct pkt *pkt, const struct session *s, uint32_t session_idx)
{
	pkt->flags = 0;
	pkt->path_idx = session_idx;
	pkt->path_gen = s->path_gen;
	pkt->session_idx = session_idx;
}

// Octets of an IP packet.
static inline void txp_charge(struct engine *e, uint32_t session_idx, uint8_t class, uint16_t group,
			      uint32_t bytes)
{
	e->stats.tx_ip_bytes[class] += bytes;
	if (e->budgets.is_limited)
		budgets_charge(&e->budgets, session_idx, group, bytes);
}

// The next op of the burst, written in place: a copy of a struct just filled stalls on its stores.
// One part so far. The packet's length in the datagram follows from it.
static inline struct crypto_op *txp_queue(struct engine *e, struct pkt *pkt, uint8_t *plain,
					  size_t sealed_len, uint8_t tag_len, uint32_t id_tx)
{
	struct tx_batch *b = e->tx;
	struct crypto_op *op = &b->ops[b->n];

	op->dst = plain;
	op->tail = NULL;
	op->len = (uint16_t)sealed_len;
	op->tag_len = tag_len;
	pkt->len = (uint16_t)(SSID_LEN + sealed_len + tag_len);
	e->stats.tx_packets++;
	e->stats.tx_bytes += pkt->len;
	b->id[b->n++] = id_tx;
	return op;
}

static inline void txp_use_session_keys(struct engine *e, struct crypto_op *op,
					uint32_t session_idx)
{
	op->sched = session_at(e, session_idx)->seal_sched;
	op->hmac = op->tag_len > 0 ? &e->hmac[2 * session_idx] : NULL;
}

// The checksum of head_len octets written before a body (at most 48, readable up to 7 more), of the
// body, whose last octet this is and whose csum_partial is `sum`, and of ff behind it: n octets in
// all. In little-endian words (checksum.c). Whole words of ff are 0 in ones' complement, and the
// header is not, so they need not be added.
static inline uint16_t txp_sum(const uint8_t *head, size_t head_len, uint16_t sum, uint8_t last,
			       size_t body_end, size_t n)
{
	uint64_t c = head_len & 1 ? sum : __builtin_bswap16(sum), word;

	for (; head_len > 8; head += 8, head_len -= 8) {
		memcpy(&word, head, 8);
		c += (word & 0xffffffff) + (word >> 32);
	}
	memcpy(&word, head, 8);
	word &= ~0ull >> (64 - 8 * head_len);
	c += (word & 0xffffffff) + (word >> 32);
	if (n > body_end)
		c += (body_end & 1) * 0xff00 + (n & 1) * 0xff00;
	else if (n & 1) // the odd rule: it stands high, and shall stand low
		c += __builtin_bswap16((uint16_t)csum_last_low(last));
	c = (c & 0xffffffff) + (c >> 32);
	c = (c & 0xffff) + (c >> 16);
	c = (c & 0xffff) + (c >> 16);
	return __builtin_bswap16((uint16_t) ~(c + (c >> 16)));
}

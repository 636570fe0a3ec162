#include "dataplane/core/mobility.h"

#include <string.h>

#include "dataplane/core/session_life.h"
#include "dataplane/core/txp.h"

// marker:1 timestamp:8 (our us) proof:16
#define MARKER      'M'
#define PROOF_AT    9
#define PROOF_LEN   16
#define MESSAGE_LEN (PROOF_AT + PROOF_LEN)

static struct msg_addr source_of(const struct pkt *pkt)
{
	struct msg_addr a = {.port = pkt->port,
			     .family = pkt->family,
			     .endpoint = pkt->endpoint,
			     .local = pkt->local};

	memcpy(a.ip, pkt->addr, pkt->family == 6 ? 16 : 4);
	return a;
}

static void proof(const struct engine *e, uint32_t idx, const uint8_t *message,
		  const struct msg_addr *to, uint8_t out[SHA256_LEN])
{
	uint8_t buf[PROOF_AT + sizeof(*to) + 4];

	memcpy(buf, message, PROOF_AT);
	memcpy(buf + PROOF_AT, to, sizeof(*to));
	be32_put(buf + PROOF_AT + sizeof(*to), e->sessions[idx].id_rx);
	hmac_sha256_with(&e->mobility_keys, buf, sizeof(buf), out);
}

// When an answer would have come. §3.5.4.2 suggests a second, but if both ends move, and the second
// goes before it knows where the first is, neither finds the other again.
static uint32_t patience_us(const struct session *s)
{
	uint32_t us = s->mrto_us > ERTO_MIN_MS * 1000 ? s->mrto_us : ERTO_MIN_MS * 1000;

	return s->heard & HEARD_RTT && us < MOBILITY_CHECK_MS * 1000 ? us
								     : MOBILITY_CHECK_MS * 1000;
}

void mobility_from_elsewhere(struct engine *e, uint32_t idx, const struct pkt *pkt)
{
	struct session_cold *c = session_cold_at(e, idx);

	if (c->mobility_tx_us != 0 &&
	    e->now_us - c->mobility_tx_us < patience_us(session_at(e, idx)))
		return;
	c->mobility_tx_us = e->now_us;
	c->moved_to = source_of(pkt);
	c->wants |= WANT_MOBILITY;
	session_mark(e, idx, DUE_CHUNK);
}

bool mobility_send(struct engine *e, uint32_t idx)
{
	struct session_cold *c = session_cold_at(e, idx);
	uint8_t message[PROOF_AT + SHA256_LEN] = {MARKER};
	struct txp t;

	if (!txp_begin(e, &t, idx))
		return false;
	c->wants &= (uint8_t)~WANT_MOBILITY;
	be64_put(message + 1, e->now_us);
	proof(e, idx, message, &c->moved_to, message + PROOF_AT);
	ping_write(&t.w, span_of(message, MESSAGE_LEN));
	txp_send_to(&t, &c->moved_to);
	txp_end(e, &t);
	return true;
}

void mobility_on_reply(struct engine *e, uint32_t idx, const struct pkt *pkt, struct span message)
{
	struct session_cold *c = session_cold_at(e, idx);
	struct msg_addr from = source_of(pkt);
	uint8_t expected[SHA256_LEN];
	uint64_t sent_us;

	if (message.len != MESSAGE_LEN || message.data[0] != MARKER)
		return;
	sent_us = be64_get(message.data + 1);
	if (sent_us > e->now_us || e->now_us - sent_us > MOBILITY_REPLY_MAX_MS * 1000ull ||
	    sent_us <= c->mobility_rx_us)
		return;
	proof(e, idx, message.data, &from, expected);
	if (!octets_equal(expected, message.data + PROOF_AT, PROOF_LEN))
		return;
	c->mobility_rx_us = sent_us;
	if (mobility_is_path(&e->paths[idx], from.ip, from.port, from.family))
		return;
	session_path_set(e, idx, &from);
	session_tell(e, idx, TELL_MOVED);
}

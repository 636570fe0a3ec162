// Keyings that wait for an answer of somebody else: their address holds a session of another
// identity, which has been asked whether it still lives. If it does not, they are answered at once
// rather than at their next retransmission, seconds later.
#include "control/startup/internal.h"

void newcomer_keep(struct startup *st, const struct seat *occupant, uint32_t worker,
		   const struct msg_addr *from, struct span payload, uint64_t until_us)
{
	struct newcomer *n = &st->newcomers[occupant->at % NEWCOMERS_MAX];

	if (payload.len > sizeof(n->payload))
		return;
	// One per place in the table: a second one for the same address is the first one's
	// retransmission, or stands as good a chance as it; one for another address waits for its
	// own.
	n->occupant_id = occupant->ctl.id;
	n->worker = worker;
	n->from = *from;
	n->until_us = until_us;
	n->len = (uint16_t)payload.len;
	memcpy(n->payload, payload.data, payload.len);
}

void newcomer_enter(struct startup *st, const struct seat *gone, uint64_t now_us)
{
	struct newcomer *n = &st->newcomers[gone->at % NEWCOMERS_MAX];

	if (n->len == 0 || n->occupant_id != gone->ctl.id)
		return;
	if (now_us < n->until_us)
		responder_keying(st, n->worker, &n->from, span_of(n->payload, n->len), now_us);
	n->len = 0;
}

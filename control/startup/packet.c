#include "control/startup/internal.h"

static void send(struct startup *st, uint32_t worker, uint8_t endpoint, const struct wire_addr *to,
		 uint32_t session_id, struct span chunk, uint32_t allowance)
{
	struct command c = {.op = CMD_PACKET, .len = (uint32_t)chunk.len};

	if (outbox_is_crowded(st->outbox, worker))
		return;
	c.body = outbox_body_copy(st->outbox, chunk.data, c.len);
	if (c.body == NULL)
		return;
	c.packet.to = msg_addr_of(to, endpoint);
	c.packet.session_id = session_id;
	c.packet.chunk = chunk.data[0];
	c.packet.allowance = allowance;
	outbox_push(st->outbox, worker, &c);
}

void packet_send(struct startup *st, uint32_t worker, uint8_t endpoint, const struct wire_addr *to,
		 uint32_t session_id, struct span chunk)
{
	send(st, worker, endpoint, to, session_id, chunk, 0);
}

void packet_answer(struct startup *st, uint32_t worker, uint8_t endpoint,
		   const struct wire_addr *to, struct span chunk, uint32_t allowance)
{
	send(st, worker, endpoint, to, 0, chunk, allowance);
}

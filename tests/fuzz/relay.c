// Neighbours say anything, in any order, while others come, go and acknowledge: the relay neither
// fails nor leaks, and what it sends on is what it took in.
#include "tests/unit/core/relay_world.h"

#define NEIGHBOURS 4

static void neighbour(struct world *w, struct rd *r, bool is_control)
{
	uint32_t session_idx = rd_u8(r) % NEIGHBOURS;
	struct span message = rd_bytes(r, rd_u8(r));

	if (rd_err(r) != 0)
		return;
	if (is_control)
		relay_on_control(&w->e, session_idx, WORLD_STREAM, message);
	else
		relay_on_fragment(&w->e, session_idx, WORLD_STREAM, message);
}

static void come_or_go(struct world *w, uint8_t how)
{
	uint32_t session_idx = how % NEIGHBOURS;

	if (link_find(&w->e, session_idx, WORLD_STREAM) == NULL)
		world_link(w, session_idx, WORLD_STREAM,
			   how >> 4 & (LINK_IS_SUPER | LINK_NO_PUSH_IN));
	else if (how & 0x40)
		relay_session_gone(&w->e, session_idx);
	else
		world_unlink(w, session_idx, WORLD_STREAM);
}

static void step(struct world *w, struct rd *r)
{
	uint8_t op = rd_u8(r), how;

	w->n_chunks = w->n_messages = 0;
	if (op % 8 < 2) {
		neighbour(w, r, op % 8 == 1);
		return;
	}
	how = rd_u8(r);
	switch (op % 8) {
	case 2:
		world_tx(w, how % 32);
		break;
	case 3:
		world_run_ms(w, how * 8u);
		break;
	case 4:
		world_ack(w, how % NEIGHBOURS);
		break;
	case 5:
		come_or_go(w, how);
		break;
	case 6:
		world_receive(w, how % NEIGHBOURS, WORLD_STREAM, 1 + rd_u8(r) * 3u, how * 4u);
		break;
	case 7:
		stream_at(&w->e, WORLD_STREAM)->end = how;
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct world *w = world_create(&(struct world_opts){.extents_max = 3,
							    .links_max = 8,
							    .streams_max = 2,
							    .ring_slots = 64,
							    .body_bytes = 40000});
	struct rd r = rd_over(data, size);

	w->has_any_payload = true;
	world_stream(w, WORLD_STREAM, rd_u8(&r) & ~STREAM_PUBLISHER);
	for (uint32_t i = 0; i < NEIGHBOURS; i++)
		world_link(w, i, WORLD_STREAM, 0);
	while (rd_left(&r) > 0)
		step(w, &r);
	world_destroy(w);
	return 0;
}

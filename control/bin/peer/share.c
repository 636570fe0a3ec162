// annulus-peer share: gives a file to a group.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/bin/peer/transfer.h"
#include "control/member/clock.h"

#define TURN_US 500000

// Whoever shares may go then: what it gave is with others, or on the last of its way.
static void say_first_copy(struct transfer *t)
{
	struct group_info info;

	if (t->has_said_copy || t->n_given < shared_file_layout(t->file)->n_pieces)
		return;
	node_group_info(t->group, &info);
	if (info.n_objects_ungiven > 0)
		return;
	transfer_say(t, "every piece has been given once");
	t->has_said_copy = true;
}

static void after_turn(void *ctx, struct member *m)
{
	struct transfer *t = ctx;
	struct node_event e;

	while (node_event(member_node(m), &e, clock_us())) {
		join_event(&t->join, &e);
		transfer_say_event(t, &e);
		if (e.kind == NODE_OBJECT_REQUEST)
			transfer_give(t, &e, clock_us());
	}
	say_first_copy(t);
}

static int run(struct transfer *t)
{
	const struct peer_args *a = t->peer->args;
	uint64_t until_us = a->has_for ? clock_us() + a->for_s * 1000000ull : UINT64_MAX;
	const char *why;

	while (!peer_interrupted && clock_us() < until_us) {
		uint64_t now_us = clock_us();

		// Who is the first one there has no neighbour yet, and need not.
		if (join_has_failed(&t->join, now_us, &why)) {
			peer_error("%s", why);
			return PEER_CONNECT;
		}
		transfer_progress(t, "sharing", now_us, false);
		member_loop_once(t->peer->loop, now_us + TURN_US, after_turn, t);
	}
	transfer_progress(t, "shared", clock_us(), true);
	return PEER_OK;
}

int peer_share(const struct peer_args *a)
{
	struct group_replication seed = {.is_seed = true, .is_spread = true};
	struct transfer *t = calloc(1, sizeof(*t));
	struct peer p;
	int err = t == NULL ? PEER_USAGE : peer_start(&p, a), file_err;

	if (err != 0) {
		free(t);
		return err;
	}
	*t = (struct transfer){.peer = &p, .is_json = a->is_json, .is_quiet = a->is_quiet};
	transfer_progress(t, "hashing", clock_us(), false);
	t->file = shared_file_open(a->file, &file_err);
	if (t->file == NULL) {
		peer_error("cannot share %s: %s", a->file, strerror(-file_err));
		err = PEER_USAGE;
	}
	if (err == 0)
		err = transfer_begin(t, &p, 0, clock_us());
	if (err == 0) {
		seed.spread_from = t->base + file_index_of_piece(shared_file_layout(t->file), 0);
		node_set_replication(t->group, &seed, clock_us());
		transfer_tell_have(t, clock_us());
		transfer_say_result(t, "share", "sharing");
		err = run(t);
	}
	transfer_end(t);
	peer_stop(&p);
	free(t);
	return err;
}

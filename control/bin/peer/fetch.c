// annulus-peer fetch: gets a group's file from whoever has it, and gives on what it has.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/bin/peer/transfer.h"
#include "crypto/sha.h"
#include "control/member/clock.h"

#define TURN_US   500000
#define LINGER_US 1000000 // for what is on its way to others
#define SILENT_S  120     // a holder may be silent for so long (docs/spx.md)

// ---- what is wanted ----

static void want_more(struct transfer *t, uint64_t from, uint64_t now_us)
{
	struct index_range r;

	for (; shared_file_next_wanted(t->file, from, &r); from = r.last + 1)
		node_want_add(t->group, t->base + r.first, t->base + r.last, now_us);
}

static bool is_the_root(const struct transfer *t, struct span object)
{
	const struct peer_args *a = t->peer->args;
	uint8_t hash[FILE_HASH_LEN];

	sha256(object.data, object.len, hash);
	return !a->has_root || memcmp(hash, a->root, sizeof(hash)) == 0;
}

static void take_root(struct transfer *t, const struct node_event *e, uint64_t now_us)
{
	const char *path = t->peer->args->file;
	struct span object = {e->data, e->len};
	int err = -EBADMSG;

	if (t->file != NULL) // it came twice
		return;
	if (is_the_root(t, object))
		t->file = shared_file_create(path, object, &err);
	if (t->file == NULL && err == -EBADMSG) {
		node_object_refuse(t->group, t->base, e->peer, now_us);
		return;
	}
	if (t->file == NULL) {
		if (err == -EEXIST)
			peer_error("%s.state is of another file than this group has; remove it and "
				   "%s.part to begin anew",
				   path, path);
		else
			peer_error("cannot write %s: %s", path, strerror(-err));
		t->failure = PEER_USAGE;
		return;
	}
	t->rate_bytes = t->begun_bytes = shared_file_bytes(t->file);
	t->begun_us = clock_us();
	if (shared_file_bytes(t->file) > 0)
		transfer_say(t, "%.1f MB are there already, and verified",
			     (double)shared_file_bytes(t->file) / 1e6);
	transfer_tell_have(t, now_us);
	want_more(t, 0, now_us);
}

// ---- what comes ----

static void take_object(struct transfer *t, const struct node_event *e, uint64_t now_us)
{
	uint64_t number, index = e->number - t->base; // nothing else was asked for
	int err;

	if (index == 0) {
		take_root(t, e, now_us);
		return;
	}
	if (t->file == NULL)
		return;
	err = shared_file_take(t->file, index, (struct span){e->data, e->len});
	if (err == -EBADMSG || err == -EAGAIN) {
		node_object_refuse(t->group, e->number, e->peer, now_us);
		return;
	}
	if (err < 0) {
		peer_error("cannot write %s: %s", t->peer->args->file, strerror(-err));
		t->failure = PEER_USAGE;
		return;
	}
	t->progress_us = now_us;
	transfer_note_source(t, e->peer, now_us);
	if (node_have_add(t->group, e->number, e->number, now_us) != 0)
		t->has_untold = true;
	if (file_part_of(shared_file_layout(t->file), index, &number) == FILE_LIST)
		want_more(t,
			  file_index_of_piece(shared_file_layout(t->file),
					      number * FILE_HASHES_PER_LIST),
			  now_us);
}

static void after_turn(void *ctx, struct member *m)
{
	struct transfer *t = ctx;
	struct node_event e;

	while (t->failure == 0 && node_event(member_node(m), &e, clock_us())) {
		join_event(&t->join, &e);
		transfer_say_event(t, &e);
		if (e.kind == NODE_FETCH_RESULT)
			take_object(t, &e, clock_us());
		else if (e.kind == NODE_OBJECT_REQUEST)
			transfer_give(t, &e, clock_us());
	}
}

// ---- turns ----

static void turn(struct transfer *t, const char *state)
{
	uint64_t now_us = clock_us();

	if (t->has_untold && now_us >= t->say_us)
		transfer_tell_have(t, now_us);
	transfer_progress(t, state, now_us, false);
	member_loop_once(t->peer->loop, now_us + TURN_US, after_turn, t);
}

static int wait_for_join(struct transfer *t)
{
	const char *why;

	while (!peer_interrupted && !t->join.has_joined) {
		if (join_has_failed(&t->join, clock_us(), &why)) {
			peer_error("%s", why);
			return PEER_CONNECT;
		}
		turn(t, join_state(&t->join));
	}
	return 0;
}

// Nothing came for so long that nothing will. Who has a piece may take his time.
static bool is_hopeless(const struct transfer *t)
{
	uint32_t wait_s = t->peer->args->wait_s;
	uint32_t limit_s = wait_s + (t->file != NULL ? SILENT_S : 0);

	if (wait_s == 0 || clock_us() - t->progress_us < limit_s * UINT64_C(1000000))
		return false;
	if (t->file != NULL)
		peer_error("nobody has given a piece for %u s; what is there is kept, run it again "
			   "to go on",
			   limit_s);
	else
		peer_error("no member has %s", t->peer->args->has_root ? "the file of that --root"
								       : "a file for this group");
	return true;
}

static int until_whole(struct transfer *t)
{
	t->progress_us = clock_us();
	while (t->file == NULL || !shared_file_is_whole(t->file)) {
		if (peer_interrupted || t->failure != 0)
			return t->failure != 0 ? t->failure : PEER_HOLES;
		if (is_hopeless(t))
			return PEER_VANISHED;
		turn(t, t->file != NULL ? "fetching" : "looking");
	}
	return 0;
}

static int finish(struct transfer *t)
{
	static const struct group_replication seed = {.is_seed = true};
	const struct peer_args *a = t->peer->args;
	int err = shared_file_finish(t->file);
	uint64_t until_us = clock_us() + LINGER_US + a->for_s * UINT64_C(1000000);

	if (err < 0) {
		peer_error("cannot write %s: %s", a->file, strerror(-err));
		return PEER_USAGE;
	}
	transfer_progress(t, "whole", clock_us(), true);
	transfer_say_result(t, "fetch", "whole");
	node_set_replication(t->group, &seed, clock_us());
	while (!peer_interrupted && clock_us() < until_us)
		turn(t, "sharing");
	return PEER_OK;
}

int peer_fetch(const struct peer_args *a)
{
	struct group_replication o = {.is_lowest_first = a->is_in_order};
	struct transfer *t = calloc(1, sizeof(*t));
	struct peer p;
	int err = t == NULL ? PEER_USAGE : peer_start(&p, a);

	if (err != 0) {
		free(t);
		return err;
	}
	*t = (struct transfer){.peer = &p, .is_json = a->is_json, .is_quiet = a->is_quiet};
	err = transfer_begin(t, &p, a->wait_s, clock_us());
	if (err == 0)
		err = wait_for_join(t);
	if (err == 0) {
		node_set_replication(t->group, &o, clock_us());
		node_want_add(t->group, t->base, t->base, clock_us());
		err = until_whole(t);
	}
	if (err == 0)
		err = finish(t);
	transfer_end(t);
	peer_stop(&p);
	free(t);
	return err;
}

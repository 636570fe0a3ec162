#include "tests/sim/promises.h"

#include <string.h>

#include "crypto/identity.h"
#include "dataplane/core/flow_pools.h"
#include "dataplane/core/stream.h"
#include "tests/sim/witness.h"

#define PROOF_US 31000000 // startup's 30 s, and the turn it takes

#define FULL_MESH_MAX 14 // members of a group in which everybody is everybody's neighbour

#define promise(w, condition, ...)                                                                 \
	do {                                                                                       \
		if (!(condition))                                                                  \
			sim_fail((w)->opts.run, __VA_ARGS__);                                      \
	} while (0)

static struct startup *startup_of(const struct world *w, uint32_t i)
{
	return node_startup(w->members[i].sim->node);
}

// The far end's own session of that id, whoever it is; NULL: it has none that is open.
static struct ctl_session *mirror(struct world *w, const struct ctl_session *s)
{
	for (uint32_t i = 0; i < w->n; i++) {
		const struct identity *id = w->members[i].sim->opts.identity;
		struct ctl_session *far;
		uint32_t at = 0;

		if (memcmp(id->member.fingerprint, s->fingerprint, 32) != 0 &&
		    memcmp(id->server.fingerprint, s->fingerprint, 32) != 0)
			continue;
		while ((far = startup_next(startup_of(w, i), &at)) != NULL)
			if (far->id == s->far_id && far->far_id == s->id)
				return far;
	}
	return NULL;
}

void promise_same_keys(struct world *w)
{
	for (uint32_t i = 0; i < w->n; i++) {
		struct ctl_session *s, *far;
		uint32_t at = 0;

		while ((s = startup_next(startup_of(w, i), &at)) != NULL) {
			far = mirror(w, s);
			if (far == NULL)
				continue;
			promise(w,
				memcmp(s->near_nonce, far->far_nonce, 32) == 0 &&
					memcmp(s->far_nonce, far->near_nonce, 32) == 0,
				"member %u's session %08x has other keys at its far end", i, s->id);
		}
	}
}

void promise_cookies(struct world *w)
{
	for (uint32_t i = 0; i < w->n; i++) {
		const struct ctl_session *s;
		uint32_t at = 0;

		while ((s = startup_next(startup_of(w, i), &at)) != NULL)
			promise(w,
				s->is_initiator || witness_earned(w->witness, w->members[i].host,
								  s->fingerprint),
				"member %u's session %08x was opened without a cookie", i, s->id);
	}
}

// What was answered and not proved may be an impostor's, or what an opening that was given up left
// behind: startup keeps it apart, for PROOF_US at most.
static bool is_claim(const struct ctl_session *s)
{
	return !s->is_initiator && !s->is_alive;
}

static uint32_t n_sessions_to(struct world *w, uint32_t a, uint32_t b)
{
	const struct ctl_session *s;
	uint32_t at = 0, n = 0;

	while ((s = startup_next(startup_of(w, a), &at)) != NULL) {
		if (memcmp(s->fingerprint, sim_node_peer_id(w->members[b].sim), 32) != 0)
			continue;
		promise(w, !is_claim(s) || w->now_us < s->opened_us + PROOF_US,
			"member %u keeps a session to member %u that nobody proved", a, b);
		n += !is_claim(s);
	}
	return n;
}

void promise_one_session(struct world *w, uint32_t a, uint32_t b)
{
	const struct ctl_session *s = world_session(w, a, b), *far = world_session(w, b, a);

	promise(w, n_sessions_to(w, a, b) == 1, "member %u has %u sessions to member %u", a,
		n_sessions_to(w, a, b), b);
	promise(w, n_sessions_to(w, b, a) == 1, "member %u has %u sessions to member %u", b,
		n_sessions_to(w, b, a), a);
	promise(w, s->far_id == far->id && far->far_id == s->id,
		"members %u and %u have different sessions to each other", a, b);
	promise(w, s->is_alive && far->is_alive, "the session of members %u and %u is not alive", a,
		b);
	promise_same_keys(w);
}

void promise_all_connected(struct world *w)
{
	for (uint32_t i = 1; i < w->n; i++)
		promise(w, w->members[i].connected_us != 0, "member %u is not connected", i);
}

void promise_full_mesh(struct world *w)
{
	for (uint32_t i = 0; i < w->n; i++)
		promise(w, w->members[i].n_neighbours == w->n - 1,
			"member %u has %u neighbours of %u", i, w->members[i].n_neighbours,
			w->n - 1);
}

void promise_no_losses(struct world *w)
{
	for (uint32_t i = 0; i < w->n; i++) {
		promise(w, w->members[i].n_disconnects == 0, "member %u lost its introducer", i);
		// In larger groups neighbours are let go when better ones come.
		promise(w, w->n > FULL_MESH_MAX || w->members[i].n_neighbour_losses == 0,
			"member %u lost %u neighbours", i, w->members[i].n_neighbour_losses);
	}
}

void promise_no_duplicates(struct world *w)
{
	for (uint32_t i = 0; i < w->n; i++)
		promise(w, w->members[i].play.n_duplicates == 0,
			"member %u played %llu messages again", i,
			(unsigned long long)w->members[i].play.n_duplicates);
}

void promise_all_delivered(struct world *w, uint64_t n_messages)
{
	for (uint32_t i = 0; i < w->n; i++) {
		const struct world_member *m = &w->members[i];

		if (m->stream == NULL)
			continue;
		promise(w, m->play.has_ended && m->play.n_messages == n_messages,
			"member %u played %llu messages of %llu, %llu holes%s", i,
			(unsigned long long)m->play.n_messages, (unsigned long long)n_messages,
			(unsigned long long)m->play.n_gaps,
			m->play.has_ended ? "" : ", and waits for more");
	}
}

static void promise_control_empty(struct world *w, uint32_t i)
{
	struct sim_node *s = w->members[i].sim;
	struct group_stream_info stream;
	struct node_info info;
	uint32_t at = 0;

	node_info(s->node, &info);
	promise(w, info.n_sessions == 0 && startup_next(startup_of(w, i), &at) == NULL,
		"member %u still has %u sessions", i, info.n_sessions);
	promise(w, info.n_neighbours == 0, "member %u still has %u neighbours", i,
		info.n_neighbours);
	promise(w, node_group_streams(s->node, w->spec.id, &stream, 1) == 0,
		"member %u still knows a stream", i);
	promise(w, s->object_bodies == NULL || body_pool_lent(s->object_bodies) == 0,
		"member %u: bodies of objects are not home", i);
	promise(w, body_pool_lent(s->bodies) == 0, "member %u: %u bodies of control are not home",
		i, body_pool_lent(s->bodies));
}

static void promise_flows_empty(struct world *w, uint32_t i, const struct flows *f)
{
	promise(w, f->tx_pool.n == 0 && f->rx_pool.n == 0, "member %u: %u send, %u receive flows",
		i, f->tx_pool.n, f->rx_pool.n);
	promise(w, f->messages.free.n == 0 && f->cells.free.n == 0,
		"member %u: %u messages, %u cells", i, f->messages.free.n, f->cells.free.n);
	promise(w, slabs_lent(f->tx_slabs) == 0 && slabs_lent(f->rx_slabs) == 0,
		"member %u: slabs are lent", i);
	promise(w, f->lingering.pool.n == 0, "member %u: %u flows linger", i, f->lingering.pool.n);
	promise(w,
		f->held_head == IDX_NONE && f->rx_untold_head == IDX_NONE &&
			f->tx_untold_head == IDX_NONE,
		"member %u: flows wait", i);
}

static void promise_relay_empty(struct world *w, uint32_t i, const struct relay *r)
{
	promise(w, r->n_active == 0 && r->link_pool.n == 0, "member %u: %u streams, %u links", i,
		r->n_active, r->link_pool.n);
	promise(w, r->holder_pool.n == 0 && r->pulls.idx.n == 0, "member %u: %u maps, %u pulls", i,
		r->holder_pool.n, r->pulls.idx.n);
	promise(w,
		r->extents->n_extents_free == r->extents->n_extents &&
			r->extents->n_blocks_free == r->extents->n_blocks,
		"member %u: windows hold memory", i);
}

void promise_nothing_left(struct world *w, uint32_t i)
{
	struct engine *e = w->members[i].sim->engine;

	promise_control_empty(w, i);
	promise(w, e->stats.sessions_open == 0, "member %u: sessions are open", i);
	for (uint32_t k = 0; k < e->opts.sessions_max; k++)
		promise(w, e->sessions[k].id_rx == 0, "member %u: slot %u is taken", i, k);
	promise_flows_empty(w, i, e->flows);
	promise_relay_empty(w, i, e->relay);
	promise(w, body_pool_lent(e->bodies) == 0 && e->home_head == NULL,
		"member %u: %u bodies of its engine are not home", i, body_pool_lent(e->bodies));
}

void promise_always(struct world *w)
{
	promise_same_keys(w);
	promise_cookies(w);
	promise_no_duplicates(w);
}

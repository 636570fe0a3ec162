#include "control/rpc/flow_sync.h"

#include <errno.h>

#include "control/startup/ctl_session.h"
#include "dataplane/wire/rtmp_msg.h"

static struct barrier *find(struct flow_syncs *fs, const void *tree, uint32_t id)
{
	struct barrier *unused = NULL;

	for (unsigned i = 0; i < BARRIERS_MAX; i++) {
		struct barrier *b = &fs->of[i];

		if (b->wants == 0)
			unused = b;
		else if (b->tree == tree && b->id == id)
			return b;
	}
	if (unused != NULL)
		*unused = (struct barrier){.tree = tree, .id = id};
	return unused;
}

// Lets those go who wait for at most so many.
static void let_go(struct flow_syncs *fs, struct barrier *b, uint32_t n)
{
	for (uint64_t left = b->held; left != 0; left &= left - 1) {
		uint16_t slot = (uint16_t)__builtin_ctzll(left);

		if (fs->count[slot] > n)
			continue;
		b->held &= ~(UINT64_C(1) << slot);
		ctl_flow_go_on(fs->session, slot, fs->flow_id[slot]);
	}
}

void flow_sync_arrived(struct flow_syncs *fs, const void *tree, uint16_t slot, struct span payload,
		       struct flow_sync_counters *c, uint64_t now_us)
{
	uint64_t flow_id = fs->session->rx[slot].flow_id;
	struct barrier *b = NULL;
	struct user_control u;

	if (user_control_read(&u, payload) == 0 && u.flow_sync.count <= FLOWS_PER_SESSION)
		b = find(fs, tree, u.flow_sync.id);
	if (b == NULL) {
		c->refused++;
		ctl_flow_go_on(fs->session, slot, flow_id);
		return;
	}
	if (b->n == 0)
		b->give_up_us = now_us + BARRIER_US;
	b->n++;
	if (b->wants < u.flow_sync.count)
		b->wants = u.flow_sync.count;
	b->held |= UINT64_C(1) << slot;
	fs->count[slot] = (uint8_t)u.flow_sync.count;
	fs->flow_id[slot] = flow_id;
	c->held += u.flow_sync.count > b->n;
	let_go(fs, b, b->n);
	if (b->n >= b->wants)
		b->wants = 0;
}

void flow_syncs_timers(struct flow_syncs *fs, struct flow_sync_counters *c, uint64_t now_us)
{
	for (unsigned i = 0; i < BARRIERS_MAX; i++) {
		struct barrier *b = &fs->of[i];

		if (b->wants == 0 || now_us < b->give_up_us)
			continue;
		c->abandoned++;
		let_go(fs, b, UINT32_MAX);
		b->wants = 0;
	}
}

uint64_t flow_syncs_deadline_us(const struct flow_syncs *fs)
{
	uint64_t at = UINT64_MAX;

	for (unsigned i = 0; i < BARRIERS_MAX; i++)
		if (fs->of[i].wants != 0 && fs->of[i].give_up_us < at)
			at = fs->of[i].give_up_us;
	return at;
}

int flow_sync_send(struct ctl_session *s, const uint16_t *slots, uint8_t n, uint32_t id)
{
	const struct user_control u = {.event = UC_FLOW_SYNC, .flow_sync = {.id = id, .count = n}};
	uint8_t buf[32];
	struct wr w = wr_over(buf, sizeof(buf));
	uint64_t used = 0;
	int err;

	for (uint8_t i = 0; i < n; i++) {
		if (slots[i] >= FLOWS_PER_SESSION || (used >> slots[i] & 1) != 0)
			return -EINVAL;
		used |= UINT64_C(1) << slots[i];
	}
	err = n > 0 ? user_control_write(&w, 0, &u) : -EINVAL;
	for (uint8_t i = 0; i < n && err == 0; i++)
		err = ctl_flow_send(s, slots[i], buf, (uint32_t)wr_span(&w).len, 0);
	return err;
}

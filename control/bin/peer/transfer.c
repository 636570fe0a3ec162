#include "control/bin/peer/transfer.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "control/member/clock.h"

#define SOURCE_US 10000000

int transfer_begin(struct transfer *t, struct peer *p, uint32_t wait_s, uint64_t now_us)
{
	int err = peer_identity(p, &t->id);

	t->peer = p;
	t->base = p->args->file_number * FILE_STRIDE;
	if (err != 0)
		return err;
	if (!p->spec.replication) {
		peer_error(
			"the groupspec has no replication (annulus-peer groupspec --replication)");
		return PEER_USAGE;
	}
	t->member = peer_member_create(p, &t->id);
	if (t->member == NULL)
		return PEER_CONNECT;
	join_init(&t->join, p->n_servers, wait_s, now_us);
	err = peer_connect_all(p, t->member, now_us);
	if (err != 0)
		return err;
	t->group = node_join(member_node(t->member), &p->spec, NULL, &err, now_us);
	return t->group != NULL ? 0 : peer_join_error(err);
}

void transfer_end(struct transfer *t)
{
	if (t->member != NULL)
		peer_leave(t->peer, t->member);
	shared_file_close(t->file);
}

void transfer_tell_have(struct transfer *t, uint64_t now_us)
{
	const struct ranges *have = shared_file_have(t->file);

	t->has_untold = false;
	for (uint32_t i = 0; i < have->n; i++)
		t->has_untold |=
			node_have_add(t->group, t->base + have->at[i].first,
				      t->base + have->at[i].last, now_us) != 0;
}

void transfer_give(struct transfer *t, const struct node_event *e, uint64_t now_us)
{
	static uint8_t object[SHARED_FILE_OBJECT_MAX];
	uint32_t len;
	int err = -ENOENT;

	if (t->file != NULL && e->number >= t->base)
		err = shared_file_read(t->file, e->number - t->base, object, &len);
	if (err == 0)
		err = node_object_write(t->group, e->request, OBJECT_OPAQUE, object, len, now_us);
	else
		node_object_deny(t->group, e->request, now_us);
	if (err == 0) {
		t->n_given++;
		t->given_bytes += len;
	} else if (err == -ESTALE && !t->has_said_stale) {
		transfer_say(t, "the file has been changed since it was shared; what is not as it "
				"was is not given any more");
		t->has_said_stale = true;
	}
}

void transfer_note_source(struct transfer *t, const uint8_t peer_id[PEER_ID_LEN], uint64_t now_us)
{
	uint32_t i = 0, oldest = 0;

	for (; i < t->n_sources && memcmp(t->sources[i].peer_id, peer_id, PEER_ID_LEN) != 0; i++)
		if (t->sources[i].last_us < t->sources[oldest].last_us)
			oldest = i;
	if (i == t->n_sources && i == SOURCES_MAX)
		i = oldest;
	else if (i == t->n_sources)
		t->n_sources++;
	memcpy(t->sources[i].peer_id, peer_id, PEER_ID_LEN);
	t->sources[i].last_us = now_us;
}

uint32_t transfer_n_sources(const struct transfer *t, uint64_t now_us)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < t->n_sources; i++)
		n += now_us - t->sources[i].last_us <= SOURCE_US;
	return n;
}

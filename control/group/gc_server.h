// The introducer's registry: who joined which group, and whom they are told to try (groups.md 3).
//
// A newcomer is told our own member first (in groups of ours), then its three neighbours on the
// ring either way and up to two others at random; it calls them. Two seconds later those ring
// neighbours are told the newcomer: by then they mostly know each other, and both calling at once
// (glare) is avoided; if the newcomer could not call, they do. From then on each is told once a
// minute who is next up the ring: two parts of a group that were cut from each other for so long
// that they forgot each other are one ring again (NG-6).
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "control/startup/ctl_session.h"
#include "dataplane/wire/group_member.h"

struct gc_server;
struct random;
struct groups_counters;

struct gc_server_opts {
	const struct random *random;      // borrowed
	struct groups_counters *counters; // borrowed
	struct group_session **sessions;  // the list of them all
	bool introduces_unlisted;
	uint32_t groups_max, members_max; // members per group
	bool has_member;                  // we are a member ourselves, of groups that are ours
	uint8_t member_id[PEER_ID_LEN];
	void *ctx;
	bool (*is_ours)(void *ctx, const uint8_t group_id[GROUP_ID_LEN]);
	void (*joined)(void *ctx, const uint8_t group_id[GROUP_ID_LEN], struct ctl_session *);
	void (*left)(void *ctx, const uint8_t group_id[GROUP_ID_LEN], struct ctl_session *);
};

struct gc_server *gc_server_create(const struct gc_server_opts *); // NULL: no memory
void gc_server_destroy(struct gc_server *);

// A receive flow with metadata GC opened: accepted for OWNER_GC_SERVER or rejected.
void gc_server_flow_opened(struct gc_server *, struct ctl_session *, uint16_t rx_slot,
			   uint64_t flow_id);
void gc_server_message(struct gc_server *, struct ctl_session *, uint16_t rx_slot,
		       struct span message, uint64_t now_us);
void gc_server_flow_finished(struct gc_server *, struct ctl_session *, uint16_t rx_slot);  // left
void gc_server_flow_exception(struct gc_server *, struct ctl_session *, uint16_t tx_slot); // left
// A client that does not answer is named to nobody until it does, and those beside it close the gap.
void gc_server_health(struct ctl_session *, bool is_silent);
void gc_server_session_closed(struct gc_server *, struct ctl_session *);
void gc_server_timers(struct gc_server *, uint64_t now_us);
uint64_t gc_server_deadline_us(const struct gc_server *); // UINT64_MAX: never

uint32_t gc_server_n_groups(const struct gc_server *);
// Of one group, or by index 0 <= i < n_groups (order changes with joins); false: no such group.
uint32_t gc_server_n_members(const struct gc_server *, const uint8_t group_id[GROUP_ID_LEN]);
bool gc_server_group_at(const struct gc_server *, uint32_t i, const uint8_t **group_id,
			uint32_t *n_members);

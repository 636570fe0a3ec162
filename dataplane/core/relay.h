// Streams: one shared window of fragments each, and the neighbours linked to it (groups.md 6,
// fastpath.md 2, 5, 6). Push, pull, maps and masks are done here; control only says who is a
// neighbour of which stream.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/messages.h"
#include "dataplane/wire/cursor.h"

struct engine;
struct engine_opts;
struct relay; // engine->relay

struct relay *relay_create(const struct engine_opts *);
void relay_destroy(struct engine *, struct relay *);

// -- from flows (receive side) --
// What a fragment of that neighbour will look at and write to, in three steps: what the next one
// asks for is found in what the one before has fetched. With many streams, none of it is in a
// cache.
enum relay_fetch { RELAY_FETCH_STREAM, RELAY_FETCH_PLACE, RELAY_FETCH_INDEX };
void relay_fetch(const struct engine *, uint32_t session_idx, uint16_t stream, enum relay_fetch);
// One whole GR-12 message of a neighbour. Copied into the window if it is news.
void relay_on_fragment(struct engine *, uint32_t session_idx, uint16_t stream, struct span message);
// One whole GR-11 message. True: handled here; false: becomes a report (announcements, unknown
// types). Control gives STREAM_LINK before the FLOW_CLASS that names the stream: what a neighbour
// without a link says is dropped.
bool relay_on_control(struct engine *, uint32_t session_idx, uint16_t stream, struct span message);
// -- from flows (send side) --
void relay_flow_lost(struct engine *,
		     uint32_t flow_idx); // has numbers to send again, or an FSN to move
void relay_flow_open_again(struct engine *,
			   uint32_t session_idx); // acks came: cwnd, window or burst has room
void relay_flow_gone(struct engine *, uint32_t flow_idx); // rejected by the far end or freed
// -- from sessions --
void relay_session_gone(struct engine *, uint32_t session_idx);
void relay_session_ungroup(struct engine *, uint32_t session_idx);
// -- from engine --
// Every CMD_STREAM_*; a session that one names is S_OPEN. Bodies are copied: the command's body is
// the caller's to send home afterwards.
void relay_command(struct engine *, const struct command *);
void relay_handoffs(struct engine *); // what other workers say, and what waits to be said to them
void relay_budget_changed(struct engine *); // who waits for a group's looks again
// Fresh fragments to neighbours who are up to date; then those behind and repairs. Both stop when
// the buffers of this engine_tx call are used up and resume where they stopped. True: more is due.
bool relay_tx_fresh(struct engine *);
bool relay_tx_behind(struct engine *);
void relay_timers(struct engine *, uint64_t now_us); // maps, pulls, push tests, window ageing
uint64_t relay_deadline_us(const struct engine *);
// Rows for STATS_STREAMS / STATS_LINKS, from *at on; n_max rows; returns how many, *at moves on.
uint32_t relay_stream_stats(struct engine *, uint32_t *at, struct stream_stats *, uint32_t n_max);
uint32_t relay_link_stats(struct engine *, uint32_t *at, struct link_stats *, uint32_t n_max);

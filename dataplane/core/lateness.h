// How late a session's path brings what it does not lose. Three negative acks make a loss
// (RFC 7016 §3.6.2.5), which on a path that keeps order is right and soon. Where packets overtake
// each other by more, it would take each late one for lost. So negative acks count only from what
// was sent `limit_ms` later: not at all at first, and as much as lateness has been proven, no more
// than what ends in a timeout anyway. It falls back slowly when the path is seen to keep order.
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct lateness {
	uint32_t arrived_ms; // sending time of the latest transmission known to have arrived
	uint32_t since_ms;   // of the period that seen_ms is about
	uint16_t limit_ms;   // 0: the path keeps order
	uint16_t seen_ms;    // most that was proven in this period
};

// Something arrived although something sent so much later had arrived before; 0 or less: it did
// not.
void lateness_saw(struct lateness *, int32_t late_ms, uint32_t now_ms);
// A packet with acks came: once a period, the limit goes an eighth of its way to what was seen.
void lateness_turn(struct lateness *, uint32_t now_ms);

// Is a transmission of that time overtaken by more than this path's lateness?
static inline bool lateness_exceeds(const struct lateness *l, uint32_t sent_ms)
{
	return l->limit_ms == 0 || (int32_t)(l->arrived_ms - sent_ms) > l->limit_ms;
}

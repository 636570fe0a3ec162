// Congestion control of a session: the window of RFC 7016 Appendix A, and the slow rules under a
// "time critical reverse" notification (§3.5.2.1). Pure arithmetic on the session's line 0.
#pragma once

#include <stdbool.h>

#include "dataplane/core/session.h"

#define CC_SMSS           1460 // octets
#define CC_CWND_MAX       (1u << 30)
#define CC_LARGE_INFLIGHT 67200 // octets: from here on a loss cuts less

// What one received packet did to what is in flight.
struct cc_event {
	uint32_t in_flight_before; // PRE: before the packet's acks
	uint32_t acked_bytes;
	bool any_ack, any_nak, any_loss;
	bool is_fast; // FASTGROW: nobody's time critical data has to be spared, 800 ms back
	bool is_tc;   // TC_SENT: we sent time critical data on this session, 800 ms back
};

// The window as it was before a cut, and how many fragments that were declared lost since have yet
// to show whether it was right.
struct cc_cut {
	uint32_t cwnd_bytes, ssthresh_bytes;
	uint32_t n_doubted;
	bool is_taken; // the window was cut for them
	bool is_right; // at least one was lost, or nobody can say that it was not
};

void cc_open(struct session *);
void cc_on_packet(struct session *, const struct cc_event *);
// Would that change anything? A window that is not used up says nothing about what the path
// carries.
static inline bool cc_minds(const struct session *s, const struct cc_event *ev)
{
	return ev->any_loss ||
	       (ev->any_ack && !ev->any_nak && ev->in_flight_before >= s->cwnd_bytes);
}
// The retransmission alarm fired; had_loss: something was in flight.
void cc_on_timeout(struct session *, bool had_loss);
// The window is about to be cut. Cuts that follow before all is settled are one with the first.
void cc_cut_begin(struct cc_cut *, const struct session *);
// All that was declared lost is settled: a cut for which nothing was lost is taken back (true), as
// TCP does it (RFC 3522, RFC 5682). The window is then what RFC 5681 gives a sender that waited a
// little longer.
bool cc_cut_settle(struct cc_cut *, struct session *);

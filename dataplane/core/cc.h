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

void cc_open(struct session *);
void cc_on_packet(struct session *, const struct cc_event *);
// The retransmission alarm fired; had_loss: something was in flight.
void cc_on_timeout(struct session *, bool had_loss);

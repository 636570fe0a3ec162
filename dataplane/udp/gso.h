// Which packets of a burst may leave as one segmented send (UDP_SEGMENT): neighbours in the array,
// to one destination, all of one length but the last, which may be shorter. A probe of
// the path's MTU goes alone: the kernel may refuse it, and with it the whole send.
#pragma once

#include <stdint.h>

#include "dataplane/pkt.h"

#define GSO_SEGMENTS_MAX 16    // per send; the kernel's own limit is 64
#define GSO_BYTES_MAX    60000 // below what one IP datagram may hold

// Length of the run that starts at pkts[0], at least 1 (n > 0).
uint16_t gso_run(const struct pkt *pkts, uint16_t n);

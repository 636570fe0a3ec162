// Recorded datagrams: classic pcap files, little-endian, in microseconds, of raw IPv4 (linktype
// 101) with one UDP datagram per packet and no IP options. A file that is anything else is a
// broken test: it says so and aborts.
#ifndef ANNULUS_TESTS_PCAP_H
#define ANNULUS_TESTS_PCAP_H

#include "dataplane/messages.h"
#include "dataplane/wire/span.h"

struct pcap;

struct pcap_datagram {
	uint64_t at_us; // since 1970
	struct msg_addr src, dst;
	struct span payload; // lives as long as the pcap
};

// Name is relative to tests/vectors/. The caller frees it.
struct pcap *pcap_load(const char *name);
void pcap_free(struct pcap *);

uint32_t pcap_n(const struct pcap *);
const struct pcap_datagram *pcap_at(const struct pcap *, uint32_t index);

#endif

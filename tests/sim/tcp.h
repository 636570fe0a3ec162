// A bulk TCP connection as others' TCPs are: Reno (RFC 5681) with NewReno's recovery (RFC 6582),
// octets counted (RFC 3465, L = 1), retransmission timer of RFC 6298, delayed acks. Both ends in
// one, since only what it does to a line that it shares matters here. No handshake, no end.
//
// Its segments travel as datagrams of the same size on the line: 20 octets of TCP header are the
// 8 of UDP and 12 more.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "tests/sim/net.h"

#define TCP_MSS        1460
#define TCP_HEADER     12   // octets of a datagram's payload
#define TCP_WINDOW_MAX 1024 // segments

struct tcp {
	struct net *net;
	uint32_t host[2]; // sender, receiver
	uint16_t port;    // of both
	// Sender; numbers count segments.
	uint64_t una, next, end; // not acknowledged; sent next; never sent
	uint64_t recover;
	double cwnd, ssthresh; // segments
	uint32_t n_dups;
	bool is_recovering;
	double srtt_us, rttvar_us, rto_us;
	uint64_t timed, timed_us; // the segment whose round trip is measured; 0: none
	uint64_t rto_at_us;       // UINT64_MAX: nothing in flight
	// Receiver
	uint64_t expected;
	bool has[TCP_WINDOW_MAX]; // out of order, by number modulo
	bool owes_ack;
	uint64_t ack_at_us;
	// Figures
	uint64_t n_sent, n_resent, n_timeouts;
};

void tcp_init(struct tcp *, struct net *, uint32_t from, uint32_t to, uint16_t port);
// Sends what it may.
void tcp_start(struct tcp *, uint64_t now_us);
// A datagram to its port came to that host.
void tcp_receive(struct tcp *, uint32_t host, const uint8_t *data, uint16_t len, uint64_t now_us);
void tcp_timers(struct tcp *, uint64_t now_us);
uint64_t tcp_deadline_us(const struct tcp *);
// Octets that came through, in order.
uint64_t tcp_delivered(const struct tcp *);

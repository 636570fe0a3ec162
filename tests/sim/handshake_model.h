// What the shipped retransmission schedule allows, exactly: the chance that an opening is done in
// time over a line that loses by chance or in bursts, as net.c loses. Not a simulation: every way
// in which packets can be lost is followed with its probability.
#pragma once

#include <stdint.h>

struct handshake_model {
	uint32_t loss_permille, burst; // of the line, each way; burst 0: 1
	uint32_t round_trip_ms;
};

// Of a thousand openings. The responder's certificate is a server's: its RHello may be sent
// HELLO_ANSWERS_MAX times.
double handshake_model_permille(const struct handshake_model *, uint32_t limit_ms);

/*
 * sockets/: the same relay on ports and on kernel sockets, in turns: what bypassing the kernel
 * gains. Crypto, flows and acks are the same code at both. Sockets get what helps them: sendmmsg
 * for up to 128 packets, and with several packets to a neighbour one after the other, which the
 * kernel cuts from one (GSO).
 */
#include "perf/pair.h"
#include "perf/rows.h"

#define GSO_VISIT 4 // packets of a neighbour in a row, as annulusd's backend: udp has it

static void row(struct bench *b, uint16_t len, bool has_hmac, bool has_gso, struct bench_goal goal,
		const char *name)
{
	struct race_opts port = race_shape(1, 64, len, has_hmac), sockets;

	port.is_disturbed = true; // a datagram that the kernel drops says nothing about us
	if (has_gso) {            // at both the same comes in, and so the same is acknowledged
		port.fars.at_once = GSO_VISIT;
		port.want = port.turn_max = GSO_VISIT * 64;
	}
	sockets = port;
	sockets.world = udp_create;
	sockets.visit = has_gso ? GSO_VISIT : 0;
	pair_row(b, port, sockets, "a port of rings", has_gso ? "sockets, with GSO" : "sockets",
		 goal, name);
}

void sockets_rows(struct bench *b)
{
	row(b, 1000, false, false,
	    (struct bench_goal){"fan-out on ring ports over kernel sockets, 1000 B, sendmmsg", NULL,
				4, 8},
	    "sockets/1x64/1000B/sum");
	row(b, 1000, false, true, (struct bench_goal){"the same, sendmmsg and GSO", NULL, 4, 8},
	    "sockets/1x64/1000B/sum/gso");
	row(b, 200, false, false, (struct bench_goal){NULL}, "sockets/1x64/200B/sum");
	row(b, 1000, true, false, (struct bench_goal){NULL}, "sockets/1x64/1000B/hmac");
	row(b, 1000, true, true, (struct bench_goal){NULL}, "sockets/1x64/1000B/hmac/gso");
}

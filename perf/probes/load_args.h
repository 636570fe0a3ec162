// The load generator's command line.
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

struct load_opts {
	const char *device, *group;
	struct in_addr server, address; // the first member's; others follow
	struct in_addr gateway; // whose ARP questions we ask; the first member, unless given
	uint32_t n, n_whole;    // members; of those, the last ones play by themselves
	uint32_t join_per_s, message_bytes, message_hz, seconds;
	uint16_t queues;
	bool wants_huge, wants_json;
};

bool load_args_read(struct load_opts *, int argc, char **argv);
int load_args_usage(void); // to stderr; what main returns

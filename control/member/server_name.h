// A server as people write it: "HOST[:PORT][/APP]", with "rtmfp://" before it or not.
#pragma once

#include <stdint.h>

#include "dataplane/wire/address.h"

#define SERVER_ADDRS_MAX 8
#define SERVER_URI_MAX   512

struct server_name {
	char uri[SERVER_URI_MAX]; // rtmfp://host:port/app, for node_connect
	struct wire_addr addrs[SERVER_ADDRS_MAX];
	uint8_t n_addrs; // may be 0: the name has none that we understand
};

// "[v6]:port" is understood; the port is 1935 unless said. Asks the system's resolver, which can
// take seconds. 0; -EINVAL: it is no server's name; -EHOSTUNREACH: not resolved. why (160 octets
// are enough) says it in a line.
int server_name_resolve(struct server_name *, const char *text, char *why, uint32_t why_max);

// Addresses of the configuration as the wire room knows them.
#pragma once

#include <string.h>

#include "config/address.h"
#include "dataplane/wire/address.h"

// port: where the configuration gives none with the address.
static inline struct wire_addr wire_addr_of_config(const struct config_addr *a, uint16_t port)
{
	struct wire_addr w = {.port = a->port != 0 ? a->port : port,
			      .family = a->family == CONFIG_ADDR_IPV6 ? 6 : 4,
			      .origin = ADDR_LOCAL};

	memcpy(w.ip, a->ip, w.family == 6 ? 16 : 4);
	return w;
}

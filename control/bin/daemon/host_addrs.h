// The addresses of this machine's interfaces.
#pragma once

#include <stdint.h>

#include "dataplane/wire/address.h"

// Those of a family (4, 6, or 0: both) that others may reach us by: public ones first, then private
// ones, loopback last; link-local ones, which mean nothing without an interface, not at all. The
// port is put into each. Returns how many.
uint8_t host_addrs(uint8_t family, uint16_t port, struct wire_addr *out, uint8_t max);

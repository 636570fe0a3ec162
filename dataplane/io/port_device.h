// Device texts: what they say, and why a device cannot be opened, before DPDK says only -1.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DEVICE_TEXT_MAX 512

// "net_af_packet0,iface=va,qdisc_bypass=1" taken apart.
struct device_text {
	char name[DEVICE_TEXT_MAX]; // "net_af_packet0", or the long PCI address
	char args[DEVICE_TEXT_MAX]; // "iface=va,qdisc_bypass=1"
	bool is_pci;
};

// -EINVAL: empty or too long.
int device_text_read(struct device_text *, const char *text);
// The value of an argument ("iface"); false: not given. value has DEVICE_TEXT_MAX octets.
bool device_text_arg(const struct device_text *, const char *key, char *value);
// Drivers that make several queues only when told: their argument is added, unless it is there.
// -EINVAL: too long.
int device_text_add_queues(struct device_text *, uint16_t n);

// Its queues come in pairs: whoever is at the other end spreads frames over as many as there are
// for sending, so each has to be polled.
bool device_text_has_pairs(const struct device_text *);

// Looks whether what the device needs is there. 0, or -1 with half a sentence in `why` ("network
// interface va does not exist").
int device_check(const struct device_text *, char *why, size_t why_size);

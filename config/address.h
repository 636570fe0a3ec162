// IP addresses as an operator writes them: 10.0.0.1, 10.0.0.1:1936,
// [2001:db8::1]:1936, 10.0.0.1/24.
#ifndef ANNULUS_CONFIG_ADDRESS_H
#define ANNULUS_CONFIG_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum config_family { CONFIG_ADDR_NONE = 0, CONFIG_ADDR_IPV4 = 4, CONFIG_ADDR_IPV6 = 6 };

struct config_addr {
	uint8_t family;     // enum config_family
	uint8_t prefix_len; // bits; 0 where the text has none
	uint16_t port;      // host order; 0 where the text has none
	uint8_t ip[16];     // network order; IPv4 in the first four
};

#define ADDRESS_TEXT_SIZE 64 // "[" + 45 of an IPv6 address + "]:65535" or "/128" and a zero

// Each reads the whole text or nothing. Return 0 or -EINVAL.
int address_parse(struct config_addr *a, const char *text, size_t len);
int address_parse_port(struct config_addr *a, const char *text, size_t len); // :PORT may be missing
int address_parse_prefix(struct config_addr *a, const char *text, size_t len); // /LEN must be there

// Writes the shortest of the forms above that says everything that is set.
void address_print(const struct config_addr *a, char out[ADDRESS_TEXT_SIZE]);

bool address_is_any(const struct config_addr *a); // 0.0.0.0 or ::
bool address_same_ip(const struct config_addr *a, const struct config_addr *b);
// True if `ip` lies in the network of `net`, by net's prefix_len.
bool address_in_prefix(const struct config_addr *ip, const struct config_addr *net);

#endif

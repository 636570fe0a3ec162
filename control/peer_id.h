// Peer IDs as people write them: 64 hex digits.
#pragma once

#include <errno.h>
#include <stdint.h>
#include <string.h>

#define PEER_ID_DIGITS 64

static inline int peer_id_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

// 0, or -EINVAL: anything but 64 hex digits.
static inline int peer_id_parse(uint8_t id[32], const char *text)
{
	if (strlen(text) != PEER_ID_DIGITS)
		return -EINVAL;
	for (int i = 0; i < 32; i++) {
		int high = peer_id_digit(text[2 * i]), low = peer_id_digit(text[2 * i + 1]);

		if (high < 0 || low < 0)
			return -EINVAL;
		id[i] = (uint8_t)(high << 4 | low);
	}
	return 0;
}

// The stream's messages: sound, as far as the protocol knows, and behind that their number.
#pragma once

#include <stdbool.h>

#include "dataplane/wire/cursor.h"

#define LOAD_MESSAGE_LEAST 10
#define LOAD_MESSAGE_MAX   60000

static inline void load_message_number(uint8_t *message, uint64_t number)
{
	message[0] = 0xaf; // AAC
	message[1] = 0x01; // and no configuration
	be64_put(message + 2, number);
}

// Its first octets are enough. False: not one of those.
static inline bool load_message_read(struct span message, uint64_t *number)
{
	if (message.len < LOAD_MESSAGE_LEAST || message.data[0] != 0xaf || message.data[1] != 0x01)
		return false;
	*number = be64_get(message.data + 2);
	return true;
}

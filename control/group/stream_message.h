// An RTMP message of a stream, as publishers give it and players get it.
#pragma once

#include <stdint.h>

#include "dataplane/wire/rtmp_msg.h"
#include "dataplane/wire/span.h"

struct stream_message {
	uint8_t type;       // enum rtmp_type
	uint32_t timestamp; // ms, wraps
	struct span body;   // without type and timestamp
};

// The option codes of a groupspec and its octets (groups.md 2.1); for the files groupspec*.c.
#pragma once

#include <stdint.h>

#include "dataplane/wire/limits.h"

enum groupspec_option {
	SPEC_ROUTING = 0x00,
	SPEC_MULTICAST = 0x01,
	SPEC_REPLICATION = 0x02,
	SPEC_POSTING = 0x03,
	SPEC_PUBLISH_HASH = 0x05,
	SPEC_POSTING_HASH = 0x07,
	SPEC_IP_MULTICAST = 0x0a,
	SPEC_BOOTSTRAP = 0x0b,
	SPEC_SERVER_CHANNEL = 0x0c,
	SPEC_NO_PEER_TO_PEER = 0x0d,
	SPEC_TAG = 0x0e,
	SPEC_PUBLISH_PASSWORD = 0x15,
	SPEC_POSTING_PASSWORD = 0x17,
	SPEC_IP_MULTICAST_UPDATES = 0x1b,
	SPEC_VERSION = 0x7f,
};

#define GROUPSPEC_PREFIX     "G:"
#define GROUPSPEC_PREFIX_LEN 2
#define GROUPSPEC_OCTETS_MAX ((GROUPSPEC_TEXT_MAX - GROUPSPEC_PREFIX_LEN) / 2)

struct groupspec_octets {
	uint32_t len;
	uint8_t octets[GROUPSPEC_OCTETS_MAX];
};

// 0, or -EBADMSG with *why and *at.
int groupspec_octets_read(struct groupspec_octets *, const char *text, const char **why,
			  uint32_t *at);

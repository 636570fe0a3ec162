// A source's last words, in-band, before StreamEnd (groups.md 6.1): AMF3 commands, which hold AMF0
// values behind a format octet (RFC 7425 §5; rtmfp.md 14.2).
#pragma once

#include "control/group/stream_message.h"
#include "dataplane/wire/cursor.h"

enum farewell {
	FAREWELL_NONE,      // some other message
	FAREWELL_UNPUBLISH, // onStatus with code NetStream.Play.UnpublishNotify
	FAREWELL_CLOSE,     // closeStream: nothing follows
};

#define FAREWELL_LEN_MAX 512 // octets of a body, with the longest stream name

// The body of a message of type RTMP_COMMAND_AMF3. 0 or -ENOBUFS.
int farewell_unpublish_write(struct wr *, const char *name);
int farewell_close_write(struct wr *);

// Commands of either AMF, also with values we do not know behind the name.
enum farewell farewell_of(const struct stream_message *);

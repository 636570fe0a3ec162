// What a stream's messages are, as far as a group cares: where a viewer may begin, and what it
// needs before. Pure functions over RTMP message bodies (FLV tag bodies).
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/wire/rtmp_msg.h"
#include "dataplane/wire/span.h"

struct stream_message {
	uint8_t type;       // enum rtmp_type
	uint32_t timestamp; // ms, wraps
	struct span body;   // without type and timestamp
};

enum media_kind {
	MEDIA_OTHER,        // data, commands, what we do not know
	MEDIA_METADATA,     // onMetaData, also inside @setDataFrame
	MEDIA_VIDEO_HEADER, // decoder configuration ("sequence header")
	MEDIA_AUDIO_HEADER,
	MEDIA_KEY_FRAME, // a picture that decodes by itself
	MEDIA_VIDEO,
	MEDIA_AUDIO,
	MEDIA_VIDEO_END, // end of sequence: no picture
	MEDIA_UNPUBLISH, // onStatus NetStream.Play.UnpublishNotify: the source takes its leave
	MEDIA_CLOSE,     // closeStream: nothing follows
};

enum media_kind media_kind_of(const struct stream_message *);

// Metadata and codec headers: what is repeated for late joiners.
static inline bool media_kind_is_header(enum media_kind kind)
{
	return kind >= MEDIA_METADATA && kind <= MEDIA_AUDIO_HEADER;
}

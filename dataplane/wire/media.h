// What an audio, video or data message body is, as far as starting a decoder depends on it: the FLV
// tag bodies that RTMP carries (types 8, 9, 15, 18).
#ifndef ANNULUS_WIRE_MEDIA_H
#define ANNULUS_WIRE_MEDIA_H

#include "dataplane/wire/cursor.h"

enum media_kind {
	MEDIA_OTHER,        // anything that neither starts nor configures a decoder
	MEDIA_KEY_FRAME,    // a picture that needs no other
	MEDIA_VIDEO_CONFIG, // AVC sequence header and its like
	MEDIA_AUDIO_CONFIG, // AAC AudioSpecificConfig
	MEDIA_METADATA,     // onMetaData
};

enum media_kind media_kind_of(uint8_t type, struct span body);

#endif

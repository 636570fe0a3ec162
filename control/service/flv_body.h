// What an audio, video or data message body is, as far as starting a decoder depends on it: the FLV
// tag bodies that RTMP carries (types 8, 9, 15, 18).
#ifndef ANNULUS_SERVICE_FLV_BODY_H
#define ANNULUS_SERVICE_FLV_BODY_H

#include "dataplane/wire/cursor.h"

enum flv_body_kind {
	FLV_OTHER,        // anything that neither starts nor configures a decoder
	FLV_KEY_FRAME,    // a picture that needs no other
	FLV_VIDEO_CONFIG, // AVC sequence header and its like
	FLV_AUDIO_CONFIG, // AAC AudioSpecificConfig
	FLV_METADATA,     // onMetaData
};

enum flv_body_kind flv_body_kind_of(uint8_t type, struct span body);

#endif

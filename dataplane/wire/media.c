#include "dataplane/wire/media.h"

#include <string.h>

#include "dataplane/wire/rtmp_msg.h"

enum { FRAME_KEY = 1, CODEC_AVC = 7, CODEC_AAC = 10 };
enum { PACKET_CONFIG = 0, PACKET_PICTURE = 1, PACKET_PICTURE_X = 3 };

// Frame type and codec share the first octet; AVC says in the second whether it is a picture. With
// the top bit set (enhanced RTMP) the low half of the first octet is that packet type.
static enum media_kind video_kind(struct span body)
{
	uint8_t first, frame, packet;

	if (body.len < 2)
		return MEDIA_OTHER;
	first = body.data[0];
	frame = first >> 4 & 7;
	if (first & 0x80)
		packet = first & 0x0f;
	else if ((first & 0x0f) == CODEC_AVC)
		packet = body.data[1];
	else
		packet = PACKET_PICTURE; // older codecs have no configuration of their own
	if (packet == PACKET_CONFIG)
		return MEDIA_VIDEO_CONFIG;
	if (frame == FRAME_KEY && (packet == PACKET_PICTURE || packet == PACKET_PICTURE_X))
		return MEDIA_KEY_FRAME;
	return MEDIA_OTHER;
}

static enum media_kind audio_kind(struct span body)
{
	if (body.len >= 2 && body.data[0] >> 4 == CODEC_AAC && body.data[1] == PACKET_CONFIG)
		return MEDIA_AUDIO_CONFIG;
	return MEDIA_OTHER;
}

static enum media_kind data_kind(struct span body)
{
	static const uint8_t on_metadata[] = "\x02\x00\x0aonMetaData"; // an AMF0 string

	if (body.len > 0 && body.data[0] == 0) // type 15 may lead with a format octet
		body = (struct span){body.data + 1, body.len - 1};
	if (body.len >= sizeof(on_metadata) - 1 &&
	    memcmp(body.data, on_metadata, sizeof(on_metadata) - 1) == 0)
		return MEDIA_METADATA;
	return MEDIA_OTHER;
}

enum media_kind media_kind_of(uint8_t type, struct span body)
{
	switch (type) {
	case RTMP_AUDIO:
		return audio_kind(body);
	case RTMP_VIDEO:
		return video_kind(body);
	case RTMP_DATA_AMF0:
	case RTMP_DATA_AMF3:
		return data_kind(body);
	default:
		return MEDIA_OTHER;
	}
}

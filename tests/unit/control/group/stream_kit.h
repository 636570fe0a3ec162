// Small streams for the tests of publisher and player: messages in one line, fragments in an array.
#pragma once

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "control/group/publisher.h"
#include "control/group/stream_message.h"

#define KIT_FRAGMENTS_MAX 4096

// FLV tag bodies: AVC configuration, key picture, other picture, AAC configuration, AAC frame.
#define AVC_CONFIG "\x17\x00\x00\x00\x00\x01"
#define AVC_KEY    "\x17\x01\x00\x00\x00k"
#define AVC_INTER  "\x27\x01\x00\x00\x00i"
#define AAC_CONFIG "\xaf\x00\x12\x10"
#define AAC_FRAME                                                                                  \
	"\xaf\x01"                                                                                 \
	"a"
#define METADATA "\x02\x00\x0aonMetaData\x05"

#define BODY(text)                                                                                 \
	{                                                                                          \
		(const uint8_t *)(text), sizeof(text) - 1                                          \
	}

static inline struct stream_message kit_message(uint8_t type, uint32_t ms, const char *body,
						size_t len)
{
	return (struct stream_message){type, ms, span_of(body, len)};
}
#define KIT_VIDEO(ms, body) kit_message(RTMP_VIDEO, ms, body, sizeof(body) - 1)
#define KIT_AUDIO(ms, body) kit_message(RTMP_AUDIO, ms, body, sizeof(body) - 1)
#define KIT_DATA(ms, body)  kit_message(RTMP_DATA_AMF0, ms, body, sizeof(body) - 1)

// Fragments as a publisher emitted them, from number 1 on at index 0.
struct kit_stream {
	struct {
		uint8_t *octets;
		size_t len;
		bool is_key;
	} fragments[KIT_FRAGMENTS_MAX];
	size_t n;
	int fail_after; // emit fails after so many more; negative: never
};

static inline int kit_emit(void *ctx, const struct publisher_fragment *f)
{
	struct kit_stream *s = ctx;
	size_t len = f->head.len + f->payload.len;
	size_t i = f->number - 1;

	if (s->fail_after == 0)
		return -EAGAIN;
	if (s->fail_after > 0)
		s->fail_after--;
	assert(i < KIT_FRAGMENTS_MAX);
	free(s->fragments[i].octets);
	s->fragments[i].octets = malloc(len);
	memcpy(s->fragments[i].octets, f->head.data, f->head.len);
	if (f->payload.len > 0)
		memcpy(s->fragments[i].octets + f->head.len, f->payload.data, f->payload.len);
	s->fragments[i].len = len;
	s->fragments[i].is_key = f->is_key;
	if (s->n < i + 1)
		s->n = i + 1;
	return 0;
}

static inline struct kit_stream *kit_stream_create(void)
{
	struct kit_stream *s = calloc(1, sizeof(*s));

	s->fail_after = -1;
	return s;
}

static inline void kit_stream_destroy(struct kit_stream *s)
{
	for (size_t i = 0; i < KIT_FRAGMENTS_MAX; i++)
		free(s->fragments[i].octets);
	free(s);
}

static inline struct span kit_fragment(const struct kit_stream *s, uint64_t number)
{
	return span_of(s->fragments[number - 1].octets, s->fragments[number - 1].len);
}

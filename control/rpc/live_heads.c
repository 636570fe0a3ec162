// What a decoder or a program needs before anything else, kept for those who come late: codec
// configuration, and data key frames (MC-8: @setDataFrame, @clearDataFrame).
#include <stdlib.h>
#include <string.h>

#include "control/rpc/live_internal.h"
#include "dataplane/wire/media.h"
#include "dataplane/wire/rtmp_msg.h"

enum { AMF0_STRING = 2 };

static void clear(struct live_head *h)
{
	free(h->octets);
	*h = (struct live_head){0};
}

void live_heads_clear(struct live_stream *s)
{
	for (unsigned i = 0; i < LIVE_HEADS; i++)
		clear(&s->heads[i]);
}

// A head without memory for it is none: late players start without.
static void keep(struct live_stream *s, struct live_head *h, struct span message)
{
	uint8_t *octets = message.len <= LIVE_HEAD_BYTES_MAX ? malloc(message.len) : NULL;

	free(h->octets);
	h->octets = octets;
	h->len = (uint32_t)message.len;
	h->number = s->log.next;
	if (octets != NULL)
		memcpy(octets, message.data, message.len);
}

// ---- data key frames ----

// An AMF0 string, which must be short and no more than text; "" if it is not.
static void read_word(struct rd *r, char word[COMMAND_NAME_MAX])
{
	uint8_t marker = rd_u8(r);
	uint16_t len = rd_u16(r);
	const uint8_t *at = rd_take(r, len);

	word[0] = '\0';
	if (at == NULL || marker != AMF0_STRING || len >= COMMAND_NAME_MAX)
		return;
	memcpy(word, at, len);
	word[len] = '\0';
}

static struct live_head *find_data(struct live_stream *s, const char *name)
{
	for (unsigned i = LIVE_HEAD_DATA; i < LIVE_HEADS; i++)
		if (strcmp(s->heads[i].name, name) == 0)
			return &s->heads[i];
	return NULL;
}

// One more than there is room for is passed on like any other, but not kept.
static void keep_data(struct live_stream *s, const char *name, struct span message)
{
	struct live_head *h = find_data(s, name);

	if (h == NULL)
		h = find_data(s, ""); // unused
	if (h == NULL || name[0] == '\0')
		return;
	strcpy(h->name, name); // both COMMAND_NAME_MAX
	keep(s, h, message);
}

// The message without its first word.
static bool rewrite(struct live_stream *s, struct net_stream_message *m, struct span rest)
{
	struct wr w = wr_over(s->hub->scratch, sizeof(s->hub->scratch));
	const struct rtmp_head head = {m->type, m->timestamp};

	rtmp_head_write(&w, &head);
	if (m->type == RTMP_DATA_AMF3)
		wr_u8(&w, 0);
	wr_bytes(&w, rest.data, rest.len);
	if (wr_err(&w) != 0) {
		s->hub->counters.too_long++;
		return false;
	}
	m->whole = wr_span(&w);
	m->payload = span_of(m->whole.data + RTMP_HEAD_LEN, m->whole.len - RTMP_HEAD_LEN);
	return true;
}

static bool take_data(struct live_stream *s, struct net_stream_message *m)
{
	struct rd r = rd_over_span(m->payload), rest;
	char word[COMMAND_NAME_MAX], name[COMMAND_NAME_MAX];

	if (m->type == RTMP_DATA_AMF3) // a format octet, then AMF0
		rd_u8(&r);
	read_word(&r, word);
	rest = r;
	read_word(&r, name);
	if (strcmp(word, "@clearDataFrame") == 0) {
		if (name[0] != '\0' && find_data(s, name) != NULL)
			clear(find_data(s, name));
		return false;
	}
	if (strcmp(word, "@setDataFrame") == 0) {
		if (!rewrite(s, m, rd_rest(&rest)))
			return false;
		keep_data(s, name, m->whole);
	} else if (media_kind_of(m->type, m->payload) == MEDIA_METADATA) {
		keep_data(s, word, m->whole); // some encoders send it without the word
	}
	return true;
}

bool live_heads_take(struct live_stream *s, struct net_stream_message *m)
{
	switch (media_kind_of(m->type, m->payload)) {
	case MEDIA_VIDEO_CONFIG:
		keep(s, &s->heads[LIVE_HEAD_VIDEO], m->whole);
		return true;
	case MEDIA_AUDIO_CONFIG:
		keep(s, &s->heads[LIVE_HEAD_AUDIO], m->whole);
		return true;
	default:
		break;
	}
	if (m->type == RTMP_DATA_AMF0 || m->type == RTMP_DATA_AMF3)
		return take_data(s, m);
	return true;
}

uint32_t live_heads_before(const struct live_stream *s, uint64_t number)
{
	uint32_t bits = 0;

	for (unsigned i = 0; i < LIVE_HEADS; i++)
		if (s->heads[i].octets != NULL && s->heads[i].number < number)
			bits |= 1u << i;
	return bits;
}

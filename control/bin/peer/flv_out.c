#include "control/bin/peer/flv_out.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/service/flv.h"
#include "dataplane/wire/media.h"
#include "dataplane/wire/rtmp_msg.h"

#define SOUND_ONLY_AFTER_MS 1000

// The last of each kind of header, in the order a file wants them.
enum { HEAD_METADATA, HEAD_VIDEO, HEAD_AUDIO, HEADS };

struct head {
	uint8_t *body;
	uint32_t len;
	uint8_t type;
};

struct flv_out {
	FILE *file;
	struct head heads[HEADS];
	bool has_seen_any, has_seen_video;
	uint32_t seen_first_ms;
	struct flv_out_totals totals;
};

struct flv_out *flv_out_create(FILE *file)
{
	struct flv_out *o = calloc(1, sizeof(*o));

	if (o != NULL)
		o->file = file;
	return o;
}

static int head_of(enum media_kind kind)
{
	switch (kind) {
	case MEDIA_METADATA:
		return HEAD_METADATA;
	case MEDIA_VIDEO_CONFIG:
		return HEAD_VIDEO;
	case MEDIA_AUDIO_CONFIG:
		return HEAD_AUDIO;
	default:
		return -1;
	}
}

static int write_tag(struct flv_out *o, uint8_t type, uint32_t timestamp_ms, struct span body)
{
	struct flv_tag tag = {type, timestamp_ms, body};
	int err = flv_write_tag(o->file, &tag);

	if (err != 0)
		return err;
	if (o->totals.tags == 0)
		o->totals.first_ms = timestamp_ms;
	o->totals.tags++;
	o->totals.last_ms = timestamp_ms;
	o->totals.bytes += body.len;
	return 0;
}

static int start(struct flv_out *o, uint32_t timestamp_ms)
{
	int err = flv_write_header(o->file, true, o->has_seen_video);

	o->totals.has_started = true;
	for (int i = 0; err == 0 && i < HEADS; i++)
		if (o->heads[i].body != NULL)
			err = write_tag(o, o->heads[i].type, timestamp_ms,
					(struct span){o->heads[i].body, o->heads[i].len});
	return err;
}

// Remembers a header; *is_news: it differs from the last of its kind.
static int keep_head(struct flv_out *o, int at, uint8_t type, struct span body, bool *is_news)
{
	struct head *h = &o->heads[at];
	uint8_t *copy;

	*is_news =
		h->body == NULL || h->len != body.len || memcmp(h->body, body.data, body.len) != 0;
	if (!*is_news)
		return 0;
	copy = malloc(body.len > 0 ? body.len : 1);
	if (copy == NULL)
		return -ENOMEM;
	if (body.len > 0)
		memcpy(copy, body.data, body.len);
	free(h->body);
	*h = (struct head){copy, (uint32_t)body.len, type};
	return 0;
}

// Whether the file may start with this message, which is no header.
static bool may_start(const struct flv_out *o, uint8_t type, enum media_kind kind,
		      uint32_t timestamp_ms)
{
	if (kind == MEDIA_KEY_FRAME)
		return true;
	return type == RTMP_AUDIO && !o->has_seen_video &&
	       (int32_t)(timestamp_ms - o->seen_first_ms) >= SOUND_ONLY_AFTER_MS;
}

int flv_out_message(struct flv_out *o, uint8_t type, uint32_t timestamp_ms, struct span body)
{
	enum media_kind kind = media_kind_of(type, body);
	int head = head_of(kind), err;
	bool is_news;

	if (!o->has_seen_any)
		o->seen_first_ms = timestamp_ms;
	o->has_seen_any = true;
	o->has_seen_video |= type == RTMP_VIDEO;
	if (head >= 0) {
		err = keep_head(o, head, type, body, &is_news);
		if (err != 0 || !is_news || !o->totals.has_started)
			return err;
		return write_tag(o, type, timestamp_ms, body);
	}
	if (!o->totals.has_started) {
		if (!may_start(o, type, kind, timestamp_ms))
			return 0;
		err = start(o, timestamp_ms);
		if (err != 0)
			return err;
	}
	return write_tag(o, type, timestamp_ms, body);
}

int flv_out_flush(struct flv_out *o)
{
	return fflush(o->file) == 0 ? 0 : -errno;
}

int flv_out_close(struct flv_out *o)
{
	int err;

	for (int i = 0; i < HEADS; i++)
		free(o->heads[i].body);
	err = fclose(o->file) == 0 ? 0 : -errno;
	free(o);
	return err;
}

struct flv_out_totals flv_out_totals(const struct flv_out *o)
{
	return o->totals;
}

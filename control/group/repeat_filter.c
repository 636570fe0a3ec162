#include "control/group/repeat_filter.h"

#include <stdlib.h>
#include <string.h>

#include "dataplane/wire/media.h"

// The kinds that are remembered; -1: not one of them.
static int slot_of(unsigned kind)
{
	switch (kind) {
	case MEDIA_METADATA:
		return 0;
	case MEDIA_VIDEO_CONFIG:
		return 1;
	case MEDIA_AUDIO_CONFIG:
		return 2;
	default:
		return -1;
	}
}

void repeat_filter_clear(struct repeat_filter *f)
{
	for (unsigned i = 0; i < REPEAT_KINDS; i++)
		free(f->last[i].octets);
	memset(f, 0, sizeof(*f));
}

static void forget(struct repeat_filter *f, int i)
{
	free(f->last[i].octets);
	f->last[i].octets = NULL;
	f->last[i].len = 0;
}

void repeat_filter_forget(struct repeat_filter *f, unsigned kind)
{
	int i = slot_of(kind);

	if (i >= 0)
		forget(f, i);
}

bool repeat_filter_drops(struct repeat_filter *f, const struct stream_message *m)
{
	int i = slot_of(media_kind_of(m->type, m->body));

	if (i < 0)
		return false;
	if (f->last[i].octets != NULL && f->last[i].type == m->type &&
	    span_equal(span_of(f->last[i].octets, f->last[i].len), m->body))
		return true;
	forget(f, i);
	if (m->body.len > REPEAT_LEN_MAX)
		return false;
	f->last[i].octets = malloc(m->body.len);
	if (f->last[i].octets == NULL)
		return false;
	memcpy(f->last[i].octets, m->body.data, m->body.len);
	f->last[i].len = (uint32_t)m->body.len;
	f->last[i].type = m->type;
	return false;
}

struct stream_message repeat_filter_last(const struct repeat_filter *f, unsigned kind)
{
	struct stream_message m = {0};
	int i = slot_of(kind);

	if (i < 0 || f->last[i].octets == NULL)
		return m;
	m.type = f->last[i].type;
	m.body = span_of(f->last[i].octets, f->last[i].len);
	return m;
}

#include "control/rpc/live_log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/wire/media.h"
#include "dataplane/wire/rtmp_msg.h"

#define RING_FIRST     64u
#define OVERTAKERS_MAX 256 // messages that are looked at before a key frame, and behind it

void live_log_init(struct live_log *l, uint32_t bytes_max)
{
	*l = (struct live_log){.bytes_max = bytes_max};
}

static struct live_record **place(const struct live_log *l, uint64_t number)
{
	return &l->ring[number & l->mask];
}

static uint32_t cost(const struct live_record *r)
{
	return (uint32_t)sizeof(*r) + r->len;
}

static void drop_first(struct live_log *l)
{
	struct live_record *r = *place(l, l->first++);

	l->bytes -= cost(r);
	free(r);
}

void live_log_fini(struct live_log *l)
{
	while (l->first < l->next)
		drop_first(l);
	free(l->ring);
	*l = (struct live_log){0};
}

static int grow(struct live_log *l)
{
	uint32_t size = l->ring == NULL ? RING_FIRST : 2 * (l->mask + 1);
	struct live_record **ring = calloc(size, sizeof(*ring));

	if (ring == NULL)
		return -ENOMEM;
	for (uint64_t i = l->first; i < l->next; i++)
		ring[i & (size - 1)] = *place(l, i);
	free(l->ring);
	l->ring = ring;
	l->mask = size - 1;
	return 0;
}

static int make_room(struct live_log *l, uint32_t bytes)
{
	uint64_t n;

	if (bytes > l->bytes_max)
		return -EMSGSIZE;
	while (l->bytes > l->bytes_max - bytes || l->next - l->first >= LIVE_LOG_RECORDS_MAX)
		drop_first(l);
	n = l->next - l->first;
	return l->ring == NULL || n > l->mask ? grow(l) : 0;
}

// A second key frame makes what lies before the first useless to everybody but one who is held up.
static void drop_before(struct live_log *l, uint64_t number)
{
	while (l->first < number)
		drop_first(l);
}

int live_log_add(struct live_log *l, const struct live_record *head, struct span octets)
{
	struct live_record *r;
	int err;

	if (octets.len > l->bytes_max)
		return -EMSGSIZE;
	err = make_room(l, (uint32_t)(sizeof(*r) + octets.len));
	if (err != 0)
		return err;
	r = malloc(sizeof(*r) + octets.len);
	if (r == NULL)
		return -ENOMEM;
	*r = *head;
	r->len = (uint32_t)octets.len;
	if (octets.len > 0)
		memcpy(r->octets, octets.data, octets.len);
	if (r->media == MEDIA_KEY_FRAME) {
		if (l->has_key)
			drop_before(l, l->key);
		l->has_key = true;
		l->key = l->next;
	}
	*place(l, l->next++) = r;
	l->bytes += cost(r);
	return 0;
}

const struct live_record *live_log_at(const struct live_log *l, uint64_t number)
{
	return number >= l->first && number < l->next ? *place(l, number) : NULL;
}

// Timestamps are 32 bits that wrap.
static bool is_before(const struct live_record *r, uint32_t ms)
{
	return (int32_t)(r->timestamp - ms) < 0;
}

// Sound and data wait for their own losses only, so each flow is looked through for itself: sound
// as far as its order says; data, which may have any time, as far as we look.
bool live_log_start(const struct live_log *l, struct live_start *out)
{
	uint64_t i = l->key, last = l->key > OVERTAKERS_MAX ? l->key - OVERTAKERS_MAX : 0;
	bool is_sound_done = false;
	uint32_t key_ms;

	*out = (struct live_start){.number = l->next};
	if (!l->has_key || l->key < l->first)
		return false;
	key_ms = (*place(l, l->key))->timestamp;
	*out = (struct live_start){l->key, l->key + OVERTAKERS_MAX, key_ms};
	while (i > l->first && i > last) {
		const struct live_record *r = *place(l, --i);
		bool is_early = is_before(r, key_ms);

		if (r->kind != LIVE_MEDIA || r->media == MEDIA_KEY_FRAME)
			break;
		is_sound_done |= r->type == RTMP_AUDIO && is_early;
		if (r->type != RTMP_VIDEO && !is_early && !(r->type == RTMP_AUDIO && is_sound_done))
			out->number = i;
	}
	return true;
}

bool live_start_is_early(const struct live_start *s, uint64_t number, const struct live_record *r)
{
	return number < s->sound_until && r->type == RTMP_AUDIO && r->media != MEDIA_AUDIO_CONFIG &&
	       is_before(r, s->sound_from_ms);
}

void live_log_restart(struct live_log *l)
{
	l->has_key = false;
}

#include "control/rpc/stream_merge.h"

#include <stdlib.h>
#include <string.h>

#include "dataplane/wire/media.h"
#include "dataplane/wire/rtmp_msg.h"

enum { PICTURES, SOUND, DATA, KINDS };

static void list_init(struct merge_list *l)
{
	l->first = NULL;
	l->last = &l->first;
}

static void list_put(struct merge_list *l, struct merge_item *i)
{
	i->next = NULL;
	*l->last = i;
	l->last = &i->next;
}

static struct merge_item *list_take(struct merge_list *l)
{
	struct merge_item *i = l->first;

	if (i == NULL)
		return NULL;
	l->first = i->next;
	if (l->first == NULL)
		l->last = &l->first;
	return i;
}

static void list_free(struct merge_list *l)
{
	struct merge_item *i;

	while ((i = list_take(l)) != NULL)
		free(i);
}

void stream_merge_init(struct stream_merge *m)
{
	*m = (struct stream_merge){0};
	for (unsigned i = 0; i < KINDS; i++)
		list_init(&m->waiting[i]);
	list_init(&m->ready);
}

void stream_merge_fini(struct stream_merge *m)
{
	for (unsigned i = 0; i < KINDS; i++)
		list_free(&m->waiting[i]);
	list_free(&m->ready);
	free(m->lent);
	m->lent = NULL;
}

// ---- in ----

static struct merge_item *item_create(struct stream_merge *m, struct span octets)
{
	struct merge_item *i = malloc(sizeof(*i) + octets.len);

	if (i == NULL)
		return NULL;
	if (octets.len > 0)
		memcpy(i + 1, octets.data, octets.len);
	*i = (struct merge_item){.data = span_of(i + 1, octets.len)};
	m->bytes += (uint32_t)octets.len;
	return i;
}

static unsigned flow_of(uint8_t type)
{
	return type == RTMP_VIDEO ? PICTURES : type == RTMP_AUDIO ? SOUND : DATA;
}

// It promises what it is for, and that may be long on its way: a key frame is large.
static bool is_codec_header(const struct net_stream_message *m)
{
	enum media_kind kind = media_kind_of(m->type, m->payload);

	return kind == MEDIA_VIDEO_CONFIG || kind == MEDIA_AUDIO_CONFIG;
}

// Timestamps are 32 bits that wrap.
static bool is_before(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) < 0;
}

// By time, and of the same time what decoders need first.
static bool goes_before(const struct merge_item *a, const struct merge_item *b)
{
	return a->timestamp != b->timestamp ? is_before(a->timestamp, b->timestamp)
					    : a->is_head && !b->is_head;
}

static int earliest(const struct stream_merge *m)
{
	int best = -1;

	for (int i = 0; i < KINDS; i++)
		if (m->waiting[i].first != NULL &&
		    (best < 0 || goes_before(m->waiting[i].first, m->waiting[best].first)))
			best = i;
	return best;
}

static void all_go(struct stream_merge *m)
{
	int i;

	while ((i = earliest(m)) >= 0)
		list_put(&m->ready, list_take(&m->waiting[i]));
}

// Whoever does not take what is ready loses the oldest.
static void make_room(struct stream_merge *m, uint32_t len)
{
	struct merge_item *i;

	if (len <= MERGE_BYTES_MAX - m->bytes)
		return;
	all_go(m);
	while (len > MERGE_BYTES_MAX - m->bytes && (i = m->ready.first) != NULL &&
	       i->kind != MERGE_WORD) {
		list_take(&m->ready);
		m->bytes -= (uint32_t)i->data.len;
		m->lost++;
		free(i);
		if (m->ready.first != NULL)
			m->ready.first->has_gap = true;
	}
}

void stream_merge_message(struct stream_merge *m, const struct net_stream_message *message,
			  uint64_t now_us)
{
	unsigned flow = flow_of(message->type);
	struct merge_item *i;

	if (message->payload.len <= MERGE_BYTES_MAX)
		make_room(m, (uint32_t)message->payload.len);
	if (message->payload.len > MERGE_BYTES_MAX - m->bytes) {
		m->lost++;
		return;
	}
	i = item_create(m, message->payload);
	if (i == NULL) {
		m->lost++;
		return;
	}
	i->type = message->type;
	i->timestamp = message->timestamp;
	i->has_gap = message->has_gap;
	i->is_head = is_codec_header(message) ||
		     media_kind_of(message->type, message->payload) == MEDIA_METADATA;
	i->since_us = now_us;
	if (!m->has_begun) // the other may be on its way
		for (unsigned f = 0; f < DATA; f++)
			m->flow[f].silent_us = now_us + MERGE_BEGIN_US;
	m->has_begun = true;
	if (!is_codec_header(message)) {
		m->flow[flow].has_come = true;
		m->flow[flow].timestamp = message->timestamp;
		m->flow[flow].silent_us = now_us + MERGE_HOLD_US;
	}
	list_put(&m->waiting[flow], i);
}

void stream_merge_in_order(struct stream_merge *m, const struct net_stream_message *message,
			   uint64_t now_us)
{
	stream_merge_message(m, message, now_us);
	all_go(m);
}

void stream_merge_word(struct stream_merge *m, int word, const char *text, bool is_behind)
{
	struct merge_item *i;

	if (is_behind) {
		all_go(m);
		m->has_begun = false; // whoever publishes next begins anew
		for (unsigned f = 0; f < KINDS; f++)
			m->flow[f].has_come = false;
	}
	i = item_create(m, span_of(text, strlen(text) + 1));
	if (i == NULL)
		return;
	i->kind = MERGE_WORD;
	i->word = word;
	list_put(&m->ready, i);
}

// ---- out ----

// Something earlier may still come by this flow.
static bool may_bring(const struct stream_merge *m, unsigned flow, const struct merge_item *than,
		      uint64_t now_us)
{
	if (m->waiting[flow].first != NULL || now_us >= m->flow[flow].silent_us)
		return false;
	return !m->flow[flow].has_come || is_before(m->flow[flow].timestamp, than->timestamp);
}

// How long it waits at most.
static uint64_t hold_us(const struct stream_merge *m)
{
	return m->flow[PICTURES].has_come && m->flow[SOUND].has_come ? MERGE_HOLD_US
								     : MERGE_BEGIN_US;
}

static bool may_go(const struct stream_merge *m, const struct merge_item *i, uint64_t now_us)
{
	if (now_us - i->since_us >= hold_us(m))
		return true;
	return !may_bring(m, PICTURES, i, now_us) && !may_bring(m, SOUND, i, now_us);
}

static void release(struct stream_merge *m, uint64_t now_us)
{
	int i;

	while ((i = earliest(m)) >= 0 && may_go(m, m->waiting[i].first, now_us))
		list_put(&m->ready, list_take(&m->waiting[i]));
}

const struct merge_item *stream_merge_next(struct stream_merge *m, uint64_t now_us)
{
	static const struct merge_item gap = {.kind = MERGE_GAP};

	release(m, now_us);
	if (m->ready.first != NULL && m->ready.first->has_gap) {
		m->ready.first->has_gap = false;
		return &gap;
	}
	free(m->lent);
	m->lent = list_take(&m->ready);
	if (m->lent != NULL)
		m->bytes -= (uint32_t)m->lent->data.len;
	return m->lent;
}

uint64_t stream_merge_deadline_us(const struct stream_merge *m)
{
	int i = earliest(m);
	uint64_t at;

	if (m->ready.first != NULL)
		return 0;
	if (i < 0)
		return UINT64_MAX;
	at = m->waiting[i].first->since_us + hold_us(m);
	for (unsigned f = 0; f < DATA; f++)
		if (m->waiting[f].first == NULL && m->flow[f].silent_us < at)
			at = m->flow[f].silent_us;
	return at;
}

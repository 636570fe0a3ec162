#include "control/group/player_start.h"

#include "dataplane/wire/media.h"
#include "dataplane/wire/rtmp_msg.h"

// Who saw a number up to this first has probably joined at the beginning, and fragment 1 is only
// late: two seconds at 1 Mbit/s.
enum { NEAR_BEGINNING = 256 };

enum { HAS_METADATA = 1, HAS_VIDEO_CONFIG = 2, HAS_AUDIO_CONFIG = 4, HAS_ALL = 7 };

struct scan {
	uint64_t run;   // number of the present run of held fragments' first
	uint64_t lead;  // first of the headers that directly precede the message at hand; 0: none
	unsigned heads; // HAS_* of those
	uint64_t first, first_header; // oldest message, oldest header; 0: none
	uint64_t key, perfect;        // places of either quality: the oldest or the newest
	bool wants_oldest;
	const struct start_hints *hints;
	bool has_video;
};

static unsigned head_of(enum media_kind kind)
{
	switch (kind) {
	case MEDIA_METADATA:
		return HAS_METADATA;
	case MEDIA_VIDEO_CONFIG:
		return HAS_VIDEO_CONFIG;
	case MEDIA_AUDIO_CONFIG:
		return HAS_AUDIO_CONFIG;
	default:
		return 0;
	}
}

// A whole key frame. The headers before it are all of them if nothing is missing before the first;
// else the missing one might be a header, too.
static void note_key(struct scan *s, uint64_t number, uint32_t timestamp)
{
	bool is_fresh = s->wants_oldest ||
			(int32_t)(s->hints->newest_ms - timestamp) <= (int32_t)s->hints->fresh_ms;
	bool is_perfect = is_fresh && (s->heads & HAS_VIDEO_CONFIG) != 0 &&
			  (s->heads == HAS_ALL || s->lead > s->run);

	if (s->key == 0 || !s->wants_oldest)
		s->key = s->lead != 0 ? s->lead : number;
	if (is_perfect && (s->perfect == 0 || !s->wants_oldest))
		s->perfect = s->lead;
}

// Returns the number to go on with.
static uint64_t scan_message(struct scan *s, const struct fragment_store *store, uint64_t number,
			     const struct held_fragment *h)
{
	enum media_kind kind = media_kind_of(h->type, span_of(h->payload, h->len));
	unsigned head = head_of(kind);
	uint64_t missing;
	uint32_t n = fragment_store_whole(store, number, &missing);

	s->has_video |= h->type == RTMP_VIDEO;
	if (n == 0) {
		s->lead = 0;
		s->heads = 0;
		return number + 1;
	}
	if (s->first == 0)
		s->first = number;
	if (head != 0 && s->first_header == 0)
		s->first_header = number;
	if (head != 0 && s->lead == 0)
		s->lead = number;
	s->heads |= head;
	if (kind == MEDIA_KEY_FRAME)
		note_key(s, number, h->timestamp);
	if (head == 0) {
		s->lead = 0;
		s->heads = 0;
	}
	return number + n;
}

static void scan_all(struct scan *s, const struct fragment_store *store)
{
	uint64_t at = fragment_store_next(store, 0);

	s->run = at;
	while (at != 0) {
		const struct held_fragment *h = fragment_store_get(store, at);
		uint64_t next;

		next = h->flags & STREAM_FRAGMENT_FIRST ? scan_message(s, store, at, h) : at + 1;
		if (!(h->flags & STREAM_FRAGMENT_FIRST)) {
			s->lead = 0;
			s->heads = 0;
		}
		at = fragment_store_next(store, next);
		if (at > next) { // a hole
			s->run = at;
			s->lead = 0;
			s->heads = 0;
		}
	}
}

uint64_t player_start_pick(const struct fragment_store *store, const struct start_hints *hints,
			   enum start_patience patience)
{
	bool was_there = hints->first_seen <= NEAR_BEGINNING;
	struct scan s = {.wants_oldest = was_there, .hints = hints};

	if (was_there && fragment_store_get(store, 1) != NULL)
		return 1;
	scan_all(&s, store);
	if (patience == START_EARLY)
		return was_there ? 0 : s.perfect;
	if (s.perfect != 0)
		return s.perfect;
	if (s.key != 0)
		return s.key;
	if (s.has_video && patience != START_AT_ALL)
		return 0;
	return s.first_header != 0 ? s.first_header : s.first;
}

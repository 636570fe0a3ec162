#include "control/service/flv_compare.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/service/flv.h"
#include "dataplane/wire/media.h"
#include "dataplane/wire/rtmp_msg.h"

struct tag {
	uint8_t type, kind; // kind: enum media_kind
	bool is_repeat;     // codec header or metadata equal to the last of its kind
	uint32_t ms, len;
	size_t at; // of the body in data
};

struct flv_file {
	uint8_t *data; // all bodies
	size_t len, cap;
	struct tag *tags;
	uint32_t n, tags_cap;
};

static bool is_header(uint8_t kind)
{
	return kind == MEDIA_METADATA || kind == MEDIA_VIDEO_CONFIG || kind == MEDIA_AUDIO_CONFIG;
}

// Index of the last tag of this kind before `end`, or -1.
static int64_t last_of_kind(const struct flv_file *f, uint8_t kind, uint32_t end)
{
	for (int64_t i = (int64_t)end - 1; i >= 0; i--)
		if (f->tags[i].kind == kind)
			return i;
	return -1;
}

static bool same_body(const struct flv_file *fa, const struct tag *a, const struct flv_file *fb,
		      const struct tag *b)
{
	return a->len == b->len && memcmp(fa->data + a->at, fb->data + b->at, a->len) == 0;
}

static int add_tag(struct flv_file *f, const struct flv_tag *t)
{
	struct tag *tag;
	int64_t last;

	if (f->n == f->tags_cap) {
		uint32_t cap = f->tags_cap ? 2 * f->tags_cap : 1024;
		struct tag *grown = realloc(f->tags, cap * sizeof(*grown));

		if (grown == NULL)
			return -ENOMEM;
		f->tags = grown;
		f->tags_cap = cap;
	}
	if (f->len + t->body.len > f->cap) {
		size_t cap = 2 * (f->len + t->body.len) + 4096;
		uint8_t *grown = realloc(f->data, cap);

		if (grown == NULL)
			return -ENOMEM;
		f->data = grown;
		f->cap = cap;
	}
	tag = &f->tags[f->n];
	*tag = (struct tag){.type = t->type,
			    .kind = (uint8_t)media_kind_of(t->type, t->body),
			    .ms = t->timestamp_ms,
			    .len = (uint32_t)t->body.len,
			    .at = f->len};
	if (t->body.len > 0)
		memcpy(f->data + f->len, t->body.data, t->body.len);
	f->len += t->body.len;
	last = is_header(tag->kind) ? last_of_kind(f, tag->kind, f->n) : -1;
	tag->is_repeat = last >= 0 && same_body(f, tag, f, &f->tags[last]);
	f->n++;
	return 0;
}

// Takes all tags the parser has. 0 or -errno with why.
static int take_tags(struct flv_file *f, struct flv_parser *p, char *why, uint32_t why_max)
{
	const char *what = "out of memory";
	struct flv_tag t;
	int got;

	while ((got = flv_parser_next(p, &t, &what)) > 0) {
		got = add_tag(f, &t);
		if (got < 0)
			break;
	}
	if (got < 0)
		snprintf(why, why_max, "%s at octet %llu", what,
			 (unsigned long long)flv_parser_offset(p));
	return got;
}

// `read` fills room octets at most and says how many; 0: the end; < 0: -errno.
static struct flv_file *load(int64_t (*read)(void *, uint8_t *, uint32_t), void *ctx, char *why,
			     uint32_t why_max)
{
	struct flv_file *f = calloc(1, sizeof(*f));
	struct flv_parser *p = flv_parser_create();
	int64_t n;

	snprintf(why, why_max, "out of memory");
	if (f == NULL || p == NULL)
		goto fail;
	for (;;) {
		uint32_t room;
		uint8_t *space = flv_parser_space(p, &room);

		n = read(ctx, space, room);
		if (n < 0) {
			snprintf(why, why_max, "%s", strerror((int)-n));
			goto fail;
		}
		if (n == 0)
			break;
		flv_parser_fed(p, (uint32_t)n);
		if (take_tags(f, p, why, why_max) < 0)
			goto fail;
	}
	if (!flv_parser_ended_well(p)) {
		snprintf(why, why_max, "cut in the middle of a tag at octet %llu",
			 (unsigned long long)flv_parser_offset(p));
		goto fail;
	}
	flv_parser_destroy(p);
	why[0] = '\0';
	return f;
fail:
	flv_parser_destroy(p);
	flv_file_free(f);
	return NULL;
}

static int64_t read_file(void *ctx, uint8_t *to, uint32_t room)
{
	size_t n = fread(to, 1, room, ctx);

	if (n == 0 && ferror((FILE *)ctx))
		return -EIO;
	return (int64_t)n;
}

struct flv_file *flv_file_load(const char *path, char *why, uint32_t why_max)
{
	FILE *in = fopen(path, "rb");
	struct flv_file *f;

	if (in == NULL) {
		snprintf(why, why_max, "%s", strerror(errno));
		return NULL;
	}
	f = load(read_file, in, why, why_max);
	fclose(in);
	return f;
}

static int64_t read_span(void *ctx, uint8_t *to, uint32_t room)
{
	struct span *s = ctx;
	uint32_t n = s->len < room ? (uint32_t)s->len : room;

	memcpy(to, s->data, n);
	s->data += n;
	s->len -= n;
	return n;
}

struct flv_file *flv_file_of(const uint8_t *data, uint32_t len, char *why, uint32_t why_max)
{
	struct span s = {data, len};

	return load(read_span, &s, why, why_max);
}

void flv_file_free(struct flv_file *f)
{
	if (f == NULL)
		return;
	free(f->data);
	free(f->tags);
	free(f);
}

uint32_t flv_file_n_tags(const struct flv_file *f)
{
	return f->n;
}

uint32_t flv_file_last_ms(const struct flv_file *f)
{
	return f->n > 0 ? f->tags[f->n - 1].ms : 0;
}

// ---- the comparison ----

static int64_t first_key(const struct flv_file *f)
{
	for (uint32_t i = 0; i < f->n; i++)
		if (f->tags[i].kind == MEDIA_KEY_FRAME)
			return i;
	return -1;
}

static bool same_tag(const struct flv_file *fa, const struct tag *a, const struct flv_file *fb,
		     const struct tag *b)
{
	return a->type == b->type && a->ms == b->ms && same_body(fa, a, fb, b);
}

// The source's tag that the player's first key frame is, or -1.
static int64_t find_in_source(const struct flv_file *source, const struct flv_file *played,
			      const struct tag *key)
{
	for (uint32_t i = 0; i < source->n; i++)
		if (same_tag(source, &source->tags[i], played, key))
			return i;
	return -1;
}

// (c) A header the source has must be the same, and among the player's tags before its first key
// frame; those tags are headers first, then anything else.
static bool headers_match(const struct flv_file *source, int64_t source_key,
			  const struct flv_file *played, int64_t played_key, struct flv_verdict *v)
{
	static const struct {
		uint8_t kind;
		const char *name;
	} wanted[] = {{MEDIA_METADATA, "onMetaData"},
		      {MEDIA_VIDEO_CONFIG, "video codec header"},
		      {MEDIA_AUDIO_CONFIG, "audio codec header"}};
	uint32_t n = 0;

	for (unsigned i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		int64_t s = last_of_kind(source, wanted[i].kind, (uint32_t)source_key);
		int64_t p = last_of_kind(played, wanted[i].kind, (uint32_t)played_key);

		if (s < 0)
			continue;
		n++;
		if (p < 0) {
			snprintf(v->why, sizeof(v->why), "no %s before the first key frame",
				 wanted[i].name);
			return false;
		}
		if (!same_body(source, &source->tags[s], played, &played->tags[p])) {
			snprintf(v->why, sizeof(v->why), "%s is not the source's", wanted[i].name);
			return false;
		}
	}
	for (uint32_t i = 0; i < n; i++)
		if (!is_header(played->tags[i].kind)) {
			snprintf(v->why, sizeof(v->why), "tag %u is no header, though one is due",
				 i);
			return false;
		}
	return true;
}

// The next tag from i on that counts: no repeated header, and of this type (0: of any).
static uint32_t next_tag(const struct flv_file *f, uint32_t i, uint8_t type)
{
	while (i < f->n && (f->tags[i].is_repeat || (type != 0 && f->tags[i].type != type)))
		i++;
	return i;
}

// (b)
static bool sequences_match(const struct flv_file *source, uint32_t s,
			    const struct flv_file *played, uint32_t p, uint8_t type,
			    struct flv_verdict *v)
{
	for (;; s++, p++) {
		s = next_tag(source, s, type);
		p = next_tag(played, p, type);
		if (s == source->n && p == played->n)
			return true;
		if (p == played->n) {
			snprintf(v->why, sizeof(v->why),
				 "ends at %u ms: the source goes on to %u ms",
				 flv_file_last_ms(played), flv_file_last_ms(source));
			return false;
		}
		if (s == source->n) {
			snprintf(v->why, sizeof(v->why),
				 "goes on after the source's last tag: type %u at %u ms",
				 played->tags[p].type, played->tags[p].ms);
			return false;
		}
		if (!same_tag(source, &source->tags[s], played, &played->tags[p])) {
			const struct tag *a = &source->tags[s], *b = &played->tags[p];

			snprintf(
				v->why, sizeof(v->why),
				"differs: source has type %u, %u ms, %u octets; player type %u, %u "
				"ms, %u octets%s",
				a->type, a->ms, a->len, b->type, b->ms, b->len,
				a->type == b->type && a->ms == b->ms && a->len == b->len
					? ", other content"
					: "");
			return false;
		}
		v->tags_compared++;
	}
}

// Sound and data that travelled beside the key frame may begin a little before or after it.
static uint32_t first_apart(const struct flv_file *source, uint32_t source_key,
			    const struct flv_file *played, uint32_t p, uint8_t type)
{
	uint32_t key_ms = source->tags[source_key].ms;
	uint32_t s = next_tag(source, 0, type), at;

	while (s < source->n &&
	       (source->tags[s].ms + FLV_APART_MS < key_ms || is_header(source->tags[s].kind)))
		s = next_tag(source, s + 1, type);
	for (at = s; at < source->n && source->tags[at].ms <= key_ms + FLV_APART_MS;
	     at = next_tag(source, at + 1, type))
		if (p < played->n && same_tag(source, &source->tags[at], played, &played->tags[p]))
			return at;
	// None of them: the first that was due, so that the comparison says what is missing.
	while (s < source->n && source->tags[s].ms <= key_ms)
		s = next_tag(source, s + 1, type);
	return s;
}

static bool sequences_match_apart(const struct flv_file *source, uint32_t source_key,
				  const struct flv_file *played, uint32_t key,
				  struct flv_verdict *v)
{
	static const uint8_t beside[] = {RTMP_AUDIO, RTMP_DATA_AMF0};

	if (!sequences_match(source, source_key, played, key, RTMP_VIDEO, v))
		return false;
	for (unsigned i = 0; i < sizeof(beside); i++) {
		uint32_t p = next_tag(played, key, beside[i]);
		uint32_t s = first_apart(source, source_key, played, p, beside[i]);

		if (!sequences_match(source, s, played, p, beside[i], v))
			return false;
	}
	return true;
}

void flv_compare(const struct flv_file *source, const struct flv_file *played,
		 const struct flv_expect *x, struct flv_verdict *v)
{
	int64_t source_key = first_key(source), key = first_key(played), at;

	*v = (struct flv_verdict){0};
	if (source_key < 0) {
		snprintf(v->why, sizeof(v->why), "the source has no key frame");
		return;
	}
	if (key < 0) {
		snprintf(v->why, sizeof(v->why), "no key frame");
		return;
	}
	v->first_key_ms = played->tags[key].ms;
	at = find_in_source(source, played, &played->tags[key]);
	if (at < 0) {
		snprintf(v->why, sizeof(v->why), "first key frame, %u ms, is not in the source",
			 v->first_key_ms);
		return;
	}
	if (x->from_start && at != source_key) {
		snprintf(v->why, sizeof(v->why),
			 "starts at %u ms, not at the source's first key frame", v->first_key_ms);
		return;
	}
	if (!x->from_start && v->first_key_ms > x->joined_ms + x->late_max_ms) {
		snprintf(v->why, sizeof(v->why),
			 "joined at %u ms of the stream, first key frame at %u ms", x->joined_ms,
			 v->first_key_ms);
		return;
	}
	if (!headers_match(source, at, played, key, v))
		return;
	if (x->is_apart ? !sequences_match_apart(source, (uint32_t)at, played, (uint32_t)key, v)
			: !sequences_match(source, (uint32_t)at, played, (uint32_t)key, 0, v))
		return;
	if (!x->has_ended) {
		snprintf(v->why, sizeof(v->why), "did not end by itself on the stream's end");
		return;
	}
	v->passed = true;
}

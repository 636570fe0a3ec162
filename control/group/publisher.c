#include "control/group/publisher.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/group/farewell.h"
#include "control/group/repeat_filter.h"
#include "dataplane/wire/media.h"
#include "dataplane/wire/stream_fragment.h"

// Stream time between two repetitions (groups.md 6.2): at key frames, and without any video.
enum { REPEAT_KEY_MS = 900, REPEAT_AUDIO_MS = 1000 };

static const unsigned header_kinds[] = {MEDIA_METADATA, MEDIA_VIDEO_CONFIG, MEDIA_AUDIO_CONFIG};
enum { N_HEADERS = sizeof(header_kinds) / sizeof(header_kinds[0]) };

struct publisher {
	uint64_t next_number;
	struct repeat_filter headers; // the last of each kind
	uint8_t adjacent;             // bit per header kind: sent, and nothing but headers since
	bool has_begun, has_video, has_ended;
	bool skips_to_key;    // a video message was refused: what refers to it is of no use
	uint32_t repeated_ms; // stream time when all headers were last sent together
	uint32_t last_ms;     // of the last message
	struct publisher_counters n;
};

// What a call has emitted so far; becomes true when it succeeds as a whole.
struct draft {
	publisher_emit emit;
	void *ctx;
	uint64_t number;
	uint64_t bytes, repetitions;
};

struct publisher *publisher_create(void)
{
	struct publisher *p = calloc(1, sizeof(*p));

	if (p != NULL)
		p->next_number = 1;
	return p;
}

void publisher_destroy(struct publisher *p)
{
	if (p == NULL)
		return;
	repeat_filter_clear(&p->headers);
	free(p);
}

uint64_t publisher_next_number(const struct publisher *p)
{
	return p->next_number;
}

const struct publisher_counters *publisher_counters(const struct publisher *p)
{
	return &p->n;
}

static int emit_fragment(struct draft *d, struct stream_fragment *f, bool is_key)
{
	uint8_t head[STREAM_FRAGMENT_HEAD_MAX];
	struct wr w = wr_over(head, sizeof(head));
	struct publisher_fragment out;

	f->number = d->number++;
	stream_fragment_head_write(&w, f);
	out.number = f->number;
	out.is_key = is_key;
	out.head = wr_span(&w);
	out.payload = f->payload;
	d->bytes += out.head.len + out.payload.len;
	return d->emit(d->ctx, &out);
}

// Cuts a message into fragments of STREAM_FRAGMENT_MAX octets; each says how many follow.
static int emit_message(struct draft *d, const struct stream_message *m, bool is_key)
{
	size_t n = m->body.len == 0 ? 1
				    : (m->body.len + STREAM_FRAGMENT_MAX - 1) / STREAM_FRAGMENT_MAX;
	struct rd r = rd_over_span(m->body);
	int err = 0;

	for (size_t i = 0; i < n && err == 0; i++) {
		size_t len = rd_left(&r) < STREAM_FRAGMENT_MAX ? rd_left(&r) : STREAM_FRAGMENT_MAX;
		struct stream_fragment f = {
			.n_more = (uint8_t)(n - 1 - i),
			.type = m->type,
			.timestamp = m->timestamp,
			.payload = rd_bytes(&r, len),
		};

		f.flags = (uint8_t)((i == 0 ? STREAM_FRAGMENT_FIRST : 0) |
				    (f.n_more > 0 ? STREAM_FRAGMENT_MORE : 0));
		err = emit_fragment(d, &f, is_key);
	}
	return err;
}

static unsigned kind_bit(unsigned kind)
{
	for (unsigned i = 0; i < N_HEADERS; i++)
		if (header_kinds[i] == kind)
			return 1u << i;
	return 0;
}

// Would a late joiner that begins with this message want the headers before it now?
static bool repetition_is_due(const struct publisher *p, const struct stream_message *m,
			      unsigned kind, bool is_key)
{
	uint32_t since_ms = m->timestamp - p->repeated_ms;

	if (!p->has_begun)
		return false;
	if (is_key)
		return since_ms >= REPEAT_KEY_MS;
	return !p->has_video && m->type != RTMP_VIDEO && kind_bit(kind) == 0 &&
	       since_ms >= REPEAT_AUDIO_MS;
}

// The headers that do not stand right before this message already, with its time.
static int emit_repetitions(struct publisher *p, struct draft *d, uint32_t timestamp)
{
	for (unsigned i = 0; i < N_HEADERS; i++) {
		struct stream_message m = repeat_filter_last(&p->headers, header_kinds[i]);
		int err;

		if (m.body.data == NULL || (p->adjacent & 1u << i))
			continue;
		m.timestamp = timestamp;
		err = emit_message(d, &m, true);
		if (err != 0)
			return err;
		d->repetitions++;
	}
	return 0;
}

// The message is out: remember it if it is a header, and since when all headers stand together.
static void note_sent(struct publisher *p, const struct stream_message *m, unsigned kind,
		      bool has_repeated)
{
	if (kind_bit(kind) != 0) {
		repeat_filter_drops(&p->headers, m);
		p->adjacent |= (uint8_t)kind_bit(kind);
	} else {
		p->adjacent = 0;
	}
	if (m->type == RTMP_VIDEO)
		p->has_video = true;
	if (has_repeated || !p->has_begun)
		p->repeated_ms = m->timestamp;
	p->has_begun = true;
	p->last_ms = m->timestamp;
}

// send("@setDataFrame", name, ...) is a data key frame: others get what is behind those words, and
// newcomers get it again (MC-8). send("@clearDataFrame", name) takes it back. Only onMetaData is
// kept.
enum data_frame { DATA_PLAIN, DATA_SET, DATA_CLEAR };

static enum data_frame data_frame_strip(struct stream_message *m)
{
	static const uint8_t set[] = "\x02\x00\x0d@setDataFrame",
			     clear[] = "\x02\x00\x0f@clearDataFrame";
	struct span *b = &m->body;
	struct span words = *b;

	if (m->type != RTMP_DATA_AMF0 && m->type != RTMP_DATA_AMF3)
		return DATA_PLAIN;
	if (words.len > 0 && words.data[0] == 0) // a format octet may lead
		words = span_of(words.data + 1, words.len - 1);
	if (words.len >= sizeof(clear) - 1 && memcmp(words.data, clear, sizeof(clear) - 1) == 0) {
		*b = span_of(words.data + sizeof(clear) - 1, words.len - (sizeof(clear) - 1));
		return DATA_CLEAR;
	}
	if (words.len < sizeof(set) - 1 || memcmp(words.data, set, sizeof(set) - 1) != 0)
		return DATA_PLAIN;
	*b = span_of(words.data + sizeof(set) - 1, words.len - (sizeof(set) - 1));
	m->type = RTMP_DATA_AMF0; // what follows has no format octet
	return DATA_SET;
}

static int refuse(struct publisher *p, const struct stream_message *m)
{
	p->n.refused++;
	if (m->type == RTMP_VIDEO)
		p->skips_to_key = true;
	return -EMSGSIZE;
}

int publisher_write(struct publisher *p, const struct stream_message *message, bool is_key,
		    publisher_emit emit, void *ctx)
{
	struct stream_message copy = *message, *m = &copy;
	enum data_frame frame = data_frame_strip(m);
	struct draft d = {.emit = emit, .ctx = ctx, .number = p->next_number};
	unsigned kind = media_kind_of(m->type, m->body);
	bool is_due;
	int err;

	if (p->has_ended)
		return -EPIPE;
	if (frame == DATA_CLEAR) {
		repeat_filter_forget(&p->headers, media_kind_of(m->type, m->body));
		return 1;
	}
	if (m->body.len > STREAM_MESSAGE_MAX)
		return refuse(p, m);
	is_key = kind == MEDIA_KEY_FRAME || (is_key && kind_bit(kind) == 0);
	if (p->skips_to_key && m->type == RTMP_VIDEO && !is_key && kind != MEDIA_VIDEO_CONFIG) {
		p->n.skipped++;
		return 1;
	}
	is_due = repetition_is_due(p, m, kind, is_key);
	err = is_due ? emit_repetitions(p, &d, m->timestamp) : 0;
	if (err == 0)
		err = emit_message(&d, m, is_key || kind_bit(kind) != 0);
	if (err != 0)
		return err;
	if (is_key)
		p->skips_to_key = false;
	note_sent(p, m, kind, is_due);
	p->n.messages++;
	p->n.repetitions += d.repetitions;
	p->n.fragments += d.number - p->next_number;
	p->n.bytes += d.bytes;
	p->next_number = d.number;
	return 0;
}

int publisher_end(struct publisher *p, const char *name, publisher_emit emit, void *ctx,
		  uint64_t *end)
{
	struct draft d = {.emit = emit, .ctx = ctx, .number = p->next_number};
	uint8_t body[FAREWELL_LEN_MAX];
	struct stream_message m = {.type = RTMP_COMMAND_AMF3, .timestamp = p->last_ms};
	struct wr w = wr_over(body, sizeof(body));
	int err;

	if (p->has_ended)
		return -EPIPE;
	err = farewell_unpublish_write(&w, name);
	m.body = wr_span(&w);
	if (err == 0)
		err = emit_message(&d, &m, true);
	w = wr_over(body, sizeof(body));
	if (err == 0)
		err = farewell_close_write(&w);
	m.body = wr_span(&w);
	if (err == 0)
		err = emit_message(&d, &m, true);
	if (err != 0)
		return err;
	p->has_ended = true;
	p->n.fragments += d.number - p->next_number;
	p->n.bytes += d.bytes;
	p->next_number = d.number;
	*end = d.number;
	return 0;
}

#include "control/service/flv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FILE_HEAD_LEN 9
#define TAG_HEAD_LEN  11
#define SIZE_LEN      4 // PreviousTagSize
#define SPACE_MIN     (64u << 10)
#define FLAG_AUDIO    4
#define FLAG_VIDEO    1
#define TYPE_MASK     0x1f
#define TYPE_FILTER   0x20 // encrypted: not ours to read

struct flv_parser {
	uint8_t *buf;
	uint32_t start, end, cap; // octets not understood yet: buf[start..end)
	uint64_t offset;          // of buf[start] in the input
	bool has_header, has_tag;
};

struct flv_parser *flv_parser_create(void)
{
	struct flv_parser *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return NULL;
	p->cap = 2 * SPACE_MIN;
	p->buf = malloc(p->cap);
	if (p->buf == NULL) {
		free(p);
		return NULL;
	}
	return p;
}

void flv_parser_destroy(struct flv_parser *p)
{
	if (p == NULL)
		return;
	free(p->buf);
	free(p);
}

uint8_t *flv_parser_space(struct flv_parser *p, uint32_t *room)
{
	if (p->start > 0) {
		memmove(p->buf, p->buf + p->start, p->end - p->start);
		p->end -= p->start;
		p->start = 0;
	}
	// flv_parser_next has seen to it that a whole tag fits, so the buffer is never full here.
	*room = p->cap - p->end;
	return p->buf + p->end;
}

void flv_parser_fed(struct flv_parser *p, uint32_t n)
{
	p->end += n;
}

static void consume(struct flv_parser *p, uint32_t n)
{
	p->start += n;
	p->offset += n;
}

// Room for `len` octets from start on and some more to read ahead.
static int make_room(struct flv_parser *p, uint32_t len)
{
	uint8_t *grown;

	if (p->cap >= len + SPACE_MIN)
		return 0;
	grown = realloc(p->buf, len + SPACE_MIN);
	if (grown == NULL)
		return -ENOMEM;
	p->buf = grown;
	p->cap = len + SPACE_MIN;
	return 0;
}

static int read_header(struct flv_parser *p, const char **why)
{
	const uint8_t *b = p->buf + p->start;
	uint32_t len = p->end - p->start, skip;

	if (len >= 3 && memcmp(b, "FLV", 3) != 0) {
		*why = "no FLV signature";
		return -EBADMSG;
	}
	if (len < FILE_HEAD_LEN)
		return 0;
	skip = (uint32_t)b[5] << 24 | b[6] << 16 | b[7] << 8 | b[8];
	if (skip < FILE_HEAD_LEN || skip > SPACE_MIN) {
		*why = "FLV header of absurd length";
		return -EBADMSG;
	}
	if (len < skip + SIZE_LEN)
		return 0;
	consume(p, skip + SIZE_LEN);
	p->has_header = true;
	return 1;
}

int flv_parser_next(struct flv_parser *p, struct flv_tag *tag, const char **why)
{
	const uint8_t *b;
	uint32_t len, body_len, skip;
	int err;

	if (!p->has_header) {
		err = read_header(p, why);
		if (err <= 0)
			return err;
	}
	// The size field behind a tag is taken with the tag after it, so that a file cut there
	// still ends well.
	skip = p->has_tag ? SIZE_LEN : 0;
	b = p->buf + p->start + skip;
	len = p->end - p->start;
	if (len < skip + TAG_HEAD_LEN)
		return 0;
	if (b[0] & TYPE_FILTER ||
	    ((b[0] & TYPE_MASK) != 8 && (b[0] & TYPE_MASK) != 9 && (b[0] & TYPE_MASK) != 18)) {
		*why = b[0] & TYPE_FILTER ? "encrypted tag" : "unknown tag type";
		return -EBADMSG;
	}
	body_len = (uint32_t)b[1] << 16 | b[2] << 8 | b[3];
	if (len < skip + TAG_HEAD_LEN + body_len)
		return make_room(p, skip + TAG_HEAD_LEN + body_len);
	tag->type = b[0] & TYPE_MASK;
	tag->timestamp_ms = (uint32_t)b[7] << 24 | b[4] << 16 | b[5] << 8 | b[6];
	tag->body = (struct span){b + TAG_HEAD_LEN, body_len};
	consume(p, skip + TAG_HEAD_LEN + body_len);
	p->has_tag = true;
	return 1;
}

uint64_t flv_parser_offset(const struct flv_parser *p)
{
	return p->offset;
}

bool flv_parser_ended_well(const struct flv_parser *p)
{
	uint32_t left = p->end - p->start;

	return p->has_header && (p->has_tag ? left <= SIZE_LEN : left == 0);
}

static int write_all(FILE *f, const void *data, size_t len)
{
	if (len > 0 && fwrite(data, len, 1, f) != 1)
		return errno != 0 ? -errno : -EIO;
	return 0;
}

int flv_write_header(FILE *f, bool has_audio, bool has_video)
{
	uint8_t h[FILE_HEAD_LEN + SIZE_LEN] = {'F', 'L', 'V', 1, 0, 0, 0, 0, FILE_HEAD_LEN};

	h[4] = (has_audio ? FLAG_AUDIO : 0) | (has_video ? FLAG_VIDEO : 0);
	return write_all(f, h, sizeof(h));
}

int flv_write_tag(FILE *f, const struct flv_tag *t)
{
	uint32_t n = (uint32_t)t->body.len, total = n + TAG_HEAD_LEN;
	uint8_t head[TAG_HEAD_LEN] = {t->type,
				      n >> 16,
				      n >> 8,
				      n,
				      t->timestamp_ms >> 16,
				      t->timestamp_ms >> 8,
				      t->timestamp_ms,
				      t->timestamp_ms >> 24};
	uint8_t size[SIZE_LEN] = {total >> 24, total >> 16, total >> 8, total};
	int err;

	if (t->body.len > FLV_BODY_MAX)
		return -EMSGSIZE;
	err = write_all(f, head, sizeof(head));
	if (err == 0)
		err = write_all(f, t->body.data, t->body.len);
	if (err == 0)
		err = write_all(f, size, sizeof(size));
	return err;
}

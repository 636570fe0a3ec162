// FLV files: tags out of octets as they come, and octets out of tags. Bodies and 32-bit timestamps
// pass untouched; headers and sizes are ours.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "dataplane/wire/cursor.h"

#define FLV_BODY_MAX 0xffffffu // 24-bit length

struct flv_tag {
	uint8_t type; // 8, 9, 18: the RTMP message type
	uint32_t timestamp_ms;
	struct span body; // in the parser, valid until its next call
};

// Fed with octets in pieces of any size (a pipe, a file).
struct flv_parser;
struct flv_parser *flv_parser_create(void); // NULL: no memory
void flv_parser_destroy(struct flv_parser *);
// Where the next octets go and how many at most (never 0).
uint8_t *flv_parser_space(struct flv_parser *, uint32_t *room);
void flv_parser_fed(struct flv_parser *, uint32_t n);
// 1: a tag. 0: needs more octets. -EBADMSG: not FLV from flv_parser_offset on (*why: static text).
// -ENOMEM.
int flv_parser_next(struct flv_parser *, struct flv_tag *, const char **why);
uint64_t flv_parser_offset(const struct flv_parser *); // of the first octet not understood yet
// At the input's end: true if it ended between two tags (the size field of the last may be
// missing).
bool flv_parser_ended_well(const struct flv_parser *);

// 0 or -errno of the stream.
int flv_write_header(FILE *, bool has_audio, bool has_video);
int flv_write_tag(FILE *, const struct flv_tag *);

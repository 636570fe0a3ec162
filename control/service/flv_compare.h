// Did a player get the stream? Compares what it wrote with the source, tag by tag.
//
//  (a) its first key frame is the source's first, or at most late_max_ms of stream time after its
//  join; (b) from that tag to the source's last, the sequence of (type, timestamp, body) is equal,
//  byte for
//      byte, in the source's order, repeated codec headers and metadata aside;
//  (c) its first tags are onMetaData and both codec headers, equal to the source's in force;
//  (d) it ended by itself on the stream's end (said by the caller, who saw it end).
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct flv_file; // a whole file in memory

// NULL: unreadable or not FLV; why (at least 160 octets) says what and where.
struct flv_file *flv_file_load(const char *path, char *why, uint32_t why_max);
struct flv_file *flv_file_of(const uint8_t *data, uint32_t len, char *why, uint32_t why_max);
void flv_file_free(struct flv_file *);
uint32_t flv_file_n_tags(const struct flv_file *);
uint32_t flv_file_last_ms(const struct flv_file *); // timestamp of the last tag

#define FLV_APART_MS 500

struct flv_expect {
	bool from_start;      // (a) the source's first key frame
	uint32_t joined_ms;   // else: stream time of the join,
	uint32_t late_max_ms; // and how long after it the first key frame may lie
	bool has_ended;       // (d)
	bool is_apart; // (b) holds for pictures, sound and data each; sound and data may begin
		       // up to FLV_APART_MS after the key frame
};

struct flv_verdict {
	bool passed;
	uint32_t first_key_ms;  // stream time of the player's first key frame
	uint32_t tags_compared; // in (b)
	char why[200];          // "" if passed, else the first thing that is wrong
};

void flv_compare(const struct flv_file *source, const struct flv_file *played,
		 const struct flv_expect *, struct flv_verdict *);

// The source's half of a stream: RTMP messages in, GR-12 fragments out (groups.md 6.2). Numbers
// them from 1, repeats codec headers and metadata so that late joiners can start, and says goodbye
// at the end. It knows neither time nor workers; stream time is the messages' timestamps.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "control/group/stream_message.h"

struct publisher;

// One fragment: head, then payload, are its octets. Both are valid during the call only.
struct publisher_fragment {
	uint64_t number;
	bool is_key; // key frame or codec header: worth keeping alive longer
	struct span head, payload;
};

// 0, or -errno: the message is not sent (the publisher takes back its numbers and tells the
// caller).
typedef int (*publisher_emit)(void *ctx, const struct publisher_fragment *);

// NULL: no memory.
struct publisher *publisher_create(void);
void publisher_destroy(struct publisher *);

// Emits a message's fragments, before them repetitions where they are due: of the last onMetaData
// and codec headers, at key frames and at least 900 ms of stream time apart; without video every
// 1000 ms. All or nothing: after an error nothing counts as emitted, and the caller forgets what it
// got in this call. 1: left out, since a message before it was refused and this is no key frame, or
// since it takes back a data key frame (MC-8: a message that begins with @setDataFrame or
// @clearDataFrame). -EMSGSIZE: over STREAM_MESSAGE_MAX, and nothing until the next key frame;
// -ENOMEM; -EPIPE: ended; or the error of emit.
int publisher_write(struct publisher *, const struct stream_message *, bool is_key,
		    publisher_emit emit, void *ctx);

// The last words: onStatus NetStream.Play.UnpublishNotify and closeStream. *end: number for
// StreamEnd, the last fragment's plus one. May be tried again after an error of emit; later:
// -EPIPE.
int publisher_end(struct publisher *, const char *name, publisher_emit emit, void *ctx,
		  uint64_t *end);

uint64_t publisher_next_number(const struct publisher *);

struct publisher_counters {
	uint64_t messages, repetitions, fragments, bytes;
	uint64_t refused; // too long
	uint64_t skipped; // between one refused and the next key frame
};
const struct publisher_counters *publisher_counters(const struct publisher *);

/*
 * The receiver's memory of session sequence numbers (RFC 7425 4.7): every number is taken
 * once, however packets were reordered inside the window; what lies below it counts as taken.
 * RFC 7425 wants at least 32; a burst of 10 000 neighbours is reordered further than that.
 */
#ifndef ANNULUS_CRYPTO_SSEQ_WINDOW_H
#define ANNULUS_CRYPTO_SSEQ_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

#define SSEQ_WINDOW_LEN 1024

struct sseq_window {
	uint64_t next; // one above the highest number taken; numbers below next - 1024 are gone
	uint64_t taken[SSEQ_WINDOW_LEN / 64]; // bit n % 1024: n was taken
};

// All zero is the start of a session, too.
void sseq_window_init(struct sseq_window *w);

// Takes n, once its packet has verified. False: seen before or too old, drop the packet.
bool sseq_window_take(struct sseq_window *w, uint64_t n);

#endif
